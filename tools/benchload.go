package tools

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop over raw HTTP/1.1 connections: each client sends its
// next request when the answer to the last one has come. It does as little as
// it can for each, because it shares the machine with what it measures.
type load struct {
	addrs   []string // host:port; clients are spread over them
	clients int
	next    func(client int, buf []byte) ([]byte, bool) // appends a request; false: there are no more
	check   func(status int, body []byte) string        // what is wrong with an answer, in a word; "" if nothing
}

// loadResult is what a load saw within its measured time.
type loadResult struct {
	done    int
	errors  map[string]int
	elapsed time.Duration
	p50     time.Duration
	p99     time.Duration
}

var errNoServer = errors.New("no server answers")

// client is one connection and what it measured.
type client struct {
	conn      net.Conn
	r         *bufio.Reader
	out, body []byte
	times     []uint32 // microseconds
	errors    map[string]int
}

// run warms up, measures for a time and stops. begun is called when measuring begins.
func (l *load) run(warmup, duration time.Duration, begun func()) (loadResult, error) {
	clients := make([]*client, l.clients)
	for i := range clients {
		conn, err := net.DialTimeout("tcp", l.addrs[i%len(l.addrs)], 5*time.Second)
		if err != nil {
			return loadResult{}, failing(ExitNoServer, fmt.Errorf("%w: %w", errNoServer, err))
		}
		clients[i] = newClient(conn)
	}
	var measuring, stop atomic.Bool
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() { l.loop(i, c, &measuring, &stop) })
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ended: // there were no more requests
		}
	}
	wait(warmup)
	if begun != nil {
		begun()
	}
	start := time.Now()
	measuring.Store(true)
	wait(duration)
	measuring.Store(false)
	elapsed := time.Since(start)
	stop.Store(true)
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		return loadResult{}, failf(ExitNoServer, "the server did not answer for 30 seconds")
	}
	return gather(clients, elapsed), nil
}

func newClient(conn net.Conn) *client {
	return &client{conn: conn, r: bufio.NewReaderSize(conn, 16<<10), times: make([]uint32, 0, 1<<14), errors: map[string]int{}}
}

func (l *load) loop(n int, c *client, measuring, stop *atomic.Bool) {
	defer func() {
		if c.conn != nil {
			_ = c.conn.Close()
		}
	}()
	for !stop.Load() {
		if c.conn == nil {
			conn, err := net.DialTimeout("tcp", l.addrs[n%len(l.addrs)], time.Second)
			if err != nil {
				c.errors["no connection"]++
				time.Sleep(10 * time.Millisecond) // a server that is restarting must not cost us a core
				continue
			}
			c.conn = conn
			c.r.Reset(conn)
		}
		var more bool
		if c.out, more = l.next(n, c.out[:0]); !more {
			return
		}
		counted := measuring.Load()
		start := time.Now()
		status, err := c.exchange()
		took := time.Since(start)
		if !counted || !measuring.Load() {
			continue
		}
		if err != nil {
			c.errors["connection lost"]++
			_ = c.conn.Close()
			c.conn = nil
			continue
		}
		if wrong := l.check(status, c.body); wrong != "" {
			c.errors[wrong]++
			continue
		}
		c.times = append(c.times, uint32(min(took.Microseconds(), math.MaxUint32)))
	}
}

var errNotHTTP = errors.New("the answer is not HTTP/1.1 with a Content-Length")

// exchange sends c.out and reads the answer into c.body.
func (c *client) exchange() (status int, err error) {
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, errNotHTTP
	}
	status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	length := -1
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		const name = "content-length:"
		if len(line) > len(name) && line[7] == '-' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(name):]))); err != nil {
				return 0, errNotHTTP
			}
		}
	}
	if length < 0 || length > 64<<20 {
		return 0, errNotHTTP
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.r, c.body)
	return status, err
}

func gather(clients []*client, elapsed time.Duration) loadResult {
	out := loadResult{errors: map[string]int{}, elapsed: elapsed}
	var times []uint32
	for _, c := range clients {
		times = append(times, c.times...)
		for k, n := range c.errors {
			out.errors[k] += n
		}
	}
	slices.Sort(times)
	out.done = len(times)
	out.p50, out.p99 = quantile(times, 0.50), quantile(times, 0.99)
	return out
}

// quantile returns the value below which a share of the sorted times lies.
func quantile(times []uint32, share float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	i := int(math.Ceil(share*float64(len(times)))) - 1
	return time.Duration(times[max(i, 0)]) * time.Microsecond
}

func (r loadResult) perSecond() float64 {
	if r.elapsed <= 0 {
		return 0
	}
	return float64(r.done) / r.elapsed.Seconds()
}

func (r loadResult) failed() int {
	n := 0
	for _, k := range r.errors {
		n += k
	}
	return n
}

// addresses turns base URLs into what to dial. Loopback HTTP is all there is
// to measure: TLS would measure the client.
func addresses(urls []string) ([]string, error) {
	var out []string
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" || u.Host == "" || u.Port() == "" {
			return nil, failf(ExitUsage, "--url takes http://HOST:PORT, more than one separated by commas")
		}
		out = append(out, u.Host)
	}
	if len(out) == 0 {
		return nil, failf(ExitUsage, "no --url, and no running demo's env file says one")
	}
	return out, nil
}
