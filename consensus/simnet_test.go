package consensus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// fabric is a simulated network: who is running, and who can reach whom.
type fabric struct {
	mu      sync.Mutex
	rng     *rand.Rand
	running map[string]*simNet    // by name and address, which are the same
	cut     map[[2]string]bool    // from, to: nothing passes
	conns   map[*simConn]struct{} // live forward connections, both ends
	late    []func()              // InstallSnapshots to deliver again, much later

	installs     atomic.Int64
	dropInstalls atomic.Int64 // so many responses to InstallSnapshot get lost
}

func newFabric(rng *rand.Rand) *fabric {
	return &fabric{rng: rng, running: map[string]*simNet{}, cut: map[[2]string]bool{}, conns: map[*simConn]struct{}{}}
}

var errCut = errors.New("simulated network: unreachable")

func (f *fabric) random(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.IntN(n)
}

// delay is how long a message takes: mostly fast, sometimes slow.
func (f *fabric) delay() {
	d := time.Duration(200+f.random(800)) * time.Microsecond
	if f.random(200) == 0 {
		d += time.Duration(f.random(800)) * time.Millisecond
	}
	time.Sleep(d)
}

func (f *fabric) passes(from, to string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.cut[[2]string{from, to}]
}

// partition replaces the set of cut links and breaks connections across them.
func (f *fabric) partition(cut map[[2]string]bool) {
	f.mu.Lock()
	f.cut = cut
	var broken []*simConn
	for c := range f.conns {
		if cut[[2]string{c.from.name, c.to.name}] || cut[[2]string{c.to.name, c.from.name}] {
			broken = append(broken, c)
		}
	}
	f.mu.Unlock()
	for _, c := range broken {
		_ = c.Close()
	}
}

func (f *fabric) target(name string) *simNet {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running[name]
}

// simNet is one run of one node in the fabric. Once it is dead nothing that it does reaches anybody.
type simNet struct {
	f    *fabric
	name string
	rpcs chan raft.RPC
	dead atomic.Bool
	done chan struct{}
	once sync.Once

	mu    sync.Mutex
	serve func(string, net.Conn)
	wait  sync.WaitGroup
}

var (
	_ Network          = (*simNet)(nil)
	_ raft.Transport   = (*simTransport)(nil)
	_ raft.WithPreVote = (*simTransport)(nil)
)

// join starts a run of a node.
func (f *fabric) join(name string) *simNet {
	s := &simNet{f: f, name: name, rpcs: make(chan raft.RPC), done: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running[name] = s
	return s
}

// kill makes the run dead: from here nothing leaves it.
func (s *simNet) kill() {
	s.dead.Store(true)
	s.f.mu.Lock()
	var mine []*simConn
	for c := range s.f.conns {
		if c.from == s || c.to == s {
			mine = append(mine, c)
		}
	}
	if s.f.running[s.name] == s {
		delete(s.f.running, s.name)
	}
	s.f.mu.Unlock()
	for _, c := range mine {
		_ = c.Close()
	}
}

func (s *simNet) Raft() raft.Transport    { return &simTransport{s} }
func (s *simNet) Members(func() []Member) {}
func (s *simNet) Retain()                 {}
func (s *simNet) Serve(f func(string, net.Conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve = f
}

func (s *simNet) Close() error {
	s.kill()
	s.once.Do(func() { close(s.done) })
	s.wait.Wait()
	return nil
}

func (s *simNet) Dial(_ context.Context, node string) (net.Conn, error) {
	t := s.f.target(node)
	if t == nil || s.dead.Load() || !s.f.passes(s.name, node) || !s.f.passes(node, s.name) {
		time.Sleep(10 * time.Millisecond)
		return nil, errCut
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.serve == nil || t.dead.Load() {
		return nil, errCut
	}
	a, b := net.Pipe()
	ours, theirs := &simConn{Conn: a, from: s, to: t}, &simConn{Conn: b, from: t, to: s}
	s.f.mu.Lock()
	s.f.conns[ours], s.f.conns[theirs] = struct{}{}, struct{}{}
	s.f.mu.Unlock()
	serve := t.serve
	t.wait.Go(func() {
		defer func() { _ = theirs.Close() }()
		serve(s.name, theirs)
	})
	return ours, nil
}

// simConn is one end of a forward connection.
type simConn struct {
	net.Conn
	from, to *simNet
}

func (c *simConn) Write(b []byte) (int, error) {
	if c.from.dead.Load() || c.to.dead.Load() || !c.from.f.passes(c.from.name, c.to.name) {
		_ = c.Close()
		return 0, errCut
	}
	return c.Conn.Write(b)
}

func (c *simConn) Close() error {
	c.from.f.mu.Lock()
	delete(c.from.f.conns, c)
	c.from.f.mu.Unlock()
	return c.Conn.Close()
}

// simTransport is Raft's transport over the fabric.
type simTransport struct{ s *simNet }

func (t *simTransport) Consumer() <-chan raft.RPC                               { return t.s.rpcs }
func (t *simTransport) LocalAddr() raft.ServerAddress                           { return raft.ServerAddress(t.s.name) }
func (t *simTransport) SetHeartbeatHandler(func(raft.RPC))                      {}
func (t *simTransport) DecodePeer(b []byte) raft.ServerAddress                  { return raft.ServerAddress(b) }
func (t *simTransport) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte { return []byte(a) }

func (t *simTransport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

func (t *simTransport) AppendEntries(_ raft.ServerID, to raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	c := *req
	c.Entries = make([]*raft.Log, len(req.Entries))
	for i, l := range req.Entries {
		e := *l
		e.Data = bytes.Clone(l.Data) // it crosses a network: never the same memory
		c.Entries[i] = &e
	}
	return call(t, to, &c, nil, resp)
}

func (t *simTransport) RequestVote(_ raft.ServerID, to raft.ServerAddress, req *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	c := *req
	return call(t, to, &c, nil, resp)
}

func (t *simTransport) RequestPreVote(_ raft.ServerID, to raft.ServerAddress, req *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	c := *req
	return call(t, to, &c, nil, resp)
}

func (t *simTransport) TimeoutNow(_ raft.ServerID, to raft.ServerAddress, req *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	c := *req
	return call(t, to, &c, nil, resp)
}

func (t *simTransport) InstallSnapshot(_ raft.ServerID, to raft.ServerAddress, req *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	b, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	c := *req
	// The same message arrives again, later, when everybody has moved on.
	late := c
	t.s.f.mu.Lock()
	if k := len(t.s.f.late); k > 4 {
		t.s.f.late = t.s.f.late[k-4:]
	}
	t.s.f.late = append(t.s.f.late, func() {
		if target := t.s.f.target(string(to)); target != nil {
			_, _ = target.deliver(&late, bytes.NewReader(b), 2*time.Second)
		}
	})
	t.s.f.mu.Unlock()
	if err := call(t, to, &c, bytes.NewReader(b), resp); err != nil {
		return err
	}
	if t.s.f.dropInstalls.Add(-1) >= 0 {
		return errCut
	}
	if resp.Success {
		t.s.f.installs.Add(1)
	}
	return nil
}

// deliver gives a message to this run and waits for its response.
func (s *simNet) deliver(cmd any, data io.Reader, patience time.Duration) (any, error) {
	resp := make(chan raft.RPCResponse, 1)
	timeout := time.After(patience)
	select {
	case s.rpcs <- raft.RPC{Command: cmd, Reader: data, RespChan: resp}:
	case <-s.done:
		return nil, errCut
	case <-timeout:
		return nil, errCut
	}
	select {
	case r := <-resp:
		if s.dead.Load() {
			return nil, errCut // computed by a node that had crashed
		}
		return r.Response, r.Error
	case <-s.done:
		return nil, errCut
	case <-timeout:
		return nil, errCut
	}
}

func call[R any](t *simTransport, to raft.ServerAddress, cmd any, data io.Reader, resp *R) error {
	f, name := t.s.f, string(to)
	target := f.target(name)
	if t.s.dead.Load() || target == nil || !f.passes(t.s.name, name) {
		time.Sleep(20 * time.Millisecond)
		return errCut
	}
	f.delay()
	r, err := target.deliver(cmd, data, 2*time.Second)
	if err != nil {
		return err
	}
	f.delay()
	if t.s.dead.Load() || target.dead.Load() || !f.passes(name, t.s.name) {
		return errCut
	}
	*resp = *r.(*R)
	return nil
}
