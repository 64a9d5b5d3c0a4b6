package api

import (
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// crashNode is a machine that can crash: a node and its edge, on a disk that
// then loses what was not synced.
type crashNode struct {
	c           *crashCluster
	name, at    string // its name, and the address of its peer port
	credentials consensus.Credentials

	mu   sync.Mutex
	disk *vfs.MemFS // what a start would find
	life *life      // nil: down
}

// life is what runs from a start to a crash.
type life struct {
	x    *crashNode
	node *consensus.Node
	seam *seam
	http *httptest.Server
	net  *crashNet
	fs   *vfs.MemFS

	crashAt atomic.Int64 // that many writes from now; zero or less: never
	once    sync.Once
	open    sync.RWMutex  // held by whoever reads what end closes
	dead    chan struct{} // closed when it has crashed,
	clone   *vfs.MemFS    // leaving this disk
}

func (x *crashNode) config(l *life, fs vfs.FS, n consensus.Network, logger *slog.Logger) consensus.Config {
	w := x.c.w
	k := worldKeys()
	trailing := uint64(20)
	return consensus.Config{
		Dir: "data", FS: fs, Identity: consensus.Identity{Log: worldLog, Node: x.name}, Network: n, Members: x.c.members,
		PublicURL: "http://" + x.name, Origin: worldOrigin, Signer: k.signer, Verifier: k.verifier, Clock: w.now, Logger: logger,
		MaxClockError: 100 * 365 * 24 * time.Hour, // the clocks of all three leap, though not at one moment of each other's pings
		LedgerCache:   4 << 20, HeartbeatTimeout: 150 * time.Millisecond, ElectionTimeout: 150 * time.Millisecond, LeaderLease: 75 * time.Millisecond,
		Transitions: 20 * time.Millisecond, StateInterval: 500 * time.Millisecond,
		SnapshotThreshold: 30, SnapshotInterval: 200 * time.Millisecond, TrailingLogs: &trailing,
		Fatal: func(err error) {
			if l == nil || !l.net.dead.Load() {
				x.c.w.t.Errorf("%s ended its process: %v", x.name, err)
			}
			runtime.Goexit()
		},
	}
}

// start opens the node on what its disk kept.
func (x *crashNode) start() {
	w := x.c.w
	x.mu.Lock()
	defer x.mu.Unlock()
	logger := slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	listener, err := consensus.Listen(consensus.ListenConfig{Address: x.at, Credentials: x.credentials, Logger: logger})
	require.NoError(w.t, err)
	l := &life{x: x, fs: x.disk, net: &crashNet{TLS: listener, done: make(chan struct{})}, dead: make(chan struct{})}
	fs := errorfs.Wrap(l.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && l.crashAt.Load() > 0 && l.crashAt.Add(-1) == 0 {
			l.crash()
		}
		return nil
	}))
	l.node, err = consensus.Open(x.config(l, fs, l.net, logger))
	require.NoError(w.t, err, "%s does not start", x.name)
	l.seam = &seam{Node: l.node}
	now := func() time.Time { return worldStart.Add(time.Duration(w.looks.Add(1)) * 2 * time.Second) }
	server, err := New(Config{Node: l.seam, NodeID: x.name, Keyring: w.keys, Tokens: x.c.tokens, Issuer: trust, Logger: logger, Now: now, PublicURL: worldURL})
	require.NoError(w.t, err)
	l.http = httptest.NewUnstartedServer(nil)
	l.http.Config = server.PublicServer("")
	l.http.Listener = Listener(l.http.Listener)
	l.http.Start()
	x.life = l
}

func (x *crashNode) current() *life {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.life
}

// crash takes the disk as a crash at this moment leaves it; the machine starts
// again a little later. Nothing the node does meanwhile is seen by anybody.
func (l *life) crash() {
	l.once.Do(func() {
		l.net.dead.Store(true)
		l.clone = l.fs.CrashClone(l.x.c.loss())
		if !whole(l.clone) {
			l.clone = l.fs.CrashClone(vfs.CrashCloneCfg{})
		}
		l.x.c.crashes.Add(1)
		close(l.dead)
	})
}

// tend buries what has crashed and starts it again.
func (x *crashNode) tend(stop chan struct{}) {
	for {
		l := x.current()
		select {
		case <-stop:
			return
		case <-l.dead:
		}
		l.end()
		x.mu.Lock()
		x.disk = l.clone
		x.mu.Unlock()
		x.start()
	}
}

// head is the end of its ledger, while it lives.
func (l *life) head() (h ledger.Head, ok bool) {
	l.open.RLock()
	defer l.open.RUnlock()
	if l.net.dead.Load() {
		return h, false
	}
	return l.node.View().R.Head(), true
}

// end stops what runs.
func (l *life) end() {
	l.http.CloseClientConnections()
	close(l.net.done)
	l.open.Lock()
	_ = l.node.Close()
	l.open.Unlock()
	l.http.Close()
}

// loss is how much a crash keeps of what was not synced: all, half or nothing.
func (c *crashCluster) loss() vfs.CrashCloneCfg {
	c.mu.Lock()
	defer c.mu.Unlock()
	return vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * c.random.IntN(3), RNG: rand.New(rand.NewPCG(c.random.Uint64(), 1))}
}

// whole tells whether a crashed disk has the manifests that Pebble's markers
// name: it makes the one before the other, and no file system with a journal
// loses the earlier name alone. The simulated one may.
func whole(fs vfs.FS) bool {
	folders, err := fs.List("data")
	if err != nil {
		return true
	}
	for _, folder := range folders {
		dir := fs.PathJoin("data", folder)
		manifest, err := atomicfs.ReadMarker(fs, dir, "manifest")
		if err != nil || manifest == "" {
			continue
		}
		if _, err := fs.Stat(fs.PathJoin(dir, manifest)); err != nil {
			return false
		}
	}
	return true
}
