package consensus

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"custos/consensus/raftlog"
)

// stallLimit is how long a write may take. A disk that hangs does not stop Raft's heartbeats, so a leader
// with one would keep everyone waiting for ever.
const stallLimit = 10 * time.Second

// watchdog ends the process when something takes longer than stallLimit. The zero value is not usable.
type watchdog struct {
	what  string
	fatal func(error)
	mu    sync.Mutex
	timer *time.Timer
}

func newWatchdog(what string, fatal func(error)) *watchdog {
	return &watchdog{what: what, fatal: fatal}
}

// begin starts the time; end must follow.
func (d *watchdog) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer == nil {
		d.timer = time.AfterFunc(stallLimit, func() {
			d.fatal(fmt.Errorf("%s takes longer than %v", d.what, stallLimit))
		})
		return
	}
	d.timer.Reset(stallLimit)
}

func (d *watchdog) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer.Stop()
}

// watchedLog is Raft's log with a watchdog on appends. Raft appends from one goroutine at a time.
type watchedLog struct {
	*raftlog.Store
	dog *watchdog
}

func (w watchedLog) StoreLog(l *raft.Log) error { return w.StoreLogs([]*raft.Log{l}) }

func (w watchedLog) StoreLogs(logs []*raft.Log) error {
	w.dog.begin()
	defer w.dog.end()
	return w.Store.StoreLogs(logs)
}
