package witness

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
)

// ErrKey says that a witness's key is not usable. It never holds the key.
var ErrKey = errors.New("not a witness's signing key")

// GenerateKey makes a witness's key: the secret one as a C2SP signing key, and the verifier key that the logs it watches
// and their auditors need. The key must sign nothing else: a cosignature of this kind does not name its signer.
func GenerateKey(random io.Reader, name string) (secret, verifier string, err error) {
	if secret, _, err = note.GenerateKey(random, name); err != nil {
		return "", "", fmt.Errorf("make a witness's key: %w", err)
	}
	s, err := ParseKey(secret)
	if err != nil {
		return "", "", fmt.Errorf("make a witness's key: %w", err)
	}
	return secret, s.Verifier().String(), nil
}

// ParseKey reads a witness's signing key.
func ParseKey(secret string) (*torchwood.CosignatureSigner, error) {
	s, err := note.NewSigner(secret) // checks its hash, its kind and its length
	if err != nil {
		return nil, ErrKey
	}
	// PRIVATE+KEY+name+hash+key, and in the key too there may be a plus.
	parts := strings.SplitN(secret, "+", 5)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, ErrKey
	}
	c, err := torchwood.NewCosignatureSigner(s.Name(), ed25519.NewKeyFromSeed(raw[1:]))
	if err != nil {
		return nil, ErrKey
	}
	return c, nil
}
