package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"custos/ledger"
)

// Layout returns the layout that the views are in, or 1 where none was ever
// stated. Entries have formats; views follow from them and may be laid out anew.
func (d *DB) Layout() (int, error) {
	n := 1
	_, err := d.decode(keyLayout, &n)
	return n, err
}

// SetLayout states the views' layout, in the batch that makes it true.
func (t *Txn) SetLayout(n int) error {
	b, err := ledger.Marshal(n)
	if err != nil {
		return err
	}
	return t.Set(keyLayout, b)
}

// DropViews removes every row of every view, to fold them again. If we die
// before the new layout is stated they are dropped again.
func (d *DB) DropViews() error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if err := d.p.DeleteRange([]byte{prefixView}, after([]byte{prefixView}), pebble.Sync); err != nil {
		d.fatal(fmt.Errorf("drop views: %w", err))
		return err
	}
	d.rows.clear()
	clear(d.rising)
	clear(d.few[:])
	return nil
}
