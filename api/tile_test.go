package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"testing"

	"filippo.io/torchwood"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// authorised puts a token on what another's client asks.
type authorised struct {
	token string
	next  http.RoundTripper
}

func (a authorised) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	return a.next.RoundTrip(r)
}

func (w *world) fetcher(token string) *torchwood.TileFetcher {
	w.t.Helper()
	f, err := torchwood.NewTileFetcher(w.http.URL+"/", torchwood.WithHTTPClient(&http.Client{Transport: authorised{token, http.DefaultTransport}}),
		torchwood.WithTilePath(torchwood.TilePath))
	require.NoError(w.t, err)
	return f
}

// Another's client, which nobody here wrote, reads the checkpoint and the tiles
// without a token, checks every hash against the signed root, and with an
// auditor's token reads every record.
func TestAnothersClientReadsTheTiles(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	for i := 2; i <= 5; i++ { // past the first full tile
		var rows []planRow
		for n := range 64 {
			rows = append(rows, ann(func(p *planRow) { p.NHSNumber = nhs(64*i + n) }))
		}
		w.plans(uploader, i, rows...)
	}
	ctx := context.Background()
	text, err := w.fetcher("").ReadEndpoint(ctx, "checkpoint")
	require.NoError(t, err)
	tree, err := ledger.OpenCheckpoint(text, worldOrigin, note.VerifierList(worldKeys().verifier))
	require.NoError(t, err)
	require.Greater(t, tree.N, int64(256))

	hashes, err := torchwood.TileHashReaderWithContext(ctx, tree, w.fetcher("")).ReadHashes([]int64{tlog.StoredHashIndex(0, 3), tlog.StoredHashIndex(0, tree.N-1)})
	require.NoError(t, err, "the tiles prove both from the signed root")
	require.Equal(t, w.hash(3), hashes[0])
	require.Equal(t, w.hash(ledger.Seq(tree.N-1)), hashes[1])

	client, err := torchwood.NewClient(w.fetcher(w.token(auditor)))
	require.NoError(t, err)
	read := int64(0)
	for i, record := range client.AllEntries(ctx, tree, 0) {
		require.Equal(t, read, i)
		e := w.entry(ledger.Seq(i))
		require.Equal(t, e.Record(), record)
		read++
	}
	require.NoError(t, client.Err())
	require.Equal(t, tree.N, read)

	// Addresses have one spelling, and there is nothing beyond the end.
	for _, path := range []string{"/tile/0/0", "/tile/0/000.p/0", "/tile/0/000.p/256", "/tile/00/000", "/tile/0/x000/000", "/tile/0/999", "/tile/1/000.p/2", "/tile/8/000.p/1",
		"/tile/63/000.p/1", "/tile/64/000.p/1", "/tile/0/000/", "/tile/0/001.p/255", "/tile/0/x999/x999/x999/x999/x999/x999/999"} {
		require.Equal(t, http.StatusNotFound, w.call(nobody, "GET", path, nil).status, path)
	}
	whole := w.call(nobody, "GET", "/tile/0/000", nil)
	require.Equal(t, http.StatusOK, whole.status)
	require.Len(t, whole.body, 256*sha256.Size)
	require.Equal(t, "public, max-age=31536000, immutable", whole.header.Get("Cache-Control"))
	for _, path := range []string{"/tile/entries/000.p/0", "/tile/entries/999", "/tile/entries/x"} {
		require.Equal(t, http.StatusNotFound, w.call(auditor, "GET", path, nil).status, path)
	}
	require.Equal(t, http.StatusUnauthorized, w.call(nobody, "GET", "/tile/entries/000", nil).status)
}

func (w *world) hash(n ledger.Seq) tlog.Hash {
	e := w.entry(n)
	return e.Hash()
}
