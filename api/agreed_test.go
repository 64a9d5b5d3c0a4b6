package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Addresses that scripts and other systems were promised. One that is renamed
// here answers nobody who relies on it, and every other test goes along.
func TestAgreedAddressesAreServed(t *testing.T) {
	served := map[string]bool{}
	for _, rt := range routeTable {
		served[rt.method+" "+rt.path] = true
	}
	for _, rt := range openRoutes() {
		served[rt.method+" "+rt.path] = true
	}
	for _, address := range []string{
		"POST /v1/lookups", "POST /v1/lookups/{seq}/corrections", "POST /v1/uploads", "GET /v1/uploads/{id}", "POST /v1/holdings",
		"POST /v1/enrolments", "POST /v1/assignments", "POST /v1/caseloads/lookups", "GET /v1/notifications",
		"POST /v1/notifications/{id}/open", "POST /v1/notifications/{id}/acknowledgements", "GET /v1/notifications/stream",
		"POST /v1/missed-appointments", "POST /v1/trails", "GET /v1/directory", "PUT /v1/directory/{ods}",
		"GET /v1/receipts/{seq}", "GET /v1/entries/{seq}", "GET /checkpoint", "GET /tile/{tile}", "GET /tile/entries/{bundle}",
		"GET /FHIR/R4/metadata", "GET /FHIR/R4/CareTeam", "GET /FHIR/R4/AuditEvent", "GET /FHIR/R4/PatientFlag",
		"GET /openapi.json", "GET /docs", "GET /livez", "GET /readyz",
	} {
		require.True(t, served[address], address)
	}
}
