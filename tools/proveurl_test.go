package tools

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProveFromANode(t *testing.T) {
	w := usualFolder(t)
	code, receipt, errs := run(t, "prove", "--data", w.dir, "--seq", "11")
	require.Zero(t, code, errs)
	record := w.record(11)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			rw.WriteHeader(http.StatusForbidden)
			fmt.Fprint(rw, `{"code":"role-not-permitted"}`)
		case r.URL.Path == "/v1/receipts/11", r.URL.Path == "/v1/receipts/12":
			fmt.Fprint(rw, receipt)
		case r.URL.Path == "/v1/entries/11":
			_, _ = rw.Write(record)
		default:
			rw.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	dir := t.TempDir()
	token, out := filepath.Join(dir, "token"), filepath.Join(dir, "record")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	prove := func(seq string, more ...string) (int, string, string) {
		return run(t, append([]string{"prove", "--url", s.URL, "--token-file", token, "--seq", seq}, more...)...)
	}
	code, got, errs := prove("11", "--record", out)
	require.Zero(t, code, errs)
	require.Equal(t, receipt, got)
	written, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, record, written)

	code, _, errs = prove("12")
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, errs, "not this entry's receipt")
	code, _, _ = prove("13")
	require.Equal(t, ExitUsage, code)
	record[3] ^= 1
	code, _, errs = prove("11", "--record", out)
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, errs, "does not prove the bytes that it sent")
	require.NoError(t, os.WriteFile(token, []byte("other"), 0o600))
	code, _, errs = prove("11")
	require.Equal(t, ExitNotPermitted, code)
	require.Contains(t, errs, "403 role-not-permitted")
	s.Close()
	code, _, _ = prove("11")
	require.Equal(t, ExitNoServer, code)
	code, _, _ = run(t, "prove", "--seq", "1")
	require.Equal(t, ExitUsage, code)
}
