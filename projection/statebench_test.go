package projection

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// BenchmarkIndex measures what a state entry costs for each person whose chain has
// grown, where 2,000 of so many have: the trees' part of a lookup under full load.
func BenchmarkIndex(b *testing.B) {
	for _, people := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			dir := b.TempDir()
			require.NoError(b, store.Init(dir, store.Options{}))
			db, err := store.Open(dir, store.Options{CacheBytes: 256 << 20})
			require.NoError(b, err)
			defer func() { require.NoError(b, db.Close()) }()
			key := func(n int) []byte { s := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))); return s[:] }
			change := func(leaves []leaf) {
				leaves = sortLeaves(leaves)
				txn := db.Begin()
				out := pages{}
				_, err := (&trie{r: txn, view: viewIndexTree, size: 32, appends: true}).apply(leaves, out)
				require.NoError(b, err)
				require.NoError(b, out.write(txn))
				require.NoError(b, txn.Commit())
			}
			var all []leaf
			for n := range people {
				all = append(all, leaf{key(n), ledger.Hash{1, byte(n)}})
			}
			change(all)
			rng := rand.New(rand.NewPCG(1, 1))
			b.ResetTimer()
			used := processorTime(b)
			const each = 2000
			for i := 0; i < b.N; i += each {
				seen := map[int]bool{}
				var leaves []leaf
				for range each {
					n := rng.IntN(people)
					if !seen[n] {
						seen[n] = true
						leaves = append(leaves, leaf{key(n), ledger.Hash{2, byte(i), byte(i >> 8), byte(i >> 16), byte(n)}})
					}
				}
				change(leaves)
			}
			b.ReportMetric(float64(processorTime(b)-used)/float64(b.N), "ns-processor/op")
		})
	}
}
