package ledger

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The leaves and roots of the test vectors that Certificate Transparency's
// implementations share (RFC 6962, section 2.1).
var (
	vectorLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	vectorRoots  = []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

func TestTreesOfTheSharedVectors(t *testing.T) {
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", fmt.Sprintf("%x", [32]byte(new(Checker).Tree().Hash)))
	var tree treeRange
	for i, leaf := range vectorLeaves {
		b, err := hex.DecodeString(leaf)
		require.NoError(t, err)
		tree.add(tlog.RecordHash(b))
		root := tree.tree()
		require.Equal(t, vectorRoots[i], hex.EncodeToString(root.Hash[:]))
	}
}

// signedLog is a chain with a signed checkpoint at every size.
type signedLog struct {
	records  [][]byte
	stored   []tlog.Hash
	origin   string
	signer   note.Signer
	verifier note.Verifier
}

func (l *signedLog) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		out[i] = l.stored[x]
	}
	return out, nil
}

func newSignedLog(t testing.TB, n int) *signedLog {
	l := &signedLog{records: chainOf(t, n, 3, 0), origin: "log.example/custos"}
	skey, vkey, err := note.GenerateKey(rand.Reader, l.origin)
	require.NoError(t, err)
	l.signer, err = note.NewSigner(skey)
	require.NoError(t, err)
	l.verifier, err = note.NewVerifier(vkey)
	require.NoError(t, err)
	for i, r := range l.records {
		h, err := tlog.StoredHashes(int64(i), r, l)
		require.NoError(t, err)
		l.stored = append(l.stored, h...)
	}
	return l
}

func (l *signedLog) checkpoint(t testing.TB, size int64) []byte {
	root, err := tlog.TreeHash(size, l)
	require.NoError(t, err)
	signed, err := SignCheckpoint(l.origin, tlog.Tree{N: size, Hash: root}, l.signer)
	require.NoError(t, err)
	return signed
}

func (l *signedLog) receipt(t testing.TB, n, size int64) Receipt {
	path, err := tlog.ProveRecord(size, n, l)
	require.NoError(t, err)
	return Receipt{Seq: Seq(n), Path: path, Checkpoint: l.checkpoint(t, size)}
}

// Every receipt of every entry of every size is accepted by verifiers that
// nobody here wrote, and only for its own record.
func TestReceiptsCheckWithPublicTools(t *testing.T) {
	const size = 37
	l := newSignedLog(t, size)
	verifiers := note.VerifierList(l.verifier)
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(l.origin), torchwood.SingleVerifierPolicy(l.verifier))
	for m := int64(1); m <= size; m++ {
		checkpoint, _, _, err := formats.ParseCheckpoint(l.checkpoint(t, m), l.origin, l.verifier)
		require.NoError(t, err)
		require.Equal(t, uint64(m), checkpoint.Size)
		for n := range m {
			r := l.receipt(t, n, m)
			text := r.Format()
			require.Equal(t, torchwood.FormatProof(n, r.Path, r.Checkpoint), text, "byte for byte another's")
			leaf := tlog.RecordHash(l.records[n])
			require.NoError(t, torchwood.VerifyProof(policy, leaf, text))
			path := make([][]byte, len(r.Path))
			for i := range r.Path {
				path[i] = r.Path[i][:]
			}
			require.NoError(t, proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(n), uint64(m), leaf[:], path, checkpoint.Hash))
			back, err := ParseReceipt(text)
			require.NoError(t, err)
			tree, err := back.Verify(leaf, l.origin, verifiers)
			require.NoError(t, err)
			require.Equal(t, m, tree.N)
			require.Equal(t, checkpoint.Hash, tree.Hash[:])

			other := tlog.RecordHash(l.records[(n+1)%size])
			_, err = back.Verify(other, l.origin, verifiers)
			require.ErrorIs(t, err, ErrReceipt)
			require.Error(t, torchwood.VerifyProof(policy, other, text))
		}
	}
}

// An altered receipt is refused wherever it was altered, and never accepted
// where torchwood refuses.
func TestNoByteOfAReceiptCanBeChanged(t *testing.T) {
	l := newSignedLog(t, 21)
	text := l.receipt(t, 6, 21).Format()
	leaf := tlog.RecordHash(l.records[6])
	verifiers := note.VerifierList(l.verifier)
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(l.origin), torchwood.SingleVerifierPolicy(l.verifier))
	holds := func(b []byte) error {
		r, err := ParseReceipt(b)
		if err != nil {
			return err
		}
		_, err = r.Verify(leaf, l.origin, verifiers)
		return err
	}
	require.NoError(t, holds(text))
	for at := range text {
		for _, flip := range []byte{1, 2, 0x20, 0x80} {
			changed := bytes.Clone(text)
			changed[at] ^= flip
			err := holds(changed)
			if err == nil { // the note library reads past the unused bits at the end of a signature's base64
				require.NoError(t, torchwood.VerifyProof(policy, leaf, changed))
				require.Equal(t, bytes.LastIndexByte(text, '=')-1, at)
				continue
			}
			require.ErrorIs(t, err, ErrReceipt, "byte %d", at)
		}
		require.Error(t, holds(text[:at]))
	}
	for name, b := range map[string]string{
		"extra data":         strings.Replace(string(text), "index", "extra AAAA\nindex", 1),
		"a leading zero":     strings.Replace(string(text), "index 6", "index 06", 1),
		"a sign":             strings.Replace(string(text), "index 6", "index +6", 1),
		"a negative index":   strings.Replace(string(text), "index 6", "index -6", 1),
		"an index too great": strings.Replace(string(text), "index 6", "index 99999999999999999999", 1),
		"beyond the tree":    strings.Replace(string(text), "index 6", "index 21", 1),
		"another entry":      strings.Replace(string(text), "index 6", "index 7", 1),
		"one hash more":      strings.Replace(string(text), "index 6\n", "index 6\n"+strings.Repeat("A", 43)+"=\n", 1),
		"too long":           string(text) + strings.Repeat("\n", MaxReceipt),
		"no checkpoint":      "c2sp.org/tlog-proof@v1\nindex 6\n",
		"of another version": strings.Replace(string(text), "@v1", "@v2", 1),
	} {
		require.ErrorIs(t, holds([]byte(b)), ErrReceipt, name)
	}
	_, err := l.receipt(t, 6, 21).Verify(leaf, "another.example/log", verifiers)
	require.ErrorIs(t, err, ErrCheckpoint)
	stranger := newSignedLog(t, 1)
	_, err = l.receipt(t, 6, 21).Verify(leaf, l.origin, note.VerifierList(stranger.verifier))
	require.ErrorIs(t, err, ErrReceipt)
	require.Error(t, torchwood.VerifyProof(policy, leaf, stranger.receipt(t, 0, 1).Format()))
}

func TestCheckpointsAreReadStrictly(t *testing.T) {
	good := CheckpointText("o", tlog.Tree{N: 7, Hash: tlog.Hash{1}})
	_, err := ParseCheckpointText(good, "o")
	require.NoError(t, err)
	c, err := torchwood.ParseCheckpoint(good)
	require.NoError(t, err)
	require.Equal(t, good, c.String())
	for _, bad := range []string{"", "o\n7\n", good[:len(good)-1], good + "extension\n", good + "\n", "p" + good[1:], strings.Replace(good, "7", "07", 1),
		strings.Replace(good, "7", "-7", 1), strings.Replace(good, "7", "+7", 1), strings.Replace(good, "7", "9223372036854775808", 1), strings.Replace(good, "=", "", 1)} {
		_, err := ParseCheckpointText(bad, "o")
		require.ErrorIs(t, err, ErrCheckpoint, "%q", bad)
	}
	_, err = SignCheckpoint("o", tlog.Tree{})
	require.NoError(t, err, "a note without signers is only text; OpenCheckpoint refuses it")
}

func TestIdentifiers(t *testing.T) {
	id := ID{1, 2, 0xff}
	back, err := ParseID(id.String())
	require.NoError(t, err)
	require.Equal(t, id, back)
	require.False(t, id.IsZero())
	require.True(t, ID{}.IsZero())
	for _, s := range []string{"", "0", id.String() + "00", "g" + id.String()[1:]} {
		_, err := ParseID(s)
		require.ErrorIs(t, err, ErrID)
	}
	require.NotEqual(t, DeriveID("a", []byte("bc")), DeriveID("a", []byte("b"), []byte("c")))
	require.NotEqual(t, DeriveID("ab"), DeriveID("a", []byte("b")))
}
