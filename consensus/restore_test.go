package consensus

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestALostResponseToAnInstall: the follower has the ledger, the leader does not know, and nothing new happens. The follower
// must be of use again all the same: it may be the one that makes the majority.
func TestALostResponseToAnInstall(t *testing.T) {
	calmSim(t, func(s *sim) {
		s.o.trailing = 0 // for those that start from here
		for i := range s.nodes {
			s.down(i)
			s.nodes[i].start()
		}
		leader := s.leader()
		var b int
		a := (leader + 1) % 3
		last := s.nodes[a].current().node.Status().LastLog
		s.down(a)
		for i := uint64(0); ; i++ {
			s.must(lookUp(100 + i))
			time.Sleep(50 * time.Millisecond)
			leader = s.leader()
			b = 3 - a - leader
			first, err := s.nodes[leader].current().node.raftlog.FirstIndex()
			require.NoError(t, err)
			other, err := s.nodes[b].current().node.raftlog.FirstIndex()
			require.NoError(t, err)
			if min(first, other) > last+5 {
				break // whoever leads has cut its log
			}
			require.Less(t, i, uint64(1000), "the log is not cut")
		}
		time.Sleep(3 * time.Second)
		s.f.dropInstalls.Store(1)
		s.nodes[a].start()
		// Raft waits longer after each failure, up to ten seconds.
		for began := time.Now(); s.f.dropInstalls.Load() >= 0; time.Sleep(100 * time.Millisecond) {
			require.Less(t, time.Since(began), 25*time.Second, "the ledger is not sent again")
		}
		s.down(b)
		s.must(lookUp(5000))
		s.agree(0, leader, a)
	})
}
