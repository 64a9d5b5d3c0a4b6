package store

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// ProveAll returns the proofs of many entries in the committed tree of one size:
// [DB.Prove] for each, and each tile is read and hashed once, on all processors.
func (d *DB) ProveAll(seqs []ledger.Seq, size int64) ([]tlog.RecordProof, error) {
	if size > d.Tree().N {
		return nil, fmt.Errorf("%w: no tree of %d", ErrNoEntry, size)
	}
	out := make([]tlog.RecordProof, len(seqs))
	each := max(64, (len(seqs)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for from := 0; from < len(seqs); from += each {
		to := min(from+each, len(seqs))
		all.Go(func() {
			t := tiles{d: d, have: map[tileID]*pyramid{}}
			for i := from; i < to; i++ {
				p, err := tlog.ProveRecord(size, int64(seqs[i]), &t)
				if err != nil {
					mu.Lock()
					failed = fmt.Errorf("prove entry %d: %w", seqs[i], err)
					mu.Unlock()
					return
				}
				out[i] = p
			}
		})
	}
	all.Wait()
	return out, failed
}

// tiles reads committed tiles and keeps what it has read.
type tiles struct {
	d    *DB
	have map[tileID]*pyramid
}

// ReadHashes implements tlog.HashReader over stored hash indexes.
func (t *tiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		row := level % 8
		per := int64(tileWidth >> row)
		id := tileID{level / 8, n / per}
		p := t.have[id]
		if p == nil {
			b, err := t.d.tile(id.level, id.n)
			if err != nil {
				return nil, err
			}
			if p, err = parsePyramid(id.n, b); err != nil {
				return nil, err
			}
			t.have[id] = p
		}
		if n%per >= int64(len(p.rows[row])) {
			return nil, fmt.Errorf("tree hash %d of level %d is missing", n, level)
		}
		out[i] = p.rows[row][n%per]
	}
	return out, nil
}
