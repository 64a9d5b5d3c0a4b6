package api

import (
	"crypto/sha256"
	"strings"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

const (
	tokenMaxBytes = 8 << 10
	kidMaxBytes   = 64
	accessType    = "at+jwt" // RFC 9068; an ID token or a logout token is not an access token
)

// tokenHeader is all that a header may hold. Everything else, crit and b64 and embedded keys among it,
// is refused by its name: golang-jwt v5.3.1 ignores all of them.
type tokenHeader struct {
	Algorithm string `json:"alg" strict:"required"`
	KeyID     string `json:"kid" strict:"required"`
	Type      string `json:"typ" strict:"required"`
}

// parsedToken is a token taken apart strictly. Nothing in it is trusted before its signature is checked.
type parsedToken struct {
	signed    string // what the signature covers
	signature []byte
	header    tokenHeader
	claims    claims
}

// segments decodes base64url so that each token has one spelling only.
var segments = jwt.NewParser(jwt.WithStrictDecoding())

// bearer finds the one bearer token in the Authorization headers.
func bearer(authorization []string) (string, *Problem) {
	const scheme = "Bearer "
	if len(authorization) == 0 {
		return "", problem("token-missing")
	}
	h := authorization[0]
	if len(authorization) > 1 || len(h) > len(scheme)+tokenMaxBytes {
		return "", problem("token-malformed")
	}
	if len(h) <= len(scheme) || !strings.EqualFold(h[:len(scheme)], scheme) {
		return "", problem("token-missing")
	}
	return h[len(scheme):], nil
}

// tokenParts are a token's three segments, decoded, and what its signature covers.
type tokenParts struct {
	signed                     string
	header, payload, signature []byte
}

// takeApart decodes three segments of base64url, each in the one spelling it has.
func takeApart(token string) (t tokenParts, ok bool) {
	dot := [2]int{}
	dots := 0
	for i := range len(token) {
		switch c := token[i]; {
		case c == '.':
			if dots == 2 {
				return t, false
			}
			dot[dots] = i
			dots++
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default: // among them the line breaks that encoding/base64 passes over
			return t, false
		}
	}
	if dots != 2 {
		return t, false
	}
	t.signed = token[:dot[1]]
	var errs [3]error
	t.header, errs[0] = segments.DecodeSegment(token[:dot[0]])
	t.payload, errs[1] = segments.DecodeSegment(token[dot[0]+1 : dot[1]])
	t.signature, errs[2] = segments.DecodeSegment(token[dot[1]+1:])
	return t, errs == [3]error{}
}

// parseToken takes an access token apart: three segments, one header of three known members, claims without
// doubles and without names that differ from a known one by case alone.
func parseToken(token string) (*parsedToken, *Problem) {
	parts, ok := takeApart(token)
	if !ok {
		return nil, problem("token-malformed")
	}
	t := parsedToken{signed: parts.signed, signature: parts.signature}
	if err := decodeStrictBytes(parts.header, &t.header); err != nil {
		return nil, problem("token-malformed").with("The header holds alg, kid and typ, once each, and nothing else.")
	}
	if t.header.Type != accessType {
		return nil, problem("token-type")
	}
	if !validKeyID(t.header.KeyID) {
		return nil, problem("token-key-unknown")
	}
	if err := decodeStrictBytes(parts.payload, &t.claims); err != nil {
		return nil, problem("token-claims").with("A required claim is missing, doubled, in other letters or of the wrong type.")
	}
	return &t, nil
}

// validKeyID keeps key ids to what can be written in a log line and looked up in memory.
func validKeyID(kid string) bool {
	return 0 < len(kid) && len(kid) <= kidMaxBytes && madeOf(kid, "._-")
}

// madeOf tells whether s is of ASCII letters, digits and the bytes of more.
func madeOf(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte(more, c) >= 0) {
			return false
		}
	}
	return true
}

func hashToken(token string) [32]byte {
	var b [2048]byte // a token longer than this costs an allocation
	if len(token) <= len(b) {
		return sha256.Sum256(b[:copy(b[:], token)])
	}
	return sha256.Sum256([]byte(token))
}

// tokenCache remembers verified tokens by hash, in two generations per shard: when the young one is full it
// becomes the old one, whose members come back when they are used. So it is bounded, and what is in use stays.
type tokenCache struct {
	shards [16]cacheShard
	young  int // the most a young generation holds
}

type cacheShard struct {
	mu         sync.RWMutex
	young, old map[[32]byte]*Identity
}

func newTokenCache(tokens int) *tokenCache {
	return &tokenCache{young: max(1, tokens/(2*16))}
}

func (c *tokenCache) get(hash [32]byte) *Identity {
	s := &c.shards[hash[0]%16]
	s.mu.RLock()
	id := s.young[hash]
	fresh := id != nil
	if !fresh {
		id = s.old[hash]
	}
	s.mu.RUnlock()
	if id != nil && !fresh {
		c.put(hash, id)
	}
	return id
}

func (c *tokenCache) put(hash [32]byte, id *Identity) {
	s := &c.shards[hash[0]%16]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young == nil || len(s.young) >= c.young {
		s.old, s.young = s.young, make(map[[32]byte]*Identity)
	}
	s.young[hash] = id
}
