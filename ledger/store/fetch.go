package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"custos/ledger"
)

const (
	// fetchers is how many bring rows in at once. They mostly wait for the disk, or
	// copy from its pages, which other processors can do as well.
	fetchers = 8
	// fetchAlone are as many rows as one of them brings, however few others do.
	fetchAlone = 64
)

// Fetch brings rows into the cache, those that are not there as well, so that
// each is found without a search of its own: in the order of their keys, since
// neighbours share a block, and several parts of it at once. It changes nothing
// that any reader sees.
//
// Each is searched for by itself. One iterator over all of them reads more: what
// it finds in the newest table it looks for in every older one as well.
func (t *Txn) Fetch(keys [][]byte) error { return t.fetch(keys, t.d.searchEach) }

// FetchOnce is [Txn.Fetch] for rows that are hardly ever written twice: there an
// iterator finds no older ones, and keeps the tables open from one to the next.
func (t *Txn) FetchOnce(keys [][]byte) error { return t.fetch(keys, t.d.walkEach) }

func (t *Txn) fetch(keys [][]byte, read func(keys, values [][]byte) error) error {
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
	part := max((len(missing)+fetchers-1)/fetchers, fetchAlone)
	var wait sync.WaitGroup
	values := make([][]byte, len(missing))
	faults := make([]error, 0, fetchers)
	for from := 0; from < len(missing); from += part {
		to := min(from+part, len(missing))
		faults = append(faults, nil)
		fault := &faults[len(faults)-1]
		wait.Go(func() { *fault = read(missing[from:to], values[from:to]) })
	}
	wait.Wait()
	for _, err := range faults {
		if err != nil {
			return err
		}
	}
	for i, k := range missing {
		t.d.rows.put(string(k), values[i], nil, 0)
	}
	return nil
}

// searchEach reads rows; nil for those that are not there.
func (d *DB) searchEach(keys, values [][]byte) error {
	for i, k := range keys {
		var err error
		if values[i], err = get(d.p, k); err != nil {
			return err
		}
	}
	return nil
}

// walkEach reads rows in the order of their keys. A table whose filter does not
// know a key is passed over.
func (d *DB) walkEach(keys, values [][]byte) error {
	it, err := d.p.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	for i, k := range keys {
		if !it.SeekPrefixGE(k) { // a key is its own prefix
			continue
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(fmt.Errorf("read row: %w", err), it.Close())
		}
		values[i] = append(make([]byte, 0, len(v)), v...)
	}
	return it.Close() // with the error of whatever it did not read
}

// SealedRow is the key of a ciphertext, for [Txn.Fetch].
func SealedRow(n ledger.Seq, place int) []byte { return sealedKey(n, place) }

// KeyRow is the key of a wrapped key, for [Txn.Fetch]. It is read by [Key].
func KeyRow(h ledger.Holder, id []byte, key ledger.ID) []byte { return wrappedKey(h, id, key) }
