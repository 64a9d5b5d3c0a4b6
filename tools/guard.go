package tools

import "regexp"

// The store ends the process when Pebble meets a block whose checksum fails,
// because a node must not run on. An auditor must: a damaged block is a finding.
// So the store is given a way to end that only unwinds to the reader. Pebble
// reports damage outside its locks, and says so again at the next read.

var tableName = regexp.MustCompile(`[0-9]{6}\.sst`)

// brokenBlock is what reading a damaged block unwinds with.
type brokenBlock struct{ err error }

// unwind is the store's Fatal for everything that is opened to read.
func unwind(err error) { panic(brokenBlock{err}) }

// guard runs a reader and returns a *damagedError if it met a damaged block.
func guard(read func() error) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		b, ok := r.(brokenBlock)
		if !ok {
			panic(r)
		}
		err = &damagedError{err: b.err}
	}()
	return read()
}

// guarded is guard for a reader with a result.
func guarded[T any](read func() (T, error)) (v T, err error) {
	err = guard(func() error {
		v, err = read()
		return err
	})
	return v, err
}

// damagedError says that stored bytes do not read, which is not the disk's
// fault. Its text is short: Pebble's own has a stack in it.
type damagedError struct {
	err    error
	tables string // the ledger's folder, where it did not open
}

func (e *damagedError) Error() string {
	if table := tableName.FindString(e.err.Error()); table != "" {
		return "a block's checksum fails in " + table
	}
	return "stored bytes do not read"
}
func (e *damagedError) Unwrap() error { return e.err }
