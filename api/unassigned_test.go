package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Every visible plan in no live caseload is on its authority's list, and on that
// of the child-health service which the authority names; reading it is recorded.
func TestTheUnassigned(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil), ann(func(p *planRow) { p.NHSNumber, p.FamilyName = nhs(4), "Larkspurton" }),
		ann(func(p *planRow) { p.NHSNumber, p.FamilyName, p.End = nhs(5), "Novembrine", "2026-01-31" }))
	w.enrol(childHealth, nhs(1)+","+school+",,,2025-09-01,")
	w.assign(leader, object{"person": nurse.subject, "school": school, "from": "2026-03-01", "type": "own"})

	before := w.size()
	r := w.call(manager, "POST", "/v1/unassigned/lookups", object{})
	out := r.ok(200)
	requireFields(t, out, "authority", "people", "count", "pages")
	require.ElementsMatch(t, []string{nhs(4), nhs(5)}, numbers(out["people"]))
	require.Equal(t, map[ledger.Kind]int{ledger.KindActorProfiled: 1, ledger.KindUnassignedRead: 1, ledger.KindSubjectAccessed: 2}, w.kinds(before))
	page := list(out["pages"])[0].(object)
	require.Equal(t, json.Number(r.header.Get("Custos-Seq")), page["seq"])
	w.proves(page["receipt"].(string), r.seq())
	trail, _ := w.call(officer, "POST", "/v1/trails", object{"nhsNumber": nhs(4), "reason": "subject access"}).recorded(200)
	last := list(trail["entries"])[len(list(trail["entries"]))-2].(object)
	require.Equal(t, []any{"subject-accessed", manager.name, authority1}, []any{last["kind"], last["name"], last["authority"]})

	// Child health is let in by the authority, and by nobody else.
	w.call(childHealth, "POST", "/v1/unassigned/lookups", object{"authority": authority1}).denied("other-authority")
	w.call(childHealth, "POST", "/v1/unassigned/lookups", object{}).denied("other-authority")
	w.call(manager, "POST", "/v1/unassigned/lookups", object{"authority": authority2}).denied("other-authority")
	for _, bad := range []any{object{"authority": nhs(1)}, object{"authority": "x"}, object{"extra": 1}, "[]"} {
		w.badly(manager, "/v1/unassigned/lookups", bad)
	}
	entry := object{"officeHours": "020 7946 0001", "emergencyDuty": "020 7946 0002", "childHealth": []string{community}}
	w.call(uploader, "PUT", "/v1/directory/"+authority1, merged(merged(object{}, entry), object{"childHealth": []string{nhs(1)}})).problem("field-value")
	w.call(uploader, "PUT", "/v1/directory/"+authority1, entry).recorded(200)
	count := func(who caller) []any {
		var out []any
		size := w.size()
		for _, a := range list(w.call(who, http.MethodGet, "/v1/unassigned", nil).ok(200)["authorities"]) {
			out = append(out, a.(object)["count"])
		}
		require.Equal(t, size, w.size())
		return out
	}
	require.Equal(t, []any{json.Number("2")}, count(childHealth))
	require.Equal(t, []any{json.Number("2")}, count(manager))
	require.Equal(t, []any{json.Number("2"), json.Number("0")}, count(operator))
	w.call(manager, http.MethodGet, "/v1/unassigned?x=1", nil).problem("query-parameter")
	require.Equal(t, "2", w.metric("custos_unassigned"))
	key := header{"Idempotency-Key": uuid.NewString()}
	a := w.call(childHealth, "POST", "/v1/unassigned/lookups", object{"authority": authority1}, key).ok(200)
	b := w.call(childHealth, "POST", "/v1/unassigned/lookups", object{"authority": authority1}, key).ok(200)
	require.Equal(t, a["people"], b["people"])

	// The assignment ends by itself, and whoever was on the caseload is on the list.
	w.call(leader, "POST", "/v1/assignments", object{"team": "team-a", "area": area, "from": "2026-03-01", "to": "2026-03-03", "type": "own"}).recorded(201)
	w.enrol(childHealth, nhs(4)+",,"+area+",,2025-09-01,")
	require.Equal(t, []any{json.Number("1")}, count(manager))
	w.forward(day24)
	w.lookup(doctor, object{"nhsNumber": nhs(1)})
	require.Equal(t, []any{json.Number("2")}, count(manager), "nothing was recorded for it")
}
