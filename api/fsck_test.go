package api

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"filippo.io/torchwood"
)

// TestTesserasCheckOfTheTiles: a third program, which neither we nor torchwood
// wrote, makes every tile again from the entries that a node serves and compares.
func TestTesserasCheckOfTheTiles(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	for i := 2; i <= 5; i++ { // past the first full tile
		var rows []planRow
		for n := range 64 {
			rows = append(rows, ann(func(p *planRow) { p.NHSNumber = nhs(64*i + n) }))
		}
		w.plans(uploader, i, rows...)
	}
	root, err := url.Parse(w.http.URL + "/")
	require.NoError(t, err)
	node, err := client.NewHTTPFetcher(root, &http.Client{Transport: authorised{w.token(auditor), http.DefaultTransport}})
	require.NoError(t, err)
	leaves := func(b []byte) (out [][]byte, err error) {
		for len(b) > 0 {
			var record []byte
			if record, b, err = torchwood.ReadTileEntry(b); err != nil {
				return nil, err
			}
			out = append(out, rfc6962.DefaultHasher.HashLeaf(record))
		}
		return out, nil
	}
	require.NoError(t, fsck.New(worldOrigin, worldKeys().verifier, node, leaves, fsck.Opts{N: 2}).Check(t.Context()))

	// And it would find one byte.
	wrong := func(b []byte) ([][]byte, error) {
		out, err := leaves(b)
		if err == nil {
			out[3] = rfc6962.DefaultHasher.HashLeaf([]byte("another"))
		}
		return out, err
	}
	require.Error(t, fsck.New(worldOrigin, worldKeys().verifier, node, wrong, fsck.Opts{N: 2}).Check(t.Context()))

	// Its proof of an entry, made from our tiles, is the node's own.
	checkpoint, _, _, err := client.FetchCheckpoint(t.Context(), node.ReadCheckpoint, worldKeys().verifier, worldOrigin)
	require.NoError(t, err)
	builder, err := client.NewProofBuilder(t.Context(), checkpoint.Size, node.ReadTile)
	require.NoError(t, err)
	path, err := builder.InclusionProof(t.Context(), 7)
	require.NoError(t, err)
	proof := make(tlog.RecordProof, len(path))
	for i := range path {
		proof[i] = tlog.Hash(path[i])
	}
	require.NoError(t, tlog.CheckRecord(proof, int64(checkpoint.Size), tlog.Hash(checkpoint.Hash), 7, ledger.Hash(w.hash(7))))
}
