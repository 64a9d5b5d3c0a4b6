package ledger_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// Every byte of a signed checkpoint is flipped in turn, in each of its bits: none
// is left that could be altered, the spare bits of the signature's last letter included.
func TestEveryBitOfACheckpointIsHeld(t *testing.T) {
	t.Parallel()
	secret, public, err := note.GenerateKey(rand.Reader, "custos.example/log")
	require.NoError(t, err)
	signer, err := note.NewSigner(secret)
	require.NoError(t, err)
	verifier, err := note.NewVerifier(public)
	require.NoError(t, err)
	tree := tlog.Tree{N: 25, Hash: tlog.RecordHash([]byte("a root"))}
	signed, err := ledger.SignCheckpoint(verifier.Name(), tree, signer)
	require.NoError(t, err)
	got, err := ledger.OpenCheckpoint(signed, verifier.Name(), note.VerifierList(verifier))
	require.NoError(t, err)
	require.Equal(t, tree, got)
	refused := func(at int, b byte) {
		altered := bytes.Clone(signed)
		altered[at] = b
		_, err := ledger.OpenCheckpoint(altered, verifier.Name(), note.VerifierList(verifier))
		require.ErrorIs(t, err, ledger.ErrCheckpoint, "byte %d made %d", at, b)
	}
	for at := range signed {
		for bit := range 8 {
			refused(at, signed[at]^1<<bit)
		}
	}
	last := bytes.LastIndexByte(signed, '=') - 1
	for b := range 256 {
		if signed[last] != byte(b) {
			refused(last, byte(b))
		}
	}
}
