package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"custos/api/fhir"
	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// reasonHeader says why an officer reads a trail.
const reasonHeader = "Custos-Reason"

// entriesSearched is how many entries a search that names nobody may look
// through: they are read while the ledger waits.
const entriesSearched = 10_000

// auditSearch is an officer's search. What the ledger's own question has no
// room for is left out of the answer, and of nothing else.
type auditSearch struct {
	ledger.ReadTrail
	number          NHSNumber // of the patient, if one was named
	issuer, subject string    // of the person who looked
	organisation    string    // from where
	outcome         string
	lines           bool // one resource a line, for an export
	sealed          bool // restricted people have no reference in the answer: see [sealedTo]
	self            url.Values
}

// getAuditTrail answers an officer's search over every access that the officer
// may see. The search is itself recorded, with its reason, and stands in the
// trail of whom it names.
func (s *Server) getAuditTrail(w http.ResponseWriter, r *http.Request, who *Identity) error {
	q, err := s.auditSearch(r, who)
	if err != nil {
		return err
	}
	reason := r.Header[reasonHeader]
	if len(reason) != 1 || !utf8.ValidString(reason[0]) || strings.TrimSpace(reason[0]) == "" {
		return problem(ledger.RefusedReasonMissing).with("The header " + reasonHeader + " says why, once.")
	}
	out, err := s.reasoned(w, r, who, s.keys.Content("FHIR AuditEvent trail", []byte(q.self.Encode())), reason[0], &q.ReadTrail)
	if err != nil {
		return err
	}
	q.sealed = sealedTo(who)
	return s.writeAuditTrail(w, out, q)
}

// auditSearch reads a search. Patient, person and organisation may be named
// together, and one of them or a time must be.
func (s *Server) auditSearch(r *http.Request, who *Identity) (*auditSearch, error) {
	values, err := fhirValues(r, "patient:identifier", "agent:identifier", "date", "outcome", "_include")
	if err != nil {
		return nil, err
	}
	q := &auditSearch{self: url.Values{}}
	if q.lines = fhirTakes(r, values, takenForLines); !q.lines && !fhirTakes(r, values, takenForJSON) {
		return nil, problem("not-acceptable").with(onlyJSON)
	}
	for name, given := range values {
		if name != "_format" {
			q.self[name] = given
		}
	}
	if len(values["patient:identifier"]) > 0 {
		if q.number, err = fhirPerson(values); err != nil {
			return nil, err
		}
		q.Person = s.keys.Person(q.number.Digits())
	}
	if err := q.agent(values, s.cfg.Issuer); err != nil {
		return nil, err
	}
	for _, text := range values["date"] {
		if err := q.date(text); err != nil {
			return nil, err
		}
	}
	if in := values["outcome"]; len(in) == 1 {
		if q.outcome = in[0]; q.outcome != auditAnswered && q.outcome != auditDenied {
			return nil, problem("query-parameter").with("An outcome is 0, answered, or 4, denied.")
		}
	}
	return q, s.mainly(q, who)
}

// mainly sets what the ledger is asked for: the narrowest that was named.
func (s *Server) mainly(q *auditSearch, who *Identity) error {
	role, _ := ledger.ParseRole(who.Role)
	switch {
	case !q.Person.IsZero():
	case q.subject != "":
		q.Actor = ledger.ActorIDOf(q.issuer, q.subject)
	case q.organisation != "":
		q.Organisation = q.organisation
	case !ledger.May(role, ledger.ActReadTrail):
		q.Organisation = who.Organisation // that of a site's officer is all there is to see
	default:
		first, end, err := s.node.View().Between(q.From, q.To)
		if err != nil {
			return err
		}
		if end-first > s.searched {
			return problem("search-too-wide")
		}
	}
	return nil
}

// agent reads who looked, "issuer|subject", or from where,
// "https://fhir.nhs.uk/Id/ods-organization-code|code".
func (q *auditSearch) agent(values url.Values, issuer string) error {
	given := values["agent:identifier"]
	if len(given) == 0 {
		return nil
	}
	system, value, ok := strings.Cut(given[0], "|")
	if !ok {
		system, value = "", given[0]
	}
	switch {
	case system == fhir.SystemOrganisation:
		// It stands in the ledger in clear: a code as tokens carry it, never a name or a number of a person.
		if !within(value, 3, 12) || strings.ToUpper(value) != value || !madeOf(value, "") || isNHSNumber(value) {
			return problem("query-parameter").with("An organisation is named by its code.")
		}
		q.organisation = value
	case value == "" || len(value) > 256:
		return problem("query-parameter").with("An agent is named by issuer and subject, or by an organisation's code.")
	case system == "" || system == fhir.SystemUser:
		q.issuer, q.subject = issuer, value
	default:
		q.issuer, q.subject = system, value
	}
	return nil
}

// date narrows the search by one date: a day in London, or a moment.
func (q *auditSearch) date(text string) error {
	prefix := "eq"
	if len(text) > 2 && text[0] >= 'a' && text[0] <= 'z' {
		prefix, text = text[:2], text[2:]
	}
	var start, next ledger.Time
	if d, err := ledger.ParseDay(text); err == nil {
		start, next = d.Start(), (d + 1).Start()
	} else {
		t, err := time.Parse(time.RFC3339, strings.ReplaceAll(text, " ", "+"))
		if err != nil {
			return problem("date-format").with("A date is a day, or a time with its zone, after ge, gt, le, lt or eq.")
		}
		start = ledger.Of(t)
		next = start + 1
	}
	switch prefix {
	case "eq":
		q.From, q.To = max(q.From, start), until(q.To, next)
	case "ge":
		q.From = max(q.From, start)
	case "gt":
		q.From = max(q.From, next)
	case "lt":
		q.To = until(q.To, start)
	case "le":
		q.To = until(q.To, next)
	default:
		return problem("date-format").with("A date is a day, or a time with its zone, after ge, gt, le, lt or eq.")
	}
	if q.To != 0 && q.To <= q.From {
		return problem("date-order")
	}
	return nil
}

// until is the earlier of two ends, of which the first may be none.
func until(a, b ledger.Time) ledger.Time {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// shows reports whether a row of the trail is an access that was asked for.
func (q *auditSearch) shows(row *projection.TrailRow) bool {
	return row.Access && (q.subject == "" || row.Subject == q.subject && row.Issuer == q.issuer) &&
		(q.organisation == "" || row.Organisation == q.organisation) && (q.outcome == "" || auditOutcome(row) == q.outcome)
}

func (s *Server) writeAuditTrail(w http.ResponseWriter, out *consensus.Outcome, q *auditSearch) error {
	a := &out.Answer
	if q.sealed && q.Person.IsZero() {
		if err := s.withoutRestricted(a.Trail); err != nil {
			return err
		}
	}
	origin, _, _ := strings.Cut(string(out.Receipt().Checkpoint), "\n")
	var body []byte
	total := 0
	for i := range a.Trail {
		row := &a.Trail[i]
		if !q.shows(row) {
			continue
		}
		event, err := s.auditEvent(row, a.Profiles, q.number, origin)
		if err != nil {
			return err
		}
		var text []byte
		if q.lines {
			text, err = json.Marshal(event)
		} else {
			text, err = json.Marshal(fhir.Entry{FullURL: s.fhirURL("AuditEvent/" + event.ID), Resource: event, Search: fhir.Match})
		}
		if err != nil {
			return err
		}
		if body = append(body, text...); q.lines {
			body = append(body, '\n')
		} else {
			body = append(body, ',')
		}
		total++
	}
	if q.lines {
		cite(w, a.Seq)
		writeFHIR(w, fhirLines, body)
		return nil
	}
	if total > 0 {
		body = body[:len(body)-1]
	}
	return sendSearchset(w, a.Seq, fhir.NewSearchset(fhirID(a.Seq), s.fhirURL("AuditEvent?"+q.self.Encode()), total), body)
}

// withoutRestricted takes the references of restricted people out of rows that
// stay: that somebody looked somebody up is told, and not whom.
func (s *Server) withoutRestricted(rows []projection.TrailRow) error {
	view, known := s.node.View(), map[ledger.PersonRef]bool{}
	for i := range rows {
		p := rows[i].Person
		hidden, ok := known[p]
		if !ok && !p.IsZero() {
			var err error
			if hidden, err = view.Restricted(p); err != nil {
				return err
			}
			known[p] = hidden
		}
		if hidden {
			rows[i].Person = ledger.PersonRef{}
		}
	}
	return nil
}

// What became of an access, in FHIR's codes.
const (
	auditAnswered = "0"
	auditDenied   = "4"
)

func auditOutcome(row *projection.TrailRow) string {
	if row.Kind == ledger.KindAccessDenied {
		return auditDenied
	}
	return auditAnswered
}

// auditEvent is an access as audit repositories take one. Its patient is the
// one whom the search names, or else a reference that only the ledger knows.
func (s *Server) auditEvent(row *projection.TrailRow, profiles []*ledger.Shown, number NHSNumber, origin string) (*fhir.AuditEvent, error) {
	name := s.name(profiles, row.Profile)
	o, err := s.organisation(row.Organisation)
	if err != nil {
		return nil, err
	}
	a := fhir.Audit{ID: fhirID(row.Seq), Seq: int64(row.Seq), Receipt: fhirReceipt(uint64(row.Seq)).ValueURL, Kind: row.Kind.String(),
		Recorded: fhirInstant(row.At), Denied: auditOutcome(row) == auditDenied, Words: row.Words(), Site: origin,
		Command: uuid.UUID(row.Command).String(), Of: fhirID(row.Read()), Asked: row.Asked(""),
		Issuer: row.Issuer, Subject: row.Subject, SubjectName: name.Name, RoleName: roleShown(name, row.Role)}
	if row.Organisation != "" {
		a.Organisation, a.OrganisationName = row.Organisation, organisationShown(o, row.Organisation, name)
	}
	if !row.Person.IsZero() {
		a.Asked = row.Asked(row.Person.String())
	}
	switch {
	case number != (NHSNumber{}):
		patient := fhirIdentifier(number)
		a.Patient = &patient
	case !row.Person.IsZero():
		a.Patient = &fhir.Identifier{System: fhir.SystemPerson, Value: row.Person.String()}
	}
	e := fhir.Audited(&a)
	return &e, nil
}
