package ledger

import (
	"crypto/sha256"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

func taleOfStates(w *world) {
	early, _, err := w.view.Root(3)
	require.NoError(w.t, err)
	w.grant(w.cmd(system(), &RecordState{}))
	w.load(authorityA, 1, row(1))
	w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess))
	w.grant(w.cmd(system(), &RecordState{Cosigned: 3, CosignedRoot: early}))
}

// Uncovered implements [View].
func (v *fakeView) Uncovered() (Seq, error) { return v.uncovered, v.err }

// State stands for the real one, which projection makes: its hashes follow from
// the last entry, and that is all that a decision needs to be repeated.
func (v *fakeView) State() (State, error) {
	last := v.leaves[len(v.leaves)-1]
	s := State{Views: sha256.Sum256(append([]byte("views"), last[:]...)), Index: sha256.Sum256(append([]byte("index"), last[:]...)),
		People: uint64(len(v.plans))}
	for _, n := range v.notifications {
		if n.Undelivered() {
			s.Undelivered++
		}
	}
	if s.Undelivered > 0 {
		s.Outbox = sha256.Sum256(append([]byte("outbox"), last[:]...))
	}
	return s, v.err
}

// Root implements [View] with the reference's own algorithm.
func (v *fakeView) Root(size Seq) (Hash, bool, error) {
	if size > Seq(len(v.leaves)) {
		return Hash{}, false, v.err
	}
	return rootOf(v.leaves[:size]), true, v.err
}

func rootOf(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(rootOf(leaves[:k]), rootOf(leaves[k:]))
}
