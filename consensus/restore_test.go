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
		a, b := (leader+1)%3, (leader+2)%3
		s.down(a)
		for i := range uint64(60) {
			s.must(lookUp(100 + i))
		}
		time.Sleep(3 * time.Second) // the log is cut
		s.f.dropInstalls.Store(1)
		s.nodes[a].start()
		time.Sleep(3 * time.Second)
		require.Negative(t, s.f.dropInstalls.Load(), "a ledger was sent again")
		s.down(b)
		time.Sleep(3 * time.Second)
		began := time.Now()
		s.must(lookUp(1000))
		require.Less(t, time.Since(began), 10*time.Second)
		s.agree(0, leader, a)
	})
}
