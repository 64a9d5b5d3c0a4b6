package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"custos/api/signin"
)

// Machines says which programs may have a token of ours, by a signature of their own ("application-restricted
// access", RFC 7523). Nobody signs in for them, so they have the roles alone in which a system acts by itself.
type Machines struct {
	Issuer  string             // iss of the tokens; as an issuer, and no other's
	URL     string             // scheme and host by which programs reach this node: the token endpoint is below it
	Key     *signin.SigningKey // ES256; the same on every node, so that each takes the tokens of all
	Life    time.Duration      // of a token; zero: 5 min
	Clients []MachineClient
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: slog.Default
}

// MachineClient is a registered program.
type MachineClient struct {
	ID               string // its iss and sub
	Name             string // as it is shown
	Organisation     string // ODS code
	OrganisationName string
	Role             string
	Methods          []string // algorithms of its signatures
	Keys, KeysURL    string   // its JWKS: a file, or an address
}

// machineRoles are those in which nobody has to answer for each single act. No child is looked up in them: a
// lookup is some person's.
var machineRoles = []string{"uploader", "child-health"}

const (
	tokenPath     = "/oauth2/token" //nolint:gosec // a path
	assertionMost = 5 * time.Minute
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// MachineTokens gives registered programs their tokens.
type MachineTokens struct {
	cfg      Machines
	own      issuerOwn
	clients  *Verifier // of the assertions: each client is an issuer
	used     endedTokens
	audience string // of the tokens; what the verifier wants
}

// issuerOwn is the key of an issuer that is ourselves.
type issuerOwn map[string]verifyingKey

// NewMachineTokens reads the clients' keys, and watches them until Close.
func NewMachineTokens(cfg Machines) (*MachineTokens, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Life == 0 {
		cfg.Life = 5 * time.Minute
	}
	switch {
	case cfg.Issuer == "":
		return nil, errors.New("machines: no issuer is configured")
	case cfg.Key == nil || cfg.Key.Method != "ES256" || !validKeyID(cfg.Key.ID):
		return nil, errors.New("machines: tokens are signed with an ES256 key that has an id")
	case cfg.Life < time.Minute || cfg.Life > 15*time.Minute:
		return nil, errors.New("machines: a token lives from one minute to fifteen")
	case signin.CheckAddress(cfg.URL) != nil || strings.Count(cfg.URL, "/") != 2:
		return nil, errors.New("machines: the address of this node is scheme and host alone, and https")
	}
	m := &MachineTokens{cfg: cfg, own: issuerOwn{cfg.Key.ID: {algorithm: "ES256", public: cfg.Key.Private.Public()}}, used: newEndedTokens()}
	v := VerifierConfig{Audience: m.endpoint(), Now: cfg.Now, Logger: cfg.Logger}
	for _, c := range cfg.Clients {
		if !slices.Contains(machineRoles, c.Role) {
			return nil, fmt.Errorf("machines: a program may be of %s alone", strings.Join(machineRoles, " and "))
		}
		if !within(c.ID, 1, 128) || !madeOf(c.ID, "._:-") || !readable(c.Name, 1) || !readable(c.OrganisationName, 0) ||
			!within(c.Organisation, 3, 12) || !madeOf(c.Organisation, "") {
			return nil, errors.New("machines: a client has an id, a name and an organisation")
		}
		v.Issuers = append(v.Issuers, IssuerConfig{Issuer: c.ID, Methods: c.Methods, Keys: c.Keys, KeysURL: c.KeysURL, Roles: []string{c.Role}})
	}
	if len(cfg.Clients) == 0 {
		return nil, errors.New("machines: there is no client")
	}
	var err error
	if m.clients, err = NewVerifier(v); err != nil {
		return nil, fmt.Errorf("machines: %w", err)
	}
	return m, nil
}

// Issuer is what the verifier of access tokens has to know of the tokens that are given here.
func (m *MachineTokens) Issuer() IssuerConfig {
	return IssuerConfig{Issuer: m.cfg.Issuer, Methods: []string{"ES256"}, own: m.own, MaxLifetime: m.cfg.Life, Roles: machineRoles}
}

// Reload reads the clients' keys now.
func (m *MachineTokens) Reload() error { return m.clients.Reload() }

// Close stops watching the clients' keys. Where no program is registered there are none.
func (m *MachineTokens) Close() error {
	if m == nil {
		return nil
	}
	return m.clients.Close()
}

func (m *MachineTokens) endpoint() string { return m.cfg.URL + tokenPath }

// assertionClaims are what a program signs to be given a token.
type assertionClaims struct {
	_         struct{}  `strict:"open"`
	Issuer    string    `json:"iss" strict:"required"`
	Subject   string    `json:"sub" strict:"required"`
	Audience  oneOrMore `json:"aud" strict:"required"`
	Expires   int64     `json:"exp" strict:"required"`
	ID        string    `json:"jti" strict:"required"`
	IssuedAt  int64     `json:"iat"`
	NotBefore int64     `json:"nbf"`
}

// tokenError is an error as RFC 6749 has it: a word of its own, and ours.
type tokenError struct {
	Word        string `json:"error"`
	Description string `json:"error_description"`
	status      int
}

func invalidClient(why string) *tokenError {
	return &tokenError{"invalid_client", why, http.StatusUnauthorized}
}

// client finds out which program asks. A token that is in order is good once.
func (m *MachineTokens) client(r *http.Request, assertion string) (*MachineClient, *tokenError) {
	parts, ok := takeApart(assertion)
	var h idHeader
	var c assertionClaims
	switch {
	case !ok || decodeStrictBytes(parts.header, &h) != nil:
		return nil, invalidClient("The assertion is not a JWT whose header holds alg, kid and perhaps typ, once each, and nothing else.")
	case h.Type != "" && h.Type != "JWT" && h.Type != "client-authentication+jwt":
		return nil, invalidClient("The assertion's typ is that of another kind of token.")
	case decodeStrictBytes(parts.payload, &c) != nil:
		return nil, invalidClient("A claim of iss, sub, aud, exp and jti is missing, doubled or of the wrong type.")
	case c.Issuer != c.Subject:
		return nil, invalidClient("iss and sub must be the same: the id under which the program is registered.")
	}
	n := slices.IndexFunc(m.cfg.Clients, func(x MachineClient) bool { return x.ID == c.Issuer })
	if n < 0 {
		return nil, invalidClient("No program is registered under this iss.")
	}
	if _, err := (issuerKeys{m.clients, n}).VerifySignature(r.Context(), assertion); err != nil {
		return nil, invalidClient("The signature does not hold, or its key or algorithm is not one that is registered: " + asProblem(err).Code + ".")
	}
	now := m.cfg.Now().Unix()
	leeway := int64(m.clients.leeway / time.Second)
	switch {
	case len(c.Audience) != 1 || c.Audience[0] != m.endpoint():
		return nil, invalidClient("aud must be the address of this token endpoint, character for character: see /.well-known/smart-configuration.")
	case c.Expires <= now-leeway:
		return nil, invalidClient("The assertion has expired.")
	case c.Expires > now+leeway+int64(assertionMost/time.Second):
		return nil, invalidClient("exp may be five minutes from now at most.")
	case c.IssuedAt > now+leeway, c.NotBefore > now+leeway:
		return nil, invalidClient("The assertion is not valid yet: is the clock right?")
	case !within(c.ID, 1, 128):
		return nil, invalidClient("jti must be there, and at most 128 characters long.")
	case !m.used.first(c.Issuer+"\x00"+c.ID, time.Unix(c.Expires+leeway, 0), m.cfg.Now()):
		return nil, invalidClient("An assertion with this jti was used before: sign a new one for each request.")
	}
	return &m.cfg.Clients[n], nil
}

// issue signs an access token. client_id and sub are the same in it, as in every token that no person got.
func (m *MachineTokens) issue(c *MachineClient) (string, error) {
	now := m.cfg.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": m.cfg.Issuer, "sub": c.ID, "client_id": c.ID, "aud": m.audience,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(m.cfg.Life).Unix(), "jti": uuid.NewString(),
		"name": c.Name, "custos_role": c.Role, "org": c.Organisation, "org_name": c.OrganisationName})
	t.Header["typ"], t.Header["kid"] = accessType, m.cfg.Key.ID
	return t.SignedString(m.cfg.Key.Private)
}

// postToken gives a program an access token for its assertion.
func (s *Server) postToken(w http.ResponseWriter, r *http.Request) {
	m := s.cfg.Machines
	refuse := func(e *tokenError) {
		s.stats.unauthenticated.Inc()
		if e.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_client"`)
		}
		if err := sendStatus(w, e.status, e); err != nil {
			writeProblem(w, r, err)
		}
	}
	f, ok := oneOf(r, "grant_type", "client_assertion_type", "client_assertion", "client_id", "scope")
	switch {
	case !ok:
		refuse(&tokenError{"invalid_request", "Each parameter is given once, in the body.", http.StatusBadRequest})
		return
	case f.Get("grant_type") != "client_credentials":
		refuse(&tokenError{"unsupported_grant_type", "grant_type must be client_credentials.", http.StatusBadRequest})
		return
	case f.Get("client_assertion_type") != assertionType || f.Get("client_assertion") == "":
		refuse(&tokenError{"invalid_request", "client_assertion_type must be " + assertionType + ", with a client_assertion.", http.StatusBadRequest})
		return
	}
	c, refused := m.client(r, f.Get("client_assertion"))
	if refused == nil && f.Has("client_id") && f.Get("client_id") != c.ID {
		refused = invalidClient("client_id is not whose assertion this is.")
	}
	if refused != nil {
		refuse(refused)
		return
	}
	token, err := m.issue(c)
	if err == nil {
		err = sendStatus(w, http.StatusOK, struct {
			Token   string `json:"access_token"`
			Type    string `json:"token_type"`
			Expires int    `json:"expires_in"`
		}{token, "Bearer", int(m.cfg.Life / time.Second)})
	}
	if err != nil {
		writeProblem(w, r, err)
	}
}

// oneOf reads a form in which each of these is given once at most.
func oneOf(r *http.Request, names ...string) (url.Values, bool) {
	if r.ParseForm() != nil || r.URL.RawQuery != "" {
		return nil, false
	}
	return r.PostForm, once(r.PostForm, names...)
}

// getSMART describes how a program gets a token (SMART App Launch, .well-known/smart-configuration).
func (s *Server) getSMART(w http.ResponseWriter, r *http.Request) {
	m := s.cfg.Machines
	methods := []string{}
	for _, c := range m.cfg.Clients {
		for _, a := range c.Methods {
			if !slices.Contains(methods, a) {
				methods = append(methods, a)
			}
		}
	}
	slices.Sort(methods)
	if err := sendJSON(w, struct {
		Issuer       string   `json:"issuer"`
		Endpoint     string   `json:"token_endpoint"`
		Proofs       []string `json:"token_endpoint_auth_methods_supported"`
		Algorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported"`
		Grants       []string `json:"grant_types_supported"`
		Challenges   []string `json:"code_challenge_methods_supported"`
		Capabilities []string `json:"capabilities"`
	}{m.cfg.Issuer, m.endpoint(), []string{"private_key_jwt"}, methods, []string{"client_credentials"}, []string{"S256"},
		[]string{"client-confidential-asymmetric"}}); err != nil {
		writeProblem(w, r, err)
	}
}

// machineRoutes are there where programs are registered.
func machineRoutes() []pageRoute {
	return []pageRoute{
		{"POST", tokenPath, formBody, (*Server).postToken, "an access token for a registered program's signed assertion"},
		{"GET", "/.well-known/smart-configuration", 0, (*Server).getSMART, "where and how a program gets one"},
	}
}
