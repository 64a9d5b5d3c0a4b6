package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// demoMailboxShows is what a newcomer sees of MESH in a running demo, after the
// README's lookup: message 01 of the authority went in, 02 came back, and 05
// tells of the lookup. A file that is none is answered too, and nobody else's
// page reads or sends anything.
func demoMailboxShows(t *testing.T, dir string) {
	t.Helper()
	env, err := os.ReadFile(filepath.Join(dir, ".demo", "env"))
	require.NoError(t, err)
	_, url, ok := strings.Cut(string(env), "\nMESH_URL=")
	require.True(t, ok)
	url, _, _ = strings.Cut(url, "\n")
	require.Contains(t, string(env), "\nNHS_MESH="+demoMESHChild+"\n")
	ask := func(method, path, body, kind, host string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", kind)
		if host != "" {
			r.Host = host
		}
		a, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer func() { require.NoError(t, a.Body.Close()) }()
		b, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		return a.StatusCode, string(b)
	}
	// holding reports whether a message of a kind holds each of some texts.
	holding := func(kind string, texts ...string) bool {
		_, all := ask("GET", "/messages", "", "", "")
	next:
		for line := range strings.Lines(all) {
			id, rest, _ := strings.Cut(line, "  ")
			if !strings.Contains(rest, "  "+kind+" ") {
				continue
			}
			status, text := ask("GET", "/messages/"+id, "", "", "")
			if status != http.StatusOK {
				return false
			}
			for _, want := range texts {
				if !strings.Contains(text, want) {
					continue next
				}
			}
			return true
		}
		return false
	}
	require.True(t, holding("01", demoMESHChild, "<File "))
	sees := func(kind string, texts ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return holding(kind, texts...) }, 30*time.Second, 50*time.Millisecond, "no message %s with %q", kind, texts)
	}
	sees("02", "CPR06", "Successful Record Upload")
	sees("05", demoMESHChild, "Dr Ada Demo", "<CP-ISAccessToServiceNotification ")

	status, id := ask("POST", "/messages", "<File/>", "application/xml", "")
	require.Equal(t, http.StatusAccepted, status)
	require.NotEmpty(t, id)
	sees("02", "CPF01")

	status, page := ask("GET", "/", "", "", "")
	require.Equal(t, http.StatusOK, status)
	for _, want := range []string{"01 plans", "02 acknowledgement of a file", "05 notification of access", "made-up people only"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "<script")
	status, _ = ask("POST", "/messages", "<File/>", "text/plain", "")
	require.Equal(t, http.StatusUnsupportedMediaType, status, "a form of somebody else's page sends this")
	status, _ = ask("GET", "/messages", "", "", "elsewhere.example")
	require.Equal(t, http.StatusMisdirectedRequest, status)
	status, _ = ask("GET", "/messages/none", "", "", "")
	require.Equal(t, http.StatusNotFound, status)
}
