package tools

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// exportTiles writes the newest signed checkpoint with every tile that it
// covers, hashes and entries, under the paths of C2SP tlog-tiles. What comes
// after it is not signed yet and stays out. The checkpoint is written last: a
// copy that was cut off has none.
func (a *app) exportTiles(f *folder, out string) error {
	opened, err := f.opened()
	if err != nil {
		return err
	}
	signed, err := guarded(f.db.LastSigned)
	if err != nil || signed == nil {
		return failing(ExitIncomplete, errors.Join(errors.New("there is no signed checkpoint to export"), err))
	}
	key, err := note.NewVerifier(opened.Verifier)
	if err != nil {
		return failf(ExitIncomplete, "entry 0 names no usable key: %w", err)
	}
	tree, err := ledger.OpenCheckpoint(signed, opened.Origin, note.VerifierList(key))
	if err != nil {
		return failing(ExitIntegrity, err)
	}
	if tree.N > int64(f.db.Head().Size) {
		return failf(ExitIncomplete, "the checkpoint signs %d entries and the ledger has %d: its end is lost", tree.N, f.db.Head().Size)
	}
	to, closing, err := createTiles(out)
	if err != nil {
		return err
	}
	bar := a.progress(tree.N, "tiles")
	defer bar.done()
	x := tileExport{f: f, size: tree.N, to: to}
	err = guard(func() error { return errors.Join(x.entries(bar), x.hashes()) })
	if err == nil {
		err = to("checkpoint", signed)
	}
	err = errors.Join(err, closing())
	var damaged *damagedError
	if errors.As(err, &damaged) {
		f.struck = true
		return failf(ExitIntegrity, "the ledger is damaged; verify names the entry: %w", err)
	}
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	if a.json() {
		return a.printJSON(map[string]any{"size": tree.N, "root": b64(tree.Hash), "out": out})
	}
	_, err = fmt.Fprintf(a.stdout, "%d entries under checkpoint root %s: %s\n", tree.N, b64(tree.Hash), out)
	return failing(ExitUnreadable, err)
}

// createTiles makes a folder or an archive that was not there.
func createTiles(out string) (write func(name string, b []byte) error, closing func() error, err error) {
	if !strings.HasSuffix(out, ".zip") {
		if err := os.Mkdir(out, 0o755); err != nil {
			return nil, nil, failing(ExitUnreadable, err)
		}
		return func(name string, b []byte) error {
			file := filepath.Join(out, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			return os.WriteFile(file, b, 0o644)
		}, func() error { return nil }, nil
	}
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil, failf(ExitUnreadable, "%s is already there", out)
	}
	if err != nil {
		return nil, nil, failing(ExitUnreadable, err)
	}
	z := zip.NewWriter(file)
	return func(name string, b []byte) error {
		w, err := z.Create(path.Clean(name))
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	}, func() error { return errors.Join(z.Close(), file.Sync(), file.Close()) }, nil
}

type tileExport struct {
	f    *folder
	size int64
	to   func(name string, b []byte) error
}

// entries writes the bundles.
func (x *tileExport) entries(bar *progress) error {
	var b []byte
	n := int64(0)
	for record, err := range x.f.db.Records(0, ledger.Seq(x.size)) {
		if err == nil {
			b, err = torchwood.AppendTileEntry(b, record)
		}
		if err != nil {
			return err
		}
		n++
		if n%tileWidth == 0 || n == x.size {
			t := tlog.Tile{H: torchwood.TileHeight, L: -1, N: (n - 1) / tileWidth, W: int((n-1)%tileWidth) + 1}
			if err := x.to(torchwood.TilePath(t), b); err != nil {
				return err
			}
			b = b[:0]
			bar.set(n)
		}
	}
	if n < x.size {
		return fmt.Errorf("%w: %d", store.ErrNoEntry, n)
	}
	return nil
}

// hashes writes the tiles of the tree, of each level as far as it is signed.
func (x *tileExport) hashes() error {
	for level, n := 0, x.size; n > 0; level, n = level+1, n/tileWidth {
		for number := int64(0); number*tileWidth < n; number++ {
			t := tlog.Tile{H: torchwood.TileHeight, L: level, N: number, W: int(min(tileWidth, n-number*tileWidth))}
			b, err := x.f.db.Tile(level, number)
			if err == nil && len(b) < t.W*tlog.HashSize {
				err = fmt.Errorf("tree tile %d of level %d is missing or short", number, level)
			}
			if err == nil {
				err = x.to(torchwood.TilePath(t), b[:t.W*tlog.HashSize])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
