package consensus

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func waiterOf(size int, bulk bool) *waiter {
	return &waiter{data: make([]byte, size), bulk: bulk, done: make(chan result, 1)}
}

func TestLookupsGoBeforeUploads(t *testing.T) {
	q := newQueue()
	for range 10 {
		require.NoError(t, q.put(waiterOf(30<<10, true)))
	}
	for range 100 {
		require.NoError(t, q.put(waiterOf(1<<10, false)))
	}
	<-q.waiting
	got := q.take()
	bulk := 0
	for i, w := range got {
		if w.bulk {
			bulk++
			require.GreaterOrEqual(t, i, 100, "lookups come first in the entry")
		}
	}
	require.Equal(t, 2, bulk, "at most a quarter of the entry is bulk work")
	require.Len(t, got, 102)
	<-q.waiting // there is more
	require.Len(t, q.take(), 2)
}

func TestAnEntryIsBounded(t *testing.T) {
	q := newQueue()
	for range 2000 {
		require.NoError(t, q.put(waiterOf(1<<10, false)))
	}
	got := q.take()
	size := 0
	for _, w := range got {
		size += len(w.data)
	}
	require.LessOrEqual(t, size, maxBatch)
	for range 2000 {
		_ = q.put(waiterOf(10, false))
	}
	q.drain(false)
	for range 2000 {
		require.NoError(t, q.put(waiterOf(10, false)))
	}
	require.Len(t, q.take(), maxCommands)
	q.drain(false)
	// One command that is longer than an entry should be goes all the same, alone of its kind.
	require.NoError(t, q.put(waiterOf(2*maxBatch, true)))
	require.NoError(t, q.put(waiterOf(10, true)))
	require.NoError(t, q.put(waiterOf(10, false)))
	got = q.take()
	require.Len(t, got, 2)
	require.False(t, got[0].bulk)
}

func TestTheQueueIsBounded(t *testing.T) {
	q := newQueue()
	for range maxWaitingBulk {
		require.NoError(t, q.put(waiterOf(1, true)))
	}
	require.ErrorIs(t, q.put(waiterOf(1, true)), ErrBusy)
	for range maxWaiting {
		require.NoError(t, q.put(waiterOf(1, false)))
	}
	require.ErrorIs(t, q.put(waiterOf(1, false)), ErrBusy)
	require.Len(t, q.drain(true), maxWaiting+maxWaitingBulk)
	require.ErrorIs(t, q.put(waiterOf(1, false)), ErrClosed)
}
