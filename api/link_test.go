package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// follow does what the leader does with links that are due, as api/deliver's
// tests have it. It returns how many it found.
func (w *world) follow() int {
	w.t.Helper()
	propose := func(q ledger.Request) consensus.Outcome {
		c := ledger.Command{Actor: ledger.SystemActor("n1"), Request: q}
		for _, id := range []*ledger.ID{&c.ID, &c.Seed} {
			_, _ = rand.Read(id[:])
		}
		out, err := w.node.Propose(w.t.Context(), c)
		require.NoError(w.t, err)
		require.Nil(w.t, out.Answer.Refusal)
		return out
	}
	today := ledger.Of(w.now()).Day()
	due, err := w.node.View().DueLinks(today, 100)
	require.NoError(w.t, err)
	for _, at := range due {
		out := propose(&ledger.OpenLinks{Person: at.Person, Source: at.Source})
		details := make([]ledger.LinkDetails, len(out.Answer.Details))
		for i, s := range out.Answer.Details {
			require.NoError(w.t, w.keys.Open(s, &details[i]))
		}
		if len(details) == 0 { // policy forbids it by now
			continue
		}
		kept, err := w.node.View().KeepsAny(at.Person, at.Source)
		require.NoError(w.t, err)
		propose(&ledger.FollowLinks{Person: at.Person, Source: at.Source, Of: out.Answer.Seq, Rows: ledger.LinkedRows(at.Person, details, kept, today)})
	}
	return len(due)
}

// What became of each row of a file.
func (w *world) rowsOf(r *reply) (out []string) {
	w.t.Helper()
	body, _ := r.recorded(200)
	for _, o := range objects(body["results"]) {
		out = append(out, o["status"].(string))
	}
	return out
}

// A whole school's file, kept sealed as policy allows: of a child without a plan
// nothing lies anywhere in clear, and of one with a plan who was asked for nothing
// the school's nurse has the child on her list.
func TestLinksLife(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	w := newWorld(t)
	const hidden = "135797" // a school that nobody with a plan goes to
	w.secret(hidden, nhs(1), nhs(2), nhs(3))
	w.badlyBy(http.MethodPut, operator, "/v1/policies/"+community, object{"from": "2026-03-03", "reason": "no assessment", "links": "yes"})
	w.says(community, object{"links": "yes", "dpia": "DPIA 2026/7"})
	file := []string{nhs(1) + "," + school + ",,,2025-09-01,", nhs(2) + "," + hidden + ",,,2025-09-01,", nhs(3) + "," + school + ",,,2025-13-01,"}
	require.Equal(t, []string{"linked", "linked", "rejected"}, w.rowsOf(w.enrol(childHealth, file...)))
	require.Equal(t, []string{"linked", "linked", "rejected"}, w.rowsOf(w.enrol(childHealth, file...)), "tomorrow's file says the same")
	require.Equal(t, []string{"not-kept"}, w.rowsOf(w.enrol(uploader, file[0])), "another organisation's policy says nothing")
	before := w.size()
	w.assign(leader, object{"person": nurse.subject, "school": school, "from": "2026-03-01", "type": "own"})
	out, _ := w.caseload(nurse, object{"school": school})
	require.Empty(t, list(out["people"]))
	require.Zero(t, w.follow())

	w.plans(uploader, 1, ann(nil))
	require.Equal(t, 1, w.follow())
	require.Zero(t, w.follow())
	out, _ = w.caseload(nurse, object{"school": school})
	require.Equal(t, []string{nhs(1)}, numbers(out["people"]))
	require.Empty(t, list(w.call(childHealth, "POST", "/v1/enrolments/wanted", object{}).ok(200)["people"]), "nobody is asked again")
	require.Len(t, list(w.call(uploader, "POST", "/v1/enrolments/wanted", object{}).ok(200)["people"]), 1, "but whoever keeps no links")
	require.Equal(t, []string{"recorded", "linked", "rejected"}, w.rowsOf(w.enrol(childHealth, file...)))
	kinds := w.kinds(before)
	require.Equal(t, []int{1, 1}, []int{kinds[ledger.KindLinksOpened], kinds[ledger.KindLinksFollowed]})

	entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
	var story []string
	for _, e := range entries {
		switch e["kind"] {
		case "enrolment-linked", "links-opened", "links-followed", "enrolled":
			story = append(story, fmt.Sprint(e["kind"], " ", e["ods"], " ", e["place"]))
		}
	}
	require.Equal(t, []string{"enrolment-linked RYY <nil>", "enrolment-linked RYY <nil>", "links-opened RYY <nil>", "links-followed RYY <nil>",
		"enrolled RYY school:" + school, "enrolled RYY school:" + school}, story)

	w.close()
	w.searchFolders(tmp)
}

// Where policy says so no longer, what was sealed stays sealed, and the source is asked.
func TestLinksAreLetGo(t *testing.T) {
	w := newWorld(t)
	w.says(community, object{"links": "yes", "dpia": "DPIA 2026/7"})
	row := nhs(1) + "," + school + ",,,2025-09-01,"
	require.Equal(t, []string{"linked"}, w.rowsOf(w.enrol(childHealth, row)))
	w.says(community, object{"links": "no"})
	require.Equal(t, []string{"not-kept"}, w.rowsOf(w.enrol(childHealth, nhs(2)+","+school+",,,2025-09-01,")))
	w.plans(uploader, 1, ann(nil))
	require.Equal(t, 1, w.follow())
	require.Len(t, list(w.call(childHealth, "POST", "/v1/enrolments/wanted", object{}).ok(200)["people"]), 1)
	entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
	require.Contains(t, column(entries, "code"), any(ledger.LinksNotPermitted))
	require.NotContains(t, column(entries, "kind"), any("links-opened"))
}

// What a command says in clear while it is replicated: of a child without a plan
// not where, of one with a plan the row as ever.
func TestRowsAreConcealedOnTheirWay(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.says(community, object{"links": "yes", "dpia": "DPIA 2026/7"})
	var sent []ledger.EnrolmentRow
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		sent = append(sent, c.Request.(*ledger.Enrol).Rows...)
		return next(ctx, c)
	}, func() {
		w.rowsOf(w.call(childHealth, http.MethodPost, "/v1/enrolments", "nhs_number,school,from,to,change\n"+nhs(1)+","+school+",2025-09-01,,\n"+
			nhs(2)+","+school+",2025-09-01,,\n"+nhs(3)+","+school+",,2026-01-01,leave\n"+nhs(2)+","+school+",,2026-01-01,leave\n", asCSV))
	})
	var places []string
	for _, r := range sent {
		places = append(places, string(r.Place))
	}
	require.Equal(t, []string{"school:" + school, "", "", ""}, places)
}
