package api

import (
	"net/http"
	"slices"

	"custos/ledger"
)

// copyBody asks for a copy of the accesses to a person's record, to be given away.
type copyBody struct {
	NHSNumber string   `json:"nhsNumber" strict:"required"`
	For       string   `json:"for" strict:"required"`
	Competent *bool    `json:"competent" strict:"required"`
	Harm      *bool    `json:"harmConsidered" strict:"required"`
	Withheld  []uint64 `json:"withheld"`
	Reason    string   `json:"reason" strict:"required"`
}

// withheldMost is how many entries one copy may leave out: the list stands in
// the entry, which has room for no more.
const withheldMost = 500

// postSubjectCopy records who considered serious harm and competence, and how,
// and answers with the copy. The answer's receipt is for the officer's file and
// not for the copy: the entry under it lists what was withheld.
func (s *Server) postSubjectCopy(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in copyBody
	content, err := s.body(r, "subject-copies", &in)
	if err != nil {
		return err
	}
	number, err := ParseNHSNumber(in.NHSNumber)
	if err != nil {
		return at(err, "nhsNumber")
	}
	q := &ledger.CopySubject{Person: s.keys.Person(number.Digits()), Harm: *in.Harm, Competent: *in.Competent}
	for _, to := range []ledger.Recipient{ledger.ToPerson, ledger.ToParent, ledger.ToRepresentative} {
		if in.For == to.String() {
			q.For = to
		}
	}
	if q.For == 0 {
		return &Problem{Code: "field-value", Pointer: "/for", Detail: "for is person, parent or representative."}
	}
	size := uint64(s.node.View().R.Head().Size)
	slices.Sort(in.Withheld)
	for _, n := range slices.Compact(in.Withheld) {
		if n >= size {
			return &Problem{Code: "field-value", Pointer: "/withheld", Detail: "withheld lists entries by their numbers in the trail."}
		}
		q.Withheld = append(q.Withheld, ledger.Seq(n))
	}
	if len(q.Withheld) > withheldMost {
		return &Problem{Code: "field-value", Pointer: "/withheld", Detail: "more than 500 entries are withheld."}
	}
	out, err := s.reasoned(w, r, who, content, in.Reason, q)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.key("accesses")
	j.open('[')
	for i := range out.Answer.Trail {
		row := &out.Answer.Trail[i]
		o, err := s.organisation(row.Organisation)
		if err != nil {
			return err
		}
		j.open('{')
		j.key("at")
		j.time(row.At)
		j.field("kind", row.Kind.String())
		j.field("role", row.Role.String())
		j.field("organisation", organisationShown(o, row.Organisation, ledger.ProfileDetails{}))
		if row.Outcome != 0 {
			j.field("outcome", row.Outcome.String())
			j.key("unscheduled")
			j.boolean(row.Unscheduled)
		}
		if row.InError {
			j.key("inError")
			j.boolean(true)
		}
		j.close('}')
	}
	j.close(']')
	j.finish(w, out, http.StatusOK)
	return nil
}
