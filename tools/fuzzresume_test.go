package tools

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/ledger"
	"custos/projection"
)

// What an auditor keeps between two runs.

// FuzzResume: a file of progress is taken as this program would write it, byte
// for byte, or refused; what level 5 goes on with is what it would keep again.
func FuzzResume(f *testing.F) {
	n := ledger.Seq(7)
	p := newRulesPass(nil)
	p.late.expect(3, 90)
	p.late.climbs[3].from = 120
	p.late.breaks[4] = 50
	p.late.days = []firstOf{{20000, 1}}
	p.late.climbed.Late, p.late.climbed.Worst, p.late.climbed.Seq = 1, 0.5, &n
	whole := progressMade{Format: resumeFormat, Log: "00", Layout: projection.Layout, Size: 9, Root: make([]byte, 32), Commands: 4, Rules: p.state()}
	f.Add(whole.text())
	f.Add([]byte(`{"format":"custos-verify-progress@v1","size":1}`))
	f.Add([]byte("null\n"))
	whole.Rules.Late = whole.Rules.Late[:3]
	f.Add(whole.text())
	whole.Rules = rulesState{Late: make([]lateRule, 4), Gone: map[ledger.Seq]ledger.Time{5: 1}}
	f.Add(whole.text())
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, resumeFile), b, 0o600))
		r, err := openResume(dir)
		if err != nil {
			return
		}
		require.Equal(t, string(b), string(r.was.text()))
		require.Positive(t, r.was.Size)
		require.Error(t, r.of(ledger.ID{1}, r.was.Size-1), "its log's end is lost, or it is of another log")
		p := newRulesPass(nil)
		if p.restore(&r.was.Rules) != nil {
			return
		}
		once, again := p.state(), newRulesPass(nil)
		require.NoError(t, again.restore(&once))
		require.Equal(t, once, again.state())
		for i := range once.Late {
			require.NotEmpty(t, once.Late[i].String())
		}
	})
}

// FuzzPin: of whatever is called a pin, or any other checkpoint that a folder
// holds, only the tree that the log signed is taken.
func FuzzPin(f *testing.F) {
	w := newWorld(f)
	w.usual()
	w.close()
	pin := filepath.Join(f.TempDir(), "pin")
	code, _, errs := w.verifyWith("--data", w.dir, "--pin", pin)
	require.Zero(f, code, errs)
	whole, err := os.ReadFile(pin)
	require.NoError(f, err)
	f.Add(whole)
	f.Add(append(whole[:len(whole):len(whole)], "— someone AAAAAA==\n"...))
	f.Add(whole[:len(whole)-2])
	v, err := note.NewVerifier(w.vkey)
	require.NoError(f, err)
	signed, err := ledger.OpenCheckpoint(whole, v.Name(), note.VerifierList(v))
	require.NoError(f, err)
	data, err := openFolder(w.dir)
	require.NoError(f, err)
	f.Cleanup(func() { _ = data.close() })
	own, err := data.checkpoints(v.Name(), v, "")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, os.WriteFile(pin, b, 0o600))
		all, err := data.checkpoints(v.Name(), v, pin)
		if err != nil {
			require.ErrorIs(t, err, errNote)
			return
		}
		require.Len(t, all, len(own)+1)
		for _, s := range all {
			if s.where == "the pin" {
				require.Equal(t, signed, s.Tree)
				require.Equal(t, string(b), string(s.note))
			}
		}
	})
}
