package api

import (
	"net/http"
	"slices"
)

// queryParameters are those that routes with a token read. A route that is not
// here reads none.
var queryParameters = map[string][]string{
	"GET /v1/arrivals":         {"from", "to", "organisation"},
	"GET /v1/reviews":          {"state"},
	"POST /v1/uploads":         {"sequence", "dry-run", "snapshot"},
	"GET /v1/notifications":    listParameters,
	"GET /v1/site-notices":     listParameters,
	"GET /v1/figures":          {"from", "to", "by", "team"},
	"GET /v1/policies/{ods}":   {"on"},
	"POST /v1/organisations":   {"sort"},
	"GET /FHIR/R4/CareTeam":    {"patient:identifier", "_format"},
	"GET " + auditEventPath:    {"patient:identifier", "agent:identifier", "date", "outcome", "_include", "_format"},
	"GET /FHIR/R4/PatientFlag": {"patient", "code", "_format"},
}

var listParameters = []string{"state", "for", "mine", "after"}

// unasked refuses a query that a route does not read. A filter that was misspelled
// must not pass for one that found everything, and whoever puts a person's number
// into an address, where others may read it, must learn that here.
func (t *route) unasked(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	known := queryParameters[t.method+" "+t.path]
	for name := range r.URL.Query() {
		if !slices.Contains(known, name) && !isFHIR(r) { // there the handler says which it knows
			return problem("query-parameter")
		}
	}
	if known == nil {
		return problem("query-parameter") // also where nothing of it can be read
	}
	return nil
}
