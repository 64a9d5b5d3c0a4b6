package projection

import (
	"bytes"
	"fmt"

	"custos/ledger"
	"custos/ledger/store"
)

// Layout is how this program lays the views out: see the table of views. A
// ledger whose views are in another layout is folded again when its node starts.
//
//	1: one row per fact and index
//	2: all that is known of one person together; who acted where, in one index
const Layout = 2

// refoldBatch is how many entries are folded in one batch.
const refoldBatch = 4096

// Refold brings the views into this program's layout, from the entries alone.
// It returns how many entries it folded, 0 if the views were in it already.
// progress is told now and then how far it is; nil tells nobody.
//
// If we die in the middle, the next start begins again.
func Refold(d *store.DB, progress func(done, of ledger.Seq)) (ledger.Seq, error) {
	size := d.Head().Size
	if have, err := d.Layout(); err != nil || size == 0 || have == Layout {
		return 0, err
	}
	if err := d.DropViews(); err != nil {
		return 0, err
	}
	t := d.Begin()
	defer func() { _ = t.Discard() }()
	var group []ledger.Entry
	since := 0
	for record, err := range d.Records(0, size) {
		if err != nil {
			return 0, err
		}
		e, err := ledger.ParseEntry(bytes.Clone(record))
		if err != nil {
			return 0, fmt.Errorf("fold the views again: entry %d: %w", e.Seq, err)
		}
		if group = append(group, e); len(group) < e.Of {
			continue
		}
		for i := range group {
			if err := Fold(t, &group[i], &group[0]); err != nil {
				return 0, fmt.Errorf("fold the views again: entry %d: %w", group[i].Seq, err)
			}
		}
		since += len(group)
		group = group[:0]
		if since < refoldBatch {
			continue
		}
		if err := t.Commit(); err != nil {
			return 0, err
		}
		if progress != nil {
			progress(e.Seq+1, size)
		}
		t, since = d.Begin(), 0
	}
	if err := t.SetLayout(Layout); err != nil {
		return 0, err
	}
	return size, t.Commit()
}
