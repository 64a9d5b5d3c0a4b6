package tools

import (
	"bytes"
	"os"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Somebody who rewrites a row through the database leaves its checksums right: the
// hashes find it. What rewrites is test code, in no program that is delivered; make
// demo-tamper names a copy's folder in CUSTOS_REWRITE and an entry, and verifies itself.
func TestARewrittenRowIsFoundByItsHash(t *testing.T) {
	dir, n := os.Getenv("CUSTOS_REWRITE"), os.Getenv("CUSTOS_REWRITE_ENTRY")
	w := &world{t: t, dir: dir}
	var seq uint64
	if dir == "" {
		w = usualFolder(t)
		seq = uint64(w.size() / 2)
	} else {
		var err error
		seq, err = strconv.ParseUint(n, 10, 64)
		require.NoError(t, err, "CUSTOS_REWRITE_ENTRY is the number of an entry")
	}
	altered := bytes.Clone(w.record(ledger.Seq(seq)))
	altered[len(altered)/2] ^= 1
	w.tamper(func(b *pebble.Batch, _ func([]byte) []byte) {
		require.NoError(t, b.Set(rowKey('e', ledger.Seq(seq)), altered, nil))
	})
	require.Equal(t, altered, w.record(ledger.Seq(seq)), "the store reads it without a word")
	if dir != "" {
		return
	}
	code, r := w.verify()
	require.Equal(t, ExitIntegrity, code)
	require.NotNil(t, r.FirstBad)
	require.Equal(t, ledger.Seq(seq), r.FirstBad.Seq)
	require.NotContains(t, r.FirstBad.Why, "is damaged", "which is what a checksum says")
}
