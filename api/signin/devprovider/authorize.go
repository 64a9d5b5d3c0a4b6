package devprovider

import (
	_ "embed" // pages
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// levels are the assurances that a person can be signed in with, as NHS CIS2 spells them.
var levels = []string{"AAL2_ANY", "AAL3_ANY", "AAL1_USERPASS"}

const most = 1000 // of whatever is kept

//go:embed picker.html
var pickerText string

var picker = template.Must(template.New("picker").Parse(pickerText))

// authorize checks what a real provider checks, and shows who can be picked.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	// Never send anybody to where the client is not.
	if q.Get("client_id") != p.cfg.ClientID || !slices.Contains(p.cfg.Redirects, q.Get("redirect_uri")) {
		http.Error(w, "This client is not registered here with this address.", http.StatusBadRequest)
		return
	}
	a := asked{state: q.Get("state"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri")}
	switch {
	case q.Get("response_type") != "code", q.Get("code_challenge_method") != "S256", a.challenge == "", a.state == "",
		!slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		p.back(w, r, a, url.Values{"error": {"invalid_request"}})
		return
	}
	name := random()
	p.mu.Lock()
	if len(p.pending) >= most {
		clear(p.pending)
	}
	p.pending[name] = a
	p.mu.Unlock()
	page(w, picker, map[string]any{"Name": p.cfg.Name, "Base": p.cfg.Base, "Request": name, "People": p.cfg.People(),
		"High": strings.HasPrefix(q.Get("acr_values"), "AAL3")}, a.redirect)
}

func (p *Provider) pick(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	p.mu.Lock()
	a, ok := p.pending[r.FormValue("request")]
	delete(p.pending, r.FormValue("request"))
	p.mu.Unlock()
	people := p.cfg.People()
	n := slices.IndexFunc(people, func(x Person) bool { return x.Subject == r.FormValue("person") })
	if !ok || n < 0 || !slices.Contains(levels, r.FormValue("level")) {
		http.Error(w, "Begin again where you came from.", http.StatusBadRequest)
		return
	}
	g := granted{asked: a, person: people[n], level: r.FormValue("level"), session: random(), at: p.cfg.Now()}
	code := random()
	p.mu.Lock()
	if len(p.codes) >= most {
		clear(p.codes)
	}
	p.codes[code] = g
	p.sessions = append(p.sessions[max(0, len(p.sessions)-most+1):], g)
	p.mu.Unlock()
	p.back(w, r, a, url.Values{"code": {code}})
}

// back sends a person to the client.
func (p *Provider) back(w http.ResponseWriter, r *http.Request, a asked, q url.Values) {
	q.Set("state", a.state)
	q.Set("iss", p.cfg.Issuer)
	http.Redirect(w, r, a.redirect+"?"+q.Encode(), http.StatusSeeOther)
}

// page writes a page whose form may end at the client.
func page(w http.ResponseWriter, t *template.Template, data any, client string) {
	target := ""
	if u, err := url.Parse(client); err == nil {
		target = " " + u.Scheme + "://" + u.Host
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"+target)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = t.Execute(w, data) // who reads no more needs no error
}
