package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// pebbleFormat pins Pebble's on-disk format by number, so that a newer library
// never raises it by itself (24 has checksummed chunks in the write-ahead log).
const pebbleFormat = pebble.FormatMajorVersion(24)

// Options say how a ledger database is opened. The zero value is usable.
type Options struct {
	FS         vfs.FS       // the file system; the machine's by default
	ReadOnly   bool         // for tools: nothing is written, not even a repair
	Logger     *slog.Logger // what Pebble says; nothing by default
	Fatal      func(error)  // what a write error does; ends the process by default
	CacheBytes int64        // Pebble's block cache, memory tables included; 48 MiB by default
	RowBytes   int64        // the cache of view rows that Apply reads; 32 MiB by default
	Scratch    bool         // for replays that are thrown away: no write-ahead log
	Entries    *DB          // of a scratch ledger: where its entries stand, which it then does not store itself
}

// Applied is how far the replicated log has been applied, with the membership
// in force: written in the batch of the entries it speaks of.
type Applied struct {
	Index     uint64 `cbor:"1,keyasint"`
	Term      uint64 `cbor:"2,keyasint"`
	ConfIndex uint64 `cbor:"3,keyasint,omitempty"`
	Conf      []byte `cbor:"4,keyasint,omitempty"`
}

// Errors of opening.
var (
	ErrExists  = errors.New("a ledger is already there")
	ErrMissing = errors.New("there is no ledger; it is created once, by init")
	ErrFormat  = errors.New("the ledger's layout is of another version than this program's")
	ErrLocked  = errors.New("the ledger is in use by a running process; stop it, or read a copy")
)

// DB is the ledger on disk. One [Txn] at a time writes; any number of readers
// read.
type DB struct {
	p       *pebble.DB
	cache   *pebble.Cache
	fatal   func(error)
	entries *DB                  // where entries are read; nil: here
	rows    *rowCache            // the writer's
	rising  map[string]*frontier // the writer's, by the view's prefix
	spare   map[string]write     // the writer's, for its next transaction
	few     [256]*few            // the writer's, by the view's byte
	missed  missed
	writing sync.Mutex // held by the open Txn

	mu      sync.RWMutex // guards what follows
	head    ledger.Head
	tree    tlog.Tree // as of head
	sides   [4]sides  // of the newest committed trees, for proofs
	turn    int       // which of sides is the oldest
	applied Applied
	edge    *edge
}

// Init creates an empty ledger in dir, once. It closes and reopens the
// database before first use, so that its first write-ahead log already has the
// pinned format.
func Init(dir string, o Options) error {
	o.ReadOnly = false
	scratch := o.Scratch
	o.Scratch = false
	po := o.pebble()
	po.ErrorIfExists = true
	p, err := pebble.Open(dir, po)
	po.Cache.Unref()
	if err != nil {
		if errors.Is(err, pebble.ErrDBAlreadyExists) {
			return ErrExists
		}
		return fmt.Errorf("create ledger: %w", err)
	}
	b, err := ledger.Marshal(formatVersion)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	if err := p.Set(keyFormat, b, pebble.Sync); err != nil {
		return errors.Join(fmt.Errorf("create ledger: %w", err), p.Close())
	}
	if err := p.Close(); err != nil {
		return fmt.Errorf("create ledger: %w", err)
	}
	o.Scratch = scratch
	d, err := Open(dir, o)
	if err != nil {
		return err
	}
	return d.Close()
}

// Open opens a ledger that exists.
func Open(dir string, o Options) (*DB, error) {
	po := o.pebble()
	po.ErrorIfNotExists = true
	po.ReadOnly = o.ReadOnly
	p, err := pebble.Open(dir, po)
	if err != nil {
		po.Cache.Unref()
		switch {
		case errors.Is(err, pebble.ErrDBDoesNotExist), errors.Is(err, os.ErrNotExist):
			return nil, ErrMissing
		case locked(err):
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	d := &DB{p: p, cache: po.Cache, fatal: o.Fatal, entries: o.Entries, rows: newRowCache(o.rowBytes()), rising: make(map[string]*frontier)}
	if d.fatal == nil {
		d.fatal = exit
	}
	if err := d.load(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func exit(err error) {
	fmt.Fprintln(os.Stderr, "ledger:", err)
	os.Exit(70)
}

func (o Options) rowBytes() int64 {
	if o.RowBytes > 0 {
		return o.RowBytes
	}
	return 32 << 20
}

func (o Options) pebble() *pebble.Options {
	size := o.CacheBytes
	if size == 0 {
		size = 48 << 20
	}
	po := &pebble.Options{
		FS: o.FS, FormatMajorVersion: pebbleFormat, Cache: pebble.NewCache(size), DisableWAL: o.Scratch,
		// Most rows are new and are not read again soon: rewriting them early costs
		// more than looking into a few more tables (measured: 30 % fewer bytes written).
		// Memory tables stand on the collector's heap, which is why they are small. What
		// they take, Pebble takes from the block cache: it must be several times as large,
		// or tables' filters are read anew for each row that is looked for.
		MemTableSize: 8 << 20, MemTableStopWritesThreshold: 4, L0CompactionThreshold: 10, L0StopWritesThreshold: 60,
		// A write-ahead log is synced where the next one begins, and whoever commits then waits for
		// it: what it has is to be on its way to the disk by then, and not all of it still in memory.
		WALBytesPerSync: 256 << 10,
		Logger:          pebbleLogger{o.Logger, o.Fatal},
		// Puts bytes behind a row's. Its name stands in the files of every ledger: it was always this one.
		Merger: pebble.DefaultMerger,
	}
	if po.FS == nil {
		po.FS = vfs.Default
	}
	if o.Scratch {
		// The same rows are written again and again: what is overwritten in memory never
		// reaches a table. Nobody waits for such a ledger's tables to be on the disk.
		po.MemTableSize, po.MemTableStopWritesThreshold = min(32<<20, max(8<<20, uint64(size)/4)), 2
		po.BytesPerSync = 1 << 30
	}
	// Records are hashes and ciphertext: compressing them costs more than it
	// saves, and an auditor can find an entry's bytes in the files.
	for i := range po.TargetFileSizes {
		po.TargetFileSizes[i] = 16 << 20 << min(i, 3)
	}
	for i := range po.Levels {
		// A row that is read for the first time costs its whole block: with larger ones
		// a list of 2,000 people took twice as long (docs/SPEED.md).
		po.Levels[i].BlockSize = 4 << 10
		po.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		po.Levels[i].FilterType = pebble.TableFilter
	}
	return po
}

func (d *DB) load() error {
	var format int
	if ok, err := d.decode(keyFormat, &format); err != nil {
		return err
	} else if !ok || format != formatVersion {
		return ErrFormat
	}
	var h headRow
	if _, err := d.decode(keyHead, &h); err != nil {
		return err
	}
	var a Applied
	if _, err := d.decode(keyApplied, &a); err != nil {
		return err
	}
	e, err := loadEdge(int64(h.Size), d.tile)
	if err != nil {
		return err
	}
	head := ledger.Head{Log: h.Log, Size: h.Size, Last: h.Last, Time: h.Time}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.head, d.applied, d.edge = head, a, e
	s, err := e.sides()
	if err != nil {
		return fmt.Errorf("hash tree: %w", err)
	}
	d.keep(s)
	return nil
}

// keep makes a tree the committed one; the caller holds mu.
func (d *DB) keep(s sides) {
	d.tree = tlog.Tree{N: s.size, Hash: s.root()}
	d.sides[d.turn] = s
	d.turn = (d.turn + 1) % len(d.sides)
}

type headRow struct {
	Log  ledger.ID   `cbor:"1,keyasint"`
	Size ledger.Seq  `cbor:"2,keyasint"`
	Last ledger.Hash `cbor:"3,keyasint"`
	Time ledger.Time `cbor:"4,keyasint"`
}

func (d *DB) decode(key []byte, v any) (bool, error) {
	b, err := d.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	if err := ledger.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("read row %q: %w", key, err)
	}
	return true, nil
}

// Head returns the end of the committed chain.
func (d *DB) Head() ledger.Head {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.head
}

// Tree returns the tree over every committed entry.
func (d *DB) Tree() tlog.Tree {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.tree
}

// Applied returns how far the replicated log is applied.
func (d *DB) Applied() Applied {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.applied
}

// Sync makes everything that is committed durable. An error here ends the
// process: what a failed fsync has left behind cannot be known.
func (d *DB) Sync() error {
	if err := d.p.LogData(nil, pebble.Sync); err != nil {
		d.fatal(fmt.Errorf("sync ledger: %w", err))
		return err
	}
	return nil
}

// Flush writes everything to tables, so that a copy of the folder is whole.
func (d *DB) Flush() error { return d.p.Flush() }

// Checkpoint makes a copy of the ledger as of now in dir, of hard links where
// it can, with the write-ahead log flushed.
func (d *DB) Checkpoint(dir string) error {
	return d.p.Checkpoint(dir, pebble.WithFlushedWAL())
}

// Metrics returns Pebble's own figures.
func (d *DB) Metrics() *pebble.Metrics { return d.p.Metrics() }

// Close closes the database. It does not flush: see [DB.Flush].
func (d *DB) Close() error {
	err := d.p.Close()
	d.cache.Unref()
	return err
}

// LastSigned returns the newest checkpoint this node signed or was sent, as a
// signed note, or nil.
func (d *DB) LastSigned() ([]byte, error) { return d.Get(keySigned) }

// SetLastSigned keeps a signed checkpoint. It stands outside the views.
func (d *DB) SetLastSigned(note []byte) error {
	if err := d.p.Set(keySigned, note, pebble.NoSync); err != nil {
		d.fatal(fmt.Errorf("keep checkpoint: %w", err))
		return err
	}
	return nil
}

// LastCosigned returns the newest checkpoint that witnesses signed too, as a
// signed note, or nil.
func (d *DB) LastCosigned() ([]byte, error) { return d.Get(keyCosigned) }

// SetLastCosigned keeps it. It stands outside the views.
func (d *DB) SetLastCosigned(note []byte) error {
	if err := d.p.Set(keyCosigned, note, pebble.NoSync); err != nil {
		d.fatal(fmt.Errorf("keep cosigned checkpoint: %w", err))
		return err
	}
	return nil
}

// pebbleLogger passes on what matters. Fatalf must not return: Pebble calls it
// when a commit cannot be made durable.
type pebbleLogger struct {
	log   *slog.Logger
	fatal func(error)
}

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	if l.log != nil {
		l.log.Error("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("pebble: "+format, args...)
	if l.fatal != nil {
		l.fatal(err)
	}
	exit(err)
}
