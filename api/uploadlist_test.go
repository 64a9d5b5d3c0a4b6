package api

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// A gap in the numbers is taken and alarmed once; an unfinished file that was
// overtaken can no longer undo the later one; a feed that stops is seen by its
// authority and by the operator.
func TestUploadsAreListedWithTheirAlarms(t *testing.T) {
	w := newWorld(t)
	admin := func(path string) string {
		rec := httptest.NewRecorder()
		w.inner().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		require.Equal(t, 200, rec.Code)
		return rec.Body.String()
	}
	rows := many(uploadChunk + 1)
	w.keep(rows...)
	w.plans(uploader, 3, rows[0])
	// Number 4 stops after its first chunk.
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		if q, ok := c.Request.(*ledger.UploadChunk); ok && q.No == 1 {
			return consensus.Outcome{}, consensus.ErrNoLeader
		}
		return next(ctx, c)
	}, func() { require.Equal(t, 503, w.upload(uploader, 4, rows...).status) })
	one := func(who caller) object {
		out := w.call(who, "GET", "/v1/uploads", nil).ok(200)
		requireFields(t, out, "authorities", "staleAfterHours", "asOf")
		require.Len(t, out["authorities"], 1)
		return list(out["authorities"])[0].(object)
	}
	require.Equal(t, []any{"open", "closed"}, column(objects(one(uploader)["uploads"]), "state"))
	require.Contains(t, admin("/statusz"), `"open":["`+authority1+`"]`)

	r := w.upload(uploader, 7, rows[1])
	require.Equal(t, 200, r.status)
	require.Equal(t, "true", r.header.Get("Custos-Upload-Gap"))
	require.Equal(t, "true", w.upload(uploader, 7, rows[1]).header.Get("Custos-Upload-Gap"))
	ack := w.call(uploader, "GET", "/v1/uploads/"+r.header.Get("Custos-Upload"), nil).ok(200)
	require.Equal(t, true, ack["gap"])
	require.Contains(t, admin("/metrics"), "custos_upload_gaps_total 1")
	require.Equal(t, 1, strings.Count(w.log.String(), "an upload came after numbers that never did"))
	before := w.size()
	p := w.upload(uploader, 4, rows...).problem("sequence-lower")
	require.Equal(t, ledger.KindUploadRefused, w.entry(ledger.Seq(*p.Seq)).Kind)
	require.Equal(t, map[ledger.Kind]int{ledger.KindUploadRefused: 1}, w.kinds(before), "nothing more of the older file")

	got := one(manager)
	require.Equal(t, []any{"closed", "overtaken", "closed"}, column(objects(got["uploads"]), "state"))
	require.Equal(t, []any{json.Number("7"), json.Number("4"), json.Number("3")}, column(objects(got["uploads"]), "sequence"))
	require.Equal(t, true, objects(got["uploads"])[0]["gap"])
	require.Equal(t, false, got["stale"])
	require.Equal(t, json.Number("1"), got["gaps"])
	require.Equal(t, object{"ods": authority1, "name": "Northbank Council"}, got["authority"])

	w.forward(26*time.Hour - 10*time.Minute)
	w.lookup(doctor, object{"nhsNumber": nhs(1)})
	require.Equal(t, false, one(uploader)["stale"])
	w.forward(20 * time.Minute)
	w.lookup(doctor, object{"nhsNumber": nhs(1)})
	require.Equal(t, true, one(uploader)["stale"])
	require.Equal(t, true, one(uploader2)["stale"], "nothing was ever sent")
	all := objects(w.call(operator, "GET", "/v1/uploads", nil).ok(200)["authorities"])
	require.Len(t, all, 2)
	require.NotContains(t, all[0], "uploads")
	require.Contains(t, admin("/metrics"), "custos_stale_authorities 1")
	require.Contains(t, admin("/statusz"), `"uploads":{"stale":["`+authority1+`"],"gaps":["`+authority1+`"],"open":[],"unmatched":[]}`)
	require.Equal(t, 400, w.call(uploader, "GET", "/v1/uploads?limit=1", nil).status)
	w.call(doctor, "GET", "/v1/uploads", nil).denied("role-not-permitted")
}

func objects(v any) []object {
	var out []object
	for _, o := range list(v) {
		out = append(out, o.(object))
	}
	return out
}
