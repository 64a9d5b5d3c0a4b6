package main

import (
	"runtime/metrics"
	"sync"
	"time"
)

// spare is the process's collector.
var spare = collector{memory: memory, room: room, look: time.Second / 4}

// collector keeps the process small while a file is taken in: a long file leaves
// hundreds of megabytes behind that are not worth waiting for (docs/SPEED.md). What it sets is the process's, so files
// count, and so do the caches of all nodes in it.
type collector struct {
	mu    sync.Mutex
	files int
	cache int64 // of the ledgers, in bytes
	bound int64 // while there are files
	over  chan struct{}

	memory func() (live, used int64)
	room   func() (live, goal int64)
	look   time.Duration
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
		c.bound, c.over = boundOfFile(c.cache, live, used), make(chan struct{})
		setBound(c.bound)
		go c.watch(c.over)
	case c.files == 0:
		close(c.over)
		setBound(memoryBound)
	}
}

// watch gives way where the bound turns out to be too tight: what is live may
// grow after the file has begun, and memory lies in pieces. A collector that runs
// all the time takes from everybody who looks somebody up.
func (c *collector) watch(over <-chan struct{}) {
	t := time.NewTicker(c.look)
	defer t.Stop()
	for {
		select {
		case <-over:
			return
		case <-t.C:
		}
		if tooTight(c.room()) {
			c.widen(over)
		}
	}
}

// widen gives an eighth more room, if the files that it was watched for are still taken in.
func (c *collector) widen(over <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-over:
		return
	default:
	}
	if wider := min(memoryBound, c.bound+c.bound/8); wider > c.bound {
		c.bound = wider
		setBound(wider)
	}
}

// tooTight reports whether the heap may grow by less than a quarter of what is
// live before the collector runs again. Without a bound it may grow by all of it.
func tooTight(live, goal int64) bool { return 4*goal < 5*live }

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

// room is what the collector last found live, and at what size of the heap it runs again, in bytes.
func room() (live, goal int64) {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/goal:bytes"}}
	metrics.Read(m)
	return int64(m[0].Value.Uint64()), int64(m[1].Value.Uint64())
}
