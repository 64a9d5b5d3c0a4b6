package api

import (
	"context"
	"crypto/rand"

	"custos/api/demographics"
	"custos/ledger"
)

// reasonCodes spell the register's reasons as rows have them.
var reasonCodes = map[demographics.Reason]string{
	demographics.ReasonNumberAbsent:       ledger.RowNumberMissing,
	demographics.ReasonNumberInvalid:      "no-match",
	demographics.ReasonNumberUnknown:      "no-match",
	demographics.ReasonNumberSuperseded:   ledger.RowSuperseded,
	demographics.ReasonNumberInvalidated:  ledger.RowInactive,
	demographics.ReasonDetailsAbsent:      "several-differ",
	demographics.ReasonRegisterIncomplete: "register-incomplete",
	demographics.ReasonFamilyName:         "family-name-differs",
	demographics.ReasonGivenNames:         "given-names-differ",
	demographics.ReasonBirthDate:          "date-of-birth-differs",
	demographics.ReasonOtherName:          "other-name",
	demographics.ReasonSeveralDiffer:      "several-differ",
}

// registerMatcher asks a register of demographics. With acceptUnknown a number
// that it does not know is taken as if it had not been asked: for a register
// that holds some people only, as a demo's does.
func (s *Server) registerMatcher(register demographics.Register, acceptUnknown bool) matcher {
	return func(ctx context.Context, rows []planRow) ([]matching, error) {
		out := make([]matching, len(rows))
		var queries []demographics.Query
		var of []int
		for i := range rows {
			r := &rows[i]
			if r.fault != "" {
				continue
			}
			q := demographics.Query{Family: r.FamilyName, Given: r.GivenNames}
			if r.NHSNumber != "" {
				number, err := ParseNHSNumber(r.NHSNumber)
				if err != nil {
					continue // the row is rejected
				}
				q.NHSNumber = number.Digits()
			}
			var err error
			if q.Birth, err = demographics.ParseDate(r.DateOfBirth); err != nil {
				continue
			}
			queries, of = append(queries, q), append(of, i)
		}
		if len(queries) == 0 {
			return out, nil
		}
		found, err := register.Match(ctx, queries)
		if err != nil {
			return nil, err
		}
		for k := range found {
			m := &out[of[k]]
			if err := s.registered(m, &rows[of[k]], queries[k].NHSNumber, &found[k], acceptUnknown); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

// registered turns what the register said into what the row's decision needs.
func (s *Server) registered(m *matching, row *planRow, number string, r *demographics.Result, acceptUnknown bool) error {
	m.restricted, m.twin = r.Person.Restricted, r.Twin
	if r.Outcome == demographics.Matched {
		m.state = ledger.Matched
		return nil
	}
	if r.Reason == demographics.ReasonNumberUnknown && acceptUnknown {
		return nil
	}
	m.state, m.reason = ledger.Unmatched, reasonCodes[r.Reason]
	if r.Suggestion.NHSNumber != "" {
		m.suggestion = map[string]string{"nhs_number": r.Suggestion.NHSNumber}
	}
	if r.SupersededBy != "" {
		if r.Outcome == demographics.Superseded {
			m.suggestion = map[string]string{"nhs_number": r.SupersededBy}
		}
		if birth := r.Person.Birth.Text(); birth != "" {
			old, next := s.keys.Person(number), s.keys.Person(r.SupersededBy)
			m.change = &ledger.SupersedeNumber{Old: old, New: next, Birth: s.birthTag(next, birth), Was: s.birthTag(old, birth)}
		}
	}
	if r.Outcome == demographics.Invalidated {
		return s.invalidated(m, row, number)
	}
	return nil
}

// invalidated makes the task of each authority that holds a plan under a number
// that is out of use. A row that ends or deletes such a plan does the task: the
// ledger decides it.
func (s *Server) invalidated(m *matching, row *planRow, number string) error {
	p := s.keys.Person(number)
	plans, err := s.node.View().Plans(p)
	if err != nil || len(plans) == 0 {
		return err
	}
	m.change = &ledger.InactivateNumber{Person: p}
	if row.End != "" || row.Delete != "" {
		m.state, m.reason = ledger.MatchNotAsked, ""
	}
	return nil
}

// recordChanges records what the register said of numbers, as the system's own
// acts: whoever sent the file has no say in it. What is recorded already is not
// recorded again.
func (u *upload) recordChanges() error {
	view := u.s.node.View()
	for _, q := range u.changes {
		var about ledger.PersonRef
		switch q := q.(type) {
		case *ledger.SupersedeNumber:
			about = q.Old
		case *ledger.InactivateNumber:
			about = q.Person
		}
		if was, err := view.NumberOf(about); err != nil {
			return err
		} else if was.Seq != 0 {
			continue
		}
		c := ledger.Command{ID: ledger.DeriveID("upload number", u.id[:], about[:]), Content: u.content, Actor: ledger.SystemActor(u.s.cfg.NodeID), Request: q}
		if _, err := rand.Read(c.Seed[:]); err != nil {
			return err
		}
		if _, err := u.s.node.Propose(u.ctx, c); err != nil { // a refusal says that it stands already, or that the register goes round in circles
			return proposeProblem(err)
		}
	}
	return nil
}
