package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// sample is a request that its route's handler accepts, whoever sends it.
func (w *world) sample(t route, n ledger.Seq) (path string, body any, h header) {
	path = strings.NewReplacer("{seq}", strconv.FormatUint(uint64(n), 10), "{ods}", "301", "{bundle}", "000.p/3").Replace(t.path)
	if strings.Contains(path, "/uploads/") {
		path = strings.ReplaceAll(path, "{id}", strings.Repeat("0", 32))
	}
	path = strings.ReplaceAll(path, "{id}", "7")
	switch t.path {
	case eventsPath, reviewEventsPath:
		path += "?state=queued" // asked for badly: the answer to a good request has no end
	case "/FHIR/R4/CareTeam", "/FHIR/R4/AuditEvent":
		path += "?patient:identifier=https://fhir.nhs.uk/Id/nhs-number|" + nhs(1)
	case "/FHIR/R4/Appointment":
		body = object{"resourceType": "Appointment", "status": "noshow", "start": "2026-03-02T09:30:00Z",
			"participant": []any{object{"actor": object{"identifier": object{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs(1)}}}}}
	case "/FHIR/R4/PatientFlag":
		path += "?patient=" + nhs(1) + "&code=child-protection-information-system-flag"
	case "/v1/lookups":
		body = object{"nhsNumber": nhs(1)}
	case "/v1/lookups/{seq}/corrections":
		body = object{"reason": "wrong child"}
	case "/v1/uploads":
		if t.method == "POST" {
			path, body = path+"?sequence=1", asJSON(ann(nil))
		}
	case "/v1/uploads/{id}/approvals":
		body = object{"reason": "checked with the team"}
	case "/v1/queries":
		body, h = message03(nhs(1), doctor), asXML
	case "/cds-services/{id}":
		path, body = "/cds-services/"+hookID, hookOf(nhs(1), nil)
	case "/v1/traces":
		body = object{"familyName": "Featherstonehaugh", "givenNames": "Annunziata", "dateOfBirth": "2015-05-04"}
	case "/v1/holdings":
		body = object{}
	case "/v1/numbers":
		body = object{"nhsNumber": nhs(1), "reason": "wrong child"}
	case "/v1/enrolments":
		body = `[{"nhsNumber":"` + nhs(1) + `","school":"` + school + `","from":"2025-09-01"}]`
	case "/v1/assignments":
		body = object{"person": "sn-1", "school": school, "from": "2026-01-01", "type": "own"}
	case "/v1/assignments/{seq}/ends":
		body = object{"to": "2026-03-03", "reason": "left the team"}
	case "/v1/unassigned/lookups":
		body = object{"authority": authority1}
	case "/v1/enrolments/wanted":
		body = object{}
	case "/v1/schools":
		body, h = "URN,EstablishmentName\n100009,Some School\n", asCSV
	case "/v1/organisations":
		path, body, h = path+"?sort=practice", odsLine("G81009", "Some Practice", "", ""), asCSV
	case "/v1/caseloads/lookups":
		body = object{"school": school}
	case "/v1/births":
		body = object{"mother": nhs(1), "babies": []any{object{"nhsNumber": nhs(2), "dateOfBirth": "2026-03-02"}}}
	case "/v1/births/corrections", "/v1/pregnancies/ended":
		body = object{"nhsNumber": nhs(1), "reason": "told by the midwife"}
	case "/v1/ladder":
		if t.method == "PUT" {
			body = object{"from": "2026-03-04", "worker": 30, "team": 30, "manager": 30, "emergencyDuty": 30, "opens": "09:00", "closes": "17:30"}
		}
	case "/v1/notifications/{id}/acknowledgements", "/v1/notifications/{id}/actions", "/v1/site-notices/{id}/acknowledgements":
		body = object{"action": "visited"}
	case "/v1/letters/trials":
		body = object{"authority": authority1, "way": "webhook"}
	case "/v1/missed-appointments":
		body = object{"nhsNumber": nhs(1), "appointmentAt": "2026-03-02T09:30:00Z", "service": "audiology"}
	case "/v1/trails":
		body = object{"nhsNumber": nhs(1), "reason": "complaint"}
	case "/v1/subject-copies":
		body = object{"nhsNumber": nhs(1), "for": "parent", "competent": false, "harmConsidered": true, "reason": "asked by letter"}
	case "/v1/directory/{ods}":
		body = object{"officeHours": "020 7946 0001", "emergencyDuty": "020 7946 0002"}
	case "/v1/emergency-lookups":
		body = object{"nhsNumber": nhs(1), "reason": "not breathing"}
	case "/v1/reviews/{seq}":
		body = object{"finding": "justified", "note": "not breathing"}
	case "/v1/policies/{ods}":
		if t.method == "PUT" {
			body = object{"from": "2030-01-01", "live": "inherit", "reason": "pilot"}
		}
	case "/v1/directory/{ods}/call-back":
		body = object{"callBack": "020 7946 0009"}
	case "/v1/organisations/{ods}":
		body = object{"name": "Northbank Council", "sort": "authority"}
	}
	return path, body, h
}

// Every cell of the table of roles: a role that may not ask is denied, on the
// record and with proof, with a good body, with a bad one, and with none; one
// that may ask is not denied for its role.
func TestEveryRouteForEveryRole(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1), "wrong child", "Featherstonehaugh")
	callers := map[ledger.Role]caller{}
	for _, c := range everybody {
		role, ok := ledger.ParseRole(c.role)
		require.True(t, ok)
		callers[role] = c
	}
	require.Len(t, callers, len(ledger.Roles()), "one caller of each role")
	cells, denials := 0, 0
	for _, rt := range routeTable {
		for _, role := range ledger.Roles() {
			who := callers[role]
			path, body, h := w.sample(rt, 3)
			cells++
			before := w.size()
			r := w.call(who, rt.method, path, body, h)
			name := fmt.Sprintf("%s %s as %s: %d %s", rt.method, rt.path, role, r.status, r.body)
			action := rt.asked(&Identity{Role: who.role})
			if ledger.May(role, action) {
				if r.status >= 400 {
					require.NotEqual(t, "role-not-permitted", r.code(), name)
					require.NotEqual(t, 500, r.status, name)
				}
				continue
			}
			require.Equal(t, 403, r.status, name)
			denied := func(r *reply) {
				t.Helper()
				e := r.denied("role-not-permitted")
				first := w.entry(e.Seq - ledger.Seq(e.Nth))
				require.Equal(t, who.subject, first.Actor.Subject)
				require.Equal(t, action, e.Event.(*ledger.AccessDenied).Action, name)
				kinds := w.kinds(before)
				delete(kinds, ledger.KindActorProfiled)
				require.Equal(t, map[ledger.Kind]int{ledger.KindAccessDenied: 1}, kinds, name)
				denials++
				before = w.size()
			}
			denied(r)
			if rt.body > 0 { // who probes must not stay off the record by writing badly
				denied(w.call(who, rt.method, path, "{", h))
				denied(w.call(who, rt.method, path, `{"unknown":1}`, h))
			}
			if name, query, ok := strings.Cut(path, "?"); ok && strings.HasPrefix(name, fhirBase) {
				denied(w.call(who, rt.method, name, body, h))
				denied(w.call(who, rt.method, name+"?"+query+"&"+query, body, h))
				denied(w.call(who, rt.method, path, body, header{"IsUnscheduledAccessEvent": "maybe"}))
			}
			// Whether a receipt is the caller's own is asked of the entry, so there must be one.
			if strings.Contains(rt.path, "{") && rt.action != ledger.ActReadReceipt {
				denied(w.call(who, rt.method, strings.ReplaceAll(path, lastVariable(rt.path, path), "x"), body, h))
			}
		}
	}
	require.Equal(t, len(routeTable)*len(ledger.Roles()), cells)
	require.Greater(t, denials, 200)
}

// lastVariable is what stands in a path for its template's variable.
func lastVariable(template, path string) string {
	path, _, _ = strings.Cut(path, "?")
	a, b := strings.Split(template, "/"), strings.Split(path, "/")
	for i := range a {
		if strings.HasPrefix(a[i], "{") {
			return b[i]
		}
	}
	return ""
}

// A denied lookup stands in the trail of the person that was asked for.
func TestDenialNamesThePerson(t *testing.T) {
	w := newWorld(t)
	e := w.lookup(nurse, object{"nhsNumber": nhs(1)}).denied("role-not-permitted")
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref)
	entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
	require.Equal(t, []any{"access-denied", "trail-read"}, column(entries, "kind"))
	require.Equal(t, nurse.name, entries[0]["name"])
}

func TestNoTokenNoRecord(t *testing.T) {
	w := newWorld(t)
	size := w.size()
	for _, rt := range routeTable {
		path, body, h := w.sample(rt, 3)
		r := w.call(nobody, rt.method, path, body, h)
		require.Equal(t, 401, r.status, rt.path)
		r.problem("token-missing")
		require.Equal(t, "Bearer", r.header.Get("WWW-Authenticate"))
	}
	require.Equal(t, size, w.size())
}

// Methods that a route does not answer, and paths that are no route, are told
// apart, never redirected, and disclose nothing.
func TestOtherMethodsAndPaths(t *testing.T) {
	w := newWorld(t)
	size := w.size()
	allowed := map[string]string{}
	paths := map[string]string{} // template to path
	for _, rt := range routeTable {
		p, _, _ := w.sample(rt, 3)
		p, _, _ = strings.Cut(p, "?")
		allowed[rt.path] += rt.method + " "
		paths[rt.path] = p
	}
	for _, o := range openRoutes() {
		allowed[o.path] += o.method + " HEAD "
		paths[o.path] = openSample(o.path)
	}
	for template, methods := range allowed {
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CONNECT"} {
			if strings.Contains(methods, m+" ") {
				continue
			}
			res, body := w.raw(t, m, paths[template])
			require.Equal(t, 405, res.StatusCode, "%s %s", m, template)
			requireConstantHeaders(t, res.Header)
			if m != "CONNECT" {
				require.ElementsMatch(t, strings.Fields(methods), strings.Split(res.Header.Get("Allow"), ", "), "%s %s", m, template)
			}
			if m != "HEAD" {
				require.Contains(t, body, "method-not-allowed")
			}
		}
	}
	for _, p := range []string{"/v1", "/v1/", "/v1/lookups/", "//v1/lookups", "/v1//lookups", "/v1/./lookups", "/v1/x/../lookups", "/v1/lookups;a=1", "/V1/lookups", "/v1/lookup",
		"/v1/%6cookups", "/v1/entries/3/", "/v1/uploads/%2e%2e/lookups", "/admin", "/metrics", "/favicon.ico", "/", "/tile/0", "/tile/entries",
		"/FHIR/R4", "/FHIR/R4/", "/FHIR/R4/CareTeam/41", "/FHIR/R4/Patient", "/FHIR/R4/careteam"} {
		for _, m := range []string{"GET", "POST"} {
			res, body := w.raw(t, m, p)
			require.Equal(t, 404, res.StatusCode, "%s %s", m, p)
			require.Contains(t, body, "not-found")
			requireConstantHeaders(t, res.Header)
		}
	}
	require.Equal(t, size, w.size())
}

// raw sends a request line as it is, with a doctor's token and a lookup's body.
func (w *world) raw(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.http.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	body := `{"nhsNumber":"` + nhs(1) + `"}`
	if method == "GET" || method == "HEAD" || method == "CONNECT" {
		body = ""
	}
	_, _ = fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: custos\r\nAuthorization: Bearer %s\r\nX-HTTP-Method-Override: POST\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, w.token(doctor), len(body), body)
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	require.NoError(t, err)
	text, _ := io.ReadAll(res.Body)
	return res, string(text)
}

// openSample is a path of an open route that has something.
func openSample(path string) string { return strings.ReplaceAll(path, "{tile}", "0/000.p/1") }

func TestOpenRoutes(t *testing.T) {
	w := newWorld(t)
	for _, o := range openRoutes() {
		r := w.call(nobody, "GET", openSample(o.path), nil)
		require.Equal(t, 200, r.status, o.path)
		require.NotEmpty(t, r.body)
		res, body := w.raw(t, "HEAD", openSample(o.path))
		require.Equal(t, 200, res.StatusCode)
		require.Empty(t, body)
	}
	docs := w.call(nobody, "GET", "/openapi.json", nil).ok(200)
	require.Equal(t, "3.0.3", docs["openapi"])
	for _, rt := range routeTable {
		op, ok := docs["paths"].(object)[rt.path].(object)[strings.ToLower(rt.method)].(object)
		require.True(t, ok, "%s %s is described", rt.method, rt.path)
		require.Equal(t, rt.summary, op["summary"])
	}
	page := string(w.call(nobody, "GET", "/docs/problems", nil).body)
	for _, code := range problemCodes() {
		require.Contains(t, page, `id="`+code+`"`)
	}
}

// What identifies a request is echoed; a cached or conditional request is a full, recorded answer.
func TestHeadersOfRequests(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	const a, b = "0d6a3e5c-3f0a-4b7e-9d5c-0a1b2c3d4e5f", "1d6a3e5c-3f0a-4b7e-9d5c-0a1b2c3d4e5f"
	r := w.lookup(doctor, object{"nhsNumber": nhs(1)}, header{"X-Request-ID": a, "X-Correlation-ID": b, "If-None-Match": "*", "If-Modified-Since": "Tue, 03 Mar 2026 14:00:00 GMT",
		"Range": "bytes=0-10", "X-Forwarded-For": "10.0.0.1", "X-HTTP-Method-Override": "DELETE"})
	r.recorded(200)
	require.Equal(t, a, r.header.Get("X-Request-ID"))
	require.Equal(t, b, r.header.Get("X-Correlation-ID"))
	size := w.size()
	w.lookup(doctor, object{"nhsNumber": nhs(1)}, header{"X-Request-ID": nhs(1)}).problem("request-id-format")
	require.Equal(t, size, w.size())
}

// Too many at once are sent away, with nothing recorded.
func TestTooManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.server.slots.most.Store(0)
	size := w.size()
	r := w.lookup(doctor, object{"nhsNumber": nhs(1)})
	r.problem("busy")
	require.Equal(t, "1", r.header.Get("Retry-After"))
	require.Equal(t, size, w.size())
	w.server.slots.most.Store(2048)
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Zero(t, w.server.slots.now.Load(), "every place was given back")
	require.Zero(t, w.server.uploads.now.Load())
}

// Somebody whom the issuer vouches for, and who holds no role here, no selected role, another organisation's
// or too weak a sign-in, is turned away on the record, on every route, in no role and for no organisation.
func TestTurnedAwayOnTheRecord(t *testing.T) {
	w := newWorld(t)
	w.idp.publish(t, "cis2", "ec")
	token := func(change object) string {
		c := w.idp.cis2Claims(object{"sub": "999000000017", "name": "Nobodine Here"})
		return w.idp.token(t, "ec", merged(c, change))
	}
	w.secret("Nobodine Here", nhs(1))
	without := []any{object{"org_code": "RX9", "person_roleid": "555", "activity_codes": []string{"B0001"}}}
	elsewhere := []any{object{"org_code": "RFAR", "person_roleid": "555", "activity_codes": []string{"B0107"}}}
	for name, c := range map[string]struct {
		change object
		code   string
	}{
		"no activity code": {object{"nhsid_nrbac_roles": without}, "role-unknown"},
		"none selected":    {object{"selected_roleid": nil}, "role-not-selected"},
		"not held":         {object{"selected_roleid": "1"}, "role-not-selected"},
		"a weak sign-in":   {object{"acr": "AAL1_USERPASS"}, "assurance-too-low"},
		"elsewhere":        {object{"nhsid_nrbac_roles": elsewhere}, "organisation-not-permitted"},
	} {
		for _, rt := range routeTable {
			path, body, h := w.sample(rt, 3)
			before := w.size()
			r := w.call(nobody, rt.method, path, body, h, header{"Authorization": "Bearer " + token(c.change)})
			p := r.problem(c.code)
			require.Equal(t, 403, r.status, name)
			require.NotNil(t, p.Seq, "%s %s", name, rt.path)
			w.proves(p.Receipt, ledger.Seq(*p.Seq))
			e := w.entry(ledger.Seq(*p.Seq))
			require.Equal(t, rt.action, e.Event.(*ledger.AccessDenied).Action)
			first := w.entry(e.Seq - ledger.Seq(e.Nth))
			require.Equal(t, "999000000017", first.Actor.Subject)
			require.Equal(t, ledger.RoleNone, first.Actor.Role)
			require.Empty(t, first.Actor.Organisation)
			kinds := w.kinds(before)
			delete(kinds, ledger.KindActorProfiled)
			require.Equal(t, map[ledger.Kind]int{ledger.KindAccessDenied: 1}, kinds)
		}
	}
}
