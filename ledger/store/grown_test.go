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

// What is kept stays whatever else comes, up to half of the cache, which keeps its bound.
func TestRowsThatStayInTheCache(t *testing.T) {
	c := newRowCache(100_000)
	for i := range 400 {
		k := fmt.Sprintf("%03d", i)
		c.put(k, make([]byte, 100), nil, 500)
		c.keep(k)
	}
	require.LessOrEqual(t, c.kept, int64(50_000))
	require.Greater(t, c.kept, int64(48_000))
	for i := range 2000 {
		c.put(fmt.Sprintf("x%d", i), make([]byte, 100), nil, 0)
	}
	require.LessOrEqual(t, c.bytes, int64(100_000))
	stay, sum := 0, int64(0)
	for k, r := range c.rows {
		sum += int64(len(k) + len(r.value) + r.beside + rowOverhead)
		if r.kept {
			stay++
		}
	}
	require.Equal(t, sum, c.bytes)
	require.Equal(t, c.kept, int64(stay)*(3+100+500+rowOverhead))
	c.put("000", make([]byte, 50), nil, 500)
	require.Equal(t, c.kept, int64(stay)*(3+100+500+rowOverhead)-50, "what stays may become smaller")
}
