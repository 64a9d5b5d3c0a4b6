package api

import (
	"encoding/json"
	"net/http"

	"custos/api/fhir"
	"custos/consensus"
	"custos/ledger"
)

// getPatientFlag answers the Patient Flag API's question for the CP-IS flag: a
// flag, and of each plan that there is one, and who is responsible. That API
// has no header about the care setting: without one, the organisation's policy
// says whether care is unscheduled.
func (s *Server) getPatientFlag(w http.ResponseWriter, r *http.Request, who *Identity) error {
	values, err := fhirSearch(r, "patient", "code")
	if err != nil {
		return err
	}
	if code := values["code"]; len(code) == 1 && code[0] != fhir.FlagCode && code[0] != fhir.FlagSystem+"|"+fhir.FlagCode {
		return problem("query-parameter").with("The one code that is known here is " + fhir.FlagCode + ".")
	}
	if len(values["patient"]) == 0 {
		return problem("query-parameter").with("The parameter patient is missing.")
	}
	var q fhirQuestion
	if q.number, err = ParseNHSNumber(values["patient"][0]); err != nil {
		return err
	}
	if q.declared, err = fhirDeclared(r, ledger.DeclaredNothing); err != nil {
		return err
	}
	out, err := s.fhirLookUp(w, r, who, "PatientFlag", q)
	if err != nil {
		return err
	}
	b := &fhir.Bundle{ID: fhirID(out.Answer.Seq), Type: fhir.Collection}
	if len(out.Answer.Plans) > 0 {
		if b.Entry, err = s.patientFlag(out, q.number); err != nil {
			return err
		}
	}
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	sendFHIR(w, out.Answer.Seq, body)
	return nil
}

// patientFlag is one flag for the person, whatever the number of plans, and
// behind it each plan with its authority. Who of the authority uploaded a plan
// is not told.
func (s *Server) patientFlag(out *consensus.Outcome, number NHSNumber) ([]fhir.Entry, error) {
	a := &out.Answer
	today := a.At.Day()
	person, err := s.openPerson(a.Plans)
	if err != nil {
		return nil, err
	}
	patient := fhirIdentifier(number)
	subject := fhir.Reference{Reference: "Patient/" + patient.Value, Identifier: &patient, Display: fhirName(person)}
	flag := &fhir.Flag{ID: fhirID(a.Seq), Meta: fhir.FlagProfile, Status: "inactive", Code: fhir.CPIS, Subject: subject}
	entries := []fhir.Entry{{FullURL: s.fhirURL("Flag/" + flag.ID), Resource: flag}}
	for i := range a.Plans {
		p := &a.Plans[i].Plan
		team, err := s.careTeam(&a.Plans[i], today)
		if err != nil {
			return nil, err
		}
		category, period := team.Category, team.Period
		team.Category, team.Period = nil, nil // they are the plan's here
		team.Meta, team.Name = fhir.CareTeamProfile, p.Authority+" - "+team.Name
		plan := &fhir.CarePlan{ID: team.ID, Meta: fhir.CarePlanProfile, Status: "completed", Intent: "plan", Category: category, Subject: subject, Period: period,
			CareTeam: []fhir.Reference{{Reference: "CareTeam/" + team.ID, Display: team.Name}}}
		if p.Active(today) {
			plan.Status, flag.Status = "active", "active"
		}
		flag.Period = cover(flag.Period, period)
		flag.Extension = append(flag.Extension, fhir.Detail(fhir.Reference{Reference: "CarePlan/" + plan.ID, Display: category[0].Coding[0].Display}))
		flag.Contained = append(flag.Contained, fhir.Created("recorded-"+plan.ID, fhirInstant(p.Recorded),
			fhir.Reference{Type: "Organization", Identifier: &fhir.Identifier{System: fhir.SystemOrganisation, Value: p.Authority}, Display: team.Name}))
		entries = append(entries, fhir.Entry{FullURL: s.fhirURL("CarePlan/" + plan.ID), Resource: plan},
			fhir.Entry{FullURL: s.fhirURL("CareTeam/" + team.ID), Resource: team})
	}
	return entries, nil
}

// cover is the time from the beginning of the one to the end of the other,
// whichever is further; of none, the other's. Dates are text, in order.
func cover(a, b *fhir.Period) *fhir.Period {
	if a == nil {
		return b
	}
	c := &fhir.Period{Start: min(a.Start, b.Start), End: max(a.End, b.End)}
	if a.End == "" || b.End == "" {
		c.End = ""
	}
	return c
}
