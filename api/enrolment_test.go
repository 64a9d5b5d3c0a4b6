package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Joins, moves, leavers and corrections by file, each row with its result.
func TestEnrolmentsChange(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil), ann(func(p *planRow) { p.NHSNumber, p.FamilyName = nhs(4), "Larkspurton" }))
	file := func(who caller, rows string) []any {
		out, _ := w.call(who, "POST", "/v1/enrolments", "nhs_number,school,from,to,change\n"+rows, asCSV).recorded(200)
		var got []any
		for i, o := range objects(out["results"]) {
			code, _ := o["code"].(string)
			got = append(got, o["status"].(string)+" "+code)
			require.Equal(t, code != "", o["message"] != nil, "%v %v", i, o)
		}
		return got
	}
	require.Equal(t, []any{"recorded ", "recorded ", "recorded ", "rejected change-format", "rejected to-missing", "rejected enrolment-unknown", "rejected enrolment-overlaps", "not-kept not-kept"},
		file(childHealth, nhs(1)+","+school+",2024-09-01,,join\n"+nhs(1)+","+otherSchool+",2026-03-01,,move\n"+nhs(4)+","+school+",2025-09-01,,\n"+nhs(4)+","+school+",2025-09-01,,gone\n"+
			nhs(4)+","+school+",,,leave\n"+nhs(4)+","+otherSchool+",,2026-03-01,leave\n"+nhs(4)+","+school+",2025-10-01,,\n"+nhs(9)+","+school+",2025-10-01,,\n"))
	w.assign(leader, object{"person": nurse.subject, "school": school, "from": "2026-03-01", "type": "own"})
	w.assign(leader, object{"person": nurse.subject, "school": otherSchool, "from": "2026-03-01", "type": "own"})
	here := func(urn string) []string {
		out, _ := w.caseload(nurse, object{"school": urn})
		return numbers(out["people"])
	}
	require.Equal(t, []string{nhs(4)}, here(school))
	require.Equal(t, []string{nhs(1)}, here(otherSchool))
	require.Equal(t, []any{"recorded ", "recorded ", "recorded "}, file(childHealth, nhs(4)+","+school+",,2026-03-02,leave\n"+nhs(1)+","+otherSchool+",2026-03-01,,withdraw\n"+nhs(1)+","+school+",2026-03-02,,\n"))
	require.Equal(t, []string{nhs(1)}, here(school))
	require.Empty(t, here(otherSchool))
	require.Equal(t, []any{"rejected enrolment-unknown"}, file(uploader, nhs(1)+","+school+",,2026-03-02,leave\n"), "it is another source's")
}

// A file that came before the plan is asked for again, and nothing of it was kept.
func TestAnEnrolmentIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1))
	ask := func() []any {
		before := w.size()
		r := w.call(childHealth, "POST", "/v1/enrolments/wanted", object{})
		out := r.ok(200)
		requireFields(t, out, "people", "pages")
		require.Equal(t, ledger.KindEnrolmentsWanted, w.entry(r.seq()).Kind)
		people := list(out["people"])
		require.Len(t, people, w.kinds(before)[ledger.KindSubjectAccessed])
		var got []any
		for _, p := range people {
			requireFields(t, p, "nhsNumber")
			got = append(got, p.(object)["nhsNumber"])
		}
		return got
	}
	row := nhs(1) + "," + school + ",,,2025-09-01,"
	out, _ := w.enrol(childHealth, row).recorded(200)
	require.Equal(t, "not-kept", objects(out["results"])[0]["status"])
	require.Empty(t, ask())
	w.plans(uploader, 1, ann(nil))
	require.Equal(t, []any{nhs(1)}, ask())
	w.badly(childHealth, "/v1/enrolments/wanted", object{"all": true})
	w.call(nurse, "POST", "/v1/enrolments/wanted", object{}).denied("role-not-permitted")
	w.enrol(childHealth, row)
	require.Empty(t, ask())
}

// What came with rules version 3 is not sent to a log that is not there yet.
func TestCaseloadsUnderOlderRules(t *testing.T) {
	w := worldUnder(t, 2)
	w.plans(uploader, 1, ann(nil))
	size := w.size()
	w.call(childHealth, "POST", "/v1/enrolments", "nhs_number,school,from,to,change\n"+nhs(1)+","+school+",2025-09-01,,move\n", asCSV).problem("rules-not-raised")
	for _, c := range []struct {
		who        caller
		path, body string
	}{{manager, "/v1/unassigned/lookups", "{}"}, {childHealth, "/v1/enrolments/wanted", "{}"}, {leader, "/v1/assignments/1/ends", `{"to":"2026-03-03","reason":"left the team"}`}} {
		w.call(c.who, "POST", c.path, c.body).problem("rules-not-raised")
	}
	w.call(operator, "POST", "/v1/schools", "URN,EstablishmentName\n100009,Some School\n", asCSV).problem("rules-not-raised")
	require.Equal(t, size, w.size())
	w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,").recorded(200)
	w.assign(leader, object{"person": nurse.subject, "school": school, "from": "2026-03-01", "to": "2026-03-03", "type": "own"})
	w.command(ledger.SystemActor("n1"), &ledger.RaiseRules{To: 3})
	require.Empty(t, w.call(manager, "POST", "/v1/unassigned/lookups", object{}).ok(200)["people"])
	w.forward(day24)
	require.Len(t, w.call(manager, "POST", "/v1/unassigned/lookups", object{}).ok(200)["people"], 1, "what was recorded before counts")
}
