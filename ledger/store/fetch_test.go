package store

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/stretchr/testify/require"
)

// Rows that were fetched are what a search finds: written and committed,
// written here, deleted, and never there; and they stay so when they change.
func TestFetchedRowsAreTheSame(t *testing.T) {
	db := fresh(t, vfs.NewMem())
	defer closed(t, db)
	key := func(s string) []byte { return ViewKey('?', []byte(s)) }
	txn := db.Begin()
	for _, k := range []string{"a", "b", "d", "e"} {
		require.NoError(t, txn.Set(key(k), []byte(k+"1")))
	}
	require.NoError(t, txn.Set(key("empty"), nil))
	require.NoError(t, txn.Commit())
	db.rows.clear()

	txn = db.Begin()
	require.NoError(t, txn.Set(key("b"), []byte("b2")))
	require.NoError(t, txn.Delete(key("d")))
	all := [][]byte{key("e"), key("c"), key("b"), key("empty"), key("d"), key("a"), key("z"), key("a")}
	require.NoError(t, txn.Fetch(nil))
	require.NoError(t, txn.Fetch(all))
	want := map[string]string{"a": "a1", "b": "b2", "e": "e1"}
	check := func(r Reader) {
		t.Helper()
		for _, k := range []string{"a", "b", "c", "d", "e", "z"} {
			got, err := r.Get(key(k))
			require.NoError(t, err)
			require.Equal(t, want[k], string(got), k)
			require.Equal(t, want[k] == "", got == nil, k)
		}
		got, err := r.Get(key("empty"))
		require.NoError(t, err)
		require.NotNil(t, got)
		require.Empty(t, got)
	}
	check(txn)
	for _, k := range []string{"a", "e", "c", "z", "empty"} {
		require.NotNil(t, db.rows.get(key(k)), k)
	}
	require.NoError(t, txn.Commit())
	check(db)

	// What is written later is not hidden by what was fetched.
	txn = db.Begin()
	require.NoError(t, txn.Fetch(all))
	require.NoError(t, txn.Set(key("c"), []byte("c3")))
	require.NoError(t, txn.Set(key("a"), []byte("a3")))
	require.NoError(t, txn.Delete(key("e")))
	want["c"], want["a"] = "c3", "a3"
	delete(want, "e")
	check(txn)
	require.NoError(t, txn.Commit())
	txn = db.Begin()
	check(txn)
	require.NoError(t, txn.Discard())
}
