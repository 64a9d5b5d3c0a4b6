package api

import (
	_ "embed" // pages
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

//go:embed signin.html
var formPageText string

var formPage = template.Must(template.New("form").Parse(formPageText))

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
