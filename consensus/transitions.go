package consensus

import (
	"context"
	"crypto/rand"
	"time"

	"custos/ledger"
)

// The leader has a clock, and so it is the leader that asks whether something has
// fallen due. What is due, and whether it still is, is decided by ledger time and
// from the views alone: a leader that asks twice, or two of them, or one whose
// clock is wrong, tell nothing that would not be told anyhow, and nothing twice.

// tellDue looks for what is due while this node leads.
func (n *Node) tellDue() {
	defer n.wait.Done()
	t := time.NewTicker(n.config.Transitions)
	defer t.Stop()
	for {
		select {
		case <-n.closing:
			return
		case <-t.C:
		}
		for more := true; more && n.leading.Load() != nil && !n.isClosing(); {
			var err error
			if more, err = n.tellSome(); err != nil {
				n.log.Warn("what is due is told later", "error", err)
			}
		}
	}
}

// tellSome has as much told as one command tells, and reports whether there may
// be more. A clock that stepped back is behind what the ledger has reached:
// then the ledger's time counts.
func (n *Node) tellSome() (more bool, err error) {
	view := n.View()
	log, err := view.Log()
	if err != nil || log.Rules < 3 {
		return false, err
	}
	head := view.R.Head()
	until := max(n.now(), head.Time)
	if due, err := view.AnyDue(until); err != nil || !due {
		return false, err
	}
	// The same of the same ledger is the same command.
	c := ledger.Command{ID: ledger.DeriveID("tell due", head.Log[:], head.Last[:]), Actor: ledger.SystemActor(n.id.Node),
		Request: &ledger.TellDue{Until: until}, Bulk: true}
	if _, err := rand.Read(c.Seed[:]); err != nil {
		return false, err
	}
	out, err := n.Propose(context.Background(), c)
	return err == nil && out.Answer.Refusal == nil, err
}
