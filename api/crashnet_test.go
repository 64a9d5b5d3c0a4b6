package api

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"custos/consensus"
)

var errCrashed = errors.New("this machine has crashed")

// crashNet is the real network of one life of a node. From the moment that it is
// dead nothing of what the node goes on to do reaches anybody: what a crashed
// machine's disk has lost it never acknowledged.
type crashNet struct {
	*consensus.TLS
	dead atomic.Bool
	done chan struct{}
}

func (n *crashNet) Raft() raft.Transport {
	t := &crashTransport{Transport: n.TLS.Raft(), n: n, rpcs: make(chan raft.RPC)}
	go t.pass()
	return t
}

func (n *crashNet) Serve(f func(string, net.Conn)) {
	n.TLS.Serve(func(peer string, c net.Conn) { f(peer, &crashConn{c, n}) })
}

func (n *crashNet) Dial(ctx context.Context, node string) (net.Conn, error) {
	if n.dead.Load() {
		return nil, errCrashed
	}
	c, err := n.TLS.Dial(ctx, node)
	if err != nil {
		return nil, err
	}
	return &crashConn{c, n}, nil
}

// crashConn is a connection on which members pass on commands, and tell each other where they are.
type crashConn struct {
	net.Conn
	n *crashNet
}

func (c *crashConn) Write(b []byte) (int, error) {
	if c.n.dead.Load() {
		return 0, errCrashed
	}
	return c.Conn.Write(b)
}

// crashTransport is Raft's transport of one life of a node.
type crashTransport struct {
	raft.Transport
	n    *crashNet
	rpcs chan raft.RPC
}

var (
	_ raft.WithPreVote = (*crashTransport)(nil)
	_ raft.WithClose   = (*crashTransport)(nil)
)

// pass gives Raft what others ask, and them its answers while it lives.
func (t *crashTransport) pass() {
	for {
		select {
		case <-t.n.done:
			return
		case rpc := <-t.Transport.Consumer():
			answer := make(chan raft.RPCResponse, 1)
			select {
			case t.rpcs <- raft.RPC{Command: rpc.Command, Reader: rpc.Reader, RespChan: answer}:
			case <-t.n.done:
				rpc.Respond(nil, errCrashed)
				return
			}
			go func() {
				select {
				case r := <-answer:
					if t.n.dead.Load() {
						r = raft.RPCResponse{Error: errCrashed}
					}
					rpc.RespChan <- r
				case <-t.n.done:
					rpc.Respond(nil, errCrashed)
				}
			}()
		}
	}
}

func (t *crashTransport) Consumer() <-chan raft.RPC          { return t.rpcs }
func (t *crashTransport) SetHeartbeatHandler(func(raft.RPC)) {}
func (t *crashTransport) Close() error                       { return t.Transport.(raft.WithClose).Close() }

// lives asks before and after: an answer that came too late came to nobody.
func (t *crashTransport) lives(f func() error) error {
	if t.n.dead.Load() {
		return errCrashed
	}
	err := f()
	if t.n.dead.Load() {
		return errCrashed
	}
	return err
}

func (t *crashTransport) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	return t.lives(func() error { return t.Transport.AppendEntries(id, to, q, a) })
}

func (t *crashTransport) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	return t.lives(func() error { return t.Transport.RequestVote(id, to, q, a) })
}

func (t *crashTransport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	return t.lives(func() error { return t.Transport.(raft.WithPreVote).RequestPreVote(id, to, q, a) })
}

func (t *crashTransport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest, a *raft.TimeoutNowResponse) error {
	return t.lives(func() error { return t.Transport.TimeoutNow(id, to, q, a) })
}

func (t *crashTransport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest, a *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.lives(func() error { return t.Transport.InstallSnapshot(id, to, q, a, data) })
}

func (t *crashTransport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}
