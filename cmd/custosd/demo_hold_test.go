package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A second demo in the folder of a running one says so, and takes nothing away;
// nor does a demo touch a folder of something else.
func TestADemoHoldsItsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	first, second := &demo{dir: dir, shown: "d"}, &demo{dir: dir, shown: "d"}
	release, err := first.hold()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(first.path("env"), []byte("A=1\n"), 0o600))
	require.ErrorContains(t, second.run(t.Context(), 1), "a demo is running in d already")
	require.FileExists(t, first.path("env"))
	require.NoError(t, first.clear())
	require.NoFileExists(t, first.path("env"))
	require.ErrorContains(t, second.run(t.Context(), 1), "a demo is running in d already")
	release()
	release, err = second.hold()
	require.NoError(t, err)
	release()

	other := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(other, "thesis.txt"), []byte("mine"), 0o600))
	require.ErrorContains(t, (&demo{dir: other, shown: "other"}).run(t.Context(), 1), "is not a demo's folder")
	all, err := os.ReadDir(other)
	require.NoError(t, err)
	require.Len(t, all, 1)
}
