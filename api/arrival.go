package api

import (
	"context"
	"net/http"

	"custos/api/demographics"
	"custos/consensus"
	"custos/ledger"
)

// An arrival is looked up without anybody having to think of it, in the name of
// whoever the arriving system names, or of who signed in.

// arrival is somebody who came, as a system tells of it.
type arrival struct {
	number     string      // as it came; empty: not known
	known      *tracedBody // by what the register may know them; nil: by nothing
	attendance string
	attendedAt ledger.Time
	by         *answerable // nil: whoever signed in
	bounded    bool        // by how many people somebody may look up in an hour; a listener's senders are systems, and known one by one
}

// drafting makes the command under which an arrival is recorded.
type drafting func(as *Identity) (*draft, error)

// arrive looks up who came. Its error is counted as an arrival without a lookup;
// what the ledger denied of it is recorded there.
func (s *Server) arrive(ctx context.Context, who *Identity, a *arrival, first drafting) (*consensus.Outcome, error) {
	out, err := s.arrived(ctx, who, a, first)
	s.stats.arrivals.WithLabelValues(arrivalResult(out, err)).Inc()
	return out, err
}

func (s *Server) arrived(ctx context.Context, who *Identity, a *arrival, first drafting) (*consensus.Outcome, error) {
	if err := s.needs(3); err != nil {
		return nil, err
	}
	if !s.may(who, ledger.ActLookUp) {
		return nil, s.deny(ctx, who, ledger.ActLookUp)
	}
	system := who.Machine || a.by != nil
	as, tag := who, ledger.Tag{}
	if a.by != nil {
		as, tag = s.inName(who, a.by)
	}
	number, found, err := s.comer(ctx, a)
	if err != nil {
		return nil, err
	}
	if found && a.bounded {
		if err := s.tooMany(ctx, who, s.keys.Person(number.Digits()), ledger.ActLookUp); err != nil {
			return nil, err
		}
	}
	d, err := first(as)
	if err != nil {
		return nil, err
	}
	if !found {
		return s.notTraced(ctx, d, a.known, &ledger.Trace{System: system, Responsible: tag, Arrival: true})
	}
	l := s.newLookup(number, who, a.attendance)
	l.query.Arrival, l.query.AttendedAt = true, a.attendedAt
	l.query.System, l.query.Responsible = system, tag
	if l.query.Traced = a.number == ""; l.query.Traced {
		if l.details.Stated, err = a.known.stated(); err != nil {
			return nil, err
		}
	}
	if a.known != nil && a.known.DateOfBirth != "" {
		l.query.Birth = s.birthTag(l.query.Person, a.known.DateOfBirth)
	}
	return s.look(ctx, d, l)
}

// comer is the number of who came: as it was given, or as the register has it.
func (s *Server) comer(ctx context.Context, a *arrival) (number NHSNumber, found bool, err error) {
	if a.number != "" {
		number, err = ParseNHSNumber(a.number)
		return number, err == nil, err
	}
	if a.known == nil {
		return number, false, problem("arrival-nobody")
	}
	var q demographics.TraceQuery
	if q, err = a.known.query(); err != nil {
		return number, false, problem("arrival-nobody")
	}
	return s.traced(ctx, q)
}

// arrivalResult is what an arrival is counted as.
func arrivalResult(out *consensus.Outcome, err error) string {
	switch {
	case err == nil && out.Answer.Access != nil:
		return out.Answer.Access.Outcome.String()
	case err == nil:
		return outcomeNotTraced
	}
	switch status := problems[asProblem(err).Code].status; {
	case status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return "denied"
	case status >= http.StatusInternalServerError:
		return "unavailable"
	}
	return "refused"
}
