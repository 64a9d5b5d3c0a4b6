package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatMajorVersion pins what is on disk. A newer Pebble must not move a node's files to a format that the
// binary of yesterday cannot open; raising the number is a decision, recorded.
const formatMajorVersion = pebble.FormatMajorVersion(24)

// Options says where and how a log is opened. The zero value uses the real file system, discards messages and
// ends the process with exit status 70 on an error of the disk.
type Options struct {
	// FS is the file system; nil means the real one.
	FS vfs.FS
	// Logger receives Pebble's messages; nil discards them.
	Logger *slog.Logger
	// Fatal ends the process after an error of the disk. It must not return.
	Fatal func(error)
	// Applied is the index that the ledger's database holds as applied, in memory at least. nil means 0.
	// It is called by DeleteRange only.
	Applied func() uint64
	// SyncLedger makes everything durable that the ledger's database held when it was called. It is called
	// by DeleteRange before the front of the log is dropped. nil does nothing.
	SyncLedger func() error
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		logger := o.Logger
		o.Fatal = func(err error) {
			logger.Error("raft log: ending the process", "error", err)
			os.Exit(70)
		}
	}
	if o.Applied == nil {
		o.Applied = func() uint64 { return 0 }
	}
	if o.SyncLedger == nil {
		o.SyncLedger = func() error { return nil }
	}
	return o
}

// fatal hands err to Fatal and makes sure that nothing runs on if Fatal returns all the same.
func (o Options) fatal(err error) {
	o.Fatal(err)
	panic(err)
}

func (o Options) pebble() *pebble.Options {
	p := &pebble.Options{
		FS:                 o.FS,
		Logger:             logger{o},
		FormatMajorVersion: formatMajorVersion,
		ErrorIfNotExists:   true,
		// Entries are read back from Pebble only by a follower far behind and at a start.
		CacheSize:    4 << 20,
		MemTableSize: 8 << 20,
		// The log is cut from the front: most of it never needs to be compacted downwards.
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       64,
		MemTableStopWritesThreshold: 4,
		BytesPerSync:                1 << 20,
		MaxOpenFiles:                256,
	}
	// Commands are mostly sealed payloads, which do not shrink.
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	for i := range p.Levels {
		p.Levels[i].BlockSize = 32 << 10
	}
	return p
}

// logger passes Pebble's messages on. Pebble calls Fatalf when a commit could not reach the disk and goes on
// as if it had if Fatalf returns, so ours does not.
type logger struct{ o Options }

func (l logger) Infof(format string, args ...any) {
	l.o.Logger.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.o.Logger.Warn("pebble: " + fmt.Sprintf(format, args...))
}

func (l logger) Fatalf(format string, args ...any) {
	l.o.fatal(fmt.Errorf("raft log: pebble: "+format, args...))
}

// Init creates an empty log in dir, which is made if need be. It refuses a folder that already holds one.
// Nothing else ever creates a log: a node that finds its folder empty must say so, not start afresh.
func Init(dir string, o Options) error {
	o = o.withDefaults()
	p := o.pebble()
	p.ErrorIfNotExists, p.ErrorIfExists = false, true
	db, err := pebble.Open(dir, p)
	if err != nil {
		if errors.Is(err, pebble.ErrDBAlreadyExists) {
			return fmt.Errorf("create raft log: %w", fs.ErrExist)
		}
		return fmt.Errorf("create raft log: %w", err)
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("create raft log: %w", err)
	}
	// The first write-ahead log of a new database is written before the pinned format is in force, and
	// damage in it goes unnoticed (measured: 80 of 80). Opening once more starts a second one.
	db, err = pebble.Open(dir, o.pebble())
	if err != nil {
		return fmt.Errorf("create raft log: reopen: %w", err)
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("create raft log: %w", err)
	}
	return nil
}
