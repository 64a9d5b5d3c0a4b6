package store

import (
	"fmt"
	"iter"
	"maps"
	"slices"
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
	base    ledger.Seq        // the first entry appended here
	records [][]byte          // entries appended here, in order
	rows    map[string]write  // everything else written here, by key
	rising  map[string][]byte // rows of rising views written here: see [Txn.SetRising]
	bytes   int               // what the batch will hold, about
	pushed  bool              // leaves were appended: only Commit or a reload may follow
	done    bool
}

// write is a row as it will be committed. A row that is written again and again
// in one batch, as the end of a person's chain is, reaches the database once.
type write struct {
	value  []byte // nil: deleted
	memo   any    // what it was made from
	cold   bool   // not worth a place in the cache
	fresh  int    // bytes at the value's end that were put behind what is committed; 0: the whole value is written
	beside int    // bytes that the memo takes
	kept   bool   // it stays in the cache
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

// Get implements [Reader].
func (t *Txn) Get(key []byte) ([]byte, error) {
	if w, ok := t.rows[string(key)]; ok {
		return w.value, nil
	}
	if r, ok := t.record(key); ok {
		return r, nil
	}
	if c := t.d.rows.get(key); c != nil {
		return c.value, nil
	}
	v, err := get(t.d.p, key)
	if err != nil {
		return nil, err
	}
	t.d.rows.put(string(key), v, nil, 0)
	return v, nil
}

// Wrote reports whether a row was written here.
func (t *Txn) Wrote(key []byte) bool {
	_, ok := t.rows[string(key)]
	return ok
}

// Base is the number of the first entry that is appended here, or would be.
func (t *Txn) Base() ledger.Seq { return t.base }

// record returns an entry that was appended here, by its key.
func (t *Txn) record(key []byte) ([]byte, bool) {
	if key[0] != prefixEntry || len(t.records) == 0 {
		return nil, false
	}
	n, ok := entrySeq(key)
	if !ok || n < t.base || n >= t.base+ledger.Seq(len(t.records)) {
		return nil, false
	}
	return t.records[n-t.base], true
}

// Memo returns what [Txn.SetMemo] was told of a row, if the row is still as it
// was then.
func (t *Txn) Memo(key []byte) any {
	if w, written := t.rows[string(key)]; written {
		return w.memo
	}
	if c := t.d.rows.get(key); c != nil {
		return c.memo
	}
	return nil
}

// SetMemo keeps what a reader made of a row that it has just read, until the
// row changes. Whoever gets it back must not change it.
func (t *Txn) SetMemo(key []byte, memo any) {
	if w, written := t.rows[string(key)]; written {
		w.memo = memo
		t.rows[string(key)] = w
		return
	}
	if c := t.d.rows.get(key); c != nil {
		c.memo = memo
	}
}

// RecordMemo and SetRecordMemo are [Txn.Memo] and [Txn.SetMemo] of an entry's
// record: an entry never changes, so neither does what it was read as.
func (t *Txn) RecordMemo(n ledger.Seq) any { return t.Memo(entryKey(n)) }

// SetRecordMemo keeps what a reader made of a record that it has just read.
func (t *Txn) SetRecordMemo(n ledger.Seq, memo any) { t.SetMemo(entryKey(n), memo) }

// SetMemoOf is [Txn.SetMemo] of what takes so many bytes that the cache's bound
// has to count them; the row stays in the cache.
func (t *Txn) SetMemoOf(key []byte, memo any, bytes int) {
	if w, written := t.rows[string(key)]; written {
		w.memo, w.beside = memo, bytes
		t.rows[string(key)] = w
		return
	}
	if c := t.d.rows.get(key); c != nil {
		t.d.rows.put(string(key), c.value, memo, bytes)
		t.d.rows.keep(string(key))
	}
}

// GetOnce is [Txn.Get] for a row that will hardly be read again; it is not
// kept in the cache.
func (t *Txn) GetOnce(key []byte) ([]byte, error) {
	if w, ok := t.rows[string(key)]; ok {
		return w.value, nil
	}
	if r, ok := t.record(key); ok {
		return r, nil
	}
	return get(t.d.p, key)
}

// Scan implements [Reader]: committed rows with those written here laid over.
func (t *Txn) Scan(prefix []byte) iter.Seq2[Row, error] {
	return t.overlay(scan(t.d.p, prefix, after(prefix)), prefix, prefix, nil, false)
}

// After implements [Reader].
func (t *Txn) After(prefix, key []byte) iter.Seq2[Row, error] {
	from := behind(prefix, key)
	return t.overlay(scan(t.d.p, from, after(prefix)), prefix, from, nil, false)
}

// Back implements [Reader].
func (t *Txn) Back(prefix, before []byte) iter.Seq2[Row, error] {
	return t.overlay(back(t.d.p, prefix, before), prefix, prefix, before, true)
}

// overlay lays the rows written here over committed ones, which come in the
// same order: those with a prefix that are not less than from, and less than before.
func (t *Txn) overlay(rows iter.Seq2[Row, error], prefix, from, before []byte, backwards bool) iter.Seq2[Row, error] {
	var own []string
	for k := range t.rows {
		if strings.HasPrefix(k, string(prefix)) && k >= string(from) && (before == nil || k < string(before)) {
			own = append(own, k)
		}
	}
	slices.Sort(own)
	if backwards {
		slices.Reverse(own)
	}
	first := func(a, b string) bool { return a < b != backwards }
	return func(yield func(Row, error) bool) {
		emit := func(k string) bool {
			v := t.rows[k].value
			return v == nil || yield(Row{[]byte(k), v}, nil)
		}
		for row, err := range rows {
			if err != nil {
				yield(row, err)
				return
			}
			for len(own) > 0 && own[0] != string(row.Key) && first(own[0], string(row.Key)) {
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

func (t *Txn) set(key, value []byte, memo any, cold bool) {
	if value == nil {
		value = []byte{}
	}
	t.rows[string(key)] = write{value: value, memo: memo, cold: cold}
	t.bytes += len(key) + len(value) + 16
}

// Set writes a row.
func (t *Txn) Set(key, value []byte) error {
	t.set(key, value, nil, false)
	return nil
}

// SetMade writes a row with what it was made from, for [Txn.Memo].
func (t *Txn) SetMade(key, value []byte, from any) error {
	t.set(key, value, from, false)
	return nil
}

// SetGrown writes a row that is the one of before with some bytes behind it, and
// what it was made from, which takes so many bytes in memory: only what is fresh
// goes into the batch. With no fresh bytes the row is written whole. It stays in
// the cache.
func (t *Txn) SetGrown(key, value []byte, fresh int, from any, bytes int) error {
	if w, written := t.rows[string(key)]; written && fresh > 0 {
		if fresh += w.fresh; w.fresh == 0 { // nothing of it is committed
			fresh = 0
		}
	}
	t.rows[string(key)] = write{value: value, memo: from, fresh: fresh, beside: bytes, kept: true}
	if fresh == 0 {
		fresh = len(value)
	}
	t.bytes += len(key) + fresh + 16
	return nil
}

// SetKept is [Txn.SetMade] of one row that stays in the cache: what it was made
// from is dear. It is for few rows.
func (t *Txn) SetKept(key, value []byte, from any) error {
	t.set(key, value, from, false)
	w := t.rows[string(key)]
	w.kept = true
	t.rows[string(key)] = w
	return nil
}

// SetCold writes a row that will hardly be read again soon: it does not enter
// the cache. What is in the cache is not replaced by it: such a key must be new, or
// always be written so and read with [Txn.GetOnce].
func (t *Txn) SetCold(key, value []byte) error {
	t.set(key, value, nil, true)
	return nil
}

// SetIndex writes a row of an index, which is read by scans alone.
func (t *Txn) SetIndex(key []byte) error { return t.SetCold(key, nil) }

// Delete removes a row.
func (t *Txn) Delete(key []byte) error {
	t.rows[string(key)] = write{}
	t.bytes += len(key) + 16
	return nil
}

// DeleteCold removes a row that [Txn.SetCold] wrote.
func (t *Txn) DeleteCold(key []byte) error {
	t.rows[string(key)] = write{cold: true}
	t.bytes += len(key) + 16
	return nil
}

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
			t.set(sealedKey(e.Seq, i), c, nil, false)
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
	// The commit point: before this line a crash replays the batch, after it
	// the batch is recorded for ever (the replicated log is its redo log).
	if err := b.Commit(pebble.NoSync); err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	for _, k := range keys {
		switch w := t.rows[k]; {
		case w.cold:
		case k[0] == prefixSealed:
			d.rows.update(k, w.value)
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
