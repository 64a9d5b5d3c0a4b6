package api

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"custos/api/signin"
	"custos/ledger"
)

// SignIn says how people sign in with a browser.
type SignIn struct {
	URL       string // scheme and host by which browsers reach this service
	Home      string // the page that a sign-in ends on; empty: the page of the sign-in itself
	Providers []SignInProvider
	Idle      time.Duration // zero: 30 min
	IdleHigh  time.Duration // of sessions with AAL3; zero: 15 min
	Absolute  time.Duration // zero: 12 h
	Peers     []string      // the other nodes' addresses: told when a session has ended at its provider
}

// SignInProvider is an identity provider. Its keys, algorithms and what it may say are its issuer's, which must
// be among those whose tokens are accepted.
type SignInProvider struct {
	ID            string            // in our addresses: a-z, 0-9 and -
	Name          string            // as people know it
	ACR           map[string]string // acr_values to ask for, by the level that is wanted: AAL2, AAL3
	signin.Config                   // Redirect, Methods, Keys and Now are filled in
}

const sessionCookie = "__Host-custos-session"

// signInState is the running sign-in.
type signInState struct {
	cfg       SignIn
	providers map[string]*signInAt
	order     []*signInAt
	attempts  attempts
	sessions  *sessions
	ended     endedTokens
	outcomes  *prometheus.CounterVec
	slots     *inFlight
	client    *http.Client // to the other nodes
	now       func() time.Time
}

type signInAt struct {
	SignInProvider
	at   *signin.Provider
	keys issuerKeys
}

func (s *Server) newSignIn(cfg SignIn) (*signInState, error) {
	x := &signInState{cfg: cfg, providers: map[string]*signInAt{}, sessions: newSessions(), now: s.cfg.Tokens.now, client: signin.NewClient(), slots: newInFlight(256),
		ended: endedTokens{all: map[string]time.Time{}},
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "custos_signins_total", Help: "Sign-ins with a browser, by outcome."}, []string{"outcome"})}
	if err := signin.CheckAddress(cfg.URL); err != nil || strings.Count(cfg.URL, "/") != 2 {
		return nil, errors.New("sign-in: the address of this service is scheme and host alone, and https")
	}
	for _, d := range []struct {
		is    *time.Duration
		usual time.Duration
	}{{&x.cfg.Idle, 30 * time.Minute}, {&x.cfg.IdleHigh, 15 * time.Minute}, {&x.cfg.Absolute, 12 * time.Hour}} {
		if *d.is == 0 {
			*d.is = d.usual
		}
		if *d.is < time.Minute || *d.is > 24*time.Hour {
			return nil, errors.New("sign-in: a session may idle, and last, from a minute to a day")
		}
	}
	for _, peer := range cfg.Peers {
		if err := signin.CheckAddress(peer); err != nil {
			return nil, fmt.Errorf("sign-in: another node's address: %w", err)
		}
	}
	var err error
	if x.attempts, err = newAttempts(s.keys); err != nil {
		return nil, err
	}
	for _, p := range cfg.Providers {
		if p.ID == "" || !madeOf(p.ID, "-") || strings.ToLower(p.ID) != p.ID || p.Name == "" || x.providers[p.ID] != nil {
			return nil, errors.New("sign-in: each provider has an id of its own, of a-z, 0-9 and -, and a name")
		}
		a := &signInAt{SignInProvider: p}
		if a.keys, err = s.cfg.Tokens.keysOf(p.Issuer); err != nil {
			return nil, fmt.Errorf("sign-in with %s: %w", p.ID, err)
		}
		a.Redirect, a.Methods, a.Keys, a.Now = cfg.URL+"/signin/callback/"+p.ID, s.cfg.Tokens.issuers[a.keys.n].Methods, a.keys, x.now
		if a.at, err = signin.New(a.Config); err != nil {
			return nil, fmt.Errorf("sign-in with %s: %w", p.ID, err)
		}
		x.providers[p.ID] = a
		x.order = append(x.order, a)
	}
	if len(x.order) == 0 {
		return nil, errors.New("sign-in: there is no provider")
	}
	return x, s.Register(x.outcomes, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "custos_sessions", Help: "People signed in at this node with a browser."},
		func() float64 { return float64(x.sessions.count(x.now())) }))
}

// startSignIn sends a browser to a provider.
func (s *Server) startSignIn(w http.ResponseWriter, r *http.Request) {
	x := s.signIn
	p := x.providers[pathVar(r, "provider")]
	q := r.URL.Query()
	level, to := q.Get("level"), q.Get("to")
	if p == nil || level != "" && level != "AAL2" && level != "AAL3" || to != "" && !ownPath(to) {
		x.refuse(w, r, problem("sign-in-request"))
		return
	}
	address, begun, err := p.at.Begin(r.Context(), p.ACR[level])
	if err != nil {
		x.outcomes.WithLabelValues("down").Inc()
		x.refuse(w, r, problem("sign-in-unavailable"))
		return
	}
	sealed, err := x.attempts.seal(attempt{Attempt: begun, Provider: p.ID, Level: level, To: to, Until: x.now().Add(attemptLife).Unix()})
	if err != nil {
		writeProblem(w, r, err)
		return
	}
	setCookie(w, attemptCookie, sealed, attemptLife)
	redirect(w, address)
}

// finishSignIn takes back whom a provider sends, and makes their session.
func (s *Server) finishSignIn(w http.ResponseWriter, r *http.Request) {
	x := s.signIn
	a, ok := x.attempts.open(r, x.now())
	q := r.URL.Query()
	setCookie(w, attemptCookie, "", 0) // whatever comes of it, it is spent
	p := x.providers[pathVar(r, "provider")]
	if !ok || p == nil || a.Provider != p.ID || !once(q, "state", "code", "error", "iss") ||
		subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.State)) != 1 || q.Has("iss") && q.Get("iss") != p.Issuer {
		x.outcomes.WithLabelValues("state").Inc()
		x.refuse(w, r, problem("sign-in-state"))
		return
	}
	if q.Has("error") || q.Get("code") == "" {
		x.outcomes.WithLabelValues("refused").Inc()
		x.refuse(w, r, problem("sign-in-refused"))
		return
	}
	proven, err := p.at.Finish(r.Context(), a.Attempt, q.Get("code"))
	if err != nil {
		code := "sign-in-refused"
		if errors.Is(err, signin.ErrDown) {
			code = "sign-in-unavailable"
		}
		s.cfg.Logger.Warn("sign-in failed", "provider", p.ID, "error", err)
		x.outcomes.WithLabelValues("refused").Inc()
		x.refuse(w, r, problem(code))
		return
	}
	acts, refused := p.keys.signedIn(proven, p.ClientID)
	if refused == nil && acts[0].Assurance < a.Level {
		refused = problem("assurance-too-low").of(acts[0])
	}
	if refused != nil {
		x.outcomes.WithLabelValues("no-access").Inc()
		if refused.who != nil {
			refused = asProblem(s.turnAway(r.Context(), refused, ledger.ActSignIn))
		}
		x.refuse(w, r, refused)
		return
	}
	if p := x.open(w, r, &session{provider: p.ID, acts: acts}); p != nil {
		x.refuse(w, r, p)
		return
	}
	x.outcomes.WithLabelValues("signed-in").Inc()
	to := a.To
	if to == "" {
		to = x.home()
	}
	if len(acts) > 1 {
		to = "/signin/roles"
	}
	redirect(w, to)
}

// open makes a session and gives its name to the browser. What the browser held before ends with it: nobody
// goes on under a name that another may have planted.
func (x *signInState) open(w http.ResponseWriter, r *http.Request, s *session) *Problem {
	now := x.now()
	if len(s.acts) == 1 {
		s.who = s.acts[0]
	}
	s.idle = x.cfg.Idle
	if s.acts[0].Assurance == "AAL3" {
		s.idle = x.cfg.IdleHigh
	}
	if s.until.IsZero() {
		s.until = now.Add(x.cfg.Absolute)
	}
	name, p := x.sessions.begin(s, now)
	if p != nil {
		return p
	}
	if c, err := r.Cookie(sessionCookie); err == nil {
		x.sessions.end(c.Value)
	}
	setCookie(w, sessionCookie, name, s.until.Sub(now))
	return nil
}

// of returns the session of a browser, or nil.
func (x *signInState) of(r *http.Request, use bool) *session {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	return x.sessions.find(c.Value, x.now(), use)
}

func (x *signInState) home() string {
	if x.cfg.Home != "" {
		return x.cfg.Home
	}
	return "/signin"
}

// caller finds out who sent a request: by its token, or else by its browser's session.
func (s *Server) caller(r *http.Request) (*Identity, *Problem) {
	if _, given := r.Header["Authorization"]; given || s.signIn == nil {
		return s.cfg.Tokens.Verify(r.Header["Authorization"])
	}
	if _, err := r.Cookie(sessionCookie); err != nil {
		return nil, problem("token-missing")
	}
	// A browser sends its cookie whoever wrote the page: only our own pages may ask with it.
	if !s.signIn.ownPage(r) {
		return nil, problem("cross-site")
	}
	x := s.signIn.of(r, true)
	if x == nil {
		return nil, problem("session-ended")
	}
	if x.who == nil {
		return nil, problem("role-not-selected").of(x.acts[0])
	}
	return x.who, nil
}

// ownPage tells whether a request comes from a page of ours, or, where it changes nothing, from the person
// directly. Browsers say so, and no page can make them say otherwise; one that says nothing is not believed
// unless it names our origin.
func (x *signInState) ownPage(r *http.Request) bool {
	site := r.Header["Sec-Fetch-Site"]
	if len(site) == 0 {
		return len(r.Header["Origin"]) == 1 && r.Header["Origin"][0] == x.cfg.URL
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	return len(site) == 1 && (site[0] == "same-origin" || read && site[0] == "none")
}

// ownPath tells whether s is one of our own paths, so that nobody is sent elsewhere after signing in.
func ownPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && len(s) <= 200 && madeOf(s, "/._-")
}

// once tells whether none of these parameters is given twice.
func once(q url.Values, names ...string) bool {
	for _, n := range names {
		if len(q[n]) > 1 {
			return false
		}
	}
	return true
}

func redirect(w http.ResponseWriter, to string) {
	h := w.Header()
	h["Location"] = []string{to}
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusSeeOther)
}

// endedTokens remembers logout tokens until they expire, so that none is used twice.
type endedTokens struct {
	mu  sync.Mutex
	all map[string]time.Time // by issuer and jti
}

// first tells whether a token comes for the first time.
func (e *endedTokens) first(key string, until, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, t := range e.all {
		if now.After(t) {
			delete(e.all, k)
		}
	}
	if _, seen := e.all[key]; seen {
		return false
	}
	e.all[key] = until
	return true
}
