package raftlog

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Store is Raft's log. It implements raft.LogStore and raft.StableStore; stable.go holds the latter.
// All methods may be called from several goroutines.
//
// Store does not implement raft.MonotonicLogStore or raft.CommitTrackingLogStore: a restore empties the log
// itself (Reset), and committed entries are never replayed from inside raft.NewRaft.
type Store struct {
	o  Options
	db *pebble.DB

	// write orders appends and truncations: Raft truncates the front from its snapshot goroutine while its
	// main goroutine appends. It is held during the fsync, mu is not, so readers never wait for the disk.
	write sync.Mutex

	mu          sync.RWMutex // taken after write
	first, last uint64       // 0, 0: the log is empty
	recent      recent       // the newest entries; under mu
}

var (
	_ raft.LogStore    = (*Store)(nil)
	_ raft.StableStore = (*Store)(nil)
)

// Open opens the log that Init created in dir. It never creates one.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	db, err := pebble.Open(dir, o.pebble())
	if err != nil {
		return nil, fmt.Errorf("open raft log: %w", err)
	}
	s := &Store{o: o, db: db}
	if s.first, s.last, err = bounds(db); err != nil {
		return nil, errors.Join(fmt.Errorf("open raft log: %w", err), db.Close())
	}
	return s, nil
}

// Close flushes the log and closes it.
func (s *Store) Close() error {
	if err := s.db.Flush(); err != nil {
		return errors.Join(fmt.Errorf("flush raft log: %w", err), s.db.Close())
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close raft log: %w", err)
	}
	return nil
}

// FirstIndex is the index of the oldest entry, 0 if there is none.
func (s *Store) FirstIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.first, nil
}

// LastIndex is the index of the newest entry, 0 if there is none.
func (s *Store) LastIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last, nil
}

// GetLog reads the entry at index into l, or returns raft.ErrLogNotFound. The newest entries come from memory
// and share their Data with the writer: like Raft, the caller must not change it.
// A damaged entry ends the process.
func (s *Store) GetLog(index uint64, l *raft.Log) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if index < s.first || index > s.last || s.last == 0 {
		return raft.ErrLogNotFound
	}
	if s.recent.get(index, l) {
		return nil
	}
	if err := getLog(s.db, index, l); err != nil {
		s.o.fatal(fmt.Errorf("read raft log entry %d: %w", index, err))
	}
	return nil
}

// StoreLog appends one entry; see StoreLogs.
func (s *Store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries, which must follow each other and the end of the log. When it returns they are on
// disk: if we die before, none or a prefix of them is; nobody was told of them yet.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	s.write.Lock()
	defer s.write.Unlock()
	size := 0
	for i, l := range logs {
		prev := s.last
		if i > 0 {
			prev = logs[i-1].Index
		}
		// A gap would show as a hole only after the next start, when the entries are needed.
		if l.Index == 0 || prev != 0 && l.Index != prev+1 {
			s.o.fatal(fmt.Errorf("raft log: entry %d does not follow %d", l.Index, prev))
		}
		size += logSize(l) + 32
	}
	b := s.db.NewBatchWithSize(size)
	for _, l := range logs {
		op := b.SetDeferred(9, logSize(l))
		putLogKey(op.Key, l.Index)
		encodeLog(op.Value[:0], l)
		if err := op.Finish(); err != nil {
			s.o.fatal(fmt.Errorf("append to raft log: %w", err))
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		s.o.fatal(fmt.Errorf("append to raft log: %w", err))
	}
	_ = b.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == 0 {
		s.first = logs[0].Index
	}
	s.last = logs[len(logs)-1].Index
	for _, l := range logs {
		s.recent.put(l)
	}
	return nil
}

// bounds finds the first and last entry of the log in db; 0, 0 if there is none.
func bounds(db pebble.Reader) (first, last uint64, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixLog}, UpperBound: []byte{prefixLog + 1}})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.First() {
		return 0, 0, it.Error()
	}
	if first, err = parseLogKey(it.Key()); err != nil {
		return 0, 0, err
	}
	if !it.Last() {
		return 0, 0, errors.Join(ErrCorrupt, it.Error())
	}
	last, err = parseLogKey(it.Key())
	return first, last, err
}

// getLog reads one entry that is known to be within bounds.
func getLog(db pebble.Reader, index uint64, l *raft.Log) error {
	v, closer, err := db.Get(logKey(index))
	if err != nil {
		return err
	}
	err = decodeLog(index, v, l)
	return errors.Join(err, closer.Close())
}
