package store

import (
	"sync"
	"sync/atomic"
)

// missed is which rows of views a reader looked for lately that were not there. A
// row of a file is looked for twice when its person is new: by whoever seals it,
// to learn whether the person has a key, and by the writer a moment later, which
// is spared the second search. It is exact: a commit takes out what it writes.
type missed struct {
	commits atomic.Uint64 // written with mu held
	mu      sync.Mutex
	keys    map[string]struct{}
}

// missedKeys is how many keys are kept; then it begins anew.
const missedKeys = 1 << 13

// now is what a search that begins after it may note.
func (m *missed) now() uint64 { return m.commits.Load() }

// note keeps a key that a search has not found, unless something was committed
// since it began: it may have been that very row.
func (m *missed) note(key []byte, since uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.commits.Load() != since {
		return
	}
	if m.keys == nil || len(m.keys) >= missedKeys {
		m.keys = make(map[string]struct{})
	}
	m.keys[string(key)] = struct{}{}
}

// has reports that there is certainly no such committed row. Only the writer may
// ask: a reader's state may be of before the note.
func (m *missed) has(key []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.keys[string(key)]
	return ok
}

// committed takes out what a batch has written, once it is to be seen.
func (m *missed) committed(keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commits.Add(1)
	if len(m.keys) == 0 {
		return
	}
	for _, k := range keys {
		delete(m.keys, k)
	}
}
