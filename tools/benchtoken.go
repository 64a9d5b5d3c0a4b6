package tools

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// minter makes tokens that were never seen before out of ones that are valid:
// the same claims with another jti, signed again.
type minter struct {
	key   crypto.Signer
	bases []tokenBase
}

type tokenBase struct {
	header string // encoded, with the dot
	claims map[string]json.RawMessage
}

var errSigningKey = errors.New("not a PEM file with a P-256 or Ed25519 private key")

func newMinter(keyFile string, tokens []string) (*minter, error) {
	b, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	key, err := parseSigningKey(b)
	if err != nil {
		return nil, failf(ExitUsage, "--signing-key: %w", err)
	}
	m := &minter{key: key}
	for _, t := range tokens {
		header, rest, ok := strings.Cut(t, ".")
		payload, _, ok2 := strings.Cut(rest, ".")
		raw, err := base64.RawURLEncoding.DecodeString(payload)
		base := tokenBase{header: header + "."}
		if !ok || !ok2 || err != nil || json.Unmarshal(raw, &base.claims) != nil {
			return nil, failf(ExitUsage, "the file of tokens holds something else")
		}
		m.bases = append(m.bases, base)
	}
	return m, nil
}

func parseSigningKey(b []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errSigningKey
	}
	if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errSigningKey
	}
	switch k := k.(type) {
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errSigningKey
}

// mint signs one token from the nth base.
func (m *minter) mint(n int) (string, error) {
	base := &m.bases[n%len(m.bases)]
	var claims bytes.Buffer
	claims.WriteByte('{')
	for name, value := range base.claims {
		if name == "jti" {
			continue
		}
		fmt.Fprintf(&claims, "%q:%s,", name, value)
	}
	fmt.Fprintf(&claims, `"jti":%q}`, uuid.NewString())
	signed := base.header + base64.RawURLEncoding.EncodeToString(claims.Bytes())
	var signature []byte
	switch k := m.key.(type) {
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			return "", err
		}
		signature = make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	case ed25519.PrivateKey:
		signature = ed25519.Sign(k, []byte(signed))
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// mintAll signs n tokens on every core.
func (m *minter) mintAll(n, workers int) ([]string, error) {
	out := make([]string, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				out[i], errs[w] = m.mint(i)
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}
