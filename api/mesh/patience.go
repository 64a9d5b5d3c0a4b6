package mesh

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// errSilent is why a request's context ends when the other side makes us wait too long.
var errSilent = errors.New("silent")

// patience bounds how long one request waits for the other side: at most
// silence at a time, at most left in all. What our own side takes, reading what
// is sent or handling what is received, does not count.
type patience struct {
	silence time.Duration
	ctx     context.Context // of the request
	cancel  context.CancelCauseFunc
	after   func(time.Duration, func()) *time.Timer // time.AfterFunc

	mu       sync.Mutex
	left     time.Duration
	timer    *time.Timer // nil while nobody waits
	since    time.Time
	answered bool
}

// wait starts, or starts again, to count.
func (p *patience) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start()
}

// rest stops counting: it is our turn.
func (p *patience) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
}

// sent is wait, or rest, for what sends: net/http may go on sending for a while
// after the answer began, and then it no longer matters.
func (p *patience) sent(waiting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.answered:
	case waiting:
		p.start()
	default:
		p.stop()
	}
}

// answer stops counting: the answer has begun, or there will be none.
func (p *patience) answer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = true
	p.stop()
}

// expired reports whether the request ended because patience did.
func (p *patience) expired() bool { return errors.Is(context.Cause(p.ctx), errSilent) }

func (p *patience) start() {
	p.stop()
	p.since = time.Now()
	p.timer = p.after(min(p.silence, max(p.left, 0)), func() { p.cancel(errSilent) })
}

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
		p.left -= time.Since(p.since)
		p.timer = nil
	}
}

// received is an answer's body, waited for with patience.
type received struct {
	io.ReadCloser
	p *patience
}

func (r received) Read(b []byte) (int, error) {
	r.p.wait()
	defer r.p.rest()
	return r.ReadCloser.Read(b)
}

// Close ends the request.
func (r received) Close() error {
	defer r.p.cancel(nil)
	return r.ReadCloser.Close()
}
