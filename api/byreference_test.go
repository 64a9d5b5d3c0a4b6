package api

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// turnedAway wants a refusal at the door, recorded in no role.
func (r *reply) turnedAway(code string) {
	r.w.t.Helper()
	require.Equal(r.w.t, 403, r.status, "%s", r.body)
	p := r.problem(code)
	require.NotNil(r.w.t, p.Seq)
	r.w.proves(p.Receipt, ledger.Seq(*p.Seq))
	require.Equal(r.w.t, ledger.KindAccessDenied, r.w.entry(ledger.Seq(*p.Seq)).Kind)
}

// An auditor reads every entry, by reference, and must not come by whose a
// reference is but by a release: not by asking for somebody and being denied
// either, and reading the denial.
func TestAnAuditorsDenialNamesNobody(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	ref := w.keys.Person(nhs(1))
	asked := 0
	for _, rt := range routeTable {
		path, body, h := w.sample(rt, 3)
		if ledger.May(ledger.RoleAuditor, rt.action) {
			continue
		}
		asked++
		e := w.call(auditor, rt.method, path, body, h).denied("role-not-permitted")
		require.Nil(t, e.Person, "%s %s", rt.method, rt.path)
		r := w.call(auditor, http.MethodGet, fmt.Sprintf("/v1/entries/%d", e.Seq), nil)
		require.Equal(t, 200, r.status)
		require.NotContains(t, string(r.body), string(ref[:]), "%s %s", rt.method, rt.path)
	}
	require.Greater(t, asked, 40)
	// Who else may not look is in the trail of whom they asked for.
	require.Equal(t, ref, w.lookup(nurse, object{"nhsNumber": nhs(1)}).denied("role-not-permitted").Person.Ref)
}

// An officer who is denied a restricted child's trail for a weak sign-in has an
// entry that says whose a reference is. Nothing that has references is open to
// that sign-in, and a search over everybody's accesses leaves the child's out.
func TestAWeakSignInFollowsNoReference(t *testing.T) {
	w := newWorld(t)
	w.server.match = w.server.registerMatcher(w.register(nhs(1)+",Featherstonehaugh,Annunziata,2015-05-04,R,,"), true)
	w.plans(uploader, 1, ann(nil), ann(func(p *planRow) { p.NHSNumber, p.FamilyName = nhs(4), "Larkspurton" }))
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(4)}).recorded(200)
	e := w.call(officer, "POST", "/v1/trails", object{"nhsNumber": nhs(1), "reason": "complaint ref 5521"}).denied("assurance-too-low")
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref, "it stands in the child's own trail")
	strong := w.signedIn(officer, "AAL3_ANY")
	for _, path := range []string{fmt.Sprintf("/v1/entries/%d", e.Seq), "/tile/entries/000.p/3"} {
		w.call(officer, http.MethodGet, path, nil).turnedAway("assurance-too-low")
		w.call(officer, http.MethodGet, path, nil, w.signedIn(officer, "AAL2_ANY")).turnedAway("assurance-too-low")
		require.Equal(t, 200, w.call(officer, http.MethodGet, path, nil, strong).status)
	}
	for _, query := range []string{"date=2026-03-03", "agent:identifier=" + doctor.subject, "agent:identifier=https://fhir.nhs.uk/Id/ods-organization-code|" + emergency} {
		weak := w.audited(officer, query)
		all := w.audited(officer, query, strong)
		require.Equal(t, column(weak, "id"), column(all, "id")[:len(weak)], "no access is left out: %s", query)
		require.NotContains(t, fmt.Sprint(weak), w.keys.Person(nhs(1)).String(), query)
		require.Contains(t, fmt.Sprint(all), w.keys.Person(nhs(1)).String(), query)
		require.Contains(t, fmt.Sprint(weak), w.keys.Person(nhs(4)).String(), query)
	}
	// Nor is what a strong sign-in was shown told again to a weak one that has its key.
	key := header{"Idempotency-Key": uuid.NewString()}
	body := object{"nhsNumber": nhs(1), "reason": "complaint ref 5521"}
	w.call(officer, "POST", "/v1/trails", body, strong, key).recorded(200)
	w.call(officer, "POST", "/v1/trails", body, w.signedIn(officer, "AAL2_ANY"), key).problem("idempotency-key-content")
	w.call(officer, "POST", "/v1/trails", body, strong, key).recorded(200)
}
