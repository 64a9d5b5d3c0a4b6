package store

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// Every proof in a tree of one size ends alike: with the roots of the complete
// subtrees that the tree consists of. They are hashed once for all the entries
// of a batch.

// sides are the complete subtrees of a tree, from the largest on the left.
type sides struct {
	size int64
	tops []top
}

// top is one complete subtree.
type top struct {
	start int64       // its first leaf
	level int         // it has 2^level leaves
	hash  ledger.Hash // its root
	rest  ledger.Hash // of everything right of it; of the last there is nothing
}

// sides reads the subtrees of the tree as it is.
func (e *edge) sides() (sides, error) {
	s := sides{size: e.size}
	for start := int64(0); start < e.size; {
		level := bits.Len64(uint64(e.size-start)) - 1
		h, err := e.node(level, start>>level)
		if err != nil {
			return s, err
		}
		s.tops = append(s.tops, top{start: start, level: level, hash: h})
		start += 1 << level
	}
	for i := len(s.tops) - 2; i >= 0; i-- {
		s.tops[i].rest = s.tops[i+1].hash
		if i+2 < len(s.tops) {
			s.tops[i].rest = tlog.NodeHash(s.tops[i+1].hash, s.tops[i+1].rest)
		}
	}
	return s, nil
}

// root returns the tree's root hash.
func (s *sides) root() ledger.Hash {
	switch len(s.tops) {
	case 0:
		return emptyRoot
	case 1:
		return s.tops[0].hash
	}
	return tlog.NodeHash(s.tops[0].hash, s.tops[0].rest)
}

// prove returns the proof of leaf n, which must be in the tree.
func (e *edge) prove(s *sides, n int64) (tlog.RecordProof, error) {
	at := 0
	for n >= s.tops[at].start+1<<s.tops[at].level {
		at++
	}
	t := &s.tops[at]
	out := make(tlog.RecordProof, 0, t.level+len(s.tops))
	for level := range t.level {
		h, err := e.node(level, n>>level^1)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	if at+1 < len(s.tops) {
		out = append(out, t.rest)
	}
	for i := at - 1; i >= 0; i-- {
		out = append(out, s.tops[i].hash)
	}
	return out, nil
}

// node reads the root of a complete subtree: the nth of 2^level leaves.
func (e *edge) node(level int, n int64) (ledger.Hash, error) {
	row := level % 8
	per := int64(tileWidth >> row)
	p, err := e.tile(level/8, n/per)
	if err != nil {
		return ledger.Hash{}, err
	}
	if n%per >= int64(len(p.rows[row])) {
		return ledger.Hash{}, fmt.Errorf("tree hash %d of level %d is missing", n, level)
	}
	return p.rows[row][n%per], nil
}
