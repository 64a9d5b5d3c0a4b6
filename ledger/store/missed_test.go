package store

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// However readers' searches fall between the writer's commits, the writer finds
// every row that is there, and whoever has seen one row of a batch sees the others.
// Readers look for those that are about to be written.
func TestMissedRowsAreFoundOnceTheyAreThere(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	key := func(n uint64) []byte { return ViewKey('x', binary.BigEndian.AppendUint64(nil, n)) }
	other := func(n uint64) []byte { return ViewKey('y', binary.BigEndian.AppendUint64(nil, n)) }
	var next atomic.Uint64
	end := make(chan struct{})
	var readers sync.WaitGroup
	for reader := range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-end:
					return
				default:
				}
				n := next.Load()
				if reader == 0 {
					if err := d.Expect([][]byte{other(n), key(n + 1), key(n)}); err != nil {
						t.Error(err)
						return
					}
					continue
				}
				one, err := d.Get(key(n))
				two, err2 := d.Get(other(n))
				if err != nil || err2 != nil || one != nil && two == nil {
					t.Error("a batch was seen in part", n, err, err2)
					return
				}
			}
		})
	}
	spared := 0
	for n := range uint64(5000) {
		if n%2 == 0 {
			_, err := d.Get(key(n))
			must(t, err)
		}
		if d.missed.has(key(n)) {
			spared++
		}
		x := d.Begin()
		v, err := x.Get(key(n))
		must(t, err)
		require.Nil(t, v)
		must(t, x.Set(other(n), []byte{1}))
		must(t, x.SetCold(key(n), []byte{1})) // it is in no cache, so each read of it is a search
		must(t, x.Commit())
		d.rows.clear()
		x = d.Begin()
		v, err = x.Get(key(n))
		must(t, err)
		require.NotNil(t, v, "row %d was committed", n)
		must(t, x.Discard())
		next.Store(n + 1)
	}
	close(end)
	readers.Wait()
	require.GreaterOrEqual(t, spared, 2500)
	require.LessOrEqual(t, len(d.missed.keys), missedKeys)
	for n := range uint64(2 * missedKeys) {
		_, err := d.Get(key(1<<32 + n))
		must(t, err)
	}
	require.LessOrEqual(t, len(d.missed.keys), missedKeys, "it has an end")
	must(t, d.Close())
}
