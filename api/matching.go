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

// match asks about the next rows of the file.
func (u *upload) match(rows []planRow) error {
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
