package witness

import (
	"crypto/ed25519"
	"testing"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// FuzzCosignatures: of a witness's answer only lines are kept that hold under its
// own key, for that very checkpoint.
func FuzzCosignatures(f *testing.F) {
	signer := func(name string, seed byte) *torchwood.CosignatureSigner {
		s, err := torchwood.NewCosignatureSigner(name, ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
		require.NoError(f, err)
		return s
	}
	s, other := signer("witness.test/w", 1), signer("witness.test/x", 2)
	text := ledger.CheckpointText(origin, tlog.Tree{N: 5, Hash: tlog.Hash{5}})
	checkpoint := []byte(text + "\n— " + origin + " AAAAAA==\n")
	lines := func(text string, by ...note.Signer) []byte {
		b, err := note.Sign(&note.Note{Text: text}, by...)
		require.NoError(f, err)
		return Signatures(b)
	}
	f.Add(lines(text, s))
	f.Add(lines(text, other, s))
	f.Add(lines(ledger.CheckpointText(origin, tlog.Tree{N: 6}), s))
	f.Add([]byte("— x y\n"))
	w := Witness{Name: "w", Verifier: s.Verifier()}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := w.verified(checkpoint, b)
		if err != nil {
			require.ErrorIs(t, err, ErrAnswer)
			return
		}
		n, err := note.Open(append([]byte(text+"\n"), got...), note.VerifierList(s.Verifier()))
		require.NoError(t, err)
		require.Len(t, n.Sigs, 1)
		require.Empty(t, n.UnverifiedSigs)
		require.Equal(t, text, n.Text)
		require.Contains(t, string(b), string(got))
	})
}

// FuzzKey: a witness's key makes cosignatures that its own verifier takes, or is refused.
func FuzzKey(f *testing.F) {
	f.Add("PRIVATE+KEY+witness.test/w+00000000+AQ==")
	f.Add("PRIVATE+KEY+log.example/custos+43cd6c3b+AW1hZGUgdXAgYW5kIG5vYm9keXMga2V5IGF0IGFsbCEh")
	f.Fuzz(func(t *testing.T, secret string) {
		s, err := ParseKey(secret)
		if err != nil {
			require.Equal(t, ErrKey, err)
			return
		}
		text := ledger.CheckpointText(origin, tlog.Tree{N: 1, Hash: tlog.Hash{1}})
		b, err := note.Sign(&note.Note{Text: text}, s)
		require.NoError(t, err)
		_, err = note.Open(b, note.VerifierList(s.Verifier()))
		require.NoError(t, err)
	})
}
