package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// sign makes a token.
func (t *tokenMaker) sign(claims map[string]any) (string, error) {
	return signES256(t.key, map[string]string{"alg": "ES256", "kid": demoKeyID, "typ": "at+jwt"}, claims)
}

// signES256 makes a compact JWS. The JWT library stays behind the edge, which
// only ever verifies; the demo is the one thing here that issues.
func signES256(key *ecdsa.PrivateKey, head map[string]string, claims map[string]any) (string, error) {
	header, err := json.Marshal(head)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString(header) + "." + b64.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64.EncodeToString(sig[:]), nil
}
