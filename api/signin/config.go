package signin

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Config is one identity provider, and how we are registered with it.
type Config struct {
	Issuer    string   // iss of its tokens, character for character
	Discovery string   // where its metadata is found; empty: at the issuer
	ClientID  string   // our name there
	Redirect  string   // where it sends people back to
	Scopes    []string // beside openid
	Methods   []string // algorithms of its signatures
	Keys      KeySet
	Secret    string      // by which we prove who we are, or
	Key       *SigningKey // by a signature ("private_key_jwt")

	Client *http.Client     // nil: [NewClient]
	Now    func() time.Time // nil: time.Now
}

// KeySet verifies a signature with the provider's keys and returns what was signed. Whoever keeps the
// provider's keys keeps them for every kind of token.
type KeySet interface {
	VerifySignature(ctx context.Context, token string) ([]byte, error)
}

// SigningKey signs our assertions to a provider.
type SigningKey struct {
	ID      string
	Method  string // RS512, RS256 or ES256
	Private crypto.Signer
}

// ParseSigningKey reads a PEM file's private key.
func ParseSigningKey(pem []byte, id, method string) (*SigningKey, error) {
	if id == "" {
		return nil, errors.New("the signing key has no id")
	}
	k := &SigningKey{ID: id, Method: method}
	switch method {
	case "RS512", "RS256":
		key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
		if err != nil || key.N.BitLen() < 2048 {
			return nil, errors.New("the signing key is not an RSA private key of 2048 bits or more in PEM")
		}
		k.Private = key
	case "ES256":
		key, err := jwt.ParseECPrivateKeyFromPEM(pem)
		if err != nil || key.Curve.Params().BitSize != 256 {
			return nil, errors.New("the signing key is not a P-256 private key in PEM")
		}
		k.Private = key
	default:
		return nil, errors.New("assertions are signed with RS512, RS256 or ES256")
	}
	return k, nil
}

func (c *Config) check() error {
	if c.Issuer == "" || c.ClientID == "" || len(c.Methods) == 0 || c.Keys == nil {
		return errors.New("issuer, client, algorithms and keys must be given")
	}
	if (c.Secret == "") == (c.Key == nil) {
		return errors.New("give either a secret or a key: every client must prove who it is")
	}
	for what, address := range map[string]string{"where people come back to": c.Redirect, "discovery": c.at()} {
		if err := CheckAddress(address); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if slices.Contains(c.Scopes, "openid") || slices.Contains(c.Scopes, "offline_access") {
		return errors.New("openid is always asked for, and offline_access never: no token is kept")
	}
	return nil
}

// at is where the provider's metadata is found.
func (c *Config) at() string {
	if c.Discovery != "" {
		return c.Discovery
	}
	return c.Issuer
}
