package tools

import (
	"errors"
	"os"
	"path/filepath"
)

// A pin is the newest signed checkpoint of a run that verified: size, root and
// the log's name, under the log's own signature. The next run must go on from
// it, so that what an auditor has seen once cannot be taken back: a shorter
// ledger is incomplete, another root at the pinned size a failure. It is the
// note as it was signed, because a list of our own could be edited unnoticed.

// pinned says whether there is anything to pin. A pin that was asked for and
// cannot be made must not pass for one.
func (v *verification) pinned() bool {
	if v.flags.pin != "" && len(v.notes) == 0 {
		v.missing("there is no signed checkpoint to pin")
		return false
	}
	return true
}

// writePin keeps the newest checkpoint for the next time. If we die on any line
// the old pin is whole, or the new one is: a pin cut short would stop the next
// run, and its owner would delete it, which is what an attacker wants.
func (v *verification) writePin() error {
	if v.flags.pin == "" {
		return nil
	}
	return replaceFile(v.flags.pin, v.notes[len(v.notes)-1].note)
}

// replaceFile puts a file in another's place in one move, synced before and after.
func replaceFile(path string, content []byte) (err error) {
	defer func() { err = failing(ExitUnreadable, err) }()
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
