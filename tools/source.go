package tools

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// source is where a log is read from as C2SP tlog-tiles: a running node, or the
// files of one, in a folder or in a zip archive. It is trusted in nothing.
type source struct {
	what  string // "the node", or what the files are in
	get   func(ctx context.Context, path string) ([]byte, error)
	files bool // hash tiles are part of what is verified
}

// source is what a node serves.
func (s *service) source() *source { return &source{what: "the node", get: s.get} }

// openTiles opens a folder of tiles, or a zip archive of one.
func openTiles(name string) (*source, func(), error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, failing(ExitUnreadable, err)
	}
	if info.IsDir() {
		s := &source{what: "the folder of tiles", get: fileSource(os.DirFS(name)), files: true}
		return s, func() {}, nil
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, nil, failf(ExitUnreadable, "%s: neither a folder nor a zip archive: %w", name, err)
	}
	return &source{what: "the archive of tiles", get: fileSource(z), files: true}, func() { _ = z.Close() }, nil // only read
}

// tileMost is more than any file of a log can hold: 256 records of 16 KiB.
const tileMost = 8 << 20

// fileSource reads by the paths that a node serves. A file that is missing is
// an incomplete copy; entry 0 is taken out of its tile.
func fileSource(files fs.FS) func(context.Context, string) ([]byte, error) {
	read := func(name string) ([]byte, error) {
		f, err := files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, failf(ExitIncomplete, "%s is not there: the copy is not whole", name)
		}
		if err != nil {
			return nil, failing(ExitUnreadable, err)
		}
		defer func() { _ = f.Close() }() // only read
		b, err := io.ReadAll(io.LimitReader(f, tileMost+1))
		if err == nil && len(b) > tileMost {
			return nil, failf(ExitIntegrity, "%s is longer than any tile", name)
		}
		return b, failing(ExitUnreadable, err)
	}
	return func(_ context.Context, at string) ([]byte, error) {
		if at != "/v1/entries/0" {
			return read(strings.TrimPrefix(at, "/"))
		}
		name := "tile/entries/000"
		if parts, err := fs.ReadDir(files, name+".p"); err == nil && len(parts) > 0 {
			name = path.Join(name+".p", parts[0].Name())
		}
		b, err := read(name)
		if err != nil {
			return nil, err
		}
		record, _, err := torchwood.ReadTileEntry(b)
		if err != nil {
			return nil, failf(ExitIntegrity, "%s holds no entry", name)
		}
		return record, nil
	}
}

// bundles walks the records from one up to a size.
func (s *source) bundles(from, size int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for at := from / tileWidth * tileWidth; at < size; at += tileWidth {
			t := tlog.Tile{H: torchwood.TileHeight, L: -1, N: at / tileWidth, W: int(min(tileWidth, size-at))}
			rest, err := s.get(context.Background(), "/"+torchwood.TilePath(t))
			for i := 0; i < t.W && err == nil; i++ {
				var record []byte
				if record, rest, err = torchwood.ReadTileEntry(rest); err != nil {
					err = failf(ExitIntegrity, "%s's tile of entries %d to %d ends early", s.what, at, at+int64(t.W)-1)
				} else if at+int64(i) >= from && !yield(record, nil) {
					return
				}
			}
			if err == nil && len(rest) > 0 {
				err = failf(ExitIntegrity, "%s's tile of entries %d to %d is longer than they are", s.what, at, at+int64(t.W)-1)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// tile reads one tile of hashes, of so many.
func (s *source) tile(level int, number int64, width int) ([]byte, error) {
	b, err := s.get(context.Background(), "/"+torchwood.TilePath(tlog.Tile{H: torchwood.TileHeight, L: level, N: number, W: width}))
	if err == nil && len(b) > width*tlog.HashSize {
		err = fmt.Errorf("tree tile %d of level %d is longer than its hashes", number, level)
	}
	return b, err
}

// ReadTiles reads tiles of the tree's hashes, for another's reader, which checks
// them against the signed root.
func (s *source) ReadTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if out[i], err = s.get(ctx, "/"+torchwood.TilePath(t)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ReadEndpoint reads anything else.
func (s *source) ReadEndpoint(ctx context.Context, path string) ([]byte, error) {
	return s.get(ctx, "/"+path)
}

// SaveTiles keeps nothing.
func (s *source) SaveTiles([]tlog.Tile, [][]byte) {}
