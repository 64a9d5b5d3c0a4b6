package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// Every fuzz target is in the table of docs/FUZZING.md, and none stands where
// `make fuzz`, which takes those of every package, would not find it. That a name
// in the table is a target's is held by the test of all documents.
func TestEveryFuzzTargetIsListedAndRun(t *testing.T) {
	listed := read(t, "docs/FUZZING.md")
	found := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, ".go") {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for _, m := range fuzzTarget.FindAllSubmatch(b, -1) {
			require.Contains(t, listed, "`"+string(m[1])+"`", "a target that the table does not have")
			require.True(t, strings.HasSuffix(p, "_test.go"), "%s: %s is no target of a test", p, m[1])
			require.NotRegexp(t, `(?m)^//go:build`, string(b), "%s is not built everywhere, nor fuzzed", p)
			require.NotContains(t, p, "testdata", "no package is listed there")
			found++
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, found, 50)
	require.Regexp(t, `(?s)\nfuzz:.*?\$\(GO\) list \./\.\.\.\).*?-list '\^Fuzz' \$\$pkg`, read(t, "Makefile"))
}
