package consensus

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"custos/ledger/store"
)

const (
	outgoingPrefix = "outgoing-"
	// outgoingFor is how long a copy is used again. A leader opens the snapshot anew for every attempt, even
	// towards a node that is down.
	outgoingFor = 30 * time.Second
)

// outgoing is a copy of the ledger made of hard links, to be sent. It goes when nobody reads it and it is old.
type outgoing struct {
	dir     string
	made    time.Time
	meta    manifest
	readers int
	stale   bool
	expiry  *time.Timer
}

// send opens a copy of the ledger as a stream. What Raft is told about it is read from the copy itself.
func (s *snapshots) send() (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, err := s.n.raftlog.FirstIndex()
	if err != nil {
		return nil, nil, err
	}
	// A copy is of use only while the log still has what follows it, and its last entry too: to send what follows
	// Raft reads the entry before it.
	if o := s.out; o == nil || time.Since(o.made) > outgoingFor || o.meta.Applied.Index < first {
		if err := s.copy(); err != nil {
			return nil, nil, err
		}
	}
	o := s.out
	w, err := newStream(s.n.fs, o.dir, o.meta, func() { s.release(o) })
	if err != nil {
		return nil, nil, err
	}
	o.readers++
	m := meta(o.meta.Applied.Index, o.meta.Applied.Term, o.meta.Applied.Conf, o.meta.Applied.ConfIndex)
	m.Size = w.size
	return m, w, nil
}

// copy makes a new copy in place of the last one; the caller holds mu.
func (s *snapshots) copy() error {
	s.retire()
	s.serial++
	dir := s.n.path(fmt.Sprintf("%s%d", outgoingPrefix, s.serial))
	db, release := s.n.Ledger()
	err := db.Checkpoint(dir)
	release()
	if err != nil {
		return fmt.Errorf("copy the ledger: %w", err)
	}
	o := &outgoing{dir: dir, made: time.Now()}
	if o.meta, err = s.describe(dir); err != nil {
		return errors.Join(fmt.Errorf("copy the ledger: %w", err), s.n.fs.RemoveAll(dir))
	}
	s.out = o
	o.expiry = time.AfterFunc(outgoingFor, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.out == o {
			s.retire()
		}
	})
	return nil
}

// retire lets go of the copy, which is removed once nobody reads it; the caller holds mu.
func (s *snapshots) retire() {
	if o := s.out; o != nil {
		o.expiry.Stop()
		o.stale, s.out = true, nil
		s.discard(o)
	}
}

func (s *snapshots) describe(dir string) (manifest, error) {
	db, err := store.Open(dir, s.n.storeOptions(true))
	if err != nil {
		return manifest{}, err
	}
	tree := db.Tree()
	m := manifest{Log: s.n.id.Log, Applied: db.Applied(), Size: tree.N, Root: tree.Hash}
	return m, db.Close()
}

func (s *snapshots) release(o *outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.readers--
	s.discard(o)
}

func (s *snapshots) discard(o *outgoing) {
	if o.stale && o.readers == 0 {
		// Its links keep files alive that compactions have replaced.
		if err := s.n.fs.RemoveAll(o.dir); err != nil {
			s.n.log.Warn("remove a copy of the ledger", "error", err)
		}
	}
}

// close forgets the copy; the folders are removed at the next start in any case.
func (s *snapshots) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retire()
}

// leftover tells whether a name in the data folder is something that a start removes.
func leftover(name, current string) bool {
	return strings.HasPrefix(name, outgoingPrefix) || name == incomingFile ||
		strings.HasPrefix(name, "ledger") && name != current
}
