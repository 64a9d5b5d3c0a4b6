package consensus

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"custos/consensus/raftlog"
	"custos/ledger/store"
)

// errRestoredBeneath ends a process that only has to be started again.
var errRestoredBeneath = errors.New("received a ledger beneath a longer log: starting again")

// restore replaces this node's ledger by the one just received. Raft calls it on the goroutine of Apply.
//
// Raft installs whatever a leader sent, however late. So a snapshot that would take the ledger back is refused, which
// does no harm: Raft goes on as if it had not come.
//
// In what order things become durable, and what is true if we die between two of them:
//
//  1. the new folder, whole. Before the marker is moved: the old ledger and log are in force, the folder is removed
//     at the start.
//  2. the marker. From here the new ledger is in force, and the start compares the log with it (start.go).
//  3. the log is emptied.
func (n *Node) restore(r io.Reader) error {
	s := &n.snaps
	s.mu.Lock()
	m := s.opened
	s.opened, s.received = nil, nil
	s.serial++
	serial := s.serial
	s.mu.Unlock()
	if m == nil {
		return errors.New("restore: nothing was received")
	}
	if again, err := n.restoredAlready(m); again || err != nil {
		return err
	}
	if err := n.mayRestore(m); err != nil && !n.config.seams.restoreAnything {
		return fmt.Errorf("restore to %d: %w", m.Index, err)
	}
	folder := fmt.Sprintf("%s-%d-%d", raftlog.LedgerFolder, m.Index, serial)
	got, err := unpack(n.fs, r, n.dir, folder)
	if err != nil {
		return errors.Join(err, n.fs.RemoveAll(n.path(folder)))
	}
	db, err := n.openReceived(folder, m, got)
	if err != nil {
		return errors.Join(err, n.fs.RemoveAll(n.path(folder)))
	}
	logLast, err := n.raftlog.LastIndex()
	if err != nil {
		return errors.Join(err, db.Close())
	}
	p := raftlog.Pointer{Folder: folder, Index: m.Index, Term: m.Term}
	if err := raftlog.MovePointer(n.fs, n.dir, p); err != nil {
		n.stop(err) // moved or not, nobody knows: only a start can tell
	}
	old, oldFolder := n.ledger.swap(db, folder)
	n.raftlog.Reset()
	n.assembler.Forget()
	n.setTree(db.Tree())
	if err := errors.Join(n.checkpoints.load(db), n.loadCovered(db)); err != nil {
		n.stop(err)
	}
	if err := old.Close(); err != nil {
		n.log.Warn("close the replaced ledger", "error", err)
	}
	if err := n.fs.RemoveAll(n.path(oldFolder)); err != nil {
		n.log.Warn("remove the replaced ledger", "error", err)
	}
	n.log.Info("ledger received", "index", m.Index, "size", db.Tree().N)
	if logLast > m.Index {
		// Raft would keep the last index of the log that is gone in memory, and vote by it.
		n.stop(fmt.Errorf("%w: restored to %d, the log went to %d", errRestoredBeneath, m.Index, logLast))
	}
	n.members()
	return nil
}

// restoredAlready recognises a snapshot that this node has received before, where the leader was not told: the response was
// lost, or the process ended on receiving it. To refuse it would leave the leader sending it for ever, and this node
// without entries. Nothing has to be done, and nothing may be newer than the snapshot, for Raft takes its membership.
func (n *Node) restoredAlready(m *raft.SnapshotMeta) (bool, error) {
	last, err := n.raftlog.LastIndex()
	a := n.ledger.db.Applied()
	return a.Index == m.Index && a.Term == m.Term && last <= m.Index, err
}

// mayRestore refuses a snapshot that holds nothing new, or that comes while Raft takes one itself.
func (n *Node) mayRestore(m *raft.SnapshotMeta) error {
	if applied := n.ledger.db.Applied().Index; m.Index <= applied {
		return fmt.Errorf("%d is applied already", applied)
	}
	var l raft.Log
	switch err := n.raftlog.GetLog(m.Index, &l); {
	case err == nil && l.Term == m.Term:
		return errors.New("the log has it already")
	case err != nil && !errors.Is(err, raft.ErrLogNotFound):
		return err
	}
	if n.snaps.snapping.Load() {
		return errors.New("a snapshot is being taken")
	}
	return nil
}

// openReceived opens an unpacked ledger and checks that it is what was announced, and that its entries give its tree.
func (n *Node) openReceived(folder string, m *raft.SnapshotMeta, got manifest) (*store.DB, error) {
	db, err := n.openLedger(folder)
	if err != nil {
		return nil, fmt.Errorf("open a received ledger: %w", err)
	}
	a, tree := db.Applied(), db.Tree()
	switch {
	case got.Log != n.id.Log || db.Head().Size > 0 && db.Head().Log != n.id.Log:
		err = errors.New("it is another log's")
	case a.Index != m.Index || a.Term != m.Term:
		err = fmt.Errorf("it holds entry %d of term %d, announced as %d of term %d", a.Index, a.Term, m.Index, m.Term)
	case tree.N != got.Size || tree.Hash != got.Root:
		err = errors.New("its tree is not the announced one")
	default:
		err = rederive(db, tree)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("check a received ledger: %w", err), db.Close())
	}
	return db, nil
}
