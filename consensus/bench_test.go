package consensus

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkPropose measures lookups through consensus without HTTP: clients in a closed loop on one process.
func BenchmarkPropose(b *testing.B) {
	for _, size := range []int{1, 3} {
		for _, clients := range []int{64, 256} {
			b.Run(fmt.Sprintf("nodes=%d/clients=%d", size, clients), func(b *testing.B) {
				c := newRealCluster(b, size, nil)
				n := c.nodes[c.leader()]
				require.NoError(b, genesis(b.Context(), n))
				var next atomic.Uint64
				b.SetParallelism(clients / 2)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						if _, err := n.Propose(b.Context(), lookUp(next.Add(1))); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
			})
		}
	}
}
