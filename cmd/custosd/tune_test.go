package main

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bound on memory holds while any file is taken in, and no longer; it
// leaves room for the caches of every node in the process.
func TestMemoryIsBoundedWhileAFileIsTakenIn(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "")
	}
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	in := func(growth int, bound int64) {
		t.Helper()
		got := debug.SetGCPercent(growth)
		require.Equal(t, growth, got)
		require.Equal(t, bound, debug.SetMemoryLimit(-1))
	}

	const mib = 1 << 20
	live, used := int64(50*mib), int64(100*mib)
	c := collector{memory: func() (int64, int64) { return live, used }}
	c.cached(64 * mib)
	first := c.begin()
	in(100, 254*mib)
	second := c.begin()
	first()
	in(100, 254*mib)
	second()
	in(400, 2048*mib)

	c.cached(128 * mib)
	end := c.begin()
	in(100, 382*mib)
	end()
	c.cached(-128 * mib)
	c.begin()()

	// A node that uses much already is not pressed below that, nor one that needs much.
	used = 600 * mib
	end = c.begin()
	in(100, 600*mib)
	end()
	require.Equal(t, int64(1000*mib), boundOfFile(64*mib, 500*mib, 600*mib))
	require.Equal(t, int64(700*mib), boundOfFile(64*mib, 100*mib, 700*mib))
	require.Equal(t, int64(memoryBound), boundOfFile(64*mib, 5000*mib, 5000*mib))
	require.Equal(t, int64(5000*mib+fileMemory), boundOfFile(5000*mib, 500*mib, 700*mib))

	// What the environment says is left alone.
	t.Setenv("GOMEMLIMIT", "off")
	debug.SetMemoryLimit(math.MaxInt64)
	end = c.begin()
	in(100, math.MaxInt64)
	end()
}
