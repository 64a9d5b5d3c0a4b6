package api

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// expecting is a mother with an unborn child's plan, of nhs(5).
func expecting(end string) planRow {
	return ann(func(p *planRow) {
		p.NHSNumber, p.FamilyName, p.GivenNames, p.DateOfBirth = nhs(5), "Motherwellby", "Marguerite", "1999-11-12"
		p.PlanType, p.Start, p.End, p.LocalID = "UCPP", "2025-12-01", end, "LOCAL-0005"
	})
}

func birthOf(born string, numbers ...int) object {
	var babies []any
	for _, n := range numbers {
		babies = append(babies, object{"nhsNumber": nhs(n), "dateOfBirth": born})
	}
	return object{"mother": nhs(5), "babies": babies}
}

// A baby that nobody has a plan for yet is found by its mother's, which says
// nothing of her; looking her up is an access of her own.
func TestAMothersPlanShowsOnHerBaby(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, expecting("2026-03-20"))
	w.secret(nhs(6), nhs(7))
	w.lookup(doctor, object{"nhsNumber": nhs(6)}).recorded(200)
	out, e := w.call(doctor, "POST", "/v1/births", birthOf("2026-03-02", 6, 7)).recorded(201)
	requireFields(t, out, "seq", "receipt")
	require.Equal(t, w.keys.Person(nhs(5)), e.Person.Ref)
	require.Equal(t, ledger.KindBirthRecorded, e.Kind)

	seen, e := w.lookup(otherDoctor, object{"nhsNumber": nhs(6), "dateOfBirth": "2026-03-02", "attendance": "ATT-606"}).recorded(200)
	require.Equal(t, "found", seen["outcome"])
	require.Nil(t, seen["person"], "who the mother is, only a lookup of her own shows")
	plan := list(seen["plans"])[0].(object)
	require.Equal(t, "mother", plan["of"])
	require.Equal(t, "unborn-child-protection-plan", plan["type"])
	require.NotContains(t, fmt.Sprint(seen), "Motherwellby")
	require.Len(t, seen["notified"], 1)
	require.Equal(t, "mismatch", w.lookup(doctor, object{"nhsNumber": nhs(7), "dateOfBirth": "1999-11-12"}).ok(200)["outcome"])

	path := seen["mother"].(object)["lookup"].(string)
	require.Equal(t, fmt.Sprintf("/v1/lookups/%d/mother", e.Seq), path)
	w.call(doctor, "POST", path, nil).denied("not-own-access")
	w.secret("bruises on the mother too")
	hers, e := w.call(otherDoctor, "POST", path, object{"attendance": "ATT-606", "reason": "bruises on the mother too"}).recorded(200)
	require.Equal(t, "Motherwellby", hers["person"].(object)["familyName"])
	require.Equal(t, w.keys.Person(nhs(5)), e.Person.Ref, "it is in her trail")
	require.Nil(t, hers["mother"])

	// The authority learns of the birth, of the baby's visit and whose it is.
	for _, n := range w.notifications(socialWorker, "") {
		opened, _ := w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", n["id"]), nil).recorded(200)
		switch n["type"] {
		case "birth":
			require.Contains(t, []string{nhs(6), nhs(7)}, opened["visit"].(object)["nhsNumber"])
			require.Equal(t, nhs(5), opened["mother"].(object)["nhsNumber"])
		case "access":
			if opened["mother"] != nil {
				require.Equal(t, nhs(6), opened["visit"].(object)["nhsNumber"])
				require.Equal(t, "LOCAL-0005", opened["mother"].(object)["localId"])
			} else {
				require.Equal(t, nhs(5), opened["nhsNumber"])
			}
		}
	}
	require.Len(t, w.notifications(socialWorker, ""), 4, "two births, and two accesses")

	// A plan of its own, and hers is no more shown on it, but still on the other.
	w.plans(uploader, 2, ann(func(p *planRow) {
		p.NHSNumber, p.DateOfBirth, p.Start, p.LocalID = nhs(6), "2026-03-02", "2026-03-03", "LOCAL-0006"
	}))
	own, _ := w.lookup(doctor, object{"nhsNumber": nhs(6)}).recorded(200)
	require.Equal(t, "child-protection-plan", list(own["plans"])[0].(object)["type"])
	require.Equal(t, "Featherstonehaugh", own["person"].(object)["familyName"])
	require.NotNil(t, own["mother"], "she is offered all the same")
	other, _ := w.lookup(doctor, object{"nhsNumber": nhs(7)}).recorded(200)
	require.Len(t, other["plans"], 1)
	w.forward(46 * 24 * time.Hour)
	gone, _ := w.lookup(doctor, object{"nhsNumber": nhs(7)}).recorded(200)
	require.Equal(t, "not-found", gone["outcome"], "28 days after its date")
	w.fhir(doctor, "CareTeam", nhs(7)).ok(200)
}

// What FHIR says of a baby names nobody.
func TestAMothersPlanAsFHIR(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, expecting("2026-03-20"))
	w.secret(nhs(6))
	w.call(doctor, "POST", "/v1/births", birthOf("2026-03-02", 6)).recorded(201)
	r := w.fhir(doctor, "CareTeam", nhs(6))
	require.Equal(t, 200, r.status)
	require.NotContains(t, string(r.body), "Motherwellby")
	require.NotContains(t, string(r.body), "MOTHERWELLBY")
	require.NotContains(t, string(r.body), nhs(5))
	require.NotContains(t, string(w.flag(planner, nhs(6)).body), "MOTHERWELLBY")
}

func TestAPregnancyThatEnds(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, expecting("2026-08-20"))
	w.plans(uploader2, 1, expecting("2026-08-20"))
	ended := object{"nhsNumber": nhs(5), "reason": "told by the midwife"}
	w.secret("told by the midwife")
	w.call(planner, "POST", "/v1/pregnancies/ended", ended).denied("role-not-permitted")
	w.call(socialWorker, "POST", "/v1/pregnancies/ended", object{"nhsNumber": nhs(9), "reason": "x"}).denied("other-authority")
	out, e := w.call(socialWorker, "POST", "/v1/pregnancies/ended", ended).recorded(201)
	requireFields(t, out, "seq", "receipt")
	require.Len(t, e.Event.(*ledger.PregnancyEnded).Plans, 1, "an authority ends its own alone")
	seen, _ := w.lookup(doctor, object{"nhsNumber": nhs(5)}).recorded(200)
	require.Len(t, seen["plans"], 1)
	w.call(doctor, "POST", "/v1/pregnancies/ended", ended).recorded(201)
	seen, _ = w.lookup(doctor, object{"nhsNumber": nhs(5)}).recorded(200)
	require.Equal(t, "not-found", seen["outcome"], "at once")
	require.Equal(t, "pregnancy-ended", w.notifications(farWorker, "")[1]["type"])
	require.Len(t, w.notifications(socialWorker, ""), 0, "whoever recorded it is not told, nor of what was no longer shown")
	out, _ = w.call(doctor, "POST", "/v1/pregnancies/ended", object{"nhsNumber": nhs(9), "reason": "told by the midwife"}).recorded(201)
	requireFields(t, out, "seq", "receipt")
}

func TestABirthThatWasLinkedWrongly(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, expecting("2026-03-20"))
	w.secret(nhs(6))
	w.call(doctor, "POST", "/v1/births", birthOf("2026-03-02", 6)).recorded(201)
	w.call(doctor, "POST", "/v1/births", birthOf("2026-03-02", 6)).problem("already-done")
	wrong := object{"nhsNumber": nhs(6), "reason": "the cots were mixed up"}
	w.secret("the cots were mixed up")
	w.call(farWorker, "POST", "/v1/births/corrections", wrong).denied("other-authority")
	w.call(socialWorker, "POST", "/v1/births/corrections", wrong).recorded(201)
	seen, _ := w.lookup(doctor, object{"nhsNumber": nhs(6)}).recorded(200)
	require.Equal(t, "not-found", seen["outcome"])
	require.Nil(t, seen["mother"])
	w.call(doctor, "POST", "/v1/births/corrections", wrong).problem("not-found")
}

func TestBirthsThatAreWrong(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(6), nhs(5))
	good := birthOf("2026-03-02", 6)
	for pointer, change := range map[string]object{
		"/mother": {"mother": nhs(5)[:9] + "X"}, "/babies": {"babies": []any{}},
		"/babies/0/nhsNumber":   {"babies": []any{object{"nhsNumber": "1", "dateOfBirth": "2026-03-02"}}},
		"/babies/0/dateOfBirth": {"babies": []any{object{"nhsNumber": nhs(6), "dateOfBirth": "2 March"}}},
	} {
		require.Equal(t, pointer, w.badly(doctor, "/v1/births", merged(maps.Clone(good), change)).Pointer)
	}
	size := w.size()
	w.call(doctor, "POST", "/v1/births", birthOf("2026-04-02", 6)).problem("not-in-this-state")
	w.call(doctor, "POST", "/v1/births", birthOf("2025-02-02", 6)).problem("not-in-this-state")
	w.call(doctor, "POST", "/v1/births", birthOf("2026-03-02", 5)).problem("not-in-this-state")
	for _, path := range []string{"/v1/births/corrections", "/v1/pregnancies/ended"} {
		require.Equal(t, "/nhsNumber", w.badly(doctor, path, object{"nhsNumber": "12", "reason": "x"}).Pointer)
		require.Equal(t, "/reason", w.badly(doctor, path, object{"nhsNumber": nhs(5), "reason": ""}).Pointer)
	}
	w.call(doctor, "POST", "/v1/lookups/0/mother", nil).problem("not-found")
	require.Equal(t, size, w.size())
}
