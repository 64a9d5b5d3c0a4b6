package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/stretchr/testify/require"
)

// lockedBuffer is a log that a server writes to and a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type edgeServer struct {
	*edge
	log  lockedBuffer
	addr string
}

// startEdge serves a few routes on loopback, with short limits.
func startEdge(t *testing.T) *edgeServer {
	t.Helper()
	s := &edgeServer{}
	logger := slog.New(slog.NewJSONHandler(&s.log, nil))
	s.edge = newEdge(logger)
	s.grace, s.rate = 200*time.Millisecond, 1<<10
	s.handle(http.MethodPost, "/v1/lookups", routePolicy{body: 1 << 10, types: []string{"application/json"}}, func(w http.ResponseWriter, r *http.Request) {
		var in probe
		if err := decodeStrict(r.Body, 1<<10, &in); err != nil {
			writeProblem(w, r, err)
			return
		}
		_, _ = io.WriteString(w, `{"outcome":"not-found"}`)
	})
	s.handle(http.MethodGet, "/v1/entries/{seq:[0-9]+}", routePolicy{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, mux.Vars(r)["seq"])
	})
	s.handle(http.MethodGet, "/v1/directory", routePolicy{}, func(http.ResponseWriter, *http.Request) {})
	s.handle(http.MethodPut, "/v1/directory/{ods}", routePolicy{body: 1 << 10, types: []string{"application/json"}}, func(http.ResponseWriter, *http.Request) {})
	s.handle(http.MethodPost, "/v1/uploads", routePolicy{body: 1 << 20, types: []string{"text/csv"}, long: true}, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			writeProblem(w, r, bodyProblem(err))
			return
		}
		_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
	})
	s.handle(http.MethodPost, "/panic", routePolicy{}, func(http.ResponseWriter, *http.Request) { panic("9990000018 is on fire") })
	s.handle(http.MethodPost, "/panic-late", routePolicy{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("9990000018 is on fire")
	})
	s.handle(http.MethodPost, "/wait", routePolicy{body: 10, types: []string{"text/plain"}}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		select {
		case <-r.Context().Done():
			w.WriteHeader(http.StatusTeapot)
		case <-time.After(3 * s.grace):
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = l.Addr().String()
	server := newServer("", s.edge, logger)
	server.ReadHeaderTimeout = s.grace
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// raw sends text as it is and reads one answer.
func (s *edgeServer) raw(t *testing.T, text string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, _ = io.WriteString(c, text) // the server may have hung up already
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	body, _ := io.ReadAll(res.Body)
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res
}

func codeOf(t *testing.T, res *http.Response) string {
	t.Helper()
	var p problemBody
	require.NoError(t, json.NewDecoder(res.Body).Decode(&p))
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
	return p.Code
}

func requireConstantHeaders(t *testing.T, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer"} {
		require.Equal(t, want, h.Get(name))
	}
	require.True(t, isUUID(h.Get("X-Request-ID")))
	require.Empty(t, h.Get("Server"))
	require.Empty(t, h.Get("Location"))
}

const tail = " HTTP/1.1\r\nHost: custos\r\n"

func TestEveryMethodOfEveryRoute(t *testing.T) {
	s := startEdge(t)
	for path, allowed := range map[string]string{"/v1/lookups": "POST", "/v1/entries/7": "GET", "/v1/directory": "GET", "/v1/directory/E09": "PUT", "/v1/uploads": "POST"} {
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "get"} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Method = m
			r.Header.Set("X-HTTP-Method-Override", allowed)
			s.ServeHTTP(w, r)
			requireConstantHeaders(t, w.Header())
			if m == allowed {
				require.NotEqual(t, 405, w.Code, m+" "+path)
				continue
			}
			require.Equal(t, 405, w.Code, m+" "+path)
			if m != "CONNECT" {
				require.Equal(t, allowed, w.Header().Get("Allow"))
			}
		}
	}
}

func TestOtherSpellingsAreNotFound(t *testing.T) {
	s := startEdge(t)
	for _, path := range []string{"/", "/v1", "/v2/lookups", "//v1//lookups", "/v1//lookups", "/v1/lookups/", "/v1/x/../lookups", "/v1/./lookups", "/..",
		"/%2e%2e/v1/lookups", "/v1/%2e%2e%2fadmin", "/v1%2flookups", "/v1/lookups;x=1", "/v1/lookups%00", "/v1/lookups%0d%0aX-Bad:1",
		"/v1/directory/a%2fb", "/v1/directory/%20", "/V1/lookups", "/v1/%6cookups", "/v1/directory/..", "/v1\\lookups", "/v1/entries/-1", "/v1/lookups|", "/é"} {
		for _, m := range []string{"GET", "POST", "PUT"} {
			res := s.raw(t, m+" "+path+tail+"\r\n")
			require.Equal(t, 404, res.StatusCode, path)
			requireConstantHeaders(t, res.Header)
			require.Equal(t, "not-found", codeOf(t, res))
			require.NotContains(t, res.Header, "X-Bad")
		}
	}
	require.Equal(t, 404, s.raw(t, "OPTIONS *"+tail+"\r\n").StatusCode)
	require.Equal(t, 200, s.raw(t, "GET /v1/entries/7?x=/../%2e"+tail+"If-None-Match: *\r\nRange: bytes=0-0\r\n\r\n").StatusCode)
}

func TestWhatABodyMayBe(t *testing.T) {
	s := startEdge(t)
	const ok = `{"nhsNumber":"1"}`
	cl := func(n int) string { return "Content-Length: " + strconv.Itoa(n) + "\r\n" }
	const jsonType = "Content-Type: application/json\r\n"
	chunked := "Transfer-Encoding: chunked\r\n"
	for _, c := range []struct {
		name, headers, body string
		status              int
		code                string
	}{
		{"plain", jsonType + cl(len(ok)), ok, 200, ""},
		{"charset", "Content-Type: application/json; charset=UTF-8\r\n" + cl(len(ok)), ok, 200, ""},
		{"identity", jsonType + "Content-Encoding: identity\r\n" + cl(len(ok)), ok, 200, ""},
		{"chunked", jsonType + chunked, "11\r\n" + ok + "\r\n0\r\n\r\n", 200, ""},
		{"no type", cl(len(ok)), ok, 415, "content-type"},
		{"text/plain", "Content-Type: text/plain\r\n" + cl(len(ok)), ok, 415, "content-type"},
		{"a form", "Content-Type: application/x-www-form-urlencoded\r\n" + cl(len(ok)), ok, 415, "content-type"},
		{"another route's type", "Content-Type: text/csv\r\n" + cl(len(ok)), ok, 415, "content-type"},
		{"two types", jsonType + jsonType + cl(len(ok)), ok, 415, "content-type"},
		{"other charset", "Content-Type: application/json; charset=utf-16\r\n" + cl(len(ok)), ok, 415, "content-type"},
		{"broken type", "Content-Type: application/json;;=\r\n" + cl(len(ok)), ok, 415, "content-type"},
		{"gzip", jsonType + "Content-Encoding: gzip\r\n" + cl(len(ok)), ok, 415, "content-encoding"},
		{"gzip and nothing", jsonType + "Content-Encoding: gzip\r\n" + cl(0), "", 415, "content-encoding"},
		{"empty", jsonType + cl(0), "", 400, "body-empty"},
		{"declared too large", jsonType + cl(1025), "", 413, "body-too-large"},
		{"chunked too large", jsonType + chunked, strings.Repeat("100\r\n"+strings.Repeat(" ", 256)+"\r\n", 9) + "0\r\n\r\n", 413, "body-too-large"},
		{"longer than it says", jsonType + cl(len(ok)), ok + ok, 200, ""},
		{"stops", jsonType + cl(len(ok)), ok[:5], 408, "body-too-slow"},
		{"never starts", jsonType + cl(len(ok)), "", 408, "body-too-slow"},
		{"chunk never ends", jsonType + chunked, "11\r\n{", 408, "body-too-slow"},
		{"bad chunk", jsonType + chunked, "zz\r\n", 400, "body-incomplete"},
		{"two lengths", jsonType + cl(2) + cl(3), "{}", 400, "-"},
		{"negative length", jsonType + "Content-Length: -1\r\n", "", 400, "-"},
		{"another transfer coding", jsonType + "Transfer-Encoding: xchunked\r\n", "", 501, "-"},
		{"space before the colon", "Content-Type : application/json\r\n", "", 400, "-"},
		{"large header", "X: " + strings.Repeat("x", 1<<20) + "\r\n", "", 431, "-"},
		{"headers never end", "X: y", "", 0, "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.status == 0 {
				conn, err := net.Dial("tcp", s.addr)
				require.NoError(t, err)
				defer func() { _ = conn.Close() }()
				require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
				_, err = io.WriteString(conn, "POST /v1/lookups"+tail+c.headers)
				require.NoError(t, err)
				_, err = io.ReadAll(conn)
				require.NoError(t, err, "hung up by the server")
				return
			}
			res := s.raw(t, "POST /v1/lookups"+tail+c.headers+"\r\n"+c.body)
			require.Equal(t, c.status, res.StatusCode)
			if c.code == "-" {
				return // net/http's own answer
			}
			requireConstantHeaders(t, res.Header)
			if c.code != "" {
				require.Equal(t, c.code, codeOf(t, res))
			}
			if c.status == 408 || c.status == 413 {
				require.True(t, res.Close)
			}
		})
	}
	require.Equal(t, 413, s.raw(t, "GET /v1/directory"+tail+jsonType+cl(2)+"\r\n{}").StatusCode, "a route that takes no body")
}

// dripping gives one byte at a time, for ever, until told to stop.
type dripping struct{ stop context.Context }

func (d dripping) Read(b []byte) (int, error) {
	select {
	case <-d.stop.Done():
		return 0, io.ErrClosedPipe
	case <-time.After(10 * time.Millisecond):
		b[0] = ' '
		return 1, nil
	}
}

func TestDrippingBodiesAreCut(t *testing.T) {
	s := startEdge(t)
	stop, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, path := range []string{"/v1/lookups", "/v1/uploads", "/nothing-here"} {
		c, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(c, "POST "+path+tail+"Content-Type: "+map[bool]string{true: "text/csv", false: "application/json"}[path == "/v1/uploads"]+"\r\nContent-Length: 1000\r\n\r\n")
		require.NoError(t, err)
		go func() { _, _ = io.Copy(c, dripping{stop}) }()
		start := time.Now()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		if path == "/nothing-here" {
			require.Equal(t, 404, res.StatusCode)
		} else {
			require.Equal(t, 408, res.StatusCode)
			require.Equal(t, "body-too-slow", codeOf(t, res))
			require.True(t, res.Close)
		}
		require.Less(t, time.Since(start), 5*time.Second)
		_ = c.Close()
	}
}

// An upload may take longer than the grace, if it keeps moving.
func TestSteadyUploadIsNotCut(t *testing.T) {
	s := startEdge(t)
	s.rate = 1 << 10
	pr, pw := io.Pipe()
	pause := time.NewTicker(s.grace / 5)
	defer pause.Stop()
	go func() {
		for range 10 {
			_, _ = pw.Write(bytes.Repeat([]byte("x"), 5<<10))
			<-pause.C
		}
		_ = pw.Close()
	}()
	res, err := http.Post("http://"+s.addr+"/v1/uploads", "text/csv; header=present", pr)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(50<<10), string(body))
}

// A reader that does not heed the refusal gets it again.
func TestBodyStaysTooLarge(t *testing.T) {
	b := &pacedBody{ReadCloser: io.NopCloser(strings.NewReader("123456789")), to: http.NewResponseController(httptest.NewRecorder()), rate: 1, left: 4}
	got, err := io.ReadAll(b)
	require.EqualError(t, err, "body-too-large")
	require.LessOrEqual(t, len(got), 5)
	for range 3 {
		n, err := b.Read(make([]byte, 8))
		require.Zero(t, n)
		require.EqualError(t, err, "body-too-large")
	}
}

// The read deadline goes when the body has come: making the answer may take longer.
func TestDeadlineEndsWithTheBody(t *testing.T) {
	s := startEdge(t)
	require.Equal(t, 200, s.raw(t, "POST /wait"+tail+"Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx").StatusCode)
}

func TestInFlight(t *testing.T) {
	f := newInFlight(2)
	require.Nil(t, f.acquire())
	require.Nil(t, f.acquire())
	require.Equal(t, "busy", f.acquire().Code)
	f.release()
	require.Nil(t, f.acquire())

	e := newEdge(slog.New(slog.DiscardHandler))
	e.handle(http.MethodGet, "/x", routePolicy{slots: f}, func(http.ResponseWriter, *http.Request) {})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	require.Equal(t, 503, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	f.release()
	for range 3 {
		w = httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
		require.Equal(t, 200, w.Code)
	}
}

func TestPanics(t *testing.T) {
	s := startEdge(t)
	res := s.raw(t, "POST /panic"+tail+"\r\n")
	require.Equal(t, 500, res.StatusCode)
	require.Equal(t, "internal", codeOf(t, res))
	requireConstantHeaders(t, res.Header)

	late, err := http.Post("http://"+s.addr+"/panic-late", "", nil)
	require.NoError(t, err)
	defer func() { _ = late.Body.Close() }()
	_, err = io.ReadAll(late.Body)
	require.Error(t, err, "half an answer must not look whole")
	require.Contains(t, s.log.String(), `"msg":"panic"`)
	require.Contains(t, s.log.String(), "limits_test.go")
	require.NotContains(t, s.log.String(), "9990000018")
}

// One line per request, whatever becomes of it, and nothing in it that was sent but a UUID.
func TestLogLine(t *testing.T) {
	s := startEdge(t)
	const id = "0d6a3e5c-3f0a-4b7e-9d5c-0a1b2c3d4e5f"
	secret := "9990000018"
	for _, req := range []string{
		"POST /v1/lookups?nhs=" + secret + tail + "Content-Type: application/json\r\nContent-Length: 26\r\nX-Request-ID: " + id + "\r\n\r\n{\"nhsNumber\":\"" + secret + "\"}",
		"POST /v1/lookups" + tail + "Content-Type: application/json\r\nContent-Length: 16\r\nUser-Agent: " + secret + "\r\n\r\n{\"" + secret + "\":1}",
		"GET /v1/entries/" + secret + tail + "Authorization: Bearer " + secret + "\r\n\r\n",
		"GET /" + secret + tail + "\r\n",
		"M" + secret + " /v1/lookups" + tail + "\r\n",
		"GET /v1/lookups" + tail + "X-Request-ID: " + secret + "\r\n\r\n",
	} {
		s.raw(t, req)
	}
	var lines []object
	require.Eventually(t, func() bool { return strings.Count(s.log.String(), "\n") == 6 }, 5*time.Second, time.Millisecond)
	for line := range strings.Lines(s.log.String()) {
		var o object
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		lines = append(lines, o)
	}
	require.NotContains(t, s.log.String(), secret)
	require.Equal(t, id, lines[0]["request_id"])
	for i, want := range []struct {
		method, route string
		status        int
		code          any
	}{
		{"POST", "/v1/lookups", 200, nil}, {"POST", "/v1/lookups", 400, "json-unknown-field"}, {"GET", "/v1/entries/{seq:[0-9]+}", 200, nil},
		{"GET", "none", 404, "not-found"}, {"other", "none", 405, "method-not-allowed"}, {"GET", "none", 400, "request-id-format"},
	} {
		require.Equal(t, want.method, lines[i]["method"])
		require.Equal(t, want.route, lines[i]["route"])
		require.EqualValues(t, want.status, lines[i]["status"])
		require.Equal(t, want.code, lines[i]["code"])
	}
}

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

func BenchmarkEdge(b *testing.B) {
	e := newEdge(slog.New(slog.DiscardHandler))
	e.handle(http.MethodPost, "/v1/lookups", routePolicy{body: 1 << 10, types: []string{"application/json"}}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	})
	r := httptest.NewRequest(http.MethodPost, "/v1/lookups", nil)
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		e.ServeHTTP(w, r)
	}
}
