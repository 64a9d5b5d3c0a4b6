package api

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

const caresAlways = "outcome seq asOf unscheduled plans accessHistory accessCount notified receipt"

func always(more ...string) []string { return append(strings.Fields(caresAlways), more...) }

// disclosed checks that the entry an answer names is about the person and
// lists exactly the plan entries that hold what was shown.
func (w *world) disclosed(e ledger.Entry, nhsNumber string, plans int) *ledger.Accessed {
	w.t.Helper()
	require.Equal(w.t, w.keys.Person(nhsNumber), e.Person.Ref)
	a, ok := e.Event.(*ledger.Accessed)
	require.True(w.t, ok)
	require.Len(w.t, a.Disclosed, plans)
	for _, seq := range a.Disclosed {
		p := w.entry(seq)
		require.Equal(w.t, ledger.KindPlanRecorded, p.Kind)
		require.Equal(w.t, e.Person.Ref, p.Person.Ref)
	}
	return a
}

func TestLookupFound(t *testing.T) {
	w := newWorld(t)
	ended := ann(func(p *planRow) {
		p.PlanType, p.Start, p.End, p.LocalID = "LAC", "2024-01-01", "2025-06-30", "LOCAL-0002"
	})
	w.plans(uploader, 1, ann(nil), ended)
	out, e := w.lookup(doctor, object{"nhsNumber": nhs(1), "dateOfBirth": "2015-05-04", "attendance": "ATT-77123", "callBack": "bleep 90017"}).recorded(200)
	requireFields(t, out, always("person", "notice")...)
	require.Contains(t, out["notice"], "not a referral")
	a := w.disclosed(e, nhs(1), 2)
	require.True(t, a.Unscheduled)
	require.Equal(t, []string{authority1}, a.Told)
	require.Equal(t, "found", out["outcome"])
	require.Equal(t, object{"familyName": "Featherstonehaugh", "givenNames": "Annunziata", "dateOfBirth": "2015-05-04"}, out["person"])
	where := object{"ods": authority1, "name": "Northbank Council", "officeHours": "020 7946 0001", "emergencyDuty": "020 7946 0002"}
	require.ElementsMatch(t, []any{
		object{"type": "child-protection-plan", "status": "active", "start": "2025-01-10", "visibleUntil": "2034-05-03", "localAuthority": where},
		object{"type": "looked-after-child", "status": "ended", "start": "2024-01-01", "end": "2025-06-30", "visibleUntil": "2026-06-29", "localAuthority": where},
	}, out["plans"])
	told := list(out["notified"])
	require.Len(t, told, 1)
	requireFields(t, told[0], "ods", "name", "state", "at")
	require.Equal(t, "queued", told[0].(object)["state"])
	history := list(out["accessHistory"])
	require.Len(t, history, 1)
	requireFields(t, history[0], "at", "name", "role", "organisation")
	require.Equal(t, "Dr Quillfeather", history[0].(object)["name"])
	require.Equal(t, "Emergency Department", history[0].(object)["organisation"])
	require.EqualValues(t, "1", out["accessCount"])

	// The same author again within a day is not shown; another is.
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	out, _ = w.lookup(otherDoctor, object{"nhsNumber": " 999-000 " + nhs(1)[6:]}).recorded(200)
	require.Len(t, out["accessHistory"], 2)
	require.EqualValues(t, "2", out["accessCount"])

	// A mother's plan is for her unborn child: two authorities are each told.
	mother := ann(func(p *planRow) {
		p.NHSNumber, p.FamilyName, p.GivenNames, p.DateOfBirth, p.PlanType, p.Start, p.End = nhs(2), "Wintergreen", "Mirabella", "1990-02-03", "UCPP", "2026-01-01", "2026-05-01"
	})
	w.plans(uploader, 2, mother)
	w.plans(uploader2, 1, mother)
	out, e = w.lookup(doctor, object{"nhsNumber": nhs(2)}).recorded(200)
	require.Equal(t, []string{authority1, authority2}, w.disclosed(e, nhs(2), 2).Told)
	require.Len(t, out["notified"], 2)
	require.Equal(t, "unborn-child-protection-plan", list(out["plans"])[0].(object)["type"])
}

func TestLookupNotFound(t *testing.T) {
	w := newWorld(t)
	out, e := w.lookup(doctor, object{"nhsNumber": nhs(3)}).recorded(200)
	w.disclosed(e, nhs(3), 0)
	requireFields(t, out, always("caution", "coverage")...)
	require.Equal(t, "not-found", out["outcome"])
	require.Contains(t, out["caution"], "not evidence of safety")
	require.Empty(t, out["plans"])
	require.Empty(t, out["notified"])
	require.Equal(t, object{"authorities": nil, "stale": []any{}}["stale"], out["coverage"].(object)["stale"])
	require.EqualValues(t, "0", out["coverage"].(object)["authorities"])

	w.plans(uploader, 1, ann(nil))
	w.forward(27 * time.Hour)
	w.plans(uploader2, 1, ann(nil))
	out, _ = w.lookup(doctor, object{"nhsNumber": nhs(3)}).recorded(200)
	coverage := out["coverage"].(object)
	requireFields(t, coverage, "authorities", "stale")
	require.EqualValues(t, "2", coverage["authorities"])
	require.Equal(t, []any{object{"ods": authority1, "name": "Northbank Council"}}, coverage["stale"], "the last upload was 27 hours ago")
}

// What is visible follows from the day of the lookup alone.
func TestLookupVisibility(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(func(p *planRow) { p.End = "2026-02-01" }))
	for _, c := range []struct {
		forward int // days
		outcome string
	}{{0, "found"}, {333, "found"}, {334, "found"}, {335, "not-found"}} {
		w.ahead.Store(int64(c.forward) * int64(24*time.Hour))
		out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
		require.Equal(t, c.outcome, out["outcome"], "after %d days, on %v", c.forward, out["asOf"])
	}
}

func TestLookupMismatch(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	const other = "2015-05-05"
	w.secret(other)
	for _, body := range []object{
		{"nhsNumber": nhs(1), "dateOfBirth": other},
		{"nhsNumber": nhs(1), "dateOfBirth": other, "reason": "the parents say so at triage"},
		{"nhsNumber": nhs(1), "dateOfBirth": other, "identityConfirmed": true},
	} {
		before := w.size()
		r := w.lookup(doctor, body)
		out, e := r.recorded(200)
		w.disclosed(e, nhs(1), 0)
		requireFields(t, out, always("caution")...)
		require.Equal(t, "mismatch", out["outcome"])
		require.Contains(t, out["caution"], `Identity not confirmed; this is not "no plan"`)
		require.Empty(t, out["plans"])
		require.Empty(t, out["notified"])
		require.Empty(t, out["accessHistory"])
		require.NotContains(t, string(r.body), "Featherstonehaugh")
		require.NotContains(t, string(r.body), `"`+authority1+`"`, "as a value: the digits may stand in a time")
		require.NotContains(t, string(r.body), "Northbank")
		require.Zero(t, w.kinds(before)[ledger.KindNotificationQueued], "a mismatch tells nobody")
	}

	before := w.size()
	out, e := w.lookup(doctor, object{"nhsNumber": nhs(1), "dateOfBirth": other, "identityConfirmed": true, "reason": "passport seen at triage"}).recorded(200)
	w.disclosed(e, nhs(1), 1)
	requireFields(t, out, always("person", "notice")...)
	require.Equal(t, "found", out["outcome"])
	require.Len(t, out["notified"], 1)
	require.Equal(t, 2, w.kinds(before)[ledger.KindNotificationQueued])
	var types []any
	for _, n := range list(w.call(socialWorker, "GET", "/v1/notifications", nil).ok(200)["notifications"]) {
		types = append(types, n.(object)["type"])
	}
	require.ElementsMatch(t, []any{"access", "data-quality"}, types)
}

// Whether the authority is told follows from the policy and from what is
// declared; in conflict it is told.
func TestScheduledAndUnscheduled(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	silent := caller{"clinician", "quiet", "RSILENT", "Dr Quietus", ""}
	for i, c := range []struct {
		who                         caller
		declared                    any
		unscheduled, conflict, told bool
		shown                       bool
	}{
		{doctor, nil, true, false, true, true},
		{otherDoctor, true, true, false, true, true},
		{caller{"clinician", "d3", emergency, "Dr Third", ""}, false, true, true, true, true},
		{planner, nil, false, false, false, false},
		{planner, false, false, false, false, false},
		{planner, true, true, true, true, true},
		{silent, nil, true, false, false, false},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			body := object{"nhsNumber": nhs(1)}
			if c.declared != nil {
				body["unscheduled"] = c.declared
			}
			out, e := w.lookup(c.who, body).recorded(200)
			a := w.disclosed(e, nhs(1), 1)
			require.Equal(t, c.unscheduled, out["unscheduled"])
			require.Equal(t, []bool{c.unscheduled, c.conflict, c.told, c.shown}, []bool{a.Unscheduled, a.Conflict, len(a.Told) > 0, a.Shown})
			require.Equal(t, c.told, len(list(out["notified"])) > 0)
		})
	}
}

func TestLookupOrganisations(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	late := caller{"clinician", "late", "RLATE", "Dr Tardy", ""}
	r := w.lookup(late, object{"nhsNumber": nhs(1)})
	e := r.denied("not-live")
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref, "the denial is in the child's trail")
	p := r.problem("not-live")
	require.Equal(t, "2026-06-01", p.From)
	require.NotEmpty(t, p.Directory)
	require.Contains(t, p.Detail, `not "no plan"`)
	w.lookup(caller{"clinician", "lost", "RNONE", "Dr Lost", ""}, object{"nhsNumber": nhs(1)}).denied("organisation-unknown")
	w.ahead.Store(int64(100 * 24 * time.Hour))
	w.lookup(late, object{"nhsNumber": nhs(1)}).recorded(200)
}

func TestCIS2Clinician(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	token := w.idp.token(t, "ec", w.idp.cis2Claims(object{"nhsid_nrbac_roles": []any{object{"org_code": emergency, "person_roleid": "555",
		"role_code": "S8000:G8000:R0260", "role_name": "Practitioner", "activity_codes": []string{"B0107"}}}}))
	out, e := w.call(nobody, "POST", "/v1/lookups", object{"nhsNumber": nhs(1)}, header{"Authorization": "Bearer " + token}).recorded(200)
	require.Equal(t, "found", out["outcome"])
	require.Equal(t, "Practitioner", list(out["accessHistory"])[0].(object)["role"])
	first := w.entry(e.Seq - ledger.Seq(e.Nth))
	require.Equal(t, cis2, first.Actor.Issuer)
	require.Equal(t, "ec", first.Actor.KeyID)
	require.Equal(t, "AAL3", first.Actor.Assurance)
}

func TestCorrection(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	path := fmt.Sprintf("/v1/lookups/%v/corrections", out["seq"])
	body := object{"reason": "twin brother was meant"}
	w.secret("twin brother was meant")
	w.call(otherDoctor, "POST", path, body).denied("not-own-access")
	w.call(doctor, "POST", path, object{}).problem("json-missing-field")
	w.call(doctor, "POST", path, object{"reason": ""}).problem("reason-missing")
	done, e := w.call(doctor, "POST", path, body).recorded(201)
	requireFields(t, done, "corrected", "notified", "seq", "receipt")
	require.Equal(t, out["seq"], done["corrected"])
	require.Len(t, done["notified"], 1)
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref)
	size := w.size()
	w.call(doctor, "POST", path, body).problem("already-done")
	w.call(doctor, "POST", "/v1/lookups/0/corrections", body).problem("not-found")
	w.call(doctor, "POST", "/v1/lookups/99999/corrections", body).problem("not-found")
	require.Equal(t, size, w.size())
	// It removes nothing: the history says so.
	again, _ := w.lookup(otherDoctor, object{"nhsNumber": nhs(1)}).recorded(200)
	var marked int
	for _, v := range list(again["accessHistory"]) {
		if v.(object)["inError"] == true {
			marked++
		}
	}
	require.Equal(t, 1, marked)
	// The authority sees the correction, and that it was an error.
	for _, n := range list(w.call(socialWorker, "GET", "/v1/notifications", nil).ok(200)["notifications"]) {
		opened, _ := w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", n.(object)["id"]), nil).recorded(200)
		require.Equal(t, nhs(1), opened["nhsNumber"])
	}
}

func TestMissedAppointment(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.secret("Paediatric audiology")
	body := object{"nhsNumber": nhs(1), "appointmentAt": "2026-03-02T09:30:00Z", "service": "Paediatric audiology"}
	out, e := w.call(planner, "POST", "/v1/missed-appointments", body).recorded(201)
	requireFields(t, out, "notified", "seq", "receipt")
	require.Len(t, out["notified"], 1)
	require.Equal(t, ledger.KindAppointmentMissed, e.Kind)
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref)
	n := list(w.call(socialWorker, "GET", "/v1/notifications", nil).ok(200)["notifications"])[0].(object)
	require.Equal(t, "missed-appointment", n["type"])
	opened, _ := w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", n["id"]), nil).recorded(200)
	require.Equal(t, "Paediatric audiology", opened["visit"].(object)["service"])

	body["nhsNumber"] = nhs(3)
	out, _ = w.call(planner, "POST", "/v1/missed-appointments", body).recorded(201)
	require.Empty(t, out["notified"])
	for pointer, change := range map[string]object{
		"/nhsNumber": {"nhsNumber": nhs(3)[:9] + "X"}, "/appointmentAt": {"appointmentAt": "2026-02-30"}, "/service": {"service": strings.Repeat("x", 201)},
	} {
		bad := merged(object{"nhsNumber": nhs(3), "appointmentAt": "2026-03-02T09:30:00Z", "service": "s"}, change)
		require.Equal(t, pointer, w.badly(planner, "/v1/missed-appointments", bad).Pointer)
	}
}

// badly sends what is refused with a 400 and changes nothing.
func (w *world) badly(who caller, path string, body any) problemBody {
	w.t.Helper()
	return w.badlyBy(http.MethodPost, who, path, body)
}

func (w *world) badlyBy(method string, who caller, path string, body any) problemBody {
	w.t.Helper()
	size := w.size()
	r := w.call(who, method, path, body)
	require.Equal(w.t, 400, r.status, "%s", r.body)
	require.Equal(w.t, size, w.size(), "what is refused is not recorded")
	return r.problem(r.code())
}

func (r *reply) code() string {
	if code := r.queryCode(); code != "" {
		return code
	}
	if r.fhir {
		return r.asProblem().Code
	}
	p := r.json()
	s, _ := p["code"].(string)
	return s
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	key := header{"Idempotency-Key": uuid.NewString()}
	body := object{"nhsNumber": nhs(1)}
	first := w.lookup(doctor, body, key)
	out, e := first.recorded(200)
	require.Equal(t, key["Idempotency-Key"], first.header.Get("Idempotency-Key"))

	before := w.size()
	second := w.lookup(doctor, body, key)
	again, same := second.recorded(200)
	require.Equal(t, e.Seq, same.Seq)
	for _, f := range []string{"outcome", "seq", "asOf", "person", "plans", "accessHistory", "accessCount", "notified"} {
		require.Equal(t, out[f], again[f], f)
	}
	news := w.since(before)
	require.Len(t, news, 1, "a second showing is recorded, and nothing else is")
	require.Equal(t, &ledger.Reopened{Of: e.Seq - ledger.Seq(e.Nth)}, news[0].Event)

	before = w.size()
	w.lookup(doctor, object{"nhsNumber": nhs(1), "unscheduled": true}, key).problem("idempotency-key-content")
	w.lookup(otherDoctor, body, key).problem("idempotency-key-actor")
	w.call(doctor, "POST", fmt.Sprintf("/v1/lookups/%d/corrections", e.Seq), object{"reason": "another route"}, key).problem("idempotency-key-content")
	w.lookup(doctor, body, header{"Idempotency-Key": "not-a-uuid"}).problem("idempotency-key-format")
	require.Equal(t, before, w.size())

	w.forward(4*time.Minute + 30*time.Second)
	w.lookup(doctor, body, key).recorded(200)
	before = w.size()
	w.forward(time.Minute)
	late := w.lookup(doctor, body, key)
	p := late.problem("idempotency-key-expired")
	require.Equal(t, 409, late.status)
	require.Equal(t, uint64(e.Seq), *p.Seq)
	w.proves(p.Receipt, e.Seq)
	require.Equal(t, before, w.size())

	// Absent: the server makes one, which works.
	made := w.lookup(doctor, body)
	_, e = made.recorded(200)
	_, same = w.lookup(doctor, body, header{"Idempotency-Key": made.header.Get("Idempotency-Key")}).recorded(200)
	require.Equal(t, e.Seq, same.Seq)
}

func TestBadLookups(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	wrong := nhs(1)[:9] + string('0'+(nhs(1)[9]-'0'+1)%10)
	w.secret(wrong, "2015-02-30", "04/05/2015", "Smuggled", nhs(4), nhs(1))
	size := w.size()
	for _, c := range []struct{ body, code, pointer string }{
		{`{"nhsNumber":"` + wrong + `"}`, "nhs-number-check-digit", "/nhsNumber"},
		{`{"nhsNumber":"` + nhs(4)[:9] + `"}`, "nhs-number-format", "/nhsNumber"},
		{`{"nhsNumber":"` + nhs(4) + `1"}`, "nhs-number-format", "/nhsNumber"},
		{`{"nhsNumber":"٩٩٩٠٠٠٠٠١٨"}`, "nhs-number-format", "/nhsNumber"},
		{`{"nhsNumber":""}`, "nhs-number-format", "/nhsNumber"},
		{`{"nhsNumber":` + nhs(4) + `}`, "json-type", "/nhsNumber"},
		{`{"nhsNumber":["` + nhs(4) + `"]}`, "json-type", "/nhsNumber"},
		{`{}`, "json-missing-field", "/nhsNumber"},
		{`{"nhsNumber":null}`, "json-missing-field", "/nhsNumber"},
		{`{"nhsNumber":"` + nhs(4) + `","nhsNumber":"` + nhs(1) + `"}`, "json-duplicate-field", "/nhsNumber"},
		{`{"nhsNumber":"` + nhs(4) + `","nhsnumber":"` + nhs(1) + `"}`, "json-unknown-field", ""},
		{`{"nhsNumber":"` + nhs(4) + `","role":"Smuggled"}`, "json-unknown-field", ""},
		{`{"nhsNumber":"` + nhs(4) + `","seq":1}`, "json-unknown-field", ""},
		{`{"nhsNumber":"` + nhs(4) + `","Smuggled":1}`, "json-unknown-field", ""},
		{`{"nhsNumber":"` + nhs(4) + `","dateOfBirth":"2015-02-30"}`, "date-format", "/dateOfBirth"},
		{`{"nhsNumber":"` + nhs(4) + `","dateOfBirth":"04/05/2015"}`, "date-format", "/dateOfBirth"},
		{`{"nhsNumber":"` + nhs(4) + `","attendedAt":"2015-02-30"}`, "date-format", "/attendedAt"},
		{`{"nhsNumber":"` + nhs(4) + `","unscheduled":"Smuggled"}`, "json-type", "/unscheduled"},
		{`{"nhsNumber":"` + nhs(4) + `","identityConfirmed":1}`, "json-type", "/identityConfirmed"},
		{`{"nhsNumber":"` + nhs(4) + `","reason":"` + strings.Repeat("x", 1001) + `"}`, "field-value", "/reason"},
		{`{"nhsNumber":"` + nhs(4) + `","attendance":"` + strings.Repeat("x", 1001) + `"}`, "field-value", "/attendance"},
		{`{"nhsNumber":"` + nhs(4) + `","callBack":"a\u0000b"}`, "field-value", "/callBack"},
		{`{"nhsNumber":"` + nhs(4) + `"} {}`, "json-syntax", ""},
		{`{"nhsNumber":"` + nhs(4) + `"`, "json-syntax", ""},
		{`["` + nhs(4) + `"]`, "json-type", ""},
		{"\ufeff" + `{"nhsNumber":"` + nhs(4) + `"}`, "json-syntax", ""},
		{`{"nhsNumber":"` + nhs(4) + "\xff" + `"}`, "json-syntax", "/nhsNumber"},
		{strings.Repeat(`[`, 100000), "json-type", ""},
		{`nonsense`, "json-syntax", ""},
		{``, "body-empty", ""},
	} {
		r := w.call(doctor, "POST", "/v1/lookups", c.body)
		if len(c.body) > jsonBody {
			r.problem("body-too-large")
			continue
		}
		require.Equal(t, 400, r.status, c.body)
		p := r.problem(c.code)
		require.Equal(t, c.pointer, p.Pointer, c.body)
		require.Nil(t, p.Seq)
	}
	long := `{"nhsNumber":"` + nhs(4) + `","reason":"` + strings.Repeat("x", 64<<10) + `"}`
	for _, body := range []any{long, io.MultiReader(strings.NewReader(long))} { // with a length and without
		r := w.call(doctor, "POST", "/v1/lookups", body)
		require.Equal(t, 413, r.status)
		r.problem("body-too-large")
	}
	for _, h := range []header{{"Content-Type": "text/plain"}, {"Content-Type": "application/xml"}, {"Content-Type": "application/json; charset=latin1"}, {"Content-Type": ""}} {
		require.Equal(t, 415, w.call(doctor, "POST", "/v1/lookups", `{"nhsNumber":"`+nhs(1)+`"}`, h).status)
	}
	w.call(doctor, "POST", "/v1/lookups", `{"nhsNumber":"`+nhs(1)+`"}`, header{"Content-Encoding": "gzip"}).problem("content-encoding")
	w.call(nobody, "POST", "/v1/lookups", `{"nhsNumber":"`+nhs(1)+`"}`).problem("token-missing")
	for _, c := range []struct{ token, code string }{
		{w.idp.token(t, "ed", w.idp.claims(object{"exp": w.idp.now.Unix() - 60, "iat": w.idp.now.Unix() - 120})), "token-expired"},
		{w.idp.token(t, "ed", w.idp.claims(object{"aud": "https://elsewhere.example"})), "token-audience"},
		{w.idp.sign(t, "ed", object{"alg": "EdDSA", "kid": "nokey", "typ": "at+jwt"}, w.idp.claims(nil)), "token-key-unknown"},
		{w.idp.sign(t, "ed", object{"alg": "none", "kid": "ed", "typ": "at+jwt"}, w.idp.claims(nil)), "token-algorithm"},
	} {
		w.secret(c.token)
		r := w.call(nobody, "POST", "/v1/lookups", `{"nhsNumber":"`+nhs(1)+`"}`, header{"Authorization": "Bearer " + c.token})
		require.Equal(t, 401, r.status)
		r.problem(c.code)
	}
	require.Equal(t, size, w.size(), "nothing of all this is recorded")
}

// One byte a second is too slow, and disclosed nothing meanwhile.
func TestSlowClient(t *testing.T) {
	w := newWorld(t)
	w.server.public.grace, w.server.public.rate = 300*time.Millisecond, 1<<10
	size := w.size()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.http.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	body := `{"nhsNumber":"` + nhs(1) + `"}`
	_, err = fmt.Fprintf(c, "POST /v1/lookups HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", w.token(doctor), len(body))
	require.NoError(t, err)
	stop := make(chan struct{})
	var drip sync.WaitGroup
	drip.Go(func() {
		for i := range body {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				_, _ = io.WriteString(c, body[i:i+1])
			}
		}
	})
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	answer, err := io.ReadAll(c)
	close(stop)
	drip.Wait()
	require.NoError(t, err, "the connection is closed")
	require.Contains(t, string(answer), "408 Request Timeout")
	require.Contains(t, string(answer), "body-too-slow")
	require.Equal(t, size, w.size())
}

// Two lookups of the same new person at once each make a data key, and both open.
func TestTwoKeysForOnePerson(t *testing.T) {
	w := newWorld(t)
	const both = 2
	var gate sync.WaitGroup
	gate.Add(both)
	var keys sync.Map
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		for _, k := range c.Keys {
			if k.Holder == ledger.HolderPerson {
				keys.Store(k.Key, true)
			}
		}
		gate.Done()
		gate.Wait()
		return next(ctx, c)
	}, func() {
		var all sync.WaitGroup
		for i, who := range []caller{doctor, otherDoctor} {
			all.Go(func() {
				w.lookup(who, object{"nhsNumber": nhs(1), "attendance": fmt.Sprintf("ATT-4400%d", i)}).recorded(200)
			})
		}
		all.Wait()
	})
	n := 0
	keys.Range(func(_, _ any) bool { n++; return true })
	require.Equal(t, both, n, "each made a key of its own")
	person := w.keys.Person(nhs(1))
	recorded, err := w.node.DataKeys(ledger.HolderPerson, person[:])
	require.NoError(t, err)
	require.Len(t, recorded, both)
	w.lookup(planner, object{"nhsNumber": nhs(1), "attendance": "ATT-44002"}).recorded(200) // under one of them
	db, release := w.node.Ledger()
	defer release()
	var attendances []string
	for _, e := range w.since(0) {
		if e.Kind == ledger.KindAccessed {
			var d ledger.AccessDetails
			require.NoError(t, w.opened(db, &e, &d))
			require.Equal(t, nhs(1), d.NHSNumber)
			attendances = append(attendances, d.Attendance)
		}
	}
	require.ElementsMatch(t, []string{"ATT-44000", "ATT-44001", "ATT-44002"}, attendances)
	recorded, err = w.node.DataKeys(ledger.HolderPerson, person[:])
	require.NoError(t, err)
	require.Len(t, recorded, both)
}

// An edge that has just started finds keys and names in the ledger.
func TestFreshEdge(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	person := w.keys.Person(nhs(1))
	before := w.size()
	fresh, err := New(w.server.cfg)
	require.NoError(t, err)
	w.http.Config.Handler = asDescribed(t, fresh.Public())
	out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Equal(t, "Featherstonehaugh", out["person"].(object)["familyName"])
	require.Equal(t, doctor.name, list(out["accessHistory"])[0].(object)["name"])
	require.Zero(t, w.kinds(before)[ledger.KindActorProfiled])
	keys, err := w.node.DataKeys(ledger.HolderPerson, person[:])
	require.NoError(t, err)
	require.Len(t, keys, 1)
	// Somebody whose name has changed has another profile; the old accesses keep the old one.
	married := doctor
	married.name = "Dr Quillfeather-Jones"
	w.forward(25 * time.Hour)
	out, _ = w.lookup(married, object{"nhsNumber": nhs(1)}).recorded(200)
	var names []any
	for _, v := range list(out["accessHistory"]) {
		names = append(names, v.(object)["name"])
	}
	require.ElementsMatch(t, []any{doctor.name, married.name}, names)
}

// The same request twice at once is one access, shown twice.
func TestSameKeyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	before := w.size()
	const times = 8
	key := header{"Idempotency-Key": uuid.NewString()}
	var seqs sync.Map
	var all sync.WaitGroup
	for range times {
		all.Go(func() {
			_, e := w.lookup(doctor, object{"nhsNumber": nhs(1)}, key).recorded(200)
			seqs.Store(e.Seq, true)
		})
	}
	all.Wait()
	n := 0
	seqs.Range(func(_, _ any) bool { n++; return true })
	require.Equal(t, 1, n)
	require.Equal(t, map[ledger.Kind]int{ledger.KindActorProfiled: 1, ledger.KindAccessed: 1, ledger.KindNotificationQueued: 1, ledger.KindReopened: times - 1}, w.kinds(before))
}

// Two first requests of one person make two keys for the person's name, of
// which the ledger keeps one. What is sealed for that person later must open.
func TestKeyThatWasNotRecordedIsForgotten(t *testing.T) {
	w := newWorld(t)
	const both = 4
	var gate, all sync.WaitGroup
	gate.Add(both)
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		gate.Done()
		gate.Wait()
		return next(ctx, c)
	}, func() {
		for i := range both {
			all.Go(func() { w.lookup(doctor, object{"nhsNumber": nhs(i + 1)}).recorded(200) })
		}
		all.Wait()
	})
	_, e := w.lookup(doctor, object{"nhsNumber": nhs(9)}).recorded(200)
	w.secret("the sibling was meant")
	_, e = w.call(doctor, "POST", fmt.Sprintf("/v1/lookups/%d/corrections", e.Seq), object{"reason": "the sibling was meant"}).recorded(201)
	db, release := w.node.Ledger()
	defer release()
	var d ledger.NoteDetails
	require.NoError(t, w.opened(db, &e, &d), "the reason is sealed under a key that nobody has")
	require.Equal(t, "the sibling was meant", d.Text)
}

func TestUnavailable(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	size := w.size()
	for _, c := range []struct {
		err  error
		code string
	}{{consensus.ErrNoLeader, "unavailable"}, {consensus.ErrReadOnly, "unavailable"}, {consensus.ErrClosed, "unavailable"}, {consensus.ErrBehind, "behind-witnesses"},
		{consensus.ErrBusy, "busy"}, {consensus.ErrUnknown, "outcome-unknown"}, {fmt.Errorf("at %s: %w", nhs(1), consensus.ErrUnknown), "outcome-unknown"},
		{fmt.Errorf("disk says %s", nhs(1)), "internal"}} {
		w.hooked(func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) {
			return consensus.Outcome{}, c.err
		}, func() {
			r := w.lookup(doctor, object{"nhsNumber": nhs(1)})
			p := r.problem(c.code)
			require.Empty(t, r.header.Get("Custos-Seq"))
			if r.status == 503 {
				require.NotEmpty(t, r.header.Get("Retry-After"))
				require.Equal(t, "/docs/downtime", p.Downtime)
				require.Equal(t, "/v1/directory", p.Directory)
				require.Contains(t, p.Detail, `not "no plan"`)
			}
			require.Equal(t, 200, w.call(doctor, "GET", "/v1/directory", nil).status)
		})
	}
	require.Equal(t, size, w.size())
}

func TestPanicTellsNothing(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1))
	w.hooked(func(context.Context, ledger.Command, proposer) (consensus.Outcome, error) { panic("about " + nhs(1)) }, func() {
		r := w.lookup(doctor, object{"nhsNumber": nhs(1)})
		require.Equal(t, 500, r.status)
		r.problem("internal")
	})
	require.Contains(t, w.log.String(), `"msg":"panic"`)
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
}

// An outcome that cannot be opened is a failure, never an empty answer.
func TestWhatDoesNotOpenIsNotShown(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		out, err := next(ctx, c)
		if len(out.Answer.Plans) > 0 {
			out.Answer.Plans[0].Details.Ciphertext[20] ^= 1
		}
		return out, err
	}, func() {
		r := w.lookup(doctor, object{"nhsNumber": nhs(1)})
		require.Equal(t, 500, r.status)
		r.problem("internal")
	})
}

// A client that hangs up changes nothing about the record.
func TestClientGone(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	before := w.size()
	recorded := make(chan ledger.Seq, 1)
	w.hooked(func(ctx context.Context, c ledger.Command, next proposer) (consensus.Outcome, error) {
		<-ctx.Done()
		out, err := next(context.WithoutCancel(ctx), c)
		recorded <- out.Answer.Seq
		return out, err
	}, func() {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", w.http.URL+"/v1/lookups", strings.NewReader(`{"nhsNumber":"`+nhs(1)+`"}`))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+w.token(doctor))
		r.Header.Set("Content-Type", "application/json")
		go func() {
			time.Sleep(50 * time.Millisecond)
			cancel()
		}()
		_, err = w.client.Do(r)
		require.ErrorIs(t, err, context.Canceled)
		seq := <-recorded
		require.GreaterOrEqual(t, seq, before)
		w.disclosed(w.entry(seq), nhs(1), 1)
	})
}
