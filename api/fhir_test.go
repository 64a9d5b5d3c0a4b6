package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// aboutOf is the query that names a person, spelled as the guide spells it.
func aboutOf(number string) string {
	return "?patient:identifier=https://fhir.nhs.uk/Id/nhs-number|" + number
}

// fhir asks for a resource about a person.
func (w *world) fhir(who caller, resource, number string, more ...header) *reply {
	w.t.Helper()
	w.secret(number)
	return w.call(who, "GET", fhirBase+resource+aboutOf(number), nil, more...)
}

// searchset wants a recorded bundle, and returns it with its entry.
func (r *reply) searchset(total int) (object, ledger.Entry) {
	r.w.t.Helper()
	out := r.ok(200)
	require.Equal(r.w.t, "Bundle", out["resourceType"])
	require.Equal(r.w.t, "searchset", out["type"])
	require.EqualValues(r.w.t, fmt.Sprint(total), out["total"])
	require.Equal(r.w.t, r.header.Get("Custos-Seq"), out["id"])
	return out, r.w.entry(r.seq())
}

// bundle wants a searchset, whatever the number of its matches.
func (r *reply) bundle() object {
	r.w.t.Helper()
	out := r.ok(200)
	require.Equal(r.w.t, "searchset", out["type"])
	return out
}

// resources lists a bundle's resources of one type.
func resources(bundle object, kind string) []object {
	var out []object
	entries, _ := bundle["entry"].([]any)
	for _, e := range entries {
		if r := e.(object)["resource"].(object); r["resourceType"] == kind {
			out = append(out, r)
		}
	}
	return out
}

// paths lists the elements that a resource has, each once, by their names from
// the top down. A resource within it goes by its type.
func paths(v any) []string {
	all := map[string]bool{}
	var walk func(string, any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(at, x)
			}
		case object:
			if kind, ok := v["resourceType"].(string); ok {
				at = strings.TrimPrefix(at+"/"+kind, "/")
			}
			for name, x := range v {
				if name != "resourceType" {
					walk(at+"."+name, x)
				}
			}
		default:
			all[at] = true
		}
	}
	walk("", v)
	var out []string
	for p := range all {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

func TestCareTeam(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil), ann(func(p *planRow) {
		p.PlanType, p.Start, p.End, p.LocalID = "LAC", "2024-01-01", "2025-06-30", "LOCAL-0002"
	}))
	size := w.size()
	out, e := w.fhir(doctor, "CareTeam", nhs(1)).searchset(2)
	a := w.disclosed(e, nhs(1), 2)
	require.Equal(t, []string{authority1}, a.Told)
	require.True(t, a.Unscheduled && a.Shown && !a.Conflict)
	kinds := w.kinds(size)
	require.Equal(t, 1, kinds[ledger.KindAccessed])
	require.Equal(t, 1, kinds[ledger.KindNotificationQueued])
	_, next := w.fhir(doctor, "AuditEvent", nhs(1)).searchset(1)
	require.Equal(t, a.Notifications, next.Event.(*ledger.Accessed).Notifications, "two lookups of one attendance, one notification")
	require.Equal(t, []any{object{"relation": "self", "url": worldURL + "/FHIR/R4/CareTeam?patient:identifier=https://fhir.nhs.uk/Id/nhs-number%7C" + nhs(1)}}, out["link"])
	teams := resources(out, "CareTeam")
	require.Len(t, out["entry"], 2)
	category := func(code, display string) []any {
		return []any{object{"coding": []any{object{"system": "http://snomed.info/sct", "code": code, "display": display}}}}
	}
	team := object{"resourceType": "CareTeam", "name": "Northbank Council", "subject": object{"display": "Annunziata FEATHERSTONEHAUGH",
		"identifier": object{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs(1)}},
		"telecom": []any{object{"system": "phone", "value": "020 7946 0001", "use": "work"}, object{"system": "phone", "value": "020 7946 0002", "use": "mobile"}}}
	with := func(more object) object {
		out := object{}
		for _, o := range []object{team, more} {
			for k, v := range o {
				out[k] = v
			}
		}
		return out
	}
	require.ElementsMatch(t, []object{
		with(object{"id": fhirID(a.Disclosed[0]), "status": "active", "category": category("342191000000101", "Subject to child protection plan"), "period": object{"start": "2025-01-10"}}),
		with(object{"id": fhirID(a.Disclosed[1]), "status": "inactive", "category": category("764841000000100", "Looked after child"), "period": object{"start": "2024-01-01", "end": "2025-06-30"}}),
	}, teams)

	w.plans(uploader2, 1, ann(func(p *planRow) {
		p.NHSNumber, p.FamilyName, p.GivenNames, p.DateOfBirth, p.PlanType, p.Start, p.End = nhs(2), "Wintergreen", "Mirabella", "1990-02-03", "UCPP", "2026-01-01", "2026-05-01"
	}))
	out, _ = w.fhir(doctor, "CareTeam", nhs(2)).searchset(1)
	require.Equal(t, category("818901000000100", "Unborn child subject to child protection plan"), resources(out, "CareTeam")[0]["category"])
}

// Nothing found is an answer, recorded, with total 0; the caution beside it is
// no match, and can be switched off.
func TestFHIRNotFound(t *testing.T) {
	w := newWorld(t)
	for _, resource := range []string{"CareTeam", "AuditEvent"} {
		out, e := w.fhir(doctor, resource, nhs(3)).searchset(0)
		w.disclosed(e, nhs(3), 0)
		require.Len(t, out["entry"], 1)
		entry := list(out["entry"])[0].(object)
		require.Equal(t, object{"mode": "outcome"}, entry["search"])
		require.Equal(t, caution, list(resources(out, "OperationOutcome")[0]["issue"])[0].(object)["diagnostics"])
		w.server.cfg.FHIRWithoutCaution = true
		out, _ = w.fhir(doctor, resource, nhs(3)).searchset(0)
		require.NotContains(t, out, "entry")
		w.server.cfg.FHIRWithoutCaution = false
	}
}

func TestAuditEvent(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	_, first := w.lookup(otherDoctor, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(planner, object{"nhsNumber": nhs(1)}).recorded(200)
	out, e := w.fhir(doctor, "AuditEvent", nhs(1)).searchset(2)
	a := w.disclosed(e, nhs(1), 1)
	require.True(t, a.Shown, "it stands in its own answer")
	require.Equal(t, []string{authority1}, a.Told)
	events, roles := resources(out, "AuditEvent"), resources(out, "PractitionerRole")
	require.Len(t, events, 2, "scheduled care is not in the history")
	require.Len(t, roles, 2)
	for i, want := range []struct {
		seq  ledger.Seq
		name string
	}{{e.Seq, doctor.name}, {first.Seq, otherDoctor.name}} {
		role := "PractitionerRole/" + fhirID(want.seq)
		require.Equal(t, fhirID(want.seq), events[i]["id"])
		require.Equal(t, fhirInstant(w.entry(want.seq).Time), events[i]["recorded"])
		require.Equal(t, role, list(events[i]["agent"])[1].(object)["who"].(object)["reference"])
		require.Equal(t, nhs(1), list(events[i]["agent"])[0].(object)["who"].(object)["identifier"].(object)["value"])
		require.NotContains(t, events[i], "outcomeDesc")
		require.Equal(t, object{"resourceType": "PractitionerRole", "id": fhirID(want.seq), "practitioner": object{"display": want.name},
			"organization": object{"display": "Emergency Department", "identifier": object{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": emergency}},
			"code":         []any{object{"text": "clinician"}}}, roles[i])
	}

	// A lookup in error is marked, whether the history was written before or not.
	w.call(otherDoctor, "POST", fmt.Sprintf("/v1/lookups/%d/corrections", first.Seq), object{"reason": "twin"}).recorded(201)
	out, _ = w.fhir(doctor, "AuditEvent", nhs(1)).searchset(2)
	events = resources(out, "AuditEvent")
	require.NotContains(t, events[0], "outcomeDesc")
	require.Equal(t, "Looked up in error", events[1]["outcomeDesc"])

	// The newest 25, newest first, of whoever looked.
	for i := range 30 {
		w.lookup(caller{"clinician", fmt.Sprintf("many-%d", i), emergency, fmt.Sprintf("Dr Manifold %d", i), ""}, object{"nhsNumber": nhs(1)}).recorded(200)
	}
	out, _ = w.fhir(planner, "AuditEvent", nhs(1), header{"IsUnscheduledAccessEvent": "false"}).searchset(25)
	names := resources(out, "PractitionerRole")
	require.Equal(t, object{"display": "Dr Manifold 29"}, names[0]["practitioner"])
	require.Equal(t, object{"display": "Dr Manifold 5"}, names[24]["practitioner"])

	// The history of a number that was replaced, asked for by either number.
	w.call(officer, "POST", "/v1/numbers", object{"nhsNumber": nhs(1), "replacedBy": nhs(4), "dateOfBirth": "2015-05-04", "reason": "the register says so"}).recorded(201)
	for _, n := range []string{nhs(4), nhs(1), nhs(4)} {
		r := w.fhir(planner, "AuditEvent", n, header{"IsUnscheduledAccessEvent": "false"})
		r.searchset(25)
		require.Equal(t, 26, strings.Count(string(r.body), n), "the number that was asked for, and no other")
	}
	r := w.fhir(caller{"clinician", "many-30", emergency, "Dr Manifold 30", ""}, "AuditEvent", nhs(1))
	r.searchset(25)
	require.NotContains(t, string(r.body), nhs(4), "nor in lines that were written for it before")
}

// Who looked at a restricted child is hidden here as it is everywhere.
func TestFHIRHidesRestrictedPeople(t *testing.T) {
	w := newWorld(t)
	w.server.match = func(_ context.Context, rows []planRow) ([]matching, error) {
		return []matching{{state: ledger.Matched, restricted: true}}, nil
	}
	w.plans(uploader, 1, ann(nil))
	w.lookup(otherDoctor, object{"nhsNumber": nhs(1)}).recorded(200)
	out, _ := w.fhir(doctor, "AuditEvent", nhs(1)).searchset(0)
	require.NotContains(t, out, "entry")
	w.fhir(doctor, "CareTeam", nhs(1)).searchset(1)
}

// The published spellings of one question are one question: percent-encoded or
// not, with the inclusion that the guide names, with a format.
func TestFHIRSpellings(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	raw := "patient:identifier=https://fhir.nhs.uk/Id/nhs-number|" + nhs(1)
	encoded := url.QueryEscape("patient:identifier") + "=" + url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+nhs(1))
	key := header{"Idempotency-Key": uuid.NewString()}
	for i, query := range []string{raw, encoded, raw + "&_format=json", "_format=application/fhir+json&" + encoded, raw + "&_format=application/fhir%2Bjson",
		strings.Replace(raw, nhs(1), nhs(1)[:3]+"%20"+nhs(1)[3:6]+"%20"+nhs(1)[6:], 1)} {
		r := w.call(doctor, "GET", "/FHIR/R4/CareTeam?"+query, nil, key)
		out, e := r.searchset(1)
		require.Equal(t, i > 0, w.entry(w.size()-1).Kind == ledger.KindReopened, "the same question, asked again")
		require.Contains(t, out["link"].([]any)[0].(object)["url"], "%7C"+nhs(1))
		require.Equal(t, ledger.KindAccessed, e.Kind)
	}
	for _, include := range []string{auditInclude, auditIncludePublished, url.QueryEscape(auditIncludePublished)} {
		w.call(doctor, "GET", "/FHIR/R4/AuditEvent?"+raw+"&_include="+include, nil).searchset(1)
	}
	for _, accept := range []string{"application/fhir+json", "application/fhir+json; fhirVersion=4.0", "*/*", "application/xml, application/json;q=0.1", "text/html,application/*;q=0.5"} {
		w.call(doctor, "GET", "/FHIR/R4/CareTeam?"+raw, nil, header{"Accept": accept}).searchset(1)
	}
	// A reference of the caller's own is taken for a TraceID, kept sealed, and given back.
	r := w.call(doctor, "GET", "/FHIR/R4/CareTeam?"+raw, nil, header{"TraceID": "ED:visit.0042"})
	_, e := r.searchset(1)
	require.Equal(t, "ED:visit.0042", r.header.Get("TraceID"))
	db, release := w.node.Ledger()
	defer release()
	var d ledger.AccessDetails
	require.NoError(t, w.opened(db, &e, &d))
	require.Equal(t, ledger.AccessDetails{NHSNumber: nhs(1), Trace: "ED:visit.0042"}, d)
	w.lookup(doctor, object{"nhsNumber": nhs(1)}, header{"TraceID": "ED:visit.0042"}).problem("request-id-format")
}

// What cannot be meant is refused with the published code, repeats nothing, and
// is not recorded.
func TestBadFHIR(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1), "Featherstonehaugh", "maybe-not")
	good := "patient:identifier=https://fhir.nhs.uk/Id/nhs-number|" + nhs(1)
	size := w.size()
	for _, c := range []struct {
		query        string
		head         header
		status       int
		issue, spine string
		code         string
		said         string
	}{
		{"", nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "patient:identifier is missing"},
		{good + "&" + good, nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "too often"},
		{"patient:identifier=", nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "is empty"},
		{good + "&name=Featherstonehaugh", nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "not known here"},
		{"patient=" + nhs(1), nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "not known here"},
		{"patient:identifier=" + nhs(1), nil, 400, "invalid", "INVALID_SEARCH_DATA", "identifier-system", "https://fhir.nhs.uk/Id/nhs-number|"},
		{"patient:identifier=|" + nhs(1), nil, 400, "invalid", "INVALID_SEARCH_DATA", "identifier-system", ""},
		{strings.Replace(good, "https", "http", 1), nil, 400, "invalid", "INVALID_SEARCH_DATA", "identifier-system", ""},
		{strings.Replace(good, nhs(1), "9990000990", 1), nil, 400, "invalid", "INVALID_SEARCH_DATA", "nhs-number-check-digit", "Invalid NHS number"},
		{good + "7", nil, 400, "invalid", "INVALID_SEARCH_DATA", "nhs-number-format", "Invalid NHS number"},
		{good + "%zz", nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "not well formed"},
		{good + ";x=1", nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "not well formed"},
		{good, header{"IsUnscheduledAccessEvent": "maybe-not"}, 400, "invalid", "PRECONDITION_FAILED", "header-value", "Missing or invalid header parameter"},
		{good, header{"IsUnscheduledAccessEvent": ""}, 400, "invalid", "PRECONDITION_FAILED", "header-value", ""},
		{good, header{"TraceID": nhs(1)}, 400, "invalid", "PRECONDITION_FAILED", "request-id-format", ""},
		{good, header{"X-Request-ID": "1"}, 400, "invalid", "PRECONDITION_FAILED", "request-id-format", ""},
		{good, header{"Idempotency-Key": "1"}, 400, "invalid", "PRECONDITION_FAILED", "idempotency-key-format", ""},
		{good, header{"Authorization": ""}, 401, "login", "ACCESS_DENIED", "token-missing", ""},
		{good, header{"Accept": "application/fhir+xml"}, 406, "not-supported", "UNSUPPORTED_SERVICE", "not-acceptable", "not in XML"},
		{good, header{"Accept": "application/fhir+json; fhirVersion=3.0"}, 406, "not-supported", "UNSUPPORTED_SERVICE", "not-acceptable", ""},
		{good, header{"Accept": "application/json;q=0"}, 406, "not-supported", "UNSUPPORTED_SERVICE", "not-acceptable", ""},
		{good + "&_format=xml", header{"Accept": "application/fhir+json"}, 406, "not-supported", "UNSUPPORTED_SERVICE", "not-acceptable", ""},
		{good + "&_format=json&_format=json", nil, 400, "invalid", "INVALID_SEARCH_DATA", "query-parameter", "_format"},
	} {
		for _, resource := range []string{"CareTeam", "AuditEvent"} {
			r := w.call(doctor, "GET", fhirBase+resource+"?"+c.query, nil, c.head)
			require.Equal(t, c.status, r.status, "%s: %s", c.query, r.body)
			require.Contains(t, r.problem(c.code).Detail, c.said)
			issue := list(r.json()["issue"])[0].(object)
			require.Equal(t, c.issue, issue["code"])
			require.Equal(t, c.spine, list(issue["details"].(object)["coding"])[0].(object)["code"])
		}
	}
	w.call(doctor, "GET", "/FHIR/R4/AuditEvent?"+good+"&_include=AuditEvent:entity", nil).problem("query-parameter")
	w.call(doctor, "GET", "/FHIR/R4/CareTeam?"+good+"&_include="+auditInclude, nil).problem("query-parameter")
	w.call(doctor, "GET", "/FHIR/R4/CareTeam?"+good, "{}").problem("body-too-large")
	require.Equal(t, size, w.size())
	require.NotContains(t, w.log.String(), "patient:identifier", "a query is in no log")
	require.NotContains(t, w.log.String(), "patient%3Aidentifier")
}

// Statuses that no good request gets are OperationOutcomes as well.
func TestFHIRErrors(t *testing.T) {
	w := newWorld(t)
	spine := func(r *reply, status int, code string) {
		t.Helper()
		require.Equal(t, status, r.status)
		require.Equal(t, code, list(list(r.json()["issue"])[0].(object)["details"].(object)["coding"])[0].(object)["code"])
	}
	r := w.call(doctor, "POST", "/FHIR/R4/CareTeam", nil)
	spine(r, 405, "UNSUPPORTED_SERVICE")
	require.Equal(t, "GET", r.header.Get("Allow"))
	spine(w.call(doctor, "GET", "/FHIR/R4/CareTeam/41", nil), 404, "RESOURCE_NOT_FOUND")
	spine(w.call(doctor, "GET", "/FHIR/R4/metadata?_format=xml", nil), 406, "UNSUPPORTED_SERVICE")
	spine(w.call(doctor, "POST", "/FHIR/R4/Appointment", "<Appointment/>", header{"Content-Type": "application/fhir+xml"}), 415, "UNSUPPORTED_SERVICE")
	w.server.slots.most.Store(0)
	r = w.fhir(doctor, "CareTeam", nhs(1))
	spine(r, 503, "UNABLE_TO_CALL_SERVICE")
	require.Equal(t, "1", r.header.Get("Retry-After"))
	require.Contains(t, r.problem("busy").Detail, `This is not "no plan"`)
	require.Contains(t, r.problem("busy").Detail, "/v1/directory")
	w.server.slots.most.Store(2048)
	for err, code := range map[error]string{consensus.ErrNoLeader: "unavailable", consensus.ErrUnknown: "outcome-unknown"} {
		w.hooked(func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) {
			return consensus.Outcome{}, err
		}, func() {
			r = w.fhir(doctor, "CareTeam", nhs(1))
			spine(r, 503, "UNABLE_TO_CALL_SERVICE")
			r.problem(code)
		})
	}
	w.hooked(func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) { panic(nhs(1)) }, func() {
		spine(w.fhir(doctor, "CareTeam", nhs(1)), 500, "UNABLE_TO_CALL_SERVICE")
	})
	w.server.trawl.most = 1
	w.fhir(otherDoctor, "CareTeam", nhs(1)).bundle()
	r = w.fhir(otherDoctor, "AuditEvent", nhs(2))
	spine(r, 429, "TOO_MANY_REQUESTS")
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.NotNil(t, r.problem("too-many-people").Seq, "recorded, with its receipt")
	late := w.fhir(caller{"clinician", "late", "RLATE", "Dr Tardy", ""}, "CareTeam", nhs(1))
	e := late.denied("not-live")
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref)
	require.Contains(t, late.problem("not-live").Detail, "From 2026-06-01.")
	spine(late, 403, "ACCESS_DENIED")
	require.Equal(t, w.keys.Person(nhs(1)), w.fhir(nurse, "AuditEvent", nhs(1)).denied("role-not-permitted").Person.Ref)
}

func TestFHIRMetadata(t *testing.T) {
	w := newWorld(t)
	out := w.call(nobody, "GET", "/FHIR/R4/metadata", nil).ok(200)
	require.Equal(t, worldURL+"/FHIR/R4", out["implementation"].(object)["url"])
	routes := map[string]bool{}
	for _, rt := range routeTable {
		if name, ok := strings.CutPrefix(rt.path, fhirBase); ok {
			routes[name] = true
		}
	}
	for _, r := range list(list(out["rest"])[0].(object)["resource"]) {
		name := r.(object)["type"].(string)
		if name == "Flag" {
			name = "PatientFlag"
		}
		delete(routes, name)
	}
	require.Empty(t, routes, "what is answered and not said")
}

// A day apart, the same author's second look is a line of its own; the first
// answer's lines are part of the second's, and are the same.
func TestFHIRHistoryGrows(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	before := w.fhir(doctor, "AuditEvent", nhs(1))
	before.searchset(1)
	w.forward(25 * time.Hour)
	after := w.fhir(doctor, "AuditEvent", nhs(1))
	after.searchset(2)
	entries := func(r *reply) []json.RawMessage {
		var b struct{ Entry []json.RawMessage }
		require.NoError(t, json.Unmarshal(r.body, &b))
		return b.Entry
	}
	require.Len(t, entries(after), 4)
	for i, e := range entries(before) {
		require.True(t, bytes.Equal(e, entries(after)[2+i]))
	}
}

// What CP-IS publishes as its examples, and what this system answers about a
// child of its own, have the same elements, but for what docs/FHIR.md lists.
func TestPublishedExamples(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(func(p *planRow) { p.End = "2026-09-26" }))
	w.server.cfg.FHIRWithoutCaution = true
	for _, c := range []struct {
		name          string
		reply         *reply
		published     string
		lacks, beside []string
	}{
		{
			"CareTeam, found", w.fhir(doctor, "CareTeam", nhs(1)),
			`Bundle.id type total link.relation link.url entry.fullUrl entry.search.mode
			 entry.resource/CareTeam.id category.coding.system category.coding.code category.coding.display name
			 subject.identifier.system subject.identifier.value subject.display period.start period.end telecom.system telecom.value telecom.use`,
			nil, []string{"Bundle.entry.resource/CareTeam.status"},
		},
		{"CareTeam, not found", w.fhir(doctor, "CareTeam", nhs(3)), `Bundle.id type total link.relation link.url`, nil, nil},
		{
			"AuditEvent", w.fhir(doctor, "AuditEvent", nhs(1)),
			`Bundle.id type total link.relation link.url entry.fullUrl entry.search.mode
			 entry.resource/AuditEvent.id type.system type.display recorded agent.type.coding.system agent.type.coding.code agent.type.coding.display
			 agent.who.identifier.system agent.who.identifier.value agent.who.reference agent.requestor source.observer.reference
			 entry.resource/PractitionerRole.id identifier.system identifier.value practitioner.display organization.display code.coding.system code.coding.code code.coding.display`,
			prefixed("Bundle.entry.resource/PractitionerRole.", "identifier.system", "identifier.value", "code.coding.system", "code.coding.code", "code.coding.display"),
			prefixed("Bundle.entry.resource/", "AuditEvent.type.code", "PractitionerRole.code.text", "PractitionerRole.organization.identifier.system", "PractitionerRole.organization.identifier.value"),
		},
		{
			"Patient Flag", w.flag(doctor, nhs(1)),
			`Bundle.id type entry.fullUrl
			 entry.resource/Flag.id meta.profile contained/Provenance.id contained/Provenance.meta.profile contained/Provenance.target.reference contained/Provenance.recorded
			 contained/Provenance.activity.coding.system contained/Provenance.activity.coding.code contained/Provenance.activity.coding.display
			 contained/Provenance.agent.role.coding.system contained/Provenance.agent.role.coding.code contained/Provenance.agent.role.coding.display
			 contained/Provenance.agent.who.reference contained/Provenance.agent.onBehalfOf.reference
			 status code.coding.system code.coding.code code.coding.display subject.reference subject.display period.start
			 extension.url extension.valueReference.reference extension.valueReference.display
			 entry.resource/CarePlan.id meta.profile status intent category.coding.system category.coding.code category.coding.display
			 subject.reference subject.display period.start careTeam.reference careTeam.display
			 entry.resource/CareTeam.id meta.profile status name telecom.system telecom.value telecom.use`,
			prefixed("Bundle.entry.resource/Flag.contained/Provenance.agent.", "role.coding.system", "role.coding.code", "role.coding.display", "who.reference", "onBehalfOf.reference"),
			append(prefixed("Bundle.entry.resource/", "CarePlan.period.end", "CarePlan.subject.identifier.system", "CarePlan.subject.identifier.value",
				"Flag.period.end", "Flag.subject.identifier.system", "Flag.subject.identifier.value"), // an end, where the example's plan has none
				prefixed("Bundle.entry.resource/Flag.contained/Provenance.agent.", "role.text", "who.type", "who.identifier.system", "who.identifier.value", "who.display")...),
		},
		{
			"access denied", w.fhir(nurse, "CareTeam", nhs(1)),
			`OperationOutcome.issue.severity issue.code issue.details.coding.system issue.details.coding.code issue.details.coding.display`,
			nil, []string{"OperationOutcome.issue.diagnostics", "OperationOutcome.issue.extension.url", "OperationOutcome.issue.extension.valueUrl"},
		},
	} {
		var out any
		require.NoError(t, json.Unmarshal(c.reply.body, &out))
		var want []string
		for _, p := range elements(c.published) {
			if !slices.Contains(c.lacks, p) {
				want = append(want, p)
			}
		}
		want = append(want, c.beside...)
		slices.Sort(want)
		require.Equal(t, want, paths(out), c.name)
	}
}

func prefixed(prefix string, names ...string) []string {
	var out []string
	for _, n := range names {
		out = append(out, prefix+n)
	}
	return out
}

// elements spells a list of paths out: one that begins with a capital, or with
// "entry.resource/", is of the resource that those after it are of.
func elements(text string) []string {
	var out []string
	top, within := "", ""
	for _, p := range strings.Fields(text) {
		switch {
		case p[0] >= 'A' && p[0] <= 'Z':
			top, p, _ = strings.Cut(p, ".")
			within = top
		case strings.HasPrefix(p, "entry.resource/"):
			var kind string
			kind, p, _ = strings.Cut(p, ".resource/")
			kind = top + "." + kind
			name, rest, _ := strings.Cut(p, ".")
			within, p = kind+".resource/"+name, rest
		}
		out = append(out, within+"."+p)
	}
	return out
}
