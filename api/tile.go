package api

import (
	"net/http"
	"strconv"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// The log as C2SP tlog-tiles: whoever keeps checkpoints can have every node of
// the tree, and an auditor the records, in pieces of 256 that never change.
// Hashes are of salted records and tell nothing (docs/THREATS.md).

// tileForEver is for what is the same for ever: hashes, also of a tile that is
// not full yet, whose width is part of its address.
var tileForEver = []string{"public, max-age=31536000, immutable"}

// tileOf reads a tile's address strictly: it has one spelling.
func tileOf(r *http.Request) (tlog.Tile, error) {
	t, err := torchwood.ParseTilePath("tile/" + pathVar(r, "tile"))
	if err != nil || t.L > 7 { // 256^8 leaves are more than there are numbers
		return t, problem("not-found")
	}
	return t, nil
}

// covers reports whether a ledger of this size has the whole of a tile.
func covers(size ledger.Seq, t tlog.Tile) bool {
	level := max(t.L, 0)
	return int64(size)>>(8*level) >= t.N<<8+int64(t.W) && t.N < 1<<55>>(8*level)
}

func (s *Server) tile(w http.ResponseWriter, r *http.Request) {
	t, err := tileOf(r)
	if err == nil && (t.L < 0 || !covers(s.node.View().R.Head().Size, t)) {
		err = problem("not-found")
	}
	var hashes []byte
	if err == nil {
		if hashes, err = s.node.Tile(t.L, t.N); err == nil && len(hashes) < t.W*tlog.HashSize {
			err = problem("not-found") // received a moment ago, and not opened yet
		}
	}
	if err != nil {
		s.unexpected(r, err)
		writeProblem(w, r, err)
		return
	}
	w.Header()["Cache-Control"] = tileForEver
	sendTile(w, hashes[:t.W*tlog.HashSize])
}

// getEntryTile is up to 256 records in a row, each behind its length. They are
// pseudonymous, like one entry's bytes.
func (s *Server) getEntryTile(w http.ResponseWriter, r *http.Request, _ *Identity) error {
	t, err := torchwood.ParseTilePath("tile/entries/" + pathVar(r, "bundle"))
	if err != nil || !covers(s.node.View().R.Head().Size, t) {
		return problem("not-found")
	}
	var b []byte
	for i := range t.W {
		record, err := s.node.Record(ledger.Seq(t.N<<8) + ledger.Seq(i))
		if err != nil {
			return err
		}
		if b, err = torchwood.AppendTileEntry(b, record); err != nil {
			return err
		}
	}
	sendTile(w, b)
	return nil
}

func sendTile(w http.ResponseWriter, b []byte) {
	w.Header()["Content-Type"] = []string{"application/octet-stream"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(b))}
	_, _ = w.Write(b) // who reads no more needs no error
}
