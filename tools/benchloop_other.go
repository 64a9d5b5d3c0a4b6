//go:build !linux

package tools

import "time"

// run needs Linux: the loop waits with epoll, and usage is read from /proc.
func (l *load) run(time.Duration, time.Duration, func()) (loadResult, error) {
	return loadResult{}, failf(ExitUsage, "bench runs on Linux")
}
