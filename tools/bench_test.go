package tools

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/ledger"
)

// run runs the tools as a shell would.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(args, &o, &e)
	return code, o.String(), e.String()
}

const found = `{"outcome":"found","seq":7,"plans":[],"receipt":"c2sp.org/tlog-proof@v1"}`

// demoFolder writes what a running demo leaves for the bench.
func demoFolder(t *testing.T, url string, tokens ...string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("env", fmt.Sprintf("CUSTOS_URL=%s\nCUSTOS_PIDS=%d\nT_LA2_UPLOADER=up\n", url, os.Getpid()))
	write("bench-tokens", strings.Join(tokens, "\n")+"\n")
	write("bench-people", "9990000018\n9990000026\n")
	return dir
}

func TestBenchCountsOnlyAnswersWithPlansAndReceipt(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/lookups" || r.Header.Get("Content-Type") != "application/json" {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		mu.Lock()
		seen[r.Header.Get("Authorization")+" "+string(body)]++
		n := 0
		for _, k := range seen {
			n += k
		}
		mu.Unlock()
		switch n % 4 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"code":"not-recorded"}`)
		case 1:
			fmt.Fprint(w, `{"outcome":"not-found"}`)
		default:
			fmt.Fprint(w, found)
		}
	}))
	defer s.Close()
	dir := demoFolder(t, s.URL, "a", "b", "c")
	code, out, errs := run(t, "bench", "--dir", dir, "--duration", "200ms", "--warmup", "10ms", "--clients", "4", "-o", "json")
	require.Equal(t, 0, code, errs)
	var r benchResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.NotZero(t, r.Lookups)
	require.NotZero(t, r.ErrorKinds["503 not-recorded"])
	require.NotZero(t, r.ErrorKinds["200 without plans"])
	require.InDelta(t, r.Lookups, r.Errors, float64(r.Lookups)/5+20)
	require.NotNil(t, r.CPUPerLookup)
	require.GreaterOrEqual(t, r.P99Ms, r.P50Ms)
	s.Close() // what was under way at the end is answered
	require.Len(t, seen, 6, "every token meets every person")
	require.Contains(t, seen, `Bearer a {"nhsNumber":"9990000018"}`)
}

// At a rate nobody waits for anybody: a server that stands still is asked no less for it, and whoever was
// due meanwhile has waited since then, not since there was a connection to ask on.
func TestBenchAtARate(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 10 {
			time.Sleep(300 * time.Millisecond)
		}
		fmt.Fprint(w, found)
	}))
	defer s.Close()
	code, out, errs := run(t, "bench", "--dir", demoFolder(t, s.URL, "a"), "--duration", "1s", "--warmup", "0s", "--clients", "1", "--rate", "100", "-o", "json")
	require.Equal(t, 0, code, errs)
	var r benchResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 100, r.Rate)
	require.LessOrEqual(t, asked.Load(), int64(101))
	require.Greater(t, asked.Load(), int64(50), "what was due while it stood still came after")
	require.Greater(t, r.P99Ms, 250.0)
	code, _, errs = run(t, "bench", "--dir", demoFolder(t, s.URL, "a"), "--rate", "-1")
	require.Equal(t, ExitUsage, code, errs)
}

// A connection that the server ends while nobody uses it loses no lookup.
func TestBenchAtARateKeepsIdleClients(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, found) }))
	s.Config.ReadHeaderTimeout = 200 * time.Millisecond // also of a connection that was never used; one that was is kept
	var dialled atomic.Int64
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	code, out, errs := run(t, "bench", "--dir", demoFolder(t, s.URL, "a"), "--duration", "1s", "--warmup", "0s", "--clients", "8", "--rate", "100", "-o", "json")
	require.Equal(t, 0, code, errs)
	var r benchResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Greater(t, dialled.Load(), int64(8), "some were ended, and connected anew")
	// One that is ended at the moment at which it is first used loses its request: on a busy machine that may happen now and then.
	require.Less(t, int64(r.Errors), (dialled.Load()-8)/2, "%v", r.ErrorKinds)
	require.InDelta(t, 100, r.Lookups, 30)
}

// What counted is kept with its entry's number and hash, and nothing else is; a receipt that says no hash
// proves no entry.
func TestBenchKeepsTheEntriesOfItsReceipts(t *testing.T) {
	var mu sync.Mutex
	given := map[string]bool{}
	leaf := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		r := ledger.Receipt{Seq: ledger.Seq(len(given)), Checkpoint: []byte("custos.test\n1\n\n\n")}
		if leaf {
			r.Leaf = ledger.Hash(sha256.Sum256([]byte{byte(r.Seq), byte(r.Seq >> 8)}))
		}
		given[fmt.Sprintf("%d %x", r.Seq, r.Leaf[:])] = r.Seq%3 != 0
		b, err := json.Marshal(map[string]any{"outcome": map[bool]string{true: "found", false: "not-found"}[r.Seq%3 != 0], "receipt": string(r.Format())})
		if err == nil {
			_, _ = w.Write(b)
		}
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "entries")
	args := []string{"bench", "--dir", demoFolder(t, s.URL, "a"), "--duration", "100ms", "--warmup", "0s", "--clients", "4", "-o", "json", "--receipts", file}
	code, out, errs := run(t, args...)
	require.Equal(t, 0, code, errs)
	var r benchResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	kept, err := readLines(file)
	require.NoError(t, err)
	require.Equal(t, r.Lookups, len(kept)) // Len would print them all
	mu.Lock()                              // a request that was under way at the end may be answered still
	known := maps.Clone(given)
	leaf = false
	mu.Unlock()
	for _, line := range kept {
		require.True(t, known[line], line)
	}
	code, _, errs = run(t, args...)
	require.Equal(t, ExitIntegrity, code, errs)
}

func TestBenchWithoutServer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	dir := demoFolder(t, s.URL, "a")
	s.Close()
	code, _, errs := run(t, "bench", "--dir", dir)
	require.Equal(t, ExitNoServer, code)
	require.Contains(t, errs, "no server answers")
	code, _, errs = run(t, "bench", "--dir", t.TempDir())
	require.Equal(t, ExitUsage, code)
	require.Contains(t, errs, "--url")
	code, _, _ = run(t, "bench", "--dir", t.TempDir(), "--url", "https://localhost:1")
	require.Equal(t, ExitUsage, code)
	code, _, errs = run(t, "bench", "--dir", t.TempDir(), "--url", "http://localhost:1")
	require.Equal(t, ExitUnreadable, code)
	require.Contains(t, errs, "is a demo running?")
}

func TestFreshTokensAreSignedAndNeverRepeated(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	header := b64([]byte(`{"alg":"ES256","kid":"k"}`))
	token := header + "." + b64([]byte(`{"iss":"i","exp":4102444800,"jti":"old"}`)) + ".x"
	var mu sync.Mutex
	seen := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
		sig, err := base64.RawURLEncoding.DecodeString(parts[2])
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
		var claims struct {
			Iss string      `json:"iss"`
			Exp json.Number `json:"exp"`
			Jti string      `json:"jti"`
		}
		err3 := json.Unmarshal(payload, &claims)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || err2 != nil || err3 != nil || parts[0] != header || claims.Exp != "4102444800" || seen[claims.Jti] || claims.Jti == "old" ||
			!ecdsa.Verify(&key.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			http.Error(w, `{"code":"bad"}`, http.StatusUnauthorized)
			return
		}
		seen[claims.Jti] = true
		fmt.Fprint(w, found)
	}))
	defer s.Close()
	dir := demoFolder(t, s.URL, token)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	file := filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	code, out, errs := run(t, "bench", "--dir", dir, "--duration", "100ms", "--warmup", "0s", "--clients", "3", "--fresh-tokens", "--signing-key", file)
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "tokens verified every time")
	require.Contains(t, out, ", 0 errors")
	require.NotEmpty(t, seen)
}

func TestBenchUploadCountsTheAcknowledgement(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/lookups" {
			fmt.Fprint(w, found)
			return
		}
		if r.Header.Get("Authorization") != "Bearer up" || r.URL.Query().Get("sequence") == "" {
			http.Error(w, `{"code":"token-missing"}`, http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		rows := bytes.Count(body, []byte("\n")) - 1
		fmt.Fprint(w, "row,status,code,message,local_id\n")
		for i := range rows {
			if i == 3 {
				fmt.Fprintf(w, "%d,rejected,over-18,,C1\n", i+1)
				continue
			}
			fmt.Fprintf(w, "%d,recorded,,,C1\n", i+1)
		}
	}))
	defer s.Close()
	dir := demoFolder(t, s.URL, "a")
	var r uploadResult
	code, out, errs := run(t, "bench", "upload", "--dir", dir, "--rows", "500", "--beside-lookups", "--duration", "50ms", "--warmup", "0s", "--clients", "2", "-o", "json")
	require.Equal(t, 0, code, errs)
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 500, r.Rows)
	require.Equal(t, 1, r.Rejected)
	require.NotNil(t, r.Alone)
	require.NotNil(t, r.Beside)
	code, _, errs = run(t, "bench", "upload", "--dir", dir, "--rows", "500", "--token", "other")
	require.Equal(t, ExitNotPermitted, code)
	require.Contains(t, errs, "401 token-missing")
}

func TestBenchUploadSendsMessages(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := cpis.NewReader(r.Body, cpis.Options{})
		if err != nil || r.URL.RawQuery != "" || r.Header.Get("Content-Type") != "application/xml" {
			http.Error(w, `{"code":"content-type"}`, http.StatusUnsupportedMediaType)
			return
		}
		h := in.Header()
		for err == nil {
			err = in.Next(&cpis.Record{})
		}
		out := cpis.Response{ResponseHeader: cpis.ResponseHeader{Created: h.Created, Sequence: h.Sequence, Quantity: in.Read(), Receiver: h.Sender,
			Codes: []cpis.FileCode{cpis.FilePartly}, Failed: 2}, Successful: in.Read() - 2}
		if !errors.Is(err, io.EOF) || out.Write(w) != nil {
			http.Error(w, `{"code":"internal"}`, http.StatusInternalServerError)
		}
	}))
	defer s.Close()
	var r uploadResult
	code, out, errs := run(t, "bench", "upload", "--dir", demoFolder(t, s.URL, "a"), "--xml", "--rows", "300", "-o", "json")
	require.Equal(t, 0, code, errs)
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, []int{300, 2}, []int{r.Rows, r.Rejected})
}

func TestQuantile(t *testing.T) {
	times := make([]uint32, 100)
	for i := range times {
		times[i] = uint32(i + 1)
	}
	require.EqualValues(t, 50, quantile(times, 0.5).Microseconds())
	require.EqualValues(t, 99, quantile(times, 0.99).Microseconds())
	require.Zero(t, quantile(nil, 0.5))
}

func TestGenWritesTheSameFilesAgain(t *testing.T) {
	read := func(dir string) map[string]string {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		out := map[string]string{}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			require.NoError(t, err)
			out[f.Name()] = string(b)
		}
		return out
	}
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		code, out, errs := run(t, "gen", "--seed", "4", "--children", "50", "--authorities", "2", "--today", "2026-11-22", "--out", dir)
		require.Equal(t, 0, code, errs)
		require.Contains(t, out, "50 people")
	}
	require.Len(t, read(a), 6)
	require.Equal(t, read(a), read(b))
	code, _, _ := run(t, "gen", "--today", "22/11/2026", "--out", a)
	require.Equal(t, ExitUsage, code)
	code, _, errs := run(t, "gen")
	require.Equal(t, ExitUsage, code)
	require.Contains(t, errs, "--out")
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"no-such"}, {"gen", "--no-such"}, {"gen", "extra", "--out", "x"}, {"gen", "-o", "xml", "--out", "x"}} {
		code, _, errs := run(t, args...)
		require.Equal(t, ExitUsage, code, args)
		require.True(t, strings.HasPrefix(errs, "custos-tools: "), errs)
	}
	code, out, _ := run(t, "--help")
	require.Zero(t, code)
	require.Contains(t, out, "Exit codes")
}
