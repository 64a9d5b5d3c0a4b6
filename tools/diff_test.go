package tools

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// copied is a copy of a stopped node's folder, on which its world goes on.
func (w *world) copied(goOn func(*world)) *world {
	w.t.Helper()
	dir := w.t.TempDir()
	require.NoError(w.t, os.CopyFS(dir, os.DirFS(w.dir)))
	other := *w
	other.dir = dir
	if goOn != nil {
		other.open()
		goOn(&other)
		other.close()
	}
	return &other
}

func TestDiff(t *testing.T) {
	a := usualFolder(t)
	same := a.copied(nil)
	code, out, errs := run(t, "diff", a.dir, same.dir)
	require.Zero(t, code, errs)
	require.Equal(t, "the same: 25 entries\n", out)

	longer := a.copied(func(w *world) { w.lookup("night nurse", nhsChild) })
	more := longer.size() - 25
	require.Positive(t, more)
	code, out, _ = run(t, "diff", a.dir, longer.dir)
	require.Zero(t, code)
	require.Regexp(t, `^B goes on from A: 25 entries are the same, B has \d more\n$`, out)
	code, out, _ = run(t, "diff", longer.dir, a.dir)
	require.Zero(t, code)
	require.Regexp(t, `^A goes on from B`, out)

	fork := a.copied(func(w *world) { w.lookup("somebody else", nhsSister) })
	code, out, _ = run(t, "diff", longer.dir, fork.dir)
	require.Equal(t, ExitIntegrity, code)
	require.Equal(t, "DIFFER from entry 25 on: A has actor-profiled there, B has actor-profiled\n", out)
	code, out, _ = run(t, "diff", longer.dir, fork.dir, "-o", "json")
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, out, `"verdict": "differs"`)
	require.Contains(t, out, `"seq": 25`)

	code, _, _ = run(t, "diff", a.dir)
	require.Equal(t, ExitUsage, code)
	code, _, errs = run(t, "diff", a.dir, filepath.Join(t.TempDir(), "nowhere"))
	require.Equal(t, ExitUnreadable, code)
	require.Contains(t, errs, "the second folder: ")
}

func TestConsistency(t *testing.T) {
	w := usualFolder(t)
	longer := w.copied(func(w *world) { w.lookup("night nurse", nhsChild) })
	fork := w.copied(func(w *world) { w.lookup("somebody else", nhsSister) })
	dir := t.TempDir()
	sign := func(w *world, name string, size int64) string {
		db, err := store.Open(w.tables(), store.Options{ReadOnly: true})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		if size == 0 {
			size = int64(db.Head().Size)
		}
		tree, err := db.TreeAt(size)
		require.NoError(t, err)
		b, err := ledger.SignCheckpoint(testOrigin, tree, w.signer)
		require.NoError(t, err)
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		return path
	}
	first, early, whole, next, other := sign(w, "first", 1), sign(w, "early", 7), sign(w, "whole", 25), sign(longer, "next", 0), sign(fork, "other", 0)
	check := func(from, to, data string) (int, string, string) {
		return run(t, "consistency", "--from", from, "--to", to, "--vkey", w.vkey, "--data", data)
	}
	for _, c := range [][2]string{{first, early}, {first, whole}, {early, whole}, {whole, whole}} {
		code, out, errs := check(c[0], c[1], w.dir)
		require.Zero(t, code, errs)
		require.Contains(t, out, "consistent: ")
	}
	code, _, errs := check(early, next, longer.dir)
	require.Zero(t, code, errs)
	code, _, errs = check(whole, early, w.dir)
	require.Equal(t, ExitUsage, code)
	require.Contains(t, errs, "the earlier checkpoint is of 25 entries")
	code, _, errs = check(early, next, w.dir)
	require.Equal(t, ExitIncomplete, code)
	require.Contains(t, errs, "the ledger has 25 entries")
	// Two signed trees of one size, or of two that do not go on from each other.
	size := longer.size()
	require.Equal(t, size, fork.size())
	code, _, errs = check(next, other, fork.dir)
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, errs, "FORKED")
	again := sign(fork.copied(func(w *world) { w.lookup("somebody else", nhsNobody) }), "again", 0)
	code, _, errs = check(next, again, fork.copied(func(w *world) { w.lookup("somebody else", nhsNobody) }).dir)
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, errs, "FORKED")
	code, _, _ = run(t, "consistency", "--from", early, "--to", whole, "--vkey", testStranger(t), "--data", w.dir)
	require.Equal(t, ExitIntegrity, code)

	// From a running node's public tiles, without a token.
	db, err := store.Open(longer.tables(), store.Options{ReadOnly: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	signed, err := os.ReadFile(next)
	require.NoError(t, err)
	s := &serving{checkpoint: signed, tile: db.Tile}
	h := httptest.NewServer(http.HandlerFunc(s.ServeHTTP))
	defer h.Close()
	remote := func(from string, more ...string) (int, string, string) {
		return run(t, append([]string{"consistency", "--from", from, "--vkey", w.vkey, "--url", h.URL}, more...)...)
	}
	code, out, errs := remote(early)
	require.Zero(t, code, errs)
	require.Contains(t, out, "goes on from the one of 7")
	code, _, errs = remote(other)
	require.Equal(t, ExitIntegrity, code, errs)
	s.tile = func(level int, n int64) ([]byte, error) {
		b, err := db.Tile(level, n)
		b[40] ^= 1
		return b, err
	}
	code, _, errs = remote(early)
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, errs, "not those of the later checkpoint")
	code, _, _ = run(t, "consistency", "--from", early, "--vkey", w.vkey)
	require.Equal(t, ExitUsage, code)
}
