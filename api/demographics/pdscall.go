package demographics

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Bounds of one answer and of waiting.
const (
	maxAnswer  = 1 << 20 // bytes of a patient or a search's answer; a full one has some 10 KiB
	maxToken   = 64 << 10
	maxHeaders = 64 << 10
	backOff    = 500 * time.Millisecond // before the second attempt, doubled for each one after
	maxBackOff = 20 * time.Second
	maxHold    = time.Minute // a Retry-After beyond this ends the attempts
)

// newHTTPClient follows no redirect, for the address holds an NHS number and is for nobody else, and reuses
// no connection: of bytes that come on an idle one, net/http would write the beginning to the log.
func newHTTPClient() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    10 * time.Second,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeaders,
		},
	}
}

// get asks until there is an answer with status 200, 400 or 404, or until it is no use: full jitter between
// attempts, or what Retry-After says, and always the same X-Request-ID, by which the service knows a
// repeated request.
func (p *PDS) get(ctx context.Context, path string, query url.Values) (int, []byte, error) {
	address := p.cfg.Base + path
	if query != nil {
		address += "?" + query.Encode()
	}
	id := uuid.NewString()
	renewed := false
	for attempt := 1; ; attempt++ {
		a := p.attempt(ctx, address, id)
		if a.status == http.StatusUnauthorized && a.token != "" && !renewed {
			renewed = true // the token may have been withdrawn: once more, with a new one
			p.tokens.forget(a.token)
			continue
		}
		if a.err == nil || !a.again || attempt >= p.cfg.Attempts || a.hold > maxHold {
			return a.status, a.body, a.err
		}
		p.pace.hold(p.now(), a.hold)
		pause := p.jitter(min(backOff<<min(attempt-1, 16), maxBackOff))
		if err := p.wait(ctx, max(pause, a.hold)); err != nil {
			return 0, nil, gaveUp(err)
		}
	}
}

// attempted is what one attempt came to.
type attempted struct {
	status int
	body   []byte
	err    error
	again  bool          // another attempt may help
	hold   time.Duration // how long the service wants nobody to ask
	token  string        // what was asked with; empty if it did not come so far
}

// attempt waits for its place and its turn, and asks once.
func (p *PDS) attempt(ctx context.Context, address, id string) attempted {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return attempted{err: gaveUp(ctx.Err())}
	}
	token, a := p.tokens.get(ctx, p)
	if a.err != nil {
		return a
	}
	if err := p.wait(ctx, p.pace.turn(p.now())); err != nil {
		return attempted{err: gaveUp(err)}
	}
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return attempted{err: &Down{Cause: CauseRefused}}
	}
	req.Header.Set("Accept", "application/fhir+json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-Request-ID", id)
	if p.cfg.Organisation != "" {
		req.Header.Set("NHSD-End-User-Organisation-ODS", p.cfg.Organisation)
	}
	a = p.send(ctx, req, maxAnswer, "application/fhir+json", "application/json")
	a.token = token
	return a
}

// send performs one request within the time-out and reads the whole answer. Status 200, 400 and 404 are
// answers; the others are errors with their cause.
func (p *PDS) send(ctx context.Context, req *http.Request, limit int64, types ...string) attempted {
	within, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	resp, err := p.http.Do(req.WithContext(within))
	if err != nil {
		err = unanswered(ctx, err)
		var d *Down
		return attempted{err: err, again: ctx.Err() == nil && errors.As(err, &d) && d.Cause != CauseTLS}
	}
	defer func() { _ = resp.Body.Close() }() // read only: nothing to lose
	a := attempted{status: resp.StatusCode, hold: retryAfter(resp.Header.Get("Retry-After"), p.now())}
	down := func(c Cause, again bool) attempted {
		a.err, a.again = &Down{Cause: c, Status: a.status}, again
		return a
	}
	switch s := a.status; {
	case s == http.StatusRequestTimeout:
		return down(CauseTimeout, true)
	case s == http.StatusTooManyRequests:
		return down(CauseBusy, true)
	case s >= 500:
		return down(CauseServer, true)
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return down(CauseRefused, false)
	case s != http.StatusOK && s != http.StatusBadRequest && s != http.StatusNotFound:
		return down(CauseAnswer, false)
	}
	is, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	for _, t := range types {
		if is != t {
			continue
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
		switch {
		case err != nil:
			a.err, a.again = unanswered(ctx, err), ctx.Err() == nil
			return a
		case int64(len(body)) > limit:
			return down(CauseAnswer, false)
		}
		a.body = body
		return a
	}
	return down(CauseAnswer, false)
}

// retryAfter reads seconds or a date; zero if there is neither.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return time.Duration(min(n, 86400)) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// pacer spreads requests evenly: bursts are what a spike arrest counts.
type pacer struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

// turn returns how long to wait for the next free turn, and takes it.
func (p *pacer) turn(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(p.every)
	return wait
}

// hold keeps everybody from asking for a while.
func (p *pacer) hold(now time.Time, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := now.Add(d); d > 0 && p.next.Before(until) {
		p.next = until
	}
}

func waitFor(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
