package raftlog

import "github.com/hashicorp/raft"

const (
	recentEntries = 256
	recentBytes   = 16 << 20
)

// recent holds the newest entries of the log in memory, so that replication and Apply do not read Pebble.
// (raft.LogCache would do this too, but it hides errors and the optional interfaces of what it wraps.)
// The zero value is empty. The store's lock guards it.
type recent struct {
	ring        [recentEntries]raft.Log
	first, last uint64 // held: first..last; last == 0: nothing
	bytes       int
}

func (r *recent) at(index uint64) *raft.Log { return &r.ring[index%recentEntries] }

// put adds the entry after the newest one held. An entry that does not follow starts afresh.
func (r *recent) put(l *raft.Log) {
	if r.last == 0 || l.Index != r.last+1 {
		r.clear()
		r.first = l.Index
	}
	if l.Index-r.first >= recentEntries {
		r.dropFirst()
	}
	*r.at(l.Index) = *l
	r.last = l.Index
	r.bytes += len(l.Data) + len(l.Extensions)
	for r.bytes > recentBytes && r.first < r.last {
		r.dropFirst()
	}
}

func (r *recent) dropFirst() {
	e := r.at(r.first)
	r.bytes -= len(e.Data) + len(e.Extensions)
	*e = raft.Log{}
	r.first++
}

func (r *recent) get(index uint64, l *raft.Log) bool {
	if r.last == 0 || index < r.first || index > r.last {
		return false
	}
	*l = *r.at(index)
	return true
}

// clear forgets everything. Any truncation does this: they are rare, and a stale entry would be a wrong one.
func (r *recent) clear() {
	if r.last == 0 {
		return
	}
	*r = recent{}
}
