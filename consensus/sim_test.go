package consensus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
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

	transitions time.Duration // how often leaders look for what is due

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

	quiet                              atomic.Bool // no crashes from here
	commands                           atomic.Uint64
	crashes, partitions, retries, ends atomic.Int64
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
	s.quiet.Store(o.calm)
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
	s.quiet.Store(true)
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
