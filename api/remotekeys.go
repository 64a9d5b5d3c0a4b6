package api

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"custos/api/signin"
)

const (
	keysEvery   = 5 * time.Minute
	keysAskedBy = time.Minute    // between two fetches for tokens whose key is not known
	keysMaxAge  = 24 * time.Hour // keys that could not be fetched for so long are no longer believed
)

// remoteKeys fetches one issuer's JWKS from its address: at start, every few minutes, and when a token names a
// key that is not known, though for that at most once a minute, whatever is sent to us. No request waits for
// it but a sign-in, and nothing is locked while the issuer is asked.
type remoteKeys struct {
	v      *Verifier
	issuer int
	client *http.Client
	ask    chan struct{} // somebody wants a key that is not known

	mu      sync.Mutex
	seen    [32]byte      // hash of the set last fetched, good or bad
	good    time.Time     // when the set in use was last confirmed
	tried   time.Time     // when the last fetch was begun, by the verifier's clock
	ended   chan struct{} // closed when the fetch that is wanted has ended; nil: none is wanted
	failing bool
}

func newRemoteKeys(v *Verifier, issuer int) *remoteKeys {
	return &remoteKeys{v: v, issuer: issuer, client: signin.NewClient(), ask: make(chan struct{}, 1)}
}

// run fetches until the verifier is closed. After a failure it comes back sooner, then ever later.
func (k *remoteKeys) run(every time.Duration) {
	pause := time.Second
	for {
		wait := every
		if k.fetch() != nil {
			wait, pause = min(pause, every), min(2*pause, keysEvery)
		} else {
			pause = time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-k.v.open.Done():
			timer.Stop()
			return
		case <-k.ask:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// want asks for a fetch because a key is not known. It returns what is closed when that fetch has ended, or nil
// if none will be made now.
func (k *remoteKeys) want() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended != nil {
		return k.ended
	}
	if !k.tried.IsZero() && k.v.now().Sub(k.tried) < keysAskedBy {
		return nil
	}
	select {
	case k.ask <- struct{}{}:
	default:
	}
	k.ended = make(chan struct{})
	return k.ended
}

// fetch asks once and puts what came into use. Keys that are as they were leave everything as it was, the
// verified tokens among it.
func (k *remoteKeys) fetch() error {
	is := &k.v.issuers[k.issuer]
	k.mu.Lock()
	select {
	case <-k.ask: // whoever asked until now is answered by this fetch, and needs no other
	default:
	}
	k.tried = k.v.now()
	if k.ended == nil {
		k.ended = make(chan struct{})
	}
	k.mu.Unlock()

	text, err := k.get(is.KeysURL)
	var keys map[string]verifyingKey
	if err == nil {
		keys, err = parseKeys(text, is.Methods)
	}

	k.mu.Lock()
	defer k.mu.Unlock()
	defer func() { close(k.ended); k.ended = nil }()
	if err != nil {
		err = fmt.Errorf("keys of issuer %q: %w", is.Issuer, err)
		stale := !k.good.IsZero() && k.v.now().Sub(k.good) > keysMaxAge
		if stale {
			k.v.replace(k.issuer, nil)
			k.good, k.seen = time.Time{}, [32]byte{}
		}
		if !k.failing || stale {
			k.v.log.Error("keys not fetched; the last good keys stay for a day", "issuer", is.Issuer, "error", err, "dropped", stale)
		}
		k.failing = true
		return err
	}
	k.good = k.v.now()
	hash := sha256.Sum256(text)
	if hash == k.seen && !k.failing {
		return nil
	}
	k.seen, k.failing = hash, false
	if k.v.replace(k.issuer, keys) {
		k.v.log.Info("keys loaded", "issuer", is.Issuer, "keys", len(keys))
	}
	return nil
}

func (k *remoteKeys) get(address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(k.v.open, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address cannot be asked")
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := k.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetching keys: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // what was read of it is all that counts
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching keys: the answer's status is %d", answer.StatusCode)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	return text, nil
}

// replace puts an issuer's keys into use, unless they are those it has, and reports whether it did.
func (v *Verifier) replace(issuer int, keys map[string]verifyingKey) bool {
	v.reload.Lock()
	defer v.reload.Unlock()
	now := v.state.Load()
	if maps.EqualFunc(now.keys[issuer], keys, sameKey) {
		return false
	}
	next := v.next(now)
	next.keys[issuer] = keys
	v.state.Store(next)
	return true
}

func sameKey(a, b verifyingKey) bool {
	public, ok := a.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && a.algorithm == b.algorithm && public.Equal(b.public)
}

// key finds the key of a token, and says in one code why it cannot. One that is not known is asked for, of an
// issuer whose keys are fetched, and the caller is told at once that it is not.
func (v *Verifier) key(s *verifierState, n int, kid, algorithm string) (verifyingKey, *Problem) {
	if !validKeyID(kid) {
		return verifyingKey{}, problem("token-key-unknown")
	}
	key, ok := s.keys[n][kid]
	switch {
	case ok && key.algorithm == algorithm:
		return key, nil
	case ok:
		return verifyingKey{}, problem("token-algorithm")
	}
	if remote := v.issuers[n].remote; remote != nil {
		remote.want()
		if len(s.keys[n]) == 0 {
			return verifyingKey{}, problem("token-keys-unavailable")
		}
	}
	return verifyingKey{}, problem("token-key-unknown")
}
