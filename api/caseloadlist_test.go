package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

const day24 = 24 * time.Hour

// assign makes the school somebody's and returns the entry.
func (w *world) assign(who caller, body object) ledger.Seq {
	w.t.Helper()
	_, e := w.call(who, "POST", "/v1/assignments", body).recorded(201)
	return e.Seq
}

func (w *world) metric(name string) string {
	rec := httptest.NewRecorder()
	w.inner().ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(rec.Body.String()) {
		var value string
		if n, _ := fmt.Sscanf(line, name+" %s", &value); n == 1 {
			return value
		}
	}
	w.t.Fatalf("no metric %s", name)
	return ""
}

// An absence covered: the cover begins with a handover, is told apart in trails,
// ends by itself, and who was away is told all that changed.
func TestAnAbsenceIsCovered(t *testing.T) {
	w := newWorld(t)
	at := object{"school": school}
	w.secret("Nursling has influenza", "left the team")
	w.plans(uploader, 1, ann(nil))
	w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,")
	own := w.assign(leader, object{"person": nurse.subject, "school": school, "from": "2026-03-01", "type": "own"})
	w.caseload(nurse, at)

	w.forward(day24)
	w.plans(uploader, 2, ann(func(p *planRow) { p.NHSNumber, p.FamilyName, p.GivenNames = nhs(5), "Novembrine", "Nova" }))
	w.enrol(childHealth, nhs(5)+","+school+",,,2025-09-01,")
	cover := object{"person": otherNurse.subject, "school": school, "from": "2026-03-04", "to": "2026-03-05", "type": "cover", "for": nurse.subject, "reason": "Nursling has influenza"}
	for _, change := range []object{{"type": "own"}, {"for": "Nursling Schoolcraft"}, {"for": nhs(1)}} {
		w.badly(leader, "/v1/assignments", merged(merged(object{}, cover), change))
	}
	w.call(leader, "POST", "/v1/assignments", merged(merged(object{}, cover), object{"for": "sn-9"})).problem("nobody-to-cover")
	w.assign(leader, cover)
	out, e := w.caseload(otherNurse, at)
	requireFields(t, out, "people", "ended", "changes", "since", "cover", "coveringFor", "handover", "seq", "receipt")
	require.Equal(t, nurse.subject, out["coveringFor"])
	require.Equal(t, []string{nhs(5)}, numbers(out["changes"].(object)["movedIn"]), "new since the one who is away has looked")
	out, _ = w.caseload(otherNurse, at)
	requireFields(t, out, "people", "ended", "changes", "since", "cover", "coveringFor", "seq", "receipt")
	require.Empty(t, out["changes"].(object)["movedIn"], "told once")

	trail, _ := w.call(officer, "POST", "/v1/trails", object{"nhsNumber": nhs(5), "reason": "subject access"}).recorded(200)
	covering := 0
	for _, v := range list(trail["entries"]) {
		if row := v.(object); row["kind"] == "subject-accessed" {
			require.Equal(t, []any{true, nurse.subject, otherNurse.name}, []any{row["cover"], row["coveringFor"], row["name"]})
			covering++
		}
	}
	require.Equal(t, 2, covering)
	trail, _ = w.call(officer, "POST", "/v1/trails", object{"actor": otherNurse.subject, "reason": "complaint"}).recorded(200)
	head := list(trail["entries"])[0].(object)
	require.Equal(t, []any{"caseload-accessed", nurse.subject}, []any{head["kind"], head["coveringFor"]})

	w.forward(2 * day24)
	denied := w.call(otherNurse, "POST", "/v1/caseloads/lookups", at).denied("cover-ended")
	require.Equal(t, ledger.ActReadCaseload, denied.Event.(*ledger.AccessDenied).Action)
	out, _ = w.caseload(nurse, at)
	require.Equal(t, []string{nhs(5)}, numbers(out["changes"].(object)["movedIn"]))
	require.Greater(t, e.Seq, own)

	// The assignment ends, and with it the list.
	end := fmt.Sprintf("/v1/assignments/%d/ends", own)
	for _, bad := range []object{{}, {"to": "2026-03-31"}, {"to": "soon", "reason": "left the team"}, {"to": "2026-03-31", "reason": ""}, {"to": "2026-03-31", "reason": "left the team", "x": 1}} {
		w.badly(leader, end, bad)
	}
	w.call(leader, "POST", "/v1/assignments/1/ends", object{"to": "2026-03-05", "reason": "left the team"}).problem("not-found")
	w.call(leader, "POST", "/v1/assignments/99999/ends", object{"to": "2026-03-05", "reason": "left the team"}).problem("not-found")
	w.call(caller{"team-leader", "tl-2", practice, "Lemuel Other", ""}, "POST", end, object{"to": "2026-03-05", "reason": "left the team"}).denied("own-organisation-only")
	done, e := w.call(leader, "POST", end, object{"to": "2026-03-05", "reason": "left the team"}).recorded(201)
	require.Equal(t, "2026-03-05", done["to"])
	require.Equal(t, ledger.KindAssignmentEnded, e.Kind)
	w.call(nurse, "POST", "/v1/caseloads/lookups", at).denied("not-assigned")
	w.call(leader, "POST", end, object{"to": "2026-03-05", "reason": "left the team"}).problem("not-in-this-state")
}

// A caseload that is nobody's, and one that nobody opens, alarm the team leader.
func TestCaseloadsAreListedWithTheirAlarms(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,", nhs(1)+",,"+area+",,2025-09-01,")
	list := func(who caller) []object {
		before := w.size()
		out := w.call(who, http.MethodGet, "/v1/caseloads", nil).ok(200)
		requireFields(t, out, "caseloads", "alarms", "asOf")
		require.Equal(t, before, w.size(), "nobody is shown, so nothing is recorded")
		var items []object
		for _, v := range out["caseloads"].([]any) {
			items = append(items, v.(object))
		}
		return items
	}
	require.Empty(t, list(leader))
	own := w.assign(leader, object{"person": nurse.subject, "school": school, "from": "2026-03-03", "type": "own"})
	w.assign(leader, object{"team": "team-a", "area": area, "from": "2026-03-03", "to": "2026-03-05", "type": "own"})
	w.assign(leader, object{"person": nurse.subject, "school": otherSchool, "from": "2026-03-03", "to": "2026-03-05", "type": "own"})
	items := list(leader)
	require.Len(t, items, 3)
	requireFields(t, items[0], "place", "name", "ods", "assignments")
	require.Equal(t, object{"seq": json.Number(fmt.Sprint(own)), "person": nurse.subject, "from": "2026-03-03", "type": "own"}, items[1]["assignments"].([]any)[0])
	require.Len(t, list(nurse), 3)
	require.Empty(t, list(otherNurse))
	require.Empty(t, list(operator)[0]["assignments"])
	require.Empty(t, list(caller{"team-leader", "tl-2", practice, "Lemuel Other", ""}))
	w.call(leader, http.MethodGet, "/v1/caseloads?all=1", nil).problem("query-parameter")

	w.caseload(nurse, object{"school": school})
	w.forward(6 * day24)
	w.caseload(nurse, object{"school": school})
	w.forward(2 * day24)
	alarms := func() map[any]any {
		out := map[any]any{}
		for _, item := range list(leader) {
			out[item["place"]] = item["alarm"]
		}
		return out
	}
	w.plans(uploader, 2, ann(nil)) // the ledger's clock moves with what is recorded
	require.Equal(t, map[any]any{"area:" + area: "unassigned", "school:" + school: nil, "school:" + otherSchool: nil}, alarms(),
		"nobody has the area, the school was opened two days ago, and nobody is at the other one")
	require.Equal(t, []string{"1", "0"}, []string{w.metric("custos_caseloads_unassigned"), w.metric("custos_caseloads_unopened")})
	w.forward(5*day24 - time.Hour)
	w.plans(uploader, 3, ann(nil))
	require.Nil(t, alarms()["school:"+school], "opened an hour less than seven days ago")
	w.forward(2 * time.Hour)
	w.plans(uploader, 4, ann(nil))
	require.Equal(t, "unopened", alarms()["school:"+school])
	require.Equal(t, []string{"1", "1"}, []string{w.metric("custos_caseloads_unassigned"), w.metric("custos_caseloads_unopened")})
	require.NotEmpty(t, list(leader)[1]["lastOpened"])
	w.caseload(nurse, object{"school": school})
	require.Nil(t, alarms()["school:"+school])
}

// The CSV of a caseload is the same showing, recorded alike.
func TestACaseloadAsCSV(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(func(p *planRow) { p.FamilyName = "=Formula" }), ann(func(p *planRow) { p.PlanType, p.End = "LAC", "2026-01-31" }))
	w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,")
	w.call(nurse, "POST", "/v1/caseloads/lookups", object{"school": school}, header{"Accept": "text/csv"}).denied("not-assigned")
	w.assign(leader, object{"person": nurse.subject, "school": school, "from": "2026-03-01", "type": "own"})
	before := w.size()
	r := w.call(nurse, "POST", "/v1/caseloads/lookups", object{"school": school}, header{"Accept": "text/csv"})
	require.Equal(t, 200, r.status)
	require.Equal(t, "text/csv; charset=utf-8", r.header.Get("Content-Type"))
	require.Equal(t, map[ledger.Kind]int{ledger.KindCaseloadAccessed: 1, ledger.KindSubjectAccessed: 1}, w.kinds(before))
	require.Equal(t, ledger.KindCaseloadAccessed, w.entry(r.seq()).Kind)
	rows := csvLines(t, r.body)
	require.Equal(t, caseloadColumns, rows[0])
	require.Len(t, rows, 3)
	require.Equal(t, []string{nhs(1), "'=Formula", "Annunziata", "2015-05-04", "child-protection-plan", "active", "2025-01-10", "", authority1, "Northbank Council", "020 7946 0001", "020 7946 0002", "", ""}, rows[1])
	require.Equal(t, "ended", rows[2][5])
}
