package demographics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// However many callers there are, the service is asked by no more at once than configured.
func TestPDSIsAskedByAFewAtOnce(t *testing.T) {
	s, p := newService(t, func(c *PDSConfig) { c.InFlight = 3 })
	var queries []Query
	for i := uint64(9_990_000_000); len(queries) < 40; i++ {
		if n := fmt.Sprint(i); numberOf(n) != 0 {
			s.hold(n, held{number: n, security: "U", birth: "2015-03-04", names: []map[string]any{usual("Otterwick", "Ada")}})
			queries = append(queries, Query{n, "Otterwick", "Ada", born})
		}
	}
	full := make(chan struct{})
	s.before = func(http.ResponseWriter, *http.Request) bool {
		s.mu.Lock()
		enough := s.inFlight == 3
		if len(p.slots) < s.inFlight {
			t.Error("a request without a place")
		}
		s.mu.Unlock()
		if enough {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full // the first ones wait until three are there
		return true
	}
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			out, err := p.Match(context.Background(), queries)
			for i := range out {
				if out[i].Outcome != Matched || out[i].Person.NHSNumber != queries[i].NHSNumber {
					err = errors.New("an answer at the wrong place")
				}
			}
			errs <- err
		}()
	}
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.Equal(t, 3, s.most)
}

// The first failure ends a file: nobody asks on behalf of rows whose answers are not wanted any more.
func TestAFailureEndsTheFile(t *testing.T) {
	s, p := newService(t, func(c *PDSConfig) { c.InFlight = 1 })
	s.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return false }
	_, err := p.Match(context.Background(), []Query{adaOf, {number2, "Otterwick", "Bea", born}, {"", "Otterwick", "Bea", born}, {number5, "Otterwick", "Bea", born}})
	require.ErrorIs(t, err, ErrDown)
	require.Len(t, s.requests(), 1)
}

// What Retry-After tells one caller holds for all.
func TestWhenTheServiceWantsToBeLeftAlone(t *testing.T) {
	s, p := newService(t)
	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		return false
	}
	p.wait = func(_ context.Context, d time.Duration) error {
		if d >= 30*time.Second {
			return context.Canceled // this caller goes away; the clock stands still
		}
		return nil
	}
	_, err := p.Match(context.Background(), []Query{adaOf})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 30*time.Second, p.pace.turn(p.now()))
}

func TestPacer(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	p := &pacer{every: 200 * time.Millisecond}
	require.Zero(t, p.turn(at))
	require.Equal(t, 200*time.Millisecond, p.turn(at))
	require.Equal(t, 100*time.Millisecond, p.turn(at.Add(300*time.Millisecond)))
	at = at.Add(time.Hour)
	require.Zero(t, p.turn(at), "nothing is saved up")
	p.hold(at, 5*time.Second)
	require.Equal(t, 5*time.Second, p.turn(at))
	p.hold(at, time.Second)
	require.Equal(t, 5200*time.Millisecond, p.turn(at), "a shorter hold does not shorten a longer one")
}

func TestWaiting(t *testing.T) {
	require.NoError(t, waitFor(context.Background(), time.Microsecond))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, waitFor(ctx, time.Hour), context.Canceled)
	require.ErrorIs(t, waitFor(ctx, 0), context.Canceled)
}

func TestRetryAfter(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "5": 5 * time.Second, "0": 0, "-1": 0, "soon": 0, "99999999": 24 * time.Hour,
		"Thu, 26 Nov 2026 09:01:00 GMT": time.Minute, "Thu, 26 Nov 2026 08:00:00 GMT": 0} {
		require.Equal(t, want, retryAfter(text, at), text)
	}
}
