package raftlog

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Reader reads the log of a node that is not running, for tools. Entries beyond the ledger's applied index
// mean that the ledger's folder is behind what was answered. Nothing in the folder is changed.
type Reader struct {
	db          *pebble.DB
	first, last uint64
}

// OpenReadOnly opens the log in dir for reading only. Only FS and Logger of o are used. The node that owns the
// folder must not be running, and damage is returned as an error (ErrCorrupt or Pebble's own), never fatal.
func OpenReadOnly(dir string, o Options) (*Reader, error) {
	o = o.withDefaults()
	p := o.pebble()
	p.ReadOnly = true
	p.Logger = quiet{p.Logger}
	db, err := pebble.Open(dir, p)
	if err != nil {
		return nil, fmt.Errorf("open raft log read-only: %w", err)
	}
	r := &Reader{db: db}
	if r.first, r.last, err = bounds(db); err != nil {
		return nil, errors.Join(fmt.Errorf("open raft log read-only: %w", err), db.Close())
	}
	return r, nil
}

// First is the index of the oldest entry, 0 if there is none.
func (r *Reader) First() uint64 { return r.first }

// Last is the index of the newest entry, 0 if there is none.
func (r *Reader) Last() uint64 { return r.last }

// GetLog reads the entry at index: raft.ErrLogNotFound outside First..Last, ErrCorrupt if it is damaged or
// missing in between.
func (r *Reader) GetLog(index uint64, l *raft.Log) error {
	if r.last == 0 || index < r.first || index > r.last {
		return raft.ErrLogNotFound
	}
	err := getLog(r.db, index, l)
	if errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("raft log entry %d is missing: %w", index, ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("read raft log entry %d: %w", index, err)
	}
	return nil
}

// Close closes the log.
func (r *Reader) Close() error { return r.db.Close() }

// quiet keeps a reader from ending the process of the tool that uses it; a read-only database commits nothing.
type quiet struct{ pebble.Logger }

func (q quiet) Fatalf(format string, args ...any) { q.Errorf(format, args...) }
