package api

import (
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// pageRoute is a route of the sign-in: it asks for no token and answers a browser.
type pageRoute struct {
	method, path string
	body         int64
	handle       func(*Server, http.ResponseWriter, *http.Request)
	summary      string
}

const formBody = 16 << 10

// signInRoutes are there where a provider is configured.
func signInRoutes() []pageRoute {
	return []pageRoute{
		{"GET", "/signin", 0, (*Server).signInPage, "who is signed in, or with whom to sign in"},
		{"GET", "/signin/start/{provider}", 0, (*Server).startSignIn, "go to an identity provider"},
		{"GET", "/signin/callback/{provider}", 0, (*Server).finishSignIn, "come back from it"},
		{"GET", "/signin/roles", 0, (*Server).rolesPage, "the roles that may be chosen"},
		{"POST", "/signin/roles", formBody, (*Server).chooseRole, "act in a role"},
		{"GET", "/signin/session", 0, (*Server).getSession, "who is signed in, as JSON"},
		{"POST", "/signin/out", formBody, (*Server).signOut, "sign out"},
		{"POST", "/signin/logout/{provider}", formBody, (*Server).postLogout, "a provider says that a session has ended"},
	}
}

// form is what a page of the sign-in shows.
type form struct {
	Title, Text, Detail, Code string
	Providers                 []*signInAt
	Roles                     []*Identity
	Chosen                    int // of Roles; -1: none
	Who                       *Identity
	Home, Again               string
	Downtime                  bool
}

var formPage = template.Must(template.New("form").Parse(`<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}} - Custos</title>
<style>*{box-sizing:border-box}body{font:1.0625rem/1.5 system-ui,sans-serif;margin:0;color:#212b32;background:#f0f4f5}
main{max-width:44rem;margin:2rem auto;padding:1rem 1.5rem 1.5rem;background:#fff;border:1px solid #d8dde0}
h1{font-size:1.75rem;margin:.5rem 0 1rem}fieldset{border:0;padding:0;margin:0}legend{font-weight:600;margin-bottom:.5rem}
label{display:block;padding:.5rem .25rem}.button,button{font:inherit;font-weight:600;display:inline-block;margin:.5rem .75rem .5rem 0;padding:.625rem 1rem;border:2px solid #00703c;background:#00703c;color:#fff;text-decoration:none;cursor:pointer}
.plain{background:#fff;color:#00703c}.hint{color:#4c6272}.callout{border-left:.5rem solid #d5281b;background:#fff6f5;padding:.75rem 1rem}
:focus-visible{outline:4px solid #ffb81c;outline-offset:0}a{color:#005eb8}</style></head>
<body><main><h1>{{.Title}}</h1>
{{- if .Text}}<div class="callout" role="alert"><p>{{.Text}}</p>{{if .Detail}}<p>{{.Detail}}</p>{{end}}<p class="hint">Code: {{.Code}}</p></div>{{end}}
{{- if .Downtime}}<p>People who are signed in can go on. Nothing that is missing here means &ldquo;no plan&rdquo;: follow the <a href="/docs/downtime">downtime procedure</a>.</p>{{end}}
{{- if .Who}}<p>You are <strong>{{.Who.Name}}</strong>{{if .Who.Role}}, {{or .Who.RoleName .Who.Role}} at {{or .Who.OrganisationName .Who.Organisation}}{{end}}.</p>{{end}}
{{- if .Roles}}<form method="post" action="/signin/roles"><fieldset><legend>Act as</legend>{{range $i, $r := .Roles}}
<label><input type="radio" name="role" value="{{$i}}" required{{if eq $i $.Chosen}} checked{{end}}> {{or $r.RoleName $r.Role}}, {{or $r.OrganisationName $r.Organisation}}</label>{{end}}</fieldset>
<button>Continue</button></form>{{end}}
{{- if .Providers}}<p>{{range .Providers}}<a class="button" href="/signin/start/{{.ID}}">Sign in with {{.Name}}</a> {{end}}</p>{{end}}
{{- if .Home}}<p><a class="button" href="{{.Home}}">Go on</a></p>{{end}}
{{- if .Who}}<form method="post" action="/signin/out"><button class="plain">Sign out</button></form>{{end}}
{{- if .Again}}<p><a class="button" href="{{.Again}}">Sign in again</a></p>{{end}}
</main></body></html>
`))

// show writes a page of the sign-in.
func (f *form) show(w http.ResponseWriter, status int) {
	var b strings.Builder
	if err := formPage.Execute(&b, f); err != nil { // a template that does not fit its data: a test finds it
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String())) // who reads no more needs no error
}

// refuse says on a page why somebody is not signed in.
func (x *signInState) refuse(w http.ResponseWriter, r *http.Request, p *Problem) {
	k := problems[p.Code]
	f := &form{Title: "You are not signed in", Text: k.title + ".", Detail: p.Detail, Code: p.Code, Again: "/signin", Downtime: k.status >= 500}
	if f.Detail == "" {
		f.Detail = k.detail
	}
	if info := requestInfoOf(r); info != nil {
		info.code = p.Code
	}
	if p.Seq != nil {
		f.Detail += " This is entry " + strconv.FormatUint(*p.Seq, 10) + " of the ledger."
		w.Header().Set("Custos-Seq", strconv.FormatUint(*p.Seq, 10))
	}
	if k.status >= 500 {
		w.Header().Set("Retry-After", "30")
	}
	f.show(w, k.status)
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	x := s.signIn
	f := &form{Title: "Sign in", Providers: x.order}
	if now := x.of(r, false); now != nil {
		f = now.form()
		if x.cfg.Home != "" && now.who != nil {
			f.Home = x.cfg.Home
		}
	}
	f.show(w, http.StatusOK)
}

// form shows a session: who it is, and what else they may act as.
func (s *session) form() *form {
	f := &form{Title: "You are signed in", Who: s.who, Chosen: -1}
	if len(s.acts) > 1 {
		f.Roles = s.acts
	}
	for i, a := range s.acts {
		if a == s.who {
			f.Chosen = i
		}
	}
	if s.who == nil {
		f.Title, f.Who = "Choose a role", &Identity{Name: s.acts[0].Name}
	}
	return f
}

func (s *Server) rolesPage(w http.ResponseWriter, r *http.Request) {
	now := s.signIn.of(r, true)
	if now == nil {
		redirect(w, "/signin")
		return
	}
	f := now.form()
	f.Title = "Choose a role"
	f.show(w, http.StatusOK)
}

// chooseRole goes on in another role, in a session of another name.
func (s *Server) chooseRole(w http.ResponseWriter, r *http.Request) {
	x := s.signIn
	if !x.ownPage(r) {
		x.refuse(w, r, problem("cross-site"))
		return
	}
	now := x.of(r, true)
	if now == nil {
		x.refuse(w, r, problem("session-ended"))
		return
	}
	err := r.ParseForm()
	given := r.PostForm["role"]
	n := -1
	if err == nil && len(given) == 1 {
		if i, err := strconv.Atoi(given[0]); err == nil && 0 <= i && i < len(now.acts) {
			n = i
		}
	}
	if n < 0 {
		x.refuse(w, r, problem("role-not-selected"))
		return
	}
	now.who = now.acts[n]
	if p := x.open(w, r, now); p != nil {
		x.refuse(w, r, p)
		return
	}
	redirect(w, x.home())
}

// getSession says who is signed in. Asking keeps nobody signed in.
func (s *Server) getSession(w http.ResponseWriter, r *http.Request) {
	x := s.signIn
	now := x.of(r, false)
	if now == nil {
		writeProblem(w, r, problem("session-ended"))
		return
	}
	type who struct {
		Name             string `json:"name"`
		Role             string `json:"role"`
		RoleName         string `json:"roleName"`
		Organisation     string `json:"organisation"`
		OrganisationName string `json:"organisationName"`
		Assurance        string `json:"assurance"`
		Roles            int    `json:"roles"`
		Provider         string `json:"provider"`
		Until            string `json:"until"`
	}
	out := who{Name: now.acts[0].Name, Assurance: now.acts[0].Assurance, Roles: len(now.acts), Provider: now.provider,
		Until: now.until.UTC().Format("2006-01-02T15:04:05Z")}
	if id := now.who; id != nil {
		out.Role, out.RoleName, out.Organisation, out.OrganisationName = id.Role, id.RoleName, id.Organisation, id.OrganisationName
	}
	if err := sendJSON(w, out); err != nil {
		writeProblem(w, r, err)
	}
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	x := s.signIn
	if !x.ownPage(r) {
		x.refuse(w, r, problem("cross-site"))
		return
	}
	if c, err := r.Cookie(sessionCookie); err == nil {
		x.sessions.end(c.Value)
	}
	setCookie(w, sessionCookie, "", 0)
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	redirect(w, "/signin")
}
