package api

import "runtime"

// yielding runs what can wait, as taking a file in does, on a thread that the
// system lets wait: those who look up are on the same cores, and would queue for
// their turns behind it (docs/SPEED.md). The thread ends with the work, since only
// a privileged process could give it its priority back. Where a system has no such
// threads, the work is done all the same.
func yielding(work func() error) error {
	var err error
	var panicked *workPanic
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if v := recover(); v != nil {
				panicked = &workPanic{v, stackOnly()}
			}
		}()
		runtime.LockOSThread() // and never unlocked
		lowerPriority()
		err = work()
	}()
	<-ended
	if panicked != nil { // whoever deals with panics is here
		panic(panicked)
	}
	return err
}

// workPanic is a panic of work that ran in yielding, and where it was.
type workPanic struct {
	value any
	stack string
}
