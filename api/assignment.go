package api

import (
	"net/http"

	"custos/ledger"
)

// assignmentBody makes a place somebody's caseload.
type assignmentBody struct {
	Person string `json:"person"`
	Team   string `json:"team"`
	School string `json:"school"`
	Area   string `json:"area"`
	From   string `json:"from" strict:"required"`
	To     string `json:"to"`
	Type   string `json:"type" strict:"required"`
	Reason string `json:"reason"`
	For    string `json:"for"` // cover: the person or team who is away
}

func (s *Server) postAssignment(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in assignmentBody
	content, err := s.body(r, "assignments", &in)
	if err != nil {
		return err
	}
	q := &ledger.Assign{Subject: in.Person, Team: in.Team, Cover: in.Type == "cover"}
	if (in.Person == "") == (in.Team == "") {
		return &Problem{Code: "field-value", Detail: "An assignment names a person or a team.", Pointer: "/person"}
	}
	// All three stand in the ledger in clear: they are a token's sub or team, never a name.
	if !within(in.Person, 0, 128) || !madeOf(in.Person, "._:@|~+/=-") || isNHSNumber(in.Person) {
		return &Problem{Code: "field-value", Detail: "person is the subject of a token.", Pointer: "/person"}
	}
	if !within(in.Team, 0, 64) || !madeOf(in.Team, "._:-") || isNHSNumber(in.Team) {
		return &Problem{Code: "field-value", Detail: "team is the team of a token.", Pointer: "/team"}
	}
	if !within(in.For, 0, 128) || !madeOf(in.For, "._:@|~+/=-") || isNHSNumber(in.For) || (in.For != "" && !q.Cover) {
		return &Problem{Code: "field-value", Detail: "for names, of a cover, the person or team who is away.", Pointer: "/for"}
	}
	if q.For = in.For; q.For != "" {
		if err := s.needs(3); err != nil {
			return err
		}
	}
	if in.Type != "own" && in.Type != "cover" {
		return &Problem{Code: "field-value", Detail: "type is own or cover.", Pointer: "/type"}
	}
	var fault string
	if q.Place, fault = place(in.School, in.Area, ""); fault != "" {
		return &Problem{Code: "field-value", Detail: enrolmentMessages[fault], Pointer: "/school"}
	}
	if q.From, err = parseDate(in.From, "from"); err != nil {
		return err
	}
	if in.To != "" {
		if q.To, err = parseDate(in.To, "to"); err != nil {
			return err
		}
		if q.To < q.From {
			return &Problem{Code: "date-order", Pointer: "/to"}
		}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	if in.Reason != "" {
		if err := d.reason(in.Reason); err != nil {
			return err
		}
	}
	out, err := d.propose(r.Context(), q)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("type", in.Type)
	j.finish(w, out, http.StatusCreated)
	return nil
}

// endBody ends an assignment before its time.
type endBody struct {
	To     string `json:"to" strict:"required"`
	Reason string `json:"reason" strict:"required"`
}

// postAssignmentEnd gives an assignment its last day. Which place it is of says
// the entry that made it.
func (s *Server) postAssignmentEnd(w http.ResponseWriter, r *http.Request, who *Identity) error {
	seq, err := s.pathSeq(r, "seq")
	if err != nil {
		return err
	}
	var in endBody
	content, err := s.body(r, "assignments/"+pathVar(r, "seq")+"/ends", &in)
	if err != nil {
		return err
	}
	q := &ledger.EndAssignment{Of: seq}
	if q.To, err = parseDate(in.To, "to"); err != nil {
		return err
	}
	if err := s.needs(3); err != nil {
		return err
	}
	if q.Place, err = s.assignedPlace(seq); err != nil {
		return err
	}
	out, err := s.reasoned(w, r, who, content, in.Reason, q)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.key("ended")
	j.number(int64(seq))
	j.day("to", out.Answer.Ended)
	j.finish(w, out, http.StatusCreated)
	return nil
}

// assignedPlace reads which place an entry assigned; "" if it assigned none.
// Whether it exists is left to the decision, which this node may be behind of.
func (s *Server) assignedPlace(seq ledger.Seq) (ledger.Place, error) {
	if seq >= s.node.View().R.Head().Size {
		return "", nil
	}
	record, err := s.node.Record(seq)
	if err != nil {
		return "", err
	}
	e, err := ledger.ParseEntry(record)
	if err != nil {
		return "", err
	}
	if a, ok := e.Event.(*ledger.Assigned); ok {
		return a.Place, nil
	}
	return "", nil
}
