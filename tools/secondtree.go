package tools

import (
	"bytes"
	"fmt"

	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Signatures, hashes and the tree are checked a second time by programs that
// share nothing with the first: an error in the one would otherwise be believed.

// secondTree makes the tree again from the records' bytes, beside the first. It is
// asked once all of them are read.
type secondTree struct {
	tree  *compact.Range
	notes []signedTree // not compared yet
	wrong string
}

func newSecondTree(notes []signedTree) *secondTree {
	return &secondTree{notes: notes, tree: (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)}
}

func (s *secondTree) read(from *recordReader) {
	for record, ok := from.next(); ok; record, ok = from.next() {
		if err := s.tree.Append(rfc6962.DefaultHasher.HashLeaf(record), nil); err != nil && s.wrong == "" {
			s.wrong = err.Error()
		}
		for len(s.notes) > 0 && s.notes[0].N <= int64(s.tree.End()) {
			if n := s.notes[0]; n.N > 0 && n.Hash != s.root() && s.wrong == "" {
				s.wrong = fmt.Sprintf("%s signs another tree of %d entries than transparency-dev/merkle makes", n.where, n.N)
			}
			s.notes = s.notes[1:]
		}
	}
}

func (s *secondTree) root() (h tlog.Hash) {
	b, err := s.tree.GetRootHash(nil)
	if err != nil || len(b) != len(h) {
		return h
	}
	return tlog.Hash(b)
}

// differs says what the second program found otherwise than the first.
func (s *secondTree) differs(first tlog.Tree) string {
	if s.wrong == "" && first.N > 0 && (int64(s.tree.End()) != first.N || s.root() != first.Hash) {
		s.wrong = fmt.Sprintf("transparency-dev/merkle makes another tree of these %d entries: one of the two programs is wrong", first.N)
	}
	return s.wrong
}

// secondOpinion opens every checkpoint again with transparency-dev/formats.
func secondOpinion(notes []signedTree, origin string, v note.Verifier) string {
	for _, n := range notes {
		c, _, _, err := formats.ParseCheckpoint(n.note, origin, v)
		if err != nil || c.Size != uint64(n.N) || !bytes.Equal(c.Hash, n.Hash[:]) {
			return n.where + ": transparency-dev/formats reads it otherwise"
		}
	}
	return ""
}
