package api

import (
	"context"
	"strings"

	"custos/ledger"
)

// matching is what the register of demographics says of one row's person. It
// reaches the ledger as a fact of the row; the ledger itself asks nobody.
type matching struct {
	state      ledger.Match
	reason     string            // a code of rowMessages: why it is unmatched
	twin       bool              // another person has the same family name and birth date
	restricted bool              // where the person is must not be told
	suggestion map[string]string // what may have been meant, by column; sealed for the authority, never accepted by itself
	change     ledger.Request    // what became of the number, to be recorded by the system; nil: nothing
}

// matcher asks the register about rows, in their order. An error means that it
// cannot be asked now: nothing of the file is then loaded.
type matcher func(ctx context.Context, rows []planRow) ([]matching, error)

// matchAll asks about every row of the file before any of them is recorded, so
// that a register that fails halfway leaves no half of a file behind.
func (u *upload) matchAll() error {
	if u.s.match == nil || u.rules < 2 {
		return nil
	}
	if was, ok, err := u.s.node.View().Upload(u.id); err != nil || (ok && was.Closed != 0) {
		return err // its rows were decided, with what the register said then
	}
	u.matched = &matchings{}
	_, err := u.chunks(func(_ int, rows []planRow) error {
		u.giveWay()
		found, err := u.s.match(u.ctx, rows)
		if err != nil || len(found) != len(rows) {
			return problem("register-unavailable")
		}
		u.matched.add(found)
		for i := range found {
			if found[i].change != nil {
				u.changes = append(u.changes, found[i].change)
			}
		}
		return nil
	})
	return err
}

// place puts what the register said into a row that is well formed.
func (m *matching) place(row *ledger.Row) {
	row.Match, row.Restricted = m.state, m.restricted
	if m.state == ledger.Unmatched {
		row.Reason, row.Twin = m.reason, m.twin
	}
}

// traceTag is the keyed tag of exactly these names and this birth date.
func (s *Server) traceTag(family, given, birth string) ledger.Tag {
	return s.keys.Tag("trace", strings.ToUpper(family), strings.ToUpper(given), birth)
}
