package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReadme walks the README's main job, and the data officer's of
// docs/UPLOADS.md, word for word, against the real programs: what they promise a
// newcomer is what happens.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "<!-- walk -->")
	require.True(t, ok)
	walk, rest, ok := strings.Cut(rest, "<!-- stop -->")
	require.True(t, ok)
	after, _, ok := strings.Cut(rest, "<!-- end -->")
	require.True(t, ok)

	dir := t.TempDir()
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "bin")+"/", "../custosd", "../custos-tools")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	stop := runDemo(t, ctx, dir)
	first := walk
	seen := script(t, dir, walk)
	for _, want := range []string{
		"1,recorded,,", "2,recorded,,", "3,rejected,nhs-number-check-digit,", // the upload
		`"familyName":"Sampleton"`, `"outcome":"found"`, `"receipt":"c2sp.org/tlog-proof@v1`, `"accessHistory":[{"at":`, // the lookup
		`"notified":[{"ods":`, `"visit":{"at":`, `"name":"Dr Ada Demo"`, // the notification
		`"status":"recorded"`, `"people":[{"nhsNumber":`, // the caseload
		`"kind":"accessed"`, `"kind":"trail-read"`, `"kind":"subject-accessed"`, // the trail
	} {
		require.Contains(t, seen, want)
	}
	require.NotContains(t, seen, `"status":4`, "no step is refused")
	demoMailboxShows(t, dir)

	uploads, err := os.ReadFile("../../docs/UPLOADS.md")
	require.NoError(t, err)
	_, rest, ok = strings.Cut(string(uploads), "<!-- walk -->")
	require.True(t, ok)
	walk, _, ok = strings.Cut(rest, "<!-- end -->")
	require.True(t, ok)
	seen = script(t, dir, walk)
	require.Regexp(t, `(?s)^dry run, entry .*accepted 2 .*file 15, upload .*accepted 2 \(unchanged 2\), of them unmatched 0; rejected 0`, seen)
	require.Regexp(t, `(?s)same 2, differs 0, only here 0, only there \d+, unmatched 0, rejected 0;.*\nexit 7\n$`, seen)

	stop()
	require.Contains(t, script(t, dir, after), "VERIFIED")

	// Started again, the demo knows which numbers were used, and the walk's file is taken once more.
	stop = runDemo(t, ctx, dir)
	first, _, ok = strings.Cut(first, "An emergency department")
	require.True(t, ok)
	require.Contains(t, script(t, dir, first+"```sh\necho $LA_NEXT_SEQ\n```"), "\n2,unchanged,,,CASE-2\n3,rejected,nhs-number-check-digit,the NHS number's check digit is wrong,CASE-3\n16\n")
	stop()

	clear := []string{"Sampleton", "9997000013", "999 700 0013", "2019-05-14", "the family asked"}
	searchClear(t, filepath.Join(dir, ".demo", "n1"), clear)
	log, err := os.ReadFile(filepath.Join(dir, ".demo", "n1.log"))
	require.NoError(t, err)
	for _, c := range clear {
		require.NotContains(t, string(log), c)
	}
}

// runDemo starts the demo in its folder below dir, waits until it is ready, and gives what ends it as Ctrl-C does.
func runDemo(t *testing.T, ctx context.Context, dir string) (stop func()) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, ".demo", "env")); !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err, "an earlier run's")
	}
	demo := exec.CommandContext(ctx, "bin/custosd", "demo", "--dir", ".demo", "--listen", "127.0.0.1:0")
	demo.Dir = dir
	var said bytes.Buffer
	demo.Stdout, demo.Stderr = &said, &said
	require.NoError(t, demo.Start())
	ended := make(chan error, 1)
	go func() { ended <- demo.Wait() }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, ".demo", "env"))
		return err == nil
	}, time.Minute, 100*time.Millisecond, "the demo does not become ready: %s", &said)
	return func() {
		t.Helper()
		require.NoError(t, demo.Process.Signal(syscall.SIGINT))
		select {
		case err := <-ended:
			require.NoError(t, err, "%s", &said)
		case <-ctx.Done():
			t.Fatal("the demo does not stop")
		}
	}
}

// script runs the shell blocks of a piece of the README, one after another in
// one shell, and returns all that they print.
func script(t *testing.T, dir, text string) string {
	t.Helper()
	var all strings.Builder
	for i, part := range strings.Split(text, "```") {
		if code, ok := strings.CutPrefix(part, "sh\n"); ok && i%2 == 1 {
			all.WriteString(code)
		}
	}
	require.NotEmpty(t, all.String())
	c := exec.Command("bash", "-euo", "pipefail", "-c", all.String())
	c.Dir = dir
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// searchClear fails if a text stands in clear in any file below a folder.
func searchClear(t *testing.T, dir string, texts []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) {
				t.Errorf("%q stands in clear in %s", text, path)
			}
		}
		return nil
	}))
}
