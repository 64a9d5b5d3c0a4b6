package api

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// countingListener counts the pieces that leave on its connections.
type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.writes}, err
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// An answer of any length arrives whole and in order, on a connection that is
// used again, and one that is longer than net/http's buffer leaves in one piece.
func TestLongAnswersLeaveInOnePiece(t *testing.T) {
	e := newEdge(slog.New(slog.DiscardHandler))
	e.handle(http.MethodGet, "/answer", routePolicy{}, func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			panic(err)
		}
		j := newJSONWriter()
		j.b = append(j.b, bytes.Repeat([]byte{'a'}, n)...)
		if r.URL.Query().Get("then") == "panic" {
			w.Header()["Content-Length"] = []string{strconv.Itoa(n)}
			_, _ = w.Write(j.b)
			panic("after it was written")
		}
		j.send(w, http.StatusOK)
	})
	e.handle(http.MethodHead, "/answer", routePolicy{}, func(w http.ResponseWriter, _ *http.Request) {
		j := newJSONWriter()
		j.b = append(j.b, bytes.Repeat([]byte{'a'}, 9000)...)
		j.send(w, http.StatusOK)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	writes := new(atomic.Int64)
	srv := newServer("", e, slog.New(slog.DiscardHandler))
	go func() { _ = srv.Serve(Listener(countingListener{l, writes})) }()
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	client := &http.Client{Timeout: 5 * time.Second}
	url := "http://" + l.Addr().String() + "/answer"
	for _, n := range []int{0, 1, 2000, 3500, 3700, 3800, 4000, 4095, 4096, 4097, 5368, 8191, 8192, 9000, 100_000} {
		before := writes.Load()
		res, err := client.Get(fmt.Sprintf("%s?n=%d", url, n))
		require.NoError(t, err, "%d bytes", n)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, strings.Repeat("a", n), string(body))
		if n >= writeBuffer {
			require.EqualValues(t, 1, writes.Load()-before, "%d bytes", n)
		}
	}
	res, err := client.Head(url)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.EqualValues(t, 9000, res.ContentLength)
	// A handler that dies after a whole body: the connection ends, and nothing is kept back.
	res, err = client.Get(url + "?n=9000&then=panic")
	if err == nil {
		body, _ := io.ReadAll(res.Body) // the connection may be cut before its last bytes
		require.Equal(t, strings.Repeat("a", len(body)), string(body))
		require.NoError(t, res.Body.Close())
	}
	res, err = client.Get(url + "?n=5")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
}
