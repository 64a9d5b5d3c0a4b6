package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// How far the heap may grow before the collector runs, in per cent of what is
// live: in general, and while a file is taken in.
const (
	heapGrowth       = 400
	heapGrowthOfFile = 100
)

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
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2 << 30)
	}
}

// spare is the process's collector.
var spare collector

// collector runs as often as usual while a file is taken in: a long file leaves
// hundreds of megabytes behind that are not worth waiting for, and costs no more
// processor so (docs/SPEED.md). The percentage is the process's, so files count.
type collector struct {
	mu    sync.Mutex
	files int
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
	case os.Getenv("GOGC") != "":
	case was == 0:
		debug.SetGCPercent(heapGrowthOfFile)
	case c.files == 0:
		debug.SetGCPercent(heapGrowth)
	}
}
