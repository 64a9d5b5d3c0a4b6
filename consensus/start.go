package consensus

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"custos/consensus/raftlog"
	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// openFolders opens both databases where the marker says, and removes what earlier crashes left beside them.
func (n *Node) openFolders() (raftlog.Pointer, error) {
	p, err := raftlog.ReadPointer(n.fs, n.dir)
	if err != nil {
		return p, err
	}
	if p, err = n.usualName(p); err != nil {
		return p, fmt.Errorf("start: %w", err)
	}
	names, err := n.fs.List(n.dir)
	if err != nil {
		return p, fmt.Errorf("start: %w", err)
	}
	for _, name := range names {
		if leftover(name, p.Folder) {
			if err := n.fs.RemoveAll(n.path(name)); err != nil {
				return p, fmt.Errorf("start: remove what is left of a copy: %w", err)
			}
		}
	}
	db, err := n.openLedger(p.Folder)
	if err != nil {
		return p, err
	}
	n.ledger.db, n.ledger.folder = db, p.Folder
	n.raftlog, err = raftlog.Open(n.path(raftlog.RaftFolder), raftlog.Options{
		FS: tableFiles{n.fs}, Logger: n.log, Fatal: n.stop, Applied: n.applied, SyncLedger: n.syncLedger,
	})
	return p, err
}

// openLedger opens a ledger and brings its views into this program's layout. It may be of an older program, or come
// from a leader that is one.
func (n *Node) openLedger(folder string) (*store.DB, error) {
	db, err := store.Open(n.path(folder), n.storeOptions(false))
	if err != nil {
		return nil, err
	}
	folded, err := projection.Refold(db, func(done, of ledger.Seq) {
		n.log.Info("folding the views into a new layout", "entries", uint64(done), "of", uint64(of))
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if folded > 0 {
		n.log.Info("the views are in a new layout", "layout", projection.Layout, "entries", uint64(folded))
	}
	return db, nil
}

// usualName gives a ledger that was received during the last run the folder name that everyone looks for: a second folder
// with links to the same files. Until the marker is moved the received folder is in force, whole, and all of this is done
// again at the next start; after that it is removed with what else is left over. (A rename would be shorter, and leave it
// to the file system whether a crash can lose both names.)
func (n *Node) usualName(p raftlog.Pointer) (raftlog.Pointer, error) {
	if p.Folder == raftlog.LedgerFolder {
		return p, nil
	}
	received, usual := n.path(p.Folder), n.path(raftlog.LedgerFolder)
	names, err := n.fs.List(received)
	if err != nil {
		return p, fmt.Errorf("%w: the ledger's folder is gone: %w", ErrLostData, err)
	}
	if err := n.fs.RemoveAll(usual); err != nil {
		return p, err
	}
	if err := n.fs.MkdirAll(usual, 0o700); err != nil {
		return p, err
	}
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		if err := vfs.LinkOrCopy(n.fs, n.fs.PathJoin(received, name), n.fs.PathJoin(usual, name)); err != nil {
			return p, err
		}
	}
	if err := errors.Join(syncDir(n.fs, usual), syncDir(n.fs, n.dir)); err != nil {
		return p, err
	}
	p.Folder = raftlog.LedgerFolder
	return p, raftlog.MovePointer(n.fs, n.dir, p)
}

// checkStart holds the two databases against each other before Raft starts, for Raft itself does not. The ledger may be
// behind the log: it was not synced, and replays. In every other case the node has lost something or is not
// what its cluster is.
func (n *Node) checkStart(p raftlog.Pointer) error {
	a := n.ledger.db.Applied()
	first, _ := n.raftlog.FirstIndex()
	last, _ := n.raftlog.LastIndex()
	if last > 0 && p.Index > 0 {
		stale := last < p.Index || first > p.Index+1 && a.Index < p.Index
		if !stale && p.Index >= first {
			term, err := n.termAt(p.Index)
			if err != nil {
				return err
			}
			stale = term != p.Term
		}
		if stale {
			// We died after a received ledger took the old one's place and before the log was emptied.
			n.log.Info("emptying the log of before the received ledger", "last", last, "received", p.Index)
			n.raftlog.Reset()
			first, last = 0, 0
		}
	}
	switch {
	case last == 0 && a.Index > 0 && a.Index != p.Index:
		return fmt.Errorf("%w: the log is empty, the ledger holds entry %d", ErrLostData, a.Index)
	case last > 0 && a.Index+1 < first:
		return fmt.Errorf("%w: it begins with %d, the ledger ends with %d", ErrHole, first, a.Index)
	case last > 0 && a.Index > last:
		return fmt.Errorf("%w: the log ends with %d, the ledger holds entry %d", ErrLostData, last, a.Index)
	case last > 0 && a.Index >= first:
		term, err := n.termAt(a.Index)
		if err != nil {
			return err
		}
		if term != a.Term {
			return fmt.Errorf("%w: entry %d is of term %d in the log and %d in the ledger", ErrDiverged, a.Index, term, a.Term)
		}
	}
	return nil
}

func (n *Node) termAt(index uint64) (uint64, error) {
	var l raft.Log
	if err := n.raftlog.GetLog(index, &l); err != nil {
		return 0, fmt.Errorf("start: %w", err)
	}
	return l.Term, nil
}

// Init creates a node's data folder, once, and nothing else ever does. Every voter of a new cluster is initialised with
// the same members. If it dies half-way the folder has no marker, is refused by Open, and must be removed by hand.
func Init(c Config) error {
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	if err := c.checkMembers(); err != nil {
		return err
	}
	fs := c.FS
	if err := fs.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("initialise the data folder: %w", err)
	}
	if _, err := raftlog.ReadPointer(fs, c.Dir); !errors.Is(err, raftlog.ErrNoPointer) {
		return errors.Join(errors.New("the data folder is initialised already"), err)
	}
	o := store.Options{FS: fs, Logger: c.Logger, Fatal: c.Fatal}
	if err := store.Init(fs.PathJoin(c.Dir, raftlog.LedgerFolder), o); err != nil {
		return fmt.Errorf("initialise the data folder: %w", err)
	}
	raftDir := fs.PathJoin(c.Dir, raftlog.RaftFolder)
	lo := raftlog.Options{FS: fs, Logger: c.Logger, Fatal: c.Fatal}
	if err := raftlog.Init(raftDir, lo); err != nil {
		return fmt.Errorf("initialise the data folder: %w", err)
	}
	l, err := raftlog.Open(raftDir, lo)
	if err != nil {
		return fmt.Errorf("initialise the data folder: %w", err)
	}
	var conf raft.Configuration
	for _, m := range c.Members {
		conf.Servers = append(conf.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(m.Node), Address: raft.ServerAddress(m.Address),
		})
	}
	err = raft.BootstrapCluster(c.raftConfig(nil), l, l, raft.NewDiscardSnapshotStore(), nil, conf)
	if err = errors.Join(err, l.Close()); err != nil {
		return fmt.Errorf("initialise the data folder: %w", err)
	}
	if err := syncDir(fs, c.Dir); err != nil {
		return fmt.Errorf("initialise the data folder: %w", err)
	}
	return raftlog.MovePointer(fs, c.Dir, raftlog.Pointer{Folder: raftlog.LedgerFolder})
}
