package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

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

// setCookie sets a cookie that scripts cannot read, that only this host gets, and no page of another site sends
// but by a link. Its Secure is honoured on this machine's own plain HTTP too: browsers trust that.
func setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	} else {
		c.MaxAge = int(age / time.Second)
	}
	http.SetCookie(w, c)
}
