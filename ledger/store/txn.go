package store

import (
	"fmt"
	"maps"
	"slices"

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
	base    ledger.Seq            // the first entry appended here
	records [][]byte              // entries appended here, in order
	rows    map[string]write      // everything else written here, by key
	begun   map[begins][]string   // keys of rows by how they begin, once a walk wanted them
	rising  map[string][]byte     // rows of rising views written here: see [Txn.SetRising]
	passing bool                  // what is read and written takes no place in the cache: see [Txn.Passing]
	passed  map[string]*cachedRow // rows that were read so
	bytes   int                   // what the batch will hold, about
	pushed  bool                  // leaves were appended: only Commit or a reload may follow
	done    bool
}

// Begin opens the one transaction. It waits for the one before it to end.
func (d *DB) Begin() *Txn {
	d.writing.Lock()
	d.mu.RLock()
	defer d.mu.RUnlock()
	t := &Txn{d: d, head: d.head, base: d.head.Size, applied: d.applied, rows: d.spare, rising: make(map[string][]byte)}
	if d.spare = nil; t.rows == nil {
		t.rows = make(map[string]write)
	}
	return t
}

// spareRows is how many rows a map may have had that the next transaction uses again.
const spareRows = 1 << 13

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

// TreeAt returns the tree of an earlier size, or of all that was appended here.
func (t *Txn) TreeAt(size int64) (tlog.Tree, error) { return t.d.TreeAt(size) }

// Append adds the next entry with the ciphertexts its commitments name, in
// their order; nil where there is none.
func (t *Txn) Append(e *ledger.Entry, after ledger.Head, sealed [][]byte) error {
	if e.Seq != t.head.Size || after.Size != e.Seq+1 {
		return fmt.Errorf("append entry %d to a ledger of %d", e.Seq, t.head.Size)
	}
	t.records = append(t.records, e.Record())
	t.bytes += len(e.Record()) + 32
	for i, c := range sealed {
		if c != nil {
			if err := t.Set(sealedKey(e.Seq, i), c); err != nil {
				return err
			}
		}
	}
	t.d.mu.Lock()
	t.pushed = true
	t.d.edge.push(e.Hash())
	t.d.mu.Unlock()
	t.head = after
	return nil
}

// EraseSealed takes a ciphertext out of the store. Its entry still commits to it.
// Copies that were made before hold it for as long as they are kept.
func (t *Txn) EraseSealed(n ledger.Seq, place int) error {
	return t.Delete(sealedKey(n, place))
}

// PutKey keeps a wrapped key. One that is there already stays as it is; it is
// not looked for where the caller knows that this is the holder's first.
func (t *Txn) PutKey(w ledger.WrappedKey, first bool) error {
	key := wrappedKey(w.Holder, w.ID, w.Key)
	if have := t.rows[string(key)]; have.value != nil {
		return nil
	}
	if !first {
		if have, err := t.GetOnce(key); err != nil || have != nil {
			return err
		}
	}
	b, err := ledger.Marshal(&w)
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
	d.mu.RLock()
	tree, err := d.edge.sides()
	d.mu.RUnlock()
	if err != nil {
		return fmt.Errorf("hash tree: %w", err)
	}
	b := d.p.NewBatchWithSize(t.bytes + 16<<10)
	keys, err := t.fill(b)
	if err != nil {
		return err
	}
	d.missed.turn(keys)
	// The commit point: before this line a crash replays the batch, after it
	// the batch is recorded for ever (the replicated log is its redo log).
	if err := b.Commit(pebble.NoSync); err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	d.missed.turn(nil)
	for _, k := range keys {
		w := t.rows[k]
		if f := d.few[k[1]]; f != nil && k[0] == prefixView {
			f.write(k, w.value != nil)
		}
		switch {
		case w.cold:
		case k[0] == prefixSealed:
			d.rows.update(k, w.value, nil, 0)
		case w.passes:
			d.rows.update(k, w.value, w.memo, w.beside)
		default:
			d.rows.put(k, w.value, w.memo, w.beside)
			if w.kept {
				d.rows.keep(k)
			}
		}
	}
	for k := range t.rising {
		d.frontier(k[:2]).add(k)
	}
	d.mu.Lock()
	d.head, d.applied = t.head, t.applied
	d.keep(tree)
	d.mu.Unlock()
	return nil
}

// fill writes the batch. Keys go in order as far as may be: a row that is put
// beside the one before it costs a fraction of a search. It returns the keys
// of the rows.
func (t *Txn) fill(b *pebble.Batch) ([]string, error) {
	d := t.d
	for i, r := range t.records {
		if d.entries != nil {
			break
		}
		if err := b.Set(entryKey(t.base+ledger.Seq(i)), r, nil); err != nil {
			return nil, fmt.Errorf("append entry: %w", err)
		}
	}
	keys := make([]string, 0, len(t.rows))
	for k := range t.rows {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		var err error
		switch w := t.rows[k]; {
		case w.value == nil:
			err = b.Delete([]byte(k), nil)
		case w.fresh > 0: // Pebble puts it behind the row: see the merger in db.go
			err = b.Merge([]byte(k), w.value[len(w.value)-w.fresh:], nil)
		default:
			err = b.Set([]byte(k), w.value, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, k := range slices.Sorted(maps.Keys(t.rising)) {
		if err := b.Set([]byte(k), t.rising[k], nil); err != nil {
			return nil, err
		}
	}
	d.mu.Lock()
	for id, p := range d.edge.dirty {
		err := b.Set(tileKey(id.level, id.n), p.bytes(), nil)
		if err == nil && p.full() {
			err = b.Set(groupsKey(id.level, id.n), p.groups(), nil)
		}
		if err != nil {
			d.mu.Unlock()
			return nil, err
		}
	}
	clear(d.edge.dirty)
	d.mu.Unlock()
	if t.head.Size != 0 {
		v, err := ledger.Marshal(headRow{t.head.Log, t.head.Size, t.head.Last, t.head.Time})
		if err != nil {
			return nil, err
		}
		if err := b.Set(keyHead, v, nil); err != nil {
			return nil, err
		}
	}
	v, err := ledger.Marshal(t.applied)
	if err != nil {
		return nil, err
	}
	return keys, b.Set(keyApplied, v, nil)
}

// Discard gives up what was written. If entries were appended, the tree is
// read again from disk.
func (t *Txn) Discard() error {
	if t.done {
		return nil
	}
	defer t.end()
	t.d.rows.clear()
	if !t.pushed {
		return nil
	}
	return t.d.load()
}

func (t *Txn) end() {
	if t.done {
		return
	}
	t.done = true
	if len(t.rows) <= spareRows {
		clear(t.rows)
		t.d.spare = t.rows
	}
	t.rows = nil
	t.d.writing.Unlock()
}
