package projection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// The rows of those whom a file names take no place in memory: theirs do who are
// looked up, and a file that names them again finds them there and keeps them right.
func TestAFileTakesNoPlaceInMemory(t *testing.T) {
	w := newWorld(t)
	head := personKey(w.keys.Person("9990000018"), partHead)
	held := func() any {
		txn := w.db.Begin()
		memo := txn.Memo(head)
		require.NoError(t, txn.Commit()) // giving up would clear it
		return memo
	}
	w.plan("LA1", 1, w.row(1, "9990000018", ledger.ChildProtection, "2026-01-01", ""))
	require.Nil(t, held())
	w.lookup(w.actor("nurse", ledger.RoleClinician, "RXX01"), "9990000018", nil)
	was := held()
	require.NotNil(t, was)
	w.plan("LA1", 2, w.row(1, "9990000018", ledger.ChildProtection, "2026-01-01", "2026-02-01"))
	now, ok := held().(*person)
	require.True(t, ok)
	require.Greater(t, now.head.N, was.(*person).head.N)
}
