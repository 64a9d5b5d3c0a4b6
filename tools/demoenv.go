package tools

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// demoEnv is what a running demo says of itself: NAME=value lines.
type demoEnv map[string]string

// readDemoEnv reads the file env of a demo's folder. A folder without one is
// no error: a bench may be told everything by flags.
func readDemoEnv(dir string) (demoEnv, error) {
	f, err := os.Open(filepath.Join(dir, "env"))
	if errors.Is(err, fs.ErrNotExist) {
		return demoEnv{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	env := demoEnv{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		name, value, ok := strings.Cut(strings.TrimPrefix(s.Text(), "export "), "=")
		if ok {
			env[name] = strings.Trim(value, `"'`)
		}
	}
	return env, s.Err()
}

func (e demoEnv) list(name string) []string {
	var out []string
	for _, s := range strings.Split(e[name], ",") {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// readLines reads a file of one value a line.
func readLines(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := splitLines(b)
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return out, nil
}

func splitLines(b []byte) (out []string) {
	for _, l := range strings.Split(string(b), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}
