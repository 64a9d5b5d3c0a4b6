package tools

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what processes have used so far.
type usage struct {
	cpu     time.Duration
	written int64 // bytes that went to the disk
}

// clockTick is the unit of CPU time in /proc: 100 to a second on every Linux
// that Go runs on.
const clockTick = 10 * time.Millisecond

// usageOf adds up the servers' usage and, for CPU, this process's own. ok is
// false where /proc does not say.
func usageOf(pids []string) (u usage, ok bool) {
	if u.cpu, ok = ownCPU(); !ok || len(pids) == 0 {
		return u, false
	}
	for _, pid := range pids {
		cpu, err := processCPU(pid)
		if err != nil {
			return u, false
		}
		written, err := processWritten(pid)
		if err != nil {
			return u, false
		}
		u.cpu += cpu
		u.written += written
	}
	return u, true
}

// ownCPU is the processor time that this process has used so far, on all cores.
func ownCPU() (time.Duration, bool) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, false
	}
	return time.Duration(own.Utime.Nano() + own.Stime.Nano()), true
}

// serversCPU adds up the servers' processor time alone.
func serversCPU(pids []string) (sum time.Duration, ok bool) {
	for _, pid := range pids {
		cpu, err := processCPU(pid)
		if err != nil {
			return 0, false
		}
		sum += cpu
	}
	return sum, len(pids) > 0
}

func processCPU(pid string) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, err
	}
	// The name is in parentheses and may hold spaces; fields are counted after it.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %s: stat is short", pid)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

func processWritten(pid string) (int64, error) {
	f, err := os.Open("/proc/" + pid + "/io")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // only read
	s := bufio.NewScanner(f)
	for s.Scan() {
		if v, ok := strings.CutPrefix(s.Text(), "write_bytes: "); ok {
			return strconv.ParseInt(v, 10, 64)
		}
	}
	return 0, fmt.Errorf("process %s: io has no write_bytes", pid)
}
