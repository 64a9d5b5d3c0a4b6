package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// The demo's program finds where to ask, signs for a token with its own key, and
// is answered in its one role; the same assertion again gets nothing.
func TestTheDemosProgramGetsAToken(t *testing.T) {
	o := newOffice(t)
	ask := func(r *http.Request, err error, want int, into any) {
		t.Helper()
		require.NoError(t, err)
		a, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer func() { _ = a.Body.Close() }()
		require.Equal(t, want, a.StatusCode)
		require.NoError(t, json.NewDecoder(a.Body).Decode(into))
	}
	var smart struct {
		Issuer   string `json:"issuer"`
		Endpoint string `json:"token_endpoint"`
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+"/.well-known/smart-configuration", nil)
	ask(r, err, http.StatusOK, &smart)
	require.Equal(t, demoTokens, smart.Issuer)
	require.Equal(t, o.url+"/oauth2/token", smart.Endpoint)

	key, err := readSigningKey(filepath.Join(filepath.Dir(o.data), "secrets", "program.pem"))
	require.NoError(t, err)
	assertion, err := signES256(key, map[string]string{"alg": "ES256", "kid": demoProgramKey},
		map[string]any{"iss": demoProgram, "sub": demoProgram, "aud": smart.Endpoint, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": uuid.NewString()})
	require.NoError(t, err)
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
	var token struct {
		Access string `json:"access_token"`
		Life   int    `json:"expires_in"`
		Error  string `json:"error"`
	}
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		a, err := http.PostForm(smart.Endpoint, form)
		require.NoError(t, err)
		require.Equal(t, want, a.StatusCode)
		require.NoError(t, json.NewDecoder(a.Body).Decode(&token))
		require.NoError(t, a.Body.Close())
	}
	require.Equal(t, "invalid_client", token.Error)
	require.Equal(t, 300, token.Life)
	for path, want := range map[string]int{"/v1/directory": http.StatusOK, "/v1/reviews": http.StatusForbidden} {
		var got map[string]any
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+path, nil)
		r.Header.Set("Authorization", "Bearer "+token.Access)
		ask(r, err, want, &got)
	}
}
