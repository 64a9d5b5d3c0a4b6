package consensus

import (
	"context"
	"errors"
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
// index past the ledger). Then it makes sure that a majority holds the same tree: only after that does it propose
// commands, and sign.
func (n *Node) establish(t *term) {
	x := &batch{Proposer: n.id.Node, Time: n.now()}
	if _, err := n.propose(t, x, nil); err != nil {
		return
	}
	if !n.confirm(t) {
		return
	}
	n.log.Info("leading", "term", t.number, "size", n.tree().N)
	n.leading.Store(t)
	n.queue.wake()
	n.pokePeers()
}

// confirm returns once a majority of voters has this node's tree, true, or the term is over, false.
func (n *Node) confirm(t *term) bool {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		tree := n.tree()
		same, other, voters := n.poll(tree)
		switch {
		case same > voters/2:
			return true
		case other > voters/2:
			n.diverged(fmt.Errorf("%w: a majority has another tree of size %d", ErrDiverged, tree.N), tree, tlog.Tree{})
		}
		select {
		case <-t.over:
			return false
		case <-n.closing:
			return false
		case <-time.After(wait):
		}
	}
}

// poll asks every voter for its root of the tree's size. A voter whose ledger is not so long yet, or that cannot be
// reached, counts for neither side. This node counts as one that has the same.
func (n *Node) poll(tree tlog.Tree) (same, other, voters int) {
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
			root, err := n.peers.rootAt(ctx, m.Node, tree.N)
			votes <- vote{root == tree.Hash, err == nil}
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

// suspect is called when this node's tree and a proposer's differ, once this node knows that its own tree follows from
// its own entries. Either this node finds that the majority has another tree than it, and stops, or it asks the
// proposer to find out the same about itself.
func (n *Node) suspect(proposer string, own, claimed tlog.Tree) {
	size := max(own.N, claimed.N)
	if !n.settle(size, own, claimed) {
		return
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := n.peers.check(ctx, proposer, size)
		cancel()
		if err == nil || errors.Is(err, ErrPeer) || !n.pause(500*time.Millisecond) {
			return
		}
	}
}

// examine is what a node does when a peer says that this node's tree is not the majority's. While it finds out, it
// proposes and signs nothing.
func (n *Node) examine(size int64) {
	n.doubts.Add(1)
	defer n.doubts.Add(-1)
	n.settle(size, n.tree(), tlog.Tree{})
}

// settle compares this node's tree of a size with everyone's. It returns true once a majority has the same, and stops
// the node if a majority has another. As long as too few can be asked or have grown to the size it asks again; false
// means that the node is stopping.
func (n *Node) settle(size int64, own, claimed tlog.Tree) bool {
	for {
		if tree, err := n.treeAt(size); err == nil {
			same, other, voters := n.poll(tree)
			switch {
			case other > voters/2:
				n.diverged(fmt.Errorf("%w: a majority has another tree of size %d", ErrDiverged, size), own, claimed)
			case same > voters/2:
				return true
			}
		}
		if !n.pause(500 * time.Millisecond) {
			return false
		}
	}
}

// pause waits, and returns false if the node is stopping.
func (n *Node) pause(d time.Duration) bool {
	select {
	case <-n.closing:
		return false
	case <-time.After(d):
		return true
	}
}
