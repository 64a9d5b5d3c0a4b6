package consensus

import (
	"iter"
	"sync"

	"custos/ledger"
)

// growth wakes whoever waits for this node's ledger to be another one than it
// was. Nobody who waits is waited for.
type growth struct {
	mu   sync.Mutex
	more chan struct{} // nil: nobody waits
}

func (g *growth) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.more == nil {
		g.more = make(chan struct{})
	}
	return g.more
}

func (g *growth) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.more != nil {
		close(g.more)
		g.more = nil
	}
}

// Grown returns a channel that is closed at this node's next commit, or when its
// ledger is replaced by a longer one. Ask for it first and look at the ledger
// then: what came in between closes it.
func (n *Node) Grown() <-chan struct{} { return n.growth.wait() }

// Records walks exact records from one sequence number up to another, which is
// not included, or to the end. The ledger is held meanwhile: what is done with a
// record must be quick and must not ask this node for anything.
func (n *Node) Records(from, to ledger.Seq) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		db, release := n.Ledger()
		defer release()
		if to = min(to, db.Head().Size); from >= to {
			return
		}
		for record, err := range db.Records(from, to) {
			if !yield(record, err) {
				return
			}
		}
	}
}
