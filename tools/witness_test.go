package tools

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus/witness"
	"custos/ledger/store"
)

func TestAReceiptWithCosignatures(t *testing.T) {
	w := usualFolder(t)
	signer, vkey := testSigner(t)
	call := func(args ...string) (code int, stdout, stderr string) {
		var o, e bytes.Buffer
		code = Main(args, &o, &e)
		return code, o.String(), e.String()
	}
	code, receipt, errs := call("prove", "--data", w.dir, "--seq", "3")
	require.Zero(t, code, errs)
	var vkeys []string
	var lines [][]byte
	cut := bytes.LastIndex([]byte(receipt), []byte("\n\n"))
	text := receipt[bytes.Index([]byte(receipt), []byte("\n\n"))+2 : cut+1]
	for i := range 3 {
		secret, v, err := witness.GenerateKey(rand.Reader, fmt.Sprintf("witness.test/%d", i))
		require.NoError(t, err)
		s, err := witness.ParseKey(secret)
		require.NoError(t, err)
		n, err := note.Sign(&note.Note{Text: text}, s)
		require.NoError(t, err)
		vkeys, lines = append(vkeys, v), append(lines, witness.Signatures(n))
	}
	require.Equal(t, signer.Name(), "custos.example/log")
	dir := t.TempDir()
	write := func(name, s string) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, []byte(s), 0o600))
		return p
	}
	policy := func(k int) string {
		p := "log " + vkey + "\n"
		for i, v := range vkeys {
			p += fmt.Sprintf("witness w%d %s\n", i, v)
		}
		return write(fmt.Sprintf("policy%d", k), p+fmt.Sprintf("group g %d w0 w1 w2\nquorum g\n", k))
	}
	none := write("none", receipt)
	two := write("two", receipt+string(lines[0])+string(lines[2]))
	altered := bytes.Clone(lines[1])
	if at := len(altered) - 8; altered[at] == 'A' { // another character of base64, whatever it is
		altered[at] = 'B'
	} else {
		altered[at] = 'A'
	}
	bad := write("bad", receipt+string(lines[0])+string(lines[2])+string(altered))
	// A folder whose newest checkpoint is cosigned makes such receipts itself.
	signed := []byte(receipt[bytes.Index([]byte(receipt), []byte("\n\n"))+2:])
	db, err := store.Open(w.tables(), store.Options{})
	require.NoError(t, err)
	require.NoError(t, db.SetLastCosigned(append(append(signed, lines[0]...), lines[2]...)))
	require.NoError(t, db.Close())
	code, made, errs := call("prove", "--data", w.dir, "--seq", "3")
	require.Zero(t, code, errs)
	require.Equal(t, receipt+string(lines[0])+string(lines[2]), made)
	for _, c := range []struct {
		want int
		args []string
	}{
		{0, []string{none}}, {0, []string{two}}, {0, []string{bad}}, // nobody asks about witnesses
		{0, []string{two, "--policy", policy(2)}},
		{1, []string{two, "--policy", policy(3)}},
		{1, []string{none, "--policy", policy(1)}},
		{1, []string{bad, "--policy", policy(2)}},
		{0, []string{two, "--witness", vkeys[0], "--witness", write("key", vkeys[2]+"\n")}},
		{1, []string{two, "--witness", vkeys[0], "--witness", vkeys[1]}},
		{0, []string{two, "--witness", vkeys[0], "--witness", vkeys[1], "--cosignatures", "1"}},
		{1, []string{none, "--witness", vkeys[0], "--cosignatures", "1"}},
		{1, []string{bad, "--witness", vkeys[0], "--witness", vkeys[1], "--cosignatures", "1"}},
		{2, []string{two, "--witness", vkeys[0], "--witness", vkeys[0]}},
		{2, []string{two, "--witness", vkey}},
		{2, []string{two, "--witness", vkeys[0], "--cosignatures", "2"}},
		{2, []string{two, "--cosignatures", "1"}},
		{2, []string{two, "--witness", vkeys[0], "--policy", policy(1)}},
		{2, []string{two, "--policy", write("wrong", "log x")}},
		{3, []string{two, "--policy", filepath.Join(dir, "nowhere")}},
	} {
		code, out, errs := call(append([]string{"check-receipt", "--vkey", vkey}, c.args...)...)
		require.Equal(t, c.want, code, "%v: %s%s", c.args, out, errs)
		if c.want == 0 && len(c.args) == 3 {
			require.Contains(t, out, "cosigned: the same tree, by witness.test/0\ncosigned: the same tree, by witness.test/2\n")
		}
	}
}
