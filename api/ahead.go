package api

import (
	"errors"
	"sync"
)

// errEnded tells whoever makes parts ready that none is wanted any more.
var errEnded = errors.New("a part before it was not decided")

// inOrder does the parts of a file one after another, each once the one before it
// is done. While one waits to be decided the next is made ready: reading and
// sealing do not wait for the disk, nor the disk for them. The first error ends
// it; the parts before are recorded, and the same file goes on from there.
func inOrder(prepare func(put func(part func() error) error) error) error {
	next, ended := make(chan func() error), make(chan struct{})
	var fault error
	var panicked *workPanic
	var doing sync.WaitGroup
	doing.Go(func() {
		defer close(ended)
		defer func() {
			if v := recover(); v != nil {
				panicked = &workPanic{v, stackOnly()}
			}
		}()
		for part := range next {
			if fault = part(); fault != nil {
				return
			}
		}
	})
	err := func() error {
		defer doing.Wait()
		defer close(next) // also where preparing falls
		return prepare(func(part func() error) error {
			select {
			case next <- part:
				return nil
			case <-ended:
				return errEnded
			}
		})
	}()
	switch {
	case panicked != nil: // whoever deals with panics is the caller's
		panic(panicked)
	case fault != nil: // of an earlier part than err
		return fault
	}
	return err
}
