package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// How far the heap may grow before the collector runs, in per cent of what is
// live: in general, and while a file is taken in. And how much the process takes
// in general, whatever is live.
const (
	heapGrowth       = 400
	heapGrowthOfFile = 100
	memoryBound      = 2 << 30
)

// fileMemory is how much a process takes while a file is taken in, beside the
// ledger's cache: what is live then, which no file makes greater (Raft's memory
// tables 20 MiB, rows 50, keys 20, the file itself 5), and room for garbage. With the
// cache as it is by default and the program's own text, which the runtime does
// not count, it stays below 300 MiB (docs/SPEED.md).
const fileMemory = 184 << 20

// tune trades memory for speed: the collector runs four times less often,
// within a bound. And it lets a few more goroutines run than there are cores: a
// sync of the disk holds its place until the scheduler notices, and on a small
// machine half of the places is too many to lose (measured on two cores: a third
// off the 99th percentile). GOGC, GOMEMLIMIT and GOMAXPROCS in the environment win.
func tune() {
	if os.Getenv("GOMAXPROCS") == "" {
		n := runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(n + min(n, 4))
	}
	setCollector(heapGrowth, memoryBound)
}

// setCollector says when the collector runs, where the environment does not.
func setCollector(growth int, bound int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bound)
	}
}
