package store

import (
	"encoding/binary"
	"math/rand"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// A rising view never says that a row is not there that is: for keys in order
// and out of it, within a batch and after it, over generations and restarts.
func TestRisingRowsAreAllFound(t *testing.T) {
	o := Options{FS: vfs.NewMem()}
	must(t, Init("l", o))
	d, err := Open("l", o)
	must(t, err)
	random := rand.New(rand.NewSource(3))
	key := func(n uint64) []byte { return ViewKey('D', binary.BigEndian.AppendUint64(nil, n)) }
	written := map[uint64]bool{}
	var all []uint64
	reads := 0
	rounds := 60
	if testing.Short() { // the race detector sees as much in fewer
		rounds = 12
	}
	for round := range rounds {
		x := d.Begin()
		for i := range 3000 {
			n := uint64(round*3000+i) * 10
			switch random.Intn(20) {
			case 0:
				n = random.Uint64() % (n + 1) // late
			case 1:
				n += uint64(random.Intn(1000)) // early
			}
			v, err := x.GetRising(key(n))
			must(t, err)
			require.Equal(t, written[n], v != nil, "key %d of round %d", n, round)
			must(t, x.SetRising(key(n), []byte{1}))
			written[n] = true
			all = append(all, n)
			v, err = x.GetRising(key(all[random.Intn(len(all))]))
			must(t, err)
			require.NotNil(t, v)
			if f := d.frontier(string(key(0)[:2])); f.unknown(key(n + 1)) {
				reads++
			}
		}
		must(t, x.Commit())
		if round%29 == 28 {
			must(t, d.Close())
			d, err = Open("l", o)
			must(t, err)
		}
	}
	require.Greater(t, reads, rounds*3000/2, "most new keys are known to be new without a read")
	must(t, d.Close())
}
