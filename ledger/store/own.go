package store

import (
	"iter"
	"strings"
)

// A walk within a transaction lays the rows written there over committed ones. An
// upload's command writes hundreds of rows, and walks a few of each person's: it
// finds them by how their keys begin, and does not look through all.

// begins is the beginning of a key: prefix, view, and some of what follows, as a
// person's reference. A shorter key ends in zeros.
type begins [6]byte

func beginsOf(key string) (b begins) {
	copy(b[:], key)
	return b
}

// put writes a row.
func (t *Txn) put(key []byte, w write) {
	k := string(key)
	if t.begun != nil {
		if _, written := t.rows[k]; !written {
			t.begun[beginsOf(k)] = append(t.begun[beginsOf(k)], k)
		}
	}
	t.rows[k] = w
}

// own yields the keys written here that begin with a prefix, in no order.
func (t *Txn) own(prefix []byte) iter.Seq[string] {
	whole := string(prefix)
	return func(yield func(string) bool) {
		if len(whole) < len(begins{}) { // of all people, as a day's work walks them
			for k := range t.rows {
				if strings.HasPrefix(k, whole) && !yield(k) {
					return
				}
			}
			return
		}
		if t.begun == nil {
			t.begun = make(map[begins][]string, len(t.rows))
			for k := range t.rows {
				t.begun[beginsOf(k)] = append(t.begun[beginsOf(k)], k)
			}
		}
		for _, k := range t.begun[beginsOf(whole)] {
			if strings.HasPrefix(k, whole) && !yield(k) {
				return
			}
		}
	}
}
