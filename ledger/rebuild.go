package ledger

import (
	"errors"
	"fmt"
)

// rowed is a request whose rows are recorded one by one in the entries that
// follow the first, so that each plan's entry stands for itself.
type rowed interface {
	Request
	withoutRows() Request
	withRows(group []Entry) (Request, error)
}

// recordedRequest returns the clear form of the request as its first entry holds it.
func recordedRequest(c *Command) ([]byte, error) {
	q, ok := c.Request.(rowed)
	if !ok {
		return c.requestRaw, nil
	}
	return Marshal(q.withoutRows())
}

// ErrGroup marks entries that are not one command's, whole and in order.
var ErrGroup = errors.New("entries are not those of one command")

// Rebuild makes the command again from the entries it became, so that its
// decision can be repeated. Sealed payloads come back as their commitments:
// Decide never reads more of them.
func Rebuild(entries []Entry) (Command, error) {
	if len(entries) == 0 || entries[0].Nth != 0 || entries[0].Of != len(entries) {
		return Command{}, ErrGroup
	}
	first := &entries[0]
	if err := first.Decode(); err != nil {
		return Command{}, err
	}
	c := Command{
		ID: first.Command, Seed: first.Salt, Content: first.Content, Actor: *first.Actor,
		Request: first.Request, Time: first.RawTime, actorRaw: first.actorRaw,
	}
	for i := range entries {
		e := &entries[i]
		if e.Command != first.Command || e.Nth != i || e.Of != first.Of || e.RawTime != first.RawTime {
			return Command{}, fmt.Errorf("%w: entry %d", ErrGroup, e.Seq)
		}
		if err := e.Decode(); err != nil {
			return Command{}, err
		}
		row := e.Row()
		for _, m := range e.Commitments {
			c.Sealed = append(c.Sealed, Sealed{Payload: m.Payload, Holder: m.Holder, Key: m.Key, Row: row, digest: m.Digest})
		}
	}
	if q, ok := c.Request.(rowed); ok {
		whole, err := q.withRows(entries)
		if err != nil {
			return Command{}, err
		}
		c.Request = whole
	} else {
		c.requestRaw = first.requestRaw // they were read as the one form of it
	}
	return c, nil
}

// Row returns which row of a file the entry records, from 1, or 0 if it
// records none. Sealed payloads of rows are bound to it.
func (e *Entry) Row() int {
	if r, ok := e.Event.(interface{ row() int }); ok {
		return r.row()
	}
	return 0
}
