package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"custos/api/signin"
)

// idHeader is all that the header of an ID token or a logout token may hold. Everything else is refused.
type idHeader struct {
	Algorithm  string `json:"alg" strict:"required"`
	KeyID      string `json:"kid" strict:"required"`
	Type       string `json:"typ"`
	Thumbprint string `json:"x5t"` // of a certificate: some providers add it, nobody reads it
	Digest     string `json:"x5t#S256"`
}

// idClaims are what an ID token says of a sign-in. Unlike an access token's, its nbf and jti may be absent.
type idClaims struct {
	_          struct{}  `strict:"open"`
	Issuer     string    `json:"iss" strict:"required"`
	Subject    string    `json:"sub" strict:"required"`
	Audience   oneOrMore `json:"aud" strict:"required"`
	Expires    int64     `json:"exp" strict:"required"`
	IssuedAt   int64     `json:"iat" strict:"required"`
	Nonce      string    `json:"nonce" strict:"required"`
	AuthTime   int64     `json:"auth_time" strict:"required"`
	NotBefore  int64     `json:"nbf"`
	ID         string    `json:"jti"`
	Authorized string    `json:"azp"`
	Session    string    `json:"sid"`
	Assurance  string    `json:"acr"`
}

// profileClaims are what is said of the person, in the ID token or in the user information.
type profileClaims struct {
	_                struct{}    `strict:"open"`
	Subject          string      `json:"sub" strict:"required"`
	Name             string      `json:"name"`
	SelectedRole     string      `json:"selected_roleid"`
	Roles            []nrbacRole `json:"nhsid_nrbac_roles"`
	Organisations    []userOrg   `json:"nhsid_user_orgs"`
	Role             string      `json:"custos_role"`
	RoleName         string      `json:"role_name"`
	Organisation     string      `json:"org"`
	OrganisationName string      `json:"org_name"`
	Team             string      `json:"team"`
	Places           []string    `json:"places"`
}

// issuerKeys are one issuer's keys as go-oidc asks for them.
type issuerKeys struct {
	v *Verifier
	n int
}

// VerifySignature returns what was signed, if it was signed by a key of the issuer, with an algorithm that it
// may use, under a header that we know whole.
func (k issuerKeys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	parts, ok := takeApart(token)
	if !ok {
		return nil, problem("token-malformed")
	}
	var h idHeader
	if err := decodeStrictBytes(parts.header, &h); err != nil {
		return nil, problem("token-malformed")
	}
	if !slices.Contains(k.v.issuers[k.n].Methods, h.Algorithm) {
		return nil, problem("token-algorithm")
	}
	key, p := k.v.key(k.v.state.Load(), k.n, h.KeyID, h.Algorithm)
	if remote := k.v.issuers[k.n].remote; p != nil && remote != nil && p.Code != "token-algorithm" {
		// The issuer has just proved that it is there, or somebody says so: this one waits, as others do not.
		if fetched := remote.want(); fetched != nil {
			select {
			case <-fetched:
			case <-ctx.Done():
			}
		}
		key, p = k.v.key(k.v.state.Load(), k.n, h.KeyID, h.Algorithm)
	}
	if p != nil {
		return nil, p
	}
	if jwt.GetSigningMethod(key.algorithm).Verify(parts.signed, parts.signature, key.public) != nil {
		return nil, problem("token-signature")
	}
	return parts.payload, nil
}

// keysOf are the keys of a configured issuer.
func (v *Verifier) keysOf(name string) (issuerKeys, error) {
	n := slices.IndexFunc(v.issuers, func(i issuer) bool { return i.Issuer == name })
	if n < 0 {
		return issuerKeys{}, errors.New("its issuer is not among those whose tokens are accepted")
	}
	return issuerKeys{v, n}, nil
}

// signedIn reads what a provider has proved of a person who signs in: one identity for each role that they may
// act in. It is the one entry beside [Verifier.Verify] to what an issuer may say, and takes nothing but what
// [signin.Provider] has verified: there is no way to it for a token that somebody sends.
func (k issuerKeys) signedIn(proven *signin.Proven, client string) ([]*Identity, *Problem) {
	is := &k.v.issuers[k.n]
	parts, ok := takeApart(proven.IDToken)
	var h idHeader
	if !ok || decodeStrictBytes(parts.header, &h) != nil || h.Type != "" && h.Type != "JWT" {
		return nil, problem("token-type").with("What the identity provider sent is not an ID token.")
	}
	var c idClaims
	var said, told profileClaims
	if decodeStrictBytes(proven.Claims, &c) != nil || decodeStrictBytes(proven.Claims, &said) != nil ||
		len(proven.Profile) > 0 && decodeStrictBytes(proven.Profile, &told) != nil {
		return nil, problem("token-claims").with("A required claim is missing, doubled, in other letters or of the wrong type.")
	}
	now := k.v.now().Unix()
	leeway := int64(k.v.leeway / time.Second)
	switch {
	case c.Issuer != is.Issuer:
		return nil, problem("token-issuer")
	case len(c.Audience) != 1 && c.Authorized != client, c.Authorized != "" && c.Authorized != client, !slices.Contains(c.Audience, client):
		return nil, problem("token-audience")
	case c.IssuedAt > now+leeway, c.NotBefore > now+leeway, c.AuthTime > now+leeway:
		return nil, problem("token-not-yet-valid")
	case c.Expires <= c.IssuedAt, c.Expires <= now-leeway:
		return nil, problem("token-expired")
	case c.AuthTime < now-leeway-int64(signin.MaxAge/time.Second):
		return nil, problem("sign-in-stale")
	case told.Subject != "" && told.Subject != c.Subject:
		return nil, badClaim("sub")
	}
	hash := sha256.Sum256([]byte(proven.IDToken))
	if c.ID == "" {
		c.ID = "id-token" // not every provider names one; its hash is what is recorded
	}
	all := claims{Issuer: c.Issuer, Subject: c.Subject, Expires: c.Expires, NotBefore: max(c.NotBefore, c.IssuedAt), IssuedAt: c.IssuedAt,
		ID: c.ID, Session: c.Session, Assurance: c.Assurance, AuthTime: c.AuthTime}
	for _, from := range []*profileClaims{&said, &told} {
		if from.Subject != "" {
			from.into(&all)
		}
	}
	return is.actings(&all, h.KeyID, hash)
}

// into adds what is said. What comes later, and says anything, counts.
func (p *profileClaims) into(c *claims) {
	for from, to := range map[*string]*string{&p.Name: &c.Name, &p.SelectedRole: &c.SelectedRole, &p.Role: &c.Role, &p.RoleName: &c.RoleName,
		&p.Organisation: &c.Organisation, &p.OrganisationName: &c.OrganisationName, &p.Team: &c.Team} {
		if *from != "" {
			*to = *from
		}
	}
	if p.Roles != nil {
		c.Roles = p.Roles
	}
	if p.Organisations != nil {
		c.Organisations = p.Organisations
	}
	if p.Places != nil {
		c.Places = p.Places
	}
}

// actings are the identities that a person may act as: the role selected at the provider, or else each role
// that means something here, among which they then choose.
func (is *issuer) actings(c *claims, kid string, hash [32]byte) ([]*Identity, *Problem) {
	selected := []string{c.SelectedRole}
	if is.CIS2 && c.SelectedRole == "" {
		selected = nil
		for i := range c.Roles {
			if len(selected) < 64 && !slices.Contains(selected, c.Roles[i].PersonRole) {
				selected = append(selected, c.Roles[i].PersonRole)
			}
		}
		if len(selected) == 0 {
			selected = []string{""} // refused below, as what it is
		}
	}
	var out []*Identity
	var why *Problem
	for _, role := range selected {
		one := *c
		one.SelectedRole = role
		id, p := is.identity(&one, kid)
		if p == nil && id.Assurance < leastToSignIn {
			p = problem("assurance-too-low").of(id)
		}
		if p != nil {
			if why == nil || why.who == nil {
				why = p
			}
			continue
		}
		id.TokenHash = hash
		out = append(out, id)
	}
	if len(out) > 0 {
		return out, nil
	}
	if why.who != nil {
		why.who.TokenHash = hash
	}
	return nil, why
}

// leastToSignIn is the weakest sign-in that makes a session, whatever an issuer's tokens may have, and that a token of CIS2's
// may be of.
const leastToSignIn = "AAL2"
