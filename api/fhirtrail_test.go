package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/api/fhir/fhirtest"
	"custos/ledger"
)

var because = header{reasonHeader: "complaint ref 7731"}

// audited asks for AuditEvents as an officer, and wants a recorded bundle.
func (w *world) audited(who caller, query string, more ...header) []object {
	w.t.Helper()
	w.secret(because[reasonHeader])
	r := w.call(who, "GET", auditEventPath+"?"+query, nil, append([]header{because}, more...)...)
	out := r.ok(200)
	require.Equal(w.t, "searchset", out["type"])
	e := w.entry(r.seq())
	require.Equal(w.t, ledger.KindTrailRead, e.Kind, "reading is itself recorded")
	require.EqualValues(w.t, fmt.Sprint(len(resources(out, "AuditEvent"))), out["total"])
	return resources(out, "AuditEvent")
}

// kindOf is what the ledger calls an access.
func kindOf(event object) any {
	for _, e := range list(event["entity"]) {
		if d, ok := e.(object)["detail"]; ok {
			return list(d)[1].(object)["valueString"]
		}
	}
	return nil
}

func kindsOf(events []object) []any {
	var out []any
	for _, e := range events {
		out = append(out, kindOf(e))
	}
	return out
}

func TestAuditEventsForOfficers(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	key := uuid.NewString()
	_, first := w.lookup(doctor, object{"nhsNumber": nhs(1)}, header{"Idempotency-Key": key}).recorded(200)
	w.lookup(planner, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(nurse, object{"nhsNumber": nhs(1)}).denied("role-not-permitted")
	w.lookup(doctor, object{"nhsNumber": nhs(3)}).recorded(200)
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", w.notifications(socialWorker, "")[0]["id"]), nil).recorded(200)
	patient := "patient:identifier=https://fhir.nhs.uk/Id/nhs-number|" + nhs(1)

	// Everything that was done about a person, scheduled or not, denied or not, this search included.
	events := w.audited(officer, patient)
	require.Equal(t, []any{"accessed", "accessed", "access-denied", "notification-opened", "trail-read"}, kindsOf(events))
	e := events[0]
	require.Equal(t, fhirID(first.Seq), e["id"])
	require.Equal(t, []any{object{"url": "urn:x-custos:seq", "valueInteger": json.Number(fhirID(first.Seq))},
		object{"url": "urn:x-custos:receipt", "valueUrl": "/v1/receipts/" + fhirID(first.Seq)}}, e["extension"])
	w.proves(string(w.call(officer, "GET", "/v1/receipts/"+fhirID(first.Seq), nil).body), first.Seq)
	require.Equal(t, []any{"E", "0", "found"}, []any{e["action"], e["outcome"], e["outcomeDesc"]})
	require.Equal(t, fhirInstant(first.Time), e["recorded"])
	require.Equal(t, worldOrigin, e["source"].(object)["site"])
	agents := list(e["agent"])
	require.Len(t, agents, 3)
	profiles := []string{}
	for _, e := range events {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		profile, wrong := fhirtest.Claimed(text)
		require.Empty(t, wrong, "%s", text)
		require.NotContains(t, fmt.Sprint(e["entity"]), base64.StdEncoding.EncodeToString([]byte(nhs(1))), "the query has no number")
		profiles = append(profiles, profile)
	}
	require.Equal(t, []string{"PatientQuery", "PatientQuery", "", "PatientRead", "PatientQuery"}, profiles, "a denial claims nothing")
	require.Equal(t, object{"type": "Organization", "display": "Emergency Department",
		"identifier": object{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": emergency}}, agents[0].(object)["who"])
	require.Equal(t, object{"type": "Practitioner", "display": doctor.name, "identifier": object{"system": trust, "value": doctor.subject}}, agents[1].(object)["who"])
	require.Equal(t, false, agents[2].(object)["requestor"])
	entities := list(e["entity"])
	require.Equal(t, object{"type": "Patient", "identifier": object{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs(1)}}, entities[0].(object)["what"])
	require.Equal(t, key, entities[1].(object)["what"].(object)["identifier"].(object)["value"], "the transaction is what its caller may know it by")
	require.Equal(t, []any{"4", "role-not-permitted: look up a person"}, []any{events[2]["outcome"], events[2]["outcomeDesc"]})
	require.Equal(t, []any{"R", socialWorker.name}, []any{events[3]["action"], list(events[3]["agent"])[1].(object)["who"].(object)["display"]})

	// By outcome, person, organisation, and together.
	require.Equal(t, []any{"access-denied"}, kindsOf(w.audited(officer, patient+"&outcome=4")))
	by := "agent:identifier=" + url.QueryEscape(trust+"|"+doctor.subject)
	require.Len(t, w.audited(officer, by), 2)
	require.Len(t, w.audited(officer, "agent:identifier="+doctor.subject), 2, "the first issuer's, if none is named")
	require.Len(t, w.audited(officer, "agent:identifier=https://fhir.nhs.uk/Id/sds-user-id|"+doctor.subject), 2)
	require.Len(t, w.audited(officer, by+"&"+patient), 1)
	require.Empty(t, w.audited(officer, by+"&"+patient+"&outcome=4"))
	require.Empty(t, w.audited(officer, patient+"&agent:identifier=https://elsewhere.example|"+doctor.subject))
	require.Empty(t, w.audited(officer, "agent:identifier=https://elsewhere.example|"+doctor.subject))
	at := "agent:identifier=https://fhir.nhs.uk/Id/ods-organization-code|"
	require.Equal(t, []any{"accessed"}, kindsOf(w.audited(officer, at+practice)))
	require.Len(t, w.audited(officer, at+practice+"&"+patient), 1)

	// Whom a search does not name goes by the ledger's reference.
	seen := w.audited(officer, by)[0]
	require.Equal(t, object{"system": "urn:x-custos:person", "value": w.keys.Person(nhs(1)).String()}, list(seen["entity"])[0].(object)["what"].(object)["identifier"])
	require.NotContains(t, fmt.Sprint(seen), nhs(1))

	// A site's officer has the own organisation's and no other.
	require.Equal(t, []any{"accessed"}, kindsOf(w.audited(siteOfficer, patient))[:1])
	for _, e := range append(w.audited(siteOfficer, patient), w.audited(siteOfficer, "date=ge2026-01-01")...) {
		require.Equal(t, emergency, list(e["agent"])[0].(object)["who"].(object)["identifier"].(object)["value"])
	}
	w.call(siteOfficer, "GET", auditEventPath+"?"+at+practice, nil, because).denied("own-organisation-only")

	// Everything of a time, whoever it was: what each organisation's trail holds.
	all := w.audited(officer, "date=2026-03-03")
	var apart []string
	for _, o := range []string{emergency, practice, community, authority1, "X24"} {
		for _, e := range w.audited(officer, at+o+"&date=2026-03-03") {
			apart = append(apart, e["id"].(string))
		}
	}
	for _, e := range all {
		require.Contains(t, apart, e["id"])
	}
	require.Greater(t, len(all), 10)
	require.Equal(t, "trail-read", kindOf(all[len(all)-1]), "this search is the last of them")
}

func TestAuditDates(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	by := "agent:identifier=" + doctor.subject
	var seqs []string
	for range 3 { // the 3rd, the 4th and the 5th of March
		_, e := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
		seqs = append(seqs, fhirID(e.Seq))
		w.forward(24 * time.Hour)
	}
	second := w.entry(w.shownSeqs(by)[1]).Time.Std()
	for query, want := range map[string][]string{
		"date=2026-03-04":                     seqs[1:2],
		"date=eq2026-03-04":                   seqs[1:2],
		"date=ge2026-03-04":                   seqs[1:],
		"date=gt2026-03-04":                   seqs[2:],
		"date=lt2026-03-04":                   seqs[:1],
		"date=le2026-03-04":                   seqs[:2],
		"date=ge2026-03-04&date=lt2026-03-05": seqs[1:2],
		"date=lt2026-03-05&date=ge2026-03-04": seqs[1:2],
		"date=ge" + url.QueryEscape(second.Format(time.RFC3339Nano)):             seqs[1:],
		"date=gt" + url.QueryEscape(second.Format(time.RFC3339Nano)):             seqs[2:],
		"date=le" + second.In(time.FixedZone("", 3600)).Format(time.RFC3339Nano): seqs[:2], // a plus that is not encoded
		"date=" + url.QueryEscape(second.Format(time.RFC3339Nano)):               seqs[1:2],
		"date=2026-02-01": nil,
	} {
		var have []string
		for _, e := range w.audited(officer, by+"&"+query) {
			have = append(have, e["id"].(string))
		}
		require.Equal(t, want, have, query)
	}
	since := w.audited(officer, "date=ge"+url.QueryEscape(second.Format(time.RFC3339Nano)))
	require.Equal(t, seqs[1:], []string{since[0]["id"].(string), since[1]["id"].(string)}, "from that very moment")
}

// shownSeqs are the sequence numbers of what an officer is shown.
func (w *world) shownSeqs(query string) []ledger.Seq {
	var out []ledger.Seq
	for _, e := range w.audited(officer, query) {
		var n ledger.Seq
		_, err := fmt.Sscan(e["id"].(string), &n)
		require.NoError(w.t, err)
		out = append(out, n)
	}
	return out
}

// An export is the same accesses, one a line.
func TestAuditExport(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	for range 3 {
		w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	}
	by := auditEventPath + "?agent:identifier=" + doctor.subject
	want := w.audited(officer, "agent:identifier="+doctor.subject)
	for _, c := range []struct {
		query string
		head  header
	}{{"&_format=ndjson", nil}, {"&_format=application/fhir%2Bndjson", nil}, {"", header{"Accept": "application/fhir+ndjson"}}, {"", header{"Accept": "application/x-ndjson, */*;q=0.1"}}} {
		r := w.call(officer, "GET", by+c.query, nil, because, c.head)
		require.Equal(t, 200, r.status)
		require.Equal(t, "application/fhir+ndjson", r.header.Get("Content-Type"))
		require.Equal(t, ledger.KindTrailRead, w.entry(r.seq()).Kind)
		lines := slices.Collect(strings.Lines(string(r.body)))
		require.Len(t, lines, 3)
		for i, line := range lines {
			require.Empty(t, fhirtest.Check([]byte(line)))
			var e object
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			require.Equal(t, want[i]["id"], e["id"])
		}
	}
	none := w.call(officer, "GET", auditEventPath+"?agent:identifier=nobody&_format=ndjson", nil, because)
	require.Equal(t, 200, none.status)
	require.Empty(t, none.body)
	// Nobody else has it in this form.
	w.call(doctor, "GET", auditEventPath+aboutOf(nhs(1))+"&_format=ndjson", nil).problem("not-acceptable")
}

func TestBadAudit(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1), "Featherstonehaugh")
	patient := "patient:identifier=https://fhir.nhs.uk/Id/nhs-number|" + nhs(1)
	w.audited(officer, patient)
	size := w.size()
	for query, want := range map[string]string{
		"name=Featherstonehaugh":                          "query-parameter",
		patient + "&" + patient:                           "query-parameter",
		"patient:identifier=" + nhs(1):                    "identifier-system",
		"date=yesterday":                                  "date-format",
		"date=2026-02-30":                                 "date-format",
		"date=ne2026-03-03":                               "date-format",
		"date=2026-03-03T14:00:00":                        "date-format",
		"date=ge2026-03-04&date=lt2026-03-04":             "date-order",
		"date=2026-03-03&date=2026-03-03&date=2026-03-03": "query-parameter",
		"date=":                 "query-parameter",
		"date=2026-03-03&date=": "query-parameter",
		"outcome=8":             "query-parameter",
		"outcome=0&outcome=4":   "query-parameter",
		"agent:identifier=https://fhir.nhs.uk/Id/ods-organization-code|" + nhs(1):         "query-parameter",
		"agent:identifier=https://fhir.nhs.uk/Id/ods-organization-code|Featherstonehaugh": "query-parameter",
		"agent:identifier=x|":                          "query-parameter",
		"agent:identifier=" + strings.Repeat("x", 257): "query-parameter",
		patient + "&_format=xml":                       "not-acceptable",
	} {
		w.call(officer, "GET", auditEventPath+"?"+query, nil, because).problem(want)
	}
	for _, reason := range []string{"", " ", "\xff"} {
		w.call(officer, "GET", auditEventPath+"?"+patient, nil, header{reasonHeader: reason}).problem("reason-missing")
	}
	r := w.call(officer, "GET", auditEventPath+"?"+patient, nil)
	require.Equal(t, "PRECONDITION_FAILED", list(list(r.json()["issue"])[0].(object)["details"].(object)["coding"])[0].(object)["code"])
	w.call(officer, "GET", auditEventPath+"?"+patient, nil, header{reasonHeader: strings.Repeat("x", 2001)}).problem("reason-missing")
	require.Equal(t, size, w.size())
	w.call(auditor, "GET", auditEventPath+"?"+patient, nil, because).denied("role-not-permitted")
}

// A search that names nobody reads so much of the ledger and no more.
func TestAuditTooWide(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.server.searched = w.size() - 1
	size := w.size()
	w.call(officer, "GET", auditEventPath, nil, because).problem("search-too-wide")
	w.call(officer, "GET", auditEventPath+"?date=ge2026-03-03", nil, because).problem("search-too-wide")
	require.Equal(t, size, w.size())
	w.audited(officer, "date=ge2026-03-04")
	w.audited(officer, "agent:identifier="+doctor.subject)
	w.audited(siteOfficer, "date=ge2026-03-03")
}
