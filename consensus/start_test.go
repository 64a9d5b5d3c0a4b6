package consensus

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"custos/consensus/raftlog"
	"custos/ledger/store"
)

// TestStartComparesTheDatabases lists what a start may find, after whatever crash or loss, and what it says.
func TestStartComparesTheDatabases(t *testing.T) {
	for _, c := range []struct {
		name        string
		applied     uint64 // of the ledger,
		appliedTerm uint64 // in this term; 0: in 2
		first, last uint64 // of the log, all of term 2
		inst        uint64 // of the marker,
		instTerm    uint64 // in this term
		want        error
		wantLast    uint64
	}{
		{name: "new", last: 1, first: 1, wantLast: 1},
		{name: "ledger behind the log", applied: 5, first: 1, last: 9, wantLast: 9},
		{name: "ledger lost everything, the log is whole", first: 1, last: 9, wantLast: 9},
		{name: "equal", applied: 9, first: 5, last: 9, wantLast: 9},
		{name: "only the applied entry is left", applied: 9, first: 9, last: 9, wantLast: 9},
		{name: "applied just before the log", applied: 4, first: 5, last: 9, wantLast: 9},
		{name: "hole", applied: 3, first: 5, last: 9, want: ErrHole},
		{name: "ledger lost everything, the log is cut", first: 5, last: 9, want: ErrHole},
		{name: "log lost its end", applied: 12, first: 5, last: 9, want: ErrLostData},
		{name: "log is empty", applied: 12, want: ErrLostData},
		{name: "another term at the applied entry", applied: 7, appliedTerm: 1, first: 5, last: 9, want: ErrDiverged},
		{name: "received, and the log emptied", applied: 12, inst: 12, instTerm: 2},
		{name: "received, and the log not emptied: shorter", applied: 12, first: 1, last: 9, inst: 12, instTerm: 2},
		{name: "received beneath a log of another term", applied: 7, first: 1, last: 9, inst: 7, instTerm: 3, appliedTerm: 3},
		{name: "received, then grew", applied: 15, first: 13, last: 16, inst: 12, instTerm: 2, wantLast: 16},
		{name: "received, then grew, the ledger lost what followed", applied: 12, first: 13, last: 16, inst: 12, instTerm: 2, wantLast: 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			require.NoError(t, fs.MkdirAll("data", 0o700))
			require.NoError(t, store.Init("data/ledger", store.Options{FS: fs}))
			require.NoError(t, raftlog.Init("data/raft", raftlog.Options{FS: fs}))
			n := &Node{fs: fs, dir: "data", log: testLoggerOrNone(t)}
			n.config.Fatal = func(err error) { panic(err) }
			p := raftlog.Pointer{Folder: "ledger", Index: c.inst, Term: c.instTerm}
			require.NoError(t, raftlog.MovePointer(fs, "data", p))
			read, err := n.openFolders()
			require.NoError(t, err)
			require.Equal(t, p, read)
			if c.applied > 0 {
				term := c.appliedTerm
				if term == 0 {
					term = 2
				}
				txn := n.ledger.db.Begin()
				txn.SetApplied(store.Applied{Index: c.applied, Term: term})
				require.NoError(t, txn.Commit())
			}
			for i := c.first; i <= c.last && i > 0; i++ {
				require.NoError(t, n.raftlog.StoreLog(&raft.Log{Index: i, Term: 2}))
			}
			err = n.checkStart(p)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			} else {
				require.NoError(t, err)
				last, err := n.raftlog.LastIndex()
				require.NoError(t, err)
				require.Equal(t, c.wantLast, last)
			}
			require.NoError(t, n.closeFolders())
		})
	}
}

// TestReceivedLedgerGetsItsUsualName crashes a start before each write to the disk by which it gives a received ledger its
// usual name, and starts again.
func TestReceivedLedgerGetsItsUsualName(t *testing.T) {
	for crashAt := 1; ; crashAt++ {
		disk := vfs.NewCrashableMem()
		require.NoError(t, disk.MkdirAll("data", 0o700))
		root, err := disk.OpenDir("/")
		require.NoError(t, err)
		require.NoError(t, root.Sync())
		require.NoError(t, store.Init("data/ledger", store.Options{FS: disk})) // the replaced one, not removed yet
		require.NoError(t, store.Init("data/ledger-9-1", store.Options{FS: disk}))
		received, err := store.Open("data/ledger-9-1", store.Options{FS: disk})
		require.NoError(t, err)
		txn := received.Begin()
		txn.SetApplied(store.Applied{Index: 9, Term: 2})
		require.NoError(t, txn.Commit())
		require.NoError(t, errors.Join(received.Sync(), received.Close()))
		require.NoError(t, raftlog.Init("data/raft", raftlog.Options{FS: disk}))
		p := raftlog.Pointer{Folder: "ledger-9-1", Index: 9, Term: 2}
		require.NoError(t, raftlog.MovePointer(disk, "data", p))

		rng := rand.New(rand.NewPCG(uint64(crashAt), 1))
		var clone *vfs.MemFS
		writes := 0
		fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				if writes++; writes == crashAt {
					if clone = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}); !ordered(clone) {
						clone = disk.CrashClone(vfs.CrashCloneCfg{})
					}
				}
			}
			return nil
		}))
		n := &Node{fs: fs, dir: "data", log: testLoggerOrNone(t)}
		_, err = n.openFolders()
		require.NoError(t, errors.Join(err, n.closeFolders()))
		if clone == nil {
			return // further than the last write
		}
		dir, err := raftlog.LedgerDir(clone, "data")
		require.NoError(t, err)
		tool, err := store.Open(dir, store.Options{FS: clone, ReadOnly: true})
		require.NoError(t, err, "tools find the ledger, crashed before write %d", crashAt)
		require.EqualValues(t, 9, tool.Applied().Index)
		require.NoError(t, tool.Close())

		n = &Node{fs: clone, dir: "data", log: testLoggerOrNone(t)}
		read, err := n.openFolders()
		require.NoError(t, err, "crashed before write %d", crashAt)
		require.Equal(t, raftlog.Pointer{Folder: "ledger", Index: 9, Term: 2}, read)
		require.EqualValues(t, 9, n.ledger.db.Applied().Index)
		names, err := clone.List("data")
		require.NoError(t, err)
		require.NotContains(t, names, "ledger-9-1")
		require.NoError(t, n.closeFolders())
	}
}

func TestOpenNeverCreates(t *testing.T) {
	fs := vfs.NewMem()
	c := Config{
		Dir: "data", FS: fs, Identity: Identity{testLog, "n1"}, Network: newFabric(nil).join("n1"),
		Origin: testOrigin, Signer: testKey().signer, Verifier: testKey().verifier,
	}
	require.NoError(t, fs.MkdirAll("data", 0o700))
	_, err := Open(c)
	require.ErrorIs(t, err, raftlog.ErrNoPointer)
	c.Members = []Member{{"n2", "n2"}}
	require.Error(t, Init(c))
	c.Members = []Member{{"n1", "n1"}, {"n1", "n2"}}
	require.Error(t, Init(c))
	names, err := fs.List("data")
	require.NoError(t, err)
	require.Empty(t, names)
}
