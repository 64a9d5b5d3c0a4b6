package api

import (
	"encoding/json"
	"net/http"
	"time"

	"custos/api/fhir"
	"custos/ledger"
	"custos/projection"
)

const auditEventPath = fhirBase + "AuditEvent"

// The two spellings of what is included: FHIR's own, and that of the guide.
// What they ask for is in every answer, as it is in the published example,
// whose query asks for nothing.
const (
	auditInclude          = "AuditEvent:agent"
	auditIncludePublished = "AuditEvent:entity-type=" + fhir.SystemRoleClass + "|ASSIGNED"
)

// getAuditEvent answers two questions at one address, by the caller's role:
// CP-IS's search for who has looked, and the officers' for every access.
func (s *Server) getAuditEvent(w http.ResponseWriter, r *http.Request, who *Identity) error {
	if auditEventAction(who) == ledger.ActReadSiteTrail {
		return s.getAuditTrail(w, r, who)
	}
	return s.getAuditHistory(w, r, who)
}

// auditEventAction is what a caller asks for who asks for AuditEvents.
func auditEventAction(who *Identity) ledger.Action {
	if role, _ := ledger.ParseRole(who.Role); ledger.May(role, ledger.ActReadSiteTrail) {
		return ledger.ActReadSiteTrail
	}
	return ledger.ActLookUp
}

// getAuditHistory answers CP-IS's search. It discloses as much as a lookup and
// is one: it stands in its own answer.
func (s *Server) getAuditHistory(w http.ResponseWriter, r *http.Request, who *Identity) error {
	values, err := fhirSearch(r, "patient:identifier", "_include")
	if err != nil {
		return err
	}
	if in := values["_include"]; len(in) == 1 && in[0] != auditInclude && in[0] != auditIncludePublished {
		return problem("query-parameter").with("What _include asks for is not known here.")
	}
	var q fhirQuestion
	if q.number, err = fhirPerson(values); err != nil {
		return err
	}
	if q.declared, err = fhirDeclared(r, ledger.DeclaredUnscheduled); err != nil {
		return err
	}
	out, err := s.fhirLookUp(w, r, who, "AuditEvent", q)
	if err != nil {
		return err
	}
	a := &out.Answer
	var entries []byte
	if len(a.Visits) > 0 {
		patient := fhirIdentifier(q.number)
		j := newJSONWriter()
		defer j.free()
		if err := s.fhirVisits.write(j, q.number, a.Visits, a.At, func(j *jsonWriter, v *projection.Visit) error {
			return s.writeAuditEvent(j, patient, a.Profiles, v)
		}); err != nil {
			return err
		}
		entries = j.b
	} else if a.Access.Outcome == ledger.OutcomeNotFound && !s.cfg.FHIRWithoutCaution {
		if entries, err = json.Marshal(fhirCaution); err != nil {
			return err
		}
	}
	return sendSearchset(w, a.Seq, fhir.NewSearchset(fhirID(a.Seq), s.fhirSelf("AuditEvent", q.number), len(a.Visits)), entries)
}

// writeAuditEvent appends one line of a history: the access, and who it was in
// the role of that time. Both have the id of the access's entry.
func (s *Server) writeAuditEvent(j *jsonWriter, patient fhir.Identifier, profiles []*ledger.Shown, v *projection.Visit) error {
	name := s.name(profiles, v.Profile)
	o, err := s.organisation(v.Organisation)
	if err != nil {
		return err
	}
	id := fhirID(v.Seq)
	event := fhir.Accessed(id, fhirInstant(v.At), patient, "PractitionerRole/"+id)
	if v.InError {
		event.OutcomeDesc = "Looked up in error"
	}
	role := fhir.PractitionerRole{ID: id, Practitioner: &fhir.Reference{Display: name.Name},
		Organization: &fhir.Reference{Identifier: &fhir.Identifier{System: fhir.SystemOrganisation, Value: v.Organisation},
			Display: organisationShown(o, v.Organisation, name)},
		Code: []fhir.CodeableConcept{{Text: roleShown(name, v.Role)}}}
	for _, e := range []fhir.Entry{
		{FullURL: s.fhirURL("AuditEvent/" + id), Resource: &event, Search: fhir.Match},
		{FullURL: s.fhirURL("PractitionerRole/" + id), Resource: &role, Search: fhir.Include},
	} {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		j.sep()
		j.b = append(j.b, text...)
	}
	return nil
}

// fhirInstant is a time as FHIR writes an instant.
func fhirInstant(t ledger.Time) string { return t.Std().UTC().Format(time.RFC3339Nano) }
