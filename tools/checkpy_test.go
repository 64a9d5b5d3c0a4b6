package tools

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// python runs docs/check.py, which shares no code with us.
func python(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	exe, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIPPED: there is no python3, so docs/check.py was not run")
	}
	cmd := exec.Command(exe, append([]string{"../docs/check.py"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err == nil
}

// Without its text of help it is 60 lines, to be read whole by whoever is to believe it.
func TestThePythonIsShort(t *testing.T) {
	b, err := os.ReadFile("../docs/check.py")
	require.NoError(t, err)
	_, code, ok := strings.Cut(string(b), "\nimport ")
	require.True(t, ok)
	lines := 0
	for l := range strings.Lines(code) {
		require.LessOrEqual(t, len(l), 130)
		if strings.TrimSpace(l) != "" {
			lines++
		}
	}
	require.LessOrEqual(t, lines, 60)
}

// A receipt is accepted by Python's own library alone, with the record and
// without it; altered in any line, or held against another record or key, it is not.
func TestAReceiptIsCheckedByPython(t *testing.T) {
	w := usualFolder(t)
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		return path
	}
	record := put("record", w.record(11))
	for _, seq := range []string{"0", "1", "11", "24"} {
		code, receipt, errs := run(t, "prove", "--data", w.dir, "--seq", seq)
		require.Zero(t, code, errs)
		out, ok := python(t, "receipt", put("receipt", []byte(receipt)), w.vkey)
		require.True(t, ok, out)
		require.Contains(t, out, "entry "+seq+" is in the signed tree of 25 entries")
		out, ok = python(t, "receipt", put("receipt", []byte(receipt)), w.vkey, record)
		require.Equal(t, seq == "11", ok, out)
	}
	_, receipt, _ := run(t, "prove", "--data", w.dir, "--seq", "11")
	lines := strings.Split(strings.TrimSuffix(receipt, "\n"), "\n")
	for i, l := range lines {
		if l == "" {
			continue
		}
		changed := append([]string(nil), lines...)
		at := strings.LastIndexAny(l, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
		other := byte('A')
		if l[at] == 'A' {
			other = 'Q'
		}
		if strings.HasSuffix(l, "=") { // the last digit of base64 has bits that stand for nothing
			at--
			if other = 'A'; l[at] == 'A' {
				other = 'Q'
			}
		}
		changed[i] = l[:at] + string(other) + l[at+1:]
		out, ok := python(t, "receipt", put("changed", []byte(strings.Join(changed, "\n")+"\n")), w.vkey)
		require.False(t, ok, "line %d: %s", i, out)
		require.Contains(t, out, "DOES NOT HOLD")
	}
	out, ok := python(t, "receipt", put("receipt", []byte(receipt)), testStranger(t))
	require.False(t, ok, out)
	for _, args := range [][]string{{}, {"receipt", filepath.Join(dir, "nothing"), w.vkey}, {"check", "this"}} {
		out, ok = python(t, args...)
		require.False(t, ok, out)
		require.NotContains(t, out, "DOES NOT HOLD", "what cannot be read proves nothing")
		require.NotContains(t, out, "Traceback")
	}
}

func TestAChainIsCheckedByPython(t *testing.T) {
	w := usualFolder(t)
	db, err := store.Open(w.tables(), store.Options{ReadOnly: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	head := db.Head()
	bundle := func(change func(n ledger.Seq, b []byte) []byte) string {
		var out []byte
		for n := range head.Size {
			b, err := store.Record(db, n)
			require.NoError(t, err)
			if b = change(n, bytes.Clone(b)); b != nil {
				out = append(binary.BigEndian.AppendUint16(out, uint16(len(b))), b...)
			}
		}
		path := filepath.Join(t.TempDir(), "bundle")
		require.NoError(t, os.WriteFile(path, out, 0o600))
		return path
	}
	out, ok := python(t, "chain", bundle(func(_ ledger.Seq, b []byte) []byte { return b }))
	require.True(t, ok, out)
	require.Contains(t, out, b64(head.Last))
	for _, bad := range []ledger.Seq{0, 3, head.Size - 2} {
		out, ok = python(t, "chain", bundle(func(n ledger.Seq, b []byte) []byte {
			if n == bad {
				b[len(b)-1] ^= 1
			}
			return b
		}))
		require.False(t, ok, "entry %d altered: %s", bad, out)
		if bad == 0 {
			continue // without it the rest is a chain that begins later
		}
		out, ok = python(t, "chain", bundle(func(n ledger.Seq, b []byte) []byte {
			if n == bad {
				return nil
			}
			return b
		}))
		require.False(t, ok, "entry %d left out: %s", bad, out)
	}
}
