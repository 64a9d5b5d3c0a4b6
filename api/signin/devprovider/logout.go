package devprovider

import (
	"context"
	_ "embed" // pages
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed sessions.html
var sessionsText string

var sessions = template.Must(template.New("sessions").Parse(sessionsText))

// list shows who is signed in.
func (p *Provider) list(w http.ResponseWriter) {
	type line struct{ ID, Name string }
	var lines []line
	p.mu.Lock()
	for _, g := range p.sessions {
		lines = append(lines, line{g.session, g.person.Name})
	}
	p.mu.Unlock()
	page(w, sessions, map[string]any{"Name": p.cfg.Name, "Base": p.cfg.Base, "Sessions": lines}, p.cfg.Base)
}

// end tells the client that a session has ended, and only then forgets it: whoever
// closes the tab meanwhile has still ended it, and whoever sees it still may try again.
func (p *Provider) end(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	this := func(g granted) bool { return g.session == r.FormValue("session") }
	p.mu.Lock()
	n := slices.IndexFunc(p.sessions, this)
	var subject, session string
	if n >= 0 {
		subject, session = p.sessions[n].person.Subject, p.sessions[n].session
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	if n < 0 || p.Tell(ctx, subject, session) != nil {
		http.Error(w, "The client was not told.", http.StatusBadGateway)
		return
	}
	p.mu.Lock()
	p.sessions = slices.DeleteFunc(p.sessions, this)
	p.mu.Unlock()
	http.Redirect(w, r, p.cfg.Base+"/sessions", http.StatusSeeOther)
}

// LogoutToken signs that a session has ended; without one, all of the subject's.
func (p *Provider) LogoutToken(subject, session string) (string, error) {
	now := p.cfg.Now()
	claims := map[string]any{"iss": p.cfg.Issuer, "sub": subject, "aud": p.cfg.ClientID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"jti": random(), "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	if session != "" {
		claims["sid"] = session
	}
	return p.sign("logout", "logout+jwt", claims)
}

// Tell tells the client that a session has ended.
func (p *Provider) Tell(ctx context.Context, subject, session string) error {
	token, err := p.LogoutToken(subject, session)
	if err != nil {
		return err
	}
	err = errors.New("there is nobody to tell")
	for _, to := range p.cfg.Logouts {
		if err = tell(ctx, to, token); err == nil {
			return nil
		}
	}
	return err
}

func tell(ctx context.Context, to, token string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_ = a.Body.Close() // the status is all
	if a.StatusCode != http.StatusOK {
		return errors.New("the client did not take it")
	}
	return nil
}
