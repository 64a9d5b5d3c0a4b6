package api

import (
	"encoding/hex"
	"net/http"
	"strings"

	"custos/api/cpis"
	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

// CP-IS message 04: what a committed outcome disclosed, as the schema has it.

// answer makes message 04 of an outcome that disclosed plans.
func (s *Server) answer(r *http.Request, out *consensus.Outcome, number NHSNumber) (*cpis.Answer, error) {
	a := &out.Answer
	log, err := s.node.View().Log()
	if err != nil {
		return nil, err
	}
	m := &cpis.Answer{Time: cpis.TimestampOf(a.At.Std()), ID: cpis.UUID(ledger.AnswerID(log.ID, a.Seq))}
	if m.Holdings, err = s.holdings(a.Plans); err != nil || len(a.Visits) == 0 {
		return m, err
	}
	if s.node.View().R.Head().Size <= a.Visits[0].Seq { // this node was not the one that decided
		if _, err := s.receipt(r.Context(), a.Visits[0].Seq); err != nil {
			return nil, err
		}
	}
	for i := range a.Visits {
		v := &a.Visits[i]
		by, err := s.asker(a.Profiles, v)
		if err != nil {
			return nil, err
		}
		m.Accesses = append(m.Accesses, cpis.Query{Time: cpis.TimestampOf(v.At.Std()), ID: cpis.UUID(ledger.QueryID(log.ID, v.Seq)),
			Author: by.Author(), NHSNumber: number.Digits()})
	}
	return m, nil
}

// inError marks a lookup that was of the wrong person: the schema has no place
// for that but the author's name.
const inError = " (looked up in error)"

// asker is who made an access, in full.
func (s *Server) asker(profiles []*ledger.Shown, v *projection.Visit) (cpis.Asker, error) {
	p := s.name(profiles, v.Profile)
	row, err := s.node.View().TrailRow(v.Seq)
	if err != nil {
		return cpis.Asker{}, err
	}
	o, err := s.organisation(v.Organisation)
	if err != nil {
		return cpis.Asker{}, err
	}
	by := cpis.Asker{UserID: row.Subject, RoleProfile: p.RoleProfile, RoleCode: p.RoleCode, RoleWords: roleShown(p, v.Role), Name: p.Name,
		System: p.System, Employer: cpis.Party{Code: v.Organisation, Name: cpis.Tidy(organisationShown(o, v.Organisation, p), 200)}}
	if len(by.UserID) > 64 || !cpis.Sendable(by.UserID) {
		id := ledger.ActorIDOf(row.Issuer, row.Subject)
		by.UserID = hex.EncodeToString(id[:])
	}
	if !cpis.ValidCode(by.Employer.Code) { // longer than a code may be here
		by.Employer.Code = noCode
	}
	if v.InError {
		by.Mark = inError
	}
	return by, nil
}

// What stands where the schema wants something and there is nothing.
const (
	noCode      = "UNKNOWN"
	noTelephone = "000"
	noName      = "unknown"
)

// holdings makes the records of an answer: an authority's plans of one person
// stand together, three at most in a record.
func (s *Server) holdings(plans []projection.PlanShown) ([]cpis.Holding, error) {
	var all []cpis.Holding
	for i := range plans {
		p := &plans[i]
		var d ledger.PlanDetails
		if err := s.open(p.Details, &d); err != nil {
			return nil, err
		}
		plan, err := planOf(&p.Plan, &d)
		if err != nil {
			return nil, err
		}
		subject := subjectOf(&p.Plan, &d)
		n := room(all, p.Plan.Authority, &subject)
		if n < 0 {
			o, err := s.contact(p.Plan.Authority)
			if err != nil {
				return nil, err
			}
			n, all = len(all), append(all, cpis.Holding{Authority: o})
		}
		h := &all[n]
		h.Plans = append(h.Plans, plan)
		if sameSubject(h.Subjects, &subject) < 0 {
			h.Subjects = append(h.Subjects, subject)
		}
	}
	return all, nil
}

// room finds the record that a plan can stand in, or −1: of the same authority,
// with room for it, and with nobody else of the same sort.
func room(all []cpis.Holding, authority string, s *cpis.Subject) int {
	for i := range all {
		h := &all[i]
		if h.Authority.Code != authority || len(h.Plans) == 3 {
			continue
		}
		other := false
		for j := range h.Subjects {
			other = other || h.Subjects[j].Unborn == s.Unborn && h.Subjects[j] != *s
		}
		if !other {
			return i
		}
	}
	return -1
}

func sameSubject(have []cpis.Subject, s *cpis.Subject) int {
	for i := range have {
		if have[i] == *s {
			return i
		}
	}
	return -1
}

var planTypes = map[ledger.PlanType]cpis.PlanType{
	ledger.ChildProtection: cpis.ChildProtection, ledger.LookedAfter: cpis.LookedAfter, ledger.UnbornChild: cpis.UnbornChild,
}

// planOf is a plan as messages have it: to the minute, where its record said so.
func planOf(p *ledger.Plan, d *ledger.PlanDetails) (cpis.Plan, error) {
	out := cpis.Plan{Type: planTypes[p.Type], Start: midnight(p.Start), End: midnight(p.End)}
	if d.Record == "" {
		return out, nil
	}
	record, err := recordFrom(d.Record)
	if err != nil {
		return out, err
	}
	for _, said := range record.Plans {
		if said.Type == out.Type && said.Start.Date() == out.Start.Date() {
			out.Start = said.Start
			if said.End.Date() == out.End.Date() {
				out.End = said.End
			}
		}
	}
	return out, nil
}

func midnight(d ledger.Day) cpis.DateTime {
	day, ok := cpis.ParseISO(d.String())
	if !ok {
		return 0
	}
	return day.At(0, 0)
}

// subjectOf is whom a plan is about; of an unborn child's, the mother.
func subjectOf(p *ledger.Plan, d *ledger.PlanDetails) cpis.Subject {
	s := cpis.Subject{Unborn: p.Type == ledger.UnbornChild}
	s.NHSNumber = d.NHSNumber
	if d.LocalID != "" && len(d.LocalID) <= 64 && cpis.Sendable(d.LocalID) {
		s.LocalID, s.Assigner = d.LocalID, p.Authority
	}
	s.Given, s.Family = cpis.Tidy(d.Given, 100), cpis.Tidy(d.Family, 100)
	for _, n := range []*string{&s.Given, &s.Family} {
		if *n == "" {
			*n = noName
		}
	}
	s.Birth, _ = cpis.ParseISO(d.Birth)
	return s
}

// contact is an authority as the directory has it. The schema wants the number
// of the emergency duty team: where the directory has none, that of office hours
// stands in its place, and where it has none at all, one that reaches nobody.
func (s *Server) contact(code string) (cpis.Organisation, error) {
	o, err := s.receiver(code)
	if err != nil {
		return o, err
	}
	if o.Name = cpis.Tidy(o.Name, 200); o.Name == "" {
		o.Name = code
	}
	for _, t := range []*string{&o.OfficeHours, &o.EmergencyDuty} {
		if digits := len(strings.TrimPrefix(*t, "+")); digits < 3 || digits > 15 || strings.LastIndexByte(*t, '+') > 0 {
			*t = ""
		}
	}
	if o.EmergencyDuty == "" {
		o.EmergencyDuty = o.OfficeHours
	}
	if o.EmergencyDuty == "" {
		o.EmergencyDuty = noTelephone
	}
	return o, nil
}
