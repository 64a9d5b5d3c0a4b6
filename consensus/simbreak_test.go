package consensus

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// breakages are the recipe with one part left out. The simulation must notice each.
var breakages = map[string]func(*simOptions){
	"no sync before truncation":    func(o *simOptions) { o.seams.neverSyncLedger = true },
	"installs never refused":       func(o *simOptions) { o.seams.restoreAnything = true },
	"applied from a snapshot meta": func(o *simOptions) { o.seams.applyAgain, o.seams.snapshots = true, stale },
	"received files not synced":    func(o *simOptions) { o.disk = func(fs vfs.FS) vfs.FS { return forgetful{fs} } },
}

const breakVariable = "CUSTOS_SIM_BREAK"

// TestSimulationNoticesABrokenRecipe runs the negative controls, each in a process of its own: what is broken may well end
// in a panic of Raft's.
func TestSimulationNoticesABrokenRecipe(t *testing.T) {
	if name := os.Getenv(breakVariable); name != "" {
		for seed := uint64(1); seed <= 12; seed++ {
			o := simOptions{seed: seed, duration: time.Minute, trailing: seed % 2 * 5}
			breakages[name](&o)
			require.NoError(t, simulate(t, o).fault())
		}
		return
	}
	for name := range breakages {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()[:strings.Index(t.Name(), "/")]+"$", "-test.timeout=100s")
			cmd.Env = append(os.Environ(), breakVariable+"="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "nothing was noticed")
			switch s := string(out); {
			case strings.Contains(s, "NOTICED:"):
				_, why, _ := strings.Cut(s, "NOTICED:")
				why, _, _ = strings.Cut(why, "\n")
				t.Log(why)
			case strings.Contains(s, "log not found"):
				t.Log("raft panicked: log not found")
			default:
				t.Fatalf("ended otherwise: %s", s[:min(len(s), 3000)])
			}
		})
	}
}

// stale tells Raft of an applied index that the ledger has left behind.
func stale(s raft.SnapshotStore) raft.SnapshotStore { return staleSnapshots{s} }

type staleSnapshots struct{ raft.SnapshotStore }

func (s staleSnapshots) List() ([]*raft.SnapshotMeta, error) {
	all, err := s.SnapshotStore.List()
	for _, m := range all {
		if m.Index > 20 {
			m.Index -= 4
		}
	}
	return all, err
}

// forgetful is a disk on which syncs of received ledgers and of folders do nothing.
type forgetful struct{ vfs.FS }

func (f forgetful) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err == nil && strings.Contains(name, "ledger-") {
		return unsynced{file}, nil
	}
	return file, err
}

func (f forgetful) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err == nil && strings.Contains(name, "ledger-") {
		return unsynced{file}, nil
	}
	return file, err
}

type unsynced struct{ vfs.File }

func (unsynced) Sync() error                { return nil }
func (unsynced) SyncData() error            { return nil }
func (unsynced) SyncTo(int64) (bool, error) { return false, nil }
