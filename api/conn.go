package api

import (
	"context"
	"net"
	"sync"
)

// writeBuffer is the size of net/http's buffer in front of a connection. An
// answer that is longer than it leaves in two pieces, the first as long as the
// buffer, and so costs two system calls here and two wake-ups at the reader.
const writeBuffer = 4 << 10

// conn is a connection that can keep one piece back and send it with the next.
type conn struct {
	net.Conn
	mu   sync.Mutex
	hold bool
	held []byte
}

// Listener makes connections on which a long answer leaves in one piece.
func Listener(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

type connKey struct{}

// withConn lets a request find its connection. One under TLS writes records,
// whose bounds are not known here: it is left alone.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// holdNext keeps the next piece back. The caller is about to write a body of at
// least writeBuffer bytes whose length is known, so that a second one follows.
func (c *conn) holdNext() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = true
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold {
		c.hold = false
		c.held = append(c.held, b...)
		return len(b), nil
	}
	if len(c.held) == 0 {
		return c.Conn.Write(b)
	}
	first := len(c.held)
	c.held = append(c.held, b...)
	n, err := c.Conn.Write(c.held)
	c.held = c.held[:0]
	return max(0, n-first), err
}

// Read implements net.Conn. Whoever waits for the other side's next request has
// said everything: nothing stays behind, whatever net/http did in between. It
// reads one byte where it only waits, beside the handler, for the other side to
// go away; then there is more to come.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) > 1 {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	_ = c.flush() // the connection ends either way
	return c.Conn.Close()
}

// CloseWrite ends our side, as net/http does before it gives a connection up.
func (c *conn) CloseWrite() error {
	if err := c.flush(); err != nil {
		return err
	}
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = false
	if len(c.held) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.held)
	c.held = c.held[:0]
	return err
}
