package store

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// Proofs are the same whether the rows with the groups' roots are there, are gone,
// as in a ledger of an older program, or hold something else.
func TestNothingRestsOnTheGroupsOfATile(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	c := newChain(t)
	c.commit(d, 3*tileWidth+5)
	var seqs []ledger.Seq
	var wants []tlog.RecordProof
	size := int64(c.head.Size)
	for n := int64(0); n < size; n += 3 {
		want, err := tlog.ProveRecord(size, n, c)
		must(t, err)
		seqs, wants = append(seqs, ledger.Seq(n)), append(wants, want)
	}
	same := func(why string) {
		t.Helper()
		all, err := d.ProveAll(seqs, size)
		must(t, err)
		require.Equal(t, wants, all, why)
	}
	same("as they were written")
	quick := func() (n int) {
		rows, err := newTileRows(d.p)
		must(t, err)
		defer func() { must(t, rows.it.Close()) }()
		p := tiles{read: rows.read, have: map[tileID]*readTile{}}
		for i := range size / tileWidth {
			got, err := p.tile(tileID{0, i})
			must(t, err)
			if got.all == nil {
				n++
			}
		}
		return n
	}
	require.Equal(t, 3, quick(), "every full tile has its groups")
	for _, n := range []int{0, 5, 511} {
		b, err := d.Get(groupsKey(0, 1))
		must(t, err)
		require.Len(t, b, 512)
		b[n] ^= 1
		must(t, d.p.Set(groupsKey(0, 1), b, pebble.Sync))
		same("altered")
		require.Equal(t, 2, quick())
		b[n] ^= 1
		must(t, d.p.Set(groupsKey(0, 1), b, pebble.Sync))
	}
	must(t, d.p.Set(groupsKey(0, 2), []byte("short"), pebble.Sync))
	same("cut")
	for n := range size / tileWidth {
		must(t, d.p.Delete(groupsKey(0, n), pebble.Sync))
	}
	same("gone")
	require.Zero(t, quick())
	must(t, d.Close())
}

// What a part of the work panics with, the caller sees, on its own goroutine.
func TestAPanicOfAPartIsTheCallers(t *testing.T) {
	struck := errors.New("a damaged block")
	require.PanicsWithValue(t, struck, func() {
		_ = shared(1000, func(from, _ int) error {
			if from > 0 {
				panic(struck)
			}
			return nil
		})
	})
	require.ErrorIs(t, shared(1000, func(from, _ int) error { return map[bool]error{true: struck}[from > 0] }), struck)
	done := make([]bool, 1001)
	require.NoError(t, shared(len(done), func(from, to int) error {
		for i := from; i < to; i++ {
			require.False(t, done[i])
			done[i] = true
		}
		return nil
	}))
	require.NotContains(t, done, false)
	require.NoError(t, shared(0, nil))
}
