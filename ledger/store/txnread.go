package store

import (
	"iter"
	"slices"

	"custos/ledger"
)

// Get implements [Reader].
func (t *Txn) Get(key []byte) ([]byte, error) {
	if w, ok := t.rows[string(key)]; ok {
		return w.value, nil
	}
	if r, ok := t.record(key); ok {
		return r, nil
	}
	if c := t.cached(key); c != nil {
		return c.value, nil
	}
	var v []byte
	var err error
	switch {
	case key[0] != prefixView:
		v, err = t.d.Get(key)
	case !t.d.missed.has(key):
		v, err = get(t.d.p, key)
	}
	if err != nil {
		return nil, err
	}
	t.keep(key, v)
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
	if c := t.cached(key); c != nil {
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
	if c := t.cached(key); c != nil {
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
	return t.d.Get(key)
}

// Scan implements [Reader]: committed rows with those written here laid over.
func (t *Txn) Scan(prefix []byte) iter.Seq2[Row, error] {
	return t.overlay(scan(t.d.p, prefix, after(prefix)), prefix, prefix, nil, false)
}

// Own walks the rows that were written here, in order, and no committed ones.
func (t *Txn) Own(prefix []byte) iter.Seq2[Row, error] {
	return t.overlay(func(func(Row, error) bool) {}, prefix, prefix, nil, false)
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
	least, below := string(from), string(before)
	var own []string
	for k := range t.own(prefix) {
		if k >= least && (before == nil || k < below) {
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
