package consensus

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus/raftlog"
	"custos/ledger"
)

const testOrigin = "custos.test/log"

// testKey is the one log key of all test clusters.
var testKey = sync.OnceValue(func() (k struct {
	signer   note.Signer
	verifier note.Verifier
	vkey     string
},
) {
	s, v, err := note.GenerateKey(rand.Reader, testOrigin)
	if err != nil {
		panic(err)
	}
	k.vkey = v
	if k.signer, err = note.NewSigner(s); err != nil {
		panic(err)
	}
	if k.verifier, err = note.NewVerifier(v); err != nil {
		panic(err)
	}
	return k
})

// testTimings make a cluster on one machine elect quickly.
func testTimings(c *Config) {
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLease = 300*time.Millisecond, 300*time.Millisecond, 150*time.Millisecond
}

func testLogger(t testing.TB) *slog.Logger {
	if os.Getenv("CUSTOS_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})).With("test", t.Name())
}

func testLoggerOrNone(t testing.TB) *slog.Logger {
	if l := testLogger(t); l != nil {
		return l
	}
	return slog.New(slog.DiscardHandler)
}

// commandID derives a command id that a test can find again.
func commandID(n uint64) ledger.ID {
	return ledger.DeriveID("test command", binary.BigEndian.AppendUint64(nil, n))
}

func command(n uint64, a ledger.Actor, q ledger.Request) ledger.Command {
	return ledger.Command{
		ID: commandID(n), Seed: ledger.DeriveID("test seed", binary.BigEndian.AppendUint64(nil, n)), Actor: a, Request: q,
	}
}

func doctor() ledger.Actor {
	return ledger.Actor{Issuer: "https://issuer.test", Subject: "doctor", Role: ledger.RoleClinician, Organisation: "RXX01", Node: "n1"}
}

func operator() ledger.Actor {
	return ledger.Actor{Issuer: "https://issuer.test", Subject: "op", Role: ledger.RoleOperator, Organisation: "NAT", Node: "n1"}
}

func person(n uint64) ledger.PersonRef {
	var p ledger.PersonRef
	p[0] = 1
	binary.BigEndian.PutUint64(p[1:], n)
	return p
}

func lookUp(n uint64) ledger.Command {
	return command(n, doctor(), &ledger.LookUp{Person: person(n % 50)})
}

// genesis opens the log and records the organisation of the test's doctor. Both are safe to repeat.
func genesis(ctx context.Context, n *Node) error {
	open := command(1<<40, ledger.SystemActor("n1"), &ledger.OpenLog{Rules: ledger.CurrentRules,
		ID: testLog, Origin: testOrigin, Verifier: testKey().vkey, Synthetic: true,
	})
	if _, err := n.Propose(ctx, open); err != nil {
		return err
	}
	org := command(1<<40+1, operator(), &ledger.RecordOrganisation{Organisation: ledger.Organisation{
		Code: "RXX01", Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled,
	}})
	_, err := n.Propose(ctx, org)
	return err
}

// real is a cluster of nodes on loopback and on disk.
type realCluster struct {
	t       testing.TB
	members []Member
	creds   []Credentials
	nodes   []*Node
	dirs    []string
	change  func(*Config)
}

// quietAddress is one that no system we know lends to connections, which begin at
// 32768: nobody takes it while its node is down.
func quietAddress() string { return fmt.Sprintf("127.0.0.1:%d", 20_000+mathrand.IntN(12_000)) }

func newRealCluster(t testing.TB, size int, change func(*Config)) *realCluster {
	t.Helper()
	ca := mustCA(t)
	c := &realCluster{t: t, nodes: make([]*Node, size), change: change}
	var ports []*TLS
	for i := range size {
		name := fmt.Sprintf("n%d", i+1)
		c.creds = append(c.creds, mustIssue(t, ca, testLog, name))
		var p *TLS
		require.Eventually(t, func() (free bool) {
			var err error
			p, err = Listen(ListenConfig{Address: quietAddress(), Credentials: c.creds[i]})
			return err == nil
		}, 10*time.Second, time.Millisecond, "a port that is free")
		ports = append(ports, p)
		c.members = append(c.members, Member{name, p.Address()})
		c.dirs = append(c.dirs, filepath.Join(t.TempDir(), name))
	}
	for i := range size {
		require.NoError(t, ports[i].Close())
		require.NoError(t, Init(c.config(i, nil)))
	}
	for i := range size {
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.stop(i)
		}
	})
	return c
}

func (c *realCluster) config(i int, net Network) Config {
	cfg := Config{
		Dir: c.dirs[i], Identity: Identity{testLog, c.members[i].Node}, Network: net, Members: c.members,
		PublicURL: "http://" + c.members[i].Node, Origin: testOrigin, Signer: testKey().signer, Verifier: testKey().verifier,
		Logger: testLogger(c.t),
	}
	testTimings(&cfg)
	if c.change != nil {
		c.change(&cfg)
	}
	return cfg
}

func (c *realCluster) start(i int) {
	c.t.Helper()
	net, err := Listen(ListenConfig{Address: c.members[i].Address, Credentials: c.creds[i], Logger: testLogger(c.t)})
	require.NoError(c.t, err)
	c.nodes[i], err = Open(c.config(i, net))
	require.NoError(c.t, err)
}

func (c *realCluster) stop(i int) {
	if c.nodes[i] != nil {
		require.NoError(c.t, c.nodes[i].Close())
		c.nodes[i] = nil
	}
}

func (c *realCluster) leader() int {
	c.t.Helper()
	var leader int
	require.Eventually(c.t, func() bool {
		for i, n := range c.nodes {
			if n != nil && n.leading.Load() != nil {
				leader = i
				return true
			}
		}
		return false
	}, 20*time.Second, 10*time.Millisecond)
	return leader
}

// requireReceipt checks an outcome's receipt as a stranger would.
func requireReceipt(t testing.TB, n *Node, o Outcome) {
	t.Helper()
	require.True(t, o.Recorded)
	db, release := n.Ledger()
	defer release()
	var hash ledger.Hash
	for record, err := range db.Records(o.Answer.Seq, o.Answer.Seq+1) {
		require.NoError(t, err)
		e, err := ledger.ParseEntry(record)
		require.NoError(t, err)
		hash = e.Hash()
	}
	r, err := ledger.ParseReceipt(o.Receipt().Format())
	require.NoError(t, err)
	tree, err := r.Verify(hash, testOrigin, note.VerifierList(testKey().verifier))
	require.NoError(t, err)
	require.Equal(t, o.Tree, tree)
}

func TestOneNode(t *testing.T) {
	c := newRealCluster(t, 1, nil)
	n := c.nodes[0]
	c.leader()
	require.NoError(t, genesis(t.Context(), n))
	var all sync.WaitGroup
	outs := make([]Outcome, 200)
	for i := range outs {
		all.Go(func() {
			var err error
			outs[i], err = n.Propose(t.Context(), lookUp(uint64(i)))
			require.NoError(t, err)
		})
	}
	all.Wait()
	seen := map[ledger.Seq]bool{}
	for _, o := range outs {
		require.Nil(t, o.Answer.Refusal)
		require.Equal(t, ledger.OutcomeNotFound, o.Answer.Access.Outcome)
		require.False(t, seen[o.Answer.Seq])
		seen[o.Answer.Seq] = true
		requireReceipt(t, n, o)
	}
	s := n.Status()
	require.True(t, s.Ready)
	require.EqualValues(t, 202, s.Size)
	require.Equal(t, "n1", s.Leader)
	require.Equal(t, "http://n1", s.LeaderURL)

	c.stop(0)
	c.start(0)
	c.leader()
	n = c.nodes[0]
	require.EqualValues(t, 202, n.Status().Size)
	require.NotEmpty(t, n.Checkpoint())
	again, err := n.Propose(t.Context(), lookUp(7))
	require.NoError(t, err)
	require.Equal(t, outs[7].Answer.Seq, again.Answer.Seq)
	require.EqualValues(t, 202, n.Status().Size, "the same attempt is the same entry")
	require.ErrorContains(t, Init(c.config(0, nil)), "initialised already")
}

func TestThreeNodes(t *testing.T) {
	c := newRealCluster(t, 3, nil)
	leader := c.leader()
	require.NoError(t, genesis(t.Context(), c.nodes[(leader+1)%3]))
	const each = 60
	outs := make([]Outcome, 3*each)
	var all sync.WaitGroup
	for i := range outs {
		all.Go(func() {
			var err error
			outs[i], err = c.nodes[i%3].Propose(t.Context(), lookUp(uint64(i)))
			require.NoError(t, err)
		})
	}
	all.Wait()
	for _, o := range outs {
		requireReceipt(t, c.nodes[leader], o)
	}
	c.grown((leader+1)%3, leader)
	c.requireEqual(0, 1, 2)
	require.Eventually(t, func() bool {
		for _, n := range c.nodes {
			s := n.Status()
			if !s.Ready || s.LeaderURL != "http://"+c.members[leader].Node || len(s.Peers) != 2 {
				return false
			}
			if string(n.Checkpoint()) != string(c.nodes[leader].Checkpoint()) {
				return false
			}
		}
		return true
	}, 10*time.Second, 20*time.Millisecond, "followers learn the leader's URL and its newest checkpoint")

	// The leader goes; the survivors answer again, and a retry is the same entry.
	c.stop(leader)
	next := (leader + 1) % 3
	o, err := c.nodes[next].Propose(t.Context(), lookUp(5))
	require.NoError(t, err)
	require.Equal(t, outs[5].Answer.Seq, o.Answer.Seq)
	o, err = c.nodes[next].Propose(t.Context(), lookUp(5000))
	require.NoError(t, err)
	requireReceipt(t, c.nodes[c.leader()], o)

	// It comes back and catches up.
	c.start(leader)
	c.requireEqual(0, 1, 2)
}

// TestANodeThatStartsIsBehind: a node knows nothing of what it missed until a leader
// has said how far it is, and it is as far.
func TestANodeThatStartsIsBehind(t *testing.T) {
	c := newRealCluster(t, 3, nil)
	leader := c.leader()
	require.True(t, c.nodes[leader].CaughtUp())
	require.NoError(t, genesis(t.Context(), c.nodes[leader]))
	away := (leader + 1) % 3
	c.requireEqual(0, 1, 2)
	c.stop(away)
	for i := range uint64(20) {
		_, err := c.nodes[leader].Propose(t.Context(), lookUp(i))
		require.NoError(t, err)
	}
	missed := c.nodes[leader].tree().N
	for i := range c.nodes { // alone it hears of nobody
		if i != away {
			c.stop(i)
		}
	}
	c.start(away)
	time.Sleep(2 * pingEvery)
	require.False(t, c.nodes[away].CaughtUp())
	require.False(t, c.nodes[away].Ready())
	c.start(leader)
	require.Eventually(t, c.nodes[away].CaughtUp, 20*time.Second, time.Millisecond)
	require.GreaterOrEqual(t, c.nodes[away].tree().N, missed)
}

// requireEqual waits until the nodes hold the same tree.
func (c *realCluster) requireEqual(nodes ...int) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		for _, i := range nodes {
			if c.nodes[i].tree() != c.nodes[nodes[0]].tree() {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond)
}

// grown waits until one node has the tree of another, by nothing but being woken.
func (c *realCluster) grown(i, as int) {
	c.t.Helper()
	late := time.After(20 * time.Second)
	for {
		more := c.nodes[i].Grown()
		if c.nodes[i].tree() == c.nodes[as].tree() {
			return
		}
		select {
		case <-more:
		case <-late:
			require.FailNow(c.t, "nobody was woken")
		}
	}
}

// TestALedgerIsReceived: a follower that was away for longer than the log goes back receives the whole ledger, over TLS and
// on a real disk, and starts again from it.
func TestALedgerIsReceived(t *testing.T) {
	c := newRealCluster(t, 3, func(c *Config) {
		none := uint64(0)
		c.SnapshotThreshold, c.SnapshotInterval, c.TrailingLogs = 10, 50*time.Millisecond, &none
	})
	leader := c.leader()
	away := (leader + 1) % 3
	require.NoError(t, genesis(t.Context(), c.nodes[leader]))
	c.requireEqual(0, 1, 2)
	c.stop(away)
	for i := range uint64(100) {
		_, err := c.nodes[leader].Propose(t.Context(), lookUp(i))
		require.NoError(t, err)
	}
	last := c.nodes[leader].Status().LastLog
	require.Eventually(t, func() bool {
		first, err := c.nodes[leader].raftlog.FirstIndex()
		return err == nil && first > last-50
	}, 10*time.Second, 20*time.Millisecond, "the log is cut")
	c.start(away)
	c.grown(away, leader)
	c.requireEqual(0, 1, 2)
	require.NotEqual(t, "ledger", c.nodes[away].ledger.folder, "it came as a whole")
	dir, err := raftlog.LedgerDir(nil, c.dirs[away])
	require.NoError(t, err)
	require.DirExists(t, dir)
	c.stop(away)
	c.start(away)
	require.Equal(t, "ledger", c.nodes[away].ledger.folder)
	o, err := c.nodes[away].Propose(t.Context(), lookUp(7777))
	require.NoError(t, err)
	c.requireEqual(0, 1, 2)
	requireReceipt(t, c.nodes[away], o)
	for i := range c.nodes {
		names, err := filepath.Glob(filepath.Join(c.dirs[i], "outgoing-*"))
		require.NoError(t, err)
		require.LessOrEqual(t, len(names), 1, "at most the newest copy is kept")
	}
}

func TestRestoreCommittedLogsStaysOff(t *testing.T) {
	c, err := Config{Dir: "d", Identity: Identity{testLog, "n1"}}.withDefaults()
	require.NoError(t, err)
	r := c.raftConfig(nil)
	require.False(t, r.RestoreCommittedLogs)
	require.True(t, r.NoSnapshotRestoreOnStart)
	require.False(t, r.BatchApplyCh)
}
