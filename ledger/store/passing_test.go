package store

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// However much passes through, it leaves what others read where it was: in memory,
// and as it is now.
func TestWhatPassesThroughTakesNoPlace(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	key := func(n int) []byte { return ViewKey('x', fmt.Appendf(nil, "%06d", n)) }
	x := d.Begin()
	must(t, x.SetMade(key(0), []byte("old"), "made of old"))
	must(t, x.Set(key(1), []byte("gone soon")))
	must(t, x.SetCold(key(2), []byte("on the disk")))
	must(t, x.Commit())
	held := len(d.rows.rows)

	x = d.Begin()
	x.Passing(true)
	for n := range 1000 {
		v, err := x.Get(key(100 + n))
		must(t, err)
		require.Nil(t, v)
		must(t, x.SetMade(key(100+n), []byte("new"), n))
		require.Equal(t, n, x.Memo(key(100+n)), "at hand while it is written")
	}
	v, err := x.Get(key(2))
	must(t, err)
	require.Equal(t, "on the disk", string(v))
	require.Nil(t, x.Memo(key(2)))
	x.SetMemo(key(2), "made of it")
	require.Equal(t, "made of it", x.Memo(key(2)), "at hand while it is read again")
	require.Equal(t, "made of old", x.Memo(key(0)), "what is in memory serves whoever passes")
	must(t, x.SetMade(key(0), []byte("new"), "made of new"))
	must(t, x.Delete(key(1)))
	must(t, x.SetKept(key(3), []byte("kept"), "made of kept"))
	x.Passing(false)
	must(t, x.Set(key(4), []byte("stays")))
	must(t, x.Commit())
	require.Equal(t, held+2, len(d.rows.rows))

	x = d.Begin()
	for n, want := range []string{"new", "", "on the disk", "kept", "stays"} {
		v, err := x.Get(key(n))
		must(t, err)
		require.Equal(t, want, string(v))
	}
	require.Equal(t, "made of new", x.Memo(key(0)))
	require.Equal(t, "made of kept", x.Memo(key(3)))
	require.Nil(t, x.Memo(key(1)))
	require.Nil(t, x.Memo(key(2)), "it went with its transaction")
	for n := range 1000 {
		v, err := x.Get(key(100 + n))
		must(t, err)
		require.Equal(t, "new", string(v))
	}
	must(t, x.Discard())
	closed(t, d)
}
