package tools

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each way of asking is asked in its own words, and only an answer that holds
// what was asked for counts.
func TestBenchFHIR(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := strings.TrimPrefix(r.URL.Path, "/FHIR/R4/")
		mu.Lock()
		seen[r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("patient:identifier")+r.URL.Query().Get("patient")] = true
		mu.Unlock()
		switch {
		case r.URL.Path == "/v1/lookups":
			fmt.Fprint(w, found)
		case r.Header.Get("Authorization") != "Bearer a":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"issue":[{"details":{"coding":[{"code":"ACCESS_DENIED"}]}}]}`)
		case kind == "PatientFlag":
			fmt.Fprint(w, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Flag"}}]}`)
		case kind == "AuditEvent" && strings.HasSuffix(r.URL.RawQuery, "9990000026"):
			fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset","total":0}`) // a history that is hidden
		case kind == "AuditEvent":
			fmt.Fprint(w, `{"resourceType":"Bundle","entry":[{"fullUrl":"x","resource":{"resourceType":"AuditEvent"}}]}`)
		default:
			fmt.Fprint(w, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome"}}]}`)
			if r.URL.Query().Get("patient:identifier") == "https://fhir.nhs.uk/Id/nhs-number|9990000018" {
				fmt.Fprint(w, `{"resource":{"resourceType":"CareTeam"}}`)
			}
		}
	}))
	defer s.Close()
	dir := demoFolder(t, s.URL, "a", "b")
	code, out, errs := run(t, "bench", "fhir", "--dir", dir, "--rounds", "2", "--duration", "60ms", "--warmup", "0s", "--clients", "2", "-o", "json")
	require.Equal(t, 0, code, errs)
	var all []fhirResult
	require.NoError(t, json.Unmarshal([]byte(out), &all))
	require.Len(t, all, 4)
	for i, name := range []string{"POST /v1/lookups", "CareTeam", "AuditEvent", "PatientFlag"} {
		require.Equal(t, name, all[i].Name)
		require.NotZero(t, all[i].Lookups)
		require.Equal(t, i > 0, all[i].Errors > 0, name)
		require.Equal(t, i > 0, all[i].ErrorKinds["401 ACCESS_DENIED"] > 0)
		require.Equal(t, i > 0, all[i].Ratio != nil)
		require.NotZero(t, all[i].BytesPerAnswer)
	}
	require.NotZero(t, all[1].ErrorKinds["200 without CareTeam"])
	require.Zero(t, all[2].ErrorKinds["200 without AuditEvent"])
	mu.Lock() // an answer that nobody waited for may be on its way
	asked := maps.Clone(seen)
	mu.Unlock()
	require.Contains(t, asked, "GET /FHIR/R4/PatientFlag 9990000026")
	require.Contains(t, asked, "GET /FHIR/R4/AuditEvent https://fhir.nhs.uk/Id/nhs-number|9990000026")

	code, out, errs = run(t, "bench", "fhir", "--dir", dir, "--rounds", "1", "--duration", "30ms", "--warmup", "0s", "--clients", "1")
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "CareTeam")
	code, _, _ = run(t, "bench", "fhir", "--dir", dir, "--rounds", "0")
	require.Equal(t, ExitUsage, code)
}
