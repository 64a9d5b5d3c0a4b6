package tools

import (
	"bytes"
	"fmt"
	"sync"

	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Signatures, hashes and the tree are checked a second time by programs that
// share nothing with the first: an error in the one would otherwise be believed.

// secondTree makes the tree again from the records' bytes, beside the first.
type secondTree struct {
	batch   *records
	batches chan *records
	spare   chan *records // read, to be filled again
	done    chan struct{}
	once    sync.Once

	// The goroutine's, until done.
	tree  *compact.Range
	notes []signedTree // not compared yet
	wrong string
}

// records are some in a row, in one piece of memory that is used again.
type records struct {
	bytes []byte
	ends  []int // of each in bytes
}

// secondBatch is how many records go to the second program at once.
const secondBatch = 512

func newSecondTree(notes []signedTree) *secondTree {
	s := &secondTree{batch: new(records), batches: make(chan *records, 4), spare: make(chan *records, 4), done: make(chan struct{}), notes: notes,
		tree: (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)}
	go s.run()
	return s
}

func (s *secondTree) run() {
	defer close(s.done)
	for batch := range s.batches {
		from := 0
		for _, end := range batch.ends {
			leaf := rfc6962.DefaultHasher.HashLeaf(batch.bytes[from:end])
			from = end
			if err := s.tree.Append(leaf, nil); err != nil && s.wrong == "" {
				s.wrong = err.Error()
			}
			for len(s.notes) > 0 && s.notes[0].N <= int64(s.tree.End()) {
				if n := s.notes[0]; n.N > 0 && n.Hash != s.root() && s.wrong == "" {
					s.wrong = fmt.Sprintf("%s signs another tree of %d entries than transparency-dev/merkle makes", n.where, n.N)
				}
				s.notes = s.notes[1:]
			}
		}
		select {
		case s.spare <- batch:
		default:
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

// push adds a record, whose bytes are the caller's again afterwards.
func (s *secondTree) push(record []byte) {
	b := s.batch
	b.bytes = append(b.bytes, record...)
	if b.ends = append(b.ends, len(b.bytes)); len(b.ends) < secondBatch {
		return
	}
	s.batches <- b
	select {
	case s.batch = <-s.spare:
		s.batch.bytes, s.batch.ends = s.batch.bytes[:0], s.batch.ends[:0]
	default:
		s.batch = new(records)
	}
}

// stop ends the second program, once.
func (s *secondTree) stop() {
	s.once.Do(func() {
		s.batches <- s.batch
		close(s.batches)
		<-s.done
	})
}

// end ends the second program, and says what it found otherwise than the first.
func (s *secondTree) end(first tlog.Tree) string {
	s.stop()
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
