package store

// A file of plans is about each person once, and there are more of them than the
// cache has room for: were their rows kept, those of the people who are looked up
// meanwhile would go, and each row of the file would pay for its place. What such a
// command reads and writes is at hand until its transaction ends, and no longer.

// Passing says whether what is read and written from now on is only passing
// through: it does not enter the cache. What is there already is written through,
// as ever.
func (t *Txn) Passing(on bool) { t.passing = on }

// cached returns a committed row that is in memory, or nil.
func (t *Txn) cached(key []byte) *cachedRow {
	if c := t.d.rows.get(key); c != nil || !t.passing {
		return c
	}
	return t.passed[string(key)]
}

// keep has a committed row that was just read in memory.
func (t *Txn) keep(key, value []byte) {
	if !t.passing {
		t.d.rows.put(string(key), value, nil, 0)
		return
	}
	if t.passed == nil {
		t.passed = make(map[string]*cachedRow)
	}
	t.passed[string(key)] = &cachedRow{value: value}
}
