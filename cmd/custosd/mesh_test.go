package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/api/mesh/meshtest"
	"custos/consensus"
	"custos/ledger"
)

// meshNode writes the configuration of one node that exchanges messages by a
// MESH on this machine, and its keys.
func meshNode(t *testing.T, server *meshtest.Server, change func(mesh map[string]any)) string {
	t.Helper()
	dir := t.TempDir()
	k, err := makeKeys(dir, "log.example/mesh", []string{"n1"}, time.Now())
	require.NoError(t, err)
	address := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		return l.Addr().String()
	}
	for name, text := range map[string]string{"jwks.json": demoJWKS, "secrets/password": "correct horse", "secrets/shared": "BackBone"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	peer := address()
	settings := map[string]any{
		"url": server.URL(), "mailbox": "X26HC001", "passwordFile": "secrets/password", "sharedKeyFile": "secrets/shared", "every": "20ms",
		"workflows":    map[string]string{"upload": "UP", "acknowledgement": "UP_ACK", "accessNotification": "ASN", "inactiveNumber": "INN"},
		"mailboxes":    map[string]string{"E09000001": "X26LA001", "E09000002": "X26LA002"},
		"organisation": map[string]string{"code": "X26", "name": "Custos"}, "system": "200000000001", "deliver": "15m",
	}
	if change != nil {
		change(settings)
	}
	b, err := json.Marshal(map[string]any{
		"node": "n1", "log": k.log.String(), "origin": k.origin, "verifier": k.verifier, "data": "data", "public": address(), "admin": address(), "peer": peer,
		"members": []map[string]string{{"node": "n1", "address": peer}}, "secrets": "secrets/nodes.json", "logKey": "secrets/log.key",
		"peerCA": "secrets/ca.pem", "peerCert": "secrets/n1.pem", "peerKey": "secrets/n1-key.pem", "audience": "a", "synthetic": true,
		"issuers": []map[string]any{{"issuer": "https://issuer.test", "keys": "jwks.json", "methods": []string{"EdDSA"}, "roles": []string{"uploader"}}},
		"mesh":    settings,
	})
	require.NoError(t, err)
	path := filepath.Join(dir, "n1.json")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

// demoJWKS is a public key whose private half nobody has.
const demoJWKS = `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

func startMESH(t *testing.T) *meshtest.Server {
	t.Helper()
	s, err := meshtest.Start(meshtest.Options{SharedKey: "BackBone"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	for _, m := range []string{"X26HC001", "X26LA001", "X26LA002"} {
		s.AddMailbox(m, "correct horse")
	}
	return s
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *safeBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *safeBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A configured node takes files from the mailboxes that it knows, answers them,
// leaves what a sender may not send, and shows what waits in its metrics.
func TestANodeExchangesMessages(t *testing.T) {
	server := startMESH(t)
	cfg, err := readConfig(meshNode(t, server, nil))
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(cfg.MESH.PasswordFile), "paths are relative to the file")
	log := &safeBuffer{}
	n := newNode(t, cfg, slog.New(slog.NewJSONHandler(log, nil)))
	require.NoError(t, n.listen())
	_, err = n.cluster.Propose(t.Context(), ledger.Command{ID: ledger.DeriveID("o"), Seed: ledger.DeriveID("s"), Actor: ledger.SystemActor("n1"),
		Request: &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: "E09000001", Name: "Northbank Council", Sort: ledger.SortAuthority}}})
	require.NoError(t, err)

	file := func(authority string) []byte {
		var b bytes.Buffer
		w, err := cpis.NewWriter(&b, cpis.Header{Created: "20260303020000+0000", Sequence: 1, Quantity: 1,
			Sender: cpis.Organisation{Code: authority, Name: "Northbank Council", EmergencyDuty: "02079460002"}})
		require.NoError(t, err)
		require.NoError(t, w.Write(&cpis.Record{Plans: []cpis.Plan{{Type: cpis.LookedAfter, Start: 202501100000}}, Subjects: []cpis.Subject{{Person: cpis.Person{
			Identity: cpis.Identity{NHSNumber: "9990000018"}, Given: "Annunziata", Family: "Featherstonehaugh", Birth: 20150504}}}}))
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	for from, authority := range map[string]string{"X26LA001": "E09000001", "X26LA002": "E09000002"} {
		server.Put(meshtest.Message{From: from, To: "X26HC001", Workflow: "UP", Chunks: []meshtest.Chunk{meshtest.Bytes(file(authority))}})
	}
	require.Eventually(t, func() bool {
		return len(server.Waiting("X26LA001")) == 1 && bytes.Contains([]byte(log.String()), []byte("stays in the inbox"))
	},
		20*time.Second, 10*time.Millisecond)
	require.Len(t, server.Waiting("X26HC001"), 1, "an authority that is not recorded may send nothing")
	require.Empty(t, server.Waiting("X26LA002"))
	require.NotContains(t, log.String(), "Featherstonehaugh")
	require.NotContains(t, log.String(), "9990000018")

	r, err := http.Get("http://" + cfg.Admin + "/metrics")
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Body.Close()) }()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	for _, name := range []string{"custos_delivery_queued 0", "custos_delivery_oldest_seconds 0", "custos_delivery_attempts_total 0", "custos_delivery_failures_total 0", "custos_mesh_received_total 1"} {
		require.Contains(t, string(text), name)
	}
}

// A configuration of messages that is wrong does not start, and says what is.
func TestMESHIsConfiguredStrictly(t *testing.T) {
	server := startMESH(t)
	for name, c := range map[string]struct {
		change func(m map[string]any)
		says   string
	}{
		"an unknown field":      {func(m map[string]any) { m["password"] = "x" }, "unknown field"},
		"no workflow":           {func(m map[string]any) { delete(m, "workflows") }, "four workflow ids"},
		"one mailbox for two":   {func(m map[string]any) { m["mailboxes"] = map[string]string{"301": "X26LA001", "302": "X26LA001"} }, "no mailbox of its own"},
		"a name for a code":     {func(m map[string]any) { m["mailboxes"] = map[string]string{"Northbank": "X26LA001"} }, "capital letters"},
		"no system id":          {func(m map[string]any) { delete(m, "system") }, "twelve digits"},
		"no organisation":       {func(m map[string]any) { delete(m, "organisation") }, "service's organisation"},
		"a negative interval":   {func(m map[string]any) { m["deliver"] = "-1m" }, "negative"},
		"no password":           {func(m map[string]any) { delete(m, "passwordFile") }, "mesh"},
		"a secret of everybody": {func(m map[string]any) { m["passwordFile"] = "open" }, "mesh"},
	} {
		t.Run(name, func(t *testing.T) {
			path := meshNode(t, server, c.change)
			require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), "open"), []byte("x"), 0o644))
			cfg, err := readConfig(path)
			if err == nil {
				cc, cerr := cfg.consensus()
				require.NoError(t, cerr)
				require.NoError(t, consensus.Init(cc))
				_, err = startNode(cfg, nodeOptions{log: slog.New(slog.DiscardHandler)})
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}
