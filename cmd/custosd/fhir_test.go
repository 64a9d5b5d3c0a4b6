package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a node's file says of FHIR is what its answers do: resources are from
// where people reach the node, and the caution is a matter of configuration.
func TestANodeAnswersFHIRAsConfigured(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: no whole demo was made, because of -short")
	}
	for _, without := range []bool{false, true} {
		o := newOffice(t, func(c *Config) { c.FHIRWithoutCaution = without })
		ask := func(number string) (bundle struct {
			Total int
			Link  []struct{ URL string }
			Entry []struct {
				FullURL string
				Search  struct{ Mode string }
			}
		}) {
			r, err := http.NewRequest(http.MethodGet, o.url+"/FHIR/R4/CareTeam?patient:identifier=https://fhir.nhs.uk/Id/nhs-number%7C"+number, nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(o.read("T_CLINICIAN")))
			a, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer func() { require.NoError(t, a.Body.Close()) }()
			require.Equal(t, http.StatusOK, a.StatusCode)
			require.NoError(t, json.NewDecoder(a.Body).Decode(&bundle))
			return bundle
		}
		found := ask(o.known)
		require.NotZero(t, found.Total)
		require.True(t, strings.HasPrefix(found.Link[0].URL, o.url+"/FHIR/R4/CareTeam?"), found.Link[0].URL)
		require.True(t, strings.HasPrefix(found.Entry[0].FullURL, o.url+"/FHIR/R4/CareTeam/"), found.Entry[0].FullURL)
		none := ask("9990000018")
		require.Zero(t, none.Total)
		if without {
			require.Empty(t, none.Entry)
			continue
		}
		require.Len(t, none.Entry, 1)
		require.Equal(t, "outcome", none.Entry[0].Search.Mode)
	}
}
