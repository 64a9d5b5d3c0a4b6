package consensus

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/consensus/witness"
)

// The point of witnesses: an old copy that is put back does not go on.
func TestRestoredBehindWitnessedHistory(t *testing.T) {
	for name, more := range map[string]func(c *realCluster, w *testWitness){
		"the witness has signed more": func(*realCluster, *testWitness) {},
		// While nobody reaches the witness the restored ledger grows past what was signed: another history.
		"and the old copy has grown": func(c *realCluster, w *testWitness) {
			w.away.Store(true)
			c.start(0)
			c.leader()
			for i := range uint64(20) {
				c.look(0, 1000+i)
			}
			w.away.Store(false)
		},
		"and its own size is another tree": func(c *realCluster, w *testWitness) {
			w.away.Store(true)
			c.start(0)
			c.leader()
			for i := range uint64(6) {
				c.look(0, 1000+i)
			}
			c.stop(0)
			w.away.Store(false)
			c.start(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ws := testWitnesses(t, 1)
			c := newRealCluster(t, 1, witnessed(t, 1, ws...))
			c.leader()
			require.NoError(t, genesis(t.Context(), c.nodes[0]))
			c.look(0, 1)
			c.cosigned(0)
			c.stop(0)
			old := t.TempDir()
			require.NoError(t, os.CopyFS(old, os.DirFS(c.dirs[0])))
			c.start(0)
			c.leader()
			require.Empty(t, c.nodes[0].Status().ReadOnly, "what was not rolled back goes on")
			for i := range uint64(6) {
				c.look(0, 10+i)
			}
			c.cosigned(0)
			c.stop(0)

			c.dirs[0] = old
			more(c, ws[0])
			if c.nodes[0] == nil {
				c.start(0)
			}
			n := c.nodes[0]
			require.Eventually(t, func() bool { return n.Status().ReadOnly != "" }, 20*time.Second, 5*time.Millisecond)
			require.Contains(t, n.Status().ReadOnly, "restored behind witnessed history")
			require.False(t, n.Ready())
			require.True(t, n.Status().Witness.Alarm)
			signed, size := bytes.Clone(n.Checkpoint()), n.tree().N
			_, err := n.Propose(t.Context(), lookUp(5000))
			require.ErrorIs(t, err, ErrBehind)
			require.Equal(t, signed, n.Checkpoint(), "nothing more is signed")
			require.Equal(t, size, n.tree().N, "nor recorded")

			// To be started again helps nobody.
			c.stop(0)
			c.start(0)
			require.Eventually(t, func() bool { return c.nodes[0].Status().ReadOnly != "" }, 20*time.Second, 5*time.Millisecond)
		})
	}
}

// A copy of all nodes that is put back is found out by whichever leads, and every node says why.
func TestARestoredClusterIsReadOnly(t *testing.T) {
	ws := testWitnesses(t, 1)
	c := newRealCluster(t, 3, witnessed(t, 1, ws...))
	leader := c.leader()
	require.NoError(t, genesis(t.Context(), c.nodes[leader]))
	c.requireEqual(0, 1, 2)
	old := make([]string, 3)
	for i := range c.nodes {
		c.stop(i)
		old[i] = t.TempDir()
		require.NoError(t, os.CopyFS(old[i], os.DirFS(c.dirs[i])))
	}
	for i := range c.nodes {
		c.start(i)
	}
	leader = c.leader()
	c.look(leader, 1)
	c.cosigned(leader)
	for i := range c.nodes {
		c.stop(i)
		c.dirs[i] = old[i]
	}
	for i := range c.nodes {
		c.start(i)
	}
	for i := range c.nodes {
		require.Eventually(t, func() bool {
			_, err := c.nodes[i].Propose(t.Context(), lookUp(9))
			return err != nil && errorIsBehind(err)
		}, 30*time.Second, 20*time.Millisecond)
		require.False(t, c.nodes[i].Ready())
	}
}

func errorIsBehind(err error) bool { return statusOf(err) == statusBehind }

// A witness that agreed since the start and then says otherwise is out of order itself: an alarm, and no outage.
func TestAWitnessThatContradictsItselfStopsNobody(t *testing.T) {
	ws := testWitnesses(t, 1)
	c := newRealCluster(t, 1, witnessed(t, 1, ws...))
	c.leader()
	n := c.nodes[0]
	require.NoError(t, genesis(t.Context(), n))
	c.cosigned(0)
	x := n.witnesses.all[0]
	_, tree, err := n.witnesses.newest()
	require.NoError(t, err)
	n.witnesses.mu.Lock()
	x.size = 1 << 20
	n.witnesses.mu.Unlock()
	require.False(t, n.witnesses.behind())
	require.True(t, n.Status().Witness.Alarm)
	n.witnesses.answer(x, nil, fmt.Errorf("%w: w0", witness.ErrNotConsistent), tree, n.Checkpoint())
	require.Empty(t, n.Status().ReadOnly)
	c.look(0, 77)
	c.cosigned(0)
}
