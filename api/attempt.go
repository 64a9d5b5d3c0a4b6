package api

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"custos/api/signin"
	"custos/ledger"
)

// attempt is a sign-in under way. The browser keeps it, sealed for the nodes of this log alone: whoever begins
// a thousand of them fills nobody's memory, and any node can finish what another began.
type attempt struct {
	signin.Attempt
	Provider string
	Level    string // the assurance that was asked for; empty: the least
	To       string // the page to go on with
	Until    int64  // Unix seconds
}

const (
	attemptCookie = "__Host-custos-attempt"
	attemptLife   = 10 * time.Minute
)

// attempts seals attempts under a key that all nodes of the log derive alike.
type attempts struct{ aead cipher.AEAD }

func newAttempts(keys *ledger.Keyring) (attempts, error) {
	a, b := keys.Tag("sign-in attempt", "key", "1"), keys.Tag("sign-in attempt", "key", "2")
	block, err := aes.NewCipher(append(a[:], b[:]...))
	if err != nil {
		return attempts{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return attempts{aead}, err
}

func (a attempts) seal(x attempt) (string, error) {
	b, err := json.Marshal(x)
	if err != nil {
		return "", err
	}
	sealed := a.aead.Seal(nil, nil, b, []byte(attemptCookie)) //nolint:gosec // it draws its own nonce
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// open returns the attempt that a browser holds, unless it is over.
func (a attempts) open(r *http.Request, now time.Time) (x attempt, ok bool) {
	c, err := r.Cookie(attemptCookie)
	if err != nil {
		return x, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
	if err != nil {
		return x, false
	}
	b, err := a.aead.Open(nil, nil, sealed, []byte(attemptCookie))
	if err != nil || json.Unmarshal(b, &x) != nil || now.Unix() >= x.Until {
		return attempt{}, false
	}
	return x, true
}
