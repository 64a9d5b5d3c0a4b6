package consensus

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh/agent"
)

// litewitness is the program of another's witness: the one that CUSTOS_LITEWITNESS names, or one built from the module in
// testdata. Where it can be neither built nor given a database, the test says loudly that nobody else's witness was asked.
func litewitness(t *testing.T) string {
	t.Helper()
	if program := os.Getenv("CUSTOS_LITEWITNESS"); program != "" {
		return program
	}
	if testing.Short() {
		t.Skip("SKIPPED: no other's witness was asked, because building it takes a minute")
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("SKIPPED: NO OTHER'S WITNESS WAS ASKED: python3, which makes its database, is not here")
	}
	program := filepath.Join(t.TempDir(), "litewitness")
	limit, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // it may want modules from elsewhere
	defer cancel()
	build := exec.CommandContext(limit, "go", "build", "-o", program, "filippo.io/torchwood/cmd/litewitness")
	build.WaitDelay = 5 * time.Second
	build.Dir = filepath.Join("testdata", "litewitness")
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: NO OTHER'S WITNESS WAS ASKED: litewitness could not be built: %v: %.400s", err, out)
	}
	return program
}

// Another's witness takes our checkpoints, and finds the old copy out too. Its own tool for adding logs needs what is not
// always to be had, so its database is made by python3.
func TestLitewitness(t *testing.T) {
	program := litewitness(t)
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	keys := agent.NewKeyring()
	require.NoError(t, keys.Add(agent.AddedKey{PrivateKey: private}))
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keys, c) }()
		}
	}()
	s, err := torchwood.NewCosignatureSigner("lite.test/w", private)
	require.NoError(t, err)
	db := filepath.Join(dir, "w.db")
	empty := sha256.Sum256(nil)
	out, err := exec.Command("python3", "-c", `import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
d.execute("CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL)")
d.execute("CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin))")
d.execute("INSERT INTO log VALUES (?, 0, ?)", (sys.argv[2], sys.argv[4]))
d.execute("INSERT INTO key VALUES (?, ?)", (sys.argv[2], sys.argv[3]))
d.commit()`, db, testOrigin, testKey().vkey, base64.StdEncoding.EncodeToString(empty[:])).CombinedOutput()
	require.NoError(t, err, string(out))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	fingerprint := sha256.Sum256(public)
	cmd := exec.Command(program, "-name", "lite.test/w", "-db", db, "-ssh-agent", socket, "-listen", address, "-key", hex.EncodeToString(fingerprint[:]))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	require.Eventually(t, func() bool {
		r, err := http.Get("http://" + address)
		return err == nil && r.Body.Close() == nil
	}, 20*time.Second, 20*time.Millisecond)

	w := &testWitness{vkey: s.Verifier().String(), url: "http://" + address}
	c := newRealCluster(t, 1, witnessed(t, 1, w))
	c.leader()
	require.NoError(t, genesis(t.Context(), c.nodes[0]))
	for i := range uint64(20) {
		c.look(0, i)
	}
	c.cosigned(0)
	c.stop(0)
	old := t.TempDir()
	require.NoError(t, os.CopyFS(old, os.DirFS(c.dirs[0])))
	c.start(0)
	c.leader()
	c.look(0, 100)
	c.cosigned(0)
	c.stop(0)
	c.dirs[0] = old
	c.start(0)
	require.Eventually(t, func() bool { return c.nodes[0].Status().ReadOnly != "" }, 20*time.Second, 5*time.Millisecond)
}
