package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// TestAFamily: on one node, every decision is repeated from the entries alone when
// the story ends (world.close). TestAFamilyWhileLeadersDie has it on three.
func TestAFamily(t *testing.T) {
	w := newWorld(t)
	w.family(w.dueIfAny)
}

// dueIfAny has what is due told, until nothing is.
func (w *world) dueIfAny() {
	w.t.Helper()
	for range 100 {
		until := ledger.Of(w.now())
		any, err := w.node.View().AnyDue(until)
		require.NoError(w.t, err)
		if !any {
			return
		}
		w.command(ledger.SystemActor("n1"), &ledger.TellDue{Until: until})
	}
}

// family is one family's story through all of it, from an unborn child's plan to
// 365 days after the last plan's end. told has what is due told, and waits for it.
func (w *world) family(told func()) {
	t := w.t
	w.secret("Motherwellby", "Sorrel Workington")
	day := func(n int) string { return (ledger.Of(w.now()).Day() + ledger.Day(n)).String() }
	after := func(days int) { w.forward(time.Duration(days) * 24 * time.Hour); told() }
	twin := func(n int, kind, start, end, id string) planRow {
		return ann(func(p *planRow) {
			p.NHSNumber, p.FamilyName, p.GivenNames, p.DateOfBirth = nhs(n), "Motherwellby", "Twin", "2026-03-04"
			p.PlanType, p.Start, p.End, p.LocalID, p.Worker = kind, start, end, id, "Sorrel Workington"
		})
	}
	mother := expecting("2026-03-20")
	mother.Worker = "Sorrel Workington"
	w.plans(uploader, 1, mother)

	// The mother comes to the emergency department, and nobody reads it.
	seen, _ := w.lookup(doctor, object{"nhsNumber": nhs(5), "attendance": "ATT-1"}).recorded(200)
	require.Equal(t, "queued", list(seen["notified"])[0].(object)["state"])
	id := w.notifications(socialWorker, "?mine=yes")[0]["id"]
	for _, rung := range []string{"team", "manager"} {
		w.forward(61 * time.Minute)
		told()
		require.Equal(t, rung, w.notifications(manager, "?state=escalated")[0]["for"])
	}
	path := fmt.Sprintf("/v1/notifications/%v", id)
	w.call(manager, "POST", path+"/open", nil).recorded(200)
	w.call(manager, "POST", path+"/acknowledgements", object{"action": "visited"}).recorded(201)
	seen, _ = w.lookup(otherDoctor, object{"nhsNumber": nhs(5), "attendance": "ATT-1"}).recorded(200)
	require.Equal(t, "Mandeville Agerton", list(seen["notified"])[0].(object)["acknowledged"].(object)["name"])
	w.call(manager, "POST", path+"/actions", object{"action": "plan-reviewed"}).recorded(201)

	// Twins. Hers shows on both until each has its own.
	after(1)
	w.call(doctor, "POST", "/v1/births", birthOf("2026-03-04", 6, 7)).recorded(201)
	for _, n := range []int{6, 7} {
		baby, _ := w.lookup(doctor, object{"nhsNumber": nhs(n), "attendance": "ATT-2"}).recorded(200)
		require.Equal(t, "mother", list(baby["plans"])[0].(object)["of"])
	}
	w.plans(uploader, 2, twin(6, "CPP", "2026-03-04", "", "LOCAL-6"), twin(7, "CPP", "2026-03-04", "", "LOCAL-7"))
	baby, _ := w.lookup(doctor, object{"nhsNumber": nhs(6), "attendance": "ATT-2"}).recorded(200)
	require.Equal(t, "child-protection-plan", list(baby["plans"])[0].(object)["type"])

	// The health visitor's caseload, and her absence covered.
	require.Equal(t, 200, w.enrol(childHealth, nhs(6)+",,"+area+",,2026-03-04,", nhs(7)+",,"+area+",,2026-03-04,").status)
	w.assign(leader, object{"person": visitor.subject, "area": area, "from": day(0), "type": "own"})
	out, _ := w.caseload(visitor, object{"area": area})
	require.Len(t, out["people"], 2)
	covering := caller{"health-visitor", "hv-9", community, "Corinna Stand-Infield", ""}
	w.assign(leader, object{"person": covering.subject, "area": area, "from": day(0), "to": day(7), "type": "cover", "for": visitor.subject, "reason": "Hester is on leave"})
	w.secret("Hester is on leave")
	out, _ = w.caseload(covering, object{"area": area})
	require.Len(t, out["people"], 2)
	after(9)
	require.Equal(t, 403, w.call(covering, "POST", "/v1/caseloads/lookups", object{"area": area}).status, "cover ends by itself")

	// The mother's own plan lapses with nothing left to say; the twins grow, and go to school.
	after(4 * 365)
	require.Equal(t, 200, w.enrol(childHealth, nhs(6)+","+school+",,,"+day(0)+",", nhs(7)+","+school+",,,"+day(0)+",").status)
	w.assign(leader, object{"person": nurse.subject, "school": school, "from": day(0), "type": "own"})
	out, _ = w.caseload(nurse, object{"school": school})
	require.Len(t, out["people"], 2)

	// An appointment is missed, and somebody looks up the wrong twin.
	missed, _ := w.call(planner, "POST", "/v1/missed-appointments", object{"nhsNumber": nhs(6), "appointmentAt": w.now().Format(time.RFC3339), "service": "audiology"}).recorded(201)
	require.Len(t, missed["notified"], 1)
	wrong, _ := w.lookup(doctor, object{"nhsNumber": nhs(7), "attendance": "ATT-3"}).recorded(200)
	w.call(doctor, "POST", fmt.Sprintf("/v1/lookups/%v/corrections", wrong["seq"]), object{"reason": "the other twin was meant"}).recorded(201)
	w.secret("the other twin was meant")
	require.Len(t, w.notifications(socialWorker, "?state=withdrawn"), 1)

	// A move: another authority takes over, and the first ends its plan.
	w.plans(uploader2, 1, twin(6, "CPP", day(0), "", "FAR-6"))
	w.plans(uploader, 3, twin(6, "CPP", "2026-03-04", day(0), "LOCAL-6"))
	after(1)
	there, _ := w.lookup(doctor, object{"nhsNumber": nhs(6), "attendance": "ATT-4"}).recorded(200)
	require.Len(t, there["plans"], 2)
	require.Len(t, there["notified"], 1)
	require.Equal(t, authority2, list(there["notified"])[0].(object)["ods"], "whose plan has ended is not told")

	// The end, and a year after it.
	w.plans(uploader2, 2, twin(6, "CPP", day(-1), day(0), "FAR-6"))
	after(364)
	last, _ := w.lookup(doctor, object{"nhsNumber": nhs(6), "attendance": "ATT-5"}).recorded(200)
	require.Equal(t, "found", last["outcome"])
	require.Empty(t, last["notified"])
	after(1)
	last, _ = w.lookup(doctor, object{"nhsNumber": nhs(6), "attendance": "ATT-6"}).recorded(200)
	require.Equal(t, "not-found", last["outcome"])

	// Who looked, of each of them.
	for _, c := range []struct{ person, looks int }{{5, 2}, {6, 5}, {7, 2}} {
		entries, _ := w.trail(officer, object{"nhsNumber": nhs(c.person)})
		looks := 0
		for _, e := range entries {
			if e["kind"] == "accessed" {
				looks++
			}
		}
		require.Equal(t, c.looks, looks, "person %d", c.person)
	}
}
