package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSigningKey: a key that is taken is of its method and strong enough, and an
// address that is taken is https or this machine's.
func FuzzSigningKey(f *testing.F) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(f, err)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(f, err)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "ES256")
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "RS512")
	f.Add([]byte("https://login.example"), "https://login.example/path")
	f.Add([]byte("x"), "http://login.example")
	f.Fuzz(func(t *testing.T, pem []byte, method string) {
		if k, err := ParseSigningKey(pem, "id", method); err == nil {
			switch key := k.Private.(type) {
			case *rsa.PrivateKey:
				require.True(t, strings.HasPrefix(method, "RS"))
				require.GreaterOrEqual(t, key.N.BitLen(), 2048)
			case *ecdsa.PrivateKey:
				require.Equal(t, "ES256", method)
				require.Equal(t, elliptic.P256(), key.Curve)
			default:
				require.Fail(t, "a key of another kind")
			}
		}
		if CheckAddress(method) == nil {
			require.True(t, strings.HasPrefix(strings.ToLower(method), "https://") || strings.HasPrefix(strings.ToLower(method), "http://"))
			require.False(t, strings.HasPrefix(strings.ToLower(method), "http://login.example"))
		}
	})
}
