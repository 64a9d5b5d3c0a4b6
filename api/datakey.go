package api

import (
	"sync"

	"custos/ledger"
)

// dataKeys keeps the holders' data keys that this node has used, bounded. A
// holder may have several keys: two nodes may seal the same new person at once.
type dataKeys struct {
	mu  sync.RWMutex
	all map[string]ledger.DataKey
}

const dataKeysKept = 1 << 14

func newDataKeys() *dataKeys { return &dataKeys{all: make(map[string]ledger.DataKey)} }

func holderName(h ledger.Holder, id []byte) string { return string(byte(h)) + string(id) }

// key returns a key of the holder: one used before, one the ledger has, or a
// new one that must travel with the command.
func (d *dataKeys) key(s *Server, h ledger.Holder, id []byte) (ledger.DataKey, error) {
	d.mu.RLock()
	k, ok := d.all[holderName(h, id)]
	d.mu.RUnlock()
	if ok {
		return k, nil
	}
	recorded, err := s.node.DataKeys(h, id)
	if err != nil {
		return ledger.DataKey{}, err
	}
	for i := len(recorded) - 1; i >= 0; i-- {
		if k, err := s.keys.Unwrap(recorded[i]); err == nil {
			d.keep(k)
			return k, nil
		}
	}
	return s.keys.NewKey(h, id)
}

// keep remembers a key that is recorded.
func (d *dataKeys) keep(k ledger.DataKey) {
	k.New = false
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) >= dataKeysKept {
		clear(d.all)
	}
	d.all[holderName(k.Wrapped.Holder, k.Wrapped.ID)] = k
}
