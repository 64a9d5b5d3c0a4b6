package demographics

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// assertionLife is how long a signed assertion is good. The endpoint allows five minutes; one is left for
// clocks that differ.
const assertionLife = 4 * time.Minute

// signer makes the assertions by which the application proves who it is ("signed JWT", RFC 7523).
type signer struct {
	endpoint, apiKey, keyID string
	key                     *rsa.PrivateKey
}

func newSigner(cfg PDSConfig) (*signer, error) {
	pem, err := os.ReadFile(cfg.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("demographics: reading the signing key: %w", err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	clear(pem)
	if err != nil {
		return nil, errors.New("demographics: the signing key is not a PEM file of an RSA private key")
	}
	if key.N.BitLen() < 2048 {
		return nil, errors.New("demographics: the signing key has fewer than 2048 bits")
	}
	return &signer{cfg.Token, cfg.APIKey, cfg.KeyID, key}, nil
}

func (s *signer) assertion(now time.Time) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodRS512, jwt.MapClaims{
		"iss": s.apiKey, "sub": s.apiKey, "aud": s.endpoint, "jti": uuid.NewString(), "exp": now.Add(assertionLife).Unix(),
	})
	t.Header["kid"] = s.keyID
	return t.SignedString(s.key)
}

// tokens keeps one access token until shortly before it expires.
type tokens struct {
	signer *signer
	turn   chan struct{} // held by whoever reads or fetches
	value  string
	until  time.Time
}

// get returns the token, and fetches one if there is none. While somebody fetches the others wait.
func (t *tokens) get(ctx context.Context, p *PDS) (string, attempted) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", attempted{err: gaveUp(ctx.Err())}
	}
	if t.value != "" && p.now().Before(t.until) {
		return t.value, attempted{}
	}
	t.value = ""
	a := t.fetch(ctx, p)
	if a.err != nil {
		return "", a
	}
	return t.value, attempted{}
}

// forget drops a token that the service refused, unless somebody has already fetched another.
func (t *tokens) forget(value string) {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	if t.value == value {
		t.value = ""
	}
}

// fetch asks the token endpoint once.
func (t *tokens) fetch(ctx context.Context, p *PDS) attempted {
	now := p.now()
	signed, err := t.signer.assertion(now)
	if err != nil {
		return attempted{err: &Down{Cause: CauseToken}}
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion": {signed},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	req, err := http.NewRequest(http.MethodPost, t.signer.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return attempted{err: &Down{Cause: CauseToken}}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	a := p.send(ctx, req, maxToken, "application/json")
	var d *Down
	if errors.As(a.err, &d) && (d.Cause == CauseRefused || d.Cause == CauseAnswer) {
		d.Cause = CauseToken
	}
	if a.err != nil {
		return a
	}
	a.err = t.take(a.status, a.body, now)
	return a
}

// take reads the endpoint's answer.
func (t *tokens) take(status int, body []byte, now time.Time) error {
	if status != http.StatusOK {
		return &Down{Cause: CauseToken, Status: status, Hint: tokenHint(body)}
	}
	var got struct {
		Token   string          `json:"access_token"`
		Type    string          `json:"token_type"`
		Expires json.RawMessage `json:"expires_in"` // a number; here it comes as a string
	}
	if json.Unmarshal(body, &got) != nil || !tokenText.MatchString(got.Token) || len(got.Token) > 16<<10 || !strings.EqualFold(got.Type, "bearer") {
		return &Down{Cause: CauseToken, Status: status}
	}
	seconds, err := strconv.Atoi(strings.Trim(string(got.Expires), `"`))
	if err != nil || seconds < 0 {
		seconds = 0 // good for this once
	}
	life := time.Duration(min(seconds, 86400)) * time.Second
	t.value, t.until = got.Token, now.Add(life-min(life/4, time.Minute))
	return nil
}

var (
	tokenText  = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`) // RFC 6750
	claimNames = regexp.MustCompile(`\b(aud|iss|sub|kid|exp|jti|alg|typ|signature)\b`)
	oauthCodes = []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope"} //nolint:misspell // RFC 6749 spells so
)

// tokenHint tells an operator what the endpoint minds, with words of the standards and none of its own.
func tokenHint(body []byte) string {
	var said struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &said) != nil || !slices.Contains(oauthCodes, said.Code) {
		return ""
	}
	names := claimNames.FindAllString(said.Description, 8)
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return said.Code
	}
	return said.Code + " about " + strings.Join(names, ", ")
}
