package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"custos/ledger"
)

// Reader is what a transaction, a pinned state and the database share: rows by
// key. Values must not be changed by the caller.
type Reader interface {
	Head() ledger.Head
	// Get returns a row, or nil where there is none.
	Get(key []byte) ([]byte, error)
	// Scan walks the rows whose keys begin with prefix, in order.
	Scan(prefix []byte) iter.Seq2[Row, error]
	// After walks those of them whose keys are greater than key: a page that begins
	// where the one before it ended reads nothing of that one again.
	After(prefix, key []byte) iter.Seq2[Row, error]
	// Back walks them from the end; with before, from the last one less than that key.
	Back(prefix, before []byte) iter.Seq2[Row, error]
}

// Row is one key and its value.
type Row struct{ Key, Value []byte }

// ErrNoEntry is returned for a sequence number that is not in the ledger.
var ErrNoEntry = errors.New("no such entry")

// Entry reads one entry whole.
func Entry(r Reader, n ledger.Seq) (ledger.Entry, error) {
	b, err := Record(r, n)
	if err != nil {
		return ledger.Entry{}, err
	}
	return ledger.ParseEntry(b)
}

// Record reads one entry's exact bytes.
func Record(r Reader, n ledger.Seq) ([]byte, error) {
	b, err := r.Get(entryKey(n))
	if err == nil && b == nil {
		err = fmt.Errorf("%w: %d", ErrNoEntry, n)
	}
	return b, err
}

// Sealed reads the ciphertext of an entry's commitment, by its place; nil if
// it was erased.
func Sealed(r Reader, n ledger.Seq, place int) ([]byte, error) { return r.Get(sealedKey(n, place)) }

// Key reads one wrapped key; ok is false if it was erased.
func Key(r Reader, h ledger.Holder, id []byte, key ledger.ID) (w ledger.WrappedKey, ok bool, err error) {
	b, err := r.Get(wrappedKey(h, id, key))
	if err != nil || b == nil {
		return w, false, err
	}
	if err := ledger.Unmarshal(b, &w); err != nil {
		return w, false, fmt.Errorf("read wrapped key: %w", err)
	}
	return w, true, nil
}

// Keys reads every wrapped key of a holder.
func Keys(r Reader, h ledger.Holder, id []byte) ([]ledger.WrappedKey, error) {
	var out []ledger.WrappedKey
	for row, err := range r.Scan(wrappedPrefix(h, id)) {
		if err != nil {
			return nil, err
		}
		var w ledger.WrappedKey
		if err := ledger.Unmarshal(row.Value, &w); err != nil {
			return nil, fmt.Errorf("read wrapped key: %w", err)
		}
		out = append(out, w)
	}
	return out, nil
}

// Records walks the records from one sequence number up to another, which is
// not included. A row whose key is not the next number ends the walk with an
// error, as does a block that does not read.
func (d *DB) Records(from, to ledger.Seq) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		it, err := d.p.NewIter(&pebble.IterOptions{LowerBound: entryKey(from), UpperBound: entryKey(to)})
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = it.Close() }() // its error was seen by it.Error below
		n := from
		for ok := it.First(); ok; ok = it.Next() {
			if !bytes.Equal(it.Key(), entryKey(n)) {
				yield(nil, fmt.Errorf("%w: %d", ErrNoEntry, n))
				return
			}
			v, err := it.ValueAndErr()
			if err != nil {
				yield(nil, fmt.Errorf("read entry %d: %w", n, err))
				return
			}
			if !yield(v, nil) {
				return
			}
			n++
		}
		if err := it.Error(); err != nil {
			yield(nil, fmt.Errorf("read entry %d: %w", n, err))
		}
	}
}

// SealedRows walks every ciphertext in order: sequence number, place, bytes.
func (d *DB) SealedRows(from, to ledger.Seq) iter.Seq2[Row, error] {
	return scan(d.p, sealedKey(from, 0), sealedKey(to, 0))
}

// Get implements [Reader] for the committed state.
func (d *DB) Get(key []byte) ([]byte, error) {
	if n, ok := entrySeq(key); ok && d.entries != nil {
		if n >= d.Head().Size { // there it may be, but here it is of a time to come
			return nil, nil
		}
		return d.entries.Get(key)
	}
	if key[0] != prefixView {
		return get(d.p, key)
	}
	if d.missed.has(key) {
		return nil, nil
	}
	since := d.missed.now()
	v, err := get(d.p, key)
	if v == nil && err == nil {
		d.missed.note(since, key)
	}
	return v, err
}

// Scan implements [Reader] for the committed state.
func (d *DB) Scan(prefix []byte) iter.Seq2[Row, error] { return scan(d.p, prefix, after(prefix)) }

// After implements [Reader] for the committed state.
func (d *DB) After(prefix, key []byte) iter.Seq2[Row, error] {
	return scan(d.p, behind(prefix, key), after(prefix))
}

// Back implements [Reader] for the committed state.
func (d *DB) Back(prefix, before []byte) iter.Seq2[Row, error] { return back(d.p, prefix, before) }

func get(p pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := p.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read row: %w", err)
	}
	out := append(make([]byte, 0, len(v)), v...)
	return out, closer.Close()
}

func scan(p pebble.Reader, lower, upper []byte) iter.Seq2[Row, error] {
	return rows(p, lower, upper, (*pebble.Iterator).First, (*pebble.Iterator).Next)
}

// behind is where a walk of the rows with a prefix begins that are greater than a key.
func behind(prefix, key []byte) []byte {
	if bytes.Compare(key, prefix) < 0 {
		return prefix
	}
	return append(bytes.Clone(key), 0)
}

func back(p pebble.Reader, prefix, before []byte) iter.Seq2[Row, error] {
	if before == nil {
		before = after(prefix)
	}
	return rows(p, prefix, before, (*pebble.Iterator).Last, (*pebble.Iterator).Prev)
}

func rows(p pebble.Reader, lower, upper []byte, begin, step func(*pebble.Iterator) bool) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		it, err := p.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
		if err != nil {
			yield(Row{}, err)
			return
		}
		defer func() { _ = it.Close() }() // its error was seen by it.Error below
		for ok := begin(it); ok; ok = step(it) {
			v, err := it.ValueAndErr()
			if err != nil {
				yield(Row{}, err)
				return
			}
			if !yield(Row{bytes.Clone(it.Key()), bytes.Clone(v)}, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Row{}, err)
		}
	}
}

// Snap is the state as of one moment, for reports and exports.
type Snap struct {
	s    *pebble.Snapshot
	head ledger.Head
}

// Pin fixes the committed state. The caller closes it. Its head is read from
// the pinned rows: the database's own is set a moment after its batch.
func (d *DB) Pin() (*Snap, error) {
	s := &Snap{s: d.p.NewSnapshot()}
	b, err := s.Get(keyHead)
	var h headRow
	if err == nil && b != nil {
		err = ledger.Unmarshal(b, &h)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pin ledger: %w", err), s.Close())
	}
	s.head = ledger.Head{Log: h.Log, Size: h.Size, Last: h.Last, Time: h.Time}
	return s, nil
}

// Head implements [Reader].
func (s *Snap) Head() ledger.Head { return s.head }

// Get implements [Reader].
func (s *Snap) Get(key []byte) ([]byte, error) { return get(s.s, key) }

// Scan implements [Reader].
func (s *Snap) Scan(prefix []byte) iter.Seq2[Row, error] { return scan(s.s, prefix, after(prefix)) }

// After implements [Reader].
func (s *Snap) After(prefix, key []byte) iter.Seq2[Row, error] {
	return scan(s.s, behind(prefix, key), after(prefix))
}

// Back implements [Reader].
func (s *Snap) Back(prefix, before []byte) iter.Seq2[Row, error] { return back(s.s, prefix, before) }

// Close lets the state go.
func (s *Snap) Close() error { return s.s.Close() }

// ViewRows walks every row of every view, in order: what a rebuild must give again.
func ViewRows(r Reader) iter.Seq2[Row, error] { return r.Scan([]byte{prefixView}) }

func locked(err error) bool {
	s := err.Error()
	return strings.Contains(s, "lock") || strings.Contains(s, "resource temporarily unavailable")
}
