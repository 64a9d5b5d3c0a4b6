package witness

import (
	"bytes"
	"fmt"
	"testing"

	"filippo.io/torchwood"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// Two other programs' verifiers take what our witness signs, and a policy counts it.
func TestOthersVerifyOurCosignatures(t *testing.T) {
	l := newLog(t, 9)
	text := "log " + l.vkey + "\n"
	cosigned := l.signed(7)
	for i := range 3 {
		s := testSigner(t, fmt.Sprintf("witness.test/%d", i))
		w := openAt(t, vfs.NewMem(), s, l.verifier)
		a := post(w, l.request(0, 7).Format())
		require.Equal(t, 200, a.status)
		vkey := s.Verifier().String()
		text += fmt.Sprintf("witness w%d %s https://w%d.test/\n", i, vkey, i)
		one := append(l.signed(7), a.body...)
		other, err := formats.NewVerifierForCosignatureV1(vkey)
		require.NoError(t, err)
		_, err = note.Open(one, note.VerifierList(other))
		require.NoError(t, err)
		if i < 2 {
			cosigned = append(cosigned, a.body...)
		}
	}
	text += "group g 2 w0 w1 w2 # two of three\nquorum g\n"
	p, err := ParsePolicy([]byte(text))
	require.NoError(t, err)
	require.Len(t, p.Witnesses, 3)
	require.Equal(t, "https://w1.test", p.Witnesses[1].URL)
	require.NoError(t, p.Names(l.verifier))
	require.ErrorIs(t, p.Names(newLog(t, 0).verifier), ErrPolicy)
	require.NoError(t, p.Met(cosigned, origin))
	theirs, err := torchwood.ParsePolicy([]byte(text))
	require.NoError(t, err)
	_, _, err = torchwood.VerifyCheckpoint(cosigned, theirs)
	require.NoError(t, err)

	require.Error(t, p.Met(cosigned, "log.test/two"))
	require.Error(t, p.Met(cosigned[:bytes.LastIndex(cosigned, []byte("— "))], origin), "one of two")
	require.Error(t, p.Met(l.signed(7), origin))
	require.Error(t, p.Met(bytes.Replace(cosigned, []byte("\n7\n"), []byte("\n6\n"), 1), origin))
}

func TestPoliciesThatCannotBeUsed(t *testing.T) {
	l, k := newLog(t, 0), testSigner(t, "witness.test/w").Verifier().String()
	for _, text := range []string{
		"", "log " + l.vkey + "\n", "log " + l.vkey + "\nquorum w\n",
		"witness w " + l.vkey + "\nquorum w\n", // a log's key is not a witness's
		"witness w " + k + " ftp://x\nquorum w\n",
		"witness w " + k + " nowhere\nquorum w\n",
		"witness w " + k + "\nwitness v " + k + "\ngroup g all w v\nquorum g\n",
		"witness w " + k + "\ngroup g 2 w\nquorum g\n",
	} {
		_, err := ParsePolicy([]byte(text))
		require.ErrorIs(t, err, ErrPolicy, text)
	}
}
