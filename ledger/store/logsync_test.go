package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// watchedLogs is a file system that notes how much of a write-ahead log is still to be written where it is synced.
type watchedLogs struct {
	vfs.FS
	mu    sync.Mutex
	long  int     // logs of more than a megabyte that were synced
	still []int64 // bytes, of each of them
}

func (w *watchedLogs) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.Create(name, c)
	return w.watch(name, f), err
}

func (w *watchedLogs) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.ReuseForWrite(from, to, c)
	return w.watch(to, f), err
}

func (w *watchedLogs) watch(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".log") {
		return f
	}
	return &watchedLog{File: f, all: w}
}

type watchedLog struct {
	vfs.File
	all            *watchedLogs
	written, begun int64
}

func (f *watchedLog) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	return n, err
}

func (f *watchedLog) SyncTo(length int64) (bool, error) {
	f.begun = max(f.begun, length)
	return f.File.SyncTo(length)
}

func (f *watchedLog) SyncData() error {
	f.all.mu.Lock()
	if f.written > 2<<20 {
		f.all.long++
		f.all.still = append(f.all.still, f.written-f.begun)
	}
	f.all.mu.Unlock()
	return f.File.SyncData()
}

// Whoever commits where a write-ahead log ends waits until all of it is on the disk. That is little, since it was on
// its way there while it grew.
func TestALogIsOnItsWayToTheDisk(t *testing.T) {
	where, fs := t.TempDir(), &watchedLogs{FS: vfs.Default}
	must(t, Init(where, Options{FS: fs}))
	d, err := Open(where, Options{FS: fs})
	must(t, err)
	value := make([]byte, 1000)
	for n := range 400 {
		x := d.Begin()
		for i := range 100 {
			must(t, x.SetCold(ViewKey('x', fmt.Appendf(nil, "%04d%04d", n, i)), value))
		}
		must(t, x.Commit())
	}
	must(t, d.Close())
	fs.mu.Lock()
	defer fs.mu.Unlock()
	require.GreaterOrEqual(t, fs.long, 3, "40 MB are several logs")
	for _, still := range fs.still {
		require.LessOrEqual(t, still, int64(2<<20))
	}
}
