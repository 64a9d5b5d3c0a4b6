package tools

import (
	"errors"
	"fmt"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// scratch is a ledger in a temporary folder into which views are folded again.
type scratch struct {
	*temporary
	db    *store.DB
	txn   *store.Txn
	since int // entries since the last commit
}

// scratchBatch is how many entries one batch of a scratch ledger holds, about:
// few enough to stay in memory, enough that a batch costs little.
const scratchBatch = 2000

// scratchCache is what a scratch ledger keeps in memory of its tables, and again
// of the rows that decisions read: the memory of a verification is this, not the
// ledger's size.
const scratchCache = 192 << 20

// newScratch makes an empty one for the entries of a ledger that is at hand, which
// it reads there and does not store again; nil: it stores what is folded.
func newScratch(parent string, of *store.DB) (*scratch, error) {
	return openScratch(parent, of, func(dir string) error { return store.Init(dir, scratchOptions) })
}

var scratchOptions = store.Options{Scratch: true, CacheBytes: scratchCache, RowBytes: scratchCache}

// openScratch opens a temporary folder that holds what begin puts there.
func openScratch(parent string, of *store.DB, begin func(dir string) error) (*scratch, error) {
	folder, err := newTemporary(parent, "custos-replay-")
	if err != nil {
		return nil, err
	}
	s := &scratch{temporary: folder}
	if err = begin(folder.dir); err == nil {
		options := scratchOptions
		options.Entries = of
		s.db, err = store.Open(folder.dir, options)
	}
	if err != nil {
		return nil, failing(ExitUnreadable, errors.Join(err, folder.remove()))
	}
	s.txn = s.db.Begin()
	return s, nil
}

// replay folds one command's entries.
func (s *scratch) replay(group []ledger.Entry) error {
	if err := s.fold(group); err != nil {
		return err
	}
	return s.rest()
}

// view is the views with everything in them that was folded.
func (s *scratch) view() projection.View { return projection.View{R: s.txn} }

// fold folds one command's entries and keeps the batch open.
func (s *scratch) fold(group []ledger.Entry) error {
	s.since += len(group)
	return projection.Replay(s.txn, group)
}

// rest commits what was folded, where it is enough for a batch.
func (s *scratch) rest() error {
	if s.since < scratchBatch {
		return nil
	}
	if err := s.commit(); err != nil {
		return err
	}
	s.txn = s.db.Begin()
	return nil
}

func (s *scratch) commit() error {
	s.since = 0
	if err := s.txn.Commit(); err != nil {
		return failing(ExitUnreadable, fmt.Errorf("write to the temporary folder: %w", err))
	}
	return nil
}

// close removes the folder.
func (s *scratch) close() {
	_ = s.txn.Discard() // thrown away with the folder
	_ = s.db.Close()
	_ = s.remove()
}
