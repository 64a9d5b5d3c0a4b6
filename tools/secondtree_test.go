package tools

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// TestASecondProgramMakesTheTreeToo: it agrees with the first, and says so where
// one of them is wrong.
func TestASecondProgramMakesTheTreeToo(t *testing.T) {
	signer, vkey := testSigner(t)
	verifier, err := note.NewVerifier(vkey)
	require.NoError(t, err)
	var tree ledger.Checker
	w := usualFolder(t)
	w.open()
	defer w.close()
	var notes []signedTree
	second := func(notes []signedTree, change func(n int, record []byte) []byte) string {
		s := newSecondTree(notes)
		out := handOut(s.read)
		tree = ledger.Checker{}
		n := 0
		for record, err := range w.db.Records(0, w.db.Head().Size) {
			require.NoError(t, err)
			require.NoError(t, tree.Add(record))
			out.push(change(n, record))
			n++
		}
		out.stop()
		return s.differs(tree.Tree())
	}
	same := func(_ int, record []byte) []byte { return record }
	require.Empty(t, second(nil, same))
	for _, size := range []int64{1, 7, tree.Tree().N} {
		at, err := w.db.TreeAt(size)
		require.NoError(t, err)
		signed, err := ledger.SignCheckpoint(testOrigin, at, signer)
		require.NoError(t, err)
		notes = append(notes, signedTree{at, signed, fmt.Sprint("the checkpoint of ", size)})
	}
	require.Empty(t, second(notes, same))
	require.Empty(t, secondOpinion(notes, testOrigin, verifier))
	require.Equal(t, "the checkpoint of 7 signs another tree of 7 entries than transparency-dev/merkle makes", second(notes, func(n int, record []byte) []byte {
		if n == 4 {
			return []byte("another")
		}
		return record
	}))
	require.Equal(t, "transparency-dev/merkle makes another tree of these 25 entries: one of the two programs is wrong", second(nil, func(n int, record []byte) []byte {
		if n == 20 {
			return []byte("another")
		}
		return record
	}))
	notes[1].Tree = tlog.Tree{N: 7, Hash: tlog.Hash{1}}
	require.Equal(t, "the checkpoint of 7: transparency-dev/formats reads it otherwise", secondOpinion(notes, testOrigin, verifier))
}
