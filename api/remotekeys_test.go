package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// keyServer serves a JWKS that a test changes.
type keyServer struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func newKeyServer(t *testing.T) *keyServer {
	k := &keyServer{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		(*k.answer.Load())(w, r)
	}))
	t.Cleanup(k.Close)
	k.down()
	return k
}

func (k *keyServer) serve(h http.HandlerFunc) { k.answer.Store(&h) }

func (k *keyServer) down() {
	k.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
}

func (k *keyServer) text(s string) {
	k.serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) })
}

func (k *keyServer) publish(t *testing.T, a *authority, kids ...string) {
	keys := []any{}
	for _, kid := range kids {
		keys = append(keys, a.jwk(t, kid))
	}
	b, err := json.Marshal(object{"keys": keys})
	require.NoError(t, err)
	k.text(string(b))
}

func (k *keyServer) verifier(t *testing.T, a *authority, change ...func(*VerifierConfig)) *Verifier {
	return a.verifier(t, append(change, func(c *VerifierConfig) { c.Issuers[0].Keys, c.Issuers[0].KeysURL = "", k.URL })...)
}

// A22, A23: a service starts while its identity provider is down, and says so to whoever has a token of it;
// keys then come and go without a restart, and verified tokens stay as long as the keys do.
func TestKeysFromAnAddress(t *testing.T) {
	a, k := newAuthority(t), newKeyServer(t)
	v := k.verifier(t, a)
	code := func(token string) string {
		if _, p := v.Verify([]string{"Bearer " + token}); p != nil {
			return p.Code
		}
		return ""
	}
	ec, ed, cis := a.token(t, "ec", a.claims(nil)), a.token(t, "ed", a.claims(nil)), a.token(t, "r512", a.cis2Claims(nil))
	require.Equal(t, "token-keys-unavailable", code(ec))
	require.Equal(t, 503, problems["token-keys-unavailable"].status)
	require.Empty(t, code(cis), "the other issuer's tokens are good meanwhile")
	require.Error(t, v.Reload())
	require.Equal(t, "token-keys-unavailable", code(ec))

	k.publish(t, a, "ec")
	require.NoError(t, v.Reload())
	require.Empty(t, code(ec))
	require.Equal(t, "token-key-unknown", code(ed))

	state := v.state.Load()
	require.NoError(t, v.issuers[0].remote.fetch())
	require.Same(t, state, v.state.Load(), "the same keys: verified tokens stay")

	k.publish(t, a, "ed", "ec")
	require.NoError(t, v.issuers[0].remote.fetch())
	require.NotSame(t, state, v.state.Load())
	require.Empty(t, code(ed))
	state = v.state.Load()
	k.publish(t, a, "ec", "ed")
	require.NoError(t, v.issuers[0].remote.fetch())
	require.Same(t, state, v.state.Load(), "in another order they are the same keys")

	k.publish(t, a, "ed")
	require.NoError(t, v.issuers[0].remote.fetch())
	require.Equal(t, "token-key-unknown", code(ec), "though it was cached")
	require.Empty(t, code(ed))
}

// What cannot be used changes nothing, for a day; after that nobody vouches for the keys.
func TestBadAnswersLeaveTheKeys(t *testing.T) {
	a, k := newAuthority(t), newKeyServer(t)
	v := k.verifier(t, a)
	ec := []string{"Bearer " + a.token(t, "ec", a.claims(object{"exp": a.now.Unix() + 3000}))}
	k.publish(t, a, "ec")
	require.NoError(t, v.Reload())
	private := a.jwk(t, "ec")
	private["d"] = "c2VjcmV0"
	b, err := json.Marshal(object{"keys": []any{private}})
	require.NoError(t, err)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, h := range map[string]http.HandlerFunc{
		"HTML":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>sign in</html>")) },
		"none":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"private":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) },
		"not found": http.NotFound,
		"redirect":  http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP,
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for line := []byte(strings.Repeat(" ", 1<<16)); ; {
				if _, err := w.Write(line); err != nil {
					return // read no further than the bound
				}
			}
		},
	} {
		k.serve(h)
		require.Error(t, v.Reload(), name)
		_, p := v.Verify(ec)
		require.Nil(t, p, name)
	}
	day := a.now.Add(keysMaxAge)
	fresh := []string{"Bearer " + a.token(t, "ec", a.claims(object{"iat": day.Unix(), "nbf": day.Unix(), "exp": day.Unix() + 60}))}
	a.now = day
	require.Error(t, v.Reload())
	_, p := v.Verify(fresh)
	require.Nil(t, p)
	a.now = day.Add(time.Second)
	require.Error(t, v.Reload())
	_, p = v.Verify(fresh)
	require.Equal(t, "token-keys-unavailable", p.Code)
	k.publish(t, a, "ec")
	require.NoError(t, v.Reload())
	_, p = v.Verify(fresh)
	require.Nil(t, p)
}

// A8: a key that is not known is asked for at once, and once a minute at most, however many are invented.
func TestUnknownKeysAreAskedFor(t *testing.T) {
	a, k := newAuthority(t), newKeyServer(t)
	var now atomic.Int64
	now.Store(a.now.Unix())
	k.publish(t, a, "ec")
	v := k.verifier(t, a, func(c *VerifierConfig) {
		c.Poll, c.Now = time.Hour, func() time.Time { return time.Unix(now.Load(), 0) }
	})
	good := func(kid string) bool {
		_, p := v.Verify([]string{"Bearer " + a.token(t, kid, a.claims(nil))})
		return p == nil
	}
	require.Eventually(t, func() bool { return good("ec") }, 10*time.Second, time.Millisecond, "fetched at start")
	k.publish(t, a, "ec", "ed")
	invented := func() {
		for i := range 10_000 {
			_, p := v.Verify([]string{"Bearer " + a.sign(t, "ec", merged(a.header("ec"), object{"kid": "k" + strconv.Itoa(i)}), a.claims(nil))})
			require.Equal(t, "token-key-unknown", p.Code)
		}
	}
	before := k.asked.Load()
	invented()
	require.False(t, good("ed"))
	require.Equal(t, before, k.asked.Load(), "the minute is not over")
	now.Add(60)
	require.False(t, good("ed"), "nobody waits for the fetch")
	require.Eventually(t, func() bool { return good("ed") }, 10*time.Second, time.Millisecond, "without a restart")
	invented()
	require.Equal(t, before+1, k.asked.Load())
}
