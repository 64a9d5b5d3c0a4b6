package mesh

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slow is a body that keeps its reader waiting.
type slow struct {
	ctx context.Context
	d   time.Duration
}

func (s slow) Read(b []byte) (int, error) {
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case <-time.After(s.d):
		return 1, nil
	}
}

func (slow) Close() error { return nil }

// Silence is bounded at a time and in all; our own time does not count.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := func() (*patience, func(time.Duration) error) {
			ctx, cancel := context.WithCancelCause(context.Background())
			p := &patience{silence: 10 * time.Second, left: time.Minute, ctx: ctx, cancel: cancel, after: time.AfterFunc}
			return p, func(d time.Duration) error {
				_, err := received{slow{ctx, d}, p}.Read(make([]byte, 1))
				return err
			}
		}
		p, read := start()
		for range 6 {
			require.NoError(t, read(9*time.Second))
			time.Sleep(time.Hour) // ours
		}
		require.Error(t, read(9*time.Second), "54 seconds were waited, and six are left")
		require.True(t, p.expired())

		p, read = start()
		require.NoError(t, read(9*time.Second))
		require.Error(t, read(11*time.Second))
		require.True(t, p.expired())

		// Sending: the other side is waited for between two reads of what is sent.
		p, _ = start()
		body := (&content{source: pattern(10), size: 10}).open(p)
		p.wait()
		_, err := body.Read(make([]byte, 1))
		require.NoError(t, err)
		time.Sleep(11 * time.Second)
		require.True(t, p.expired())

		// What is sent after the answer began does not count.
		p, _ = start()
		body = (&content{source: pattern(10), size: 10}).open(p)
		p.wait()
		p.answer()
		_, err = io.ReadAll(body)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.False(t, p.expired())
	})
}
