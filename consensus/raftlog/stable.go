package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// ErrNotFound says that a stable key was never set. Raft compares the text, so it must stay exactly this.
var ErrNotFound = errors.New("not found")

// Set stores val under key and syncs. Each key is replaced whole: Raft writes a vote's term and its candidate
// one after the other, and answers only after both.
func (s *Store) Set(key, val []byte) error {
	if err := s.db.Set(stableKey(key), val, pebble.Sync); err != nil {
		s.o.fatal(fmt.Errorf("store raft's stable value: %w", err))
	}
	return nil
}

// Get returns a copy of the value under key, or ErrNotFound.
func (s *Store) Get(key []byte) ([]byte, error) {
	v, closer, err := s.db.Get(stableKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		s.o.fatal(fmt.Errorf("read raft's stable value: %w", err))
	}
	v = append([]byte{}, v...)
	return v, closer.Close()
}

// SetUint64 stores val under key and syncs.
func (s *Store) SetUint64(key []byte, val uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, val))
}

// GetUint64 returns the number under key, or ErrNotFound.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	v, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(v) != 8 {
		s.o.fatal(fmt.Errorf("read raft's stable value: %w", ErrCorrupt))
	}
	return binary.BigEndian.Uint64(v), nil
}
