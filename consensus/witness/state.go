package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// A witness's memory is one file per log: the last checkpoint that it cosigned, with the log's signature and its own. It
// is a signed note, so that a damaged or edited memory is found at start, and cannot be taken for another log's.
//
// The folder must never be restored from a copy: a witness that forgets may sign two histories.

const (
	lockName  = "LOCK"
	newSuffix = ".new"
)

// logName is how a log is called in files and addresses.
func logName(origin string) string {
	h := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(h[:])
}

// memory is the folder of a witness that runs.
type memory struct {
	fs   vfs.FS
	dir  string
	lock io.Closer
}

// openMemory takes the folder for this process alone.
func openMemory(fs vfs.FS, dir string) (*memory, error) {
	lock, err := fs.Lock(fs.PathJoin(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("open the witness's folder, which one process may use and init makes: %w", err)
	}
	return &memory{fs, dir, lock}, nil
}

func (m *memory) path(origin string) string {
	return m.fs.PathJoin(m.dir, logName(origin)+".checkpoint")
}

// read returns what was cosigned last, nil if nothing was. Both signatures must hold.
func (m *memory) read(origin string, log, own note.Verifier) ([]byte, tlog.Tree, error) {
	f, err := m.fs.Open(m.path(origin))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, tlog.Tree{}, nil
		}
		return nil, tlog.Tree{}, fmt.Errorf("read what was cosigned: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxRequest+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, tlog.Tree{}, fmt.Errorf("read what was cosigned: %w", err)
	}
	var tree tlog.Tree
	for _, v := range []note.Verifier{log, own} {
		if tree, err = ledger.OpenCheckpoint(b, origin, note.VerifierList(v)); err != nil {
			return nil, tree, fmt.Errorf("the memory of %s is damaged, or of other keys: %w", origin, err)
		}
	}
	return b, tree, nil
}

// write makes the memory durable: a new file, synced, in the old one's place, and the folder synced. If we die on any
// line of it the old memory is in force or the new one, and no signature of the new one has left. After an error nobody
// can say which is on disk, so the caller must sign nothing more.
func (m *memory) write(origin string, cosigned []byte) error {
	fresh := m.path(origin) + newSuffix
	f, err := m.fs.Create(fresh, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Clone(cosigned)) // a file of this interface may keep its buffer and write into it
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := m.fs.Rename(fresh, m.path(origin)); err != nil {
		return err
	}
	return syncFolder(m.fs, m.dir)
}

func syncFolder(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (m *memory) close() error { return m.lock.Close() }
