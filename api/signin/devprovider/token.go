package devprovider

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const codeLife = time.Minute

// token redeems a code, once, for whoever has its verifier.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := p.client(r); err != nil {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	g, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	now := p.cfg.Now()
	if !ok || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != g.redirect ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge || now.Sub(g.at) > codeLife {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	access := random()
	p.mu.Lock()
	if len(p.access) >= most {
		clear(p.access)
	}
	p.access[access] = g
	p.mu.Unlock()
	hash := sha256.Sum256([]byte(access))
	id, err := p.sign("id", "JWT", map[string]any{"iss": p.cfg.Issuer, "sub": g.person.Subject, "aud": p.cfg.ClientID, "iat": now.Unix(),
		"exp": now.Add(time.Hour).Unix(), "auth_time": g.at.Unix(), "nonce": g.nonce, "acr": g.level, "sid": g.session,
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16])})
	if err != nil {
		http.Error(w, "no signature", http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": id})
}

// client is nil if the request proves that it is our client's.
func (p *Provider) client(r *http.Request) error {
	if p.cfg.ClientKey == nil {
		if r.PostFormValue("client_id") != p.cfg.ClientID ||
			subtle.ConstantTimeCompare([]byte(r.PostFormValue("client_secret")), []byte(p.cfg.Secret)) != 1 {
			return errors.New("not the client's secret")
		}
		return nil
	}
	if r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return errors.New("no assertion")
	}
	var c jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(r.PostFormValue("client_assertion"), &c, func(*jwt.Token) (any, error) { return p.cfg.ClientKey, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(p.cfg.ClientID), jwt.WithSubject(p.cfg.ClientID),
		jwt.WithAudience(p.cfg.Base+"/token"), jwt.WithExpirationRequired(), jwt.WithTimeFunc(p.cfg.Now))
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.ID == "" || p.seen[c.ID] || c.ExpiresAt.Sub(p.cfg.Now()) > 5*time.Minute {
		return errors.New("the assertion was used, or lives too long")
	}
	if len(p.seen) >= most {
		clear(p.seen)
	}
	p.seen[c.ID] = true
	return nil
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	g, ok := p.access[access]
	p.mu.Unlock()
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := map[string]any{"sub": g.person.Subject, "name": g.person.Name}
	maps.Copy(claims, g.person.Claims)
	answer(w, http.StatusOK, claims)
}
