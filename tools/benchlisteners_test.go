package tools

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each listener of an authority is to hear of each of its notifications, and
// one that does not is counted.
func TestBenchListenersCountsWhatIsNotHeard(t *testing.T) {
	var mu sync.Mutex
	var all []chan string
	tokens := map[string]bool{}
	seq := 40
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/lookups" {
			mu.Lock()
			defer mu.Unlock()
			seq += 3
			for _, e := range all {
				e <- fmt.Sprintf("id: %d\nevent: notifications\ndata: [{\"id\":%d,\"state\":\"queued\"},{\"id\":1,\"state\":\"opened\"}]\n\n", seq+1, seq+1)
			}
			fmt.Fprintf(w, `{"seq":%d,"notified":[{"ods":"301"},{"ods":"999"}]}`, seq)
			return
		}
		e := make(chan string, 100)
		mu.Lock()
		all = append(all, e)
		tokens[r.Header.Get("Authorization")] = true
		mu.Unlock()
		fmt.Fprint(w, "event: ready\ndata: {\"asOf\":1}\n\n:\n\n")
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case text := <-e:
				fmt.Fprint(w, text)
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer s.Close()
	dir := demoFolder(t, s.URL, "a")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", "tokens.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"org":"301","jti":"x"}`)) + ".x"
	f, err := os.OpenFile(filepath.Join(dir, "env"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	fmt.Fprintf(f, "T_SOCIAL_WORKER=%s\n", token)
	require.NoError(t, f.Close())

	code, out, errs := run(t, "bench", "listeners", "--dir", dir, "--listeners", "5", "--lookups", "3", "-o", "json")
	require.Equal(t, 0, code, errs)
	var r listenersSpeed
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 15, r.Heard)
	require.Zero(t, r.Missed)
	require.Len(t, tokens, 5, "each listener is somebody")
	require.LessOrEqual(t, r.P50Ms, r.MaxMs)

	// One that hears nothing of a lookup is missed, after a while.
	e := &ears{listening: map[string]int{"301": 2}, heard: map[uint64][]time.Time{8: {time.Now()}}}
	got := e.result([]madeLookup{{sent: time.Now(), seq: 7, told: []string{"301", "302"}}}, 0)
	require.Equal(t, 1, got.Heard)
	require.Equal(t, 1, got.Missed)
}
