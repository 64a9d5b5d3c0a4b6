package ledger

import "github.com/stretchr/testify/require"

func taleOfStates(w *world) {
	early, _, err := w.view.Root(3)
	require.NoError(w.t, err)
	w.grant(w.cmd(system(), &RecordState{}))
	w.load(authorityA, 1, row(1))
	w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess))
	w.grant(w.cmd(system(), &RecordState{Cosigned: 3, CosignedRoot: early}))
}
