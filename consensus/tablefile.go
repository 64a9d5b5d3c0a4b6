package consensus

import (
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableWrite is how much of a table goes to the file system at once.
const tableWrite = 128 << 10

// tableFiles is a file system on which both databases write their tables in few, large, aligned pieces. Pebble writes a
// table block by block, 4 kB each, and the kernel then finds a page for each and zeroes what is not written of it: two
// thirds of what writing them costs, which is 4 to 9 % of a node's processor time (docs/SPEED.md). Logs are not touched:
// what was written to them is in the kernel's hands, and outlives the process.
type tableFiles struct{ vfs.FS }

func (t tableFiles) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := t.FS.Create(name, c)
	if err != nil || !strings.HasSuffix(name, ".sst") {
		return f, err
	}
	return &tableFile{File: f}, nil
}

// Unwrap implements [vfs.FS].
func (t tableFiles) Unwrap() vfs.FS { return t.FS }

// tableFile is a table that is being written. Nobody reads it before it was synced and closed, and nothing names it: if
// we die with a part of it in memory it is removed at the next start, as if that part had been written.
type tableFile struct {
	vfs.File
	buf     []byte
	written int64 // what the file system has
	err     error // what could not be written, for good: no later sync may pass over it
}

// Write takes all of p, or fails; what cannot be written may be found out by a later call, [tableFile.Sync] at the latest.
func (f *tableFile) Write(p []byte) (int, error) {
	if f.buf == nil {
		f.buf = make([]byte, 0, tableWrite)
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), tableWrite-len(f.buf))
		f.buf, rest = append(f.buf, rest[:n]...), rest[n:]
		if len(f.buf) < tableWrite {
			break
		}
		if err := f.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (f *tableFile) flush() error {
	if len(f.buf) == 0 || f.err != nil {
		return f.err
	}
	n, err := f.File.Write(f.buf)
	f.written += int64(n)
	f.buf, f.err = f.buf[:0], err
	return err
}

// Sync makes the whole table durable. Pebble calls it, or SyncData, before it records that the table exists.
func (f *tableFile) Sync() error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Sync()
}

// SyncData is [tableFile.Sync] without the file's metadata.
func (f *tableFile) SyncData() error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.SyncData()
}

// SyncTo starts writing the first bytes of the table to the disk.
func (f *tableFile) SyncTo(length int64) (bool, error) {
	if length > f.written {
		if err := f.flush(); err != nil {
			return false, err
		}
	}
	return f.File.SyncTo(length)
}

// Close writes what is left. A table that is given up is closed without a sync, and is removed.
func (f *tableFile) Close() error { return errors.Join(f.flush(), f.File.Close()) }
