package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func noshow(number string, change func(object)) object {
	a := object{"resourceType": "Appointment", "id": "example", "status": "noshow", "start": "2026-03-02T09:30:00Z",
		"serviceType": []any{object{"text": "Paediatric audiology"}},
		"participant": []any{
			object{"status": "accepted", "actor": object{"display": "Dr Somebody"}},
			object{"status": "accepted", "actor": object{"identifier": object{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}}},
		}}
	if change != nil {
		change(a)
	}
	return a
}

// An Appointment of status noshow is a missed appointment, told as one.
func TestAnAppointmentThatWasMissed(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.secret("Paediatric audiology", nhs(1), nhs(3))
	r := w.call(planner, "POST", "/FHIR/R4/Appointment", noshow(nhs(1), nil), header{"Content-Type": "application/fhir+json"})
	require.Equal(t, 201, r.status, "%s", r.body)
	e := w.entry(r.seq())
	require.Equal(t, ledger.KindAppointmentMissed, e.Kind)
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref)
	require.Equal(t, "OperationOutcome", r.json()["resourceType"])
	require.Contains(t, string(r.body), "Northbank Council: queued")
	require.Equal(t, "missed-appointment", w.notifications(socialWorker, "")[0]["type"])
	require.Equal(t, "team", w.notifications(socialWorker, "")[0]["for"], "it climbs like an access")

	r = w.call(planner, "POST", "/FHIR/R4/Appointment", noshow(nhs(3), func(a object) { delete(a, "serviceType") }))
	require.Equal(t, 201, r.status)
	require.NotContains(t, string(r.body), "queued", "recorded either way")
	size := w.size()
	for name, change := range map[string]func(object){
		"booked": func(a object) { a["status"] = "booked" }, "another resource": func(a object) { a["resourceType"] = "Encounter" },
		"no start": func(a object) { a["start"] = "2 March" }, "nobody": func(a object) { a["participant"] = []any{} },
		"two": func(a object) { a["participant"] = append(list(a["participant"]), list(a["participant"])[1]) },
		"a wrong number": func(a object) {
			list(a["participant"])[1].(object)["actor"].(object)["identifier"].(object)["value"] = nhs(1)[:9] + "X"
		},
	} {
		r := w.call(planner, "POST", "/FHIR/R4/Appointment", noshow(nhs(1), change))
		require.Equal(t, 400, r.status, "%s: %s", name, r.body)
	}
	require.Equal(t, size, w.size())
}
