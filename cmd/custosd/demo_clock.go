package main

import (
	"sync/atomic"
	"time"

	"custos/ledger"
)

// demoClock is the clock of a demo's leader: declared while history is made
// (entry 0 says that it was), real afterwards. It runs on from where it was
// set, so that time never stands still.
type demoClock struct{ offset atomic.Int64 }

func (c *demoClock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *demoClock) set(t ledger.Time) { c.offset.Store(int64(time.Until(t.Std()))) }

func (c *demoClock) real() { c.offset.Store(0) }
