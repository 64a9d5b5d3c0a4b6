package main

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzConfig: a configuration that is taken is the same when it is written and
// read again; what must be of this machine alone is; no file of secrets is repeated.
func FuzzConfig(f *testing.F) {
	whole := `{"node":"n1","log":"00000000000000000000000000000001","origin":"o","data":"d","public":"127.0.0.1:1","admin":"127.0.0.1:2","peer":"127.0.0.1:3",` +
		`"secrets":"s","logKey":"k","verifier":"v","audience":"a","peerCA":"c","peerCert":"c","peerKey":"k","issuers":[{"issuer":"i","keys":"f","methods":["ES256"],"maxLifetime":"1h","cis2":true,"map":{"R1":"clinician"}}]}`
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)-1] + `,"synthetic":true,"letters":{},"mesh":{},"mllp":{}}`))
	f.Add([]byte(whole + "x"))
	f.Add([]byte(`{"person":{"1":"` + key + `"},"kek":{"1":"` + key + `"}}`))
	f.Add([]byte(`{"person":{"256":"` + key + `"},"kek":{"x":"AA"}}`))
	dir := f.TempDir()
	file, again := filepath.Join(dir, "config"), filepath.Join(dir, "again")
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, os.WriteFile(file, b, 0o600))
		if c, err := readConfig(file); err == nil {
			require.True(t, loopback(c.Admin))
			require.True(t, c.TLSCert != "" || loopback(c.Public))
			require.NoError(t, c.write(again))
			same, err := readConfig(again)
			require.NoError(t, err)
			require.Equal(t, c, same)
			_, _ = c.verifierConfig()
			_, _ = c.consensus()
		}
		c := &Config{Log: "00000000000000000000000000000001", Secrets: file}
		if k, err := c.keyring(rand.Reader); err == nil {
			require.NotNil(t, k)
		} else if len(b) > 64 {
			require.NotContains(t, err.Error(), string(b[:64]))
		}
	})
}
