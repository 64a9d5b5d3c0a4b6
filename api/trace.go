package api

import (
	"net/http"

	"custos/ledger"
)

// traceBody asks by names, where no NHS number is known.
type traceBody struct {
	FamilyName  string `json:"familyName" strict:"required"`
	GivenNames  string `json:"givenNames" strict:"required"`
	DateOfBirth string `json:"dateOfBirth" strict:"required"`

	Responsible *responsibleBody `json:"responsible"` // who answers for it, where a system asks
}

// traceCaution goes with a possible match.
const traceCaution = "Possible match: an authority has sent a record of these exact names and this birth date without an NHS number. " +
	"It may be another person. Ring the authority; no plan is shown here."

// postTrace says which authorities to ring about somebody without an NHS number.
// It finds rows that have none either, by exactly these names, and shows no plan.
func (s *Server) postTrace(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in traceBody
	content, err := s.body(r, "traces", &in)
	if err != nil {
		return err
	}
	if !name(in.FamilyName) || !name(in.GivenNames) {
		return &Problem{Code: "field-value", Pointer: "/familyName"}
	}
	if _, err := ledger.ParseBirth(in.DateOfBirth); err != nil {
		return &Problem{Code: "date-format", Pointer: "/dateOfBirth"}
	}
	if err := s.needsTwo(); err != nil {
		return err
	}
	as, tag, err := s.inTheNameOf(who, in.Responsible)
	if err != nil {
		return err
	}
	d, err := s.draft(w, r, as, content)
	if err != nil {
		return err
	}
	if err := d.reason(in.FamilyName + ", " + in.GivenNames + ", " + in.DateOfBirth); err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.Trace{Trace: s.traceTag(in.FamilyName, in.GivenNames, in.DateOfBirth), System: who.Machine, Responsible: tag})
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	if out.Answer.Traced == nil {
		j.field("outcome", "not-found")
		j.field("caution", caution)
		if err := s.writeCoverage(j, out.Answer.At); err != nil {
			return err
		}
		j.finish(w, out, http.StatusOK)
		return nil
	}
	j.field("outcome", "possible-match")
	j.field("caution", traceCaution)
	if err := s.writeAuthorities(j, out.Answer.Traced.Authorities); err != nil {
		return err
	}
	j.finish(w, out, http.StatusOK)
	return nil
}

// writeAuthorities appends "authorities": how each is reached.
func (s *Server) writeAuthorities(j *jsonWriter, codes []string) error {
	j.key("authorities")
	j.open('[')
	for _, code := range codes {
		o, err := s.organisation(code)
		if err != nil {
			return err
		}
		j.open('{')
		j.numbers(code, &o, s.moment())
		j.close('}')
	}
	j.close(']')
	return nil
}
