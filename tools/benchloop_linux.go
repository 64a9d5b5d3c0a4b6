package tools

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one client: a connection with one request in flight.
type conn struct {
	file  *os.File // keeps fd open
	fd    int
	addr  string
	out   []byte
	start time.Time
	asked bool // an answer is due
	idle  bool // there was no more to ask
	answer
}

// loop is one thread that waits for all clients.
type loop struct {
	*load
	epoll     int
	conns     []*conn
	measuring bool
	times     []uint32 // microseconds
	errors    map[string]int
	idle      int

	due  time.Time // when the next request is to be sent, if there is a rate
	free []int     // clients that wait for that
}

// run warms up, measures for a time and stops. begun is called when measuring begins.
func (l *load) run(warmup, duration time.Duration, begun func()) (loadResult, error) {
	// The loop's thread is its own: a wait for answers does not take a
	// processor from whatever else this process does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return loadResult{}, failing(ExitUnreadable, err)
	}
	defer func() { _ = syscall.Close(epoll) }()
	p := &loop{load: l, epoll: epoll, errors: map[string]int{}, times: make([]uint32, 0, 1<<18)}
	defer p.close()
	for i := range l.clients {
		c := &conn{addr: l.addrs[i%len(l.addrs)], answer: answer{in: make([]byte, 0, 16<<10)}}
		p.conns = append(p.conns, c)
		if err := p.dial(i); err != nil {
			return loadResult{}, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
		}
	}
	p.due = time.Now()
	for i := range p.conns {
		p.ready(i)
	}
	if err := p.until(time.Now().Add(warmup)); err != nil {
		return loadResult{}, err
	}
	if begun != nil {
		begun()
	}
	start := time.Now()
	p.measuring = true
	err = p.until(start.Add(duration))
	return result(p.times, p.errors, time.Since(start)), err
}

func (p *loop) close() {
	for _, c := range p.conns {
		if c.file != nil {
			_ = c.file.Close()
		}
	}
}

// dial connects a client and waits for it in the loop's own set, not the runtime's.
func (p *loop) dial(i int) error {
	c := p.conns[i]
	tcp, err := net.DialTimeout("tcp", c.addr, 5*time.Second)
	if err != nil {
		return err
	}
	file, err := tcp.(*net.TCPConn).File()
	if err = errors.Join(err, tcp.Close()); err != nil {
		return err
	}
	c.file, c.fd = file, int(file.Fd())
	if err := syscall.SetNonblock(c.fd, true); err != nil {
		return err
	}
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, c.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)})
}

// ready lets a client send its next request: at once, or when its turn comes.
func (p *loop) ready(i int) {
	if p.rate == 0 {
		p.send(i, time.Now())
		return
	}
	p.free = append(p.free, i)
}

// sendDue sends what is due by now. A request counts from when it was due,
// also if every client was still waiting for an answer then.
func (p *loop) sendDue(now time.Time) {
	for len(p.free) > 0 && !p.due.After(now) {
		last := len(p.free) - 1
		i := p.free[last]
		p.free = p.free[:last]
		p.send(i, p.due)
		p.due = p.due.Add(time.Second / time.Duration(p.rate))
	}
}

// send sends a client's next request.
func (p *loop) send(i int, due time.Time) {
	c := p.conns[i]
	for {
		var more bool
		if c.out, more = p.next(i, c.out[:0]); !more {
			c.idle = true
			p.idle++
			return
		}
		c.reset()
		c.start, c.asked = due, true
		n, err := syscall.Write(c.fd, c.out)
		if err == nil && n == len(c.out) {
			return
		}
		// A request is far smaller than a socket's buffer: if it does not fit, nobody reads.
		if !p.again(i, "connection lost") {
			return
		}
	}
}

// again counts a failure and connects anew. It reports whether that worked.
func (p *loop) again(i int, what string) bool {
	p.fail(what)
	return p.redial(i)
}

// redial connects a client anew. One that cannot asks no more.
func (p *loop) redial(i int) bool {
	c := p.conns[i]
	c.asked = false
	_ = c.file.Close()
	if p.dial(i) == nil {
		return true
	}
	p.fail("no connection")
	c.file, c.idle = nil, true
	p.idle++
	return false
}

func (p *loop) fail(what string) {
	if p.measuring {
		p.errors[what]++
	}
}

// until serves answers until a moment, or until no client has anything to ask.
func (p *loop) until(end time.Time) error {
	events := make([]syscall.EpollEvent, 512)
	last := time.Now()
	for p.idle < len(p.conns) {
		now := time.Now()
		if !now.Before(end) {
			return nil
		}
		p.sendDue(now)
		n, err := p.wait(events, min(end.Sub(now), 100*time.Millisecond))
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return failing(ExitUnreadable, err)
		}
		if n > 0 {
			last = now
		} else if now.Sub(last) > 30*time.Second {
			return failf(ExitNoServer, "the server did not answer for 30 seconds")
		}
		for e := range max(n, 0) {
			p.receive(int(events[e].Fd))
		}
	}
	return nil
}

// wait waits for answers, or until the next request is due, to the microsecond.
func (p *loop) wait(events []syscall.EpollEvent, longest time.Duration) (int, error) {
	if len(p.free) > 0 {
		longest = max(0, min(longest, time.Until(p.due)))
	}
	at := unix.NsecToTimespec(longest.Nanoseconds())
	if n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(p.epoll), Events: unix.POLLIN}}, &at, nil); n <= 0 || err != nil {
		return 0, err
	}
	return syscall.EpollWait(p.epoll, events, 0)
}

// receive reads what has come for a client and, once its answer is whole, goes on.
func (p *loop) receive(i int) {
	c := p.conns[i]
	if c.idle || c.file == nil {
		return
	}
	if len(c.in) == cap(c.in) {
		c.in = append(make([]byte, 0, 2*cap(c.in)), c.in...)
	}
	n, err := syscall.Read(c.fd, c.in[len(c.in):cap(c.in)])
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return
	}
	whole := false
	if err == nil && n > 0 {
		c.in = c.in[:len(c.in)+n]
		whole, err = c.whole()
	}
	switch {
	case (err != nil || n == 0) && !c.asked:
		// A server ends a connection that nobody has used for a while. Its client
		// waits for its turn already.
		if !p.redial(i) {
			p.free = slices.DeleteFunc(p.free, func(j int) bool { return i == j })
		}
		return
	case err != nil || n == 0:
		if p.again(i, "connection lost") {
			p.ready(i)
		}
		return
	case !whole:
		return
	}
	c.asked = false
	if p.measuring {
		if wrong := p.check(c.status, c.in[c.body:]); wrong != "" {
			p.errors[wrong]++
		} else {
			p.times = append(p.times, uint32(min(time.Since(c.start).Microseconds(), math.MaxUint32)))
		}
	}
	p.ready(i)
}
