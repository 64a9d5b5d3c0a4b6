package consensus

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus/witness"
	"custos/ledger"
)

// testWitness is a witness on loopback that can be made unreachable.
type testWitness struct {
	vkey string
	url  string
	away atomic.Bool
}

// testWitnesses starts n witnesses of the test clusters' log.
func testWitnesses(t *testing.T, n int) []*testWitness {
	t.Helper()
	var out []*testWitness
	for i := range n {
		secret, vkey, err := witness.GenerateKey(rand.Reader, fmt.Sprintf("witness.test/%d", i))
		require.NoError(t, err)
		signer, err := witness.ParseKey(secret)
		require.NoError(t, err)
		fs := vfs.NewMem()
		require.NoError(t, fs.MkdirAll("w", 0o700))
		s, err := witness.Open(witness.Config{Dir: "w", FS: fs, Signer: signer, Logs: []note.Verifier{testKey().verifier}})
		require.NoError(t, err)
		w := &testWitness{vkey: vkey}
		srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if w.away.Load() {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			s.ServeHTTP(rw, r)
		}))
		t.Cleanup(srv.Close)
		w.url = srv.URL
		out = append(out, w)
	}
	return out
}

// policyText asks for k of them.
func policyText(k int, ws ...*testWitness) []byte {
	b := []byte("log " + testKey().vkey + "\n")
	group := fmt.Sprintf("group g %d", k)
	for i, w := range ws {
		b = fmt.Appendf(b, "witness w%d %s %s\n", i, w.vkey, w.url)
		group += fmt.Sprintf(" w%d", i)
	}
	return append(b, group+"\nquorum g\n"...)
}

func witnessed(t *testing.T, k int, ws ...*testWitness) func(*Config) {
	t.Helper()
	p, err := witness.ParsePolicy(policyText(k, ws...))
	require.NoError(t, err)
	return func(c *Config) {
		c.Witnesses, c.WitnessInterval, c.seams.witnessStart = &p, 5*time.Millisecond, 300*time.Millisecond
	}
}

func (c *realCluster) look(node int, n uint64) Outcome {
	c.t.Helper()
	o, err := c.nodes[node].Propose(c.t.Context(), lookUp(n))
	require.NoError(c.t, err)
	return o
}

// cosigned waits until the newest checkpoint of a node has what its policy asks for.
func (c *realCluster) cosigned(node int) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		n := c.nodes[node]
		_, tree := n.cosigned()
		return tree == n.tree() && tree.N > 0
	}, 20*time.Second, 10*time.Millisecond)
}

func TestCheckpointsAreCosigned(t *testing.T) {
	ws := testWitnesses(t, 3)
	ws[2].away.Store(true)
	c := newRealCluster(t, 1, witnessed(t, 2, ws...))
	c.leader()
	n := c.nodes[0]
	require.NoError(t, genesis(t.Context(), n))
	for i := range uint64(30) {
		requireReceipt(t, n, c.look(0, i))
	}
	c.cosigned(0)
	theirs, err := torchwood.ParsePolicy(policyText(2, ws...))
	require.NoError(t, err)
	_, _, err = torchwood.VerifyCheckpoint(n.Published(), theirs)
	require.NoError(t, err)
	_, _, err = torchwood.VerifyCheckpoint(n.Checkpoint(), theirs)
	require.Error(t, err, "what goes through Raft is the log's note alone")
	s := n.Status().Witness
	require.Zero(t, s.Lag)
	require.Zero(t, s.Since)
	require.False(t, s.Alarm)
	require.True(t, s.Each[0].Agreed)
	require.Equal(t, witness.ErrAnswer.Error(), s.Each[2].Trouble)

	// A receipt stands on the cosigned checkpoint, and another's verifier says so.
	r, err := n.Receipt(7)
	require.NoError(t, err)
	require.NoError(t, torchwood.VerifyProof(theirs, r.Leaf, r.Format()))

	// With one witness gone the policy cannot be met: lookups go on, and the lag is shown.
	ws[1].away.Store(true)
	size := n.tree().N
	for i := range uint64(5) {
		requireReceipt(t, n, c.look(0, 100+i))
	}
	require.Eventually(t, func() bool { s := n.Status().Witness; return s.Lag == 5 && s.Since > 0 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, size, n.Status().Witness.Size)
	r, err = n.Receipt(7)
	require.NoError(t, err)
	require.NoError(t, torchwood.VerifyProof(theirs, r.Leaf, r.Format()))
	n.witnesses.mu.Lock()
	n.witnesses.since = time.Now().Add(-2 * witnessAlarm)
	n.witnesses.mu.Unlock()
	require.True(t, n.Status().Witness.Alarm)

	// It comes back, far behind, and is told what it missed.
	ws[1].away.Store(false)
	c.cosigned(0)
	require.False(t, n.Status().Witness.Alarm)

	// The next process knows, before it has asked anybody.
	ws[0].away.Store(true)
	ws[1].away.Store(true)
	before := n.Published()
	c.stop(0)
	c.start(0)
	require.Equal(t, before, c.nodes[0].Published())
}

func TestFollowersHaveTheCosignedCheckpoint(t *testing.T) {
	ws := testWitnesses(t, 2)
	c := newRealCluster(t, 3, witnessed(t, 2, ws...))
	leader := c.leader()
	require.NoError(t, genesis(t.Context(), c.nodes[leader]))
	c.look(leader, 1)
	c.requireEqual(0, 1, 2)
	for i := range c.nodes {
		c.cosigned(i)
	}
	// Another leader goes on from what the witnesses have.
	c.stop(leader)
	next := c.leader()
	c.look(next, 2)
	c.cosigned(next)
	c.start(leader)
	c.requireEqual(0, 1, 2)
	c.cosigned(leader)
	for _, n := range c.nodes {
		require.Empty(t, n.Status().ReadOnly)
	}
}

func TestAPolicyOfAnotherLogStopsAStart(t *testing.T) {
	ws := testWitnesses(t, 1)
	_, vkey, err := note.GenerateKey(rand.Reader, testOrigin)
	require.NoError(t, err)
	p, err := witness.ParsePolicy(bytes.Replace(policyText(1, ws...), []byte(testKey().vkey), []byte(vkey), 1))
	require.NoError(t, err)
	cfg := Config{Dir: t.TempDir(), Identity: Identity{testLog, "n1"}, Origin: testOrigin, Signer: testKey().signer, Verifier: testKey().verifier,
		Network: new(TLS), Witnesses: &p}
	_, err = Open(cfg)
	require.ErrorIs(t, err, witness.ErrPolicy)
}

// A told checkpoint is checked against this node's own policy and its own tree.
func TestAToldCosignedCheckpointIsChecked(t *testing.T) {
	ws := testWitnesses(t, 1)
	c := newRealCluster(t, 1, witnessed(t, 1, ws...))
	c.leader()
	n := c.nodes[0]
	require.NoError(t, genesis(t.Context(), n))
	c.cosigned(0)
	good, tree := n.cosigned()
	alone, err := ledger.SignCheckpoint(testOrigin, tree, testKey().signer)
	require.NoError(t, err)
	n.witnesses.mu.Lock()
	n.witnesses.note, n.witnesses.tree.N = nil, 0
	n.witnesses.mu.Unlock()
	for _, bad := range [][]byte{nil, alone, good[:len(good)-8], bytes.Replace(good, []byte("\n2\n"), []byte("\n1\n"), 1)} {
		n.witnesses.learn(bad)
		now, _ := n.cosigned()
		require.Nil(t, now)
	}
	n.witnesses.learn(good)
	now, _ := n.cosigned()
	require.Equal(t, good, now)
}
