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

// EntriesOf reads many entries, and their exact bytes, on all processors.
func EntriesOf(r Reader, seqs []ledger.Seq) ([][]byte, []ledger.Entry, error) {
	records, entries := make([][]byte, len(seqs)), make([]ledger.Entry, len(seqs))
	return records, entries, shared(len(seqs), func(from, to int) error {
		for i := from; i < to; i++ {
			b, err := Record(r, seqs[i])
			if err != nil {
				return err
			}
			e, err := ledger.ParseEntry(b)
			if err != nil {
				return fmt.Errorf("entry %d: %w", seqs[i], err)
			}
			records[i], entries[i] = b, e
		}
		return nil
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

// tiles reads committed tiles and keeps what it has read, of the lowest level
// not many at a time: entries are proved as they rise, so that but the tree's
// edge is asked for again.
type tiles struct {
	read func(id tileID, into *readTile) error
	have map[tileID]*readTile
	low  []tileID // of the lowest level, those that are kept
	free []*readTile
}

const lowTiles = 16

// tileRows reads a tile and its groups' roots, which stand behind it, in one search.
type tileRows struct{ it *pebble.Iterator }

func newTileRows(p pebble.Reader) (tileRows, error) {
	it, err := p.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixTile}, UpperBound: after([]byte{prefixTile})})
	return tileRows{it}, err
}

func (r tileRows) read(id tileID, into *readTile) error {
	into.hashes, into.groups = into.hashes[:0], into.groups[:0]
	if !r.it.SeekGE(tileKey(id.level, id.n)) || !bytes.Equal(r.it.Key(), tileKey(id.level, id.n)) {
		return r.it.Error()
	}
	b, err := r.it.ValueAndErr()
	if err != nil {
		return err
	}
	into.hashes = append(into.hashes, b...)
	if !r.it.Next() || !bytes.Equal(r.it.Key(), groupsKey(id.level, id.n)) {
		return r.it.Error()
	}
	b, err = r.it.ValueAndErr()
	into.groups = append(into.groups, b...)
	return err
}

// readTile is a tile with the nodes that it implies: those within a group are
// made when they are asked for, 11 hashes for an entry, and those above from the
// groups' roots, 15; all 255 are made where the groups' roots are not there.
type readTile struct {
	hashes, groups []byte
	upper          *pyramid // of the groups' roots
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
	p := t.blank()
	if err := t.read(id, p); err != nil {
		return nil, err
	}
	if !t.holds(id, p) {
		all, err := parsePyramid(id.n, p.hashes)
		if err != nil {
			return nil, err
		}
		p.all, p.upper = all, nil
	}
	if t.have[id] = p; id.level == 0 {
		t.low = append(t.low, id)
	}
	return p, nil
}

// blank returns a tile to read into. When enough of the lowest level are held,
// their memory is used again.
func (t *tiles) blank() *readTile {
	if len(t.low) == lowTiles {
		for _, id := range t.low {
			t.free = append(t.free, t.have[id])
			delete(t.have, id)
		}
		t.low = t.low[:0]
	}
	if n := len(t.free); n > 0 {
		p := t.free[n-1]
		t.free = t.free[:n-1]
		*p = readTile{hashes: p.hashes, groups: p.groups}
		return p
	}
	return &readTile{}
}

// holds tells whether the groups' roots of a tile make its own root, as the tile
// above it has it. So nothing rests on their row: whoever alters or loses it makes
// a proof slower, and no other.
func (t *tiles) holds(id tileID, p *readTile) bool {
	if len(p.hashes) != tileWidth*tlog.HashSize || len(p.groups) != tileWidth/groupWidth*tlog.HashSize {
		return false
	}
	upper, err := parsePyramid(id.n, p.groups)
	if err != nil {
		return false
	}
	above, err := t.tile(tileID{id.level + 1, id.n / tileWidth})
	if err != nil {
		return false
	}
	p.upper = upper
	root, ok := above.node(0, int(id.n%tileWidth))
	return ok && root == upper.rows[8-groupRow][0]
}

// node returns the nth root of 2^row of the tile's hashes.
func (p *readTile) node(row, n int) (tlog.Hash, bool) {
	from, at := p.all, row
	if from == nil && row >= groupRow {
		from, at = p.upper, row-groupRow
	}
	if from != nil {
		if n >= len(from.rows[at]) {
			return tlog.Hash{}, false
		}
		return from.rows[at][n], true
	}
	width := tlog.HashSize << row
	if (n+1)*width > len(p.hashes) {
		return tlog.Hash{}, false
	}
	return fold(p.hashes[n*width : (n+1)*width]), true
}

// fold returns the root over a power of two of hashes.
func fold(b []byte) tlog.Hash {
	if len(b) == tlog.HashSize {
		return tlog.Hash(b)
	}
	return tlog.NodeHash(fold(b[:len(b)/2]), fold(b[len(b)/2:]))
}
