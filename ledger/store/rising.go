package store

import (
	"github.com/cockroachdb/pebble/v2"
)

// A rising view is one whose keys nearly always grow, as those of commands do
// whose ids begin with the time. "Is there such a row?" is asked of it before
// each is written, and the answer is nearly always no. For keys beyond those on
// disk the writer knows it without a search.

// frontier knows every key of one rising view that is greater than its horizon.
// It is exact: what is at or below the horizon is looked for on disk.
type frontier struct {
	horizon    string
	young, old map[string]struct{}
	top        [2]string // the greatest key of each
}

// frontierKeys is how many keys of one generation are kept.
const frontierKeys = 1 << 15

// frontier returns that of a view, whose two first bytes are prefix.
func (d *DB) frontier(prefix string) *frontier {
	if f := d.rising[prefix]; f != nil {
		return f
	}
	f := &frontier{young: make(map[string]struct{})}
	// Without the greatest key on disk everything counts as below the horizon.
	f.horizon = string(after([]byte(prefix)))
	it, err := d.p.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: after([]byte(prefix))})
	if err == nil {
		switch {
		case it.Last():
			f.horizon = string(it.Key())
		case it.Error() == nil:
			f.horizon = ""
		}
		_ = it.Close() // an error would have shown above, and then everything is read
	}
	d.rising[prefix] = f
	return f
}

// unknown reports that there is certainly no row with this key.
func (f *frontier) unknown(key []byte) bool {
	if string(key) <= f.horizon {
		return false
	}
	if _, ok := f.young[string(key)]; ok {
		return false
	}
	_, ok := f.old[string(key)]
	return !ok
}

func (f *frontier) add(key string) {
	if len(f.young) >= frontierKeys {
		f.horizon = max(f.horizon, f.top[1])
		f.old, f.top[1] = f.young, f.top[0]
		f.young, f.top[0] = make(map[string]struct{}, frontierKeys), ""
	}
	f.young[key] = struct{}{}
	f.top[0] = max(f.top[0], key)
}

// GetRising reads a row of a rising view.
func (t *Txn) GetRising(key []byte) ([]byte, error) {
	if v, ok := t.rising[string(key)]; ok {
		return v, nil
	}
	if t.d.frontier(string(key[:2])).unknown(key) {
		return nil, nil
	}
	return get(t.d.p, key)
}

// SetRising writes a row of a rising view. All of such a view is written so,
// and read by [Txn.GetRising] or from a committed state.
func (t *Txn) SetRising(key, value []byte) error {
	t.rising[string(key)] = value
	t.bytes += len(key) + len(value) + 16
	return nil
}
