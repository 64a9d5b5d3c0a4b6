package tools

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type dbRow struct{ key, value []byte }

// rows are everything that the stopped ledger's database holds.
func (w *world) rows() []dbRow {
	w.t.Helper()
	db, err := pebble.Open(w.tables(), &pebble.Options{FormatMajorVersion: 24, Logger: quietLogger{}})
	require.NoError(w.t, err)
	it, err := db.NewIter(nil)
	require.NoError(w.t, err)
	var out []dbRow
	for it.First(); it.Valid(); it.Next() {
		out = append(out, dbRow{bytes.Clone(it.Key()), bytes.Clone(it.Value())})
	}
	require.NoError(w.t, it.Close())
	require.NoError(w.t, db.Close())
	return out
}

// What a byte of a row means to whoever verifies: nothing, because nobody need
// believe it; or else the exit codes that it may end with.
func bearing(key []byte) (codes []int, why string) {
	if key[0] == 't' && len(key) == 11 {
		return []int{ExitDone}, "roots of a tile's groups: a proof is made without them where they do not give the tile's own root"
	}
	switch string(key[:1]) {
	case "e", "t", "s", "v":
		return []int{ExitIntegrity}, ""
	case "k":
		return []int{ExitDone}, "a wrapped key that was changed opens nothing, and no record rests on it"
	}
	switch string(key) {
	case "mh", "ms", "mc":
		return []int{ExitIntegrity}, ""
	case "ma":
		return []int{ExitIntegrity, ExitIncomplete}, ""
	case "mf":
		return []int{ExitUnreadable}, ""
	case "mv":
		return []int{ExitIncomplete}, ""
	}
	return nil, ""
}

// Bytes of every row of a small ledger are flipped in turn, through the database,
// so that its checksums hold: values, hashes, sealed rows, views, the applied
// index. Each is found out, or is shown to be nothing to rest on. By default that
// is the first, a middle and the last byte of each; with CUSTOS_EVERY_BYTE all,
// and all that nobody found is told at the end of a run that takes long.
func TestVerifyOfEveryRow(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: rows were not altered one by one, because of -short")
	}
	t.Parallel()
	w := usualFolder(t)
	every := os.Getenv("CUSTOS_EVERY_BYTE") != ""
	kinds := map[string]int{}
	for _, r := range w.rows() {
		at := []int{0, len(r.value) / 2, len(r.value) - 1}
		if every {
			at = at[:0]
			for i := range r.value {
				at = append(at, i)
			}
		}
		if len(r.value) == 0 {
			continue // an index: what its key says is all there is
		}
		codes, why := bearing(r.key)
		require.NotEmpty(t, codes, "a row of a kind that nobody has thought of: %q", r.key)
		for i, n := range at {
			if i > 0 && n == at[i-1] {
				continue
			}
			altered := bytes.Clone(r.value)
			altered[n] ^= 1
			w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Set(r.key, altered, nil) })
			code, out, errs := run(t, "verify", "--data", w.dir, "--keys", w.keyDir)
			assert.Contains(t, codes, code, "byte %d of row %q (%s): %s%s", n, r.key, why, out, errs)
			if code == ExitIntegrity && r.key[0] == 'e' {
				assert.Contains(t, out, fmt.Sprintf("FAILED: entry %d: ", binary.BigEndian.Uint64(r.key[1:])))
			}
			kinds[string(r.key[:1])]++
		}
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Set(r.key, r.value, nil) })
	}
	t.Log("bytes flipped, by kind of row:", kinds)
	code, _, _ := run(t, "verify", "--data", w.dir, "--keys", w.keyDir)
	require.Zero(t, code, "all is put back")
}

// A row that is gone is found out as well, but for keys, and for ciphertexts, which erasure takes.
func TestVerifyOfEveryRowLeftOut(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: rows were not altered one by one, because of -short")
	}
	t.Parallel()
	w := usualFolder(t)
	for _, r := range w.rows() {
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Delete(r.key, nil) })
		code, out, errs := run(t, "verify", "--data", w.dir, "--keys", w.keyDir)
		// Without the newest checkpoint an older one is found, and level 0 says how far it reaches.
		lawful := r.key[0] == 'k' || r.key[0] == 't' && len(r.key) == 11 || r.key[0] == 's' || string(r.key) == "ms"
		require.Equal(t, lawful, code == ExitDone, "row %q: %s%s", r.key, out, errs)
		w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) { _ = b.Set(r.key, r.value, nil) })
	}
}
