package tools

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
	"custos/ledger/store"
)

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning or problem
	Detail string `json:"detail"`
}

const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateProblem = "problem"
)

func (a *app) doctorCommand() *cobra.Command {
	var data, keys string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at a machine and a node's folder: permissions, disk, fsync, clock, formats",
		Long: "Look at a machine and a node's folder: permissions, key files, free disk, how long an fsync takes, the\n" +
			"clock, the formats. It writes one small file in the folder and removes it. Exit 2 if there is a problem.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.doctor(data, keys) },
	}
	cmd.Flags().StringVar(&data, "data", "", "a node's data folder")
	cmd.Flags().StringVar(&keys, "keys", "", "folder of the node's own keys, to look at its files' modes")
	return cmd
}

func (a *app) doctor(data, keys string) error {
	if err := required(map[string]string{"data": data}); err != nil {
		return err
	}
	if _, err := os.Stat(data); err != nil {
		return failing(ExitUnreadable, err)
	}
	found := []finding{folderMode(data), diskSpace(data), syncTime(data), clock(data)}
	if keys != "" {
		found = append(found, keyModes(keys))
	}
	found = append(found, opens(data)...)
	worst := slices.ContainsFunc(found, func(f finding) bool { return f.State == stateProblem })
	if a.json() {
		if err := a.printJSON(map[string]any{"findings": found, "ok": !worst}); err != nil {
			return err
		}
	} else {
		rows := [][]any{}
		for _, f := range found {
			rows = append(rows, []any{f.State, f.Check, f.Detail})
		}
		if err := table(a.stdout, nil, rows); err != nil {
			return err
		}
	}
	if worst {
		return failing(ExitUsage, errSaid)
	}
	return nil
}

func folderMode(dir string) finding {
	info, err := os.Stat(dir)
	if err != nil {
		return finding{"folder", stateProblem, err.Error()}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return finding{"folder", stateWarning, fmt.Sprintf("mode %04o lets others in; 0700 is enough", mode)}
	}
	return finding{"folder", stateOK, "only its owner may enter"}
}

// keyModes looks for secret files that others may read.
func keyModes(dir string) finding {
	n := 0
	var open []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) == ".vkey" || filepath.Ext(p) == ".crt" || filepath.Ext(p) == ".json" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n++
		if info.Mode().Perm()&0o077 != 0 {
			open = append(open, filepath.Base(p))
		}
		return nil
	})
	switch {
	case err != nil:
		return finding{"keys", stateProblem, err.Error()}
	case len(open) > 0:
		return finding{"keys", stateProblem, fmt.Sprintf("others may read %d files, the first is %s; they need mode 0600", len(open), open[0])}
	}
	return finding{"keys", stateOK, fmt.Sprintf("%d files, only their owner reads them", n)}
}

// diskSpace follows the rule that a node stops taking uploads below a tenth or
// a gibibyte.
func diskSpace(dir string) finding {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return finding{"disk", stateProblem, err.Error()}
	}
	free, all := s.Bavail*uint64(s.Bsize), max(s.Blocks*uint64(s.Bsize), 1)
	detail := fmt.Sprintf("%d MiB free, %d %% of the disk", free>>20, free*100/all)
	switch {
	case free < 1<<30:
		return finding{"disk", stateProblem, detail + ": less than 1 GiB"}
	case free*10 < all:
		return finding{"disk", stateWarning, detail + ": less than a tenth"}
	}
	return finding{"disk", stateOK, detail}
}

// syncTime writes and syncs a hundred blocks of 4 KiB: what every batch waits for.
func syncTime(dir string) finding {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return finding{"fsync", stateProblem, err.Error()}
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	var times []uint32
	for range 100 {
		start := time.Now()
		if _, err = f.Write(block); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return finding{"fsync", stateProblem, err.Error()}
		}
		times = append(times, uint32(min(time.Since(start).Microseconds(), 1<<31)))
	}
	slices.Sort(times)
	p50, p99 := quantile(times, 0.5), quantile(times, 0.99)
	detail := fmt.Sprintf("100 writes of 4 KiB: p50 %s, p99 %s", p50, p99)
	switch {
	case p50 < 20*time.Microsecond:
		return finding{"fsync", stateWarning, detail + ": faster than a disk can be; is it really written?"}
	case p99 > 100*time.Millisecond:
		return finding{"fsync", stateWarning, detail + ": lookups will wait that long"}
	}
	return finding{"fsync", stateOK, detail}
}

// clock compares the process's clock with the file system's.
func clock(dir string) finding {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return finding{"clock", stateProblem, err.Error()}
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	info, err := f.Stat()
	if err != nil {
		return finding{"clock", stateProblem, err.Error()}
	}
	now := time.Now()
	off := now.Sub(info.ModTime()).Abs()
	switch {
	case now.Year() < 2025:
		return finding{"clock", stateProblem, "the clock says " + now.UTC().Format(time.DateOnly)}
	case off > 2*time.Second:
		return finding{"clock", stateProblem, fmt.Sprintf("the clock and the file system's differ by %s", off.Round(time.Millisecond))}
	}
	return finding{"clock", stateOK, now.UTC().Format(time.RFC3339) + ", as the file system has it"}
}

// opens reads the folder as a stopped node's. A running one is no problem: the
// checks that need it closed are left out and said so.
func opens(data string) []finding {
	f, err := openFolder(data)
	switch {
	case errors.Is(err, store.ErrLocked):
		return []finding{{"ledger", stateOK, "a node is running here; its own /statusz says more"}}
	case errors.Is(err, store.ErrFormat):
		return []finding{{"formats", stateProblem, err.Error()}}
	case err != nil:
		return []finding{{"ledger", stateProblem, err.Error()}}
	}
	defer func() { _ = f.close() }()
	h := f.db.Head()
	out := []finding{
		{"ledger", stateOK, fmt.Sprintf("opens; %d entries, applied to index %d", h.Size, f.db.Applied().Index)},
		{"formats", stateOK, fmt.Sprintf("entries of format %d, rules up to %d", ledger.Format, ledger.CurrentRules)},
	}
	if f.raftErr != nil {
		out = append(out, finding{"raft", stateProblem, f.raftErr.Error()})
	} else {
		out = append(out, finding{"raft", stateOK, fmt.Sprintf("opens; entries %d to %d", f.raft.First(), f.raft.Last())})
	}
	if why := f.end().why; why != "" {
		out = append(out, finding{"end", stateWarning, why})
	}
	if ahead := time.Until(h.Time.Std()); ahead > 2*time.Second {
		out = append(out, finding{"ledger time", stateProblem, fmt.Sprintf("the newest entry is %s ahead of this clock", ahead.Round(time.Second))})
	}
	return out
}
