package api

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A log of version 1 refuses what came with version 2 at the edge, before an
// older node could meet it, until its operator raises the rules.
func TestRulesAreRaised(t *testing.T) {
	w := worldUnder(t, 1)
	w.plans(uploader, 1, ann(nil))
	asks := func() map[string]*reply {
		return map[string]*reply{
			"snapshot": w.uploadJSON(uploader, "?sequence=9&snapshot=true", asJSON(ann(nil))),
			"holdings": w.call(uploader, "POST", "/v1/holdings", object{}),
			"numbers":  w.call(officer, "POST", "/v1/numbers", object{"nhsNumber": nhs(9), "reason": "told so"}),
		}
	}
	size := w.size()
	for name, r := range asks() {
		require.Equal(t, 409, r.status, name)
		r.problem("rules-not-raised")
	}
	require.Equal(t, size, w.size())
	r := w.upload(uploader, 3, ann(func(p *planRow) { p.NHSNumber = "" }))
	require.Equal(t, []string{"rejected", "nhs-number-missing"}, csvLines(t, r.body)[1][1:3], "version 1 holds nothing provisional")

	raise := func(to string) int {
		rec := httptest.NewRecorder()
		w.inner().ServeHTTP(rec, httptest.NewRequest("POST", "/rules?to="+to, nil))
		return rec.Code
	}
	for _, to := range []string{"", "0", "x", fmt.Sprint(ledger.CurrentRules + 1)} {
		require.Equal(t, 400, raise(to), to)
	}
	require.Equal(t, 200, raise("2"))
	require.Equal(t, 409, raise("1"))
	for name, r := range asks() {
		require.Less(t, r.status, 300, "%s: %s", name, r.body)
	}
	require.Equal(t, 404, w.call(operator, "POST", "/rules?to=2", object{}).status, "the public listener has no such route")
}
