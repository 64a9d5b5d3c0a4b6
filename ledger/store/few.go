package store

// A view of few rows, as an authority's worklist has them, is asked about every
// row of a file, and the answer is nearly always no. The writer knows all of its
// keys and needs no search for that.

// few is every key of such a view.
type few struct {
	keys map[string]struct{} // nil: there were too many once, and rows are searched for
}

// fewKeys is how many keys are kept of one view.
const fewKeys = 1 << 16

// fewOf returns what is known of a view, read from the disk once.
func (d *DB) fewOf(view byte) *few {
	if f := d.few[view]; f != nil {
		return f
	}
	f := &few{keys: make(map[string]struct{})}
	for row, err := range d.Scan(ViewKey(view)) {
		if err != nil {
			f.keys = nil // whoever searches will meet it
			break
		}
		f.write(string(row.Key), true)
	}
	d.few[view] = f
	return f
}

// write notes that a row was committed, or deleted.
func (f *few) write(key string, there bool) {
	switch {
	case f.keys == nil:
	case !there:
		delete(f.keys, key)
	case len(f.keys) >= fewKeys:
		f.keys = nil
	default:
		f.keys[key] = struct{}{}
	}
}

// Lacks reports that there is certainly no row with this key in a view of few rows.
func (t *Txn) Lacks(key []byte) bool {
	if w, ok := t.rows[string(key)]; ok {
		return w.value == nil
	}
	f := t.d.fewOf(key[1])
	_, ok := f.keys[string(key)]
	return f.keys != nil && !ok
}
