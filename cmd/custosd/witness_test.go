package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"

	"custos/consensus"
	"custos/ledger"
)

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// witnessedNode writes the configuration of one node with one witness, for
// which it makes the policy file, and its keys.
func witnessedNode(t *testing.T, policy func(logKey string) string) string {
	t.Helper()
	dir := t.TempDir()
	k, err := makeKeys(dir, "log.example/witnessed", []string{"n1"}, time.Now())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "jwks.json"), []byte(demoJWKS), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.txt"), []byte(policy(k.verifier)), 0o600))
	peer := freeAddress(t)
	b, err := json.Marshal(map[string]any{
		"node": "n1", "log": k.log.String(), "origin": k.origin, "verifier": k.verifier, "data": "data",
		"public": freeAddress(t), "admin": freeAddress(t), "peer": peer,
		"members": []map[string]string{{"node": "n1", "address": peer}}, "secrets": "secrets/nodes.json", "logKey": "secrets/log.key",
		"peerCA": "secrets/ca.pem", "peerCert": "secrets/n1.pem", "peerKey": "secrets/n1-key.pem", "audience": "a", "synthetic": true,
		"issuers":   []map[string]any{{"issuer": "https://issuer.test", "keys": "jwks.json", "methods": []string{"EdDSA"}, "roles": []string{"uploader"}}},
		"witnesses": "policy.txt",
	})
	require.NoError(t, err)
	path := filepath.Join(dir, "n1.json")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

// startWitness runs custosd witness for a log until the test ends.
func startWitness(t *testing.T, dir, address, logKey string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s, err := openWitness(dir, []string{logKey})
	require.NoError(t, err)
	go func() { done <- serveWitness(ctx, s, address) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func (n *node) admin(t *testing.T, path string) (int, string) {
	t.Helper()
	r, err := http.Get("http://" + n.cfg.Admin + path)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Body.Close()) }()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(b)
}

func startListening(t *testing.T, cfg *Config) *node {
	t.Helper()
	n, err := startNode(cfg, nodeOptions{log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, n.listen())
	return n
}

// From init to a service that will not go on from an old copy, with our own
// witness and another's verifier.
func TestANodeWithAWitness(t *testing.T) {
	wdir := filepath.Join(t.TempDir(), "w")
	vkey, err := initWitness(wdir, "witness.example/w")
	require.NoError(t, err)
	_, err = initWitness(wdir, "witness.example/w")
	require.Error(t, err, "a key is never made again over another")
	address := freeAddress(t)
	var policy string
	path := witnessedNode(t, func(logKey string) string {
		startWitness(t, wdir, address, logKey)
		_, err := openWitness(wdir, []string{logKey})
		require.Error(t, err, "one process at a time")
		policy = "log " + logKey + "\nwitness region " + vkey + " http://" + address + "\nquorum region\n"
		return policy
	})
	cfg, err := readConfig(path)
	require.NoError(t, err)
	cc, err := cfg.consensus()
	require.NoError(t, err)
	require.NoError(t, consensus.Init(cc))
	theirs, err := torchwood.ParsePolicy([]byte(policy))
	require.NoError(t, err)
	witnessed := func(n *node, size int64) {
		t.Helper()
		require.Eventually(t, func() bool {
			c, _, err := torchwood.VerifyCheckpoint(n.cluster.Published(), theirs)
			return err == nil && c.N >= size
		}, 20*time.Second, 20*time.Millisecond)
	}
	n := startListening(t, cfg)
	witnessed(n, 1)
	status, _ := n.admin(t, "/readyz")
	require.Equal(t, 200, status)
	require.NoError(t, n.close())
	old := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.CopyFS(old, os.DirFS(cfg.Data)))

	n = startListening(t, cfg)
	require.Eventually(t, n.cluster.Ready, 20*time.Second, 10*time.Millisecond)
	organisation := ledger.Command{ID: ledger.DeriveID("o"), Seed: ledger.DeriveID("s"), Actor: ledger.SystemActor("n1"),
		Request: &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: "E09000001", Name: "Northbank Council", Sort: ledger.SortAuthority}}}
	out, err := n.cluster.Propose(t.Context(), organisation)
	require.NoError(t, err)
	witnessed(n, out.Tree.N) // more than the copy has, whether or not that ended with a state entry
	require.NoError(t, n.close())

	cfg.Data = old
	n = startListening(t, cfg)
	defer func() { require.NoError(t, n.close()) }()
	require.Eventually(t, func() bool {
		status, body := n.admin(t, "/readyz")
		return status == 503 && strings.Contains(body, `"behind-witnesses"`)
	}, 20*time.Second, 10*time.Millisecond)
	_, body := n.admin(t, "/statusz")
	require.Regexp(t, `restored behind witnessed history: witness region has signed \d+ entries, this ledger holds \d+"`, body)
	_, body = n.admin(t, "/metrics")
	require.Contains(t, body, "custos_witness_alarm 1\n")
	_, err = n.cluster.Propose(t.Context(), organisation)
	require.ErrorIs(t, err, consensus.ErrBehind)
}

func TestWitnessConfiguration(t *testing.T) {
	for _, text := range []string{"", "quorum none\n", "log x\n"} {
		path := witnessedNode(t, func(string) string { return text })
		cfg, err := readConfig(path)
		require.NoError(t, err)
		cc, err := cfg.consensus()
		require.NoError(t, err)
		require.NoError(t, consensus.Init(cc))
		_, err = startNode(cfg, nodeOptions{log: slog.New(slog.DiscardHandler)})
		require.Error(t, err, text)
	}
	require.Equal(t, 2, run([]string{"witness", "--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--log", "x"}))
}
