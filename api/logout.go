package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// logoutClaims are what a provider says of a session that has ended (OpenID Connect Back-Channel Logout).
type logoutClaims struct {
	_        struct{}  `strict:"open"`
	Issuer   string    `json:"iss" strict:"required"`
	Audience oneOrMore `json:"aud" strict:"required"`
	IssuedAt int64     `json:"iat" strict:"required"`
	Expires  int64     `json:"exp" strict:"required"`
	ID       string    `json:"jti" strict:"required"`
	Events   struct {
		_     struct{}  `strict:"open"`
		Ended *anything `json:"http://schemas.openid.net/event/backchannel-logout" strict:"required"`
	} `json:"events" strict:"required"`
	Subject string `json:"sub"`
	Session string `json:"sid"`
}

type anything struct {
	_ struct{} `strict:"open"`
}

const (
	logoutType = "logout+jwt"
	logoutLife = 10 * time.Minute // the most that a logout token may live
	forwarded  = "Custos-Forwarded"
)

// postLogout ends the sessions that a provider says have ended, here and at the other nodes: each of them reads
// the provider's own signature, so none has to be believed.
func (s *Server) postLogout(w http.ResponseWriter, r *http.Request) {
	x := s.signIn
	p := x.providers[pathVar(r, "provider")]
	if p == nil {
		writeProblem(w, r, problem("not-found"))
		return
	}
	if err := r.ParseForm(); err != nil || len(r.PostForm["logout_token"]) != 1 {
		writeProblem(w, r, problem("logout-token"))
		return
	}
	token := r.PostForm["logout_token"][0]
	n, again, refused := x.logOut(r.Context(), p, token)
	if refused != nil {
		writeProblem(w, r, refused)
		return
	}
	x.outcomes.WithLabelValues("logged-out").Add(float64(n))
	if len(r.Header[forwarded]) == 0 && !x.passOn(r.Context(), p.ID, token) {
		again() // the provider may say it once more
		s.cfg.Logger.Error("a logout could not be passed on to every node", "alarm", "logout", "provider", p.ID)
		writeProblem(w, r, problem("logout-incomplete"))
		return
	}
	w.WriteHeader(http.StatusOK)
}

// logOut reads a logout token and ends its sessions. again lets the same token be used once more.
func (x *signInState) logOut(ctx context.Context, p *signInAt, token string) (ended int, again func(), refused *Problem) {
	bad := problem("logout-token")
	parts, ok := takeApart(token)
	var h idHeader
	// A token of another type, an ID token for one, ends nobody's session; nor does one that says nothing.
	if !ok || decodeStrictBytes(parts.header, &h) != nil || h.Type != logoutType {
		return 0, nil, bad
	}
	text, err := p.at.Ended(ctx, token)
	if err != nil {
		return 0, nil, bad
	}
	var c logoutClaims
	if decodeStrictBytes(text, &c) != nil {
		return 0, nil, bad
	}
	now := x.now()
	if c.Issuer != p.Issuer || len(c.Audience) != 1 || c.Audience[0] != p.ClientID || c.ID == "" ||
		c.Subject == "" && c.Session == "" || c.IssuedAt > now.Add(time.Minute).Unix() || c.Expires > now.Add(logoutLife).Unix() {
		return 0, nil, bad
	}
	key := c.Issuer + "\x00" + c.ID
	if !x.ended.first(key, time.Unix(c.Expires, 0), now) {
		return 0, nil, problem("logout-token-again")
	}
	return x.sessions.endOf(c.Issuer, c.Subject, c.Session), func() { x.ended.forget(key) }, nil
}

// endedTokens remembers tokens that are good once until they expire.
type endedTokens struct {
	mu   sync.Mutex
	all  map[string]time.Time // by issuer and jti
	full int                  // sweep once there are so many
}

func newEndedTokens() endedTokens { return endedTokens{all: map[string]time.Time{}} }

// first tells whether a token comes for the first time.
func (e *endedTokens) first(key string, until, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) >= e.full {
		for k, t := range e.all {
			if now.After(t) {
				delete(e.all, k)
			}
		}
		e.full = max(1<<10, 2*len(e.all))
	}
	if t, seen := e.all[key]; seen && !now.After(t) {
		return false
	}
	e.all[key] = until
	return true
}

// forget lets a token be used again.
func (e *endedTokens) forget(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.all, key)
}

// passOn tells the other nodes, and reports whether each of them took it, or had it before.
func (x *signInState) passOn(ctx context.Context, provider, token string) bool {
	var all sync.WaitGroup
	var failed atomic.Int64
	for _, peer := range x.cfg.Peers {
		all.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, peer+"/signin/logout/"+provider,
				strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
			if err != nil {
				failed.Add(1)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(forwarded, "1")
			answer, err := x.client.Do(r)
			if err != nil {
				failed.Add(1)
				return
			}
			_ = answer.Body.Close() // the status is all
			if answer.StatusCode != http.StatusOK && answer.StatusCode != problems["logout-token-again"].status {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	return failed.Load() == 0
}
