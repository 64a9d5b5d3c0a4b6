package consensus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// maxUncovered is how many entries stand between two state entries at most, but for what one batch of unusual
// commands adds.
const maxUncovered = 4096

// maxUncoveredBulk is the same while files are taken in. Of their entries nearly each is about another person, and a
// state entry's work is as much as people have changed: everybody who looks up waits for it. In four parts it costs a
// little more and is not noticed.
const maxUncoveredBulk = maxUncovered / 4

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
		if w.bulk {
			n.bulkAt = size
		}
	}
	due := size+ledger.Seq(coming) > c.since+maxUncovered || n.bulkAt >= c.since && size > c.since+maxUncoveredBulk
	if !due && now.Std().Sub(c.at.Std()) < every {
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

// RecordState has a state entry made now, so that a trail can be proved up to what is recorded, and returns a size of the
// ledger that has it. Where nothing has happened since the last one, nothing is recorded: it is that one.
func (n *Node) RecordState(ctx context.Context) (int64, error) {
	c, err := n.stateCommand()
	if err != nil {
		return 0, err
	}
	out, err := n.Propose(ctx, c)
	if r := out.Answer.Refusal; err == nil && r != nil && r.Code != ledger.RefusedAlready {
		err = fmt.Errorf("%w: %w", projection.ErrNoState, r)
	}
	return out.Tree.N, err
}

// TrailProof proves a person's trail up to what is recorded now, or a moment ago. ErrNoState says that no checkpoint of
// a new state entry has reached this node in time.
func (n *Node) TrailProof(ctx context.Context, p ledger.PersonRef) (*projection.TrailProof, error) {
	size, err := n.RecordState(ctx)
	if err != nil {
		return nil, err
	}
	for late := time.Now().Add(trailProofWait); ; {
		proof, err := n.trailProof(p, size)
		if !errors.Is(err, projection.ErrNoState) || time.Now().After(late) {
			return proof, err
		}
		select {
		case <-ctx.Done():
			return nil, ErrUnknown
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// trailProofWait is how long a follower may take to hear of the entry and its checkpoint.
const trailProofWait = 2 * time.Second

func (n *Node) trailProof(p ledger.PersonRef, size int64) (*projection.TrailProof, error) {
	signed := n.Published()
	if signed == nil {
		return nil, projection.ErrNoState
	}
	tree, err := n.checkpoints.unsigned(signed)
	if err != nil {
		return nil, fmt.Errorf("own checkpoint: %w", err)
	}
	db, release := n.Ledger()
	defer release()
	if has := db.Tree().N; has < size || has < tree.N {
		return nil, projection.ErrNoState
	}
	return projection.ProveTrail(db, p, signed, tree.N)
}
