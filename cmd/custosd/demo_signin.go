package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"custos/api/signin/devprovider"
)

const demoClient = "custos-demo"

// demoProviders are the ways to sign in to the demo: for each of its issuers an identity provider that lives in
// the demo's own process, on this machine alone.
var demoProviders = []struct{ id, name, issuer string }{
	{"cis2", "NHS CIS2 (demo)", demoCIS2},
	{"staff", "your organisation (demo)", demoStaff},
}

// signIn is the sign-in of one node, whose provider is where this run has put it.
func (d *demo) signIn(c *Config) *SignIn {
	s := &SignIn{}
	for _, p := range demoProviders {
		s.Providers = append(s.Providers, SignInProvider{ID: p.id, Name: p.name, Issuer: p.issuer, Discovery: d.providerURL() + "/" + p.id,
			ClientID: demoClient, Secret: d.path("secrets", "signin.secret"), Scopes: []string{"profile"},
			ACR: map[string]string{"AAL3": "AAL3_ANY"}})
	}
	for _, other := range d.configs {
		if other != c {
			s.Nodes = append(s.Nodes, other.PublicURL)
		}
	}
	return s
}

func (d *demo) providerURL() string { return "http://" + d.provider.Addr().String() }

// signInSecret makes what the demo's nodes prove themselves with, unless an earlier run did.
func (d *demo) signInSecret() error {
	if _, err := os.Stat(d.path("secrets", "signin.secret")); err == nil {
		return nil
	}
	var raw [24]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return err
	}
	return writeNew(d.path("secrets", "signin.secret"), []byte(base64.RawURLEncoding.EncodeToString(raw[:])+"\n"))
}

// provide starts the identity providers of the demo; end ends them.
func (d *demo) provide() (end func() error, err error) {
	tokens, err := newTokenMaker(d.dir)
	if err != nil {
		return nil, err
	}
	secret, err := readSecret(d.path("secrets", "signin.secret"))
	if err != nil {
		return nil, err
	}
	all := http.NewServeMux()
	for _, p := range demoProviders {
		cfg := devprovider.Config{Issuer: p.issuer, Name: p.name, Base: d.providerURL() + "/" + p.id, ClientID: demoClient,
			Secret: strings.TrimSpace(string(secret)), Key: tokens.key, KeyID: demoKeyID, People: func() []devprovider.Person { return d.known(p.issuer) }}
		for _, c := range d.configs {
			cfg.Redirects = append(cfg.Redirects, c.PublicURL+"/signin/callback/"+p.id)
			cfg.Logouts = append(cfg.Logouts, c.PublicURL+"/signin/logout/"+p.id)
		}
		all.Handle("/"+p.id+"/", devprovider.New(cfg))
	}
	server := &http.Server{Handler: all, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(d.provider) }()
	return func() error {
		err := server.Close()
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// known are the people whom an issuer vouches for. The midwife holds two roles, and has selected none: she
// chooses at the service.
func (d *demo) known(issuer string) []devprovider.Person {
	var out []devprovider.Person
	for i := range d.state.People {
		p := &d.state.People[i]
		if p.issuer() != issuer {
			continue
		}
		claims := p.claims()
		if p.Env == "T_MIDWIFE" {
			n := slices.IndexFunc(d.state.People, func(x persona) bool { return x.Env == "T_SCHEDULED" })
			also := *p
			also.Organisation, also.RoleName = d.state.People[n].Organisation, "Community Midwife"
			delete(claims, "selected_roleid")
			claims["nhsid_nrbac_roles"] = []any{p.nrbac("1", p.Activity), also.nrbac("2", "B0170")}
			claims["nhsid_user_orgs"] = []any{map[string]string{"org_code": p.Organisation, "org_name": p.OrganisationName},
				map[string]string{"org_code": also.Organisation, "org_name": d.state.People[n].OrganisationName}}
		}
		out = append(out, devprovider.Person{Subject: p.Subject, Name: p.Name, About: p.RoleName + ", " + p.OrganisationName, Claims: claims})
	}
	return out
}
