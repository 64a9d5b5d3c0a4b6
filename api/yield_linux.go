package api

import "golang.org/x/sys/unix"

// yieldBy is how far the thread stands behind the process's others, wherever these
// stand: a ninth of an equal share of a core that others want too, all of it where
// nobody does.
const yieldBy = 10

// lowerPriority is of this thread alone, as Linux has it.
func lowerPriority() {
	// If it is refused, the work is done at the usual priority.
	if have, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid()); err == nil {
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), min(19, 20-have+yieldBy)) // the call counts from 20 down
	}
}
