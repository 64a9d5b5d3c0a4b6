package tools

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// serving is what a node serves of a folder, and how it may lie.
type serving struct {
	checkpoint []byte
	records    [][]byte
	tile       func(level int, n int64) ([]byte, error)
	tamper     func(n int, record []byte) []byte
	cut        int // tiles end so many bytes early
	refuse     bool
}

func (s *serving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	record := func(n int) []byte {
		b := s.records[n]
		if s.tamper != nil {
			b = s.tamper(n, append([]byte(nil), b...))
		}
		return b
	}
	switch path := r.URL.Path; {
	case path == "/checkpoint":
		_, _ = w.Write(s.checkpoint)
	case strings.HasPrefix(path, "/tile/") && !strings.HasPrefix(path, "/tile/entries/"):
		t, err := torchwood.ParseTilePath(path[1:])
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		hashes, _ := s.tile(t.L, t.N)
		_, _ = w.Write(hashes[:t.W*tlog.HashSize])
	case r.Header.Get("Authorization") != "Bearer secret", s.refuse:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"code":"role-not-permitted"}`)
	case path == "/v1/entries/0":
		_, _ = w.Write(record(0))
	case strings.HasPrefix(path, "/tile/entries/"):
		t, err := torchwood.ParseTilePath(path[1:])
		if err != nil || int(t.N)*256+t.W > len(s.records) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		var b []byte
		for i := range t.W {
			b, _ = torchwood.AppendTileEntry(b, record(int(t.N)*256+i))
		}
		_, _ = w.Write(b[:len(b)-s.cut])
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func TestVerifyARunningNode(t *testing.T) {
	w := usualFolder(t)
	db, err := store.Open(w.tables(), store.Options{ReadOnly: true})
	require.NoError(t, err)
	signed, err := db.LastSigned()
	require.NoError(t, err)
	s := &serving{checkpoint: signed, tile: db.Tile}
	defer func() { require.NoError(t, db.Close()) }()
	tree, err := ledger.ParseCheckpointText(string(signed[:strings.Index(string(signed), "\n\n")+1]), testOrigin)
	require.NoError(t, err)
	for n := range tree.N {
		b, err := store.Record(db, ledger.Seq(n))
		require.NoError(t, err)
		s.records = append(s.records, b)
	}
	h := httptest.NewServer(s)
	defer h.Close()
	dir := t.TempDir()
	token, pin := filepath.Join(dir, "token"), filepath.Join(dir, "pin")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	verify := func(more ...string) (int, string, string) {
		return run(t, append([]string{"verify", "--url", h.URL, "--token-file", token, "--keys", w.keyDir}, more...)...)
	}
	code, out, errs := verify("--pin", pin)
	require.Zero(t, code, out+errs)
	for _, line := range []string{"L0 signatures           ok", "L1 hashes and tree      ok", "L2 sealed rows          -", "L3 chains and commands  ok", "L4 decisions and views  ok", "L5 rules                ok", "VERIFIED"} {
		require.Contains(t, out, line)
	}
	kept, err := os.ReadFile(pin)
	require.NoError(t, err)
	require.Equal(t, signed, kept)
	code, out, _ = verify("--pin", pin, "-o", "json")
	require.Zero(t, code)
	require.Contains(t, out, `"verdict": "verified"`)

	// One byte of one record, wherever: the chain names it or what follows it.
	for n := range s.records {
		s.tamper = func(i int, b []byte) []byte {
			if i == n {
				b[len(b)-1] ^= 1
			}
			return b
		}
		code, out, _ = verify()
		require.Equal(t, ExitIntegrity, code, "entry %d: %s", n, out)
		require.Contains(t, out, "FAILED")
	}
	s.tamper = nil

	s.cut = 1
	code, _, errs = verify()
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, errs, "ends early")
	s.cut = 0

	// A history that is whole and shorter than what was signed once.
	s.records = s.records[:len(s.records)-1]
	code, _, errs = verify()
	require.Equal(t, ExitUsage, code, "the node says that it has no such tile")
	require.Contains(t, errs, "404")

	forged := strings.Replace(string(signed), fmt.Sprint(tree.N), fmt.Sprint(tree.N-1), 1)
	s.checkpoint = []byte(forged)
	code, out, _ = verify()
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, out, "a checkpoint's signature does not hold")

	// An older checkpoint of the same log, and somebody who has seen a newer one.
	var range_ hashesOf
	for _, r := range s.records {
		range_ = append(range_, tlog.RecordHash(r))
	}
	older, err := ledger.SignCheckpoint(testOrigin, range_.tree(t), w.signer)
	require.NoError(t, err)
	s.checkpoint = older
	code, out, _ = verify("--pin", pin)
	require.Equal(t, ExitIncomplete, code, out)
	require.Contains(t, out, "its end is lost")

	s.refuse = true
	code, _, _ = verify()
	require.Equal(t, ExitNotPermitted, code)
	code, _, _ = run(t, "verify", "--url", h.URL)
	require.Equal(t, ExitUsage, code)
	code, _, _ = run(t, "verify", "--url", h.URL, "--data", w.dir, "--token-file", token)
	require.Equal(t, ExitUsage, code)
	h.Close()
	code, _, _ = verify()
	require.Equal(t, ExitNoServer, code)
}

// hashesOf makes a tree of leaves with the library alone.
type hashesOf []tlog.Hash

func (h hashesOf) tree(t *testing.T) tlog.Tree {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	for n, leaf := range h {
		more, err := tlog.StoredHashesForRecordHash(int64(n), leaf, reader)
		require.NoError(t, err)
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(int64(len(h)), reader)
	require.NoError(t, err)
	return tlog.Tree{N: int64(len(h)), Hash: root}
}
