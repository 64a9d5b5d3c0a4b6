package tools

import (
	"bytes"
	"sync"

	"custos/ledger"
	"custos/ledger/store"
)

// groups walks the entries of a ledger command by command, decoded. An entry
// that does not decode, or a group that is not whole, ends the walk with a
// *ledger.Fault. They are read and decoded a little ahead, on another core than
// the one that each is called on.
func groups(db *store.DB, from, to ledger.Seq, each func(group []ledger.Entry) (more bool, err error)) error {
	r := groupReader{out: make(chan someGroups, 4), stop: make(chan struct{})}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(r.out)
		err := guard(func() error { return r.read(db, from, to) })
		r.send(err)
	})
	defer reading.Wait()
	defer close(r.stop)
	for some := range r.out {
		for _, group := range some.groups {
			if more, err := each(group); err != nil || !more {
				return err
			}
		}
		if some.err != nil {
			return some.err
		}
	}
	return nil
}

// someGroups are commands in a row, and what ended the reading behind them.
type someGroups struct {
	groups [][]ledger.Entry
	err    error
}

// groupsAhead is how many commands are handed over at once.
const groupsAhead = 64

type groupReader struct {
	out  chan someGroups
	stop chan struct{} // closed: nobody wants more
	some [][]ledger.Entry
}

// send hands over what was read; false: nobody wants more.
func (r *groupReader) send(err error) bool {
	select {
	case r.out <- someGroups{r.some, err}:
		r.some = make([][]ledger.Entry, 0, groupsAhead)
		return true
	case <-r.stop:
		return false
	}
}

func (r *groupReader) read(db *store.DB, from, to ledger.Seq) error {
	var group []ledger.Entry
	var decoder ledger.Decoder
	n := from
	for record, err := range db.Records(from, to) {
		if err != nil {
			return err
		}
		e, err := decoder.ParseEntry(bytes.Clone(record))
		if err != nil {
			return &ledger.Fault{Seq: n, Level: ledger.LevelEncoding, Why: err}
		}
		if e.Nth != len(group) {
			return &ledger.Fault{Seq: n, Level: ledger.LevelPlaces, Why: ledger.ErrGroup}
		}
		n++
		if group = append(group, e); len(group) < e.Of {
			continue
		}
		r.some, group = append(r.some, group), nil
		if len(r.some) >= groupsAhead && !r.send(nil) {
			return nil
		}
	}
	if len(group) > 0 {
		return &ledger.Fault{Seq: n, Level: ledger.LevelPlaces, Why: ledger.ErrGroup}
	}
	return nil
}
