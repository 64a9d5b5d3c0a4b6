package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"golang.org/x/oauth2"
)

// Why a step failed. Nothing more of a provider's answer is kept: it may quote a person or a token.
var (
	ErrDown    = errors.New("the identity provider does not answer as it should")
	ErrRefused = errors.New("the identity provider refused")
	ErrProof   = errors.New("the identity provider's token does not hold")
	ErrNonce   = errors.New("the token was not made for this sign-in")
)

// MaxAge is how long ago the provider may have seen the person.
const MaxAge = 12 * time.Hour

const assertionLife = 4 * time.Minute // five are allowed; one is left for clocks that differ

// Provider is one identity provider. Its methods may be called at once.
type Provider struct {
	cfg    Config
	tokens *oidc.IDTokenVerifier

	mu    sync.Mutex
	known *metadata // nil: not asked yet, or in vain
}

// metadata is what discovery said, and when.
type metadata struct {
	provider *oidc.Provider
	endpoint oauth2.Endpoint
	at       time.Time
}

// New checks the configuration. The provider is asked for nothing before somebody signs in.
func New(cfg Config) (*Provider, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Client == nil {
		cfg.Client = NewClient()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Provider{cfg: cfg, tokens: oidc.NewVerifier(cfg.Issuer, cfg.Keys, &oidc.Config{
		ClientID: cfg.ClientID, SupportedSigningAlgs: cfg.Methods, Now: cfg.Now})}, nil
}

// Attempt is what a browser keeps, sealed, while its person is at the provider.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE
}

// Begin makes an attempt and says where its person has to go. acr is the assurance that is asked for.
func (p *Provider) Begin(ctx context.Context, acr string) (string, Attempt, error) {
	m, err := p.metadata(ctx, 0) // so that nobody is sent to where nobody answers
	if err != nil {
		return "", Attempt{}, err
	}
	a := Attempt{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{
		oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(MaxAge/time.Second))),
	}
	if acr != "" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", acr))
	}
	return p.client(m).AuthCodeURL(a.State, options...), a, nil
}

// Proven is what a provider said of a person, signed or over a connection to it. It is JSON that nobody has
// read strictly yet.
type Proven struct {
	IDToken string
	Claims  []byte // of the ID token
	Profile []byte // the user information; empty if the provider has none
}

// Finish redeems the code of an attempt, and checks the ID token: signature, issuer, audience, times, nonce.
func (p *Provider) Finish(ctx context.Context, a Attempt, code string) (*Proven, error) {
	m, err := p.metadata(ctx, MaxAge)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.cfg.Client)
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(a.Verifier)}
	if p.cfg.Key != nil {
		signed, err := p.assertion(m.endpoint.TokenURL)
		if err != nil {
			return nil, err
		}
		options = append(options, oauth2.SetAuthURLParam("client_assertion", signed),
			oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"))
	}
	token, err := p.client(m).Exchange(ctx, code, options...)
	if err != nil {
		var told *oauth2.RetrieveError
		if errors.As(err, &told) && told.Response != nil && told.Response.StatusCode < http.StatusInternalServerError {
			return nil, ErrRefused
		}
		return nil, ErrDown
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, ErrProof
	}
	id, err := p.tokens.Verify(ctx, raw)
	if err != nil {
		return nil, ErrProof
	}
	if id.Nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return nil, ErrNonce
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return nil, ErrProof
	}
	var claims, profile json.RawMessage
	if id.Claims(&claims) != nil {
		return nil, ErrProof
	}
	if m.provider.UserInfoEndpoint() != "" {
		info, err := m.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return nil, ErrDown
		}
		if info.Subject != id.Subject || info.Claims(&profile) != nil {
			return nil, ErrProof // somebody else's
		}
	}
	return &Proven{IDToken: raw, Claims: claims, Profile: profile}, nil
}

// Ended reads a logout token: signature, issuer, audience, expiry, the event, and no nonce. What it says and
// whether it came before is for the caller.
func (p *Provider) Ended(ctx context.Context, token string) ([]byte, error) {
	t, err := p.tokens.VerifyLogout(ctx, token)
	if err != nil {
		return nil, ErrProof
	}
	var claims json.RawMessage
	if t.Claims(&claims) != nil {
		return nil, ErrProof
	}
	return claims, nil
}

// metadata is what the provider says of itself, asked for where it is older than that or not known.
func (p *Provider) metadata(ctx context.Context, old time.Duration) (*metadata, error) {
	p.mu.Lock()
	m := p.known
	p.mu.Unlock()
	if m != nil && p.cfg.Now().Sub(m.at) < old {
		return m, nil
	}
	// Nothing is locked: a provider that hangs holds up those who ask it and nobody else.
	m, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = m
	return m, nil
}

func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	provider, err := oidc.NewProvider(oidc.InsecureIssuerURLContext(oidc.ClientContext(ctx, p.cfg.Client), p.cfg.Issuer), p.cfg.at())
	if err != nil {
		return nil, ErrDown
	}
	var says struct {
		Issuer string `json:"issuer"`
	}
	// The issuer may be found elsewhere than at its own address, but never be another.
	if provider.Claims(&says) != nil || says.Issuer != p.cfg.Issuer {
		return nil, ErrDown
	}
	m := &metadata{provider: provider, endpoint: provider.Endpoint(), at: p.cfg.Now()}
	for _, address := range []string{m.endpoint.AuthURL, m.endpoint.TokenURL} {
		if CheckAddress(address) != nil {
			return nil, ErrDown
		}
	}
	m.endpoint.AuthStyle = oauth2.AuthStyleInParams
	return m, nil
}

func (p *Provider) client(m *metadata) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.Secret, Endpoint: m.endpoint, RedirectURL: p.cfg.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...)}
}

// assertion signs who we are, for one use (RFC 7523).
func (p *Provider) assertion(audience string) (string, error) {
	k := p.cfg.Key
	now := p.cfg.Now()
	t := jwt.NewWithClaims(jwt.GetSigningMethod(k.Method), jwt.MapClaims{"iss": p.cfg.ClientID, "sub": p.cfg.ClientID, "aud": audience,
		"jti": uuid.NewString(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix()})
	t.Header["kid"] = k.ID
	return t.SignedString(k.Private)
}

// random is 256 bits that nobody can guess.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
	return base64.RawURLEncoding.EncodeToString(b[:])
}
