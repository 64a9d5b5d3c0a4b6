package store

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// A view of few rows is known whole, after a start as well; with too many rows
// nothing is said of it any more that a search would not say.
func TestAViewOfFewRows(t *testing.T) {
	fs := vfs.NewMem()
	d := fresh(t, fs)
	key := func(n int) []byte { return ViewKey('W', fmt.Appendf(nil, "%06d", n)) }
	x := d.Begin()
	for n := range 100 {
		must(t, x.Set(key(n*2), nil))
	}
	must(t, x.Commit())
	must(t, d.Close())

	d = open(t, fs)
	x = d.Begin()
	for n := range 200 {
		require.Equal(t, n%2 == 1, x.Lacks(key(n)), "%d", n)
	}
	must(t, x.Delete(key(8)))
	require.True(t, x.Lacks(key(8)))
	must(t, x.Discard())
	x = d.Begin()
	require.False(t, x.Lacks(key(8)))
	must(t, x.Delete(key(8)))
	must(t, x.Commit())
	x = d.Begin()
	require.True(t, x.Lacks(key(8)))
	require.True(t, x.Lacks(key(1)))
	for n := range fewKeys {
		must(t, x.Set(key(1000+n), nil))
	}
	must(t, x.Commit())
	x = d.Begin()
	require.False(t, x.Lacks(key(1)), "too many rows: it has to be looked for")
	require.False(t, x.Lacks(key(1000)))
	must(t, x.Discard())
	must(t, d.Close())
}
