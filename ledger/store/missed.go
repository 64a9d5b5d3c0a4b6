package store

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
)

// missed is which rows of views were looked for lately and were not there. A row
// of a file is looked for twice when its person is new: by whoever seals it, to
// learn whether the person has a key, and by the writer a moment later. The
// second is spared its search. It is exact: from before a batch is to be seen
// until after, nothing that it writes is here.
type missed struct {
	turns atomic.Uint64 // odd while a batch is being committed; written with mu held
	mu    sync.Mutex
	keys  map[string]struct{}
}

// missedKeys is how many keys are kept; then it begins anew.
const missedKeys = 1 << 13

// now is what a search that begins after it may note.
func (m *missed) now() uint64 { return m.turns.Load() }

// note keeps keys that a search has not found, unless a batch came between: it
// may have written those very rows.
func (m *missed) note(since uint64, keys ...[]byte) {
	if since%2 == 1 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.turns.Load() != since {
		return
	}
	if len(m.keys)+len(keys) > missedKeys {
		m.keys = nil
	}
	if m.keys == nil {
		m.keys = make(map[string]struct{})
	}
	for _, k := range keys {
		m.keys[string(k)] = struct{}{}
	}
}

// has reports that there is certainly no such committed row.
func (m *missed) has(key []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.keys[string(key)]
	return ok
}

// turn begins the commit of a batch, and taken a second time ends it. In between
// nothing is noted.
func (m *missed) turn(keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turns.Add(1)
	if len(m.keys) == 0 {
		return
	}
	for _, k := range keys {
		delete(m.keys, k)
	}
}

// Expect looks for rows of views that are mostly not there, with one walk in
// place of a search for each. Those that are not are known to be missing when
// [DB.Get] or [Txn.Get] asks for them soon. keys are put in order.
func (d *DB) Expect(keys [][]byte) error {
	since := d.missed.now()
	slices.SortFunc(keys, bytes.Compare)
	values := make([][]byte, len(keys))
	if err := d.walkEach(keys, values); err != nil {
		return err
	}
	absent := keys[:0]
	for i, k := range keys {
		if values[i] == nil {
			absent = append(absent, k)
		}
	}
	d.missed.note(since, absent...)
	return nil
}
