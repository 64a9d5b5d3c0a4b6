package tools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The commands of docs/AUDIT.md are run as they stand there, in their order.
func TestTheAuditWalkRuns(t *testing.T) {
	page, err := os.ReadFile("../docs/AUDIT.md")
	require.NoError(t, err)
	w := usualFolder(t)
	w.open()
	w.state()
	w.close()
	dir := t.TempDir()
	t.Chdir(dir) // what the page has written stays here
	here := strings.NewReplacer(" node", " "+w.dir, " keys", " "+w.keyDir, " CHILD", " "+w.keys.Person(nhsChild).String(), " KEY", " "+w.vkey)
	ran := 0
	for line := range strings.Lines(string(page)) {
		command, ok := strings.CutPrefix(line, "custos-tools ")
		if !ok {
			continue
		}
		command, file, redirected := strings.Cut(here.Replace(command), " > ")
		code, out, errs := run(t, strings.Fields(command)...)
		require.Zero(t, code, "%s%s%s", line, out, errs)
		if redirected {
			require.NoError(t, os.WriteFile(strings.TrimSpace(file), []byte(out), 0o600))
		}
		ran++
	}
	require.Equal(t, 15, ran, "a command that the page lost, or that stands where it is not run")
	for _, made := range []string{"seen", "report.html", "entries.ndjson", "log.zip"} {
		b, err := os.ReadFile(filepath.Join(dir, made))
		require.NoError(t, err)
		require.NotEmpty(t, b)
	}
}
