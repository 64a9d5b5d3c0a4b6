package store

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"custos/ledger"
)

// Fetch brings rows into the cache, those that are not there as well, so that
// each is found without a search of its own: one walk over keys in order costs a
// fraction of as many searches. It changes nothing that any reader sees.
func (t *Txn) Fetch(keys [][]byte) error {
	missing := make([][]byte, 0, len(keys))
	for _, k := range keys {
		if _, written := t.rows[string(k)]; !written && t.d.rows.get(k) == nil {
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.SortFunc(missing, bytes.Compare)
	it, err := t.d.p.NewIter(&pebble.IterOptions{LowerBound: missing[0], UpperBound: after(missing[len(missing)-1])})
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	defer func() { _ = it.Close() }() // its error was seen by it.Error below
	for _, k := range missing {
		var value []byte // nil: there is none
		if it.SeekGE(k) && bytes.Equal(it.Key(), k) {
			v, err := it.ValueAndErr()
			if err != nil {
				return fmt.Errorf("read rows: %w", err)
			}
			value = append(make([]byte, 0, len(v)), v...)
		}
		if err := it.Error(); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		t.d.rows.put(string(k), value, nil)
	}
	return nil
}

// SealedRow is the key of a ciphertext, for [Txn.Fetch].
func SealedRow(n ledger.Seq, place int) []byte { return sealedKey(n, place) }

// KeyRow is the key of a wrapped key, for [Txn.Fetch]. It is read by [Key].
func KeyRow(h ledger.Holder, id []byte, key ledger.ID) []byte { return wrappedKey(h, id, key) }
