package main

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// demoLock is a file of the demo's folder that a running demo holds.
const demoLock = "lock"

// hold keeps another demo out of the folder: it would take the running one's
// environment away before it finds the addresses taken. The system lets go of it
// with the process.
func (d *demo) hold() (release func(), err error) {
	all, err := os.ReadDir(d.dir)
	ours := func(e os.DirEntry) bool {
		return slices.Contains([]string{demoLock, unfinished, "demo.json"}, e.Name())
	}
	if err == nil && len(all) > 0 && !slices.ContainsFunc(all, ours) {
		return nil, misuse("%s exists and is not a demo's folder", d.shown)
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.path(demoLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, misuse("a demo is running in %s already: stop that (Ctrl-C where it runs), or give this one another folder (--dir)", d.shown)
	}
	return func() { _ = f.Close() }, nil
}

// clear removes what the folder holds, but for what holds it.
func (d *demo) clear() error {
	all, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Name() == demoLock {
			continue
		}
		if err := os.RemoveAll(filepath.Join(d.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
