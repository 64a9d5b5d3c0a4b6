package consensus

import (
	"context"
	"net"

	"github.com/hashicorp/raft"
)

// Member is one node of a cluster as the others reach it.
type Member struct {
	Node    string // its name, unique in the cluster for ever
	Address string // host:port of its peer listener
}

// Network connects a node with the other members of its cluster. [Listen] makes the real one; tests simulate it.
// Every connection it hands out or in is to a node that Members lists, and known by name.
type Network interface {
	// Raft is the transport that Raft speaks over. It is called once.
	Raft() raft.Transport
	// Dial opens a connection for forwarded commands to a member.
	Dial(ctx context.Context, node string) (net.Conn, error)
	// Serve gives f each such connection that another member opened, each on its own goroutine. Until then
	// they are refused. f returns when it is done with the connection, which is then closed.
	Serve(f func(peer string, c net.Conn))
	// Members tells the network who the members are, now and whenever it asks.
	Members(f func() []Member)
	// Retain closes the connections of nodes that Members no longer lists.
	Retain()
	// Close ends everything.
	Close() error
}
