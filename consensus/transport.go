package consensus

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	handshakeTimeout = 10 * time.Second
	raftIOTimeout    = 10 * time.Second
	keepConnections  = 3 // idle Raft connections kept per peer
	maxHandshakes    = 64
)

// ListenConfig says where a node's peer port is and with what it proves itself.
type ListenConfig struct {
	Address     string // host:port to listen on; port 0 takes a free one
	Advertise   string // host:port under which the others know this node; empty: the listener's own
	Credentials Credentials
	Logger      *slog.Logger // nil discards
}

// TLS is the real [Network]: one TCP port, mutual TLS 1.3, Raft and forwarded commands told apart by ALPN.
//
// That a certificate is of our CA is not enough. Its identity must be of this log, and be the member that was
// dialled or, inbound, a member of the current configuration.
type TLS struct {
	listener  net.Listener
	advertise string
	self      Identity
	config    *tls.Config
	logger    *slog.Logger
	raftConns chan net.Conn
	closed    chan struct{}
	slots     chan struct{} // handshakes going on
	wait      sync.WaitGroup

	mu      sync.Mutex
	members func() []Member
	serve   func(peer string, c net.Conn)
	conns   map[net.Conn]string // every live connection and its peer
	raft    *raft.NetworkTransport
}

// Listen opens the peer port. Until Members is called nobody is a member.
func Listen(c ListenConfig) (*TLS, error) {
	config, self, err := c.Credentials.config()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("open the peer port: %w (if another program has it, stop that or change the address)", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Advertise == "" {
		c.Advertise = l.Addr().String()
	}
	t := &TLS{
		listener: l, advertise: c.Advertise, self: self, config: config, logger: c.Logger,
		raftConns: make(chan net.Conn),
		closed:    make(chan struct{}),
		slots:     make(chan struct{}, maxHandshakes),
		members:   func() []Member { return nil },
		conns:     map[net.Conn]string{},
	}
	t.wait.Add(1)
	go t.accept()
	return t, nil
}

// Identity is who this node's certificate says it is.
func (t *TLS) Identity() Identity { return t.self }

// Address is where the port listens.
func (t *TLS) Address() string { return t.listener.Addr().String() }

// Raft implements Network.
func (t *TLS) Raft() raft.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.raft == nil {
		t.raft = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream:  streamLayer{t},
			Logger:  newRaftLogger(t.logger).Named("net"),
			MaxPool: keepConnections,
			// Pipelined replication can wedge to one follower for good; heartbeats go on, so nobody notices.
			MaxRPCsInFlight: 1,
			Timeout:         raftIOTimeout,
		})
	}
	return t.raft
}

// Members implements Network.
func (t *TLS) Members(f func() []Member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.members = f
}

// Serve implements Network.
func (t *TLS) Serve(f func(peer string, c net.Conn)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serve = f
}

// Retain implements Network.
func (t *TLS) Retain() {
	members := t.list()
	var gone []net.Conn
	t.mu.Lock()
	for c, peer := range t.conns {
		if !slices.ContainsFunc(members, func(m Member) bool { return m.Node == peer }) {
			gone = append(gone, c)
		}
	}
	t.mu.Unlock()
	for _, c := range gone {
		_ = c.Close()
	}
}

// Close implements Network.
func (t *TLS) Close() error {
	t.mu.Lock()
	select {
	case <-t.closed:
		t.mu.Unlock()
		return nil
	default:
	}
	close(t.closed)
	err := t.listener.Close()
	conns := slices.Collect(maps.Keys(t.conns))
	r := t.raft
	t.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
	if r != nil {
		r.CloseStreams()
		_ = r.Close()
	}
	t.wait.Wait()
	return err
}

func (t *TLS) accept() {
	defer t.wait.Done()
	for {
		c, err := t.listener.Accept()
		if err != nil {
			select {
			case <-t.closed:
				return
			case <-time.After(50 * time.Millisecond): // out of file descriptors, for one
				continue
			}
		}
		select {
		case t.slots <- struct{}{}:
		case <-t.closed:
			_ = c.Close()
			return
		}
		t.wait.Add(1)
		go t.inbound(c)
	}
}

// inbound shakes hands with whoever connected and hands the connection to its protocol.
func (t *TLS) inbound(raw net.Conn) {
	defer t.wait.Done()
	c := tls.Server(raw, t.config)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	err := c.HandshakeContext(ctx)
	cancel()
	<-t.slots
	var peer string
	if err == nil {
		peer, err = t.check(c, "")
	}
	if err != nil {
		t.logger.Warn("peer connection refused", "from", raw.RemoteAddr().String(), "error", err)
		_ = c.Close()
		return
	}
	kept, err := t.keep(c, peer)
	if err != nil {
		_ = c.Close()
		return
	}
	if c.ConnectionState().NegotiatedProtocol == alpnRaft {
		select {
		case t.raftConns <- kept:
		case <-t.closed:
			_ = kept.Close()
		}
		return
	}
	defer func() { _ = kept.Close() }()
	t.mu.Lock()
	serve := t.serve
	t.mu.Unlock()
	if serve != nil {
		serve(peer, kept)
	}
}

// check reads who is at the other end of a connection after the handshake. want is the node that was dialled, or
// empty for any member.
func (t *TLS) check(c *tls.Conn, want string) (string, error) {
	s := c.ConnectionState()
	if len(s.PeerCertificates) == 0 || s.NegotiatedProtocol == "" {
		return "", fmt.Errorf("%w: no certificate or no protocol", ErrPeer)
	}
	id, err := certIdentity(s.PeerCertificates[0])
	if err != nil {
		return "", err
	}
	switch {
	case id.Log != t.self.Log:
		return "", fmt.Errorf("%w: of another log", ErrPeer)
	case want != "" && id.Node != want:
		return "", fmt.Errorf("%w: dialled another node", ErrPeer)
	case !slices.ContainsFunc(t.list(), func(m Member) bool { return m.Node == id.Node }):
		return "", fmt.Errorf("%w: not in the configuration", ErrPeer)
	}
	return id.Node, nil
}

func (t *TLS) list() []Member {
	t.mu.Lock()
	f := t.members
	t.mu.Unlock()
	return f()
}

// keep registers a checked connection, so that Retain and Close find it.
func (t *TLS) keep(c net.Conn, peer string) (net.Conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.closed:
		return nil, net.ErrClosed
	default:
	}
	k := &keptConn{Conn: c, t: t}
	t.conns[k] = peer
	return k, nil
}

// keptConn leaves the list when it is closed.
type keptConn struct {
	net.Conn
	t *TLS
}

func (k *keptConn) Close() error {
	k.t.mu.Lock()
	delete(k.t.conns, k)
	k.t.mu.Unlock()
	return k.Conn.Close()
}
