package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
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
// ledger's cache: what is live then, which no file makes greater (memory tables
// 50 MiB, rows 50, keys 20, the file itself 20), and room for garbage. With the
// cache as it is by default and the program's own text, which the runtime does
// not count, it stays below 300 MiB (docs/SPEED.md).
const fileMemory = 190 << 20

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

// spare is the process's collector.
var spare = collector{memory: memory}

// collector runs more often while a file is taken in: a long file leaves
// hundreds of megabytes behind that are not worth waiting for, and costs little
// more processor so (docs/SPEED.md). What it sets is the process's, so files
// count, and so do the caches of all nodes in it.
type collector struct {
	mu    sync.Mutex
	files int
	cache int64 // of the ledgers, in bytes

	memory func() (live, used int64)
}

// cached says that another ledger has so large a cache.
func (c *collector) cached(bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cache += bytes
}

func (c *collector) begin() (end func()) {
	c.add(1)
	return func() { c.add(-1) }
}

func (c *collector) add(files int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.files
	c.files += files
	switch {
	case was == 0:
		live, used := c.memory()
		setCollector(heapGrowthOfFile, boundOfFile(c.cache, live, used))
	case c.files == 0:
		setCollector(heapGrowth, memoryBound)
	}
}

// boundOfFile is the process's bound while a file is taken in. What a node that
// has been answering for a while uses already, or needs twice, it keeps: to be
// pressed below that, the collector would run all the time, and everybody who
// looks somebody up would wait for it.
func boundOfFile(cache, live, used int64) int64 {
	return max(fileMemory+cache, min(memoryBound, max(used, 2*live)))
}

// memory is what the collector last found live, and what the process uses as the bound counts it, in bytes.
func memory() (live, used int64) {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	return int64(m[0].Value.Uint64()), int64(m[1].Value.Uint64() - m[2].Value.Uint64())
}
