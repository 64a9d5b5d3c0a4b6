package mesh

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"custos/api/mesh/meshtest"

	"github.com/stretchr/testify/require"
)

const (
	authority = "X26LA001" // an authority's mailbox
	service   = "X26CPIS1" // CP-IS's
	key       = "BackBone"
	password  = "correct horse"
	upload    = "TEST_UPLOAD"
	piece     = 64 << 10 // bytes in a chunk, in these tests
)

// world is a MESH with two mailboxes, and a client of each.
type world struct {
	t      testing.TB
	mesh   *meshtest.Server
	la, us *Client
}

func start(t testing.TB, o meshtest.Options) *world {
	t.Helper()
	o.SharedKey = key
	s, err := meshtest.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	s.AddMailbox(authority, password)
	s.AddMailbox(service, password)
	w := &world{t: t, mesh: s}
	w.la, w.us = w.client(authority, nil), w.client(service, nil)
	return w
}

// config is a client's configuration with its secrets in files.
func config(t testing.TB, url, mailbox string) Config {
	t.Helper()
	dir := t.TempDir()
	file := func(name, content string) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, []byte(content), 0o600))
		return p
	}
	return Config{URL: url, Mailbox: mailbox, PasswordFile: file("password", password+"\n"), SharedKeyFile: file("key", key+"\r\n"),
		ChunkSize: piece, Workflows: Workflows{Upload: upload, Acknowledgement: upload + "_ACK"}}
}

// client makes a client that sleeps without sleeping.
func (w *world) client(mailbox string, change func(*Config)) *Client {
	w.t.Helper()
	c := config(w.t, w.mesh.URL(), mailbox)
	if change != nil {
		change(&c)
	}
	cl, err := New(c)
	require.NoError(w.t, err)
	cl.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return cl
}

// sleeps notes how long a client would have slept.
func sleeps(c *Client) func() []time.Duration {
	var (
		mu  sync.Mutex
		all []time.Duration
	)
	c.sleep = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, d)
		return ctx.Err()
	}
	return func() []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// impatient makes a client whose patience ends when the returned function is
// called, and not before.
func impatient(c *Client) (expire func()) {
	var (
		mu  sync.Mutex
		now func()
	)
	c.after = func(_ time.Duration, f func()) *time.Timer {
		mu.Lock()
		defer mu.Unlock()
		now = f
		return time.NewTimer(time.Hour)
	}
	return func() {
		mu.Lock()
		f := now
		mu.Unlock()
		f()
	}
}

// bytesOf are n bytes that no two places of share, and that do not compress.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	_, _ = pattern(int64(n)).ReadAt(b, 0)
	return b
}

// pattern is a source of so many bytes, made as they are read.
type pattern int64

func (p pattern) ReadAt(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), int64(p)-off))
	for i := range n {
		x := uint64(off+int64(i)) * 0x9E3779B97F4A7C15
		b[i] = byte(x >> 56)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func outgoing(b []byte) Outgoing {
	return Outgoing{To: service, Workflow: upload, LocalID: "upload-1", Body: bytes.NewReader(b), Size: int64(len(b))}
}

// put lays b into the service's inbox, in chunks of a piece.
func (w *world) put(b []byte) string {
	m := meshtest.Message{From: authority, To: service, Workflow: upload}
	for len(b) > 0 {
		n := min(piece, len(b))
		m.Chunks = append(m.Chunks, meshtest.Bytes(b[:n]))
		b = b[n:]
	}
	return w.mesh.Put(m)
}

// received downloads everything in the service's inbox, unbroken.
func (w *world) received() [][]byte {
	w.t.Helper()
	w.mesh.Mend()
	var all [][]byte
	pass, err := w.us.Drain(context.Background(), func(_ context.Context, m *Message) error {
		b, err := io.ReadAll(m.Body)
		all = append(all, b)
		return err
	})
	require.NoError(w.t, err)
	require.Empty(w.t, pass.Failures)
	require.Empty(w.t, w.mesh.Waiting(service))
	return all
}

func code(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
