package consensus

import (
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"custos/ledger/store"
)

// fsm is what Raft applies committed entries to. Raft calls all of it from one goroutine, but for what the
// snapshot it returns does.
type fsm struct{ n *Node }

var _ raft.BatchingFSM = fsm{}

// Apply applies one entry. Raft uses ApplyBatch instead.
func (f fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies committed entries in one database batch. Nothing is returned to Raft: whoever waits for a command
// of this process is reached through its flight. Whatever goes wrong here ends the process, for a node that cannot
// apply an entry that others do is no replica any more.
func (f fsm) ApplyBatch(logs []*raft.Log) []any {
	n := f.n
	n.applyDog.begin()
	defer n.applyDog.end()
	if err := n.apply(logs); err != nil {
		n.stop(fmt.Errorf("apply entries %d to %d: %w", logs[0].Index, logs[len(logs)-1].Index, err))
	}
	return make([]any, len(logs))
}

func (n *Node) apply(logs []*raft.Log) error {
	db := n.ledger.db // swapped by Restore only, which runs on this goroutine
	applied := db.Applied()
	// After a restart Raft hands entries again that the ledger holds already.
	for len(logs) > 0 && logs[0].Index <= applied.Index && !n.config.seams.applyAgain {
		logs = logs[1:]
	}
	if len(logs) == 0 {
		return nil
	}
	t := db.Begin()
	defer func() { _ = t.Discard() }()
	m := machine{n: n, db: db, txn: t}
	members := false
	for _, l := range logs {
		switch l.Type {
		case raft.LogCommand:
			if err := m.command(l); err != nil {
				return err
			}
		case raft.LogConfiguration:
			applied.Conf, applied.ConfIndex = l.Data, l.Index
			members = true
		default:
			return fmt.Errorf("raft entry %d is of type %d", l.Index, l.Type)
		}
		applied.Index, applied.Term = l.Index, l.Term
	}
	t.SetApplied(applied)
	// The commit point: entries, rows, tree, views, applied index and configuration become true here, together.
	// If we die before this line all of it is replayed from Raft's log; after it, it is recorded for ever.
	if err := t.Commit(); err != nil {
		return err
	}
	if err := m.committed(); err != nil {
		return err
	}
	if members {
		n.members()
	}
	return nil
}

// Snapshot pins what the ledger has applied. The snapshot is the ledger itself, so nothing is written.
func (f fsm) Snapshot() (raft.FSMSnapshot, error) {
	f.n.snaps.snapping.Store(true)
	return pinned{f.n, f.n.ledger.db.Applied()}, nil
}

type pinned struct {
	n       *Node
	applied store.Applied
}

// Persist writes nothing. It refuses where Raft believes that more is applied than the ledger holds, as is so for a
// moment after an election: the entry that opens a term never reaches the ledger.
func (p pinned) Persist(sink raft.SnapshotSink) error {
	if s, ok := sink.(*receiver); !ok || s.meta.Index > p.applied.Index {
		return fmt.Errorf("the ledger has applied %d so far: no snapshot yet", p.applied.Index)
	}
	return nil
}

// Release lets restores happen again.
func (p pinned) Release() { p.n.snaps.snapping.Store(false) }

// Restore replaces the ledger by one received from the leader; see restore.go.
func (f fsm) Restore(r io.ReadCloser) error { return f.n.restore(r) }
