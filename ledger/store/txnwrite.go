package store

// How a transaction writes rows. None of it can fail before [Txn.Commit]; each
// returns an error, always nil, so that a fold ends with it.

// write is a row as it will be committed. A row that is written again and again
// in one batch, as the end of a person's chain is, reaches the database once.
type write struct {
	value  []byte // nil: deleted
	memo   any    // what it was made from
	cold   bool   // not worth a place in the cache
	fresh  int    // bytes at the value's end that were put behind what is committed; 0: the whole value is written
	beside int    // bytes that the memo takes
	kept   bool   // it stays in the cache
	passes bool   // it is written through the cache, and does not enter it
}

func (t *Txn) set(key []byte, w write) error {
	if w.value == nil {
		w.value = []byte{}
	}
	w.passes = t.passing && !w.kept
	t.put(key, w)
	fresh := w.fresh
	if fresh == 0 {
		fresh = len(w.value)
	}
	t.bytes += len(key) + fresh + 16
	return nil
}

// Set writes a row.
func (t *Txn) Set(key, value []byte) error {
	return t.set(key, write{value: value})
}

// SetMade writes a row with what it was made from, for [Txn.Memo].
func (t *Txn) SetMade(key, value []byte, from any) error {
	return t.set(key, write{value: value, memo: from})
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
	return t.set(key, write{value: value, memo: from, fresh: fresh, beside: bytes, kept: true})
}

// SetKept is [Txn.SetMade] of one row that stays in the cache: what it was made
// from is dear. It is for few rows.
func (t *Txn) SetKept(key, value []byte, from any) error {
	return t.set(key, write{value: value, memo: from, kept: true})
}

// SetCold writes a row that will hardly be read again soon: it does not enter
// the cache. What is in the cache is not replaced by it: such a key must be new, or
// always be written so and read with [Txn.GetOnce].
func (t *Txn) SetCold(key, value []byte) error {
	return t.set(key, write{value: value, cold: true})
}

// SetIndex writes a row of an index, which is read by scans alone.
func (t *Txn) SetIndex(key []byte) error { return t.SetCold(key, nil) }

// Delete removes a row.
func (t *Txn) Delete(key []byte) error {
	return t.remove(key, write{})
}

// DeleteCold removes a row that [Txn.SetCold] wrote.
func (t *Txn) DeleteCold(key []byte) error {
	return t.remove(key, write{cold: true})
}

func (t *Txn) remove(key []byte, w write) error {
	w.passes = t.passing
	t.put(key, w)
	t.bytes += len(key) + 16
	return nil
}
