package tools

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// keeper writes the acknowledgement beside where it belongs, and moves it there
// once it is whole: a name that is there holds a whole acknowledgement.
type keeper struct {
	to   string
	file *os.File // nil: nothing is kept
}

// keeper makes the file before anything is sent: what cannot be kept is not asked for.
func (s *send) keeper() (*keeper, error) {
	k := &keeper{to: s.out}
	if s.out == "" {
		return k, nil
	}
	var err error
	k.file, err = os.CreateTemp(filepath.Dir(s.out), "."+filepath.Base(s.out)+"-*") // readable by its owner alone
	return k, err
}

// start begins an acknowledgement, again if need be.
func (k *keeper) start() (io.Writer, error) {
	if k.file == nil {
		return io.Discard, nil
	}
	if err := k.file.Truncate(0); err != nil {
		return nil, err
	}
	_, err := k.file.Seek(0, io.SeekStart)
	return k.file, err
}

func (k *keeper) keep() error {
	if k.file == nil {
		return nil
	}
	if err := errors.Join(k.file.Sync(), k.file.Close(), os.Rename(k.file.Name(), k.to)); err != nil {
		return err
	}
	k.file = nil
	return nil
}

func (k *keeper) drop() {
	if k.file != nil {
		_ = k.file.Close()
		_ = os.Remove(k.file.Name())
	}
}
