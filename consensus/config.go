package consensus

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus/witness"
	"custos/ledger/store"
)

// Config is what a node needs. Dir and Identity are required; Open further requires Network, Origin, Signer and
// Verifier, and Init requires Members. Every other field has a usable zero value.
type Config struct {
	// Dir is the node's data folder; it holds raft/ and ledger/.
	Dir string
	// Identity is this node's name and the log it serves.
	Identity Identity
	// Network connects it with the other members. Close closes it.
	Network Network
	// Members are the voters that a new cluster begins with, this node among them. Init alone reads it: afterwards the
	// membership is in the log. One member is a whole cluster.
	Members []Member
	// PublicURL is where people reach this node's API; the other nodes are told.
	PublicURL string

	// Origin is the first line of the log's checkpoints; Signer signs them with the log's one key, and Verifier checks
	// them.
	Origin   string
	Signer   note.Signer
	Verifier note.Verifier

	// Witnesses says who cosigns the log's checkpoints; nil means nobody is asked. It names the log's key. They are
	// asked every WitnessInterval about what is new, 0 meaning 1 s, by WitnessClient, nil meaning one of our own.
	Witnesses       *witness.Policy
	WitnessInterval time.Duration
	WitnessClient   *http.Client

	// StateInterval is after how much time a leader commits to what its views say, where anything has happened; 0 means
	// never. Trails can be proved up to the newest state entry.
	StateInterval time.Duration
	// Transitions is how often a leader looks for what has fallen due: notifications that climb, and tasks. 0: never.
	Transitions time.Duration

	// FS is the file system; nil means the real one.
	FS vfs.FS
	// Clock is the time that a leader stamps on commands; nil means time.Now.
	Clock func() time.Time
	// MaxClockError is how far this node's clock may be from its peers' median while it leads; 0 means 2 s. A demo
	// that declares its clock raises it while it makes history.
	MaxClockError time.Duration
	// Logger receives messages; nil discards them. No message holds a submitted value.
	Logger *slog.Logger
	// Fatal ends the process: after an error of the disk, a stall, or when this node has diverged. It must not return.
	// nil logs and exits with status 70.
	Fatal func(error)
	// LedgerCache is the size in bytes of the ledger's block cache; 0 means the store's default.
	LedgerCache int64

	// SnapshotThreshold is after how many Raft entries the log is cut, and how often that is looked at
	// SnapshotInterval; 0 means 10,000 and 30 s. TrailingLogs is how many entries stay, so that a follower that was
	// away needs no whole ledger: at least outage × rate. nil means 20,000.
	SnapshotThreshold uint64
	SnapshotInterval  time.Duration
	TrailingLogs      *uint64

	// HeartbeatTimeout, ElectionTimeout and LeaderLease are Raft's; 0 means 750 ms, 750 ms and 400 ms, with which a dead
	// leader is replaced in one to two seconds. They should be several times the slowest fsync that is normal.
	HeartbeatTimeout, ElectionTimeout, LeaderLease time.Duration

	seams seams
}

// seams are where the simulation breaks the recipe on purpose, to see that it notices. No other package can set them.
type seams struct {
	restoreAnything bool                                        // without the refusals of mayRestore
	snapshots       func(raft.SnapshotStore) raft.SnapshotStore // applied index from elsewhere than the ledger,
	applyAgain      bool                                        // and entries not skipped by the ledger's own
	witnessStart    time.Duration                               // how long a leader waits for witnesses at first, if not zero
	neverSyncLedger bool                                        // truncate without syncing the ledger first
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("the data folder is not given")
	}
	if err := c.Identity.Check(); err != nil {
		return c, err
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Fatal == nil {
		logger := c.Logger
		c.Fatal = func(err error) {
			logger.Error("ending the process", "error", err)
			os.Exit(70)
		}
	}
	setDefault(&c.WitnessInterval, time.Second)
	if c.WitnessClient == nil {
		c.WitnessClient = &http.Client{Timeout: witnessTimeout}
	}
	setDefault(&c.MaxClockError, maxClockError)
	setDefault(&c.SnapshotThreshold, 10_000)
	setDefault(&c.SnapshotInterval, 30*time.Second)
	setDefault(&c.HeartbeatTimeout, 750*time.Millisecond)
	setDefault(&c.ElectionTimeout, 750*time.Millisecond)
	setDefault(&c.LeaderLease, 400*time.Millisecond)
	if c.TrailingLogs == nil {
		n := uint64(20_000)
		c.TrailingLogs = &n
	}
	return c, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c Config) checkMembers() error {
	seen := map[string]bool{}
	for _, m := range c.Members {
		if err := (Identity{c.Identity.Log, m.Node}).Check(); err != nil {
			return err
		}
		if m.Address == "" || seen[m.Node] || seen[m.Address] {
			return fmt.Errorf("member %s: its address is missing, or it is there twice", m.Node)
		}
		seen[m.Node], seen[m.Address] = true, true
	}
	if !slices.ContainsFunc(c.Members, func(m Member) bool { return m.Node == c.Identity.Node }) {
		return errors.New("the members do not include this node")
	}
	return nil
}

// raftConfig is Raft's configuration. notify learns of every gain and loss of leadership.
func (c Config) raftConfig(notify chan<- bool) *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.Identity.Node)
	r.Logger = newRaftLogger(c.Logger)
	r.NotifyCh = notify
	r.HeartbeatTimeout, r.ElectionTimeout = c.HeartbeatTimeout, c.ElectionTimeout
	r.LeaderLeaseTimeout = min(c.LeaderLease, c.HeartbeatTimeout)
	r.SnapshotThreshold, r.SnapshotInterval, r.TrailingLogs = c.SnapshotThreshold, c.SnapshotInterval, *c.TrailingLogs
	r.NoLegacyTelemetry = true
	// The ledger on disk is the state; a snapshot is only ever read when it was received.
	r.NoSnapshotRestoreOnStart = true
	// Broken in v1.8.0: it forgets members recorded after the snapshot, and hangs over some thousands of entries.
	r.RestoreCommittedLogs = false
	// Apply is called by one dispatcher with one entry at a time.
	r.BatchApplyCh = false
	return r
}

func (n *Node) storeOptions(readOnly bool) store.Options {
	o := store.Options{FS: tableFiles{n.fs}, Logger: n.log, Fatal: n.stop, CacheBytes: n.config.LedgerCache}
	if readOnly {
		o.ReadOnly, o.CacheBytes, o.RowBytes = true, 1<<20, 1<<20
	}
	return o
}
