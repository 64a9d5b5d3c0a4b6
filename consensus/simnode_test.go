package consensus

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// simNode is one node, and the disk that a start of it would find.
type simNode struct {
	s    *sim
	name string

	mu    sync.Mutex
	disk  *vfs.MemFS // what a start would find
	run   *simRun    // nil: down
	clock atomic.Int64
}

// simRun is one life of a node.
type simRun struct {
	node    *Node
	highest atomic.Uint64 // greatest applied index seen
	net     *simNet
	fs      *vfs.MemFS
	once    sync.Once
	dead    chan struct{} // closed when it has crashed,
	clone   *vfs.MemFS    // leaving this disk
}

var simMembers = []Member{{"n1", "n1"}, {"n2", "n2"}, {"n3", "n3"}}

func (x *simNode) config(r *simRun, fs vfs.FS, net Network) Config {
	s := x.s
	c := Config{
		Dir: "data", Identity: Identity{testLog, x.name}, Members: simMembers, Network: net, FS: fs,
		Origin: testOrigin, Signer: testKey().signer, Verifier: testKey().verifier,
		LedgerCache: 1 << 20, Logger: testLogger(s.t),
		SnapshotThreshold: 15, SnapshotInterval: 500 * time.Millisecond, StateInterval: time.Second, TrailingLogs: &s.o.trailing,
		Clock: func() time.Time { return time.Now().Add(time.Duration(x.clock.Load())) },
		seams: s.o.seams, Transitions: s.o.transitions,
	}
	c.Fatal = func(err error) {
		switch {
		case r == nil:
			s.breaks("%s: %v", x.name, err)
		case r.net.dead.Load(): // it had crashed already: what it does no longer matters
		case errors.Is(err, errRestoredBeneath):
			s.ends.Add(1)
			s.watch(r)
		default:
			s.breaks("%s ended its process: %w", x.name, err)
		}
		if r != nil {
			x.crash(r, vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
		}
		runtime.Goexit()
	}
	return c
}

// start opens a node on what its disk kept. Any refusal is a break of the recipe.
func (x *simNode) start() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.run != nil {
		return
	}
	r := &simRun{fs: x.disk, net: x.s.f.join(x.name), dead: make(chan struct{})}
	var fs vfs.FS = errorfs.Wrap(r.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		// Crash points inside operations: before one in some thousand writes, syncs, renames or removals.
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && !x.s.quiet.Load() && x.s.f.random(1500) == 0 {
			x.crash(r, x.s.f.loss())
		}
		return nil
	}))
	if x.s.o.disk != nil {
		fs = x.s.o.disk(fs)
	}
	opened := make(chan struct{})
	var err error
	go func() { // Fatal ends this goroutine
		defer close(opened)
		err = errors.New("ended while starting")
		r.node, err = Open(x.config(r, fs, r.net))
	}()
	<-opened
	if err != nil && !r.net.dead.Load() {
		x.s.breaks("%s does not start: %w", x.name, err)
	}
	if r.net.dead.Load() || err != nil {
		r.net.kill()
		if r.node != nil {
			_ = r.node.Close()
		}
		if err == nil || x.s.fault() == nil {
			<-r.dead
			x.disk = r.clone
		}
		return
	}
	x.run = r
}

// loss is how much of what was not synced a crash keeps.
func (f *fabric) loss() vfs.CrashCloneCfg {
	switch f.random(3) {
	case 0:
		return vfs.CrashCloneCfg{}
	case 1:
		return vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(f.random(1<<30)), 1))}
	}
	return vfs.CrashCloneCfg{UnsyncedDataPercent: 10, RNG: rand.New(rand.NewPCG(uint64(f.random(1<<30)), 2))}
}

// crash takes a copy of a run's disk as a crash at this moment leaves it. Nothing the run does afterwards is seen by
// anybody: that it goes on for a while, on its old disk, is of no consequence.
func (x *simNode) crash(r *simRun, cfg vfs.CrashCloneCfg) {
	r.once.Do(func() {
		r.net.kill()
		if r.clone = r.fs.CrashClone(cfg); !ordered(r.clone) {
			r.clone = r.fs.CrashClone(vfs.CrashCloneCfg{})
		}
		x.s.crashes.Add(1)
		close(r.dead)
	})
}

// ordered tells whether a crashed disk kept Pebble's manifests wherever it kept the markers that name them. Pebble creates
// both in one folder, in this order, and syncs the folder once; it presumes, and file systems with a journal see to it,
// that the later name does not outlive the earlier. The simulated disk loses names in any order.
func ordered(fs vfs.FS) bool {
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

// bury ends a crashed run's goroutines.
func (x *simNode) bury(r *simRun) {
	<-r.dead
	_ = r.node.Close()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.run == r {
		x.run, x.disk = nil, r.clone
	}
}

func (x *simNode) current() *simRun {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.run
}

// tend restarts a node some time after each crash.
func (x *simNode) tend() {
	for {
		r := x.current()
		if r == nil {
			select {
			case <-x.s.stop:
				return
			case <-time.After(time.Duration(x.s.f.random(1500)) * time.Millisecond):
			}
			x.start()
			continue
		}
		select {
		case <-r.dead:
			x.bury(r)
		case <-x.s.stop:
			return
		}
	}
}
