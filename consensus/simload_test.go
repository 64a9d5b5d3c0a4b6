package consensus

import (
	"context"
	"math/rand/v2"
	"time"

	"custos/ledger"
)

// nemesis crashes and cuts.
func (s *sim) nemesis() {
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(time.Duration(200+s.rng.IntN(6000)) * time.Millisecond):
		}
		crash := func(i int) {
			if r := s.nodes[i].current(); r != nil {
				s.nodes[i].crash(r, s.f.loss())
			}
		}
		a, b := s.rng.IntN(3), s.rng.IntN(3)
		switch s.rng.IntN(9) {
		case 0, 1:
			crash(a)
		case 2:
			for i, x := range s.nodes {
				if r := x.current(); r != nil && r.node.leading.Load() != nil {
					crash(i)
				}
			}
		case 3:
			crash(a)
			crash(b)
		case 4:
			for i := range s.nodes {
				crash(i)
			}
		case 5, 6: // one node alone
			s.partitions.Add(1)
			cut := map[[2]string]bool{}
			for i := range s.nodes {
				if i != a {
					cut[[2]string{s.nodes[i].name, s.nodes[a].name}] = true
					cut[[2]string{s.nodes[a].name, s.nodes[i].name}] = true
				}
			}
			s.f.partition(cut)
		case 7: // one direction of one link
			s.partitions.Add(1)
			s.f.partition(map[[2]string]bool{{s.nodes[a].name, s.nodes[b].name}: a != b})
		case 8:
			s.f.partition(map[[2]string]bool{})
		}
		// An old InstallSnapshot arrives again.
		s.f.mu.Lock()
		var again func()
		if k := len(s.f.late); k > 0 {
			again = s.f.late[s.f.rng.IntN(k)]
		}
		s.f.mu.Unlock()
		if again != nil {
			again()
		}
	}
}

// client proposes commands through whatever node, and remembers what was acknowledged.
func (s *sim) client(rng *rand.Rand) {
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(time.Duration(5+rng.IntN(150)) * time.Millisecond):
		}
		r := s.nodes[rng.IntN(3)].current()
		if r == nil || r.net.dead.Load() {
			continue
		}
		s.mu.Lock()
		floor := s.floor
		var again ledger.ID
		if len(s.order) > 0 && rng.IntN(10) == 0 {
			again = s.order[rng.IntN(len(s.order))]
		}
		s.mu.Unlock()
		n := s.commands.Add(1)
		c := lookUp(n)
		if !again.IsZero() {
			c.ID, c.Seed = again, ledger.DeriveID("test seed of", again[:])
		} else {
			c.Seed = ledger.DeriveID("test seed of", c.ID[:])
		}
		c.Request = &ledger.LookUp{Person: person(uint64(c.ID[0]) % 50)}
		s.watch(r)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		o, err := r.node.Propose(ctx, c)
		cancel()
		if err != nil || r.net.dead.Load() {
			continue // unknown, or told to nobody
		}
		s.acknowledged(c.ID, again.IsZero(), floor, o)
	}
}

// watch checks that a run's ledger never goes back.
func (s *sim) watch(r *simRun) {
	was := r.highest.Load()
	if r.node == nil || r.net.dead.Load() {
		return
	}
	now := r.node.applied()
	if now < was {
		s.breaks("%s had applied %d and went back to %d", r.net.name, was, now)
	}
	r.highest.CompareAndSwap(was, max(was, now))
}
