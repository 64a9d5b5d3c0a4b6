package api

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

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
