package consensus

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"custos/consensus/witness"
)

// What witnesses are for: a ledger that was restored from a copy does not know what it has forgotten, and whoever signs
// on signs a second history. A witness remembers. So a leader holds what the witnesses signed against its own tree
// before its term may propose, and a node that is behind is read-only until a person has looked.

// settle waits, early in a process's life alone, until each witness has answered, and reports whether the term may
// propose. Every committed entry is applied by then: what is missing now is not on its way. A witness that cannot be
// reached holds nobody up for longer; when it answers later the same comparison is made.
func (w *witnesses) settle(t *term) bool {
	patience := witnessStart
	if d := w.n.config.seams.witnessStart; d != 0 {
		patience = d
	}
	for time.Since(w.start) < patience && !w.heardOfAll() {
		select {
		case <-t.over:
			return false
		case <-w.n.closing:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return !w.behind()
}

func (w *witnesses) heardOfAll() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.all {
		if !x.answered {
			return false
		}
	}
	return true
}

// behind reports whether this node must not go on, which it finds out for a leader: whether a witness has signed more
// entries than there are here. A witness that has agreed since the start is not believed when it later claims more,
// for this ledger only grows: it is out of order itself, and the alarm says so.
func (w *witnesses) behind() bool {
	size := w.n.tree().N
	w.mu.Lock()
	why := ""
	for _, x := range w.all {
		if x.answered && !x.agreed && x.size > size {
			why = fmt.Sprintf("restored behind witnessed history: witness %s has signed %d entries, this ledger holds %d", x.Name, x.size, size)
		}
	}
	w.mu.Unlock()
	if why != "" {
		w.n.refuse(why)
	}
	return w.n.refusal.Load() != nil
}

// refuse makes this node read-only until it is started again: it proposes nothing and signs nothing.
func (n *Node) refuse(why string) {
	if n.refusal.CompareAndSwap(nil, &why) {
		n.log.Error("READ-ONLY: nothing is recorded, signed or disclosed here", "why", why)
		n.queue.wake()
	}
}

// Published is the newest signed checkpoint with the cosignatures there are for that very size, nil before the first.
func (n *Node) Published() []byte {
	c := &n.checkpoints
	c.mu.Lock()
	signed, tree := c.note, c.tree
	c.mu.Unlock()
	w := n.witnesses
	if w == nil || signed == nil {
		return signed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.tree == tree:
		return w.note
	case w.target == tree:
		return append(bytes.Clone(signed), w.lines...)
	}
	return signed
}

// cosigned is the newest checkpoint that the policy's cosignatures are on; nil: none is, or there are no witnesses.
func (n *Node) cosigned() ([]byte, tlog.Tree) {
	w := n.witnesses
	if w == nil {
		return nil, tlog.Tree{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.note, w.tree
}

// WitnessStatus is what a node knows of its witnesses.
type WitnessStatus struct {
	Size  int64         // entries of the newest checkpoint that has the policy's cosignatures
	Lag   int64         // entries signed by the log and not yet by them
	Since time.Duration // for how long there have been any
	Alarm bool          // that is too long, or a witness contradicts
	Each  []OneWitness
}

// OneWitness is what a node knows of one of them. Of a follower's nothing is newer than its start.
type OneWitness struct {
	Name    string
	Size    int64
	Agreed  bool // it has cosigned since this process started
	Seen    time.Time
	Trouble string // why it did not sign when last asked; empty: it did
}

func (w *witnesses) status() *WitnessStatus {
	_, newest, _ := w.newest()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &WitnessStatus{Size: w.tree.N, Lag: max(0, newest.N-w.tree.N)}
	if !w.since.IsZero() && s.Lag > 0 {
		s.Since = time.Since(w.since)
	}
	s.Alarm = s.Since > witnessAlarm || w.n.refusal.Load() != nil
	for _, x := range w.all {
		s.Each = append(s.Each, OneWitness{x.Name, x.size, x.agreed, x.seen, x.trouble})
		s.Alarm = s.Alarm || x.size > w.n.tree().N || x.trouble == witness.ErrNotConsistent.Error()
	}
	return s
}
