package tools

import (
	"errors"
	"math"
	"net/url"
	"slices"
	"time"
)

// load is what clients ask over raw HTTP/1.1 connections. In a closed loop each
// sends its next request when the answer to the last one has come; at a rate
// requests are due at even times, whoever waits. It does as little as
// it can for each, because it shares the machine with what it measures: one
// thread waits for all of them (benchloop_linux.go).
type load struct {
	addrs   []string // host:port; clients are spread over them
	clients int
	rate    int                                         // requests a second; 0: a closed loop
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

// result sorts the times, in microseconds, of the answers that counted.
func result(times []uint32, errs map[string]int, elapsed time.Duration) loadResult {
	slices.Sort(times)
	return loadResult{done: len(times), errors: errs, elapsed: elapsed, p50: quantile(times, 0.50), p99: quantile(times, 0.99)}
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
