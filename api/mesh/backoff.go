package mesh

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
	// longestAsked is the longest Retry-After that is obeyed; beyond it the request fails, and the next poll is another try.
	longestAsked = 2 * time.Minute
)

// backoff is how long to wait before attempt n+1, n from 1: full jitter, that is
// anything from nothing to the doubled limit, so that many clients that failed
// together do not return together. What MESH asked for is added in full.
func backoff(n int, asked time.Duration) time.Duration {
	limit := min(longestWait, firstWait<<min(n-1, 10))
	return asked + time.Duration(rand.Int64N(int64(limit)+1)) //nolint:gosec // spreads load; nobody gains by guessing it
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
