package tools

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A lookup is asked for until it is answered, under one key, and its letter is
// counted once, whoever's it is.
func TestBenchLettersCountsWhatComes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	to := l.Addr().String()
	require.NoError(t, l.Close())
	var asked, seq atomic.Int64
	keys := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys[r.Header.Get("Idempotency-Key")]++
		if asked.Add(1)%3 == 0 { // between two leaders
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		n := seq.Add(10)
		for range 2 {
			res, err := http.Post("http://"+to, "application/cloudevents+json", strings.NewReader(fmt.Sprintf(`{"data":{"notifications":[{"id":%d},{"id":3}]}}`, n+1)))
			if err == nil {
				_ = res.Body.Close()
			}
		}
		fmt.Fprintf(w, `{"seq":%d,"notified":[{"ods":"301"},{"ods":"302"}]}`, n)
	}))
	defer s.Close()
	dir := demoFolder(t, s.URL, "a")
	code, out, errs := run(t, "bench", "letters", "--dir", dir, "--listen", to, "--authorities", "301", "--lookups", "4", "--pause", "0s", "-o", "json")
	require.Equal(t, 0, code, errs)
	var r listenersSpeed
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 4, r.Heard)
	require.Zero(t, r.Missed)
	require.Len(t, keys, 4, "one key for each lookup")
	code, _, _ = run(t, "bench", "letters", "--dir", dir)
	require.Equal(t, ExitUsage, code)
}
