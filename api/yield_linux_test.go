package api

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The first thread of a process cannot end before it. It is the main goroutine's, as in custosd.
func init() { runtime.LockOSThread() }

// What yields has a thread of its own of lower priority, which ends with it: no
// other work ever runs on it, nor does a thread inherit from it.
func TestWhatYieldsHasAThreadOfItsOwn(t *testing.T) {
	usual, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	require.NoError(t, err)
	var thread, lowered int
	require.NoError(t, yielding(func() (err error) {
		for range 8 { // threads that start meanwhile
			go time.Sleep(time.Millisecond)
		}
		thread = unix.Gettid()
		lowered, err = unix.Getpriority(unix.PRIO_PROCESS, thread)
		return err
	}))
	require.Equal(t, max(usual-yieldBy, 1), lowered, "the system counts 20 less the priority")
	require.Eventually(t, func() bool { return unix.Tgkill(unix.Getpid(), thread, 0) == unix.ESRCH }, 5*time.Second, time.Millisecond)
	for range 100 {
		now, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
		require.NoError(t, err)
		require.Equal(t, usual, now)
	}
}
