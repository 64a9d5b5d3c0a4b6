package tools

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A node that sends another entry, or tiles of another tree, is found out before
// there is a proof; an answer that it owes and does not give is no proof either.
func TestACaseloadOfALyingNode(t *testing.T) {
	w := usualFolder(t)
	forgeries["read-caseload"](w, 0)
	dir := t.TempDir()
	tiles, token := filepath.Join(dir, "log"), filepath.Join(dir, "token")
	code, _, errs := run(t, "export", "--data", w.dir, "--format", "tiles", "--out", tiles)
	require.Zero(t, code, errs)
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	bend := func(string, []byte) []byte { return nil }
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var b []byte
		if number, ok := strings.CutPrefix(r.URL.Path, "/v1/entries/"); ok {
			n, err := strconv.ParseUint(number, 10, 64)
			require.NoError(t, err)
			b = w.record(ledger.Seq(n))
		} else {
			var err error
			if b, err = os.ReadFile(filepath.Join(tiles, filepath.FromSlash(r.URL.Path))); err != nil {
				rw.WriteHeader(http.StatusNotFound)
				return
			}
		}
		if bent := bend(r.URL.Path, b); bent != nil {
			b = bent
		}
		_, _ = rw.Write(b)
	}))
	defer s.Close()
	prove := func() (int, string, string) {
		return run(t, "prove", "--caseload", "--url", s.URL, "--token-file", token, "--seq", "31")
	}
	code, proof, errs := prove()
	require.Zero(t, code, errs)
	code, same, errs := run(t, "prove", "--caseload", "--data", w.dir, "--seq", "31")
	require.Zero(t, code, errs)
	require.JSONEq(t, same, proof, "it is the proof that the folder gives")

	for path, says := range map[string]string{
		"/v1/entries/33":                        "entry 33 is not the one in the tree that the node's checkpoint names",
		"/tile/0/000.p/" + fmt.Sprint(w.size()): "the node's tiles are not of the tree that its checkpoint names",
		"/checkpoint":                           "the node's checkpoint is none",
	} {
		bend = func(asked string, b []byte) []byte {
			switch {
			case asked != path:
				return nil
			case path == "/checkpoint":
				return []byte("nothing\n")
			case path == "/v1/entries/33":
				b[len(b)-1] ^= 1 // of its last commitment, or of its person's chain
				return b
			}
			b[40] ^= 1
			return b
		}
		code, out, errs := prove()
		require.Equal(t, ExitIntegrity, code, errs)
		require.Contains(t, errs, says)
		require.Empty(t, out)
	}
	bend = func(asked string, _ []byte) []byte {
		if asked == "/v1/entries/33" {
			return w.record(32)
		}
		return nil
	}
	code, _, errs = prove()
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, errs, "the node's answer is not entry 33")
}
