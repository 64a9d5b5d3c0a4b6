package projection

import (
	"encoding/binary"
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
	t, writing := r.(*store.Txn)
	if writing {
		if v, ok := t.Memo(key).(T); ok {
			return v, true, nil
		}
	}
	b, err := r.Get(key)
	if err != nil || b == nil {
		return v, false, err
	}
	if err := ledger.Unmarshal(b, &v); err != nil {
		return v, false, fmt.Errorf("view row %c: %w", key[1], err)
	}
	if writing {
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

// Decided implements [ledger.View].
func (v View) Decided(id ledger.ID) (ledger.Decided, bool, error) {
	var d ledger.Decided
	b, err := once(v.R, decidedKey(id))
	if err != nil || b == nil {
		return d, false, err
	}
	err = ledger.Unmarshal(b, &d)
	return d, err == nil, err
}

// PersonHead returns the end of a person's own chain.
func (v View) PersonHead(p ledger.PersonRef) (ledger.PersonHead, error) {
	b, err := v.R.Get(personKey(p))
	if err != nil || b == nil {
		return ledger.PersonHead{}, err
	}
	if len(b) != 40 {
		return ledger.PersonHead{}, fmt.Errorf("view row %c has a wrong length", viewPerson)
	}
	return ledger.PersonHead{N: binary.BigEndian.Uint64(b), Last: ledger.Hash(b[8:])}, nil
}

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

// set writes one row of a view. What it is made from is read again by [read]
// without decoding, so it must not be changed afterwards.
func set(t *store.Txn, key []byte, v any) error {
	b, err := ledger.Marshal(v)
	if err != nil {
		return fmt.Errorf("view row %c: %w", key[1], err)
	}
	return t.SetMade(key, b, v)
}

// setCold is [set] for a row that will hardly be read again soon.
func setCold(t *store.Txn, key []byte, v any) error {
	b, err := ledger.Marshal(v)
	if err != nil {
		return fmt.Errorf("view row %c: %w", key[1], err)
	}
	return t.SetCold(key, b)
}
