package api

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
)

const keyFileMax = 1 << 20

// verifyingKey is a public key and the one algorithm it may be used with.
type verifyingKey struct {
	algorithm string
	public    crypto.PublicKey
}

// jwk is RFC 7517's key. It may hold members that we do not read (certificates, for one).
type jwk struct {
	_         struct{} `strict:"open"`
	Type      string   `json:"kty" strict:"required"`
	ID        string   `json:"kid" strict:"required"`
	Use       string   `json:"use" strict:"required"`
	Algorithm string   `json:"alg"`
	Curve     string   `json:"crv"`
	X         string   `json:"x"`
	Y         string   `json:"y"`
	N         string   `json:"n"`
	E         string   `json:"e"`
	Private   string   `json:"d"`
	Secret    string   `json:"k"`
}

type jwkSet struct {
	_    struct{} `strict:"open"`
	Keys []jwk    `json:"keys" strict:"required"`
}

// readKeys reads a JWKS file. A key for encryption, or for an algorithm outside methods, is passed over;
// anything else that is wrong with any key refuses the whole file, and so does a file without a key for us.
// No error holds a part of the file.
func readKeys(file string, methods []string) (map[string]verifyingKey, []byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, fmt.Errorf("opening keys: %w", err)
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, keyFileMax+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading keys: %w", err)
	}
	if len(text) > keyFileMax {
		return nil, text, errors.New("the key file is larger than 1 MiB")
	}
	keys, err := parseKeys(text, methods)
	return keys, text, err
}

func parseKeys(text []byte, methods []string) (map[string]verifyingKey, error) {
	var set jwkSet
	if err := decodeStrictBytes(bytes.TrimSpace(text), &set); err != nil {
		p := asProblem(err)
		return nil, fmt.Errorf("the key file is not a JWKS: %s at %q", p.Code, p.Pointer)
	}
	keys := make(map[string]verifyingKey)
	ids := make(map[string]bool)
	for i, k := range set.Keys {
		if k.Private != "" || k.Secret != "" || k.Type == "oct" {
			return nil, fmt.Errorf("key %d is a private or shared key", i)
		}
		if k.Use == "enc" {
			continue
		}
		if k.Use != "sig" {
			return nil, fmt.Errorf("key %d: use is not sig", i)
		}
		if !validKeyID(k.ID) || ids[k.ID] {
			return nil, fmt.Errorf("key %d: kid is doubled, or not 1 to %d letters, digits, '.', '_' or '-'", i, kidMaxBytes)
		}
		ids[k.ID] = true
		if k.Algorithm == "" {
			return nil, fmt.Errorf("key %d is not bound to an algorithm", i)
		}
		if !slices.Contains(methods, k.Algorithm) {
			continue
		}
		public, err := k.public()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		keys[k.ID] = verifyingKey{algorithm: k.Algorithm, public: public}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key file has no key for the accepted algorithms")
	}
	return keys, nil
}

// public builds the key that k's algorithm needs, and refuses one of another type.
func (k jwk) public() (crypto.PublicKey, error) {
	wrong := fmt.Errorf("its parameters do not make a key for its algorithm")
	part := func(s string) []byte {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil {
			return nil
		}
		return b
	}
	switch {
	case k.Algorithm == "ES256" && k.Type == "EC" && k.Curve == "P-256":
		x, y := part(k.X), part(k.Y)
		if len(x) != 32 || len(y) != 32 {
			return nil, wrong
		}
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		if err != nil { // not a point of the curve
			return nil, wrong
		}
		return key, nil
	case k.Algorithm == "EdDSA" && k.Type == "OKP" && k.Curve == "Ed25519":
		x := part(k.X)
		if len(x) != ed25519.PublicKeySize {
			return nil, wrong
		}
		return ed25519.PublicKey(x), nil
	case (k.Algorithm == "RS256" || k.Algorithm == "RS512") && k.Type == "RSA":
		n, e := new(big.Int).SetBytes(part(k.N)), new(big.Int).SetBytes(part(k.E))
		if n.BitLen() < 2048 || n.BitLen() > 8192 || n.Bit(0) == 0 || e.BitLen() > 31 || e.Int64() < 65537 || e.Bit(0) == 0 {
			return nil, wrong
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	}
	return nil, wrong
}
