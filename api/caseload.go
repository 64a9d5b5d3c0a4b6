package api

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"

	"custos/consensus"
	"custos/ledger"
	"custos/projection"
)

type caseloadBody struct {
	School string `json:"school"`
	Area   string `json:"area"`
}

// caseloadChanges are the changes as answers name them.
var caseloadChanges = []struct {
	name   string
	change ledger.CaseloadChange
}{{"new", ledger.CaseloadNew}, {"ended", ledger.CaseloadEnded}, {"movedIn", ledger.CaseloadMovedIn}, {"movedOut", ledger.CaseloadMovedOut}}

// postCaseload shows the people of a place. Each of them has an entry of their
// own, and none is shown before the last is committed; as CSV it is the same.
func (s *Server) postCaseload(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in caseloadBody
	content, err := s.body(r, "caseloads", &in)
	if err != nil {
		return err
	}
	at, fault := place(in.School, in.Area, "")
	if fault != "" {
		return &Problem{Code: "field-value", Detail: enrolmentMessages[fault], Pointer: "/school"}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.ReadCaseload{Place: at})
	if err != nil {
		return err
	}
	if strings.HasPrefix(r.Header.Get("Accept"), "text/csv") {
		return s.writeCaseloadCSV(w, out)
	}
	a := &out.Answer
	j := newJSONWriter()
	j.open('{')
	// Who is on the list is told apart from whose plans have all ended and are still shown.
	for _, part := range []struct {
		name  string
		ended bool
	}{{"people", false}, {"ended", true}} {
		j.key(part.name)
		j.open('[')
		for i := range a.People {
			p := &a.People[i]
			if p.Change == ledger.CaseloadMovedOut || inForce(p.Plans, a.At.Day()) == part.ended {
				continue
			}
			if err := s.writeSubject(j, a, p); err != nil {
				return err
			}
		}
		j.close(']')
	}
	j.key("changes")
	j.open('{')
	for _, c := range caseloadChanges {
		j.key(c.name)
		j.open('[')
		for i := range a.People {
			if a.People[i].Change == c.change {
				if err := s.writeSubject(j, a, &a.People[i]); err != nil {
					return err
				}
			}
		}
		j.close(']')
	}
	j.close('}')
	if a.Since != 0 {
		j.key("since")
		j.time(a.Since)
	}
	if a.Cover {
		j.key("cover")
		j.boolean(true)
		j.optional("coveringFor", a.For)
	}
	if a.Handover {
		j.key("handover")
		j.boolean(true)
	}
	j.finish(w, out, http.StatusOK)
	return nil
}

// inForce reports whether any of somebody's plans is in force.
func inForce(plans []projection.PlanShown, today ledger.Day) bool {
	for i := range plans {
		if plans[i].Plan.Active(today) {
			return true
		}
	}
	return false
}

func (s *Server) writeSubject(j *jsonWriter, a *projection.Answer, p *projection.Subject) error {
	d, err := s.openPerson(p.Plans)
	if err != nil {
		return err
	}
	j.open('{')
	j.field("nhsNumber", d.NHSNumber)
	writePerson(j, d)
	if err := s.writePlans(j, p.Plans, a.At, false); err != nil {
		return err
	}
	if a.Since != 0 {
		j.key("since")
		j.time(a.Since)
	}
	j.close('}')
	return nil
}

var caseloadColumns = []string{"nhs_number", "family_name", "given_names", "date_of_birth", "plan_type", "status", "start", "end",
	"authority", "authority_name", "office_hours", "emergency_duty", "change", "since"}

// writeCaseloadCSV writes a line for each plan that was shown. Which entry
// records the showing is in the header Custos-Seq.
func (s *Server) writeCaseloadCSV(w http.ResponseWriter, out *consensus.Outcome) error {
	a := &out.Answer
	var b bytes.Buffer
	lines := csv.NewWriter(&b)
	_ = lines.Write(caseloadColumns) // a buffer takes every line
	since := ""
	if a.Since != 0 {
		since = a.Since.String()
	}
	for i := range a.People {
		p := &a.People[i]
		d, err := s.openPerson(p.Plans)
		if err != nil {
			return err
		}
		change := ""
		for _, c := range caseloadChanges {
			if c.change == p.Change {
				change = c.name
			}
		}
		for j := range p.Plans {
			plan := &p.Plans[j].Plan
			o, err := s.organisation(plan.Authority)
			if err != nil {
				return err
			}
			status := "ended"
			if plan.Active(a.At.Day()) {
				status = "active"
			}
			_ = lines.Write([]string{d.NHSNumber, inert(d.Family), inert(d.Given), inert(d.Birth), plan.Type.String(), status, plan.Start.String(), plan.End.String(),
				plan.Authority, inert(o.Name), inert(o.Directory.OfficeHours), inert(o.Directory.EmergencyDuty), change, since})
		}
	}
	lines.Flush()
	cite(w, a.Seq)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = w.Write(b.Bytes()) // who reads no more needs no error
	return nil
}
