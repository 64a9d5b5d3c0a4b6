package store

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// The tree is kept in tiles of 256 hashes, as C2SP tlog-tiles has them: tile n
// of level l holds the roots of the complete subtrees of 256^l leaves. The
// tiles at the right edge, with every node inside them, are in memory.

const tileWidth = 256

// pyramid is one tile with the nodes it implies: row 0 has up to 256 hashes,
// row h the complete subtrees of 2^h of them.
type pyramid struct {
	n    int64 // tile number within its level
	rows [9][]ledger.Hash
}

func (p *pyramid) push(h ledger.Hash) {
	for level := 0; ; level++ {
		p.rows[level] = append(p.rows[level], h)
		if len(p.rows[level])%2 == 1 || level == 8 {
			return
		}
		last := len(p.rows[level])
		h = tlog.NodeHash(p.rows[level][last-2], p.rows[level][last-1])
	}
}

func (p *pyramid) full() bool { return len(p.rows[8]) == 1 }

// bytes are the tile's row.
func (p *pyramid) bytes() []byte { return joined(p.rows[0]) }

// A full tile has a second row with the roots of its groups of 16 hashes. With
// it a proof makes 26 hashes of a tile in place of all 255.
const (
	groupRow   = 4
	groupWidth = 1 << groupRow
)

func (p *pyramid) groups() []byte { return joined(p.rows[groupRow]) }

func joined(hashes []ledger.Hash) []byte {
	b := make([]byte, 0, tlog.HashSize*len(hashes))
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

func parsePyramid(n int64, b []byte) (*pyramid, error) {
	if len(b)%tlog.HashSize != 0 || len(b) > tileWidth*tlog.HashSize {
		return nil, errors.New("a tree tile has a wrong length")
	}
	p := &pyramid{n: n}
	for ; len(b) > 0; b = b[tlog.HashSize:] {
		p.push(ledger.Hash(b[:tlog.HashSize]))
	}
	return p, nil
}

type tileID struct {
	level int
	n     int64
}

// edge is the right edge of the tree and the newest tiles left of it.
type edge struct {
	size   int64
	levels []*pyramid // the unfinished tile of each level
	dirty  map[tileID]*pyramid
	recent map[tileID]*pyramid
	order  []tileID
	load   func(level int, n int64) ([]byte, error)
}

const recentTiles = 64

func loadEdge(size int64, load func(level int, n int64) ([]byte, error)) (*edge, error) {
	e := &edge{size: size, load: load, dirty: map[tileID]*pyramid{}, recent: map[tileID]*pyramid{}}
	for level, n := 0, size; n > 0; level, n = level+1, n/tileWidth {
		p := &pyramid{n: n / tileWidth}
		if width := n % tileWidth; width > 0 {
			b, err := load(level, p.n)
			if err != nil {
				return nil, err
			}
			if int64(len(b)) < width*tlog.HashSize {
				return nil, fmt.Errorf("tree tile %d of level %d is missing or short", p.n, level)
			}
			if p, err = parsePyramid(p.n, b[:width*tlog.HashSize]); err != nil {
				return nil, err
			}
		}
		e.levels = append(e.levels, p)
	}
	return e, nil
}

// push appends one leaf.
func (e *edge) push(leaf ledger.Hash) {
	h := leaf
	for level := 0; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, &pyramid{})
		}
		p := e.levels[level]
		p.push(h)
		e.dirty[tileID{level, p.n}] = p
		if !p.full() {
			break
		}
		e.remember(tileID{level, p.n}, p)
		e.levels[level] = &pyramid{n: p.n + 1}
		h = p.rows[8][0]
	}
	e.size++
}

func (e *edge) remember(id tileID, p *pyramid) {
	if len(e.order) >= recentTiles {
		delete(e.recent, e.order[0])
		e.order = e.order[1:]
	}
	e.recent[id] = p
	e.order = append(e.order, id)
}

func (e *edge) tile(level int, n int64) (*pyramid, error) {
	if level < len(e.levels) && e.levels[level].n == n {
		return e.levels[level], nil
	}
	id := tileID{level, n}
	if p, ok := e.recent[id]; ok {
		return p, nil
	}
	if p, ok := e.dirty[id]; ok { // a large batch has more of them than recent keeps
		return p, nil
	}
	b, err := e.load(level, n)
	if err != nil {
		return nil, err
	}
	return parsePyramid(n, b)
}

// ReadHashes implements tlog.HashReader over stored hash indexes.
func (e *edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		var err error
		if out[i], err = e.node(level, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *edge) tree() (tlog.Tree, error) {
	s, err := e.sides()
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("hash tree: %w", err)
	}
	return tlog.Tree{N: e.size, Hash: s.root()}, nil
}

// emptyRoot is SHA-256 of nothing, as RFC 6962 has it.
var emptyRoot = ledger.Hash{
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}

func (d *DB) tile(level int, n int64) ([]byte, error) { return d.Get(tileKey(level, n)) }

// Tile returns the hashes of a tile, 32 bytes each; shorter than 256 hashes at
// the right edge, nil beyond it.
func (d *DB) Tile(level int, n int64) ([]byte, error) { return d.tile(level, n) }

// Prove returns the proof that entry n is in the committed tree of the given
// size, which must not be greater than the ledger's.
func (d *DB) Prove(n ledger.Seq, size int64) (tlog.RecordProof, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if size > d.edge.size || int64(n) >= size {
		return nil, fmt.Errorf("%w: no proof of %d in a tree of %d", ErrNoEntry, n, size)
	}
	for i := range d.sides {
		if s := &d.sides[i]; s.size == size {
			return d.edge.prove(s, int64(n))
		}
	}
	return tlog.ProveRecord(size, int64(n), d.edge)
}

// Leaf returns the hash of entry n as the tree has it.
func (d *DB) Leaf(n ledger.Seq) (ledger.Hash, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if int64(n) >= d.edge.size {
		return ledger.Hash{}, fmt.Errorf("%w: %d", ErrNoEntry, n)
	}
	return d.edge.node(0, int64(n))
}

// ProveConsistency returns the proof that the tree of the greater size goes on
// from that of the smaller.
func (d *DB) ProveConsistency(from, to int64) (tlog.TreeProof, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if from <= 0 || from > to || to > d.edge.size {
		return nil, fmt.Errorf("%w: no proof from %d to %d", ErrNoEntry, from, to)
	}
	return tlog.ProveTree(to, from, d.edge)
}

// TreeAt returns the tree of an earlier size.
func (d *DB) TreeAt(size int64) (tlog.Tree, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if size == 0 {
		return tlog.Tree{Hash: emptyRoot}, nil
	}
	if size < 0 || size > d.edge.size {
		return tlog.Tree{}, fmt.Errorf("%w: no tree of %d", ErrNoEntry, size)
	}
	h, err := tlog.TreeHash(size, d.edge)
	return tlog.Tree{N: size, Hash: h}, err
}
