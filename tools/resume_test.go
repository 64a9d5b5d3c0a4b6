package tools

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// verifyWith verifies the world itself, from its folder or elsewhere.
func (w *world) verifyWith(args ...string) (int, verifyReport, string) {
	w.t.Helper()
	var o, e bytes.Buffer
	code := Main(append([]string{"verify", "--keys", w.keyDir, "-o", "json"}, args...), &o, &e)
	var r verifyReport
	if o.Len() > 0 {
		require.NoError(w.t, json.Unmarshal(o.Bytes(), &r), "%s", o.String())
	}
	for i := range r.Levels {
		r.Levels[i].Seconds = 0
	}
	return code, r, e.String()
}

// stopAfter verifies with --resume and interrupts it after so many commands.
func (w *world) stopAfter(commands int, flags verifyFlags) error {
	a := &app{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	flags.keys = w.keyDir
	v := &verification{a: a, flags: flags, quiet: true}
	v.watch = func([]ledger.Entry) error {
		if commands--; commands == 0 {
			v.resume.stopping <- os.Interrupt
		}
		return nil
	}
	return v.run()
}

func grown(t *testing.T) *world {
	w := newWorld(t)
	w.usual()
	for range 40 {
		w.lookup("nurse", nhsChild)
	}
	w.close()
	return w
}

// A verification that is stopped goes on, decides nothing twice, and says in the
// end what it would have said.
func TestVerifyGoesOn(t *testing.T) {
	w := grown(t)
	tiles := filepath.Join(t.TempDir(), "log")
	code, _, errs := run(t, "export", "--data", w.dir, "--format", "tiles", "--out", tiles)
	require.Zero(t, code, errs)
	for name, from := range map[string]verifyFlags{"a folder": {data: w.dir}, "tiles": {tiles: tiles}} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--data", w.dir}
			if from.tiles != "" {
				args = []string{"--tiles", tiles}
			}
			_, plain, _ := w.verifyWith(args...)
			from.resume = filepath.Join(t.TempDir(), "progress")
			for range 2 { // stopped twice
				err := w.stopAfter(20, from)
				require.ErrorIs(t, err, errStopped)
				var f *failure
				require.ErrorAs(t, err, &f)
				require.Equal(t, ExitIncomplete, f.code)
			}
			var kept progressMade
			b, err := os.ReadFile(filepath.Join(from.resume, resumeFile))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(b, &kept))
			require.EqualValues(t, 40, kept.Commands)
			views, err := filepath.Glob(filepath.Join(from.resume, resumeViews+"*"))
			require.NoError(t, err)
			require.Len(t, views, 1, "older views are gone")

			code, r, errs := w.verifyWith(append(args, "--resume", from.resume)...)
			require.Zero(t, code, errs)
			require.Contains(t, r.Levels[levelDecisions].Detail, "in an earlier run (--resume)")
			r.Levels[levelDecisions].Detail, _, _ = strings.Cut(r.Levels[levelDecisions].Detail, "; the first ")
			require.Equal(t, plain, r)

			// And again, of the same ledger, where there is nothing left to decide.
			code, r, errs = w.verifyWith(append(args, "--resume", from.resume)...)
			require.Zero(t, code, errs)
			require.Equal(t, plain.Findings, r.Findings)
		})
	}
}

// A ledger that grows is gone on with; another one is not.
func TestVerifyGoesOnWithTheSameLedgerOnly(t *testing.T) {
	w := grown(t)
	old := filepath.Join(t.TempDir(), "old")
	require.NoError(t, os.CopyFS(old, os.DirFS(w.dir)))
	other := *w
	resume := filepath.Join(t.TempDir(), "progress")
	code, _, errs := w.verifyWith("--data", w.dir, "--resume", resume)
	require.Zero(t, code, errs)
	forgeries["go-on"](w, 0)
	_, plain, _ := w.verifyWith("--data", w.dir)
	code, r, errs := w.verifyWith("--data", w.dir, "--resume", resume)
	require.Zero(t, code, errs)
	require.Equal(t, plain.Findings, r.Findings)
	require.Equal(t, plain.Levels[levelRules], r.Levels[levelRules])

	code, _, errs = w.verifyWith("--data", old, "--resume", resume)
	require.Equal(t, ExitIncomplete, code)
	require.Contains(t, errs, "its end is lost")

	// The log's own key signs another history of the same length: without a pin
	// nothing but the progress knows.
	other.dir, other.n = old, 1<<30
	forgeries["go-on-otherwise"](&other, 1)
	code, _, _ = w.verifyWith("--data", old)
	require.Zero(t, code)
	code, r, _ = w.verifyWith("--data", old, "--resume", resume)
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, r.FirstBad.Why, "are not all those that were verified before")

	// An entry of before is altered: every hash is made again in each run.
	forgeries["alter-record"](w, 11)
	code, r, _ = w.verifyWith("--data", w.dir, "--resume", resume)
	require.Equal(t, ExitIntegrity, code)
	require.EqualValues(t, 11, r.FirstBad.Seq)
}

// What is wrong with the folder itself is said, or found in the end.
func TestVerifyWithAFolderThatWasChanged(t *testing.T) {
	w := grown(t)
	resume := filepath.Join(t.TempDir(), "progress")
	file := filepath.Join(resume, resumeFile)
	require.ErrorIs(t, w.stopAfter(30, verifyFlags{data: w.dir, resume: resume}), errStopped)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var p progressMade
	require.NoError(t, json.Unmarshal(b, &p))
	for _, c := range []struct {
		content, says string
		code          int
	}{
		{"{", "is no progress of a verification", ExitUnreadable},
		{strings.Replace(string(b), resumeFormat, "other", 1), "is no progress of a verification", ExitUnreadable},
		{strings.Replace(string(b), p.Log, strings.Repeat("0", 32), 1), "the progress in --resume is of another log", ExitUsage},
		{strings.Replace(string(b), `"layout":`, `"layout":9`, 1), "another layout of views", ExitUsage},
	} {
		require.NoError(t, os.WriteFile(file, []byte(c.content), 0o600))
		code, _, errs := w.verifyWith("--data", w.dir, "--resume", resume)
		require.Equal(t, c.code, code, errs)
		require.Contains(t, errs, c.says)
	}
	require.NoError(t, os.WriteFile(file, b, 0o600))

	// A plan is taken out of the views that decisions go on with: the stored ones differ.
	at := *w
	views, err := filepath.Glob(filepath.Join(resume, resumeViews+"*"))
	require.NoError(t, err)
	db, err := pebble.Open(views[0], &pebble.Options{FormatMajorVersion: 24, Logger: quietLogger{}})
	require.NoError(t, err)
	who := at.keys.Person(nhsSister)
	require.NoError(t, db.Delete(append(append([]byte{'v', 'i'}, who[:]...), 'p'), pebble.Sync))
	require.NoError(t, db.Flush())
	require.NoError(t, db.Close())
	code, r, _ := w.verifyWith("--data", w.dir, "--resume", resume)
	require.Equal(t, ExitIntegrity, code, r)
	code, out, _ := run(t, "verify", "--data", w.dir, "--keys", w.keyDir, "--resume", resume)
	require.Equal(t, ExitIntegrity, code)
	require.Contains(t, out, "Before you act on this, verify again without --resume")

	require.NoError(t, os.RemoveAll(views[0]))
	code, _, errs := w.verifyWith("--data", w.dir, "--resume", resume)
	require.Equal(t, ExitUnreadable, code, errs)
}
