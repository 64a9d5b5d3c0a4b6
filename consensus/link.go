package consensus

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const linkWriteTimeout = 10 * time.Second

// link is this node's connection for requests to one peer. It is opened when first needed and again after an error.
type link struct {
	net  Network
	peer string

	mu      sync.Mutex
	conn    *linkConn     // nil: not connected
	opening chan struct{} // closed when the attempt that goes on has ended; nil: none goes on
}

// linkConn is one connection with the requests that wait on it.
type linkConn struct {
	c       net.Conn
	writers atomic.Int32 // those who want to write: the last of them flushes
	wmu     sync.Mutex
	w       *bufio.Writer

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan frame
	broken  bool
}

// call sends a request and waits for its reply. If the connection breaks or ctx ends first the error is ErrUnknown,
// or ErrNoLeader if the request was certainly not sent.
func (l *link) call(ctx context.Context, kind byte, parts ...[]byte) ([]byte, error) {
	c, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	reply := make(chan frame, 1)
	c.mu.Lock()
	if c.broken {
		c.mu.Unlock()
		return nil, ErrNoLeader
	}
	c.next++
	id := c.next
	c.waiting[id] = reply
	c.mu.Unlock()
	if err := c.write(appendFrame(nil, id, kind, parts...)); err != nil {
		l.drop(c)
	}
	select {
	case f, ok := <-reply:
		if !ok {
			return nil, ErrUnknown
		}
		if f.kind != statusOK {
			if err, ok := statusErrors[f.kind]; ok {
				return nil, err
			}
			return nil, ErrUnknown
		}
		return f.payload, nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
		return nil, ErrUnknown
	}
}

// connect returns the connection, which one caller opens while the others wait for it.
func (l *link) connect(ctx context.Context) (*linkConn, error) {
	l.mu.Lock()
	if l.conn != nil {
		defer l.mu.Unlock()
		return l.conn, nil
	}
	if opening := l.opening; opening != nil {
		l.mu.Unlock()
		select {
		case <-opening:
		case <-ctx.Done():
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.conn == nil {
			return nil, ErrNoLeader
		}
		return l.conn, nil
	}
	opening := make(chan struct{})
	l.opening = opening
	l.mu.Unlock()
	defer close(opening)

	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c, err := l.net.Dial(ctx, l.peer)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opening = nil
	if err != nil {
		return nil, joinNoLeader(err)
	}
	l.conn = &linkConn{c: c, w: bufio.NewWriterSize(c, 64<<10), waiting: map[uint64]chan frame{}}
	go l.read(l.conn)
	return l.conn, nil
}

// read hands replies to those who wait, until the connection breaks.
func (l *link) read(c *linkConn) {
	r := bufio.NewReaderSize(c.c, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil {
			l.drop(c)
			return
		}
		c.mu.Lock()
		reply := c.waiting[f.id]
		delete(c.waiting, f.id)
		c.mu.Unlock()
		if reply != nil {
			reply <- f
		}
	}
}

// drop gives up a connection: everyone who waits on it learns that the outcome is unknown.
func (l *link) drop(c *linkConn) {
	l.mu.Lock()
	if l.conn == c {
		l.conn = nil
	}
	l.mu.Unlock()
	_ = c.c.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return
	}
	c.broken = true
	for _, reply := range c.waiting {
		close(reply)
	}
	c.waiting = nil
}

func (l *link) close() {
	l.mu.Lock()
	c := l.conn
	l.mu.Unlock()
	if c != nil {
		l.drop(c)
	}
}

// write sends one frame. Frames of many callers share a flush.
func (c *linkConn) write(b []byte) error {
	c.writers.Add(1)
	c.wmu.Lock()
	defer c.wmu.Unlock()
	_ = c.c.SetWriteDeadline(time.Now().Add(linkWriteTimeout))
	_, err := c.w.Write(b)
	if c.writers.Add(-1) == 0 && err == nil {
		err = c.w.Flush()
	}
	return err
}

// replies sends what became of one peer's requests back to it, from a goroutine of its own, so that neither Apply nor
// the dispatcher waits for a proof, an encoding or a slow peer.
type replies struct {
	n    *Node
	c    net.Conn
	mu   sync.Mutex
	out  []reply
	more chan struct{} // holds one token when out has something
}

type reply struct {
	id     uint64
	result result // of a proposal
	raw    []byte // or of anything else
	isRaw  bool
	status byte
}

func (r *replies) put(id uint64, res result) { r.add(reply{id: id, result: res}) }

func (r *replies) putRaw(id uint64, status byte, raw []byte) {
	r.add(reply{id: id, isRaw: true, status: status, raw: raw})
}

func (r *replies) add(x reply) {
	r.mu.Lock()
	r.out = append(r.out, x)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// run sends until the connection breaks or done is closed.
func (r *replies) run(done <-chan struct{}) {
	var b []byte
	for {
		select {
		case <-done:
			return
		case <-r.more:
		}
		r.mu.Lock()
		out := r.out
		r.out = nil
		r.mu.Unlock()
		b = b[:0]
		for _, x := range out {
			b = r.n.appendReply(b, x)
		}
		_ = r.c.SetWriteDeadline(time.Now().Add(linkWriteTimeout))
		if _, err := r.c.Write(b); err != nil {
			_ = r.c.Close()
			return
		}
		if cap(b) > 1<<20 {
			b = nil
		}
	}
}
