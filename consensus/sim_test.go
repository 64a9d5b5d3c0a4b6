package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// simOptions say what a simulation does. The zero value of the last part is the recipe as it should be; the negative
// controls break it.
type simOptions struct {
	seed     uint64
	duration time.Duration // simulated
	trailing uint64
	calm     bool // no crashes or partitions

	disk  func(vfs.FS) vfs.FS // lies to the node about its disk
	seams seams
}

// sim is a cluster of three nodes with crashing disks on a fake clock.
type sim struct {
	t    testing.TB
	o    simOptions
	f    *fabric
	rng  *rand.Rand // the nemesis' own
	stop chan struct{}

	nodes [3]*simNode

	mu     sync.Mutex
	broken error // the first thing that must never happen
	acked  map[ledger.ID]ledger.Seq
	order  []ledger.ID
	floor  ledger.Seq // greatest acknowledged sequence number + 1
	signed map[int64]tlog.Hash

	commands                           atomic.Uint64
	crashes, partitions, retries, ends atomic.Int64
}

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
	dead    chan struct{}
}

func (s *sim) breaks(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = fmt.Errorf(format, args...)
		if os.Getenv(breakVariable) != "" {
			fmt.Println("NOTICED:", s.broken) // at once: the process may not get further
		}
	}
}

func (s *sim) fault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

var simMembers = []Member{{"n1", "n1"}, {"n2", "n2"}, {"n3", "n3"}}

func (x *simNode) config(r *simRun, fs vfs.FS, net Network) Config {
	s := x.s
	c := Config{
		Dir: "data", Identity: Identity{testLog, x.name}, Members: simMembers, Network: net, FS: fs,
		Origin: testOrigin, Signer: testKey().signer, Verifier: testKey().verifier,
		LedgerCache: 1 << 20, Logger: testLogger(s.t),
		SnapshotThreshold: 15, SnapshotInterval: 500 * time.Millisecond, TrailingLogs: &s.o.trailing,
		Clock: func() time.Time { return time.Now().Add(time.Duration(x.clock.Load())) },
		seams: s.o.seams,
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
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && !x.s.o.calm && x.s.f.random(4000) == 0 {
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
		clone := r.fs.CrashClone(cfg)
		x.s.crashes.Add(1)
		go func() {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.disk = clone
			close(r.dead)
		}()
	})
}

// bury ends a crashed run's goroutines.
func (x *simNode) bury(r *simRun) {
	<-r.dead
	_ = r.node.Close()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.run == r {
		x.run = nil
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

// nemesis crashes and cuts.
func (s *sim) nemesis() {
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(time.Duration(200+s.rng.IntN(6000)) * time.Millisecond):
		}
		crash := func(i int) {
			if r := s.nodes[i].current(); r != nil {
				s.nodes[i].crash(r, s.f.loss())
			}
		}
		a, b := s.rng.IntN(3), s.rng.IntN(3)
		switch s.rng.IntN(9) {
		case 0, 1:
			crash(a)
		case 2:
			for i, x := range s.nodes {
				if r := x.current(); r != nil && r.node.leading.Load() != nil {
					crash(i)
				}
			}
		case 3:
			crash(a)
			crash(b)
		case 4:
			for i := range s.nodes {
				crash(i)
			}
		case 5, 6: // one node alone
			s.partitions.Add(1)
			cut := map[[2]string]bool{}
			for i := range s.nodes {
				if i != a {
					cut[[2]string{s.nodes[i].name, s.nodes[a].name}] = true
					cut[[2]string{s.nodes[a].name, s.nodes[i].name}] = true
				}
			}
			s.f.partition(cut)
		case 7: // one direction of one link
			s.partitions.Add(1)
			s.f.partition(map[[2]string]bool{{s.nodes[a].name, s.nodes[b].name}: a != b})
		case 8:
			s.f.partition(map[[2]string]bool{})
		}
		// An old InstallSnapshot arrives again.
		s.f.mu.Lock()
		var again func()
		if k := len(s.f.late); k > 0 {
			again = s.f.late[s.f.rng.IntN(k)]
		}
		s.f.mu.Unlock()
		if again != nil {
			again()
		}
	}
}

// client proposes commands through whatever node, and remembers what was acknowledged.
func (s *sim) client(rng *rand.Rand) {
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(time.Duration(5+rng.IntN(150)) * time.Millisecond):
		}
		r := s.nodes[rng.IntN(3)].current()
		if r == nil || r.net.dead.Load() {
			continue
		}
		s.mu.Lock()
		floor := s.floor
		var again ledger.ID
		if len(s.order) > 0 && rng.IntN(10) == 0 {
			again = s.order[rng.IntN(len(s.order))]
		}
		s.mu.Unlock()
		n := s.commands.Add(1)
		c := lookUp(n)
		if !again.IsZero() {
			c.ID, c.Seed = again, ledger.DeriveID("test seed of", again[:])
		} else {
			c.Seed = ledger.DeriveID("test seed of", c.ID[:])
		}
		c.Request = &ledger.LookUp{Person: person(uint64(c.ID[0]) % 50)}
		s.watch(r)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		o, err := r.node.Propose(ctx, c)
		cancel()
		if err != nil || r.net.dead.Load() {
			continue // unknown, or told to nobody
		}
		s.acknowledged(c.ID, again.IsZero(), floor, o)
	}
}

// watch checks that a run's ledger never goes back.
func (s *sim) watch(r *simRun) {
	was := r.highest.Load()
	if r.node == nil || r.net.dead.Load() {
		return
	}
	now := r.node.applied()
	if now < was {
		s.breaks("%s had applied %d and went back to %d", r.net.name, was, now)
	}
	r.highest.CompareAndSwap(was, max(was, now))
}

func (s *sim) acknowledged(id ledger.ID, fresh bool, floor ledger.Seq, o Outcome) {
	if !o.Recorded || o.Answer.Refusal != nil {
		s.breaks("command %v was not granted: %v", id, o.Answer.Refusal)
		return
	}
	tree, err := (&checkpoints{origin: testOrigin}).unsigned(o.Note)
	if err != nil || tree != o.Tree {
		s.breaks("command %v: its checkpoint is not of its tree", id)
		return
	}
	s.mu.Lock()
	was, known := s.acked[id]
	root, seen := s.signed[tree.N]
	s.acked[id], s.signed[tree.N] = o.Answer.Seq, tree.Hash
	if !known {
		s.order = append(s.order, id)
	}
	s.floor = max(s.floor, o.Answer.Seq+1)
	s.mu.Unlock()
	switch {
	case known && was != o.Answer.Seq:
		s.breaks("command %v was entry %d and is entry %d", id, was, o.Answer.Seq)
	case fresh && o.Answer.Seq < floor:
		s.breaks("command %v began after entry %d was answered and is entry %d", id, floor-1, o.Answer.Seq)
	case seen && root != tree.Hash:
		s.breaks("two roots of size %d were signed", tree.N)
	}
	if !fresh {
		s.retries.Add(1)
	}
}

// simulate runs one cluster for a simulated time and returns the first thing that broke.
func simulate(t *testing.T, o simOptions) (s *sim) {
	synctest.Test(t, func(t *testing.T) {
		s = newSim(t, o)
		defer s.close()
		var all sync.WaitGroup
		for _, x := range s.nodes {
			all.Go(x.tend)
		}
		s.begin()
		for i := range 4 {
			crng := rand.New(rand.NewPCG(o.seed, uint64(100+i)))
			all.Go(func() { s.client(crng) })
		}
		if !o.calm {
			all.Go(s.nemesis)
		}
		for end := time.Now().Add(o.duration); time.Now().Before(end) && s.fault() == nil; {
			time.Sleep(time.Second)
		}
		close(s.stop)
		all.Wait()
		s.settle()
		if s.fault() == nil {
			s.verify()
		}
	})
	return s
}

// newSim starts three nodes on new disks.
func newSim(t testing.TB, o simOptions) *sim {
	rng := rand.New(rand.NewPCG(o.seed, 7))
	s := &sim{
		t: t, o: o, rng: rng, f: newFabric(rand.New(rand.NewPCG(o.seed, 8))), stop: make(chan struct{}),
		acked: map[ledger.ID]ledger.Seq{}, signed: map[int64]tlog.Hash{},
	}
	for i := range s.nodes {
		x := &simNode{s: s, name: simMembers[i].Node, disk: vfs.NewCrashableMem()}
		x.clock.Store(int64(rng.IntN(200)-100) * int64(time.Millisecond))
		s.nodes[i] = x
		require.NoError(t, Init(x.config(nil, x.disk, nil)))
		// The operator's shell synced, or the machine stayed up long enough.
		x.disk = x.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
		x.start()
	}
	return s
}

func (s *sim) close() {
	for _, x := range s.nodes {
		if r := x.current(); r != nil {
			_ = r.node.Close()
		}
	}
}

// begin opens the log, through crashes if need be.
func (s *sim) begin() {
	for s.fault() == nil {
		for _, x := range s.nodes {
			if r := x.current(); r != nil {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				err := genesis(ctx, r.node)
				cancel()
				if err == nil && !r.net.dead.Load() {
					return
				}
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// settle heals everything and waits until all nodes hold the same.
func (s *sim) settle() {
	s.o.calm = true
	s.f.partition(map[[2]string]bool{})
	deadline := time.Now().Add(time.Minute)
	for s.fault() == nil {
		if time.Now().After(deadline) {
			s.breaks("the nodes do not converge: %s", s.describe())
			return
		}
		for _, x := range s.nodes {
			if r := x.current(); r != nil && r.net.dead.Load() {
				x.bury(r)
			}
			x.start()
		}
		r := s.nodes[0].current()
		if r == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := r.node.Propose(ctx, lookUp(1<<41+s.commands.Add(1)))
		cancel()
		time.Sleep(3 * time.Second)
		if err == nil && s.same() {
			return
		}
	}
}

func (s *sim) same() bool {
	var tree tlog.Tree
	for i, x := range s.nodes {
		r := x.current()
		if r == nil || r.net.dead.Load() || i > 0 && r.node.tree() != tree {
			return false
		}
		tree = r.node.tree()
	}
	return true
}

func (s *sim) describe() string {
	out := ""
	for _, x := range s.nodes {
		if r := x.current(); r != nil {
			st := r.node.Status()
			out += fmt.Sprintf("%s %s size %d applied %d last %d leader %s; ", x.name, st.State, st.Size, st.Applied, st.LastLog, st.Leader)
		} else {
			out += x.name + " down; "
		}
	}
	return out
}

func (s *sim) String() string {
	return fmt.Sprintf("seed %d, trailing %d: %d acknowledged, %d retried, %d crashes, %d partitions, %d installs, %d ends after an install",
		s.o.seed, s.o.trailing, len(s.acked), s.retries.Load(), s.crashes.Load(), s.partitions.Load(), s.f.installs.Load(), s.ends.Load())
}

// TestSimulation runs clusters through crashes that lose unsynced data, partitions and installs. CUSTOS_SIM_HOURS asks for
// so many simulated hours; without it some minutes of them run.
func TestSimulation(t *testing.T) {
	hours := 0.2
	if v := os.Getenv("CUSTOS_SIM_HOURS"); v != "" {
		var err error
		hours, err = strconv.ParseFloat(v, 64)
		require.NoError(t, err)
	}
	seed := uint64(1)
	if v := os.Getenv("CUSTOS_SIM_SEED"); v != "" {
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		require.NoError(t, err)
	}
	const each = 3 * time.Minute
	runs := max(1, int(hours*float64(time.Hour)/float64(each)))
	for i := range runs {
		o := simOptions{seed: seed + uint64(i), duration: each, trailing: uint64(i%2) * 5}
		t.Run(fmt.Sprintf("seed=%d", o.seed), func(t *testing.T) {
			began := time.Now()
			s := simulate(t, o)
			require.NoError(t, s.fault())
			t.Logf("%v; %.0f times real time", s, each.Seconds()/time.Since(began).Seconds())
		})
	}
}
