package deliver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

var hookSecrets = []string{
	"whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of thirty-two bytes, 01")),
	"whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of thirty-two bytes, 02")),
}

var thisMachine = &Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}

// hook is an authority's own system, which takes webhooks.
type hook struct {
	w      *world
	server *httptest.Server
	mu     sync.Mutex
	got    []taken
	answer func(w http.ResponseWriter, r *http.Request, t taken)
}

// taken is one request that a receiver has read.
type taken struct {
	id, signature, stamp, kind string
	body                       string
	event                      cloudEvent
}

func accept(w http.ResponseWriter, _ *http.Request, _ taken) { w.WriteHeader(http.StatusNoContent) }

// status answers with one status.
func status(code int) func(http.ResponseWriter, *http.Request, taken) {
	return func(w http.ResponseWriter, _ *http.Request, _ taken) { w.WriteHeader(code) }
}

// die takes a letter and ends without a word.
func die(w http.ResponseWriter, _ *http.Request, _ taken) { panic(http.ErrAbortHandler) }

func (w *world) hook() *hook {
	w.t.Helper()
	h := &hook{w: w, answer: accept}
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		t := taken{id: r.Header.Get("webhook-id"), signature: r.Header.Get("webhook-signature"), stamp: r.Header.Get("webhook-timestamp"),
			kind: r.Header.Get("Content-Type"), body: string(body)}
		for _, s := range hookSecrets { // each of them holds
			v, err := standardwebhooks.NewWebhook(s)
			if err != nil || v.VerifyIgnoringTimestamp(body, r.Header) != nil || json.Unmarshal(body, &t.event) != nil {
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
		}
		h.mu.Lock()
		h.got = append(h.got, t)
		answer := h.answer
		h.mu.Unlock()
		answer(rw, r, t)
	}))
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.server.StartTLS()
	w.t.Cleanup(h.server.Close)
	return h
}

func (h *hook) answers(f func(http.ResponseWriter, *http.Request, taken)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = f
}

func (h *hook) all() []taken {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

func (h *hook) address(authority string) Address {
	roots := x509.NewCertPool()
	roots.AddCert(h.server.Certificate())
	c, err := NewWebhook(h.server.URL+"/hooks/custos", hookSecrets, roots, thisMachine, h.w.now)
	require.NoError(h.w.t, err)
	return Address{authority, ledger.ByWebhook, c}
}

// letters makes the sender of letters of a node, which does nothing by itself.
func (w *world) letters(m *member, change func(*LettersConfig), addresses ...Address) *Letters {
	w.t.Helper()
	cfg := LettersConfig{Node: m, NodeID: m.name, Addresses: addresses, Logger: slog.New(slog.NewJSONHandler(w.log, nil)), Now: w.now,
		Limit: 5 * time.Second, Gather: time.Millisecond, Look: 10 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	l, err := NewLetters(cfg)
	require.NoError(w.t, err)
	return l
}

// send looks once at every address, as the sender does by itself.
func (l *Letters) sendAll(t testing.TB) {
	t.Helper()
	for i := range l.cfg.Addresses {
		_, err := l.pass(t.Context(), &l.cfg.Addresses[i])
		require.NoError(t, err)
	}
}

func (w *world) searched(text string) {
	w.t.Helper()
	for _, p := range w.personal {
		require.NotContains(w.t, text, p)
	}
	require.NotContains(w.t, text, emergency, "where somebody was seen is not told")
}

// A letter is a CloudEvent, signed as Standard Webhooks has it with each secret,
// and holds references: the attempt is recorded before, what came of it after.
func TestALetterByWebhook(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	w.look("doc-2", child)
	h := w.hook()
	attempted := -1
	h.answers(func(rw http.ResponseWriter, _ *http.Request, _ taken) {
		attempted = len(events[*ledger.LetterAttempted](w))
		rw.WriteHeader(http.StatusOK)
	})
	m := w.leader()
	l := w.letters(m, nil, h.address(authority1))
	l.sendAll(t)
	require.Len(t, h.all(), 1)
	require.Equal(t, 1, attempted)
	got := h.all()[0]
	require.Equal(t, "application/cloudevents+json; charset=utf-8", got.kind)
	w.searched(got.body + got.id)
	e := got.event
	require.Equal(t, []string{"1.0", got.id, origin, "custos.notifications.v1", authority1, "application/json"},
		[]string{e.SpecVersion, e.ID, e.Source, e.Type, e.Subject, e.ContentType})
	require.Len(t, e.Data.Notifications, 2)
	for i, n := range e.Data.Notifications {
		held, ok, err := m.View().Notification(n.ID)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, reference{held.ID, "access", held.Queued.String()}, e.Data.Notifications[i])
	}
	// The signature is of id, time and body, by the recipe and not by a library.
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecrets[1], "whsec_"))
	require.NoError(t, err)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", got.id, got.stamp, got.body)
	require.Contains(t, strings.Fields(got.signature), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	require.Len(t, strings.Fields(got.signature), 2)

	require.Equal(t, []string{"delivered", "delivered"}, w.states(authority1))
	require.Len(t, events[*ledger.LetterSettled](w), 1)
	l.sendAll(t)
	require.Len(t, h.all(), 1, "nothing waits, nothing is sent")
	require.EqualValues(t, 1, value(t, l.stats.delivered))
}

// A receiver that answers 500 for a day: it is asked less and less often, what is
// new waits too after a while, and in the end everything arrives, each letter
// under the id and with the bytes that it had at first.
func TestAReceiverThatFailsForADay(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	h := w.hook()
	h.answers(status(500))
	l := w.letters(w.leader(), nil, h.address(authority1))
	for range 24 * 6 {
		if len(events[*ledger.NotificationQueued](w)) < 30 {
			w.look("doc-1", child)
		}
		l.sendAll(t)
		l.watch()
		w.forward(10 * time.Minute)
	}
	asked := len(h.all())
	require.Greater(t, asked, 10)
	require.Less(t, asked, 24*6)
	l.watch()
	require.EqualValues(t, 30, value(t, l.stats.waiting))
	require.Greater(t, value(t, l.stats.oldest), 23*3600.0)
	require.InDelta(t, 24, w.logged("letters do not reach an authority"), 1, "told of once an hour")
	require.Equal(t, "queued", w.states(authority1)[0], "what is still tried has not failed")
	h.answers(accept)
	for range 24 {
		w.forward(time.Hour)
		l.sendAll(t)
	}
	bodies, seen := map[string]string{}, map[ledger.Seq]bool{}
	for _, g := range h.all() {
		if was, ok := bodies[g.id]; ok {
			require.Equal(t, was, g.body)
		}
		bodies[g.id] = g.body
	}
	require.LessOrEqual(t, len(bodies), 10, "eight at most to refuse")
	for _, g := range h.all()[asked:] {
		for _, n := range g.event.Data.Notifications {
			require.False(t, seen[n.ID], "each arrives once")
			seen[n.ID] = true
		}
	}
	require.Len(t, seen, 30)
	require.NotContains(t, w.states(authority1), "queued")
	l.watch()
	require.Zero(t, value(t, l.stats.waiting))
}

// A leader that finds old notifications tries to send them before it says that they
// do not arrive. One that hangs keeps nobody from being told of it.
func TestLettersAreTriedBeforeTheAlarm(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		w := newWorld(t, 1)
		w.plan(authority1, child, false)
		w.look("doc-1", child)
		w.forward(24 * time.Hour)
		w.look("doc-2", child) // the ledger's clock goes with ours
		h, held := w.hook(), make(chan struct{})
		look := time.Hour // the first look is the only one
		if hangs {
			look = 10 * time.Millisecond
			h.answers(func(rw http.ResponseWriter, r *http.Request, k taken) { <-held; accept(rw, r, k) })
		}
		l := w.letters(w.leader(), func(c *LettersConfig) { c.Look = look }, h.address(authority1))
		l.stats.waiting.Set(-1) // until it has looked
		ctx, end := context.WithCancel(t.Context())
		var one sync.WaitGroup
		one.Go(func() { l.Run(ctx) })
		require.Eventually(t, func() bool { return value(t, l.stats.waiting) >= 0 }, 20*time.Second, time.Millisecond)
		if hangs {
			require.EqualValues(t, 2, value(t, l.stats.waiting))
			w.forward(16 * time.Minute)
			require.Eventually(t, func() bool { return w.logged("letters do not reach an authority") == 1 }, 20*time.Second, time.Millisecond)
		} else {
			require.Zero(t, value(t, l.stats.waiting))
			require.Zero(t, w.logged("letters do not reach an authority"))
		}
		close(held)
		end()
		one.Wait()
	}
}

// What is not taken for three days is given up, on the record, and stands among
// the dead letters until somebody asks for it.
func TestALetterIsGivenUp(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	h := w.hook()
	h.answers(status(410))
	l := w.letters(w.leader(), nil, h.address(authority1))
	for range 80 {
		l.sendAll(t)
		w.forward(time.Hour)
	}
	ends := events[*ledger.LetterSettled](w)
	require.True(t, ends[len(ends)-1].Final)
	require.Equal(t, "http-410", ends[len(ends)-1].Code)
	require.Equal(t, []string{"failed"}, w.states(authority1))
	require.Equal(t, 1, w.logged("a letter was given up"))
	l.watch()
	require.EqualValues(t, 1, value(t, l.stats.dead))
	asked := len(h.all())
	l.sendAll(t)
	require.Len(t, h.all(), asked)
	dead, err := w.leader().View().DeadLetters(10)
	require.NoError(t, err)
	h.answers(accept)
	w.propose(ledger.Command{Actor: ledger.Actor{Issuer: "test", Subject: "op", Role: ledger.RoleOperator, Organisation: "X24", Node: "n1"}, Request: &ledger.AskLetter{Letter: dead[0].ID}})
	l.sendAll(t)
	require.Equal(t, h.all()[0].id, h.all()[asked].id)
	require.Equal(t, []string{"delivered"}, w.states(authority1))
	l.watch()
	require.Zero(t, value(t, l.stats.dead))
}

// What nobody knows is recorded as that: a receiver that takes a letter and dies,
// or that never answers, is sent the same again.
func TestNobodyKnowsWhetherALetterArrived(t *testing.T) {
	for code, answer := range map[string]func(http.ResponseWriter, *http.Request, taken){
		"unknown-cut":     die,
		"unknown-timeout": func(_ http.ResponseWriter, r *http.Request, _ taken) { <-r.Context().Done() },
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t, 1)
			w.plan(authority1, child, false)
			w.look("doc-1", child)
			h := w.hook()
			h.answers(answer)
			l := w.letters(w.leader(), nil, h.address(authority1))
			if code == "unknown-timeout" {
				l.cfg.Limit = 1500 * time.Millisecond // long enough to be reached on a busy machine
			}
			l.sendAll(t)
			require.Equal(t, code, events[*ledger.LetterSettled](w)[0].Code)
			require.Equal(t, []string{"queued"}, w.states(authority1), "neither delivered nor failed")
			require.EqualValues(t, 1, value(t, l.stats.unknown))
			h.answers(accept)
			l.cfg.Limit = 5 * time.Second
			w.forward(time.Minute)
			l.sendAll(t)
			require.Len(t, h.all(), 2)
			require.Equal(t, h.all()[0].id, h.all()[1].id)
			require.Equal(t, h.all()[0].body, h.all()[1].body)
			require.Equal(t, []string{"delivered"}, w.states(authority1))
		})
	}
}

// The leader dies between sending and recording: the next one sends the same
// letter again, under the same id. It dies before sending: the next one sends it.
func TestTheLeaderDiesWithALetter(t *testing.T) {
	for _, sent := range []int{0, 1} {
		w := newWorld(t, 3)
		w.plan(authority1, child, false)
		w.look("doc-1", child)
		h := w.hook()
		m := w.leader()
		dies := func(q ledger.Request) error { return w.kill(m) }
		if sent == 1 {
			m.before = func(q ledger.Request) error {
				if _, ok := q.(*ledger.SettleLetter); ok {
					return dies(q)
				}
				return nil
			}
		} else {
			m.after = dies
		}
		a := h.address(authority1)
		_, err := w.letters(m, nil, a).pass(t.Context(), &a)
		require.ErrorIs(t, err, consensus.ErrClosed)
		require.Len(t, h.all(), sent)
		w.look("doc-2", child) // more waits by now
		w.letters(w.leader(), nil, a).sendAll(t)
		require.Len(t, h.all(), sent+2)
		first := h.all()[0]
		require.Equal(t, first.body, h.all()[sent].body)
		require.Equal(t, first.id, h.all()[sent].id)
		require.Len(t, first.event.Data.Notifications, 1)
		require.Equal(t, []string{"delivered", "delivered"}, w.states(authority1))
	}
}

// A receiver that is slow slows no lookup, and nobody else's letters.
func TestASlowReceiverSlowsNobody(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.plan(authority2, child, false)
	slow, quick := w.hook(), w.hook()
	reached, release := make(chan struct{}), make(chan struct{})
	slow.answers(func(rw http.ResponseWriter, _ *http.Request, _ taken) {
		close(reached)
		<-release
		rw.WriteHeader(http.StatusOK)
	})
	l := w.letters(w.leader(), func(c *LettersConfig) { c.Limit = time.Minute }, slow.address(authority1), quick.address(authority2))
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { l.Run(ctx) })
	w.look("doc-1", child)
	<-reached
	for i := range 50 {
		w.look(fmt.Sprint("doc-", i), child)
	}
	require.Eventually(t, func() bool {
		return !slices.Contains(w.states(authority2), "queued")
	}, 20*time.Second, time.Millisecond, "the other authority is told meanwhile")
	require.Len(t, slow.all(), 1)
	close(release)
	slow.answers(accept)
	require.Eventually(t, func() bool {
		return !slices.Contains(w.states(authority1), "queued")
	}, 20*time.Second, time.Millisecond)
	require.Len(t, slow.all(), 2, "what waited meanwhile goes in one letter")
	end()
	all.Wait()
}

// One letter that a receiver does not take holds up none of the others.
func TestALetterThatIsNotTakenHoldsUpNoOther(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	h := w.hook()
	bad := ""
	h.answers(func(rw http.ResponseWriter, _ *http.Request, g taken) {
		if bad == "" {
			bad = g.id
		}
		if g.id == bad {
			rw.WriteHeader(http.StatusBadRequest)
		}
	})
	l := w.letters(w.leader(), nil, h.address(authority1))
	l.sendAll(t)
	for range 5 {
		w.forward(time.Minute)
		w.look("doc-2", child)
		l.sendAll(t)
	}
	require.Equal(t, []string{"queued", "delivered", "delivered", "delivered", "delivered", "delivered"}, w.states(authority1))
}

// Every node runs, one leads: what is looked up is told by itself, and a new
// leader goes on where the old one was.
func TestLettersGoOnAfterAFailover(t *testing.T) {
	w := newWorld(t, 3)
	w.plan(authority1, child, false)
	h := w.hook()
	stops := map[*member]func(){}
	for _, m := range w.nodes {
		l := w.letters(m, nil, h.address(authority1))
		ctx, end := context.WithCancel(t.Context())
		var one sync.WaitGroup
		one.Go(func() { l.Run(ctx) })
		stops[m] = func() { end(); one.Wait() }
	}
	told := func(n int) {
		require.Eventually(t, func() bool {
			states := w.states(authority1)
			return len(states) == n && !slices.Contains(states, "queued")
		}, 20*time.Second, time.Millisecond)
	}
	w.look("doc-1", child)
	told(1)
	leader := w.leader()
	stops[leader]()
	_ = w.kill(leader)
	w.look("doc-2", child)
	told(2)
	for _, stop := range stops {
		stop()
	}
}

// Whatever a receiver and consensus do: each notification arrives, in one letter
// of one id, and the ledger says so.
func TestWhateverBreaksLettersArrive(t *testing.T) {
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 1))
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	h := w.hook()
	m := w.leader()
	l := w.letters(m, nil, h.address(authority1))
	looked := 0
	for range 40 {
		for range random.IntN(3) {
			w.look("doc-1", child)
			looked++
		}
		h.answers([]func(http.ResponseWriter, *http.Request, taken){accept, accept, status(500), status(429), status(301), die}[random.IntN(6)])
		fail := func(ledger.Request) error {
			if random.IntN(6) == 0 {
				return consensus.ErrUnknown
			}
			return nil
		}
		m.before, m.after = fail, fail
		_, _ = l.pass(t.Context(), &l.cfg.Addresses[0])
		m.before, m.after = nil, nil
		w.forward([]time.Duration{0, time.Minute, time.Hour}[random.IntN(3)])
	}
	h.answers(accept)
	for range 10 {
		w.forward(2 * time.Hour)
		l.sendAll(t)
	}
	in, bodies := map[ledger.Seq]string{}, map[string]string{}
	for _, g := range h.all() {
		if was, ok := bodies[g.id]; ok {
			require.Equal(t, was, g.body, "one letter is the same bytes each time")
		}
		bodies[g.id] = g.body
		for _, n := range g.event.Data.Notifications {
			if was, ok := in[n.ID]; ok {
				require.Equal(t, was, g.id, "one notification stands in one letter")
			}
			in[n.ID] = g.id
		}
	}
	require.Len(t, in, looked)
	for _, state := range w.states(authority1) {
		require.Equal(t, "delivered", state)
	}
}

func TestPausesGrowAndAreSpread(t *testing.T) {
	l := &Letters{cfg: LettersConfig{First: 5 * time.Second, Pause: time.Hour}}
	require.Zero(t, l.pause(7, 0))
	for failures := 1; failures < 100; failures++ {
		bound, sum := min(time.Hour, 5*time.Second<<min(failures-1, 20)), time.Duration(0)
		seen := map[time.Duration]bool{}
		for of := range ledger.Seq(200) {
			p := l.pause(of, failures)
			require.GreaterOrEqual(t, p, time.Duration(0))
			require.Less(t, p, bound)
			require.Equal(t, p, l.pause(of, failures), "the same on whichever node leads")
			seen[p] = true
			sum += p
		}
		require.Greater(t, len(seen), 190)
		require.InDelta(t, 0.5, float64(sum)/200/float64(bound), 0.15)
	}
}

func TestLettersAreConfiguredStrictly(t *testing.T) {
	w := newWorld(t, 1)
	m := w.leader()
	good := w.hook().address(authority1)
	for name, change := range map[string]func(*LettersConfig){
		"no node":    func(c *LettersConfig) { c.Node = nil },
		"no name":    func(c *LettersConfig) { c.NodeID = "" },
		"twice":      func(c *LettersConfig) { c.Addresses = append(c.Addresses, good) },
		"by MESH":    func(c *LettersConfig) { c.Addresses[0].Way = ledger.ByMESH },
		"nobody":     func(c *LettersConfig) { c.Addresses[0].Authority = "x" },
		"no carrier": func(c *LettersConfig) { c.Addresses[0].Carrier = nil },
		"negative":   func(c *LettersConfig) { c.Pause = -1 },
	} {
		cfg := LettersConfig{Node: m, NodeID: "n1", Addresses: []Address{good}}
		change(&cfg)
		_, err := NewLetters(cfg)
		require.Error(t, err, name)
	}
	for _, to := range []string{"", "hook", "ftp://la.example/x", "http://la.example/x", "http://localhost/x", "https://u:p@la.example/x", "https://la.example/x#y"} {
		_, err := NewWebhook(to, hookSecrets, nil, thisMachine, nil)
		require.Error(t, err, to)
	}
	for _, secrets := range [][]string{nil, {"whsec_"}, {"whsec_c2hvcnQ="}, {strings.TrimPrefix(hookSecrets[0], "whsec_")}, {hookSecrets[0], "whsec_%%%"}} {
		_, err := NewWebhook("https://la.example/x", secrets, nil, thisMachine, nil)
		require.Error(t, err)
		for _, s := range secrets {
			if len(s) > 8 {
				require.NotContains(t, err.Error(), s[8:], "no secret in an error")
			}
		}
	}
}

// A site that looked somebody up has a way as an authority has: at the end of the
// ladder the letter goes to its safeguarding inbox, with a reference alone.
func TestASitesInboxIsTold(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	h := w.hook()
	l := w.letters(w.leader(), nil, h.address(emergency))
	l.sendAll(t)
	require.Empty(t, h.all(), "what waits is the authority's")
	for range 10 {
		w.forward(12 * time.Hour)
		if len(w.states(emergency)) > 0 {
			break
		}
		w.must(&ledger.TellDue{Until: ledger.Of(w.now())})
	}
	l.sendAll(t)
	require.Len(t, h.all(), 1)
	got := h.all()[0]
	require.Equal(t, emergency, got.event.Subject)
	require.Len(t, got.event.Data.Notifications, 1)
	require.Equal(t, "unread", got.event.Data.Notifications[0].Type)
	for _, p := range append(w.personal, authority1) {
		require.NotContains(t, got.body, `"`+p)
	}
	require.Equal(t, []string{"delivered"}, w.states(emergency))
	require.Equal(t, []string{"queued"}, w.states(authority1), "and is nobody else's")
}
