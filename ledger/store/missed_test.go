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
// every row that is there. Readers look for those that are about to be written.
func TestMissedRowsAreFoundOnceTheyAreThere(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	key := func(n uint64) []byte { return ViewKey('x', binary.BigEndian.AppendUint64(nil, n)) }
	var next atomic.Uint64
	end := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				if _, err := d.Get(key(next.Load())); err != nil {
					t.Error(err)
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
