package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func (w *world) flag(who caller, number string, more ...header) *reply {
	w.t.Helper()
	w.secret(number)
	return w.call(who, "GET", "/FHIR/R4/PatientFlag?patient="+number+"&code=child-protection-information-system-flag", nil, more...)
}

// One flag for a person with two plans of two authorities, one of them ended.
func TestPatientFlag(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.plans(uploader2, 1, ann(func(p *planRow) { p.PlanType, p.Start, p.End = "LAC", "2024-01-01", "2025-06-30" }))
	r := w.flag(doctor, nhs(1))
	out := r.ok(200)
	e := w.entry(r.seq())
	a := w.disclosed(e, nhs(1), 2)
	require.Equal(t, []string{authority1}, a.Told, "the other's plan has ended")
	require.True(t, a.Unscheduled && !a.Conflict)
	require.Equal(t, "collection", out["type"])
	require.NotContains(t, out, "total")
	require.Len(t, resources(out, "Flag"), 1)
	flag := resources(out, "Flag")[0]
	require.Equal(t, "active", flag["status"])
	require.Equal(t, object{"start": "2024-01-01"}, flag["period"])
	require.Equal(t, "Patient/"+nhs(1), flag["subject"].(object)["reference"])
	require.Equal(t, "Annunziata FEATHERSTONEHAUGH", flag["subject"].(object)["display"])
	require.Equal(t, "child-protection-information-system-flag", list(flag["code"].(object)["coding"])[0].(object)["code"])
	plans, teams := resources(out, "CarePlan"), resources(out, "CareTeam")
	require.Len(t, plans, 2)
	require.Len(t, teams, 2)
	for i, p := range a.Disclosed {
		id := fhirID(p)
		require.Equal(t, id, plans[i]["id"])
		require.Equal(t, id, teams[i]["id"])
		require.Equal(t, "CarePlan/"+id, list(flag["extension"])[i].(object)["valueReference"].(object)["reference"])
		require.Equal(t, "CareTeam/"+id, list(plans[i]["careTeam"])[0].(object)["reference"])
		made := list(flag["contained"])[i].(object)
		require.Equal(t, fhirInstant(w.entry(p).Time), made["recorded"])
		require.Equal(t, []any{authority1, authority2}[i], list(made["agent"])[0].(object)["who"].(object)["identifier"].(object)["value"])
	}
	require.Equal(t, "301 - Northbank Council", teams[0]["name"])
	require.Equal(t, []any{"active", "completed"}, []any{plans[0]["status"], plans[1]["status"]})
	require.NotContains(t, string(r.body), uploader.name)

	// When all have ended, so has the flag.
	w.plans(uploader, 2, ann(func(p *planRow) { p.End = "2025-12-31" }))
	flag = resources(w.flag(doctor, nhs(1)).ok(200), "Flag")[0]
	require.Equal(t, object{"start": "2024-01-01", "end": "2025-12-31"}, flag["period"])
	require.Equal(t, "inactive", flag["status"])

	// None: an empty collection, recorded. No entry of it could be taken for a flag.
	none := w.flag(doctor, nhs(3))
	require.Equal(t, object{"resourceType": "Bundle", "id": none.header.Get("Custos-Seq"), "type": "collection"}, none.ok(200))
	w.disclosed(w.entry(none.seq()), nhs(3), 0)

	// Without the header the policy says what care it is; with it, the header does.
	for _, c := range []struct {
		who         caller
		head        header
		unscheduled bool
	}{{planner, nil, false}, {planner, header{"IsUnscheduledAccessEvent": "true"}, true}, {doctor, header{"IsUnscheduledAccessEvent": "false"}, true}} {
		a, ok := w.entry(w.flag(c.who, nhs(1), c.head).seq()).Event.(*ledger.Accessed)
		require.True(t, ok)
		require.Equal(t, c.unscheduled, a.Unscheduled)
		require.Equal(t, c.head != nil, a.Conflict)
	}
}

func TestBadPatientFlag(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1))
	size := w.size()
	const code = "&code=child-protection-information-system-flag"
	for query, want := range map[string]string{
		"": "query-parameter",
		"code=child-protection-information-system-flag":                         "query-parameter",
		"patient=" + nhs(1) + "&code=fgm":                                       "query-parameter",
		"patient=" + nhs(1) + code + code:                                       "query-parameter",
		"patient=" + nhs(1) + "&patient=" + nhs(1):                              "query-parameter",
		"patient:identifier=https://fhir.nhs.uk/Id/nhs-number|" + nhs(1) + code: "query-parameter",
		"patient=https://fhir.nhs.uk/Id/nhs-number|" + nhs(1) + code:            "nhs-number-format",
		"patient=9990000990" + code:                                             "nhs-number-check-digit",
		"patient=" + nhs(1) + code + "&_format=xml":                             "not-acceptable",
	} {
		w.call(doctor, "GET", "/FHIR/R4/PatientFlag?"+query, nil).problem(want)
	}
	w.flag(doctor, nhs(1), header{"IsUnscheduledAccessEvent": "perhaps"}).problem("header-value")
	require.Equal(t, size, w.size())
	w.call(doctor, "GET", "/FHIR/R4/PatientFlag?patient="+nhs(1), nil).ok(200)
	w.call(doctor, "GET", "/FHIR/R4/PatientFlag?patient="+nhs(1)+"&code=https://fhir.nhs.uk/England/CodeSystem/England-FlagCategoryPatient|child-protection-information-system-flag", nil).ok(200)
	w.flag(nurse, nhs(1)).denied("role-not-permitted")
}
