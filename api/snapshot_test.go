package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

func TestSnapshots(t *testing.T) {
	w := newWorld(t)
	rows := many(uploadChunk + 6)
	w.keep(rows...)
	w.plans(uploader, 1, rows...)
	w.secret("the export was cut, we checked")
	outcome := func(row planRow) any {
		out, _ := w.lookup(doctor, object{"nhsNumber": row.NHSNumber}).recorded(200)
		return list(out["plans"])[0].(object)["end"]
	}
	state := func() object {
		out := w.call(manager, "GET", "/v1/uploads", nil).ok(200)
		return objects(objects(out["authorities"])[0]["uploads"])[0]["snapshot"].(object)
	}
	// One that names all but one ends that one; a dry run had told.
	most := asJSON(rows[1:]...)
	before := w.size()
	dry, _ := w.uploadJSON(uploader, "?dry-run=true&snapshot=true", most).recorded(200)
	require.Equal(t, object{"held": false, "wouldEnd": json.Number("1"), "inForce": json.Number("70")}, dry["snapshot"])
	require.Equal(t, map[ledger.Kind]int{ledger.KindRowsChecked: 3}, w.kinds(before))
	out, closed := w.uploadJSON(uploader, "?sequence=2&snapshot=true", most).recorded(200)
	require.Equal(t, object{"ended": json.Number("1")}, out["snapshot"])
	require.Equal(t, 1, closed.Event.(*ledger.UploadClosed).Ended)
	require.Equal(t, "2026-03-03", outcome(rows[0]))
	require.Nil(t, outcome(rows[1]))
	require.Equal(t, object{"state": "done", "ended": json.Number("1")}, state())

	// A truncated one waits. Sent again, by anybody, it waits still.
	few := toCSV(rows[1:60]...)
	r := w.call(uploader, "POST", "/v1/uploads?sequence=3&snapshot=true", few, asCSV)
	require.Equal(t, 200, r.status)
	require.Contains(t, r.header.Get("Custos-Snapshot"), "held=true; would-end=10; in-force=70; approve-by=2026-03-06T")
	for _, who := range []caller{uploader, colleague} {
		again := w.call(who, "POST", "/v1/uploads?sequence=3&snapshot=true", few, asCSV)
		require.Equal(t, []string{string(r.body), r.header.Get("Custos-Snapshot")}, []string{string(again.body), again.header.Get("Custos-Snapshot")})
	}
	require.Equal(t, 409, w.call(uploader, "POST", "/v1/uploads?sequence=3", few, asCSV).status, "declared otherwise it is another file")
	require.Nil(t, outcome(rows[65]))
	require.Equal(t, "held", state()["state"])
	id := r.header.Get("Custos-Upload")
	approve := func(who caller, id, reason string) *reply {
		return w.call(who, "POST", "/v1/uploads/"+id+"/approvals", object{"reason": reason})
	}
	const why = "the export was cut, we checked"
	approve(uploader, id, why).denied("second-person-needed")
	approve(uploader2, id, why).denied("other-authority")
	approve(socialWorker, id, why).denied("role-not-permitted")
	require.Equal(t, 400, approve(manager, id, "").status)
	require.Equal(t, 404, approve(manager, strings.Repeat("0", 32), why).status)
	done, e := approve(manager, id, why).recorded(201)
	requireFields(t, done, "uploadId", "ended", "seq", "receipt")
	require.Equal(t, json.Number("10"), done["ended"])
	require.Equal(t, ledger.KindSnapshotApproved, e.Kind)
	require.Equal(t, "2026-03-03", outcome(rows[65]))
	approve(manager, id, why).problem("not-in-this-state")
	require.Equal(t, "approved", state()["state"])
	ack := w.call(uploader, "GET", "/v1/uploads/"+id, nil, header{"Accept": "text/csv"})
	require.Equal(t, []string{string(r.body), r.header.Get("Custos-Snapshot")}, []string{string(ack.body), ack.header.Get("Custos-Snapshot")},
		"the acknowledgement is of the file")

	// After three days nobody can approve any more.
	r = w.call(uploader, "POST", "/v1/uploads?sequence=4&snapshot=true", toCSV(rows[1]), asCSV)
	w.forward(73 * time.Hour)
	approve(manager, r.header.Get("Custos-Upload"), why).problem("approval-expired")
	require.Nil(t, outcome(rows[1])) // the ledger's time moves with its entries
	require.Equal(t, "expired", state()["state"])
	require.Equal(t, 400, w.uploadJSON(uploader, "?sequence=9&snapshot=yes", most).status)

	// A row that cannot be loaded ends nobody.
	slip := rows[2]
	slip.End = "soon"
	kept := append([]planRow{slip}, rows[3:60]...)
	out, _ = w.uploadJSON(uploader, "?sequence=5&snapshot=true", asJSON(append(kept, rows[1])...)).recorded(200)
	require.Equal(t, object{"ended": json.Number("0")}, out["snapshot"])
	require.Nil(t, outcome(rows[2]))
}

// A crash before, during or after the close of a snapshot ends each plan once.
func TestASnapshotAfterACrash(t *testing.T) {
	w := newWorld(t)
	rows := many(6)
	w.keep(rows...)
	w.plans(uploader, 1, rows...)
	send := func() *reply {
		return w.call(uploader, "POST", "/v1/uploads?sequence=2&snapshot=true", toCSV(rows[:4]...), asCSV)
	}
	for _, lost := range []func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error){
		func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
			return consensus.Outcome{}, consensus.ErrNoLeader
		},
		func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
			_, _ = next(ctx, c)
			return consensus.Outcome{}, consensus.ErrUnknown
		},
	} {
		w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
			if _, ok := c.Request.(*ledger.CloseUpload); ok {
				return lost(ctx, c, next)
			}
			return next(ctx, c)
		}, func() { require.Equal(t, 503, send().status) })
	}
	r := send()
	require.Equal(t, 200, r.status)
	require.Equal(t, "ended=2", r.header.Get("Custos-Snapshot"))
	require.Equal(t, string(r.body), string(send().body))
	require.Equal(t, 2, w.kinds(0)[ledger.KindPlanLapsed])
}
