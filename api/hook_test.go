package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// hookOf is what a record system asks with at the beginning of an encounter.
func hookOf(number string, change func(hook, patient object)) object {
	patient := object{"resourceType": "Patient", "id": "p1", "active": true, "birthDate": "2015-05-04",
		"identifier": []any{object{"system": "https://hospital.example/mrn", "value": "M1"}, object{"system": nhsNumberSystem, "value": number}},
		"name":       []any{object{"use": "nickname", "family": "Nick", "given": []string{"Nan"}}, object{"use": "official", "family": "Featherstonehaugh", "given": []string{"Annunziata"}}}}
	hook := object{"hook": hookName, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "fhirServer": "https://hospital.example/fhir",
		"context":  object{"userId": "Practitioner/u1", "patientId": "p1", "encounterId": "ENC-77120"},
		"prefetch": object{"patient": patient, "user": object{"resourceType": "Practitioner", "name": []any{object{"prefix": []string{"Sister"}, "given": []string{"Willa"}, "family": "Winterbourne"}}}}}
	if change != nil {
		change(hook, patient)
	}
	return hook
}

func (w *world) hook(who caller, body object, more ...header) *reply {
	w.t.Helper()
	w.secret("Featherstonehaugh", "Winterbourne", "ENC-77120", nhs(1))
	return w.call(who, "POST", "/cds-services/"+hookID, body, more...)
}

// metrics is what the admin listener says of the edge.
func (w *world) metrics() string {
	rec := httptest.NewRecorder()
	w.inner().ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/metrics", nil))
	return rec.Body.String()
}

// card wants one card, of an entry that the ledger has.
func (r *reply) card() object {
	r.w.t.Helper()
	out := r.ok(200)
	cards := objects(out["cards"])
	require.Len(r.w.t, cards, 1)
	requireFields(r.w.t, cards[0], "uuid", "summary", "indicator", "detail", "source", "extension")
	require.Less(r.w.t, len(cards[0]["summary"].(string)), 140)
	record := cards[0]["extension"].(object)["org.custos.record"].(object)
	require.Equal(r.w.t, r.header.Get("Custos-Seq"), fmt.Sprint(record["seq"]))
	r.w.proves(record["receipt"].(string), r.seq())
	return cards[0]
}

// An encounter that begins is a lookup in the name of whoever signed in, or of
// the user that a system names; the answer is a card.
func TestAnEncounterBeginsWithALookup(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	services := objects(w.call(nobody, "GET", "/cds-services", nil).ok(200)["services"])
	require.Equal(t, []any{hookName, hookID}, []any{services[0]["hook"], services[0]["id"]})

	r := w.hook(doctor, hookOf(nhs(1), nil))
	card := r.card()
	require.Equal(t, "critical", card["indicator"])
	require.Contains(t, card["detail"], "child protection plan, active, since 2025-01-10: Northbank Council, office hours 020 7946 0001")
	require.NotContains(t, fmt.Sprint(card), "Featherstonehaugh")
	e, q := r.accessed()
	require.True(t, q.Arrival)
	require.False(t, q.System || q.Traced)
	require.Equal(t, []string{authority1}, e.Told)

	h := w.machineToken()
	h["Content-Type"] = "application/json"
	card = w.hook(nobody, hookOf(nhs(1), nil), h).card()
	require.Equal(t, "critical", card["indicator"])
	out, _ := w.lookup(otherDoctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Equal(t, []any{otherDoctor.name, "Sister Willa Winterbourne", doctor.name}, column(objects(out["accessHistory"]), "name"))
	nameless := hookOf(nhs(1), func(hook, _ object) { delete(hook["prefetch"].(object), "user") })
	w.hook(nobody, nameless, h).denied("responsible-person-missing")

	require.Equal(t, "info", w.hook(doctor, hookOf(nhs(9), nil)).card()["indicator"])
	other := w.hook(doctor, hookOf(nhs(1), func(_, patient object) { patient["birthDate"] = "2015-05-05" })).card()
	require.Contains(t, other["summary"], "Identity not confirmed")

	// Without a number the register is asked.
	unknown := func(family string) object {
		return hookOf("", func(_, patient object) {
			patient["identifier"] = []any{}
			patient["name"] = []any{object{"family": family, "given": []string{"Annunziata"}}}
		})
	}
	w.hook(doctor, unknown("Featherstonehaugh")).problem("register-unavailable")
	w.server.cfg.Register = w.register(nhs(1) + ",Featherstonehaugh,Annunziata,2015-05-04,,,")
	require.Equal(t, "critical", w.hook(doctor, unknown("Featherstonehaugh")).card()["indicator"])
	r = w.hook(doctor, unknown("Nobodyson"))
	require.Equal(t, "warning", r.card()["indicator"])
	require.Equal(t, ledger.KindNotTraced, w.entry(r.seq()).Kind)

	// What came of them is counted: in the ledger by site and day, else in metrics.
	counted := w.call(siteOfficer, "GET", "/v1/arrivals", nil).ok(200)
	require.Equal(t, []any{"7", "5", "2"}, []any{fmt.Sprint(counted["arrivals"]), fmt.Sprint(counted["lookedUp"]), fmt.Sprint(counted["notLookedUp"])})
	require.Equal(t, counted, w.call(officer, "GET", "/v1/arrivals?organisation="+emergency+"&from=2026-02-02&to=2026-03-03", nil).ok(200))
	require.Equal(t, "0", fmt.Sprint(w.call(officer, "GET", "/v1/arrivals?organisation="+emergency+"&from=2026-03-04&to=2026-03-09", nil).ok(200)["arrivals"]))
	require.Equal(t, "0", fmt.Sprint(w.call(officer, "GET", "/v1/arrivals?organisation=RXX", nil).ok(200)["arrivals"]), "a code that begins another's")
	metrics := w.metrics()
	for result, n := range map[string]int{"found": 3, "not-found": 1, "mismatch": 1, "not-traced": 1, "denied": 1, "unavailable": 1} {
		require.Contains(t, metrics, fmt.Sprintf("custos_arrivals_total{result=%q} %d\n", result, n))
	}
	entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
	require.Contains(t, column(entries, "arrival"), true)
}

func TestBadHooks(t *testing.T) {
	w := newWorld(t)
	size := w.size()
	for name, c := range map[string]struct {
		change func(hook, patient object)
		code   string
	}{
		"another hook":       {func(h, _ object) { h["hook"] = "patient-view" }, "field-value"},
		"no instance":        {func(h, _ object) { delete(h, "hookInstance") }, "json-missing-field"},
		"a bad instance":     {func(h, _ object) { h["hookInstance"] = "1" }, "field-value"},
		"no patient":         {func(h, _ object) { h["prefetch"] = object{} }, "prefetch-missing"},
		"a patient of none":  {func(h, _ object) { h["prefetch"] = object{"patient": nil} }, "prefetch-missing"},
		"another resource":   {func(_, p object) { p["resourceType"] = "Group" }, "prefetch-missing"},
		"a bad number":       {func(_, p object) { p["identifier"] = []any{object{"system": nhsNumberSystem, "value": "9990000019"}} }, "nhs-number-check-digit"},
		"nobody":             {func(_, p object) { p["identifier"], p["name"] = []any{}, []any{} }, "arrival-nobody"},
		"a year of birth":    {func(_, p object) { p["identifier"], p["birthDate"] = []any{}, "2015" }, "arrival-nobody"},
		"names of a number":  {func(_, p object) { p["name"] = 7 }, "json-type"},
		"no context":         {func(h, _ object) { delete(h, "context") }, "json-missing-field"},
		"a context of parts": {func(h, _ object) { h["context"] = object{"userId": "u"} }, "json-missing-field"},
	} {
		r := w.hook(doctor, hookOf(nhs(1), c.change))
		require.Equal(t, c.code, r.code(), "%s: %s", name, r.body)
	}
	w.call(doctor, "POST", "/cds-services/other", hookOf(nhs(1), nil)).problem("not-found")
	// Who waits to be told to send so much is told why not; who does not may find the connection closed.
	require.Equal(t, 413, w.hook(doctor, object{"x": strings.Repeat("x", hookBody)}, header{"Expect": "100-continue"}).status)
	require.Equal(t, size, w.size())
	for _, q := range []string{"?from=yesterday", "?to=2026-02-30", "?from=2026-03-01&from=2026-03-01", "?site=RXX01", "?organisation=" + practice} {
		w.call(siteOfficer, "GET", "/v1/arrivals"+q, nil).problem("query-parameter")
	}
}
