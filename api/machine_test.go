package api

import (
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/signin"
	"custos/ledger"
)

const ourTokens = "https://custos.example/tokens"

// machineWorld is a world with programs: one that uploads, whose keys are a file, and one behind an address.
type machineWorld struct {
	*world
	keys   *keyServer
	tokens *MachineTokens
	front  *httptest.Server
	a      *authority
	nth    int
}

func newMachineWorld(t *testing.T) *machineWorld {
	w := &machineWorld{world: newWorld(t), keys: newKeyServer(t), a: newAuthority(t)}
	w.a.now = time.Now()
	w.a.publish(t, "case-301", "r512", "ec")
	w.front = httptest.NewUnstartedServer(nil)
	var err error
	w.tokens, err = NewMachineTokens(Machines{Issuer: ourTokens, URL: "http://" + w.front.Listener.Addr().String(), Logger: slog.New(slog.DiscardHandler),
		Key: &signin.SigningKey{ID: "ours-1", Method: "ES256", Private: worldKeys().private["ec"].(*ecdsa.PrivateKey)}, Clients: []MachineClient{
			{ID: "case-301", Name: "Caseworthy", Organisation: authority1, OrganisationName: "Northbank Council", Role: "uploader", Methods: []string{"RS512"}, Keys: w.a.file("case-301")},
			{ID: "chis", Name: "Child Health Records", Organisation: community, Role: "child-health", Methods: []string{"ES256"}, KeysURL: w.keys.URL},
		}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.tokens.Close()) })
	verifier, err := NewVerifier(VerifierConfig{Audience: audience, Poll: -1, Logger: slog.New(slog.DiscardHandler), Issuers: []IssuerConfig{w.tokens.Issuer()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, verifier.Close()) })
	s, err := New(Config{Node: w.seam, NodeID: "n1", Keyring: w.world.keys, Tokens: verifier, Machines: w.tokens, Issuer: ourTokens, Logger: slog.New(slog.NewJSONHandler(&w.log, nil))})
	require.NoError(t, err)
	w.front.Config = s.PublicServer("")
	w.front.Config.Handler = asDescribed(t, w.front.Config.Handler)
	w.front.Start()
	t.Cleanup(w.front.Close)
	return w
}

// claims are an assertion's, with an id of its own.
func (w *machineWorld) claims(change object) object {
	w.nth++
	return merged(object{"iss": "case-301", "sub": "case-301", "aud": w.front.URL + tokenPath, "exp": time.Now().Unix() + 240, "jti": "a" + strconv.Itoa(w.nth)}, change)
}

func (w *machineWorld) assertion(kid string, claims object) string {
	return w.a.sign(w.t, kid, object{"alg": w.a.alg[kid], "kid": kid}, claims)
}

func (w *machineWorld) ask(f url.Values) (int, object) {
	w.t.Helper()
	a, err := http.PostForm(w.front.URL+tokenPath, f)
	require.NoError(w.t, err)
	defer func() { _ = a.Body.Close() }()
	require.Equal(w.t, "no-store", a.Header.Get("Cache-Control"))
	var out object
	require.NoError(w.t, json.NewDecoder(a.Body).Decode(&out))
	return a.StatusCode, out
}

func (w *machineWorld) form(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
}

func (w *machineWorld) send(token, method, path, kind, body string) (int, string, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.front.URL+path, strings.NewReader(body))
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", kind)
	a, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer func() { _ = a.Body.Close() }()
	b, err := io.ReadAll(a.Body)
	require.NoError(w.t, err)
	return a.StatusCode, string(b), a.Header.Get("Custos-Seq")
}

// A registered program signs who it is and has a token: it uploads, it looks nobody up, and the entry says which
// program it was. Its keys rotate without a restart.
func TestMachineTokens(t *testing.T) {
	w := newMachineWorld(t)
	w.keep(ann(nil))
	status, out := w.ask(w.form(w.assertion("r512", w.claims(nil))))
	require.Equal(t, 200, status, "%v", out)
	requireFields(t, out, "access_token", "token_type", "expires_in")
	require.Equal(t, "Bearer", out["token_type"])
	require.EqualValues(t, 300, out["expires_in"])
	token := out["access_token"].(string)
	w.secret(token)

	status, body, seq := w.send(token, "POST", "/v1/uploads?sequence=1", "text/csv", toCSV(ann(nil)))
	require.Equal(t, 200, status, "%s", body)
	n, err := strconv.ParseUint(seq, 10, 64)
	require.NoError(t, err)
	e := w.entry(ledger.Seq(n))
	who := w.entry(e.Seq - ledger.Seq(e.Nth)).Actor
	require.Equal(t, []any{ourTokens, "case-301", ledger.RoleUploader, authority1, "ours-1", ""},
		[]any{who.Issuer, who.Subject, who.Role, who.Organisation, who.KeyID, who.Assurance})
	size := w.size()
	status, body, _ = w.send(token, "POST", "/v1/lookups", "application/json", `{"nhsNumber":"`+nhs(1)+`"}`)
	require.Equal(t, 403, status, "%s", body)
	require.Equal(t, map[ledger.Kind]int{ledger.KindAccessDenied: 1}, w.kinds(size))

	status, out = w.ask(w.form(w.assertion("ec", w.claims(object{"iss": "chis", "sub": "chis"}))))
	require.Equal(t, 401, status)
	require.Contains(t, out["error_description"], "token-keys-unavailable")
	w.keys.publish(t, w.a, "ec")
	require.NoError(t, w.tokens.Reload())
	status, out = w.ask(w.form(w.assertion("ec", w.claims(object{"iss": "chis", "sub": "chis"}))))
	require.Equal(t, 200, status, "%v", out)
	w.keys.publish(t, w.a, "ed", "ec")
	require.NoError(t, w.tokens.Reload())

	a, err := http.Get(w.front.URL + "/.well-known/smart-configuration")
	require.NoError(t, err)
	defer func() { _ = a.Body.Close() }()
	var smart object
	require.NoError(t, json.NewDecoder(a.Body).Decode(&smart))
	require.Equal(t, w.front.URL+tokenPath, smart["token_endpoint"])
	require.Equal(t, []any{"ES256", "RS512"}, smart["token_endpoint_auth_signing_alg_values_supported"])
	require.Equal(t, []any{"private_key_jwt"}, smart["token_endpoint_auth_methods_supported"])
}

// An assertion is good once, for five minutes, for this endpoint and from its own program; what is wrong with it
// is said, and nothing of it repeated.
func TestClientAssertions(t *testing.T) {
	w := newMachineWorld(t)
	good := w.assertion("r512", w.claims(nil))
	status, out := w.ask(w.form(good))
	require.Equal(t, 200, status)
	token := out["access_token"].(string)
	now := time.Now().Unix()
	head := func(h object) string {
		return w.a.sign(t, "r512", merged(object{"alg": "RS512", "kid": "r512"}, h), w.claims(nil))
	}
	other := newAuthority(t)
	for name, c := range map[string]struct{ assertion, says string }{
		"replayed":          {good, "used before"},
		"other endpoint":    {w.assertion("r512", w.claims(object{"aud": "https://custos.example/oauth2/token"})), "aud must be"},
		"two endpoints":     {w.assertion("r512", w.claims(object{"aud": []string{w.front.URL + tokenPath, "x"}})), "aud must be"},
		"six minutes":       {w.assertion("r512", w.claims(object{"exp": now + 360})), "five minutes"},
		"for ever":          {w.assertion("r512", w.claims(object{"exp": int64(1) << 52})), "five minutes"},
		"over":              {w.assertion("r512", w.claims(object{"exp": now - 60})), "expired"},
		"before time":       {w.assertion("r512", w.claims(object{"nbf": now + 120})), "not valid yet"},
		"signed later":      {w.assertion("r512", w.claims(object{"iat": now + 120})), "not valid yet"},
		"no exp":            {w.assertion("r512", w.claims(object{"exp": nil})), "missing"},
		"no jti":            {w.assertion("r512", w.claims(object{"jti": nil})), "missing"},
		"empty jti":         {w.assertion("r512", w.claims(object{"jti": ""})), "jti must"},
		"iss is not sub":    {w.assertion("r512", w.claims(object{"sub": "chis"})), "must be the same"},
		"shouted":           {w.assertion("r512", w.claims(object{"ISS": "chis"})), "doubled"},
		"nobody's":          {w.assertion("r512", w.claims(object{"iss": "who", "sub": "who"})), "No program"},
		"another program's": {w.assertion("r512", w.claims(object{"iss": "chis", "sub": "chis"})), "signature does not hold"},
		"weaker algorithm":  {w.assertion("ec", w.claims(nil)), "token-algorithm"},
		"forged":            {other.sign(t, "r512", object{"alg": "RS512", "kid": "r512"}, w.claims(nil)), "token-signature"},
		"unknown key":       {head(object{"kid": "r9"}), "token-key-unknown"},
		"crit":              {head(object{"crit": []string{"x"}}), "not a JWT whose header"},
		"embedded key":      {head(object{"jwk": object{}}), "not a JWT whose header"},
		"access token":      {head(object{"typ": accessType}), "another kind"},
		"our own token":     {token, "another kind"},
		"no JWT":            {"x", "not a JWT"},
	} {
		status, out := w.ask(w.form(c.assertion))
		require.Equal(t, 401, status, "%s: %v", name, out)
		require.Equal(t, "invalid_client", out["error"], name)
		require.Contains(t, out["error_description"], c.says, name)
		require.NotContains(t, out["error_description"], "r512", name)
	}
	for name, c := range map[string]struct {
		f    func(url.Values)
		word string
	}{
		"other grant":   {func(f url.Values) { f.Set("grant_type", "password") }, "unsupported_grant_type"},
		"no assertion":  {func(f url.Values) { f.Del("client_assertion") }, "invalid_request"},
		"a secret":      {func(f url.Values) { f.Set("client_assertion_type", "x") }, "invalid_request"},
		"doubled":       {func(f url.Values) { f.Add("client_assertion", "x") }, "invalid_request"},
		"another's id":  {func(f url.Values) { f.Set("client_id", "chis") }, "invalid_client"},
		"no parameters": {func(f url.Values) { clear(f) }, "unsupported_grant_type"},
	} {
		f := w.form(w.assertion("r512", w.claims(nil)))
		c.f(f)
		status, out := w.ask(f)
		require.GreaterOrEqual(t, status, 400, name)
		require.Equal(t, c.word, out["error"], name)
	}
	status, body, _ := w.send(good, "GET", "/v1/uploads", "", "")
	require.Equal(t, 401, status, "an assertion is no access token: %s", body)
	require.Contains(t, body, "token-malformed")
}

func TestMachineConfiguration(t *testing.T) {
	a := newAuthority(t)
	good := func() Machines {
		return Machines{Issuer: ourTokens, URL: "https://custos.example", Key: &signin.SigningKey{ID: "k", Method: "ES256", Private: worldKeys().private["ec"].(*ecdsa.PrivateKey)},
			Clients: []MachineClient{{ID: "c", Name: "C", Organisation: "301", Role: "uploader", Methods: []string{"ES256"}, Keys: a.file("trust")}}}
	}
	m, err := NewMachineTokens(good())
	require.NoError(t, err)
	require.NoError(t, m.Close())
	for name, change := range map[string]func(*Machines){
		"no issuer":    func(c *Machines) { c.Issuer = "" },
		"no key":       func(c *Machines) { c.Key = nil },
		"other key":    func(c *Machines) { c.Key.Method = "RS512" },
		"in clear":     func(c *Machines) { c.URL = "http://custos.example" },
		"long life":    func(c *Machines) { c.Life = time.Hour },
		"no client":    func(c *Machines) { c.Clients = nil },
		"twice":        func(c *Machines) { c.Clients = append(c.Clients, c.Clients[0]) },
		"looks up":     func(c *Machines) { c.Clients[0].Role = "clinician" },
		"reads trails": func(c *Machines) { c.Clients[0].Role = "ig-officer" },
		"no role":      func(c *Machines) { c.Clients[0].Role = "" },
		"no name":      func(c *Machines) { c.Clients[0].Name = "" },
		"odd id":       func(c *Machines) { c.Clients[0].ID = "a b" },
		"no keys":      func(c *Machines) { c.Clients[0].Keys = "" },
		"weak method":  func(c *Machines) { c.Clients[0].Methods = []string{"HS256"} },
	} {
		cfg := good()
		change(&cfg)
		_, err := NewMachineTokens(cfg)
		require.Error(t, err, name)
	}
}
