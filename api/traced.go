package api

import (
	"context"
	"encoding/json"
	"net/http"

	"custos/api/demographics"
	"custos/consensus"
	"custos/ledger"
)

// A lookup without a number: the register of demographics is asked for the one
// person of these details, and only exactly one is looked up.

// tracedBody is what is known of somebody whose NHS number is not.
type tracedBody struct {
	FamilyName  string `json:"familyName" strict:"required"`
	GivenNames  string `json:"givenNames" strict:"required"`
	DateOfBirth string `json:"dateOfBirth" strict:"required"`
	Postcode    string `json:"postcode"`
}

const notTracedCaution = `Nobody was looked up; this is not "no plan". The register of demographics knows nobody of these details, or more than one person. ` +
	"Check them with the family, ask for the NHS number, or ring the authority where the family lives."

// postTraced is [Server.postLookup] by details. Whoever may not look up asks the
// register nothing either.
func (s *Server) postTraced(w http.ResponseWriter, r *http.Request, who *Identity, in *lookupBody, content ledger.Tag) error {
	if in.NHSNumber != nil || in.DateOfBirth != "" {
		return (&Problem{Code: "field-value", Pointer: "/trace"}).with("A lookup is by nhsNumber or by trace, which holds the date of birth.")
	}
	q, err := in.Trace.query()
	if err != nil {
		return at(err, "trace")
	}
	if err := s.needs(3); err != nil {
		return err
	}
	if !s.may(who, ledger.ActLookUp) {
		return s.deny(r.Context(), who, ledger.ActLookUp)
	}
	as, tag, err := s.inTheNameOf(who, in.Responsible)
	if err != nil {
		return err
	}
	number, found, err := s.traced(r.Context(), q)
	if err != nil {
		return err
	}
	if !found {
		d, err := s.draft(w, r, as, content)
		if err != nil {
			return err
		}
		out, err := s.notTraced(r.Context(), d, in.Trace, &ledger.Trace{System: who.Machine, Responsible: tag})
		if err != nil {
			return err
		}
		return s.writeAsked(w, out, "")
	}
	in.DateOfBirth = in.Trace.DateOfBirth
	l, as, err := s.lookupOf(number, who, in)
	if err != nil {
		return err
	}
	l.query.Traced = true
	if l.details.Stated, err = in.Trace.stated(); err != nil {
		return err
	}
	out, err := s.lookUp(w, r, as, content, l)
	if err != nil {
		return err
	}
	return s.writeAsked(w, out, number.Digits())
}

// query is what the register is asked.
func (b *tracedBody) query() (q demographics.TraceQuery, err error) {
	if !name(b.FamilyName) || !name(b.GivenNames) {
		return q, &Problem{Code: "field-value", Pointer: "/familyName"}
	}
	if len(b.Postcode) > 12 {
		return q, &Problem{Code: "field-value", Pointer: "/postcode"}
	}
	q = demographics.TraceQuery{Family: b.FamilyName, Given: b.GivenNames, Postcode: b.Postcode}
	if q.Birth, err = demographics.ParseDate(b.DateOfBirth); err != nil {
		return q, &Problem{Code: "date-format", Pointer: "/dateOfBirth"}
	}
	return q, nil
}

// stated is what was asked, as it is kept beside the access.
func (b *tracedBody) stated() (string, error) {
	text, err := json.Marshal(b)
	return string(text), err
}

// traced asks the register for the one person of these details. While it cannot
// be asked nothing is recorded: nothing was found out, and nothing was not.
func (s *Server) traced(ctx context.Context, q demographics.TraceQuery) (number NHSNumber, found bool, err error) {
	if s.cfg.Register == nil {
		return number, false, problem("register-unavailable").with("This node asks no register of demographics. Ask by NHS number. " + noDisclosure)
	}
	p, found, err := s.cfg.Register.Trace(ctx, q)
	if err != nil {
		return number, false, problem("register-unavailable").with("Nothing was recorded and nothing was disclosed. Ask again later, or by NHS number. " + noDisclosure)
	}
	if !found {
		return number, false, nil
	}
	if number, err = ParseNHSNumber(p.NHSNumber); err != nil { // a register that is wrong of itself found nobody
		return number, false, nil
	}
	return number, true, nil
}

// notTraced records that the register named nobody. Rows that have no number
// either may still be somebody of these names: then the authority is named.
func (s *Server) notTraced(ctx context.Context, d *draft, b *tracedBody, q *ledger.Trace) (*consensus.Outcome, error) {
	text, err := b.stated()
	if err != nil {
		return nil, err
	}
	if err := d.reason(text); err != nil {
		return nil, err
	}
	q.Trace = s.traceTag(b.FamilyName, b.GivenNames, b.DateOfBirth)
	out, err := d.propose(ctx, q)
	if err == nil {
		s.stats.lookups.WithLabelValues(outcomeNotTraced).Inc()
	}
	return out, err
}

const outcomeNotTraced = "not-traced"

// writeAsked answers a lookup by what was recorded of it. Asked again under the
// same key, that may be what the register said then. A number is the one that
// the register gave now.
func (s *Server) writeAsked(w http.ResponseWriter, out *consensus.Outcome, number string) error {
	if out.Answer.Access != nil {
		if out.Answer.Again {
			number = ""
		}
		return s.writeLookup(w, out, number)
	}
	all, err := s.authorities()
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("outcome", outcomeNotTraced)
	j.field("caution", notTracedCaution)
	if t := out.Answer.Traced; t != nil {
		j.field("possibleMatch", traceCaution)
		if err := s.writeAuthorities(j, t.Authorities); err != nil {
			return err
		}
	}
	if err := s.writeCoverage(j, out.Answer.At); err != nil {
		return err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	j.key("directory")
	j.sep()
	j.b = append(j.b, text...)
	j.finish(w, out, http.StatusOK)
	return nil
}
