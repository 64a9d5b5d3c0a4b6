package tools

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"custos/consensus/raftlog"
	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// folder is a node's data folder, opened to read: ledger/ and raft/. The node
// must not be running. What cannot be read of raft/ is kept as an error,
// because it decides between "verified" and "cannot say", never "failed".
type folder struct {
	dir     string
	tables  string // the ledger's own folder
	db      *store.DB
	raft    *raftlog.Reader
	raftErr error
	pointer raftlog.Pointer
	struck  bool // a damaged block was met
}

// errEndLost marks a write-ahead log that does not read: the newest records are gone.
var errEndLost = errors.New("a write-ahead log is damaged: the newest records are gone")

// errTableLost marks a ledger of which a whole file, or the end of one, is gone.
var errTableLost = errors.New("a table of the ledger is missing, or shorter than it was: the copy is not whole")

func openFolder(dir string) (*folder, error) {
	if dir == "" {
		return nil, failf(ExitUsage, "missing --data")
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	f := &folder{dir: dir}
	var err error
	if f.tables, err = raftlog.LedgerDir(nil, dir); err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	if f.pointer, err = raftlog.ReadPointer(nil, dir); err != nil && !errors.Is(err, raftlog.ErrNoPointer) {
		return nil, failing(ExitUnreadable, err)
	}
	if _, err := os.Stat(f.tables); errors.Is(err, fs.ErrNotExist) { // Pebble would say that bytes do not read
		if f.pointer.Folder != "" {
			return nil, failing(ExitIncomplete, errTableLost)
		}
		return nil, failf(ExitUnreadable, "%s: %w", f.tables, store.ErrMissing)
	}
	f.db, err = guarded(func() (*store.DB, error) {
		return store.Open(f.tables, store.Options{ReadOnly: true, Fatal: unwind})
	})
	if err != nil {
		var damaged *damagedError
		if errors.As(err, &damaged) {
			damaged.tables = f.tables
		}
		return nil, openError(err, f.tables)
	}
	if err := f.checkLayout(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.openRaft()
	if isLocked(f.raftErr) {
		return nil, errors.Join(failing(ExitUnreadable, store.ErrLocked), f.close())
	}
	return f, nil
}

// checkLayout refuses views that this program would misread: those of another
// program's layout. The entries are the same in every layout.
func (f *folder) checkLayout() error {
	have, err := f.db.Layout()
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	if f.db.Head().Size > 0 && have != projection.Layout {
		return failf(ExitIncomplete, "the views are in layout %d and this program reads layout %d: use the tools of the program that "+
			"wrote them, or start a node of this version on a copy once", have, projection.Layout)
	}
	return nil
}

// openError says what a ledger that does not open means.
func openError(err error, dir string) error {
	var damaged *damagedError
	switch {
	case errors.As(err, &damaged):
		return failing(ExitIntegrity, err)
	case errors.Is(err, store.ErrLocked), errors.Is(err, store.ErrFormat):
		return failing(ExitUnreadable, err)
	case strings.Contains(err.Error(), "size mismatch"), errors.Is(err, store.ErrMissing) && hasManifest(dir):
		return failing(ExitIncomplete, errTableLost)
	case errors.Is(err, store.ErrMissing):
		return failf(ExitUnreadable, "%s: %w", dir, err)
	case strings.Contains(err.Error(), "replaying WAL"):
		return failing(ExitIncomplete, fmt.Errorf("%w (%w)", errEndLost, err))
	case isDisk(err):
		return failing(ExitUnreadable, err)
	}
	return failing(ExitIntegrity, &damagedError{err: err, tables: dir})
}

// hasManifest tells a ledger that lacks a file from a folder without a ledger.
func hasManifest(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	return err == nil && len(found) > 0
}

func (f *folder) openRaft() {
	dir := filepath.Join(f.dir, raftlog.RaftFolder)
	if _, err := os.Stat(dir); err != nil {
		f.raftErr = errors.New("there is no raft/ beside ledger/")
		return
	}
	f.raft, f.raftErr = raftlog.OpenReadOnly(dir, raftlog.Options{})
}

func isLocked(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "resource temporarily unavailable") || strings.Contains(err.Error(), "lock held"))
}

// isDisk tells a disk or a permission that failed from bytes that are wrong.
func isDisk(err error) bool {
	var damaged *damagedError
	var path *fs.PathError
	var errno syscall.Errno
	if errors.As(err, &damaged) {
		return false
	}
	return errors.As(err, &path) || errors.As(err, &errno)
}

// close closes what was only read. A database whose damaged block unwound its
// reader has iterators left open and panics when it is closed; the process is
// about to end, and there is nothing to lose.
func (f *folder) close() (err error) {
	defer func() {
		if r := recover(); r != nil && !f.struck {
			panic(r)
		}
	}()
	err = f.db.Close()
	if f.raft != nil {
		err = errors.Join(err, f.raft.Close())
	}
	return err
}

// tile reads a stored tile of the tree, which may have grown since.
func (f *folder) tile(level int, number int64, _ int) ([]byte, error) {
	return f.db.Tile(level, number)
}

// opened reads entry 0, which says whose log this is.
func (f *folder) opened() (*ledger.LogOpened, error) {
	if f.db.Head().Size == 0 {
		return nil, failf(ExitIncomplete, "the ledger is empty: it was never opened, or its entries are gone")
	}
	e, err := guarded(func() (ledger.Entry, error) { return store.Entry(f.db, 0) })
	if err != nil {
		return nil, err
	}
	o, ok := e.Event.(*ledger.LogOpened)
	if !ok {
		return nil, &ledger.Fault{Seq: 0, Level: ledger.LevelPlaces, Why: ledger.ErrPlace}
	}
	return o, nil
}
