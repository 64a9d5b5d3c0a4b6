package consensus

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// maxUncovered is how many entries stand between two state entries at most, but for what one batch of unusual
// commands adds.
const maxUncovered = 4096

// covered says how far state entries reach in this node's ledger.
type covered struct {
	since ledger.Seq  // the first entry that none covers
	at    ledger.Time // when the newest was made
	ok    bool        // the rules in force have state entries
}

func readCovered(r store.Reader) (covered, error) {
	var c covered
	var err error
	c.since, c.at, c.ok, err = projection.View{R: r}.Covered()
	return c, err
}

// loadCovered reads it anew, after the ledger was opened or replaced.
func (n *Node) loadCovered(db *store.DB) error {
	c, err := readCovered(db)
	if err == nil {
		n.covered.Store(&c)
	}
	return err
}

// stateDue returns a command for a state entry, to be proposed before others of a batch, or nil. Of what waits it
// is presumed that no entry is shorter than 128 bytes of its command, or that a command becomes four.
func (n *Node) stateDue(now ledger.Time, ws []*waiter) (*waiter, error) {
	c := n.covered.Load()
	every := n.config.StateInterval
	size := ledger.Seq(n.tree().N)
	if every == 0 || !c.ok || size <= c.since {
		return nil, nil
	}
	coming := 0
	for _, w := range ws {
		coming += max(4, len(w.data)/128)
	}
	if size+ledger.Seq(coming) <= c.since+maxUncovered && now.Std().Sub(c.at.Std()) < every {
		return nil, nil
	}
	command, err := n.stateCommand()
	if err != nil {
		return nil, err
	}
	data, err := command.Encode()
	if err != nil {
		return nil, err
	}
	w, err := parseWaiter(false, data)
	if err != nil {
		return nil, err
	}
	w.done = make(chan result, 1) // nobody waits for it
	return w, nil
}

// idle returns a channel that is ready when what was recorded last should have a state entry, though nothing else comes.
func (n *Node) idle() <-chan time.Time {
	c := n.covered.Load()
	if n.config.StateInterval == 0 || !c.ok || n.leading.Load() == nil || ledger.Seq(n.tree().N) <= c.since {
		return nil
	}
	return time.After(n.config.StateInterval)
}

func (n *Node) stateCommand() (ledger.Command, error) {
	c := ledger.Command{Actor: ledger.SystemActor(n.id.Node)}
	q := &ledger.RecordState{}
	if _, tree := n.cosigned(); tree.N > 0 && tree.N <= n.tree().N {
		q.Cosigned, q.CosignedRoot = uint64(tree.N), tree.Hash
	}
	c.Request = q
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return c, fmt.Errorf("make a state entry: %w", err)
	}
	c.ID = ledger.TimedID(n.now(), [8]byte(random[:8]))
	c.Seed = ledger.ID(random[16:])
	return c, nil
}

// RecordState has a state entry made now, so that a trail can be proved up to what is recorded. Where nothing has
// happened since the last one, nothing is recorded.
func (n *Node) RecordState(ctx context.Context) error {
	c, err := n.stateCommand()
	if err != nil {
		return err
	}
	_, err = n.Propose(ctx, c)
	return err
}
