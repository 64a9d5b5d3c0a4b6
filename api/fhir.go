package api

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"custos/api/fhir"
	"custos/consensus"
	"custos/ledger"
)

// fhirBase is where the NHS's FHIR R4 interfaces are answered. Whatever is said
// there, errors included, is a FHIR resource.
const fhirBase = "/FHIR/R4/"

var fhirJSON = []string{"application/fhir+json"}

// fhirLines are resources in JSON, each on a line of its own, as bulk exports have them.
var fhirLines = []string{"application/fhir+ndjson"}

// The media types by which a caller may ask for either.
var (
	takenForJSON  = []string{"*/*", "application/*", "application/fhir+json", "application/json", "text/json"}
	takenForLines = []string{"application/fhir+ndjson", "application/ndjson", "application/x-ndjson"}
)

// fhirURI names what is ours in a resource: "urn:x-custos:" and a word of docs/FHIR.md.
const fhirURI = "urn:x-custos:"

func isFHIR(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/FHIR/") }

// fhirQuestion is a search about one person, as the published interfaces have it.
type fhirQuestion struct {
	number   NHSNumber
	declared ledger.Declared
}

// fhirValues reads the parameters of a search. Each is known, once and not
// empty: one that was misspelled must not pass for one that found nothing.
func fhirValues(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem("query-parameter").with("The query is not well formed.")
	}
	for name, given := range values {
		switch {
		case name == "_format":
		case !slices.Contains(known, name):
			return nil, problem("query-parameter").with("A parameter is not known here. Known are " + strings.Join(known, ", ") + " and _format.")
		case len(given) > 1 && (name != "date" || len(given) > 2): // a date may have a beginning and an end
			return nil, problem("query-parameter").with("The parameter " + name + " is given too often.")
		case slices.Contains(given, ""):
			return nil, problem("query-parameter").with("The parameter " + name + " is empty.")
		}
	}
	if len(values["_format"]) > 1 {
		return nil, problem("query-parameter").with("The parameter _format is given more than once.")
	}
	return values, nil
}

// fhirSearch is [fhirValues] of a search that is answered in JSON alone.
func fhirSearch(r *http.Request, known ...string) (url.Values, error) {
	values, err := fhirValues(r, known...)
	if err == nil && !fhirTakes(r, values, takenForJSON) {
		err = problem("not-acceptable").with(onlyJSON)
	}
	return values, err
}

const onlyJSON = "Resources are written as application/fhir+json, of FHIR version 4.0, and not in XML."

// fhirTakes reports whether a form is among those that the caller takes. The
// parameter, where there is one, speaks for the header; with neither, it is
// JSON.
func fhirTakes(r *http.Request, values url.Values, form []string) bool {
	accept := strings.Join(r.Header["Accept"], ",")
	if format := values["_format"]; len(format) == 1 {
		accept = strings.ReplaceAll(format[0], " ", "+") // in a query, a plus that was not encoded is a space
		if !strings.Contains(accept, "/") {
			accept = "application/" + accept
		}
	}
	if accept == "" {
		accept = fhirJSON[0]
	}
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || !slices.Contains(form, media) {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		if v := params["fhirversion"]; (v == "" || v == "4.0") && (params["q"] == "" || err == nil && q > 0) {
			return true
		}
	}
	return false
}

// fhirPerson reads "https://fhir.nhs.uk/Id/nhs-number|number".
func fhirPerson(values url.Values) (NHSNumber, error) {
	const name = "patient:identifier"
	if len(values[name]) == 0 {
		return NHSNumber{}, problem("query-parameter").with("The parameter " + name + " is missing.")
	}
	system, value, ok := strings.Cut(values[name][0], "|")
	if !ok || system != fhir.SystemNHSNumber {
		return NHSNumber{}, problem("identifier-system")
	}
	return ParseNHSNumber(value)
}

// fhirDeclared reads whether the caller says that care is unscheduled. Who says
// nothing has, on the interfaces of CP-IS, said that it is.
func fhirDeclared(r *http.Request, unsaid ledger.Declared) (ledger.Declared, error) {
	switch given := r.Header["Isunscheduledaccessevent"]; {
	case len(given) == 0:
		return unsaid, nil
	case len(given) == 1 && strings.EqualFold(given[0], "true"):
		return ledger.DeclaredUnscheduled, nil
	case len(given) == 1 && strings.EqualFold(given[0], "false"):
		return ledger.DeclaredScheduled, nil
	}
	return 0, problem("header-value").with("IsUnscheduledAccessEvent is true or false, given at most once.")
}

// fhirLookUp has a question decided and recorded like any other lookup. What
// was asked is what was read of it: the order and the spelling of parameters
// do not make another question of it.
func (s *Server) fhirLookUp(w http.ResponseWriter, r *http.Request, who *Identity, resource string, q fhirQuestion) (*consensus.Outcome, error) {
	content := s.keys.Content("FHIR "+resource, append([]byte(q.number.Digits()), byte(q.declared)))
	l := s.newLookup(q.number, who, "")
	l.query.Declared = q.declared
	return s.lookUp(w, r, who, content, l)
}

// fhirURL is the absolute address of something under the base.
func (s *Server) fhirURL(rest string) string { return s.cfg.PublicURL + fhirBase + rest }

// fhirSelf is the canonical form of a search about a person. It is part of an
// answer that shows the person's number anyway, and of nothing else.
func (s *Server) fhirSelf(resource string, number NHSNumber) string {
	return s.fhirURL(resource + "?patient:identifier=" + fhir.SystemNHSNumber + "%7C" + number.Digits())
}

func fhirIdentifier(number NHSNumber) fhir.Identifier {
	return fhir.Identifier{System: fhir.SystemNHSNumber, Value: number.Digits()}
}

// sendFHIR sends a recorded answer.
func sendFHIR(w http.ResponseWriter, seq ledger.Seq, body []byte) {
	cite(w, seq)
	writeFHIR(w, fhirJSON, body)
}

// sendSearchset sends a recorded answer whose entries are encoded already.
func sendSearchset(w http.ResponseWriter, seq ledger.Seq, b *fhir.Bundle, entries []byte) error {
	j := newJSONWriter()
	defer j.free()
	var err error
	if j.b, err = b.Append(j.b, entries); err == nil {
		sendFHIR(w, seq, j.b)
	}
	return err
}

func writeFHIR(w http.ResponseWriter, form []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = form
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) // who reads no more needs no error
}

// fhirMetadata describes what is answered under the base.
func (s *Server) fhirMetadata(w http.ResponseWriter, r *http.Request) {
	if _, err := fhirSearch(r); err != nil {
		writeProblem(w, r, err)
		return
	}
	body, err := json.Marshal(s.capabilities())
	if err != nil { // text alone always encodes
		panic(err)
	}
	writeFHIR(w, fhirJSON, body)
}

func (s *Server) capabilities() *fhir.CapabilityStatement {
	patient := fhir.SearchParam{Name: "patient", Type: "reference",
		Documentation: "Required, with the modifier identifier: patient:identifier=" + fhir.SystemNHSNumber + "|number."}
	search := []fhir.Interaction{{Code: "search-type"}}
	return &fhir.CapabilityStatement{
		Status: "active", Date: "2026-11-26", Kind: "instance", FHIRVersion: "4.0.1", Format: []string{"json", fhirJSON[0]},
		Software:       &fhir.Software{Name: "Custos"},
		Implementation: &fhir.Implementation{Description: "Child Protection - Information Sharing, on the record", URL: strings.TrimSuffix(s.fhirURL(""), "/")},
		Rest: []fhir.Rest{{Mode: "server",
			Documentation: "Each search is recorded before it is answered; Custos-Seq names its entry. The header IsUnscheduledAccessEvent is true or false; absent, care is unscheduled.",
			Security:      &fhir.Security{Description: "A bearer token of a person whose role may look up."},
			Resource: []fhir.RestResource{
				{Type: "CareTeam", Interaction: search, SearchParam: []fhir.SearchParam{patient},
					Documentation: "A person's plans: each with its kind, its dates, and the authority that is responsible."},
				{Type: "Flag", Documentation: "The CP-IS flag, asked for at PatientFlag?patient=number&code=" + fhir.FlagCode + ", with its CarePlan and CareTeam."},
				{Type: "Appointment", Interaction: []fhir.Interaction{{Code: "create"}},
					Documentation: "One of status noshow: the person was not brought. It is recorded, and told to the authorities that are responsible."},
				{Type: "AuditEvent", Interaction: search, SearchParam: []fhir.SearchParam{patient,
					{Name: "agent", Type: "reference", Documentation: "Information governance: agent:identifier=issuer|subject of somebody, or of an organisation " + fhir.SystemOrganisation + "|code."},
					{Name: "date", Type: "date", Documentation: "Information governance: a day, or a time with its zone; ge, gt, le, lt; once or twice."},
					{Name: "outcome", Type: "token", Documentation: "Information governance: 0 answered, 4 denied."}},
					SearchInclude: []string{auditInclude, auditIncludePublished},
					Documentation: "To clinicians the newest accesses to a person's record from unscheduled care, with who it was. " +
						"To information governance officers, with the header " + reasonHeader + ", every access that they may see."},
			},
		}},
	}
}
