package consensus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// dial connects to a member and makes sure that it is the one.
func (t *TLS) dial(ctx context.Context, m Member, protocol string) (net.Conn, error) {
	config := t.config.Clone()
	config.NextProtos = []string{protocol}
	d := tls.Dialer{Config: config}
	raw, err := d.DialContext(ctx, "tcp", m.Address)
	if err != nil {
		return nil, fmt.Errorf("connect to node %s: %w", m.Node, err)
	}
	c := raw.(*tls.Conn)
	if _, err := t.check(c, m.Node); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to node %s: %w", m.Node, err), c.Close())
	}
	kept, err := t.keep(c, m.Node)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return kept, nil
}

// Dial implements Network.
func (t *TLS) Dial(ctx context.Context, node string) (net.Conn, error) {
	for _, m := range t.list() {
		if m.Node == node {
			return t.dial(ctx, m, alpnForward)
		}
	}
	return nil, fmt.Errorf("connect to node %s: %w", node, ErrPeer)
}

// streamLayer is the part of TLS that Raft's network transport uses.
type streamLayer struct{ t *TLS }

// Dial implements raft.StreamLayer. Raft gives an address; the configuration says whose it must be.
func (s streamLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	for _, m := range s.t.list() {
		if m.Address == string(address) {
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			return s.t.dial(ctx, m, alpnRaft)
		}
	}
	return nil, fmt.Errorf("connect to a peer: %w", ErrPeer)
}

// Accept implements net.Listener.
func (s streamLayer) Accept() (net.Conn, error) {
	select {
	case c := <-s.t.raftConns:
		return c, nil
	case <-s.t.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; the port is closed by TLS.Close.
func (s streamLayer) Close() error { return nil }

// Addr implements net.Listener: the address that the others know.
func (s streamLayer) Addr() net.Addr { return advertised(s.t.advertise) }

type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }
