package tools

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// A long verification that was stopped goes on where it was. What takes long is
// to decide every command again, so that is what is not done twice: the folder of
// --resume holds the views as they were folded so far, with every record of
// before, and one line of what had been found. It is the auditor's own, and is to
// be kept like a pin: whoever can write there can have decisions passed over.
//
// Nothing else is taken from it. Signatures, hashes, the tree and every chain are
// checked from entry 0 in each run, and the tree must still be the one that it was
// at that size; the views with which the rest is decided are held against every
// state entry to come, and at the end against the stored ones.

const (
	resumeFormat = "custos-verify-progress@v1"
	resumeFile   = "progress"
	resumeViews  = "views-"
)

// resumeEvery is how often progress is kept. If we die in between, what was
// decided since is decided again.
var resumeEvery = time.Minute

// progressMade is what the folder says, in the file progress.
type progressMade struct {
	Format   string     `json:"format"`
	Log      string     `json:"log"`
	Layout   int        `json:"layout"` // of the views
	Size     int64      `json:"size"`   // entries that were decided again, and hold
	Root     []byte     `json:"root"`   // of the tree over them
	Commands int64      `json:"commands"`
	Rules    rulesState `json:"rules"`
}

// text is the file's, of which each progress has one. What is spelled otherwise
// was not written by this program: a field that it does not know would be lost,
// and one that is missing would be taken for nothing.
func (p *progressMade) text() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		return nil // which is no file's
	}
	return append(b, '\n')
}

// resumption is the folder of --resume, for one run.
type resumption struct {
	dir      string
	was      progressMade // what was found there; zero: nothing
	saved    time.Time
	stopping chan os.Signal // nil: nobody may stop this
}

var errStopped = errors.New("stopped")

// openResume reads the folder, of which the first run has none.
func openResume(dir string) (*resumption, error) {
	r := &resumption{dir: dir, saved: time.Now()}
	if dir == "" {
		return r, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, resumeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	if err := json.Unmarshal(b, &r.was); err != nil || r.was.Format != resumeFormat || r.was.Size <= 0 || len(r.was.Root) != tlog.HashSize || !bytes.Equal(b, r.was.text()) {
		return nil, failf(ExitUnreadable, "%s is no progress of a verification: remove the folder to begin anew", filepath.Join(dir, resumeFile))
	}
	if r.was.Layout != projection.Layout {
		return nil, failf(ExitUsage, "the progress in --resume is of a program with another layout of views: remove the folder to begin anew")
	}
	return r, nil
}

// listen has an interrupt keep progress, from now on, before it ends the run.
func (r *resumption) listen(s *scratch) {
	if r.dir == "" {
		return
	}
	s.keepOnInterrupt()
	r.stopping = make(chan os.Signal, 1)
	signal.Notify(r.stopping, os.Interrupt, syscall.SIGTERM)
}

func (r *resumption) close() {
	if r.stopping != nil {
		signal.Stop(r.stopping)
	}
}

// of refuses progress of another log, or of more than there is.
func (r *resumption) of(log ledger.ID, size int64) error {
	switch {
	case r.was.Size == 0:
		return nil
	case r.was.Log != hex.EncodeToString(log[:]):
		return failf(ExitUsage, "the progress in --resume is of another log")
	case r.was.Size > size:
		return failf(ExitIncomplete, "the progress in --resume is of %d entries, and there are %d: its end is lost", r.was.Size, size)
	}
	return nil
}

// agree holds the tree at the size of before against the one of before.
func (r *resumption) agree(tree tlog.Tree) (ok bool) {
	return tree.N != r.was.Size || tree.Hash == tlog.Hash(r.was.Root)
}

// scratch opens the views as they were left, or begins with none. What is in the
// folder stays as it is: tables are never written again, and are shared. What is
// to be kept there has the records of its own, for a run that has no folder of them.
func (r *resumption) scratch(parent string, of *store.DB) (*scratch, error) {
	if r.dir == "" {
		return newScratch(parent, of)
	}
	if r.was.Size == 0 {
		return newScratch(parent, nil)
	}
	s, err := openScratch(parent, nil, func(dir string) error { return linkLedger(r.views(r.was.Size), dir) })
	if err != nil {
		return nil, err
	}
	if h := s.db.Head(); int64(h.Size) != r.was.Size || !r.agree(s.db.Tree()) {
		s.close()
		return nil, failf(ExitUnreadable, "the views in --resume are not those of its progress: remove the folder to begin anew")
	}
	return s, nil
}

func (r *resumption) views(size int64) string {
	return filepath.Join(r.dir, resumeViews+seqText(ledger.Seq(size)))
}

// keep keeps how far a run has come, now and then, and when it is stopped. The
// views are there before the file that names them, and the older ones until then.
func (r *resumption) keep(s *scratch, commands int64, rules *rulesPass, done bool) error {
	if r.dir == "" || rules.wrong != "" {
		return nil
	}
	stop := false
	select {
	case <-r.stopping:
		stop = true
	default:
	}
	if !stop && !done && time.Since(r.saved) < resumeEvery {
		return nil
	}
	if err := s.commit(); err != nil {
		return err
	}
	head, tree := s.db.Head(), s.db.Tree()
	err := r.write(s, progressMade{Format: resumeFormat, Log: hex.EncodeToString(head.Log[:]), Layout: projection.Layout,
		Size: int64(head.Size), Root: tree.Hash[:], Commands: commands, Rules: rules.state()})
	if err != nil {
		return failing(ExitUnreadable, fmt.Errorf("keep progress in --resume: %w", err))
	}
	r.saved = time.Now()
	if stop {
		return failing(ExitIncomplete, fmt.Errorf("%w after %d entries: the same command goes on from there", errStopped, head.Size))
	}
	s.txn = s.db.Begin()
	return nil
}

func (r *resumption) write(s *scratch, p progressMade) error {
	if err := s.db.Flush(); err != nil {
		return err
	}
	to := r.views(p.Size)
	if p.Size == r.was.Size {
		return nil // nothing new
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := s.db.Checkpoint(to); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(r.dir, resumeFile), p.text()); err != nil {
		return err
	}
	r.was = p
	old, err := filepath.Glob(filepath.Join(r.dir, resumeViews+"*"))
	for _, dir := range old {
		if dir != to {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// linkLedger makes a ledger that shares its tables with another: they never
// change. What may be written again is copied.
func linkLedger(from, to string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		a, b := filepath.Join(from, f.Name()), filepath.Join(to, f.Name())
		if strings.HasSuffix(f.Name(), ".sst") && os.Link(a, b) == nil {
			continue
		}
		if err := copyFile(a, b); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, in.Close(), out.Close())
}

// rulesState is what level 5 has to remember.
type rulesState struct {
	Told, Under, Done int64
	Climbs            map[ledger.Seq]ledger.Time // when each climbs
	Gone              map[ledger.Seq]ledger.Time // and when the log went on after that
	Breaks            map[ledger.Seq]ledger.Time
	Days              []firstOf
	Late              []lateRule
	Declared, States  bool
	Last, Raw         ledger.Time
	Since             ledger.Seq
	Covered           ledger.Time
}

func (p *rulesPass) state() rulesState {
	l := p.late
	s := rulesState{Told: p.told, Under: p.under, Done: p.done, Climbs: map[ledger.Seq]ledger.Time{}, Gone: map[ledger.Seq]ledger.Time{}, Breaks: l.breaks,
		Days: l.days, Late: []lateRule{l.climbed, l.tasked, l.stated, l.reviewed, l.linked, l.over}, Declared: l.declared, States: l.states, Last: l.last, Raw: l.raw, Since: l.since, Covered: l.covered}
	for id, c := range l.climbs {
		s.Climbs[id] = c.due
		if c.from != 0 {
			s.Gone[id] = c.from
		}
	}
	return s
}

// restore goes on from what was remembered.
func (p *rulesPass) restore(s *rulesState) error {
	if len(s.Late) != 6 {
		return failf(ExitUnreadable, "the progress in --resume is not whole: remove the folder to begin anew")
	}
	p.told, p.under, p.done = s.Told, s.Under, s.Done
	l := p.late
	for id, due := range s.Climbs {
		l.expect(id, due)
		l.climbs[id].from = s.Gone[id]
	}
	for id, at := range s.Breaks {
		l.breaks[id] = at
	}
	l.days, l.declared, l.states, l.last, l.raw, l.since, l.covered = s.Days, s.Declared, s.States, s.Last, s.Raw, s.Since, s.Covered
	l.climbed, l.tasked, l.stated, l.reviewed, l.linked, l.over = s.Late[0], s.Late[1], s.Late[2], s.Late[3], s.Late[4], s.Late[5]
	return nil
}
