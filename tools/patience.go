package tools

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/google/uuid"
)

// again marks an error after which the same request may be sent once more: it is
// not known to have been answered, and repeating it records nothing twice.
type again struct{ err error }

func (e *again) Error() string { return e.err.Error() }
func (e *again) Unwrap() error { return e.err }

// repeatable marks what is worth repeating: no answer, or one that says later.
func repeatable(err error) error {
	var r *refusal
	switch {
	case err == nil, untrusted(err):
		return err
	case errors.As(err, &r):
		if later := []int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
			http.StatusServiceUnavailable, http.StatusGatewayTimeout}; !slices.Contains(later, r.status) && r.code != keyExpired {
			return err
		}
	}
	return &again{err}
}

// keyExpired is said of an Idempotency-Key older than five minutes. What is
// repeated here is known by its content as well, so that a new key does no harm.
const keyExpired = "idempotency-key-expired"

const (
	firstPause   = 250 * time.Millisecond
	longestPause = 30 * time.Second
)

// persist tries something until it is answered, or patience ends. The key is
// the Idempotency-Key to send. Somebody who asks a server that is not there at
// all hears so at once.
func (a *app) persist(patience time.Duration, try func(ctx context.Context, key string) error) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began, pause, key := time.Now(), firstPause, uuid.NewString()
	for n := 1; ; n++ {
		err := try(ctx, key)
		var more *again
		if ctx.Err() != nil && err != nil {
			return failf(ExitIncomplete, "interrupted")
		}
		if !errors.As(err, &more) {
			return err
		}
		var r *refusal
		answered := errors.As(err, &r)
		if n == 1 && !answered && unreached(err) {
			return more.err
		}
		wait := pause
		if answered {
			wait = max(wait, min(r.after, longestPause))
		}
		if answered && r.code == keyExpired {
			key, wait = uuid.NewString(), 0
		}
		if time.Since(began)+wait > patience {
			return fmt.Errorf("%w; %d attempts in %s", err, n, time.Since(began).Round(time.Second))
		}
		fmt.Fprintf(a.stderr, "attempt %d: %s; again in %s\n", n, err, wait)
		pause = min(2*pause, longestPause)
		select {
		case <-ctx.Done():
			return failf(ExitIncomplete, "interrupted")
		case <-time.After(wait):
		}
	}
}
