package tools

import (
	"os"
	"os/signal"
	"syscall"
)

// temporary is a folder that is removed when it is no longer needed, and when
// somebody interrupts the program: it may be large.
type temporary struct {
	dir  string
	stop chan os.Signal
}

func newTemporary(parent, pattern string) (*temporary, error) {
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	t := &temporary{dir: dir, stop: make(chan os.Signal, 1)}
	signal.Notify(t.stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		got, ok := <-t.stop
		if !ok {
			return
		}
		_ = os.RemoveAll(dir) // there is nobody left to tell
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		if number, ok := got.(syscall.Signal); ok {
			_ = syscall.Kill(os.Getpid(), number) // the signal takes its course
		}
	}()
	return t, nil
}

// keepOnInterrupt leaves it to somebody else what an interrupt does.
func (t *temporary) keepOnInterrupt() { signal.Stop(t.stop) }

func (t *temporary) remove() error {
	signal.Stop(t.stop)
	close(t.stop)
	return os.RemoveAll(t.dir)
}
