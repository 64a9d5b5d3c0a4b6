package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Standing implements [ledger.View].
func (v View) Standing(authority string, at ledger.Item) (ledger.Standing, bool, error) {
	key := standingKey(authority, at)
	if t, writing := v.R.(*store.Txn); writing && t.Lacks(key) {
		return ledger.Standing{}, false, nil
	}
	return read[ledger.Standing](v.R, key)
}

// EachStanding implements [ledger.View].
func (v View) EachStanding(authority string, each func(ledger.Item, ledger.Standing)) error {
	prefix := store.ViewKey(viewStanding, named(authority))
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return err
		}
		var s ledger.Standing
		if err := ledger.Unmarshal(row.Value, &s); err != nil {
			return err
		}
		each(ledger.Item(row.Key[len(prefix):]), s)
	}
	return nil
}

// UnmatchedRows implements [ledger.View].
func (v View) UnmatchedRows(authority string, after ledger.Seq, limit int) ([]ledger.HeldRow, error) {
	return v.heldRows(store.ViewKey(viewStandingAt, named(authority)), after, limit)
}

// RejectedRows implements [ledger.View].
func (v View) RejectedRows(upload ledger.ID, after ledger.Seq, limit int) ([]ledger.HeldRow, error) {
	return v.heldRows(store.ViewKey(viewRejected, upload[:]), after, limit)
}

func (v View) heldRows(prefix []byte, after ledger.Seq, limit int) ([]ledger.HeldRow, error) {
	var out []ledger.HeldRow
	for row, err := range v.R.After(prefix, append(slices.Clip(prefix), u64(uint64(after))...)) {
		if err != nil {
			return nil, err
		}
		held := ledger.HeldRow{Seq: seqAtEnd(row.Key)}
		if len(row.Value) > 0 {
			held.Person = ledger.PersonRef(row.Value)
		}
		if out = append(out, held); len(out) == limit {
			break
		}
	}
	return out, nil
}

// HoldersAfter implements [ledger.View].
func (v View) HoldersAfter(authority string, after ledger.PersonRef, limit int) ([]ledger.PersonRef, error) {
	var out []ledger.PersonRef
	prefix := store.ViewKey(viewHolder, named(authority))
	for row, err := range v.R.After(prefix, holderKey(authority, after)) {
		if err != nil {
			return nil, err
		}
		if out = append(out, ledger.PersonRef(row.Key[len(prefix):])); len(out) == limit {
			break
		}
	}
	return out, nil
}

func personOf(e *ledger.Entry) []byte {
	if e.Person == nil {
		return nil
	}
	return e.Person.Ref[:]
}

// foldUnmatched puts a row on its authority's worklist, or keeps it there.
func foldUnmatched(t *store.Txn, e, first *ledger.Entry, ev *ledger.PlanUnmatched) error {
	v := View{t}
	u, err := v.uploadOf(first)
	if err != nil {
		return err
	}
	if e.Person != nil {
		if err := foldSpared(t, e, first); err != nil {
			return err
		}
	}
	var was ledger.Standing
	for _, at := range ev.Row.Items() {
		s, ok, err := v.Standing(ev.Authority, at)
		if err != nil {
			return err
		}
		if ok {
			was = s
			if err := unstand(t, ev.Authority, at, s.Seq); err != nil {
				return err
			}
			break
		}
	}
	at, ok := ledger.ItemOf(&ev.Row)
	if !ok {
		return fmt.Errorf("entry %d: an unmatched row that nothing tells from others", e.Seq)
	}
	if err := t.Set(standingAtKey(ev.Authority, e.Seq), personOf(e)); err != nil {
		return err
	}
	s := ev.Stand(was, e.Seq, u.Opened, e.Time)
	if s.IsProvisional() {
		if err := t.Set(provisionalKey(s.Trace, ev.Authority, at), nil); err != nil {
			return err
		}
	}
	return set(t, standingKey(ev.Authority, at), s)
}

// Provisionals implements [ledger.View].
func (v View) Provisionals(trace ledger.Tag) ([]ledger.Provisional, error) {
	var out []ledger.Provisional
	prefix := store.ViewKey(viewProvisional, trace[:])
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		rest := row.Key[len(prefix):]
		p := ledger.Provisional{Authority: string(rest[1 : 1+rest[0]])}
		s, ok, err := v.Standing(p.Authority, ledger.Item(rest[1+rest[0]:]))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("a provisional row is indexed and missing")
		}
		p.Standing = s
		out = append(out, p)
	}
	return out, nil
}

func unstand(t *store.Txn, authority string, at ledger.Item, seq ledger.Seq) error {
	s, ok, err := (View{t}).Standing(authority, at)
	if err != nil {
		return err
	}
	if ok && s.IsProvisional() {
		if err := t.Delete(provisionalKey(s.Trace, authority, at)); err != nil {
			return err
		}
	}
	if err := t.Delete(standingAtKey(authority, seq)); err != nil {
		return err
	}
	return unset(t, standingKey(authority, at))
}
