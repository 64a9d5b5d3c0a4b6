package store

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// Roots and proofs from the sides are those of the library, for every size and
// leaf around tile bounds and for many beyond.
func TestSidesAgreeWithTheLibrary(t *testing.T) {
	e, err := loadEdge(0, func(int, int64) ([]byte, error) { return nil, nil })
	must(t, err)
	random := rand.New(rand.NewSource(1))
	for size := int64(1); size <= 1200; size++ {
		leaf := ledger.Hash{byte(size), byte(size >> 8), 7}
		e.push(leaf)
		s, err := e.sides()
		must(t, err)
		want, err := tlog.TreeHash(size, e)
		must(t, err)
		require.Equal(t, want, s.root(), "root of %d", size)
		leaves := []int64{0, size - 1, size / 2}
		if size%97 == 0 || size < 70 {
			for n := range size {
				leaves = append(leaves, n)
			}
		}
		for range 3 {
			leaves = append(leaves, random.Int63n(size))
		}
		for _, n := range leaves {
			got, err := e.prove(&s, n)
			must(t, err)
			want, err := tlog.ProveRecord(size, n, e)
			must(t, err)
			require.Equal(t, want, got, "leaf %d of %d", n, size)
		}
	}
}
