package store

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// ProveAll returns the proofs of many entries in the committed tree of one size:
// [DB.Prove] for each, and each tile is read once, on all processors.
func (d *DB) ProveAll(seqs []ledger.Seq, size int64) ([]tlog.RecordProof, error) {
	if size > d.Tree().N {
		return nil, fmt.Errorf("%w: no tree of %d", ErrNoEntry, size)
	}
	out := make([]tlog.RecordProof, len(seqs))
	return out, shared(len(seqs), func(from, to int) error {
		rows, err := newTileRows(d.p)
		if err != nil {
			return err
		}
		defer func() { _ = rows.it.Close() }() // its errors were seen by read
		t := tiles{read: rows.read, have: map[tileID]*readTile{}}
		for i := from; i < to; i++ {
			p, err := tlog.ProveRecord(size, int64(seqs[i]), &t)
			if err != nil {
				return fmt.Errorf("prove entry %d: %w", seqs[i], err)
			}
			out[i] = p
		}
		return nil
	})
}

// RecordsOf reads the exact bytes of many entries, on all processors.
func RecordsOf(r Reader, seqs []ledger.Seq) ([][]byte, error) {
	out := make([][]byte, len(seqs))
	return out, shared(len(seqs), func(from, to int) (err error) {
		for i := from; i < to && err == nil; i++ {
			out[i], err = Record(r, seqs[i])
		}
		return err
	})
}

// shared has a range done in parts by all processors. A panic in one of them, by
// which tools learn of a damaged block, is the caller's.
func shared(n int, do func(from, to int) error) error {
	each := max(64, (n+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	failed := make([]error, (n+each-1)/each)
	struck := make([]any, len(failed))
	for i := range failed {
		all.Go(func() {
			defer func() { struck[i] = recover() }()
			failed[i] = do(i*each, min((i+1)*each, n))
		})
	}
	all.Wait()
	for _, r := range struck {
		if r != nil {
			panic(r)
		}
	}
	return errors.Join(failed...)
}

// tiles reads committed tiles and keeps what it has read.
type tiles struct {
	read func(id tileID) (hashes, groups []byte, err error)
	have map[tileID]*readTile
}

// tileRows reads a tile and its groups' roots, which stand behind it, in one search.
type tileRows struct{ it *pebble.Iterator }

func newTileRows(p pebble.Reader) (tileRows, error) {
	it, err := p.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixTile}, UpperBound: after([]byte{prefixTile})})
	return tileRows{it}, err
}

func (r tileRows) read(id tileID) (hashes, groups []byte, err error) {
	if !r.it.SeekGE(tileKey(id.level, id.n)) || !bytes.Equal(r.it.Key(), tileKey(id.level, id.n)) {
		return nil, nil, r.it.Error()
	}
	if hashes, err = r.it.ValueAndErr(); err != nil {
		return nil, nil, err
	}
	hashes = bytes.Clone(hashes)
	if !r.it.Next() || !bytes.Equal(r.it.Key(), groupsKey(id.level, id.n)) {
		return hashes, nil, r.it.Error()
	}
	groups, err = r.it.ValueAndErr()
	return hashes, bytes.Clone(groups), err
}

// readTile is a tile with the nodes that it implies: those between its groups'
// roots and its own, and those within a group, are made when they are asked for,
// 22 hashes for an entry; all 255 are made where the groups' roots are not there.
type readTile struct {
	hashes, groups []byte
	all            *pyramid // instead of both
}

// ReadHashes implements tlog.HashReader over stored hash indexes.
func (t *tiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		row := level % 8
		per := int64(tileWidth >> row)
		p, err := t.tile(tileID{level / 8, n / per})
		if err != nil {
			return nil, err
		}
		h, ok := p.node(row, int(n%per))
		if !ok {
			return nil, fmt.Errorf("tree hash %d of level %d is missing", n, level)
		}
		out[i] = h
	}
	return out, nil
}

func (t *tiles) tile(id tileID) (*readTile, error) {
	if p := t.have[id]; p != nil {
		return p, nil
	}
	p := &readTile{}
	var err error
	if p.hashes, p.groups, err = t.read(id); err != nil {
		return nil, err
	}
	if t.have[id] = p; !t.holds(id, p) {
		if p.all, err = parsePyramid(id.n, p.hashes); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// holds tells whether the groups' roots of a tile make its own root, as the tile
// above it has it. So nothing rests on their row: whoever alters or loses it makes
// a proof slower, and no other.
func (t *tiles) holds(id tileID, p *readTile) bool {
	if len(p.hashes) != tileWidth*tlog.HashSize || len(p.groups) != tileWidth/groupWidth*tlog.HashSize {
		return false
	}
	above, err := t.tile(tileID{id.level + 1, id.n / tileWidth})
	if err != nil {
		return false
	}
	root, ok := above.node(0, int(id.n%tileWidth))
	return ok && root == fold(p.groups)
}

// node returns the nth root of 2^row of the tile's hashes.
func (p *readTile) node(row, n int) (tlog.Hash, bool) {
	if p.all != nil {
		if n >= len(p.all.rows[row]) {
			return tlog.Hash{}, false
		}
		return p.all.rows[row][n], true
	}
	from, at := p.hashes, row
	if row >= groupRow {
		from, at = p.groups, row-groupRow
	}
	width := tlog.HashSize << at
	if (n+1)*width > len(from) {
		return tlog.Hash{}, false
	}
	return fold(from[n*width : (n+1)*width]), true
}

// fold returns the root over a power of two of hashes.
func fold(b []byte) tlog.Hash {
	if len(b) == tlog.HashSize {
		return tlog.Hash(b)
	}
	return tlog.NodeHash(fold(b[:len(b)/2]), fold(b[len(b)/2:]))
}
