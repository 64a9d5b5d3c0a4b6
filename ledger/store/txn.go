package store

import (
	"fmt"
	"iter"
	"sort"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// Txn writes. It reads its own writes, so that commands of one batch see each
// other's effects. Entries, rows, keys, tree, views and applied index become
// true together at [Txn.Commit], or not at all.
type Txn struct {
	d       *DB
	head    ledger.Head
	applied Applied
	batch   *pebble.Batch
	rows    map[string][]byte // views and everything else written here; nil value: deleted
	cold    map[string][]byte // rows written here that are not worth the cache
	memos   map[string]any    // what rows written here were made from
	pushed  bool              // leaves were appended: only Commit or a reload may follow
	done    bool
}

// Begin opens the one transaction. It waits for the one before it to end.
func (d *DB) Begin() *Txn {
	d.writing.Lock()
	d.mu.RLock()
	defer d.mu.RUnlock()
	return &Txn{d: d, head: d.head, applied: d.applied, batch: d.p.NewBatch(), rows: make(map[string][]byte), cold: make(map[string][]byte), memos: make(map[string]any)}
}

// Head implements [Reader]: the end of the chain with what was appended here.
func (t *Txn) Head() ledger.Head { return t.head }

// Applied returns the applied index as it will be committed.
func (t *Txn) Applied() Applied { return t.applied }

// Tree returns the tree with what was appended here.
func (t *Txn) Tree() (tlog.Tree, error) {
	t.d.mu.RLock()
	defer t.d.mu.RUnlock()
	if !t.pushed {
		return t.d.tree, nil
	}
	return t.d.edge.tree()
}

// Get implements [Reader].
func (t *Txn) Get(key []byte) ([]byte, error) {
	if v, ok := t.rows[string(key)]; ok {
		return v, nil
	}
	if c := t.d.rows.get(key); c != nil {
		return c.value, nil
	}
	v, err := get(t.d.p, key)
	if err != nil {
		return nil, err
	}
	t.d.rows.put(string(key), v)
	return v, nil
}

// Memo returns what [Txn.SetMemo] was told of a row, if the row is still as it
// was then.
func (t *Txn) Memo(key []byte) any {
	if _, written := t.rows[string(key)]; written {
		return t.memos[string(key)]
	}
	if c := t.d.rows.get(key); c != nil {
		return c.memo
	}
	return nil
}

// SetMemo keeps what a reader made of a row that it has just read, until the
// row changes. Whoever gets it back must not change it.
func (t *Txn) SetMemo(key []byte, memo any) {
	if _, written := t.rows[string(key)]; written {
		return
	}
	if c := t.d.rows.get(key); c != nil {
		c.memo = memo
	}
}

// GetOnce is [Txn.Get] for a row that will hardly be read again; it is not
// kept in the cache.
func (t *Txn) GetOnce(key []byte) ([]byte, error) {
	if v, ok := t.cold[string(key)]; ok {
		return v, nil
	}
	if v, ok := t.rows[string(key)]; ok {
		return v, nil
	}
	return get(t.d.p, key)
}

// Scan implements [Reader]: committed rows with those written here laid over.
func (t *Txn) Scan(prefix []byte) iter.Seq2[Row, error] {
	var own []string
	for _, written := range []map[string][]byte{t.rows, t.cold} {
		for k := range written {
			if strings.HasPrefix(k, string(prefix)) {
				own = append(own, k)
			}
		}
	}
	sort.Strings(own)
	return func(yield func(Row, error) bool) {
		emit := func(k string) bool {
			v, ok := t.rows[k]
			if !ok {
				v = t.cold[k]
			}
			return v == nil || yield(Row{[]byte(k), v}, nil)
		}
		for row, err := range scan(t.d.p, prefix, after(prefix)) {
			if err != nil {
				yield(row, err)
				return
			}
			for len(own) > 0 && own[0] < string(row.Key) {
				if !emit(own[0]) {
					return
				}
				own = own[1:]
			}
			if len(own) > 0 && own[0] == string(row.Key) {
				if !emit(own[0]) {
					return
				}
				own = own[1:]
				continue
			}
			if !yield(row, nil) {
				return
			}
		}
		for _, k := range own {
			if !emit(k) {
				return
			}
		}
	}
}

// Set writes a row.
func (t *Txn) Set(key, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	t.rows[string(key)] = value
	delete(t.memos, string(key))
	return t.batch.Set(key, value, nil)
}

// SetMade writes a row with what it was made from, for [Txn.Memo].
func (t *Txn) SetMade(key, value []byte, from any) error {
	k := string(key)
	t.rows[k], t.memos[k] = value, from
	return t.batch.Set(key, value, nil)
}

// SetCold writes a row that will hardly be read again soon: it does not enter
// the cache. Such a key must always be written so, and read with [Txn.GetOnce].
func (t *Txn) SetCold(key, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	t.cold[string(key)] = value
	return t.batch.Set(key, value, nil)
}

// SetIndex writes a row of an index, which is read by scans alone.
func (t *Txn) SetIndex(key []byte) error { return t.SetCold(key, nil) }

// Delete removes a row.
func (t *Txn) Delete(key []byte) error {
	t.rows[string(key)] = nil
	delete(t.memos, string(key))
	return t.batch.Delete(key, nil)
}

// Append adds the next entry with the ciphertexts its commitments name, in
// their order; nil where there is none.
func (t *Txn) Append(e *ledger.Entry, after ledger.Head, sealed [][]byte) error {
	if e.Seq != t.head.Size || after.Size != e.Seq+1 {
		return fmt.Errorf("append entry %d to a ledger of %d", e.Seq, t.head.Size)
	}
	key := entryKey(e.Seq)
	t.rows[string(key)] = e.Record()
	if err := t.batch.Set(key, e.Record(), nil); err != nil {
		return fmt.Errorf("append entry: %w", err)
	}
	for i, c := range sealed {
		if c == nil {
			continue
		}
		if err := t.Set(sealedKey(e.Seq, i), c); err != nil {
			return fmt.Errorf("append sealed row: %w", err)
		}
	}
	t.d.mu.Lock()
	t.pushed = true
	t.d.edge.push(e.Hash())
	t.d.mu.Unlock()
	t.head = after
	return nil
}

// PutKey keeps a wrapped key. One that is there already stays as it is.
func (t *Txn) PutKey(w ledger.WrappedKey) error {
	key := wrappedKey(w.Holder, w.ID, w.Key)
	if have, err := t.Get(key); err != nil || have != nil {
		return err
	}
	b, err := ledger.Marshal(w)
	if err != nil {
		return fmt.Errorf("encode wrapped key: %w", err)
	}
	return t.Set(key, b)
}

// SetApplied says how far the replicated log is applied with this batch.
func (t *Txn) SetApplied(a Applied) { t.applied = a }

// Commit makes everything true in one batch, without waiting for the disk.
// An error ends the process.
func (t *Txn) Commit() error {
	defer t.end()
	if err := t.finish(); err != nil {
		t.d.fatal(fmt.Errorf("commit ledger: %w", err))
		return err
	}
	return nil
}

func (t *Txn) finish() error {
	d := t.d
	tree, err := t.Tree()
	if err != nil {
		return err
	}
	if t.head.Size != 0 {
		b, err := ledger.Marshal(headRow{t.head.Log, t.head.Size, t.head.Last, t.head.Time})
		if err != nil {
			return err
		}
		if err := t.batch.Set(keyHead, b, nil); err != nil {
			return err
		}
	}
	b, err := ledger.Marshal(t.applied)
	if err != nil {
		return err
	}
	if err := t.batch.Set(keyApplied, b, nil); err != nil {
		return err
	}
	d.mu.Lock()
	for id, p := range d.edge.dirty {
		if err := t.batch.Set(tileKey(id.level, id.n), p.bytes(), nil); err != nil {
			d.mu.Unlock()
			return err
		}
	}
	clear(d.edge.dirty)
	d.mu.Unlock()
	// The commit point: before this line a crash replays the batch, after it
	// the batch is recorded for ever (the replicated log is its redo log).
	if err := t.batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	for k, v := range t.rows {
		switch k[0] {
		case prefixEntry:
		case prefixSealed:
			d.rows.update(k, v)
		default:
			d.rows.put(k, v)
		}
	}
	for k, memo := range t.memos {
		if c := d.rows.rows[k]; c != nil {
			c.memo = memo
		}
	}
	d.mu.Lock()
	d.head, d.tree, d.applied = t.head, tree, t.applied
	d.mu.Unlock()
	return nil
}

// Discard gives up what was written. If entries were appended, the tree is
// read again from disk.
func (t *Txn) Discard() error {
	if t.done {
		return nil
	}
	defer t.end()
	if err := t.batch.Close(); err != nil {
		return err
	}
	t.d.rows.clear()
	if !t.pushed {
		return nil
	}
	return t.d.load()
}

func (t *Txn) end() {
	if !t.done {
		t.done = true
		t.d.writing.Unlock()
	}
}
