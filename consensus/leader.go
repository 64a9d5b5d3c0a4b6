package consensus

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// term is one time of leadership of this node.
type term struct {
	number uint64
	over   chan struct{} // closed when leadership ends
}

// lead follows what Raft says about leadership, in order. Raft blocks while nobody reads, so nothing here waits
// but for the end of the term before.
func (n *Node) lead() {
	defer n.wait.Done()
	var now *term
	done := make(chan struct{})
	close(done)
	end := func() {
		if now != nil {
			n.leading.Store(nil)
			close(now.over)
			n.queue.wake() // whoever waits is told
			now = nil
		}
	}
	defer func() { end(); <-done }()
	for {
		select {
		case <-n.closing:
			return
		case leader := <-n.notify:
			end()
			<-done
			if leader {
				now = &term{number: n.raft.CurrentTerm(), over: make(chan struct{})}
				done = make(chan struct{})
				go func(t *term) {
					defer close(done)
					n.establish(t)
				}(now)
			}
		}
	}
}

// establish opens a term. A leader has every committed entry in its log, but need not have applied it. So it first
// proposes an empty batch and waits until that is applied (not raft.Barrier, which would move Raft's snapshot
// index past the ledger). Then it makes sure that a majority had the same tree there: only after that does it propose
// commands, and sign.
func (n *Node) establish(t *term) {
	x := &batch{Proposer: n.id.Node, Time: n.now()}
	f, err := n.propose(t, x, nil)
	if err != nil || !n.confirm(t, f.index) {
		return
	}
	if n.witnesses != nil && !n.witnesses.settle(t) {
		return
	}
	n.log.Info("leading", "term", t.number, "size", n.tree().N)
	n.leading.Store(t)
	n.queue.wake()
	n.pokePeers()
}

// confirm returns true once a majority of voters had this node's tree before the entry at index, and false when the
// term is over. If a majority had another one, this node stops.
func (n *Node) confirm(t *term, index uint64) bool {
	tree, ok := n.trees.before(index)
	for wait := 10 * time.Millisecond; ok; wait = min(2*wait, 500*time.Millisecond) {
		same, other, voters := n.poll(index, tree)
		switch {
		case same > voters/2:
			return true
		case other > voters/2:
			n.diverged(fmt.Errorf("%w: a majority had another tree before entry %d", ErrDiverged, index), tree, tlog.Tree{})
		}
		select {
		case <-t.over:
			return false
		case <-n.closing:
			return false
		case <-time.After(wait):
		}
	}
	return false
}

// poll asks every voter which tree it had before the entry at index. A voter that has not applied the entry, does not
// remember, or cannot be reached counts for neither side. This node counts as one that had the same.
func (n *Node) poll(index uint64, tree tlog.Tree) (same, other, voters int) {
	members := n.voters()
	type vote struct{ same, known bool }
	votes := make(chan vote, len(members))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	asked := 0
	for _, m := range members {
		voters++
		if m.Node == n.id.Node {
			same++
			continue
		}
		asked++
		go func() {
			theirs, err := n.peers.treeBefore(ctx, m.Node, index)
			votes <- vote{theirs == tree, err == nil}
		}()
	}
	for ; asked > 0; asked-- {
		if v := <-votes; v.known && v.same {
			same++
		} else if v.known {
			other++
		}
	}
	return same, other, voters
}
