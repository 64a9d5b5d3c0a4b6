package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"custos/api/fhir"
	"custos/ledger"
	"custos/projection"
)

// fhirPlans are the kinds of plan as CP-IS codes them.
var fhirPlans = map[ledger.PlanType]fhir.CodeableConcept{
	ledger.ChildProtection: fhir.ChildProtection, ledger.LookedAfter: fhir.LookedAfter, ledger.UnbornChild: fhir.UnbornChild,
}

// getCareTeam answers CP-IS's search for a person's plans.
func (s *Server) getCareTeam(w http.ResponseWriter, r *http.Request, who *Identity) error {
	values, err := fhirSearch(r, "patient:identifier")
	if err != nil {
		return err
	}
	var q fhirQuestion
	if q.number, err = fhirPerson(values); err != nil {
		return err
	}
	if q.declared, err = fhirDeclared(r, ledger.DeclaredUnscheduled); err != nil {
		return err
	}
	out, err := s.fhirLookUp(w, r, who, "CareTeam", q)
	if err != nil {
		return err
	}
	a := &out.Answer
	b := fhir.NewSearchset(fhirID(a.Seq), s.fhirSelf("CareTeam", q.number), len(a.Plans))
	if len(a.Plans) > 0 {
		person, err := s.openPerson(a.Plans)
		if err != nil {
			return err
		}
		patient := fhirIdentifier(q.number)
		subject := &fhir.Reference{Identifier: &patient, Display: fhirName(person)}
		for i := range a.Plans {
			t, err := s.careTeam(&a.Plans[i], a.At.Day())
			if err != nil {
				return err
			}
			t.Subject = subject
			b.Entry = append(b.Entry, fhir.Entry{FullURL: s.fhirURL("CareTeam/" + t.ID), Resource: t, Search: fhir.Match})
		}
	} else if !s.cfg.FHIRWithoutCaution {
		b.Entry = []fhir.Entry{fhirCaution}
	}
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	sendFHIR(w, a.Seq, body)
	return nil
}

// careTeam is the authority that is responsible for a plan, with the plan's
// kind and dates. Its id is the entry that was disclosed.
func (s *Server) careTeam(shown *projection.PlanShown, today ledger.Day) (*fhir.CareTeam, error) {
	p := &shown.Plan
	o, err := s.organisation(p.Authority)
	if err != nil {
		return nil, err
	}
	t := &fhir.CareTeam{ID: fhirID(p.Seq), Status: "inactive", Category: []fhir.CodeableConcept{fhirPlans[p.Type]},
		Name: organisationShown(o, p.Authority, ledger.ProfileDetails{}), Period: &fhir.Period{Start: p.Start.String(), End: p.End.String()},
		Telecom: fhir.Phones(o.Directory.OfficeHours, o.Directory.EmergencyDuty)}
	if p.Active(today) {
		t.Status = "active"
	}
	return t, nil
}

// fhirID is the id of a resource that one entry is the source of.
func fhirID(n ledger.Seq) string { return strconv.FormatUint(uint64(n), 10) }

// fhirName is a person's name as the published examples write one.
func fhirName(d *ledger.PlanDetails) string {
	return strings.TrimSpace(d.Given + " " + strings.ToUpper(d.Family))
}

// fhirCaution goes with an answer that found nothing. It is no match, and is
// not counted; a program that reads only matches is none the wiser.
var fhirCaution = fhir.Entry{Search: fhir.Outcome, Resource: fhir.OperationOutcome{ID: "caution",
	Issue: []fhir.Issue{{Severity: "warning", Code: "informational", Diagnostics: caution}}}}
