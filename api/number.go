package api

import (
	"net/http"

	"custos/ledger"
	"custos/projection"
)

// numberBody says what became of an NHS number.
type numberBody struct {
	NHSNumber   string `json:"nhsNumber" strict:"required"`
	ReplacedBy  string `json:"replacedBy"`  // the number that is the same person's
	DateOfBirth string `json:"dateOfBirth"` // the register's, with replacedBy
	Part        bool   `json:"part"`        // undo an earlier replacement
	Reason      string `json:"reason" strict:"required"`
}

// postNumber records that a number was replaced, that the replacement was wrong,
// or that it is no longer used and was not replaced. What follows is decided
// there; the numbers themselves stay out of the ledger.
func (s *Server) postNumber(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in numberBody
	content, err := s.body(r, "numbers", &in)
	if err != nil {
		return err
	}
	number, err := ParseNHSNumber(in.NHSNumber)
	if err != nil {
		return at(err, "nhsNumber")
	}
	q, status, err := s.numberRequest(&in, s.keys.Person(number.Digits()))
	if err != nil {
		return err
	}
	if err := s.needsTwo(); err != nil {
		return err
	}
	out, err := s.reasoned(w, r, who, content, in.Reason, q)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("status", status)
	j.finish(w, out, http.StatusCreated)
	return nil
}

func (s *Server) numberRequest(in *numberBody, p ledger.PersonRef) (ledger.Request, string, error) {
	switch {
	case in.Part && (in.ReplacedBy != "" || in.DateOfBirth != ""):
		return nil, "", &Problem{Code: "field-value", Detail: "part undoes a replacement and names only the number that was replaced.", Pointer: "/part"}
	case in.Part:
		return &ledger.PartNumbers{Old: p}, "parted", nil
	case in.ReplacedBy == "" && in.DateOfBirth != "":
		return nil, "", &Problem{Code: "field-value", Detail: "dateOfBirth goes with replacedBy.", Pointer: "/dateOfBirth"}
	case in.ReplacedBy == "":
		return &ledger.InactivateNumber{Person: p}, "inactivated", nil
	}
	next, err := ParseNHSNumber(in.ReplacedBy)
	if err != nil {
		return nil, "", at(err, "replacedBy")
	}
	if _, err := ledger.ParseBirth(in.DateOfBirth); err != nil {
		return nil, "", &Problem{Code: "date-format", Pointer: "/dateOfBirth"}
	}
	to := s.keys.Person(next.Digits())
	return &ledger.SupersedeNumber{Old: p, New: to, Birth: s.birthTag(to, in.DateOfBirth),
		Was: s.birthTag(p, in.DateOfBirth)}, "superseded", nil
}

// inactiveTask is a plan in force under a number that is no longer used. It is
// open until its authority ends the plan, or deletes it.
type inactiveTask struct {
	ID           ledger.Seq `json:"id"`
	Notification ledger.Seq `json:"notification,omitempty"` // opening it tells whom it is about
}

func (s *Server) inactiveTasks(view projection.View, authority string) ([]inactiveTask, error) {
	open, err := view.InactiveTasks(authority, s.moment().Day())
	if err != nil {
		return nil, err
	}
	var out []inactiveTask
	for _, n := range open {
		t := inactiveTask{ID: n}
		told, err := view.NotificationsOf(n)
		if err != nil {
			return nil, err
		}
		for i := range told {
			if told[i].Authority == authority {
				t.Notification = told[i].ID
			}
		}
		out = append(out, t)
	}
	return out, nil
}
