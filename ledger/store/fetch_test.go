package store

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/stretchr/testify/require"
)

// Rows that were fetched are what a search finds: written and committed,
// written here, deleted, and never there; and they stay so when they change.
func TestFetchedRowsAreTheSame(t *testing.T) { eachFetch(t, fetchedRowsAreTheSame) }

// eachFetch tests both ways of fetching.
func eachFetch(t *testing.T, test func(*testing.T, func(*Txn, [][]byte) error)) {
	t.Run("searched", func(t *testing.T) { test(t, (*Txn).Fetch) })
	t.Run("walked", func(t *testing.T) { test(t, (*Txn).FetchOnce) })
}

func fetchedRowsAreTheSame(t *testing.T, fetch func(*Txn, [][]byte) error) {
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
	require.NoError(t, fetch(txn, nil))
	require.NoError(t, fetch(txn, all))
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
	require.NoError(t, fetch(txn, all))
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

// As many as are fetched by several walks at once, with some that are not there
// and some that stand in several tables: each is what a search finds.
func TestManyRowsAreFetchedAtOnce(t *testing.T) { eachFetch(t, manyRowsAreFetchedAtOnce) }

func manyRowsAreFetchedAtOnce(t *testing.T, fetch func(*Txn, [][]byte) error) {
	db := fresh(t, vfs.NewMem())
	defer closed(t, db)
	key := func(i int) []byte { // of every third the key begins with that of another
		return ViewKey('?', binary.BigEndian.AppendUint32(nil, uint32(i-i%3)), make([]byte, i%3))
	}
	want := map[int]string{}
	for round := range 4 { // each leaves a table of its own
		txn := db.Begin()
		for i := round; i < 3000; i += 1 + 2*round {
			if i%7 == round {
				require.NoError(t, txn.Delete(key(i)))
				delete(want, i)
				continue
			}
			want[i] = fmt.Sprintf("%d of round %d", i, round)
			require.NoError(t, txn.Set(key(i), []byte(want[i])))
		}
		require.NoError(t, txn.Commit())
		require.NoError(t, db.Flush())
	}
	db.rows.clear()
	var all [][]byte
	for i := range 4000 {
		all = append(all, key(i*2741%4000))
	}
	txn := db.Begin()
	defer func() { require.NoError(t, txn.Discard()) }()
	require.NoError(t, fetch(txn, all))
	for i := range 4000 {
		row := db.rows.get(key(i))
		require.NotNil(t, row, i)
		require.Equal(t, want[i], string(row.value))
		require.Equal(t, want[i] == "", row.value == nil)
	}
}
