package projection

import (
	"encoding/binary"
	"errors"
	"fmt"

	"custos/ledger"
	"custos/ledger/store"
)

// View answers questions from one state of the ledger. It is all that a
// decision may read ([ledger.View]), and no method of it opens anything.
type View struct{ R store.Reader }

var _ ledger.View = View{}

// read decodes one row; ok is false where there is none. The writer keeps what
// was decoded beside the row, so the result is shared: it must not be changed.
func read[T any](r store.Reader, key []byte) (v T, ok bool, err error) {
	if t, writing := r.(*store.Txn); writing {
		switch made := t.Memo(key).(type) {
		case T:
			return made, true, nil
		case *T:
			return *made, true, nil
		}
	}
	return decode[T](r, key)
}

// decode is what [read] does with a row that nobody has decoded yet. It is apart, for what is decoded here lies on the
// heap, and nearly every row that a decision reads was decoded before.
func decode[T any](r store.Reader, key []byte) (v T, ok bool, err error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return v, false, err
	}
	if err := ledger.Unmarshal(b, &v); err != nil {
		return v, false, fmt.Errorf("view row %c: %w", key[1], err)
	}
	if t, writing := r.(*store.Txn); writing {
		t.SetMemo(key, v)
	}
	return v, true, nil
}

// once reads a row that will hardly be asked for again past the writer's row cache.
func once(r store.Reader, key []byte) ([]byte, error) {
	if t, ok := r.(*store.Txn); ok {
		return t.GetOnce(key)
	}
	return r.Get(key)
}

// Log implements [ledger.View].
func (v View) Log() (ledger.Log, error) {
	l, _, err := read[ledger.Log](v.R, logKey())
	return l, err
}

// Decided implements [ledger.View]. The row says where; the rest is in the
// command's first entry.
func (v View) Decided(id ledger.ID) (ledger.Decided, bool, error) {
	var d ledger.Decided
	key := decidedKey(id)
	var b []byte
	var err error
	if t, writing := v.R.(*store.Txn); writing && id.Timed() {
		b, err = t.GetRising(key)
	} else {
		b, err = once(v.R, key)
	}
	if err != nil || b == nil {
		return d, false, err
	}
	first, n := binary.Uvarint(b)
	if n <= 0 {
		return d, false, errDecided
	}
	of, m := binary.Uvarint(b[n:])
	if m <= 0 || n+m != len(b) || of > 1<<30 {
		return d, false, errDecided
	}
	e, err := store.Entry(v.R, ledger.Seq(first))
	if err != nil {
		return d, false, err
	}
	if e.Actor == nil || e.Command != id || e.Of != int(of) {
		return d, false, errDecided
	}
	return ledger.Decided{First: e.Seq, Of: e.Of, Time: e.Time, Actor: e.Actor.ID(), Content: e.Content, Seed: e.Salt,
		Role: e.Actor.Role, Org: e.Actor.Organisation}, true, nil
}

var errDecided = errors.New("a row of decided commands is damaged")

// Profile implements [ledger.View].
func (v View) Profile(a ledger.ActorID, t ledger.Tag) (ledger.Seq, bool, error) {
	n, ok, err := v.number(profileKey(a, t))
	return ledger.Seq(n), ok, err
}

func (v View) number(key []byte) (uint64, bool, error) {
	b, err := v.R.Get(key)
	if err != nil || b == nil {
		return 0, false, err
	}
	if len(b) != 8 {
		return 0, false, fmt.Errorf("view row %c has a wrong length", key[1])
	}
	return binary.BigEndian.Uint64(b), true, nil
}

// index lists the sequence numbers that end the keys of an index.
func (v View) index(prefix []byte) ([]ledger.Seq, error) {
	var out []ledger.Seq
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		out = append(out, seqAtEnd(row.Key))
	}
	return out, nil
}

// set writes one row of a view. What it is made from, or what that points to, is read
// again by [read] without decoding, so it must not be changed afterwards.
func set(t *store.Txn, key []byte, v any) error { return setAs(t, key, v, v) }

// setAs is [set] of a row that is read again as made, where it is encoded by a pointer.
func setAs(t *store.Txn, key []byte, v, made any) error {
	b, err := ledger.Marshal(v)
	if err != nil {
		return fmt.Errorf("view row %c: %w", key[1], err)
	}
	if err := noted(t, key, b, false); err != nil {
		return err
	}
	return t.SetMade(key, b, made)
}

// setCold is [set] for a row that will hardly be read again soon.
func setCold(t *store.Txn, key []byte, v any) error {
	b, err := ledger.Marshal(v)
	if err != nil {
		return fmt.Errorf("view row %c: %w", key[1], err)
	}
	if err := noted(t, key, b, false); err != nil {
		return err
	}
	return t.SetCold(key, b)
}

// unset removes what set wrote.
func unset(t *store.Txn, key []byte) error {
	if err := noted(t, key, nil, true); err != nil {
		return err
	}
	return t.Delete(key)
}
