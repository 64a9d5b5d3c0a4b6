package api

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	client    *http.Client // to the other nodes
	now       func() time.Time
}

type signInAt struct {
	SignInProvider
	at   *signin.Provider
	keys issuerKeys
}

func (s *Server) newSignIn(cfg SignIn) (*signInState, error) {
	x := &signInState{cfg: cfg, providers: map[string]*signInAt{}, sessions: newSessions(), now: s.cfg.Tokens.now, client: signin.NewClient(),
		ended: newEndedTokens(),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "custos_sign_ins_total", Help: "Sign-ins with a browser, by outcome."}, []string{"outcome"})}
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
