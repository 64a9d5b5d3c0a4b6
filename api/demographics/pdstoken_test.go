package demographics

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A token serves until a minute before it expires; then there is a new one, for a new assertion.
func TestATokenIsKeptUntilShortlyBeforeItExpires(t *testing.T) {
	s, p := newService(t)
	s.hold(number1, adaHeld)
	for _, step := range []struct {
		after  time.Duration
		tokens int
	}{{0, 1}, {8 * time.Minute, 1}, {58 * time.Second, 1}, {time.Second, 2}, {9 * time.Minute, 3}} {
		s.now = s.now.Add(step.after)
		require.Equal(t, Matched, one(t, p, adaOf).Outcome)
		require.Len(t, s.tokens, step.tokens)
		require.Len(t, s.assertions, step.tokens)
	}
}

func TestHowLongATokenIsSaidToLast(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for expires, want := range map[string]time.Duration{`"599"`: 539 * time.Second, `599`: 539 * time.Second, `"20"`: 15 * time.Second,
		`"0"`: 0, `-5`: 0, `"soon"`: 0, `null`: 0, `9999999`: 24*time.Hour - time.Minute} {
		k := &tokens{}
		require.NoError(t, k.take(200, []byte(`{"access_token":"abc","token_type":"Bearer","expires_in":`+expires+`}`), at))
		require.Equal(t, want, k.until.Sub(at), expires)
	}
	for _, body := range []string{``, `[]`, `{}`, `{"access_token":"","token_type":"Bearer"}`, `{"access_token":"a b","token_type":"Bearer"}`,
		`{"access_token":"a\r\nX: y","token_type":"Bearer"}`, `{"access_token":"abc","token_type":"mac"}`} {
		k := &tokens{}
		require.Equal(t, CauseToken, down(t, k.take(200, []byte(body), at)).Cause, body)
		require.Empty(t, k.value)
	}
}

// A token that was withdrawn is replaced once; a second refusal is final.
func TestATokenThatIsNoLongerGood(t *testing.T) {
	s, p := newService(t)
	s.hold(number1, adaHeld)
	require.Equal(t, Matched, one(t, p, adaOf).Outcome)
	s.tokens = append(s.tokens, "another")
	require.Equal(t, Matched, one(t, p, adaOf).Outcome)
	require.Len(t, s.assertions, 2)

	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
	before := len(s.requests())
	_, err := p.Match(context.Background(), []Query{adaOf})
	d := down(t, err)
	require.Equal(t, CauseRefused, d.Cause)
	require.Equal(t, 401, d.Status)
	require.Len(t, s.requests(), before+2)
}

func TestTheTokenEndpointRefuses(t *testing.T) {
	for _, c := range []struct {
		about  string
		change func(*PDSConfig)
		before func(http.ResponseWriter) bool
		want   Down
	}{
		{"another audience", func(c *PDSConfig) { c.Token += "?" }, nil, Down{CauseToken, 400, "invalid_request about aud"}},
		{"another application", func(c *PDSConfig) { c.APIKey = "another" }, nil, Down{CauseToken, 400, "invalid_request about iss, sub"}},
		{"an unknown key", func(c *PDSConfig) { c.KeyID = "another" }, nil, Down{CauseToken, 400, "invalid_request about signature"}},
		{"in words of its own", nil, func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error":"%s","error_description":"aud"}`, number1)
			return false
		}, Down{Cause: CauseToken, Status: 400}},
		{"401", nil, func(w http.ResponseWriter) bool { w.WriteHeader(401); return false }, Down{Cause: CauseToken, Status: 401}},
		{"a page", nil, func(w http.ResponseWriter) bool { fmt.Fprint(w, "<html>"); return false }, Down{Cause: CauseToken, Status: 200}},
		{"no token", nil, func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"token_type":"Bearer","expires_in":"599"}`)
			return false
		}, Down{Cause: CauseToken, Status: 200}},
		{"503 for ever", nil, func(w http.ResponseWriter) bool { w.WriteHeader(503); return false }, Down{Cause: CauseServer, Status: 503}},
	} {
		t.Run(c.about, func(t *testing.T) {
			var change []func(*PDSConfig)
			if c.change != nil {
				change = append(change, c.change)
			}
			s, p := newService(t, change...)
			s.beforeTok = c.before
			_, err := p.Match(context.Background(), []Query{adaOf})
			require.Equal(t, c.want, *down(t, err))
			require.Empty(t, s.requests(), "nothing is asked without a token")
			tells(t, err)
		})
	}
}

// The endpoint is busy once; the same request then goes on.
func TestTheTokenEndpointIsBusyAndThenAnswers(t *testing.T) {
	s, p := newService(t)
	s.hold(number1, adaHeld)
	left := 1
	s.beforeTok = func(w http.ResponseWriter) bool {
		if left--; left < 0 {
			return true
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return false
	}
	require.Equal(t, Matched, one(t, p, adaOf).Outcome)
	require.Len(t, s.waits, 1)
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	write := func(kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), "key.pem")
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(signingKey())
	require.NoError(t, err)
	good := PDSConfig{Base: "https://pds.example/FHIR/R4/", Token: "https://pds.example/oauth2/token", APIKey: "a", KeyID: "b", KeyFile: write("PRIVATE KEY", pkcs8)}
	p, err := NewPDS(good)
	require.NoError(t, err)
	require.Equal(t, "https://pds.example/FHIR/R4", p.cfg.Base)

	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	wrong, err := x509.MarshalPKCS8PrivateKey(ec)
	require.NoError(t, err)
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for about, change := range map[string]func(*PDSConfig){
		"http":            func(c *PDSConfig) { c.Base = "http://pds.example/FHIR/R4" },
		"http by name":    func(c *PDSConfig) { c.Base = "http://localhost/FHIR/R4" },
		"not an address":  func(c *PDSConfig) { c.Base = "pds" },
		"a query":         func(c *PDSConfig) { c.Base += "?a=b" },
		"a user":          func(c *PDSConfig) { c.Token = "https://a:b@pds.example/oauth2/token" },
		"no token":        func(c *PDSConfig) { c.Token = "" },
		"no API key":      func(c *PDSConfig) { c.APIKey = "" },
		"no key id":       func(c *PDSConfig) { c.KeyID = "" },
		"no key":          func(c *PDSConfig) { c.KeyFile = filepath.Join(t.TempDir(), "none") },
		"another key":     func(c *PDSConfig) { c.KeyFile = write("PRIVATE KEY", wrong) },
		"a short key":     func(c *PDSConfig) { c.KeyFile = write("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short)) },
		"a negative rate": func(c *PDSConfig) { c.Rate = -1 },
		"no ODS code":     func(c *PDSConfig) { c.Organisation = "D9X1A\r\nX: y" },
		"too many":        func(c *PDSConfig) { c.InFlight = 1000 },
	} {
		c := good
		change(&c)
		_, err := NewPDS(c)
		require.Error(t, err, about)
	}
}
