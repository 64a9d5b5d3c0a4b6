package mesh

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"testing"
	"time"

	"custos/api/mesh/meshtest"

	"github.com/stretchr/testify/require"
)

// The hash was computed with another program.
func TestAuthorizationIsAsMESHHasIt(t *testing.T) {
	at := time.Date(2020, 6, 4, 18, 18, 59, 0, time.FixedZone("BST", 3600))
	require.Equal(t, "NHSMESH X26HC005:66eef28b-e097-421d-998d-ea0c92c2c2fb:7:202006041718:5e296484b67154f26abb3dcbdf64e0f04ec58d32a9e4979908618f01445ebbeb",
		authorization("X26HC005", "66eef28b-e097-421d-998d-ea0c92c2c2fb", 7, []byte("pässwörd"), []byte("BackBone"), at))
}

func TestNoTwoHeadersAreTheSame(t *testing.T) {
	s := newSigner(service, []byte(password), []byte(key), func() time.Time { return time.Unix(0, 0) })
	seen := map[string]bool{}
	for range 1000 {
		h := s.header()
		require.False(t, seen[h])
		seen[h] = true
	}
}

func TestHandshake(t *testing.T) {
	w := start(t, meshtest.Options{})
	ctx := context.Background()
	require.NoError(t, w.us.Handshake(ctx))
	require.NoError(t, w.us.Handshake(ctx))

	bad := func(change func(*Config)) error { return w.client(service, change).Handshake(ctx) }
	require.Equal(t, NotAuthorised, code(bad(func(c *Config) { rewrite(t, c.PasswordFile, "wrong") })))
	require.Equal(t, NotAuthorised, code(bad(func(c *Config) { rewrite(t, c.SharedKeyFile, "wrong") })))
	require.Equal(t, NotAuthorised, code(bad(func(c *Config) { c.Mailbox = "NOBODY" })), "no such mailbox")
}

func rewrite(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestClocksApart(t *testing.T) {
	w := start(t, meshtest.Options{})
	for apart, want := range map[time.Duration]Code{-119 * time.Minute: "", 119 * time.Minute: "", -122 * time.Minute: ClockWrong, 122 * time.Minute: ClockWrong} {
		c := w.client(service, nil)
		c.now = func() time.Time { return time.Now().Add(apart) }
		require.Equal(t, want, code(c.Handshake(context.Background())), apart)
	}
}

// MESH takes a header once.
func TestAReplayedHeaderIsRefused(t *testing.T) {
	w := start(t, meshtest.Options{})
	header := w.us.signer.header()
	for _, want := range []int{http.StatusOK, http.StatusForbidden} {
		r, err := http.NewRequest(http.MethodGet, w.mesh.URL()+"/messageexchange/"+service+"/inbox", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", header)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, want, resp.StatusCode)
	}
}

// A mailbox sees its own messages alone, and its header opens no other.
func TestAnotherMailbox(t *testing.T) {
	w := start(t, meshtest.Options{})
	id := w.put([]byte("x"))
	_, err := w.la.Open(context.Background(), id)
	require.Equal(t, NotAuthorised, code(err))
	require.Equal(t, NotAuthorised, code(w.la.Acknowledge(context.Background(), id)))
	require.Equal(t, []string{id}, w.mesh.Waiting(service))

	stray := w.client(service, nil)
	stray.signer.mailbox = authority
	require.Equal(t, NotAuthorised, code(stray.Handshake(context.Background())))
}

func TestMutualTLS(t *testing.T) {
	ours, err := meshtest.NewAuthority(t.TempDir())
	require.NoError(t, err)
	theirs, err := meshtest.NewAuthority(t.TempDir())
	require.NoError(t, err)
	config, err := ours.Server()
	require.NoError(t, err)
	w := start(t, meshtest.Options{TLS: config})
	client := func(of *meshtest.Authority, trust string) *Client {
		cert, key, err := of.Client("client")
		require.NoError(t, err)
		return w.client(service, func(c *Config) { c.CertificateFile, c.KeyFile, c.AuthorityFile = cert, key, trust })
	}
	ctx := context.Background()
	require.NoError(t, client(ours, ours.File()).Handshake(ctx))
	require.Equal(t, Untrusted, code(client(ours, theirs.File()).Handshake(ctx)), "a server of another authority")
	require.Equal(t, Untrusted, code(w.client(service, func(c *Config) { c.AuthorityFile = ours.File() }).Handshake(ctx)), "no certificate")

	c := client(theirs, ours.File())
	require.Equal(t, Untrusted, code(c.Handshake(ctx)), "a certificate of another authority")
	cert, key, err := ours.Client("renewed")
	require.NoError(t, err)
	require.NoError(t, os.Rename(cert, c.c.CertificateFile))
	require.NoError(t, os.Rename(key, c.c.KeyFile))
	require.NoError(t, c.Handshake(ctx), "a renewed certificate needs no restart")
	require.NoError(t, os.Truncate(c.c.KeyFile, 3))
	require.Equal(t, Misconfigured, code(c.Handshake(ctx)), "half renewed")
}

// Up to TLS 1.2 a certificate is refused before a request is sent, and nothing is unknown.
func TestARefusedCertificateLeavesNothingUnknown(t *testing.T) {
	ours, err := meshtest.NewAuthority(t.TempDir())
	require.NoError(t, err)
	config, err := ours.Server()
	require.NoError(t, err)
	config.MaxVersion = tls.VersionTLS12
	w := start(t, meshtest.Options{TLS: config})
	c := w.client(authority, func(c *Config) { c.AuthorityFile = ours.File() })
	_, err = c.Send(context.Background(), outgoing([]byte("x")))
	require.Equal(t, Untrusted, code(err))
}

func TestMESHIsOutOfReach(t *testing.T) {
	w := start(t, meshtest.Options{})
	slept := sleeps(w.la)
	require.NoError(t, w.mesh.Close())
	_, err := w.la.Send(context.Background(), outgoing([]byte("x")))
	require.Equal(t, Unreachable, code(err), "without a connection nothing was sent, and that is known")
	require.Len(t, slept(), w.la.c.Attempts-1)
}
