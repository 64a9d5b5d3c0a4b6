package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// remembered is how many trees a node can tell its peers about.
const remembered = 4096

// trees remembers which tree this node had before each of the newest entries it applied. It is how nodes find out
// which of them has diverged: by the place in Raft's log, which is the same on all of them.
type trees struct {
	mu   sync.Mutex
	ring [remembered]struct {
		index uint64
		tree  tlog.Tree
	}
}

func (t *trees) put(index uint64, tree tlog.Tree) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := &t.ring[index%remembered]
	at.index, at.tree = index, tree
}

func (t *trees) before(index uint64) (tlog.Tree, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := &t.ring[index%remembered]
	return at.tree, at.index == index && index > 0
}

// suspicion is a batch whose proposer had another tree than this node.
type suspicion struct {
	proposer     string
	index        uint64
	own, claimed tlog.Tree
}

// suspect takes note that this node's tree and a proposer's differ, where this node's follows from its own entries. Either
// this node finds that the majority had another tree than it, and stops, or it asks the proposer to find out the same
// about itself. The newest case is the one that peers remember, so it replaces an older one.
func (n *Node) suspect(x suspicion) {
	if n.suspected.Swap(&x) == nil {
		n.spawn(n.settle)
	}
}

func (n *Node) settle() {
	for {
		x := n.suspected.Load()
		same, other, voters := n.poll(x.index, x.own)
		if other > voters/2 {
			n.diverged(fmt.Errorf("%w: a majority had another tree before entry %d", ErrDiverged, x.index), x.own, x.claimed)
		}
		if same > voters/2 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			err := n.peers.check(ctx, x.proposer, x.index)
			cancel()
			if (err == nil || errors.Is(err, ErrPeer)) && n.suspected.CompareAndSwap(x, nil) {
				return
			}
		}
		if !n.pause(500 * time.Millisecond) {
			return
		}
	}
}

// examine is what a node does when a peer says that its tree before an entry was not the majority's. While it finds
// out, it proposes and signs nothing.
func (n *Node) examine(index uint64) {
	n.doubts.Add(1)
	defer n.doubts.Add(-1)
	for {
		tree, ok := n.trees.before(index)
		if !ok {
			return
		}
		same, other, voters := n.poll(index, tree)
		if other > voters/2 {
			n.diverged(fmt.Errorf("%w: a majority had another tree before entry %d", ErrDiverged, index), tree, tlog.Tree{})
		}
		if same > voters/2 || !n.pause(500*time.Millisecond) {
			return
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
