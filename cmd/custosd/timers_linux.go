package main

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// kernelSlack is how late the kernel may wake a sleeper where nobody said otherwise.
	kernelSlack = 50_000 // ns
	// ourSlack is how late it may wake those of this process.
	ourSlack = 1_000_000 // ns
)

// The main goroutine stays on the first thread of the process, where it only waits: with that thread exec(2) keeps what
// else was set for it from outside, as a signal for when its parent dies.
func init() { runtime.LockOSThread() }

// coarseTimers lets the kernel wake sleepers of this process up to a millisecond late, several at once. Go's runtime has
// a thread that sleeps for 20 microseconds over and over while anything runs: to be woken so often took 8 to 10 % of the
// processor time of three busy nodes, and a fifth at 500 lookups a second (docs/SPEED.md). Nothing here waits for less
// than some milliseconds by a clock, and what waits for a disk, a peer or a caller is woken by them, at once.
//
// The runtime has made that thread before any of our code runs, and a thread's slack is its own. But it outlives
// exec(2), so the process becomes itself once more. Where that fails, or somebody chose a slack (systemd has
// TimerSlackNSec=), everything stays as it is. Nothing was opened yet.
func coarseTimers() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if have, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0); err != nil || have != kernelSlack {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, ourSlack, 0, 0, 0); err != nil {
		return
	}
	if err := syscall.Exec(self, os.Args, os.Environ()); err != nil { //nolint:gosec // what runs already, as it was called
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, kernelSlack, 0, 0, 0)
	}
}
