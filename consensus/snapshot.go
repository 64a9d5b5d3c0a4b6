package consensus

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// The snapshot is the ledger. There is never a file of one: List and Open speak of the ledger's own applied row, so
// what Raft believes to be in the snapshot and what the ledger holds cannot part, however a crash falls.

const (
	ledgerSnapshot   = "ledger"   // the id of the ledger as it is
	receivedSnapshot = "received" // the id of a stream received from the leader
	incomingFile     = "incoming"
)

// snapshots is Raft's snapshot store.
type snapshots struct {
	n *Node
	// snapping is set while Raft takes a snapshot. A restore is refused meanwhile: taking one ends with setting the
	// snapshot's index, which would then go back to before the restore.
	snapping atomic.Bool

	mu       sync.Mutex
	received *raft.SnapshotMeta // the stream in incomingFile, once it is whole
	opened   *raft.SnapshotMeta // the one that Restore is about to read
	out      *outgoing          // the newest copy made for a follower
	serial   int                // makes names of folders unique within a run; a start removes what is left of an earlier one
}

var _ raft.SnapshotStore = (*snapshots)(nil)

// List implements raft.SnapshotStore: the ledger as its own applied row describes it.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	db, release := s.n.Ledger()
	defer release()
	a := db.Applied()
	if a.Index == 0 {
		return nil, nil
	}
	return []*raft.SnapshotMeta{meta(a.Index, a.Term, a.Conf, a.ConfIndex)}, nil
}

func meta(index, term uint64, conf []byte, confIndex uint64) *raft.SnapshotMeta {
	m := &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: ledgerSnapshot, Index: index, Term: term, ConfigurationIndex: confIndex,
	}
	if len(conf) > 0 {
		m.Configuration = raft.DecodeConfiguration(conf)
	}
	return m
}

// Open implements raft.SnapshotStore: a copy of the ledger to send, or the stream that was received.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if id != receivedSnapshot {
		return s.send()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.received == nil {
		return nil, nil, errors.New("no snapshot was received")
	}
	f, err := s.n.fs.Open(s.n.path(incomingFile))
	if err != nil {
		return nil, nil, fmt.Errorf("open the received snapshot: %w", err)
	}
	s.opened = s.received
	return s.received, f, nil
}

// Create implements raft.SnapshotStore. Raft calls it to take a snapshot, and then nothing is written, and to receive one.
func (s *snapshots) Create(_ raft.SnapshotVersion, index, term uint64, conf raft.Configuration, confIndex uint64,
	_ raft.Transport,
) (raft.SnapshotSink, error) {
	return &receiver{s: s, meta: raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: ledgerSnapshot, Index: index, Term: term,
		Configuration: conf, ConfigurationIndex: confIndex,
	}}, nil
}

// receiver takes a stream from the leader into a file beside the ledger.
type receiver struct {
	s    *snapshots
	meta raft.SnapshotMeta
	f    vfs.File // nil until something is written
}

// ID implements raft.SnapshotSink.
func (r *receiver) ID() string { return r.meta.ID }

// Write implements io.Writer.
func (r *receiver) Write(b []byte) (int, error) {
	if r.f == nil {
		r.s.mu.Lock()
		r.s.received = nil
		r.s.mu.Unlock()
		f, err := r.s.n.fs.Create(r.s.n.path(incomingFile), vfs.WriteCategoryUnspecified)
		if err != nil {
			return 0, fmt.Errorf("receive a snapshot: %w", err)
		}
		r.f, r.meta.ID = f, receivedSnapshot
	}
	n, err := r.f.Write(b)
	if err != nil {
		return n, fmt.Errorf("receive a snapshot: %w", err)
	}
	r.meta.Size += int64(n)
	return n, nil
}

// Close registers the stream, if anything came. The file need not be durable: after a crash it is received again.
func (r *receiver) Close() error {
	if r.f == nil {
		return nil
	}
	if err := r.f.Close(); err != nil {
		return fmt.Errorf("receive a snapshot: %w", err)
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	m := r.meta
	r.s.received = &m
	return nil
}

// Cancel implements raft.SnapshotSink.
func (r *receiver) Cancel() error {
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	return errors.Join(err, r.s.n.fs.Remove(r.s.n.path(incomingFile)))
}
