package store

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// A row that is grown is read whole at once, after a commit, from tables, and by
// whoever opens the ledger next; whether it was written whole in the same batch or
// deleted before does not matter.
func TestAGrownRowIsReadWhole(t *testing.T) {
	o := Options{FS: vfs.NewMem()}
	require.NoError(t, Init("ledger", o))
	db, err := Open("ledger", o)
	require.NoError(t, err)
	key, want := ViewKey('0', []byte("row")), ""
	check := func() {
		t.Helper()
		b, err := db.Get(key)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
	}
	for round := range 12 {
		txn := db.Begin()
		if round%5 == 0 {
			if round == 5 {
				require.NoError(t, txn.Delete(key))
			}
			want = fmt.Sprintf("whole %d", round)
			require.NoError(t, txn.SetGrown(key, []byte(want), 0, nil, 100))
		}
		for range round % 3 {
			more := fmt.Sprintf(" and %d", round)
			want += more
			require.NoError(t, txn.SetGrown(key, []byte(want), len(more), nil, 100))
			b, err := txn.Get(key)
			require.NoError(t, err)
			require.Equal(t, want, string(b))
		}
		require.NoError(t, txn.Commit())
		check()
		switch round % 4 {
		case 1:
			require.NoError(t, db.Flush())
		case 2:
			require.NoError(t, db.Close())
			db, err = Open("ledger", o)
			require.NoError(t, err)
		}
		check()
	}
	require.NoError(t, db.Close())
}
