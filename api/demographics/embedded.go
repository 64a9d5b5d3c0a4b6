package demographics

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// EmbeddedConfig says where the file is. Nothing but File need be given.
type EmbeddedConfig struct {
	File   string
	Poll   time.Duration // how often the file is looked at; zero: 10 s; negative: only by Reload
	Logger *slog.Logger  // told of a file that was taken or refused, by codes and counts; nil: slog.Default
}

// Embedded is a register read from a CSV file and held in memory. It is never down: a file that is refused
// leaves the one before in use.
type Embedded struct {
	file string
	log  *slog.Logger
	use  atomic.Pointer[loaded]

	reload sync.Mutex // held while the file is read
	seen   stamp      // of the file last taken or refused; under reload
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
}

type loaded struct {
	*table
	at time.Time
}

// Status is what an embedded register holds.
type Status struct {
	People int       // in force
	Rows   int       // with superseded and invalid numbers
	Loaded time.Time // when the file in use was read
}

// OpenEmbedded reads the file and watches it until Close. Its error is a *FileError.
func OpenEmbedded(cfg EmbeddedConfig) (*Embedded, error) {
	e := &Embedded{file: cfg.File, log: cfg.Logger, stop: make(chan struct{}), done: make(chan struct{})}
	if e.log == nil {
		e.log = slog.Default()
	}
	if err := e.Reload(); err != nil {
		return nil, err
	}
	if cfg.Poll < 0 {
		close(e.done)
		return e, nil
	}
	if cfg.Poll == 0 {
		cfg.Poll = 10 * time.Second
	}
	go e.watch(cfg.Poll)
	return e, nil
}

// Close stops watching. The register still answers.
func (e *Embedded) Close() {
	e.once.Do(func() { close(e.stop) })
	<-e.done
}

// Status returns what is in use now.
func (e *Embedded) Status() Status {
	u := e.use.Load()
	return Status{People: u.people, Rows: len(u.rows), Loaded: u.at}
}

// Reload reads the file now, however much smaller it has become. Its error is a *FileError, and then the
// file before it stays in use.
func (e *Embedded) Reload() error {
	e.reload.Lock()
	defer e.reload.Unlock()
	return e.take(0)
}

// take reads the file and puts it to use, unless it holds fewer than least people.
func (e *Embedded) take(least int) error {
	t, err := e.read(importCSV)
	if err != nil {
		return err
	}
	if t.people < least {
		return &FileError{Code: FileShrunk}
	}
	e.use.Store(&loaded{t, time.Now()})
	return nil
}

// read reads the whole file, and refuses one that was written to meanwhile: half of a register would say
// of the other half that it does not exist.
func (e *Embedded) read(load func(io.Reader) (*table, error)) (*table, error) {
	f, err := os.Open(e.file)
	if err != nil {
		return nil, &FileError{Code: FileUnreadable}
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	before, err := stampOf(f.Stat())
	if err != nil {
		return nil, &FileError{Code: FileUnreadable}
	}
	e.seen = before
	t, err := load(f)
	if after, statErr := stampOf(f.Stat()); statErr != nil || after != before {
		e.seen = stamp{} // look again
		return nil, &FileError{Code: FileChanging}
	}
	return t, err
}

// stamp tells one state of the file from another.
type stamp struct {
	size     int64
	modified int64
}

func stampOf(info os.FileInfo, err error) (stamp, error) {
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime().UnixNano()}, nil
}

func (e *Embedded) watch(every time.Duration) {
	defer close(e.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var before stamp
	for {
		select {
		case <-e.stop:
			return
		case <-tick.C:
			before = e.look(before)
		}
	}
}

// look takes a file that has changed once it has been the same for two looks; before is what the last look
// saw. A file that is gone is not a change: somebody may be replacing it.
func (e *Embedded) look(before stamp) stamp {
	now, err := stampOf(os.Stat(e.file))
	if err != nil {
		return stamp{}
	}
	e.reload.Lock()
	defer e.reload.Unlock()
	if now == e.seen || now != before {
		return now
	}
	err = e.take(e.use.Load().people / 2)
	var refused *FileError
	switch {
	case errors.As(err, &refused):
		e.log.Error("register file refused; the one before stays in use", "code", string(refused.Code), "rows", refused.Count, "error", refused.Error())
	case err == nil:
		e.log.Info("register file taken", "people", e.use.Load().people)
	}
	return now
}

// Match answers from memory: a few microseconds a row.
func (e *Embedded) Match(ctx context.Context, queries []Query) ([]Result, error) {
	t := e.use.Load()
	out := make([]Result, len(queries))
	for i, q := range queries {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, gaveUp(ctx.Err())
		}
		out[i] = t.match(q)
	}
	return out, nil
}

// Trace answers from memory.
func (e *Embedded) Trace(ctx context.Context, q TraceQuery) (Person, bool, error) {
	if ctx.Err() != nil {
		return Person{}, false, gaveUp(ctx.Err())
	}
	if r := e.use.Load().trace(q); r != nil {
		return r.person(), true, nil
	}
	return Person{}, false, nil
}

func (t *table) match(q Query) Result {
	res, asked := unasked(q)
	if asked {
		r, ok := t.current(numberOf(q.NHSNumber))
		switch {
		case !ok:
			res = Result{Outcome: NotMatched, Reason: ReasonNumberUnknown}
		case r.state&invalid != 0:
			return Result{Outcome: Invalidated, Reason: ReasonNumberInvalidated}
		default:
			rec, _ := t.record(r)
			res = answer(q, rec)
			res.Twin = t.twin(rec)
		}
	}
	if res.suggestible() {
		if r := t.trace(TraceQuery{Family: q.Family, Given: q.Given, Birth: q.Birth}); r != nil {
			res.suggest(r.person())
		}
	}
	return res
}
