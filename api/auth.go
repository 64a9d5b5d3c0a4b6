package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"custos/api/signin"
)

// VerifierConfig says whose tokens are accepted. Nothing in it may be left empty but what says so.
type VerifierConfig struct {
	Audience string // the only aud a token may carry
	Issuers  []IssuerConfig
	Leeway   time.Duration    // between clocks, at most 30 s; zero: 10 s; negative: none
	Now      func() time.Time // nil: time.Now
	Cached   int              // verified tokens kept; zero: 16,384; negative: verify every time
	Poll     time.Duration    // how often key files are looked at; zero: 5 s; negative: these and addresses only by Reload
	Logger   *slog.Logger     // told of key files that changed or cannot be used; nil: slog.Default
}

// IssuerConfig is one issuer, its keys, and what it may say of people.
type IssuerConfig struct {
	Issuer        string            // iss, character for character
	Methods       []string          // of ES256, EdDSA, RS256, RS512
	Keys          string            // a JWKS file, or
	own           issuerOwn         // or, of tokens that we give ourselves, the key
	KeysURL       string            // the address of its JWKS: https, or on this machine; asked again without a restart
	MaxLifetime   time.Duration     // exp - iat; zero: 1 h
	Roles         []string          // roles it may assert in custos_role; empty with CIS2
	Organisations []string          // ODS codes it may speak for; empty: any
	MinAssurance  string            // AAL2 or AAL3, of CIS2 AAL2 unless given; of others also AAL1; empty: what does not say AAL1
	Assurance     map[string]string // levels of acr values that do not name one themselves
	CIS2          bool              // claims as NHS CIS2 gives them, read through Map
	Map           []RoleMapping     // the first that fits decides
}

// RoleMapping gives the holder of an activity code (B0107), job role code (R8000) or whole role code a role.
type RoleMapping struct{ Code, Role string }

// CIS2Mapping is the national one: B0107 looks children up in unscheduled care, B0170 in scheduled care.
var CIS2Mapping = []RoleMapping{{"B0107", "clinician"}, {"B0170", "scheduled-clinician"}}

// Verifier checks bearer tokens. Its methods may be called at once.
type Verifier struct {
	audience string
	issuers  []issuer
	leeway   time.Duration
	now      func() time.Time
	cached   int
	log      *slog.Logger

	// state is replaced whole when a key file changes: the verified tokens go with the keys that verified
	// them, and a token that is being verified meanwhile lands in a cache that nobody reads any more.
	state atomic.Pointer[verifierState]

	reload sync.Mutex      // held while key files are read, and while fetched keys are put into use
	seen   [][32]byte      // per issuer: hash of the file last looked at, good or bad; under reload
	open   context.Context // ends with Close
	close  context.CancelFunc
	done   sync.WaitGroup
}

type issuer struct {
	IssuerConfig
	claims *jwt.Validator
	remote *remoteKeys // nil: its keys are a file's
}

type verifierState struct {
	keys  []map[string]verifyingKey // per issuer, by kid
	cache *tokenCache               // nil: none
}

// NewVerifier reads the keys and starts watching their files until Close. Keys behind an address are fetched
// meanwhile: a service whose identity provider is down starts without them. It refuses a configuration with
// which a check would be off: golang-jwt turns the check of an empty issuer, audience or method off in silence.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	v := &Verifier{audience: cfg.Audience, leeway: cfg.Leeway, now: cfg.Now, cached: cfg.Cached, log: cfg.Logger}
	v.open, v.close = context.WithCancel(context.Background())
	if v.now == nil {
		v.now = time.Now
	}
	if v.log == nil {
		v.log = slog.Default()
	}
	if v.leeway == 0 {
		v.leeway = 10 * time.Second
	}
	v.leeway = max(v.leeway, 0)
	if v.cached == 0 {
		v.cached = 1 << 14
	}
	switch {
	case v.audience == "":
		return nil, errors.New("tokens: no audience is configured")
	case len(cfg.Issuers) == 0:
		return nil, errors.New("tokens: no issuer is configured")
	case v.leeway > 30*time.Second:
		return nil, errors.New("tokens: the leeway is more than 30 s")
	}
	for _, c := range cfg.Issuers {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("tokens of issuer %q: %w", c.Issuer, err)
		}
		for _, other := range v.issuers {
			if other.Issuer == c.Issuer {
				return nil, fmt.Errorf("tokens of issuer %q: it is configured twice", c.Issuer)
			}
		}
		is := issuer{IssuerConfig: c, claims: jwt.NewValidator(
			jwt.WithIssuer(c.Issuer), jwt.WithAudience(v.audience), jwt.WithLeeway(v.leeway), jwt.WithTimeFunc(v.now),
			jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithIssuedAt())}
		if c.KeysURL != "" {
			is.remote = newRemoteKeys(v, len(v.issuers))
		}
		v.issuers = append(v.issuers, is)
	}
	v.seen = make([][32]byte, len(v.issuers))
	first := &verifierState{keys: make([]map[string]verifyingKey, len(v.issuers))}
	for i := range v.issuers {
		first.keys[i] = v.issuers[i].own
	}
	v.state.Store(v.next(first))
	if err := v.load(true); err != nil {
		return nil, err
	}
	if cfg.Poll < 0 {
		return v, nil
	}
	if cfg.Poll == 0 {
		cfg.Poll = 5 * time.Second
	}
	v.done.Go(func() { v.watch(cfg.Poll) })
	for i := range v.issuers {
		if k := v.issuers[i].remote; k != nil {
			v.done.Go(func() { k.run(keysEvery) })
		}
	}
	return v, nil
}

// check fills in what may be left empty, and refuses what may not.
func (is *IssuerConfig) check() error {
	if is.Issuer == "" || len(is.Methods) == 0 || is.own == nil && (is.Keys == "") == (is.KeysURL == "") {
		return errors.New("issuer, methods and keys, from a file or an address, must be given")
	}
	if is.KeysURL != "" {
		if err := signin.CheckAddress(is.KeysURL); err != nil {
			return fmt.Errorf("the address of its keys: %w", err)
		}
	}
	for _, m := range is.Methods {
		if !slices.Contains([]string{"ES256", "EdDSA", "RS256", "RS512"}, m) {
			return errors.New("methods are of ES256, EdDSA, RS256 and RS512")
		}
	}
	if is.MaxLifetime == 0 {
		is.MaxLifetime = time.Hour
	}
	if is.MaxLifetime < 0 {
		return errors.New("the longest lifetime is negative")
	}
	if !slices.Contains([]string{"", "AAL1", "AAL2", "AAL3"}, is.MinAssurance) {
		return errors.New("the least assurance is one of AAL1, AAL2 and AAL3")
	}
	if is.CIS2 && is.MinAssurance == "" {
		is.MinAssurance = leastToSignIn
	}
	if is.CIS2 && is.MinAssurance < leastToSignIn {
		return errors.New("the least assurance of CIS2 is AAL2 or AAL3")
	}
	for _, level := range is.Assurance {
		if !slices.Contains([]string{"AAL1", "AAL2", "AAL3"}, level) {
			return errors.New("an acr stands for one of AAL1, AAL2 and AAL3")
		}
	}
	if is.CIS2 {
		if len(is.Roles) > 0 {
			return errors.New("a CIS2 issuer's roles come from its mapping")
		}
		for _, m := range is.Map {
			if m.Code == "" {
				return errors.New("a mapping has no code")
			}
			is.Roles = append(is.Roles, m.Role)
		}
	} else if len(is.Map) > 0 {
		return errors.New("only a CIS2 issuer has a mapping")
	}
	if len(is.Roles) == 0 {
		return errors.New("it may assert no role")
	}
	for _, r := range is.Roles {
		if !slices.Contains(Roles, r) {
			return fmt.Errorf("there is no role %q", r)
		}
	}
	return nil
}

// Verify finds out who sent the request with these Authorization headers. The Problem says in one code why
// it cannot; the order of the checks is the order in which each makes the next one safe.
func (v *Verifier) Verify(authorization []string) (*Identity, *Problem) {
	token, p := bearer(authorization)
	if p != nil {
		return nil, p
	}
	s := v.state.Load()
	hash := hashToken(token)
	if s.cache != nil {
		if id := s.cache.get(hash); id != nil {
			if p := v.stillValid(id); p != nil {
				return nil, p
			}
			return id, nil
		}
	}
	id, p := v.verify(s, token)
	if p != nil {
		if p.who != nil {
			p.who.TokenHash = hash
		}
		return nil, p
	}
	id.TokenHash = hash
	if s.cache != nil {
		s.cache.put(hash, id)
	}
	return id, nil
}

func (v *Verifier) verify(s *verifierState, token string) (*Identity, *Problem) {
	t, p := parseToken(token)
	if p != nil {
		return nil, p
	}
	n := slices.IndexFunc(v.issuers, func(i issuer) bool { return i.Issuer == t.claims.Issuer })
	if n < 0 {
		return nil, problem("token-issuer")
	}
	is := &v.issuers[n]
	if !slices.Contains(is.Methods, t.header.Algorithm) {
		return nil, problem("token-algorithm")
	}
	key, p := v.key(s, n, t.header.KeyID, t.header.Algorithm)
	if p != nil {
		return nil, p
	}
	if jwt.GetSigningMethod(key.algorithm).Verify(t.signed, t.signature, key.public) != nil {
		return nil, problem("token-signature")
	}
	c := &t.claims
	if len(c.Audience) != 1 || c.Audience[0] != v.audience {
		return nil, problem("token-audience")
	}
	const year2200 = 7258118400 // in nanoseconds too it fits 64 bits
	if c.Expires <= 0 || c.Expires > year2200 || c.IssuedAt <= 0 || c.IssuedAt > year2200 ||
		c.NotBefore <= 0 || c.NotBefore > year2200 || c.Expires <= c.IssuedAt {
		return nil, badClaim("exp, iat or nbf")
	}
	if err := is.claims.Validate(c); err != nil {
		switch {
		case errors.Is(err, jwt.ErrTokenExpired):
			return nil, problem("token-expired")
		case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
			return nil, problem("token-not-yet-valid")
		}
		return nil, problem("token-claims")
	}
	if c.Expires-c.IssuedAt > int64(is.MaxLifetime/time.Second) {
		return nil, problem("token-lifetime")
	}
	return is.identity(c, t.header.KeyID)
}

// stillValid repeats the checks that time alone can change.
func (v *Verifier) stillValid(id *Identity) *Problem {
	now, leeway := v.now().UnixNano(), int64(v.leeway)
	if now >= id.Expires*int64(time.Second)+leeway {
		return problem("token-expired")
	}
	if now < id.NotBefore*int64(time.Second)-leeway {
		return problem("token-not-yet-valid")
	}
	return nil
}

// left is how much longer a token can be taken, as far as time alone says.
func (v *Verifier) left(id *Identity) time.Duration {
	return time.Unix(id.Expires, 0).Add(v.leeway).Sub(v.now())
}

// Reload reads every key file and asks every address now. An issuer whose keys cannot be used keeps those it
// had, and the error says so. Tokens of a key that is gone are refused from here on.
func (v *Verifier) Reload() error {
	errs := []error{v.load(true)}
	for i := range v.issuers {
		if k := v.issuers[i].remote; k != nil {
			errs = append(errs, k.fetch())
		}
	}
	return errors.Join(errs...)
}

// load reads the key files; unless all, those alone that are not what was seen last.
func (v *Verifier) load(all bool) error {
	v.reload.Lock()
	defer v.reload.Unlock()
	next := v.next(v.state.Load())
	changed := false
	var errs []error
	for i := range v.issuers {
		is := &v.issuers[i]
		if is.remote != nil || is.own != nil {
			continue
		}
		keys, text, err := readKeys(is.Keys, is.Methods)
		hash := sha256.Sum256(text)
		if !all && hash == v.seen[i] {
			continue // unchanged; or still as bad as when it was reported
		}
		v.seen[i] = hash
		if err != nil {
			err = fmt.Errorf("keys of issuer %q: %w", is.Issuer, err)
			v.log.Error("key file not used; the last good keys stay", "issuer", is.Issuer, "error", err, "keys", len(next.keys[i]))
			errs = append(errs, err)
			continue
		}
		v.log.Info("keys loaded", "issuer", is.Issuer, "keys", len(keys))
		next.keys[i] = keys
		changed = true
	}
	if changed {
		v.state.Store(next)
	}
	return errors.Join(errs...)
}

// next is a state to be changed and put into use: the same keys, and no verified token yet.
func (v *Verifier) next(now *verifierState) *verifierState {
	s := &verifierState{keys: slices.Clone(now.keys)}
	if v.cached > 0 {
		s.cache = newTokenCache(v.cached)
	}
	return s
}

func (v *Verifier) watch(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-v.open.Done():
			return
		case <-tick.C:
			_ = v.load(false) // already logged; the last good keys stay
		}
	}
}

// Close stops watching the keys. Verify goes on working.
func (v *Verifier) Close() error {
	v.close()
	v.done.Wait()
	return nil
}
