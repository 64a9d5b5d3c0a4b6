package consensus

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

var (
	testLog  = ledger.ID{1, 2, 3}
	otherLog = ledger.ID{9}
)

func mustCA(t testing.TB) CA {
	t.Helper()
	ca, err := MakeCA(time.Now(), time.Hour)
	require.NoError(t, err)
	return ca
}

func mustIssue(t testing.TB, ca CA, log ledger.ID, node string) Credentials {
	t.Helper()
	c, err := ca.IssueNode(Identity{log, node}, time.Now(), time.Hour)
	require.NoError(t, err)
	return c
}

func listen(t testing.TB, c Credentials) *TLS {
	t.Helper()
	n, err := Listen(ListenConfig{Address: "127.0.0.1:0", Credentials: c})
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func echo(_ string, c net.Conn) { _, _ = io.Copy(c, c) }

func TestForwardConnection(t *testing.T) {
	ca := mustCA(t)
	a, b := listen(t, mustIssue(t, ca, testLog, "n1")), listen(t, mustIssue(t, ca, testLog, "n2"))
	members := []Member{{"n1", a.Address()}, {"n2", b.Address()}}
	list := func() []Member { return members }
	a.Members(list)
	b.Members(list)
	peers := make(chan string, 1)
	b.Serve(func(peer string, c net.Conn) { peers <- peer; echo(peer, c) })
	c, err := a.Dial(t.Context(), "n2")
	require.NoError(t, err)
	require.Equal(t, "n1", <-peers)
	_, err = c.Write([]byte("hello"))
	require.NoError(t, err)
	got := make([]byte, 5)
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))

	// Once n1 is no member any more, its connections end.
	members = members[1:]
	b.Retain()
	_, err = c.Read(got)
	require.Error(t, err)
	_, err = a.Dial(t.Context(), "n3")
	require.ErrorIs(t, err, ErrPeer)
}

// refused requires that a connection with these settings is of no use.
func refused(t *testing.T, address string, config *tls.Config) {
	t.Helper()
	d := tls.Dialer{Config: config}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = c.Write([]byte("hello"))
	_, err = c.Read(make([]byte, 1))
	var timeout net.Error
	require.Error(t, err)
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "connection stayed open")
}

func TestStrangersAreRefused(t *testing.T) {
	ca, otherCA := mustCA(t), mustCA(t)
	b := listen(t, mustIssue(t, ca, testLog, "n2"))
	b.Members(func() []Member { return []Member{{"n1", "127.0.0.1:1"}, {"n2", b.Address()}} })
	b.Serve(echo)
	for name, change := range map[string]func() *tls.Config{
		"another CA": func() *tls.Config {
			c, _, err := mustIssue(t, otherCA, testLog, "n1").config()
			require.NoError(t, err)
			good, _, err := mustIssue(t, ca, testLog, "n1").config()
			require.NoError(t, err)
			c.RootCAs = good.RootCAs
			return c
		},
		"no certificate": func() *tls.Config {
			c, _, err := mustIssue(t, ca, testLog, "n1").config()
			require.NoError(t, err)
			c.Certificates = nil
			return c
		},
		"another log": func() *tls.Config {
			c, _, err := mustIssue(t, ca, otherLog, "n1").config()
			require.NoError(t, err)
			return c
		},
		"not a member": func() *tls.Config {
			c, _, err := mustIssue(t, ca, testLog, "n9").config()
			require.NoError(t, err)
			return c
		},
		"no protocol": func() *tls.Config {
			c, _, err := mustIssue(t, ca, testLog, "n1").config()
			require.NoError(t, err)
			c.NextProtos = nil
			return c
		},
		"TLS 1.2": func() *tls.Config {
			c, _, err := mustIssue(t, ca, testLog, "n1").config()
			require.NoError(t, err)
			c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			return c
		},
	} {
		t.Run(name, func(t *testing.T) { refused(t, b.Address(), change()) })
	}
	t.Run("expired", func(t *testing.T) {
		creds, err := ca.IssueNode(Identity{testLog, "n1"}, time.Now().Add(-time.Hour), time.Minute)
		require.NoError(t, err)
		c, _, err := creds.config()
		require.NoError(t, err)
		refused(t, b.Address(), c)
	})
	t.Run("in clear", func(t *testing.T) {
		c, err := net.Dial("tcp", b.Address())
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = c.Write([]byte{0, 0x80, 1, 2, 3, 4, 5, 6})
		_, err = io.Copy(io.Discard, c)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestDialledNodeMustBeTheOne(t *testing.T) {
	ca := mustCA(t)
	a, b := listen(t, mustIssue(t, ca, testLog, "n1")), listen(t, mustIssue(t, ca, testLog, "n2"))
	list := func() []Member { return []Member{{"n1", a.Address()}, {"n3", b.Address()}, {"n2", "127.0.0.1:1"}} }
	a.Members(list)
	b.Members(list)
	_, err := a.Dial(t.Context(), "n3")
	require.ErrorIs(t, err, ErrPeer)
	_, err = streamLayer{a}.Dial(raft.ServerAddress(b.Address()), time.Second)
	require.ErrorIs(t, err, ErrPeer)
	_, err = streamLayer{a}.Dial("127.0.0.1:9", time.Second)
	require.ErrorIs(t, err, ErrPeer)
}

func TestRaftOverTLS(t *testing.T) {
	ca := mustCA(t)
	a, b := listen(t, mustIssue(t, ca, testLog, "n1")), listen(t, mustIssue(t, ca, testLog, "n2"))
	list := func() []Member { return []Member{{"n1", a.Address()}, {"n2", b.Address()}} }
	a.Members(list)
	b.Members(list)
	rb := b.Raft()
	go func() {
		rpc := <-rb.Consumer()
		rpc.Respond(&raft.RequestVoteResponse{Term: 7, Granted: true}, nil)
	}()
	var resp raft.RequestVoteResponse
	require.NoError(t, a.Raft().RequestVote("n2", raft.ServerAddress(b.Address()), &raft.RequestVoteRequest{Term: 7}, &resp))
	require.True(t, resp.Granted)
	_, err := a.Raft().AppendEntriesPipeline("n2", raft.ServerAddress(b.Address()))
	require.ErrorIs(t, err, raft.ErrPipelineReplicationNotSupported)
}

func TestNodeNames(t *testing.T) {
	ca := mustCA(t)
	for _, bad := range []string{"", "N1", "n1/..", "n 1", "-n", "a\nb"} {
		_, err := ca.IssueNode(Identity{testLog, bad}, time.Now(), time.Hour)
		require.Error(t, err)
	}
	_, err := ca.IssueNode(Identity{Node: "n1"}, time.Now(), time.Hour)
	require.Error(t, err)
}

func TestRaftLoggerLeavesPayloadsOut(t *testing.T) {
	var out bytes.Buffer
	l := newRaftLogger(slog.New(slog.NewTextHandler(&out, nil)))
	type command struct{ Secret string }
	l.Error("unexpected", "command", hclog.Fmt("%#v", command{"9434765919"}), "index", 7,
		"bytes", []byte("9434765919"), "struct", command{"9434765919"}, "odd")
	l.With("peer", raft.ServerID("n2")).Named("net").Warn("slow", "after", time.Second)
	require.NotContains(t, out.String(), "9434765919")
	require.Contains(t, out.String(), "index=7")
	require.Contains(t, out.String(), "peer=n2")
	require.Contains(t, out.String(), "part=raft.net")
}
