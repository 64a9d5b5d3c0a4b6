package main

import (
	"os"
	"strings"
	"time"

	"custos/api"
	"custos/api/signin"
)

// SignIn says how people sign in with a browser; docs/SIGNIN.md says what each is.
type SignIn struct {
	URL       string           `json:"url,omitempty"` // by which browsers reach this service; empty: publicURL
	Providers []SignInProvider `json:"providers"`
	Idle      string           `json:"idle,omitempty"`     // such as 30m
	IdleHigh  string           `json:"idleAAL3,omitempty"` // of sessions with AAL3
	Absolute  string           `json:"absolute,omitempty"`
	Nodes     []string         `json:"nodes,omitempty"` // the other nodes' public addresses
}

// SignInProvider is one identity provider. Its issuer stands among the issuers.
type SignInProvider struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Issuer    string            `json:"issuer"`
	Discovery string            `json:"discovery,omitempty"` // where its metadata is; empty: at the issuer
	ClientID  string            `json:"clientId"`
	Secret    string            `json:"secret,omitempty"` // file, or
	Key       string            `json:"key,omitempty"`    // PEM file; both readable by the owner alone
	KeyID     string            `json:"keyId,omitempty"`
	KeyMethod string            `json:"keyMethod,omitempty"` // empty: RS512
	Scopes    []string          `json:"scopes,omitempty"`
	ACR       map[string]string `json:"acr,omitempty"` // what to ask for at each level: "" (any), AAL2, AAL3
}

// paths are the paths that the file may give relative to itself.
func (s *SignIn) paths() (out []*string) {
	if s == nil {
		return nil
	}
	for i := range s.Providers {
		out = append(out, &s.Providers[i].Secret, &s.Providers[i].Key)
	}
	return out
}

// open reads the secrets.
func (s *SignIn) open(publicURL string) (*api.SignIn, error) {
	if s == nil {
		return nil, nil
	}
	out := &api.SignIn{URL: strings.TrimSuffix(publicURL, "/"), Peers: s.Nodes}
	if s.URL != "" {
		out.URL = s.URL
	}
	for _, d := range []struct {
		text string
		to   *time.Duration
	}{{s.Idle, &out.Idle}, {s.IdleHigh, &out.IdleHigh}, {s.Absolute, &out.Absolute}} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = time.ParseDuration(d.text); err != nil {
			return nil, misuse("signin: %w", err)
		}
	}
	for i := range s.Providers {
		p := &s.Providers[i]
		to := api.SignInProvider{ID: p.ID, Name: p.Name, ACR: p.ACR,
			Config: signin.Config{Issuer: p.Issuer, Discovery: p.Discovery, ClientID: p.ClientID, Scopes: p.Scopes}}
		if err := p.credentials(&to.Config); err != nil {
			return nil, err
		}
		out.Providers = append(out.Providers, to)
	}
	return out, nil
}

// credentials reads what we prove ourselves with.
func (p *SignInProvider) credentials(to *signin.Config) error {
	if p.Secret != "" {
		b, err := readSecret(p.Secret)
		if err != nil {
			return err
		}
		to.Secret = strings.TrimSpace(string(b))
	}
	if p.Key != "" {
		if err := ownerAlone(p.Key); err != nil {
			return err
		}
		b, err := os.ReadFile(p.Key)
		if err != nil {
			return misuse("signin: %w", err)
		}
		method := p.KeyMethod
		if method == "" {
			method = "RS512"
		}
		if to.Key, err = signin.ParseSigningKey(b, p.KeyID, method); err != nil {
			return misuse("signin with %s: %w", p.ID, err)
		}
		clear(b)
	}
	return nil
}
