package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// calmSim is a simulated cluster without crashes, for tests that break one thing on purpose.
func calmSim(t *testing.T, test func(s *sim)) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, simOptions{seed: 1, trailing: 100, calm: true})
		defer s.close()
		s.begin()
		for i := range uint64(20) {
			s.must(lookUp(i))
		}
		test(s)
	})
}

// must proposes through any node that lives.
func (s *sim) must(c ledger.Command) Outcome {
	s.t.Helper()
	for range 20 {
		for _, x := range s.nodes {
			if r := x.current(); r != nil && !r.net.dead.Load() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				o, err := r.node.Propose(ctx, c)
				cancel()
				if err == nil {
					return o
				}
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatal("nobody answers")
	return Outcome{}
}

func (s *sim) leader() int {
	s.t.Helper()
	for range 1000 {
		for i, x := range s.nodes {
			if r := x.current(); r != nil && !r.net.dead.Load() && r.node.leading.Load() != nil {
				return i
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("no leader")
	return 0
}

// down stops a node cleanly; its disk keeps everything.
func (s *sim) down(i int) {
	s.t.Helper()
	x := s.nodes[i]
	r := x.current()
	require.NotNil(s.t, r)
	require.NoError(s.t, r.node.Close())
	x.mu.Lock()
	defer x.mu.Unlock()
	x.disk = r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	x.run = nil
}

// waitDeath waits until a node has ended its process because it diverged, and returns its evidence.
func (s *sim) waitDeath(i int) evidence {
	s.t.Helper()
	x := s.nodes[i]
	r := x.current()
	require.NotNil(s.t, r)
	select {
	case <-r.dead:
	case <-time.After(time.Minute):
		s.t.Fatalf("%s goes on", x.name)
	}
	x.bury(r)
	require.ErrorIs(s.t, s.fault(), ErrDiverged)
	require.ErrorContains(s.t, s.fault(), x.name)
	f, err := x.disk.Open("data/" + evidenceFile)
	require.NoError(s.t, err)
	b, err := io.ReadAll(f)
	require.NoError(s.t, errors.Join(err, f.Close()))
	var e evidence
	require.NoError(s.t, json.Unmarshal(b, &e))
	require.Equal(s.t, x.name, e.Node)
	return e
}

// agree requires that the given nodes hold the same ledger, with so many voided batches in it.
func (s *sim) agree(voided int, nodes ...int) {
	s.t.Helper()
	time.Sleep(2 * time.Second)
	for _, i := range nodes {
		n := s.nodes[i].current().node
		require.Equal(s.t, s.nodes[nodes[0]].current().node.tree(), n.tree())
		db, release := n.Ledger()
		require.NoError(s.t, rederive(db, n.tree()))
		count := 0
		for record, err := range db.Records(0, ledger.Seq(n.tree().N)) {
			require.NoError(s.t, err)
			e, err := ledger.ParseEntry(record)
			require.NoError(s.t, err)
			if e.Kind == ledger.KindProposerDiverged {
				count++
			}
		}
		release()
		require.Equal(s.t, voided, count)
	}
}

// slip adds an entry to one node's ledger that no other has, in a way that nothing on that node contradicts: as a fault of
// the program or of the memory would.
func slip(t *testing.T, db *store.DB) { stepAlone(t, db, lookUp(1<<50)) }

// stepAlone decides a command in a database without consensus.
func stepAlone(t *testing.T, db *store.DB, c ledger.Command) {
	t.Helper()
	b, err := c.Encode()
	require.NoError(t, err)
	c, err = ledger.ParseCommand(b)
	require.NoError(t, err)
	txn := db.Begin()
	c.Time = txn.Head().Time
	_, err = projection.Step(txn, &c)
	require.NoError(t, err)
	require.NoError(t, txn.Commit())
}

func TestADamagedFollowerStopsAlone(t *testing.T) {
	calmSim(t, func(s *sim) {
		leader := s.leader()
		i := (leader + 1) % 3
		s.down(i)
		// A tile of the tree is damaged, with its checksums right, and the last checkpoint is gone.
		db, err := pebble.Open("data/ledger", &pebble.Options{FS: s.nodes[i].disk, FormatMajorVersion: 24})
		require.NoError(t, err)
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{'t'}, UpperBound: []byte{'u'}})
		require.NoError(t, err)
		require.True(t, it.First())
		key, value := append([]byte{}, it.Key()...), append([]byte{}, it.Value()...)
		require.NoError(t, it.Close())
		value[5] ^= 1
		require.NoError(t, db.Set(key, value, pebble.Sync))
		require.NoError(t, db.Delete([]byte("ms"), pebble.Sync))
		require.NoError(t, db.Close())

		s.nodes[i].start()
		o := s.must(lookUp(100))
		require.True(t, o.Recorded)
		e := s.waitDeath(i)
		require.Contains(t, e.Why, "root of the")
		require.NotNil(t, e.Claimed)
		s.agree(0, leader, (leader+2)%3)
		require.Equal(t, leader, s.leader(), "the healthy majority goes on")
		// It does not come back by itself.
		s.nodes[i].start()
		require.Nil(t, s.nodes[i].current())
	})
}

func TestACheckpointThatIsNotOfTheLedgerStopsAStart(t *testing.T) {
	calmSim(t, func(s *sim) {
		i := (s.leader() + 1) % 3
		s.down(i)
		db, err := store.Open("data/ledger", store.Options{FS: s.nodes[i].disk})
		require.NoError(t, err)
		forged, err := ledger.SignCheckpoint(testOrigin, tlog.Tree{N: 5, Hash: tlog.Hash{9}}, testKey().signer)
		require.NoError(t, err)
		require.NoError(t, db.SetLastSigned(forged))
		require.NoError(t, errors.Join(db.Flush(), db.Close()))
		s.nodes[i].start()
		require.Nil(t, s.nodes[i].current())
		require.ErrorIs(t, s.fault(), ErrSigned)
	})
}

func TestAnOutvotedFollowerStops(t *testing.T) {
	calmSim(t, func(s *sim) {
		leader := s.leader()
		i := (leader + 1) % 3
		s.down(i)
		db, err := store.Open("data/ledger", store.Options{FS: s.nodes[i].disk})
		require.NoError(t, err)
		slip(t, db)
		require.NoError(t, errors.Join(db.Flush(), db.Close()))
		s.nodes[i].start()
		s.must(lookUp(100))
		e := s.waitDeath(i)
		require.Contains(t, e.Why, "majority")
		require.Equal(t, e.Size, e.Claimed.Size+1)
		s.must(lookUp(101))
		s.agree(0, leader, (leader+2)%3)
	})
}

// TestADamagedViewIsNamed: a row of a follower's views is another, and its entries
// and its tree are whole. Nothing would tell until a decision reads the row; the
// next state entry does, and the evidence says which part of it differs.
func TestADamagedViewIsNamed(t *testing.T) {
	calmSim(t, func(s *sim) {
		leader := s.leader()
		i := (leader + 1) % 3
		time.Sleep(3 * time.Second) // a state entry covers what there is
		before := s.nodes[leader].current().node.newestState()
		require.NotNil(t, before)
		s.down(i)
		db, err := pebble.Open("data/ledger", &pebble.Options{FS: s.nodes[i].disk, FormatMajorVersion: 24})
		require.NoError(t, err)
		index, closer, err := db.Get([]byte("v0"))
		require.NoError(t, err)
		page := append([]byte{}, index...)
		require.NoError(t, closer.Close())
		for at := 5; at < len(page); at += 32 { // of every part of the people
			page[at] ^= 1
		}
		require.NoError(t, db.Set([]byte("v0"), page, pebble.Sync))
		require.NoError(t, db.Close())
		s.nodes[i].start()
		s.must(lookUp(100))
		time.Sleep(3 * time.Second)
		s.must(lookUp(101))
		e := s.waitDeath(i)
		require.Contains(t, e.Why, "majority")
		other := e.State
		require.NotNil(t, other)
		require.Greater(t, other.Seq, before.Seq)
		n := s.nodes[leader].current().node
		record, err := n.Record(ledger.Seq(other.Seq))
		require.NoError(t, err)
		own, err := ledger.ParseEntry(record)
		require.NoError(t, err)
		said := own.Event.(*ledger.StateRecorded).State
		require.NotEqual(t, said.Index.String(), other.Index)
		require.Equal(t, said.Views.String(), other.Views)
		require.Equal(t, said.Outbox.String(), other.Outbox)
		s.agree(0, leader, (leader+2)%3)
	})
}

func TestAWrongLeaderStopsAndTheMajorityGoesOn(t *testing.T) {
	calmSim(t, func(s *sim) {
		i := s.leader()
		n := s.nodes[i].current().node
		db, release := n.Ledger()
		slip(t, db)
		n.setTree(db.Tree())
		release()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, _ = n.Propose(ctx, lookUp(100))
		cancel()
		s.waitDeath(i)
		a, b := (i+1)%3, (i+2)%3
		before := s.nodes[a].current().node.Checkpoint()
		o := s.must(lookUp(100))
		require.True(t, o.Recorded)
		s.must(lookUp(101))
		s.agree(1, a, b)
		require.NotEqual(t, before, s.nodes[a].current().node.Checkpoint())
		// What the majority signs goes on from what it had signed: load compares.
		adb, release := s.nodes[a].current().node.Ledger()
		defer release()
		require.NoError(t, s.nodes[a].current().node.checkpoints.load(adb))
	})
}

func TestADivergedNodeNeverLeads(t *testing.T) {
	calmSim(t, func(s *sim) {
		leader := s.leader()
		i, other := (leader+1)%3, (leader+2)%3
		time.Sleep(2 * time.Second)
		db, release := s.nodes[i].current().node.Ledger()
		slip(t, db)
		s.nodes[i].current().node.setTree(db.Tree())
		release()
		// Now it or the third node is elected. Of the two of them neither has a majority for its tree, so nobody leads.
		s.down(leader)
		time.Sleep(10 * time.Second)
		require.Nil(t, s.nodes[i].current().node.leading.Load())
		require.Nil(t, s.nodes[other].current().node.leading.Load())
		s.nodes[leader].start()
		s.must(lookUp(200))
		s.must(lookUp(201))
		s.waitDeath(i)
		s.agree(0, leader, other)
	})
}

func TestALeadersMemoryFlips(t *testing.T) {
	calmSim(t, func(s *sim) {
		i := s.leader()
		n := s.nodes[i].current().node
		bad := n.tree()
		bad.Hash[3] ^= 1
		n.setTree(bad)
		o := s.must(lookUp(100)) // voided by all, then tried again by Propose
		require.True(t, o.Recorded)
		require.NoError(t, s.fault())
		s.agree(1, 0, 1, 2)
	})
}
