package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// slackHelper is set in the process that such a test starts.
const slackHelper = "CUSTOS_TEST_TIMER_SLACK"

// A process that was given the kernel's slack becomes itself once, and gives every thread a greater one; a slack that
// somebody chose stays.
func TestTimersAreCoarseUnlessSomebodyChose(t *testing.T) {
	if os.Getenv(slackHelper) != "" {
		coarseTimers()
		slack := make(chan int)
		go func() {
			runtime.LockOSThread() // and end with the thread, so that it is one of its own
			have, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
			slack <- have
		}()
		fmt.Printf("%d slack %d\n", os.Getpid(), <-slack)
		return
	}
	runtime.LockOSThread() // a child has the slack of the thread that starts it
	for given, want := range map[uintptr]int{kernelSlack: ourSlack, 70_000: 70_000} {
		require.NoError(t, unix.Prctl(unix.PR_SET_TIMERSLACK, given, 0, 0, 0))
		c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = append(os.Environ(), slackHelper+"=1")
		var out strings.Builder
		c.Stdout, c.Stderr = &out, &out
		require.NoError(t, c.Start())
		pid := c.Process.Pid
		require.NoError(t, c.Wait(), "%s", &out)
		require.Contains(t, out.String(), fmt.Sprintf("%d slack %d\n", pid, want))
	}
}
