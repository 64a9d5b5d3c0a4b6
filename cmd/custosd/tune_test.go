package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ownCollector lets a test set this process's collector, and puts it back.
func ownCollector(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "")
	}
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
}

// The bound on memory holds while any file is taken in, and no longer; it
// leaves room for the caches of every node in the process.
func TestMemoryIsBoundedWhileAFileIsTakenIn(t *testing.T) {
	ownCollector(t)
	in := func(bound int64) {
		t.Helper()
		require.Equal(t, bound, debug.SetMemoryLimit(-1))
	}

	const mib = 1 << 20
	live, used := int64(50*mib), int64(100*mib)
	c := collector{memory: func() (int64, int64) { return live, used }, room: room, look: time.Hour}
	c.cached(48 * mib)
	first := c.begin()
	in(232 * mib)
	second := c.begin()
	first()
	in(232 * mib)
	second()
	in(2048 * mib)

	c.cached(128 * mib)
	end := c.begin()
	in(360 * mib)
	end()
	c.cached(-128 * mib)
	c.begin()()

	// A node that uses much already is not pressed below that, nor one that needs much.
	used = 600 * mib
	end = c.begin()
	in(600 * mib)
	end()
	require.Equal(t, int64(1000*mib), boundOfFile(64*mib, 500*mib, 600*mib))
	require.Equal(t, int64(700*mib), boundOfFile(64*mib, 100*mib, 700*mib))
	require.Equal(t, int64(memoryBound), boundOfFile(64*mib, 5000*mib, 5000*mib))
	require.Equal(t, int64(5000*mib+fileMemory), boundOfFile(5000*mib, 500*mib, 700*mib))

	// What the environment says is left alone.
	t.Setenv("GOMEMLIMIT", "off")
	debug.SetMemoryLimit(math.MaxInt64)
	end = c.begin()
	in(math.MaxInt64)
	end()
}

// A bound that makes the collector run all the time gives way, up to what the
// process may take in general, and only while the file is taken in.
func TestABoundThatIsTooTightGivesWay(t *testing.T) {
	ownCollector(t)
	var goal, looks atomic.Int64
	goal.Store(124)
	c := collector{memory: func() (int64, int64) { return 50 << 20, 100 << 20 }, look: time.Millisecond,
		room: func() (int64, int64) { looks.Add(1); return 100, goal.Load() }}
	end := c.begin()
	require.Eventually(t, func() bool { return debug.SetMemoryLimit(-1) == memoryBound }, 30*time.Second, time.Millisecond, "a quarter of what is live is too little room")
	end()
	require.EqualValues(t, memoryBound, debug.SetMemoryLimit(-1))

	goal.Store(125)
	end = c.begin()
	first := looks.Load()
	require.Eventually(t, func() bool { return looks.Load() > first+100 }, 30*time.Second, time.Millisecond)
	require.EqualValues(t, fileMemory, debug.SetMemoryLimit(-1), "that is room enough")
	c.widen(c.over)
	require.EqualValues(t, fileMemory+fileMemory/8, debug.SetMemoryLimit(-1))
	over := c.over
	end()
	c.widen(over)
	require.EqualValues(t, memoryBound, debug.SetMemoryLimit(-1), "what came too late changes nothing")
}

// The ledger's memory tables are taken out of its cache: one that they fill is refused.
func TestTheCacheHasRoom(t *testing.T) {
	path := meshNode(t, startMESH(t), nil)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	with := func(mib int64) error {
		require.NoError(t, os.WriteFile(path, bytes.Replace(b, []byte("{"), fmt.Appendf(nil, `{"cacheMiB":%d,`, mib), 1), 0o600))
		c, err := readConfig(path)
		if err == nil && mib > 0 {
			require.Equal(t, mib, c.cacheMiB())
		}
		return err
	}
	require.NoError(t, with(0))
	require.NoError(t, with(32))
	for _, mib := range []int64{31, 1, -1} {
		require.ErrorContains(t, with(mib), "cacheMiB is at least 32")
	}
}
