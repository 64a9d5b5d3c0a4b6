package consensus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// signingNode is as much of a node as signing needs.
func signingNode(t *testing.T) *Node {
	t.Helper()
	o := store.Options{FS: vfs.NewMem()}
	require.NoError(t, store.Init("ledger", o))
	db, err := store.Open("ledger", o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	n := &Node{}
	n.ledger.db = db
	n.config.Verifier = testKey().verifier
	n.checkpoints.origin, n.checkpoints.signer = testOrigin, testKey().signer
	return n
}

func TestNeverTwoRootsOfOneSize(t *testing.T) {
	n := signingNode(t)
	a, b := tlog.Tree{N: 5, Hash: tlog.Hash{1}}, tlog.Tree{N: 5, Hash: tlog.Hash{2}}
	first, err := n.sign(a)
	require.NoError(t, err)
	again, err := n.sign(a)
	require.NoError(t, err)
	require.Equal(t, first, again)
	_, err = n.sign(b)
	require.ErrorIs(t, err, ErrSigned)
	_, err = n.sign(tlog.Tree{N: 4, Hash: tlog.Hash{3}})
	require.ErrorIs(t, err, ErrSigned)
	require.Equal(t, first, n.Checkpoint())

	// The next process knows.
	next := &Node{}
	next.ledger.db = n.ledger.db
	next.checkpoints.origin, next.checkpoints.signer = testOrigin, testKey().signer
	require.NoError(t, next.checkpoints.load(n.ledger.db))
	_, err = next.sign(b)
	require.ErrorIs(t, err, ErrSigned)
	require.Equal(t, first, next.Checkpoint())
}

func TestAToldCheckpointIsCheckedBeforeItIsKept(t *testing.T) {
	n := signingNode(t)
	slipFirst(t, n.ledger.db)
	tree := n.ledger.db.Tree()
	good, err := ledger.SignCheckpoint(testOrigin, tree, testKey().signer)
	require.NoError(t, err)
	forged, err := ledger.SignCheckpoint(testOrigin, tlog.Tree{N: 1, Hash: tlog.Hash{1}}, testKey().signer)
	require.NoError(t, err)
	beyond, err := ledger.SignCheckpoint(testOrigin, tlog.Tree{N: 2, Hash: tlog.Hash{1}}, testKey().signer)
	require.NoError(t, err)
	unsigned := append([]byte{}, good...)
	unsigned[len(unsigned)-10] ^= 1
	for _, bad := range [][]byte{nil, []byte("x"), forged, beyond, unsigned} {
		n.learn(bad)
		require.Nil(t, n.Checkpoint())
	}
	n.learn(good)
	require.Equal(t, good, n.Checkpoint())
}

// slipFirst opens the log in a database without consensus.
func slipFirst(t *testing.T, db *store.DB) {
	t.Helper()
	stepAlone(t, db, command(1, ledger.SystemActor("n1"), &ledger.OpenLog{ID: testLog, Origin: testOrigin, Verifier: testKey().vkey}))
}

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var died error
		d := newWatchdog("testing", func(err error) { died = err })
		for range 3 {
			d.begin()
			time.Sleep(stallLimit - time.Millisecond)
			d.end()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, died)
		d.begin()
		time.Sleep(stallLimit + time.Millisecond)
		synctest.Wait()
		require.ErrorContains(t, died, "testing")
	})
}
