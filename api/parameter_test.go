package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A query that a route does not read is refused on every route, before anything
// is done, and is not repeated: an address is where others read it.
func TestAStrayQueryIsRefused(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1))
	byRole := map[ledger.Role]caller{}
	for _, c := range everybody {
		role, _ := ledger.ParseRole(c.role)
		byRole[role] = c
	}
	for _, rt := range routeTable {
		for role, who := range byRole {
			action := rt.asked(&Identity{Role: who.role})
			if !ledger.May(role, action) {
				continue
			}
			path, body, h := w.sample(rt, 3)
			with := "?"
			if strings.Contains(path, "?") {
				with = "&"
			}
			size := w.size()
			w.call(who, rt.method, path+with+"nhsNumber="+nhs(1), body, h).problem("query-parameter")
			if queryParameters[rt.method+" "+rt.path] == nil {
				w.call(who, rt.method, path+"?%zz", body, h).problem("query-parameter")
			}
			require.Equal(t, size, w.size(), "%s %s", rt.method, rt.path)
			break
		}
	}
	// From who may not ask it is a denial like any other mistake.
	w.call(nurse, "POST", "/v1/lookups?nhsNumber="+nhs(1), object{"nhsNumber": nhs(1)}).denied("role-not-permitted")
}
