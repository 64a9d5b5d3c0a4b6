package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func (w *world) enrol(who caller, rows ...string) *reply {
	w.t.Helper()
	return w.call(who, http.MethodPost, "/v1/enrolments", "nhs_number,school,area,practice,from,to\n"+strings.Join(rows, "\n")+"\n", asCSV)
}

func (w *world) caseload(who caller, body object) (object, ledger.Entry) {
	w.t.Helper()
	out, e := w.call(who, "POST", "/v1/caseloads/lookups", body).recorded(200)
	head, ok := e.Event.(*ledger.CaseloadAccessed)
	require.True(w.t, ok)
	// As many people as it counts have an entry of their own, and no other person was shown.
	var refs []ledger.PersonRef
	for n := e.Seq + 1; n < e.Seq+1+ledger.Seq(head.Count); n++ {
		s := w.entry(n)
		require.Equal(w.t, ledger.KindSubjectAccessed, s.Kind)
		refs = append(refs, s.Person.Ref)
	}
	seen := map[ledger.PersonRef]bool{}
	note := func(v any) {
		p := v.(object)
		want := []string{"nhsNumber", "person", "plans"}
		if _, ok := out["since"]; ok {
			want = append(want, "since")
		}
		requireFields(w.t, p, want...)
		requireFields(w.t, p["person"], "familyName", "givenNames", "dateOfBirth")
		require.NotEmpty(w.t, p["plans"])
		seen[w.keys.Person(p["nhsNumber"].(string))] = true
	}
	for _, p := range append(list(out["people"]), list(out["ended"])...) {
		note(p)
	}
	requireFields(w.t, out["changes"], "new", "ended", "movedIn", "movedOut")
	for _, ps := range out["changes"].(object) {
		for _, p := range list(ps) {
			note(p)
		}
	}
	require.Len(w.t, seen, head.Count)
	for _, r := range refs {
		require.True(w.t, seen[r])
	}
	return out, e
}

func numbers(v any) []string {
	out := []string{}
	for _, p := range v.([]any) {
		out = append(out, p.(object)["nhsNumber"].(string))
	}
	return out
}

func TestCaseloadLife(t *testing.T) {
	w := newWorld(t)
	mother := ann(func(p *planRow) {
		p.NHSNumber, p.FamilyName, p.DateOfBirth, p.PlanType, p.Start, p.End = nhs(2), "Wintergreen", "1990-02-03", "UCPP", "2026-01-01", "2026-05-01"
	})
	w.plans(uploader, 1, ann(nil), mother, ann(func(p *planRow) { p.NHSNumber, p.FamilyName = nhs(4), "Larkspurton" }))

	// Enrolments: kept for those with a visible plan only; each row has an outcome.
	r := w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,", nhs(2)+","+school+",,,2025-09-01,", nhs(3)+","+school+",,,2025-09-01,",
		nhs(1)+",111111,,,2025-09-01,", nhs(1)+","+school+","+area+",,2025-09-01,", nhs(1)+",12,,,2025-09-01,", nhs(1)[:9]+"X,"+school+",,,2025-09-01,",
		nhs(1)+","+school+",,,2025-09-31,", nhs(1)+","+school+",,,2025-09-01,2025-13-01", nhs(1)+","+school+",,,2025-09-01,2025-08-31", ","+school+",,,2025-09-01,", nhs(4)+",,"+area+",,2025-09-01,")
	out, _ := r.recorded(200)
	requireFields(t, out, "recorded", "results", "seq", "receipt")
	require.EqualValues(t, "3", out["recorded"])
	var outcomes []string
	for i, v := range list(out["results"]) {
		o := v.(object)
		require.Equal(t, json.Number(fmt.Sprint(i+1)), o["row"])
		code, _ := o["code"].(string)
		outcomes = append(outcomes, o["status"].(string)+" "+code)
		require.Equal(t, code != "", o["message"] != nil, "%v", o)
	}
	require.Equal(t, []string{"recorded ", "recorded ", "not-kept not-kept", "rejected place-unknown", "rejected place-one", "rejected place-format", "rejected nhs-number-format",
		"rejected from-format", "rejected to-format", "rejected to-before-from", "rejected nhs-number-missing", "recorded "}, outcomes)

	// A place is nobody's caseload until a team leader says so.
	at := object{"school": school}
	w.call(nurse, "POST", "/v1/caseloads/lookups", at).denied("not-assigned")
	own := object{"person": nurse.subject, "school": school, "from": "2026-01-01", "type": "own"}
	done, e := w.call(leader, "POST", "/v1/assignments", own).recorded(201)
	requireFields(t, done, "type", "seq", "receipt")
	require.Equal(t, ledger.KindAssigned, e.Kind)
	w.call(otherNurse, "POST", "/v1/caseloads/lookups", at).denied("not-assigned")
	w.call(nurse, "POST", "/v1/caseloads/lookups", object{"area": area}).denied("not-assigned")
	w.call(caller{"school-nurse", nurse.subject, practice, nurse.name, ""}, "POST", "/v1/caseloads/lookups", at).denied("not-assigned")

	out, e = w.caseload(nurse, at)
	requireFields(t, out, "people", "ended", "changes", "seq", "receipt")
	require.ElementsMatch(t, []string{nhs(1), nhs(2)}, numbers(out["people"]), "a pregnant woman with an unborn plan is among them")
	first := out["people"]
	// Everyone shown has it in their trail.
	trail, _ := w.call(officer, "POST", "/v1/trails", object{"nhsNumber": nhs(2), "reason": "subject access"}).recorded(200)
	require.Contains(t, fmt.Sprint(trail["entries"]), "subject-accessed")
	require.Contains(t, fmt.Sprint(trail["entries"]), nurse.name)

	// The second look names what changed since the first.
	w.plans(uploader, 2, ann(func(p *planRow) { p.NHSNumber, p.FamilyName, p.GivenNames = nhs(5), "Novembrine", "Nova" }), ann(func(p *planRow) { p.End = "2026-03-02" }))
	w.enrol(uploader, nhs(4)+","+school+",,,2026-03-01,", nhs(5)+","+school+",,,2025-09-01,")
	w.enrol(childHealth, nhs(2)+","+school+",,,2025-09-01,2026-03-02")
	out, e = w.caseload(nurse, at)
	requireFields(t, out, "people", "ended", "changes", "since", "seq", "receipt")
	require.NotEmpty(t, first)
	changes := out["changes"].(object)
	require.ElementsMatch(t, []string{nhs(1)}, numbers(changes["ended"]))
	require.ElementsMatch(t, []string{nhs(2)}, numbers(changes["movedOut"]))
	require.ElementsMatch(t, []string{nhs(4), nhs(5)}, append(numbers(changes["movedIn"]), numbers(changes["new"])...))
	require.ElementsMatch(t, []string{nhs(4), nhs(5)}, numbers(out["people"]), "who moved out is a change, no longer one of the people")
	require.Equal(t, []string{nhs(1)}, numbers(out["ended"]), "whose plans have ended stand apart")

	// A repeat is the same entry, and its showing is recorded.
	key := header{"Idempotency-Key": uuid.NewString()}
	a, _ := w.call(nurse, "POST", "/v1/caseloads/lookups", at, key).recorded(200)
	size := w.size()
	b, _ := w.call(nurse, "POST", "/v1/caseloads/lookups", at, key).recorded(200)
	require.Equal(t, a["people"], b["people"])
	require.Equal(t, a["seq"], b["seq"])
	require.Equal(t, map[ledger.Kind]int{ledger.KindReopened: 1}, w.kinds(size))
	w.forward(6 * time.Minute)
	w.call(nurse, "POST", "/v1/caseloads/lookups", at, key).problem("idempotency-key-expired")
}

// Cover needs a reason and an end, and ends by itself; a team's place is each member's.
func TestCoverAndTeams(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,", nhs(1)+",,"+area+",,2025-09-01,")
	cover := object{"person": otherNurse.subject, "school": school, "from": "2026-03-01", "to": "2026-03-04", "type": "cover", "reason": "Nursling has influenza"}
	w.secret("Nursling has influenza")
	w.badly(leader, "/v1/assignments", merged(merged(object{}, cover), object{"reason": nil}))
	w.badly(leader, "/v1/assignments", merged(merged(object{}, cover), object{"to": nil}))
	w.call(leader, "POST", "/v1/assignments", cover).recorded(201)
	w.caseload(otherNurse, object{"school": school})
	w.ahead.Store(int64(24 * time.Hour)) // the last day
	w.caseload(otherNurse, object{"school": school})
	w.ahead.Store(int64(48 * time.Hour))
	w.call(otherNurse, "POST", "/v1/caseloads/lookups", object{"school": school}).denied("cover-ended")

	w.call(leader, "POST", "/v1/assignments", object{"team": "team-a", "area": area, "from": "2026-03-01", "type": "own"}).recorded(201)
	out, _ := w.caseload(nurse, object{"area": area})
	require.Equal(t, []string{nhs(1)}, numbers(out["people"]))
	w.call(visitor, "POST", "/v1/caseloads/lookups", object{"area": area}).denied("not-assigned")
}

func TestBadCaseloads(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.secret("Featherstonehaugh A")
	for _, body := range []any{object{}, object{"school": "12345"}, object{"school": school, "area": area}, object{"area": "e09"}, object{"practice": practice},
		object{"area": nhs(1)}, object{"school": 123456}, "[]", ""} {
		w.badly(nurse, "/v1/caseloads/lookups", body)
	}
	good := object{"person": nurse.subject, "school": school, "from": "2026-01-01", "type": "own"}
	for _, change := range []object{{"person": nil}, {"team": "team-a"}, {"school": nil}, {"area": area}, {"from": nil}, {"from": "01/01/2026"}, {"to": "2025-12-31"}, {"to": "soon"},
		{"type": "Own"}, {"type": nil}, {"person": strings.Repeat("x", 129)}, {"person": "Featherstonehaugh A"}, {"person": nhs(1)}, {"person": nil, "team": nhs(1)},
		{"school": nil, "area": nhs(1)}, {"extra": 1}, {"reason": strings.Repeat("x", 2001)}} {
		w.badly(leader, "/v1/assignments", merged(merged(object{}, good), change))
	}
	w.call(leader, "POST", "/v1/assignments", merged(merged(object{}, good), object{"school": "999999"})).problem("not-found")

	size := w.size()
	for _, c := range []struct{ body, code string }{
		{"", "body-empty"}, {"nhs_number,from\n", "body-empty"}, {"nhs_number,school\n" + nhs(1) + "," + school, "csv-header-missing-column"},
		{"nhs_number,school,from,pupil\n", "csv-header-unknown-column"}, {nhs(1) + "," + school, "csv-header-absent"},
	} {
		w.call(childHealth, "POST", "/v1/enrolments", c.body, asCSV).problem(c.code)
	}
	row := `{"nhsNumber":"` + nhs(1) + `","school":"` + school + `","from":"2025-09-01"}`
	rows := strings.Repeat(row+",", 2*uploadChunk)
	for _, c := range []struct{ body, code string }{
		{"[]", "body-empty"}, {"[" + rows + "]", "json-type"}, {"[" + rows + `{"nhs":1}]`, "json-unknown-field"}, {"[" + rows + row, "json-syntax"}, {`{"rows":[` + rows + row + `]`, "json-syntax"},
	} {
		r := w.call(childHealth, "POST", "/v1/enrolments", c.body)
		r.problem(c.code)
		require.Equal(t, 400, r.status)
	}
	require.Equal(t, size, w.size(), "a file that is wrong as a whole changes nothing")

	// The same file under the same key is the same enrolments.
	key := header{"Idempotency-Key": uuid.NewString()}
	a, _ := w.call(childHealth, "POST", "/v1/enrolments", "["+rows+row+"]", key).recorded(200)
	size = w.size()
	b, _ := w.call(childHealth, "POST", "/v1/enrolments", "["+rows+row+"]", key).recorded(200)
	require.Equal(t, a["results"], b["results"])
	require.Equal(t, size, w.size())
	w.call(childHealth, "POST", "/v1/enrolments", "["+row+"]", key).problem("idempotency-key-content")
}
