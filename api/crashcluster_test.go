package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

// crashCluster is a service of three machines, and the client of a test's world:
// it gives each request a key, and asks another machine with the same key until
// it has an answer.
type crashCluster struct {
	w       *world
	members []consensus.Member
	nodes   []*crashNode
	tokens  *Verifier
	base    http.RoundTripper
	stop    func() // all of them, so that their disks are whole

	mu     sync.Mutex
	random *mathrand.Rand

	kills   bool // leaders die from here on
	at      int  // the machine that is asked
	seen    ledger.Seq
	how     [3]int // deaths of each sort
	crashes atomic.Int64
	retries int
}

// quietAddress is one that is free now, and stays so while its machine is down: no
// system that we know lends connections a port from below 32768.
func quietAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20_000+mathrand.IntN(12_000)))
		if err != nil {
			continue
		}
		require.NoError(t, l.Close())
		return l.Addr().String()
	}
	require.FailNow(t, "no port between 20,000 and 32,000 is free")
	return ""
}

// newCrashWorld is a world of three nodes.
func newCrashWorld(t *testing.T, seed uint64) (*world, *crashCluster) {
	t.Helper()
	k := worldKeys()
	w := &world{t: t, began: time.Now(), tokens: map[caller]string{}, secrets: map[string]bool{}}
	c := &crashCluster{w: w, base: &http.Transport{DisableKeepAlives: true}, random: mathrand.New(mathrand.NewPCG(seed, 1))}
	var err error
	w.keys, err = ledger.NewKeyring(ledger.Secrets{Log: worldLog, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, rand.Reader)
	require.NoError(t, err)
	w.idp = &authority{dir: t.TempDir(), now: time.Now(), private: k.private, alg: map[string]string{"ec": "ES256", "ed": "EdDSA"}}
	w.idp.publish(t, "trust", "ec", "ed")
	c.tokens, err = NewVerifier(VerifierConfig{Audience: audience, Poll: -1, Issuers: []IssuerConfig{
		{Issuer: trust, Methods: []string{"ES256", "EdDSA"}, Keys: w.idp.file("trust"), Roles: Roles},
	}})
	require.NoError(t, err)

	ca, err := consensus.MakeCA(time.Now(), time.Hour)
	require.NoError(t, err)
	for i := range 3 {
		x := &crashNode{c: c, name: fmt.Sprintf("n%d", i+1), disk: vfs.NewCrashableMem()}
		x.credentials, err = ca.IssueNode(consensus.Identity{Log: worldLog, Node: x.name}, time.Now(), time.Hour)
		require.NoError(t, err)
		x.at = quietAddress(t)
		c.nodes, c.members = append(c.nodes, x), append(c.members, consensus.Member{Node: x.name, Address: x.at})
	}
	for _, x := range c.nodes {
		require.NoError(t, consensus.Init(x.config(nil, x.disk, nil, slog.New(slog.DiscardHandler))))
		x.disk = x.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: mathrand.New(mathrand.NewPCG(1, 1))})
		x.start()
	}
	stop := make(chan struct{})
	var tending sync.WaitGroup
	for _, x := range c.nodes {
		tending.Go(func() { x.tend(stop) })
	}
	c.stop = sync.OnceFunc(func() {
		close(stop)
		tending.Wait()
		for _, x := range c.nodes { // all at once: nobody stands for election
			x.current().net.dead.Store(true)
		}
		for _, x := range c.nodes {
			x.current().end()
		}
	})
	t.Cleanup(func() {
		c.stop()
		require.NoError(t, c.tokens.Close())
		w.searchLog()
	})
	w.http = &httptest.Server{URL: worldURL}
	w.client = &http.Client{Transport: c, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.node = c.leader().node
	w.genesis(ledger.CurrentRules)
	return w, c
}

// leader waits for a node that can record, and is sure of it.
func (c *crashCluster) leader() *life {
	c.w.t.Helper()
	var out *life
	c.waited("waited for a leader", func() bool {
		for _, x := range c.nodes {
			if l := x.current(); l.leads() {
				out = l
				return true
			}
		}
		return false
	})
	return out
}

func (l *life) leads() bool {
	l.open.RLock()
	defer l.open.RUnlock()
	if l.net.dead.Load() {
		return false
	}
	s := l.node.Status()
	return s.State == "Leader" && s.Ready
}

// settled waits until all three live and hold the same: one may be killed then.
func (c *crashCluster) settled() *life {
	c.w.t.Helper()
	var out *life
	c.waited("waited for all three", func() bool {
		out = c.leader()
		want, ok := out.head()
		for _, x := range c.nodes {
			if has, lives := x.current().head(); !lives || has != want {
				return false
			}
		}
		return ok
	})
	return out
}

// String tells where each machine stands, for a test that waits in vain.
func (c *crashCluster) String() string {
	out := ""
	for _, x := range c.nodes {
		l := x.current()
		head, lives := l.head()
		out += fmt.Sprintf("%s lives %v size %d", x.name, lives, head.Size)
		if lives {
			s := l.node.Status()
			out += fmt.Sprintf(" %s term %d last %d applied %d leader %s ready %v", s.State, s.Term, s.LastLog, s.Applied, s.Leader, s.Ready)
		}
		out += "; "
	}
	return out
}

// waited fails the test with where the machines stand, unless it comes true.
func (c *crashCluster) waited(what string, f func() bool) {
	c.w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(c.w.t, what+" in vain: "+c.String())
		}
	}
}

// told waits until everything that is due is told, by whoever leads: whoever leads
// at first dies of it.
func (c *crashCluster) told() {
	c.w.t.Helper()
	if c.kills {
		l := c.leader()
		l.crashAt.Store(1 + int64(len(c.how))*2)
		defer l.crashAt.Store(0)
	}
	c.waited("waited for what is due", func() bool {
		l := c.leader()
		l.open.RLock()
		defer l.open.RUnlock()
		if l.net.dead.Load() {
			return false
		}
		due, err := l.node.View().AnyDue(ledger.Of(c.w.now()))
		c.w.node = l.node
		c.seen = max(c.seen, l.node.View().R.Head().Size-1)
		return err == nil && !due
	})
}

// endangered chooses how the leader dies of a request: just before it, at some
// write to its disk meanwhile, or when the outcome is recorded and nobody has
// heard of it.
func (c *crashCluster) endangered() (after func()) {
	l := c.settled()
	c.mu.Lock()
	sort, writes := c.random.IntN(3), 1+c.random.IntN(8)
	c.mu.Unlock()
	c.how[sort]++
	switch sort {
	case 0:
		l.crash()
	case 1:
		l.crashAt.Store(int64(writes))
		return func() { l.crashAt.Store(0) }
	case 2:
		var lost atomic.Bool
		h := proposeHook(func(ctx context.Context, q ledger.Command, next proposer) (consensus.Outcome, error) {
			out, err := next(ctx, q)
			if err == nil && lost.CompareAndSwap(false, true) {
				l.crash()
				return consensus.Outcome{}, consensus.ErrUnknown
			}
			return out, err
		})
		asked := c.nodes[c.at].current()
		asked.seam.hook.Store(&h)
		return func() { asked.seam.hook.Store(nil) }
	}
	return func() {}
}

// RoundTrip is what a client does that wants its answer: the same request, with
// the same key, of one machine after the other.
func (c *crashCluster) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	changes := r.Method != http.MethodGet
	if changes {
		if r.Header.Get("Idempotency-Key") == "" {
			r.Header.Set("Idempotency-Key", uuid.NewString())
		}
		if c.kills {
			defer c.endangered()()
		}
	}
	for end := time.Now().Add(time.Minute); ; {
		l := c.nodes[c.at].current()
		out, answer, err := c.ask(l, r, body)
		if err == nil && out.StatusCode != http.StatusServiceUnavailable {
			if seq, err := strconv.ParseUint(out.Header.Get("Custos-Seq"), 10, 64); err == nil {
				c.seen = max(c.seen, ledger.Seq(seq))
			}
			if c.reaches(l) {
				c.w.node = l.node
			} else {
				c.told()
			}
			out.Body = io.NopCloser(bytes.NewReader(answer))
			return out, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("nobody answers %s %s: %w %s", r.Method, r.URL.Path, err, answer)
		}
		c.retries++
		c.at = (c.at + 1) % len(c.nodes)
		time.Sleep(20 * time.Millisecond)
	}
}

// ask asks one machine once; of one that has crashed meanwhile nothing is heard.
func (c *crashCluster) ask(l *life, r *http.Request, body []byte) (*http.Response, []byte, error) {
	if !c.reaches(l) {
		return nil, nil, errCrashed
	}
	to, err := url.Parse(l.http.URL)
	if err != nil {
		return nil, nil, err
	}
	q := r.Clone(r.Context())
	q.URL.Scheme, q.URL.Host, q.Host = to.Scheme, to.Host, ""
	if body != nil {
		q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	out, err := c.base.RoundTrip(q)
	if err != nil {
		return nil, nil, err
	}
	answer, err := io.ReadAll(out.Body)
	_ = out.Body.Close()
	if l.net.dead.Load() {
		err = errCrashed
	}
	return out, answer, err
}

// reaches waits until a node has all that the client has heard of.
func (c *crashCluster) reaches(l *life) bool {
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		switch head, lives := l.head(); {
		case !lives:
			return false
		case head.Size > c.seen || c.seen == 0:
			return true
		}
	}
	return false
}
