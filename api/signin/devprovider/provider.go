package devprovider

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Person is somebody whom the page offers.
type Person struct {
	Subject string
	Name    string
	About   string         // what the page says beside the name
	Claims  map[string]any // user information, as the provider that is acted gives it
}

// Config is one provider, and its one client.
type Config struct {
	Issuer    string // iss
	Name      string // on the page
	Base      string // where it is reached: the address of what is mounted
	ClientID  string
	Secret    string           // of the client, or
	ClientKey *ecdsa.PublicKey // what verifies its assertions
	Redirects []string         // where people may be sent back to
	Logouts   []string         // where the client hears that a session has ended: the first that takes it
	Key       *ecdsa.PrivateKey
	KeyID     string
	People    func() []Person
	Now       func() time.Time // nil: time.Now

	// Change lets a test sign something else: what is about to be signed is "id" or "logout".
	Change func(what string, header, claims map[string]any)
}

// Provider is a running provider. It forgets everything when it ends.
type Provider struct {
	cfg Config

	mu       sync.Mutex
	pending  map[string]asked   // by a random name
	codes    map[string]granted // by code; each is good once
	access   map[string]granted // by access token
	sessions []granted
	seen     map[string]bool // jti of assertions
}

// asked is a request for authorisation.
type asked struct{ state, nonce, challenge, redirect string }

// granted is a person who signed in.
type granted struct {
	asked
	person  Person
	level   string
	session string
	at      time.Time
}

// New makes a provider, to be mounted at its base.
func New(cfg Config) *Provider {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Provider{cfg: cfg, pending: map[string]asked{}, codes: map[string]granted{}, access: map[string]granted{}, seen: map[string]bool{}}
}

// ServeHTTP answers below the base.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, path, _ := strings.Cut(p.cfg.Base, "://")
	_, path, _ = strings.Cut(path+"/", "/")
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/"+strings.TrimSuffix(path, "/")) {
	case "GET /.well-known/openid-configuration":
		p.discovery(w)
	case "GET /jwks":
		p.keys(w)
	case "GET /authorize":
		p.authorize(w, r)
	case "POST /pick":
		p.pick(w, r)
	case "POST /token":
		p.token(w, r)
	case "GET /userinfo":
		p.userinfo(w, r)
	case "GET /sessions":
		p.list(w)
	case "POST /end":
		p.end(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) discovery(w http.ResponseWriter) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": p.cfg.Issuer, "authorization_endpoint": p.cfg.Base + "/authorize", "token_endpoint": p.cfg.Base + "/token",
		"userinfo_endpoint": p.cfg.Base + "/userinfo", "jwks_uri": p.cfg.Base + "/jwks",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"backchannel_logout_supported":          true, "backchannel_logout_session_supported": true,
	})
}

func (p *Provider) keys(w http.ResponseWriter) {
	point, err := p.cfg.Key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		http.Error(w, "no key", http.StatusInternalServerError)
		return
	}
	b64 := base64.RawURLEncoding.EncodeToString
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
		"kid": p.cfg.KeyID, "x": b64(point[1:33]), "y": b64(point[33:])}}})
}

func (p *Provider) sign(what, typ string, claims map[string]any) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(claims))
	t.Header["kid"], t.Header["typ"] = p.cfg.KeyID, typ
	if p.cfg.Change != nil {
		p.cfg.Change(what, t.Header, claims)
	}
	return t.SignedString(p.cfg.Key)
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // strings, numbers and lists of them always encode
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // who reads no more needs no error
}

func random() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
	return base64.RawURLEncoding.EncodeToString(b[:])
}
