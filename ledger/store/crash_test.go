package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Whatever a crash leaves is a state that was committed, whole: a prefix of
// the chain with its tree, rows, head and applied index, and never less than
// was synced.
func TestACrashLeavesACommittedPrefix(t *testing.T) {
	lost, kept := 0, 0
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewCrashableMem()
		d := fresh(t, fs)
		c := newChain(t)
		applied := map[ledger.Seq]uint64{0: 0}
		synced := ledger.Seq(0)
		for range 40 {
			c.commit(d, 1+rng.IntN(20))
			applied[c.head.Size] = uint64(c.n)
			switch rng.IntN(8) {
			case 0:
				must(t, d.Sync())
				synced = c.head.Size
			case 1:
				must(t, d.Flush())
				synced = c.head.Size
			}
			percent := []int{0, 10, 50, 90, 100}[rng.IntN(5)]
			survivor := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			after := open(t, survivor)
			head := c.prove(after)
			index, boundary := applied[head.Size]
			require.True(t, boundary, "half a batch survived: %d entries", head.Size)
			require.Equal(t, index, after.Applied().Index)
			require.GreaterOrEqual(t, head.Size, synced, "synced entries were lost")
			if head.Size < c.head.Size {
				lost++
			} else {
				kept++
			}
			must(t, after.Close())
		}
		must(t, d.Close())
	}
	require.NotZero(t, lost, "the crashes must lose something to prove anything")
	require.NotZero(t, kept)
}

// The same, at moments that the test does not choose: clones are taken at file
// operations while commits go on.
func TestACrashAtAnyFileOperation(t *testing.T) {
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(7, 7))
	var mu sync.Mutex
	var clones []*vfs.MemFS
	var on atomic.Bool
	ops := 0
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !on.Load() || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if ops++; ops%9 == 0 && len(clones) < 60 {
			clones = append(clones, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}))
		}
		return nil
	}))
	d := fresh(t, fs)
	on.Store(true)
	c := newChain(t)
	applied := map[ledger.Seq]uint64{0: 0}
	for i := range 120 {
		c.commit(d, 5)
		applied[c.head.Size] = uint64(c.n)
		if i%10 == 9 {
			must(t, d.Sync())
		}
		if i%50 == 49 {
			must(t, d.Flush())
		}
	}
	on.Store(false)
	must(t, d.Close())
	require.NotEmpty(t, clones)
	for _, survivor := range clones {
		after := open(t, survivor)
		head := c.prove(after)
		index, boundary := applied[head.Size]
		require.True(t, boundary)
		require.Equal(t, index, after.Applied().Index)
		must(t, after.Close())
	}
}

// After a crash the ledger goes on where it was: what was lost is written
// again, as the replicated log would, and the result is the same.
func TestWhatACrashLostIsWrittenAgain(t *testing.T) {
	fs := vfs.NewCrashableMem()
	d := fresh(t, fs)
	c := newChain(t)
	c.commit(d, 300)
	must(t, d.Sync())
	c.commit(d, 300)
	rng := rand.New(rand.NewPCG(1, 2))
	survivor := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0, RNG: rng})
	want := d.Tree()
	must(t, d.Close())
	after := open(t, survivor)
	require.Equal(t, ledger.Seq(300), after.Head().Size)
	again := newChain(t)
	again.next(300)
	again.commit(after, 300)
	require.Equal(t, want, after.Tree())
	c.prove(after)
	must(t, after.Close())
}

// An error of any write ends the process: Fatal is called and neither Commit
// nor Sync ever answers that all is well afterwards.
func TestAnErrorOfAnyWriteEndsTheProcess(t *testing.T) {
	full := errors.New("no space left on device")
	for at := range 12 {
		t.Run(fmt.Sprint("write ", at), func(t *testing.T) {
			var on atomic.Bool
			var seen atomic.Int32
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				switch op.Kind {
				case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileFlush:
					if on.Load() && int(seen.Add(1)) > at {
						return full // from here on every one, as a full or broken disk does
					}
				}
				return nil
			}))
			must(t, Init(dir, Options{FS: fs}))
			fatal := make(chan error, 16)
			d, err := Open(dir, Options{FS: fs, Fatal: func(err error) {
				fatal <- err
				runtime.Goexit() // the process is gone: nothing after this line runs
			}})
			must(t, err)
			c := newChain(t)
			acknowledged := make(chan bool, 1)
			go func() {
				defer close(acknowledged)
				for i := range 200 {
					c.commit(d, 3)
					if i == 3 {
						on.Store(true)
					}
					if err := d.Sync(); err != nil {
						return
					}
					if int(seen.Load()) > at+1 {
						acknowledged <- true
						return
					}
				}
			}()
			select {
			case err := <-fatal:
				require.ErrorContains(t, err, full.Error())
			case <-time.After(20 * time.Second):
				require.Fail(t, "nobody was told")
			}
			require.False(t, <-acknowledged, "a sync answered after a failed write")
		})
	}
}
