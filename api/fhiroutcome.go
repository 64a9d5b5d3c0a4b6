package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"custos/api/fhir"
)

// spineCode is how the NHS's interfaces spell an error.
type spineCode struct{ issue, code, display string }

// Those that CP-IS publishes, with its words in front of ours.
var (
	spineSearch = spineCode{"invalid", "INVALID_SEARCH_DATA", "Invalid search data"}
	spineHeader = spineCode{"invalid", "PRECONDITION_FAILED", "Missing or invalid header parameter"}
	spineDenied = spineCode{"forbidden", "ACCESS_DENIED", "Access has been denied to process this request"}
)

// spineCodes are the codes of problems that their status does not decide.
var spineCodes = map[string]spineCode{
	"header-value":            spineHeader,
	"request-id-format":       spineHeader,
	"idempotency-key-format":  spineHeader,
	"idempotency-key-content": spineHeader,
	"reason-missing":          spineHeader,
}

// spineStatuses are the codes of statuses: those of CP-IS, and where it has none
// those of the API platform it stands on.
var spineStatuses = map[int]spineCode{
	http.StatusBadRequest:            spineSearch,
	http.StatusUnauthorized:          {"login", spineDenied.code, spineDenied.display},
	http.StatusForbidden:             spineDenied,
	http.StatusNotFound:              {"not-found", "RESOURCE_NOT_FOUND", "Resource not found"},
	http.StatusMethodNotAllowed:      {"not-supported", "UNSUPPORTED_SERVICE", "Unsupported service"},
	http.StatusNotAcceptable:         {"not-supported", "UNSUPPORTED_SERVICE", "Unsupported service"},
	http.StatusUnsupportedMediaType:  {"not-supported", "UNSUPPORTED_SERVICE", "Unsupported service"},
	http.StatusConflict:              {"conflict", "DUPLICATE_REJECTED", "Duplicate rejected"},
	http.StatusRequestEntityTooLarge: {"too-long", "INVALID_SEARCH_DATA", "Invalid search data"},
	http.StatusTooManyRequests:       {"throttled", "TOO_MANY_REQUESTS", "Too many requests"},
	http.StatusServiceUnavailable:    {"transient", "UNABLE_TO_CALL_SERVICE", "Unable to call service"},
}

// outcomeOf says the same as a problem, as an OperationOutcome: the NHS's code
// first, and our own, which is the finer one, beside it.
func outcomeOf(b problemBody) ([]byte, error) {
	c, ok := spineCodes[b.Code]
	if !ok {
		if c, ok = spineStatuses[b.Status]; !ok {
			c = spineCode{"exception", "UNABLE_TO_CALL_SERVICE", "Unable to call service"}
		}
	}
	issue := fhir.Issue{Severity: "error", Code: c.issue, Diagnostics: b.Title + ".",
		Details: &fhir.CodeableConcept{Coding: []fhir.Coding{{System: fhir.SystemSpineError, Code: c.code, Display: c.display},
			{System: fhirURI + "problem", Code: b.Code, Display: b.Title}}}}
	if b.Status == http.StatusInternalServerError {
		issue.Severity = "fatal"
	}
	switch b.Code {
	case "nhs-number-format", "nhs-number-check-digit":
		issue.Diagnostics = "Invalid NHS number. " + issue.Diagnostics
	}
	if c == spineHeader {
		issue.Diagnostics = spineHeader.display + ". " + issue.Diagnostics
	}
	if b.Detail != "" {
		issue.Diagnostics += " " + b.Detail
	}
	if b.From != "" {
		issue.Diagnostics += " From " + b.From + "."
	}
	if b.Downtime != "" {
		issue.Diagnostics += " Downtime procedure: " + b.Downtime + ". Directory: " + b.Directory + "."
	}
	if b.Seq != nil {
		issue.Extension = []fhir.Extension{fhirReceipt(*b.Seq)}
	}
	return json.Marshal(fhir.OperationOutcome{Issue: []fhir.Issue{issue}})
}

// fhirReceipt says where the receipt of an entry is.
func fhirReceipt(seq uint64) fhir.Extension {
	return fhir.Extension{URL: fhirURI + "receipt", ValueURL: "/v1/receipts/" + strconv.FormatUint(seq, 10)}
}
