package raftlog

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// DeleteRange removes entries low..high, both included, clipped to what the log holds. Raft calls it for two reasons:
//
//   - A suffix conflicts with the leader's log. Those entries were never committed. A suffix that reaches down to
//     what the ledger has applied would mean that a committed entry is being replaced: the process ends.
//   - A prefix is old enough to be dropped. First the ledger is synced, so that what is dropped here is durable
//     there; and the entry at the ledger's applied index stays, whatever Raft asked for. Raft believes that
//     everything up to its snapshot is applied, but counts entries the ledger never sees, so its bound can be
//     beyond the ledger's.
func (s *Store) DeleteRange(low, high uint64) error {
	s.write.Lock()
	defer s.write.Unlock()
	if s.last == 0 {
		return nil
	}
	low, high = max(low, s.first), min(high, s.last)
	if low > high {
		return nil
	}
	applied := s.o.Applied()
	if high == s.last && (low > s.first || low > applied) {
		if low <= applied {
			s.o.fatal(fmt.Errorf("raft log: asked to replace entries from %d, but %d is applied", low, applied))
		}
		s.remove(low, high, s.first, low-1)
		return nil
	}
	if low > s.first {
		// Only ends are ever removed: a hole in the middle would not be noticed until it is read.
		s.o.fatal(fmt.Errorf("raft log: asked to remove %d..%d from within %d..%d", low, high, s.first, s.last))
	}
	// If we die between this sync and the deletion, the entries are in both databases: they are skipped.
	if err := s.o.SyncLedger(); err != nil {
		s.o.fatal(fmt.Errorf("sync the ledger before truncating the raft log: %w", err))
	}
	if applied == 0 || applied-1 < low {
		return nil
	}
	high = min(high, applied-1)
	s.remove(low, high, high+1, s.last)
	return nil
}

// Reset removes every entry. A restore calls it once the ledger it received has taken the old one's place.
func (s *Store) Reset() {
	s.write.Lock()
	defer s.write.Unlock()
	if s.last == 0 {
		return
	}
	s.remove(s.first, s.last, 0, 0)
}

// remove deletes low..high durably, after which the log is first..last. The caller holds write.
// Readers are kept out first: none may find an entry in memory that is no longer on disk.
func (s *Store) remove(low, high, first, last uint64) {
	if first > last || last == 0 {
		first, last = 0, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent.clear()
	if err := s.db.DeleteRange(logKey(low), logKey(high+1), pebble.Sync); err != nil {
		s.o.fatal(fmt.Errorf("truncate raft log: %w", err))
	}
	s.first, s.last = first, last
}
