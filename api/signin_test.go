package api

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/signin"
	"custos/api/signin/devprovider"
	"custos/ledger"
)

const (
	cis2Login  = "https://cis2.login.example"
	staffLogin = "https://staff.login.example"
)

// signWorld is a world with two identity providers and a second edge before the same node, to which browsers
// come by TLS.
type signWorld struct {
	*world
	verifier *Verifier
	server   *Server
	front    *httptest.Server
	cis2     *devprovider.Provider
	staff    *devprovider.Provider
	idp      *httptest.Server
	hold     sync.Mutex
	now      time.Time
	change   func(what string, header, claims map[string]any)
	people   []devprovider.Person
}

func (w *signWorld) clock() time.Time {
	w.hold.Lock()
	defer w.hold.Unlock()
	return w.now
}

func (w *signWorld) pass(d time.Duration) {
	w.hold.Lock()
	defer w.hold.Unlock()
	w.now = w.now.Add(d)
}

func (w *signWorld) changing(f func(what string, header, claims map[string]any)) {
	w.hold.Lock()
	defer w.hold.Unlock()
	w.change = f
}

func newSignWorld(t *testing.T) *signWorld {
	w := &signWorld{world: newWorld(t), now: time.Now()}
	role := func(id, org, name string, codes ...string) object {
		return object{"person_roleid": id, "org_code": org, "role_code": "S8000:G8000:R8001", "role_name": name, "activity_codes": codes}
	}
	orgs := []any{object{"org_code": emergency, "org_name": "Emergency Department"}, object{"org_code": practice, "org_name": "Practice"}}
	w.people = []devprovider.Person{
		{Subject: "one", Name: "Onesta Rolefield", Claims: object{"nhsid_user_orgs": orgs, "nhsid_nrbac_roles": []any{role("11", emergency, "Doctor", "B0107")}}},
		{Subject: "two", Name: "Twyla Roleman", Claims: object{"nhsid_user_orgs": orgs, "nhsid_nrbac_roles": []any{
			role("21", emergency, "Doctor", "B0107"), role("22", practice, "General Practitioner", "B0170"), role("23", practice, "Cleaner", "B0001")}}},
		{Subject: "sel", Name: "Selecta Rolebury", Claims: object{"selected_roleid": "32", "nhsid_user_orgs": orgs, "nhsid_nrbac_roles": []any{
			role("31", emergency, "Doctor", "B0107"), role("32", practice, "General Practitioner", "B0170")}}},
		{Subject: "none", Name: "Nonia Rolewick", Claims: object{"nhsid_nrbac_roles": []any{role("41", emergency, "Cleaner", "B0001")}}},
		{Subject: "far", Name: "Farah Rolesby", Claims: object{"nhsid_nrbac_roles": []any{role("51", "RFAR", "Doctor", "B0107")}}},
		{Subject: "worker", Name: "Sorrel Workington", Claims: object{"custos_role": "social-worker", "role_name": "Social Worker", "org": authority1, "org_name": "Northbank Council"}},
	}
	for i := range w.people {
		w.secret(w.people[i].Name)
	}
	w.front = httptest.NewUnstartedServer(nil)
	front := "https://" + w.front.Listener.Addr().String()
	mux := http.NewServeMux()
	w.idp = httptest.NewServer(mux)
	t.Cleanup(w.idp.Close)
	k := worldKeys().private["ec"].(*ecdsa.PrivateKey)
	cfg := devprovider.Config{Key: k, KeyID: "idp-1", Now: w.clock, People: func() []devprovider.Person { return w.people },
		Change: func(what string, header, claims map[string]any) {
			w.hold.Lock()
			defer w.hold.Unlock()
			if w.change != nil {
				w.change(what, header, claims)
			}
		}}
	cfg.Issuer, cfg.Name, cfg.Base, cfg.ClientID, cfg.Secret, cfg.Redirects = cis2Login, "CIS2", w.idp.URL+"/cis2", "custos", "between us", []string{front + "/signin/callback/cis2"}
	w.cis2 = devprovider.New(cfg)
	cfg.Issuer, cfg.Name, cfg.Base, cfg.Secret, cfg.ClientKey, cfg.Redirects = staffLogin, "Staff", w.idp.URL+"/staff", "", &k.PublicKey, []string{front + "/signin/callback/staff"}
	w.staff = devprovider.New(cfg)
	mux.Handle("/cis2/", w.cis2)
	mux.Handle("/staff/", w.staff)

	var err error
	w.verifier, err = NewVerifier(VerifierConfig{Audience: audience, Poll: -1, Now: w.clock, Logger: slog.New(slog.DiscardHandler), Issuers: []IssuerConfig{
		{Issuer: cis2Login, Methods: []string{"ES256"}, KeysURL: w.idp.URL + "/cis2/jwks", CIS2: true, Map: CIS2Mapping, Organisations: []string{emergency, practice, community}},
		{Issuer: staffLogin, Methods: []string{"ES256"}, KeysURL: w.idp.URL + "/staff/jwks", Roles: []string{"social-worker"}},
	}})
	require.NoError(t, err)
	require.NoError(t, w.verifier.Reload())
	t.Cleanup(func() { require.NoError(t, w.verifier.Close()) })
	w.server = w.edge(front, nil)
	w.front.Config = w.server.PublicServer("")
	w.front.Config.Handler = asDescribed(t, w.front.Config.Handler)
	w.front.StartTLS()
	t.Cleanup(w.front.Close)
	return w
}

// edge is another edge before the same node, with sign-in.
func (w *signWorld) edge(front string, peers []string) *Server {
	k := worldKeys().private["ec"].(*ecdsa.PrivateKey)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(w.t, err)
	key, err := signin.ParseSigningKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "custos-1", "ES256")
	require.NoError(w.t, err)
	s, err := New(Config{Node: w.seam, NodeID: "n1", Keyring: w.keys, Tokens: w.verifier, Issuer: cis2Login, Now: w.clock,
		Logger: slog.New(slog.NewJSONHandler(&w.log, nil)), SignIn: &SignIn{URL: front, Peers: peers, Providers: []SignInProvider{
			{ID: "cis2", Name: "NHS CIS2", ACR: map[string]string{"": "AAL2_OR_AAL3_ANY", "AAL3": "AAL3_ANY"},
				Config: signin.Config{Issuer: cis2Login, Discovery: w.idp.URL + "/cis2", ClientID: "custos", Secret: "between us", Scopes: []string{"profile"}}},
			{ID: "staff", Name: "your council", Config: signin.Config{Issuer: staffLogin, Discovery: w.idp.URL + "/staff", ClientID: "custos",
				Key: key}},
		}}})
	require.NoError(w.t, err)
	return s
}

// browser is somebody's, with cookies.
type browser struct {
	w      *signWorld
	client *http.Client
}

func (w *signWorld) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return &browser{w, &http.Client{Jar: jar, Transport: w.front.Client().Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// shown is an answer, read whole.
type shown struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// ask sends what a page of ours would: forms are url.Values, everything else JSON.
func (b *browser) ask(method, address string, body any, more ...header) *shown {
	t := b.w.t
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.w.front.URL + address
	}
	var in io.Reader
	kind := "application/json"
	switch v := body.(type) {
	case nil:
	case url.Values:
		in, kind = strings.NewReader(v.Encode()), "application/x-www-form-urlencoded"
	default:
		text, err := json.Marshal(v)
		require.NoError(t, err)
		in = strings.NewReader(string(text))
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, in)
	require.NoError(t, err)
	if in != nil {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, h := range more {
		for name, value := range h {
			r.Header.Del(name)
			if value != "" {
				r.Header.Set(name, value)
			}
		}
	}
	a, err := b.client.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	require.NoError(t, a.Body.Close())
	return &shown{t, a.StatusCode, a.Header, string(text)}
}

// page wants a page of the sign-in that says this code, or none.
func (s *shown) page(status int, code string) *shown {
	s.t.Helper()
	require.Equal(s.t, status, s.status, "%s", s.body)
	require.Contains(s.t, s.header.Get("Content-Security-Policy"), "form-action 'self'")
	if code != "" {
		require.Contains(s.t, s.body, "Code: "+code+"<")
		require.Equal(s.t, problems[code].status, status)
	}
	return s
}

func (s *shown) to() string {
	s.t.Helper()
	require.Equal(s.t, http.StatusSeeOther, s.status, "%s", s.body)
	return s.header.Get("Location")
}

var requestField = regexp.MustCompile(`name="request" value="([^"]+)"`)

// pick goes to a provider and picks somebody; it returns where the provider sends them.
func (b *browser) pick(provider, person, level string) string {
	b.w.t.Helper()
	at := b.ask("GET", "/signin/start/"+provider, nil).to()
	page := b.ask("GET", at, nil)
	m := requestField.FindStringSubmatch(page.body)
	require.NotNil(b.w.t, m, "%s", page.body)
	return b.ask("POST", b.w.idp.URL+"/"+provider+"/pick", url.Values{"request": {html.UnescapeString(m[1])}, "person": {person}, "level": {level}}).to()
}

// signIn goes the whole way.
func (b *browser) signIn(provider, person, level string) *shown {
	b.w.t.Helper()
	return b.ask("GET", b.pick(provider, person, level), nil, header{"Sec-Fetch-Site": "cross-site"})
}

// session is what the service says of who is signed in.
func (b *browser) session() object {
	b.w.t.Helper()
	a := b.ask("GET", "/signin/session", nil)
	if a.status != 200 {
		return nil
	}
	var out object
	require.NoError(b.w.t, json.Unmarshal([]byte(a.body), &out))
	return out
}

func (b *browser) cookie(name string) *http.Cookie {
	u, err := url.Parse(b.w.front.URL)
	require.NoError(b.w.t, err)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// plant puts a cookie into a browser.
func (b *browser) plant(c *http.Cookie) {
	u, err := url.Parse(b.w.front.URL)
	require.NoError(b.w.t, err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/", Secure: true}})
}

func (b *browser) lookup(more ...header) *shown {
	b.w.t.Helper()
	return b.ask("POST", "/v1/lookups", object{"nhsNumber": nhs(1)}, more...)
}

// Somebody signs in, chooses among their roles, looks a child up by the session alone, and signs out; the entry
// holds who it was, in which role, how strongly and by which token.
func TestSignIn(t *testing.T) {
	w := newSignWorld(t)
	w.secret(nhs(1))
	w.plans(uploader, 1, ann(nil))
	b := w.browser()
	require.Contains(t, b.ask("GET", "/signin", nil).page(200, "").body, "Sign in with NHS CIS2")
	require.Equal(t, "/signin", b.ask("GET", "/signin/roles", nil).to(), "nobody has a role to choose yet")
	var token string
	w.changing(func(_ string, _, claims map[string]any) { claims["extra"] = true })
	back := b.signIn("cis2", "two", "AAL2_ANY")
	require.Equal(t, "/signin/roles", back.to())
	set := strings.Join(back.header["Set-Cookie"], "\n")
	require.Regexp(t, `(?m)^__Host-custos-session=[\w-]{43}; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Lax$`, set)
	require.Regexp(t, `(?m)^__Host-custos-attempt=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax$`, set)

	require.Equal(t, "", b.session()["role"])
	size := w.size()
	a := b.lookup()
	require.Contains(t, a.body, "role-not-selected")
	require.Equal(t, 403, a.status)
	require.Equal(t, map[ledger.Kind]int{ledger.KindActorProfiled: 1, ledger.KindAccessDenied: 1}, w.kinds(size), "no role, no access, on the record")

	page := b.ask("GET", "/signin/roles", nil).page(200, "").body
	require.Contains(t, page, "General Practitioner, Practice")
	require.NotContains(t, page, "Cleaner", "a role that means nothing here is not offered")
	for _, bad := range []url.Values{{}, {"role": {"2"}}, {"role": {"-1"}}, {"role": {"0", "1"}}, {"role": {"x"}}} {
		b.ask("POST", "/signin/roles", bad).page(403, "role-not-selected")
	}
	before := b.cookie(sessionCookie)
	require.Equal(t, "/signin", b.ask("POST", "/signin/roles", url.Values{"role": {"1"}}).to())
	require.NotEqual(t, before.Value, b.cookie(sessionCookie).Value)
	other := w.browser()
	other.plant(before)
	require.Nil(t, other.session(), "the name it had before is nobody's")
	require.Equal(t, "scheduled-clinician", b.session()["role"])
	require.Contains(t, b.ask("GET", "/signin", nil).page(200, "").body, "General Practitioner at Practice")

	actorOf := func(a *shown) ledger.Actor {
		t.Helper()
		require.Equal(t, 200, a.status, "%s", a.body)
		n, err := strconv.ParseUint(a.header.Get("Custos-Seq"), 10, 64)
		require.NoError(t, err)
		e := w.entry(ledger.Seq(n))
		return *w.entry(e.Seq - ledger.Seq(e.Nth)).Actor
	}
	who := actorOf(b.lookup())
	require.Equal(t, []any{cis2Login, "two", ledger.RoleScheduledClinician, practice, "AAL2", "idp-1"},
		[]any{who.Issuer, who.Subject, who.Role, who.Organisation, who.Assurance, who.KeyID})
	require.NotZero(t, who.Token)
	b.ask("POST", "/signin/roles", url.Values{"role": {"0"}}).to()
	now := actorOf(b.lookup())
	require.Equal(t, []any{ledger.RoleClinician, emergency, who.Token}, []any{now.Role, now.Organisation, now.Token}, "another role, the same sign-in")
	require.NotEqual(t, who.Profile, now.Profile)

	held := b.cookie(sessionCookie)
	out := b.ask("POST", "/signin/out", nil)
	require.Equal(t, "/signin", out.to())
	require.Equal(t, `"cache", "storage"`, out.header.Get("Clear-Site-Data"))
	b.plant(held)
	a = b.lookup()
	require.Equal(t, 401, a.status)
	require.Contains(t, a.body, "session-ended")

	// One role that means something is the only one there is to choose; and what was selected there is kept.
	require.Equal(t, "/signin", b.signIn("cis2", "one", "AAL3_ANY").to())
	require.Equal(t, "AAL3", actorOf(b.lookup()).Assurance)
	require.Equal(t, "/signin", b.signIn("cis2", "sel", "AAL2_ANY").to())
	require.Equal(t, practice, actorOf(b.lookup()).Organisation)

	// Any other provider, to which we prove ourselves by a signature.
	w.changing(func(_ string, _, claims map[string]any) { token = claims["sid"].(string) })
	require.Equal(t, "/signin", b.signIn("staff", "worker", "AAL2_ANY").to())
	require.NotEmpty(t, token)
	require.Equal(t, 200, b.ask("GET", "/v1/notifications", nil).status)
	require.Equal(t, 403, b.lookup().status, "a social worker looks nobody up")
}

// A sign-in that was tampered with, or is somebody else's, ends on a page, and nobody is signed in.
func TestSignInTampered(t *testing.T) {
	w := newSignWorld(t)
	change := func(address string, f func(url.Values)) string {
		u, err := url.Parse(address)
		require.NoError(t, err)
		q := u.Query()
		f(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for name, f := range map[string]func(url.Values){
		"another state": func(q url.Values) { q.Set("state", q.Get("state")[1:]+"A") },
		"no state":      func(q url.Values) { q.Del("state") },
		"two states":    func(q url.Values) { q.Add("state", q.Get("state")) },
		"two codes":     func(q url.Values) { q.Add("code", "x") },
		"other issuer":  func(q url.Values) { q.Set("iss", staffLogin) },
	} {
		b := w.browser()
		b.ask("GET", change(b.pick("cis2", "one", "AAL2_ANY"), f), nil).page(400, "sign-in-state")
		require.Nil(t, b.session(), name)
		require.Nil(t, b.cookie(attemptCookie), "%s: it is spent", name)
	}
	for name, f := range map[string]func(url.Values){
		"another code": func(q url.Values) { q.Set("code", "guessed") },
		"no code":      func(q url.Values) { q.Del("code") },
		"an error":     func(q url.Values) { q.Set("error", "access_denied") },
	} {
		b := w.browser()
		b.ask("GET", change(b.pick("cis2", "one", "AAL2_ANY"), f), nil).page(403, "sign-in-refused")
		require.Nil(t, b.session(), name)
	}

	b, thief := w.browser(), w.browser()
	at := b.pick("cis2", "one", "AAL2_ANY")
	thief.ask("GET", at, nil).page(400, "sign-in-state")
	own := thief.pick("cis2", "two", "AAL2_ANY")
	stolen := change(own, func(q url.Values) {
		u, err := url.Parse(at)
		require.NoError(t, err)
		q.Set("code", u.Query().Get("code"))
	})
	thief.ask("GET", stolen, nil).page(403, "sign-in-refused") // the code is good; its verifier is in the other browser
	require.Nil(t, thief.session())

	at = b.pick("cis2", "one", "AAL2_ANY")
	mixed := change(strings.Replace(at, "/callback/cis2", "/callback/staff", 1), func(q url.Values) { q.Del("iss") })
	b.ask("GET", mixed, nil).page(400, "sign-in-state")

	at = b.pick("cis2", "one", "AAL2_ANY")
	kept := b.cookie(attemptCookie)
	require.Equal(t, "/signin", b.ask("GET", at, nil).to())
	thief.plant(kept)
	thief.ask("GET", at, nil).page(403, "sign-in-refused") // replayed: the code was used
	thief.plant(&http.Cookie{Name: attemptCookie, Value: kept.Value[:len(kept.Value)-4] + "AAAA"})
	thief.ask("GET", at, nil).page(400, "sign-in-state")

	at = b.pick("cis2", "one", "AAL2_ANY")
	w.pass(attemptLife)
	b.ask("GET", at, nil).page(400, "sign-in-state")

	for _, to := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "/a?b", "evil"} {
		b.ask("GET", "/signin/start/cis2?to="+url.QueryEscape(to), nil).page(400, "sign-in-request")
	}
	b.ask("GET", "/signin/start/other", nil).page(400, "sign-in-request")
	b.ask("GET", "/signin/start/cis2?level=AAL1", nil).page(400, "sign-in-request")
}

// What a provider signs is not believed for being signed.
func TestIDTokenAttacks(t *testing.T) {
	w := newSignWorld(t)
	now := w.clock().Unix()
	for name, c := range map[string]struct {
		f    func(h, c map[string]any)
		code string
	}{
		"no nonce":          {func(_, c map[string]any) { delete(c, "nonce") }, "sign-in-refused"},
		"another nonce":     {func(_, c map[string]any) { c["nonce"] = "x" }, "sign-in-refused"},
		"nonce, shouted":    {func(_, c map[string]any) { c["NONCE"] = c["nonce"]; delete(c, "nonce") }, "token-claims"},
		"two subjects":      {func(_, c map[string]any) { c["SUB"] = "two" }, "token-claims"},
		"other audience":    {func(_, c map[string]any) { c["aud"] = "other" }, "sign-in-refused"},
		"many audiences":    {func(_, c map[string]any) { c["aud"] = []string{"custos", "other"} }, "token-audience"},
		"authorised other":  {func(_, c map[string]any) { c["azp"] = "other" }, "token-audience"},
		"other issuer":      {func(_, c map[string]any) { c["iss"] = staffLogin }, "sign-in-refused"},
		"expired":           {func(_, c map[string]any) { c["exp"] = now - 60 }, "sign-in-refused"},
		"no expiry":         {func(_, c map[string]any) { delete(c, "exp") }, "sign-in-refused"},
		"not yet":           {func(_, c map[string]any) { c["nbf"] = now + 120 }, "token-not-yet-valid"},
		"from the future":   {func(_, c map[string]any) { c["iat"] = now + 120 }, "token-not-yet-valid"},
		"no auth_time":      {func(_, c map[string]any) { delete(c, "auth_time") }, "token-claims"},
		"seen yesterday":    {func(_, c map[string]any) { c["auth_time"] = now - 13*3600 }, "sign-in-stale"},
		"other access":      {func(_, c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "sign-in-refused"},
		"somebody else":     {func(_, c map[string]any) { c["sub"] = "two" }, "sign-in-refused"}, // the user information is of one
		"access token":      {func(h, _ map[string]any) { h["typ"] = accessType }, "token-type"},
		"logout token":      {func(h, _ map[string]any) { h["typ"] = logoutType }, "token-type"},
		"crit":              {func(h, _ map[string]any) { h["crit"] = []string{"x"} }, "sign-in-refused"},
		"embedded key":      {func(h, _ map[string]any) { h["jwk"] = object{"kty": "EC"} }, "sign-in-refused"},
		"unknown key":       {func(h, _ map[string]any) { h["kid"] = "other" }, "sign-in-refused"},
		"changed algorithm": {func(h, _ map[string]any) { h["alg"] = "RS256" }, "sign-in-refused"},
		"no algorithm":      {func(h, _ map[string]any) { h["alg"] = "none" }, "sign-in-refused"},
	} {
		w.changing(func(_ string, h, c2 map[string]any) { c.f(h, c2) })
		b := w.browser()
		b.signIn("cis2", "one", "AAL2_ANY").page(problems[c.code].status, c.code)
		require.Nil(t, b.session(), name)
		require.Nil(t, b.cookie(sessionCookie), name)
	}
	w.changing(func(_ string, h, c map[string]any) {
		delete(h, "typ")
		c["aud"] = []string{"custos", "other"}
		c["azp"] = "custos"
	})
	require.Equal(t, "/signin", w.browser().signIn("cis2", "one", "AAL2_ANY").to(), "what is optional may be absent")
}

// AAL1, no role with an activity code, another organisation, and less than was asked for: nobody is signed in,
// and the ledger has who tried.
func TestSignInWithoutAccess(t *testing.T) {
	w := newSignWorld(t)
	for _, c := range []struct{ provider, person, level, code string }{
		{"cis2", "one", "AAL1_USERPASS", "assurance-too-low"},
		{"cis2", "none", "AAL2_ANY", "role-unknown"},
		{"cis2", "far", "AAL3_ANY", "organisation-not-permitted"},
		{"cis2", "worker", "AAL3_ANY", "role-not-selected"},
		{"staff", "worker", "AAL1_USERPASS", "assurance-too-low"},
	} {
		b, before := w.browser(), w.size()
		a := b.signIn(c.provider, c.person, c.level).page(403, c.code)
		require.Nil(t, b.session())
		seq, err := strconv.ParseUint(a.header.Get("Custos-Seq"), 10, 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, ledger.Seq(seq), before)
		e := w.entry(ledger.Seq(seq))
		require.Equal(t, ledger.ActSignIn, e.Event.(*ledger.AccessDenied).Action)
		first := w.entry(e.Seq - ledger.Seq(e.Nth))
		require.Equal(t, []any{c.person, ledger.RoleNone, ""}, []any{first.Actor.Subject, first.Actor.Role, first.Actor.Organisation})
		require.Contains(t, a.body, "This is entry "+a.header.Get("Custos-Seq")+" of the ledger.")
	}
	b := w.browser()
	page := b.ask("GET", b.ask("GET", "/signin/start/cis2?level=AAL3&to=/docs", nil).to(), nil)
	require.Regexp(t, `value="AAL3_ANY" checked`, page.body, "the provider is asked for it")
	m := requestField.FindStringSubmatch(page.body)
	at := b.ask("POST", w.idp.URL+"/cis2/pick", url.Values{"request": {m[1]}, "person": {"one"}, "level": {"AAL2_ANY"}}).to()
	b.ask("GET", at, nil).page(403, "assurance-too-low")
	m = requestField.FindStringSubmatch(b.ask("GET", b.ask("GET", "/signin/start/cis2?level=AAL3&to=/docs", nil).to(), nil).body)
	at = b.ask("POST", w.idp.URL+"/cis2/pick", url.Values{"request": {m[1]}, "person": {"one"}, "level": {"AAL3_ANY"}}).to()
	require.Equal(t, "/docs", b.ask("GET", at, nil).to())
	require.Equal(t, "AAL3", b.session()["assurance"])
}

// A session ends when it idles, sooner with the stronger sign-in, and at last however busy it is.
func TestSessionsEnd(t *testing.T) {
	w := newSignWorld(t)
	b := w.browser()
	used := func() bool { return b.ask("GET", "/v1/directory", nil).status == 200 }
	for _, c := range []struct {
		level string
		idle  time.Duration
	}{{"AAL2_ANY", 30 * time.Minute}, {"AAL3_ANY", 15 * time.Minute}} {
		b.signIn("cis2", "one", c.level).to()
		for range 3 {
			w.pass(c.idle - time.Second)
			require.True(t, used())
		}
		w.pass(c.idle - time.Second)
		require.NotNil(t, b.session(), "looking keeps nobody signed in")
		w.pass(time.Second)
		require.Nil(t, b.session())
		require.False(t, used())
	}
	b.signIn("cis2", "two", "AAL2_ANY").to()
	b.ask("POST", "/signin/roles", url.Values{"role": {"0"}}).to()
	for range 30 {
		w.pass(24 * time.Minute)
		if b.session() != nil {
			require.True(t, used())
			b.ask("POST", "/signin/roles", url.Values{"role": {"0"}}).to() // another role does not begin anew
		}
	}
	require.False(t, used(), "twelve hours are over")
	require.Zero(t, w.server.signIn.sessions.count(w.clock()))

	// What a browser held before ends with a sign-in; a name that was planted comes to nothing.
	b.signIn("cis2", "one", "AAL2_ANY").to()
	old := b.cookie(sessionCookie)
	b.signIn("cis2", "one", "AAL2_ANY").to()
	require.NotEqual(t, old.Value, b.cookie(sessionCookie).Value)
	require.Equal(t, 1, w.server.signIn.sessions.count(w.clock()))
	victim := w.browser()
	victim.plant(&http.Cookie{Name: sessionCookie, Value: "planted-by-somebody-else"})
	victim.signIn("cis2", "one", "AAL2_ANY").to()
	require.NotEqual(t, "planted-by-somebody-else", victim.cookie(sessionCookie).Value)

	w.server.signIn.sessions.most = 2
	w.browser().signIn("cis2", "one", "AAL2_ANY").page(503, "busy")
	w.pass(time.Hour)
	w.browser().signIn("cis2", "one", "AAL2_ANY").to()
}

// A browser's session speaks for pages of ours alone, and only where there is no token.
func TestOtherSitesMayNotAsk(t *testing.T) {
	w := newSignWorld(t)
	w.secret(nhs(1))
	b := w.browser()
	b.signIn("cis2", "one", "AAL2_ANY").to()
	size := w.size()
	for _, h := range []header{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "x"}, {"Sec-Fetch-Site": ""},
		{"Sec-Fetch-Site": "", "Origin": "null"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Origin": w.front.URL}} {
		a := b.lookup(h)
		require.Equal(t, 403, a.status, "%v", h)
		require.Contains(t, a.body, `"cross-site"`)
		b.ask("POST", "/signin/roles", url.Values{"role": {"0"}}, h).page(403, "cross-site")
		b.ask("POST", "/signin/out", nil, h).page(403, "cross-site")
	}
	require.Equal(t, 403, b.ask("GET", "/v1/directory", nil, header{"Sec-Fetch-Site": "cross-site"}).status)
	require.Equal(t, size, w.size())
	require.NotNil(t, b.session(), "nobody signed them out")
	require.Equal(t, 200, b.ask("GET", "/v1/directory", nil, header{"Sec-Fetch-Site": "none"}).status, "typed by the person")
	require.Equal(t, 200, b.lookup(header{"Sec-Fetch-Site": "", "Origin": w.front.URL}).status)
	a := b.lookup(header{"Authorization": "Bearer x"})
	require.Equal(t, 401, a.status, "a bad token is not made good by a cookie")
	require.Contains(t, a.body, "token-malformed")
}

func (b *browser) logout(provider, token string) *shown {
	b.w.t.Helper()
	return b.ask("POST", "/signin/logout/"+provider, url.Values{"logout_token": {token}}, header{"Sec-Fetch-Site": ""})
}

// A provider's word that a session has ended ends it here, at once and at every node; nothing else does.
func TestBackChannelLogout(t *testing.T) {
	w := newSignWorld(t)
	var sid, id string
	w.changing(func(what string, _, claims map[string]any) {
		if what == "id" {
			sid = claims["sid"].(string)
		}
	})
	one, again, two := w.browser(), w.browser(), w.browser()
	one.signIn("cis2", "one", "AAL2_ANY").to()
	first := sid
	again.signIn("cis2", "one", "AAL2_ANY").to()
	two.signIn("cis2", "two", "AAL2_ANY").to()

	provider := w.browser()
	token := func(f func(h, c map[string]any)) string {
		t.Helper()
		w.changing(func(_ string, h, c map[string]any) {
			if f != nil {
				f(h, c)
			}
		})
		s, err := w.cis2.LogoutToken("one", first)
		require.NoError(t, err)
		return s
	}
	now := w.clock().Unix()
	for name, f := range map[string]func(h, c map[string]any){
		"ID token by type": func(h, _ map[string]any) { h["typ"] = "JWT" },
		"access token":     func(h, _ map[string]any) { h["typ"] = accessType },
		"no type":          func(h, _ map[string]any) { delete(h, "typ") },
		"nonce":            func(_, c map[string]any) { c["nonce"] = "x" },
		"no event":         func(_, c map[string]any) { delete(c, "events") },
		"other event":      func(_, c map[string]any) { c["events"] = object{"http://schemas.openid.net/event/other": object{}} },
		"event is no map": func(_, c map[string]any) {
			c["events"] = object{"http://schemas.openid.net/event/backchannel-logout": true}
		},
		"events, shouted": func(_, c map[string]any) { c["Events"] = c["events"]; delete(c, "events") },
		"nobody":          func(_, c map[string]any) { delete(c, "sub"); delete(c, "sid") },
		"no jti":          func(_, c map[string]any) { delete(c, "jti") },
		"other audience":  func(_, c map[string]any) { c["aud"] = "other" },
		"audiences":       func(_, c map[string]any) { c["aud"] = []string{"custos", "other"} },
		"other issuer":    func(_, c map[string]any) { c["iss"] = staffLogin },
		"expired":         func(_, c map[string]any) { c["exp"] = now - 1 },
		"for ever":        func(_, c map[string]any) { c["exp"] = now + 86400 },
		"no expiry":       func(_, c map[string]any) { delete(c, "exp") },
		"later":           func(_, c map[string]any) { c["iat"] = now + 3600 },
		"unknown key":     func(h, _ map[string]any) { h["kid"] = "other" },
	} {
		a := provider.logout("cis2", token(f))
		require.Equal(t, 400, a.status, name)
		require.Contains(t, a.body, `"logout-token"`, name)
	}
	for _, bad := range []string{"", "x", "a.b.c", strings.Repeat("a", 10000)} {
		require.Equal(t, 400, provider.logout("cis2", bad).status)
	}
	good := token(nil)
	require.Equal(t, 400, provider.logout("staff", good).status)
	require.Equal(t, 404, provider.logout("other", good).status)
	require.NotNil(t, one.session(), "still signed in after all that")

	require.Equal(t, 200, provider.logout("cis2", good).status)
	require.Nil(t, one.session())
	require.NotNil(t, again.session(), "another session of the same person")
	require.Equal(t, 409, provider.logout("cis2", good).status, "replayed")
	one.signIn("cis2", "one", "AAL2_ANY").to()
	id = token(func(_, c map[string]any) { delete(c, "sid") })
	require.Equal(t, 200, provider.logout("cis2", id).status)
	require.Nil(t, one.session())
	require.Nil(t, again.session(), "all of the person's")
	require.NotNil(t, two.session())
}

// Two nodes: whichever the provider tells, the session at the other ends; one that cannot be told is told later.
func TestLogoutReachesEveryNode(t *testing.T) {
	w := newSignWorld(t)
	var down sync.Mutex
	up := true
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		down.Lock()
		ok := up
		down.Unlock()
		if !ok {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		asDescribed(t, w.server.Public()).ServeHTTP(rw, r)
	}))
	t.Cleanup(other.Close)
	told := w.edge(w.front.URL, []string{other.URL})
	second := httptest.NewTLSServer(asDescribed(t, told.Public()))
	t.Cleanup(second.Close)
	b := w.browser()
	b.signIn("cis2", "one", "AAL2_ANY").to()
	require.NotNil(t, b.session())
	token, err := w.cis2.LogoutToken("one", "")
	require.NoError(t, err)
	tell := func() int {
		a, err := second.Client().PostForm(second.URL+"/signin/logout/cis2", url.Values{"logout_token": {token}})
		require.NoError(t, err)
		require.NoError(t, a.Body.Close())
		return a.StatusCode
	}
	up = false
	require.Equal(t, 503, tell())
	require.NotNil(t, b.session())
	down.Lock()
	up = true
	down.Unlock()
	require.Equal(t, 200, tell())
	require.Nil(t, b.session())
	require.Equal(t, 409, tell())
	require.Contains(t, w.log.String(), `"alarm":"logout"`)
}

// While the identity provider is down, whoever is signed in goes on, and whoever is not gets a page that says
// what this is and what it is not.
func TestProviderIsDown(t *testing.T) {
	w := newSignWorld(t)
	w.secret(nhs(1))
	b, late := w.browser(), w.browser()
	b.signIn("cis2", "one", "AAL2_ANY").to()
	at := late.pick("cis2", "one", "AAL2_ANY")
	fresh := w.edge(w.front.URL, nil) // a node that has never heard of the provider
	w.idp.Close()
	require.Equal(t, 200, b.lookup().status)
	a := late.ask("GET", at, nil).page(503, "sign-in-unavailable")
	require.Contains(t, a.body, "People who are signed in can go on")
	require.Contains(t, a.body, "/docs/downtime")
	require.NotEmpty(t, a.header.Get("Retry-After"))
	rec := httptest.NewRecorder()
	asDescribed(t, fresh.Public()).ServeHTTP(rec, httptest.NewRequest("GET", "/signin/start/cis2", nil))
	require.Equal(t, 503, rec.Code)
	require.Contains(t, rec.Body.String(), "sign-in-unavailable")
	late.ask("GET", "/signin/start/cis2", nil).page(503, "sign-in-unavailable") // nobody is sent to where nobody answers
	require.Nil(t, late.session())
	require.Equal(t, 200, b.lookup().status)
}

func TestSignInConfiguration(t *testing.T) {
	w := newSignWorld(t)
	good := func() SignIn {
		return SignIn{URL: "https://custos.example", Providers: []SignInProvider{{ID: "cis2", Name: "CIS2",
			Config: signin.Config{Issuer: cis2Login, ClientID: "custos", Secret: "s"}}}}
	}
	_, err := w.server.newSignIn(good())
	require.ErrorContains(t, err, "duplicate", "only the metrics are there already")
	for name, change := range map[string]func(*SignIn){
		"in clear":        func(c *SignIn) { c.URL = "http://custos.example" },
		"with a path":     func(c *SignIn) { c.URL += "/x" },
		"no provider":     func(c *SignIn) { c.Providers = nil },
		"no id":           func(c *SignIn) { c.Providers[0].ID = "" },
		"odd id":          func(c *SignIn) { c.Providers[0].ID = "A/b" },
		"no name":         func(c *SignIn) { c.Providers[0].Name = "" },
		"twice":           func(c *SignIn) { c.Providers = append(c.Providers, c.Providers[0]) },
		"unknown issuer":  func(c *SignIn) { c.Providers[0].Issuer = "https://other.example" },
		"no client":       func(c *SignIn) { c.Providers[0].ClientID = "" },
		"no proof":        func(c *SignIn) { c.Providers[0].Secret = "" },
		"discovery clear": func(c *SignIn) { c.Providers[0].Discovery = "http://cis2.example" },
		"keeps tokens":    func(c *SignIn) { c.Providers[0].Scopes = []string{"offline_access"} },
		"peer in clear":   func(c *SignIn) { c.Peers = []string{"http://n2.example"} },
		"idle for days":   func(c *SignIn) { c.Idle = 48 * time.Hour },
		"no time at all":  func(c *SignIn) { c.Absolute = time.Second },
	} {
		cfg := good()
		change(&cfg)
		_, err := w.server.newSignIn(cfg)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "duplicate", name)
	}
	for _, pem := range []string{"", "x"} {
		for _, method := range []string{"RS512", "ES256", "HS256"} {
			_, err := signin.ParseSigningKey([]byte(pem), "k", method)
			require.Error(t, err)
		}
	}
}

// What a provider may send is read strictly, and makes an identity only by way of the issuer's configuration.
func FuzzSignedIn(f *testing.F) {
	a := newAuthority(f)
	v := a.verifier(f)
	keys := issuerKeys{v, 1}
	claims := func(change object) string {
		b, err := json.Marshal(merged(object{"iss": cis2, "sub": "u", "aud": "custos", "iat": a.now.Unix(), "exp": a.now.Unix() + 60, "nonce": "n",
			"auth_time": a.now.Unix(), "acr": "AAL2_ANY"}, change))
		require.NoError(f, err)
		return string(b)
	}
	profile, err := json.Marshal(merged(a.cis2Claims(nil), object{"sub": "u"}))
	require.NoError(f, err)
	f.Add(`{"alg":"RS512","kid":"r512","typ":"JWT"}`, claims(nil), string(profile))
	f.Add(`{"alg":"RS512","kid":"r512"}`, claims(object{"azp": "custos", "aud": []string{"custos", "x"}}), "")
	f.Add(`{}`, `{}`, `{}`)
	f.Fuzz(func(t *testing.T, header, claims, profile string) {
		token := strings.Join([]string{base64.RawURLEncoding.EncodeToString([]byte(header)), base64.RawURLEncoding.EncodeToString([]byte(claims)), "AA"}, ".")
		acts, p := keys.signedIn(&signin.Proven{IDToken: token, Claims: []byte(claims), Profile: []byte(profile)}, "custos")
		require.Equal(t, p == nil, len(acts) > 0)
		if p != nil {
			require.Contains(t, problems, p.Code)
		}
		for _, id := range acts {
			require.GreaterOrEqual(t, id.Assurance, "AAL2")
			require.Contains(t, []string{"clinician", "scheduled-clinician"}, id.Role)
			require.Equal(t, sha256.Sum256([]byte(token)), id.TokenHash)
		}
	})
}
