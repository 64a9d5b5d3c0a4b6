package tools

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
)

// Verdicts of a verification.
const (
	verified   = "verified"
	failed     = "failed"
	incomplete = "incomplete" // what is there holds, but the end or a means to say is missing
)

// verifyReport is what verify -o json prints.
type verifyReport struct {
	Verdict    string        `json:"verdict"`
	Size       int64         `json:"size"`
	Root       string        `json:"root"`      // base64, as checkpoints have it
	ChainHead  string        `json:"chainHead"` // base64: the hash of the last entry
	Levels     []levelReport `json:"levels"`
	Findings   []lateRule    `json:"findings,omitempty"` // what came late, by level 5; no failure
	FirstBad   *badEntry     `json:"firstBad,omitempty"`
	Why        string        `json:"why,omitempty"`        // what failed, where no single entry can be named
	Incomplete []string      `json:"incomplete,omitempty"` // why it cannot be said
}

type levelReport struct {
	Level   int     `json:"level"`
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Checked int64   `json:"checked"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

type badEntry struct {
	Seq ledger.Seq `json:"seq"`
	Why string     `json:"why"`
}

// The levels, from what needs most to what says most.
const (
	levelSignatures = iota
	levelHashes
	levelSealed
	levelChain
	levelDecisions
	levelRules
)

var levelNames = []string{"signatures", "hashes and tree", "sealed rows", "chains and commands", "decisions and views", "rules"}

type verifyFlags struct{ data, url, tiles, backup, token, keys, pin, scratch, resume string }

func (a *app) verifyCommand() *cobra.Command {
	var v verifyFlags
	var page string
	cmd := &cobra.Command{
		Use: "verify", Short: "Repeat every signature, hash and decision of a ledger, offline",
		Long: "Repeat every signature, hash and decision of a ledger, offline and without any secret key.\n\n" +
			"  L0 signatures    every signed checkpoint, by your own copy of the log's key (--keys)\n" +
			"  L1 hashes, tree  the tree is made again from the records' bytes, and compared; a second time\n" +
			"                   with transparency-dev/merkle, as checkpoints are read with its formats\n" +
			"  L2 sealed rows   every ciphertext has the digest that its entry holds\n" +
			"  L3 chains        each entry follows the one before, for the log and for each person\n" +
			"  L4 decisions     each command is decided again under the rules of its day, and gives\n" +
			"                   the same bytes; the views folded from the entries are the stored ones\n" +
			"  L5 rules         without deciding anything: who had to be told was, by the policy of the day;\n" +
			"                   what came late is said as well, and is no failure\n\n" +
			"The folder is that of a stopped node, or a copy; with --backup it may be packed in a tar archive,\n" +
			"compressed with gzip or not. With --url a running node is verified from what it\n" +
			"serves to an auditor, and with --tiles a log's files without any node: everything but L2 and the\n" +
			"stored views. Exit 1 names the entry; exit 4 means that what is there holds but the end is missing,\n" +
			"which after a kill is normal: start the node.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.verify(v, page) },
	}
	v.add(cmd)
	cmd.Flags().StringVar(&page, "report", "", "file.html: also write the page of what was found, and the same as JSON beside it, as report does")
	cmd.Flags().StringVar(&v.resume, "resume", "", "folder of your own that keeps how far decisions were repeated: if stopped, or as the ledger grows, they go on from there")
	return cmd
}

func (v *verifyFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&v.data, "data", "", "a node's data folder, holding ledger/ and raft/")
	f.StringVar(&v.url, "url", "", "a running node, http://HOST:PORT")
	f.StringVar(&v.tiles, "tiles", "", "a folder of tiles, or a zip archive of one, as export --format tiles writes it")
	f.StringVar(&v.backup, "backup", "", "a backup of a data folder: a copy, or a tar archive of one, compressed with gzip or not")
	f.StringVar(&v.token, "token-file", "", "file with an auditor's token, for --url")
	f.StringVar(&v.keys, "keys", "", "folder with your own copy of the log's verifier key, *.vkey")
	f.StringVar(&v.pin, "pin", "", "file of the checkpoint you saw last; the ledger must go on from it. Written when verified")
	f.StringVar(&v.scratch, "scratch", "", "folder for temporary files, as large as the ledger (the system's)")
}

// verification is one run of verify.
type verification struct {
	a      *app
	f      *folder
	flags  verifyFlags
	quiet  bool
	report verifyReport
	broken bool
	whole  bool // the entries are all there, and intact
	lacks  bool // files may be missing, and it is said
	opened *ledger.LogOpened
	notes  []signedTree
	resume *resumption
	log    ledger.ID
	short  bool            // decisions are not repeated, to measure what comes before
	took   []time.Duration // processor time of the passes over a folder: L0; L1 to L3; L4 and L5

	watch func(group []ledger.Entry) error // sees each command that was decided again and holds; nil: nobody
}

// verify verifies, prints what was found, and writes the page of it where one is asked for.
func (a *app) verify(flags verifyFlags, page string) error {
	v := &verification{a: a, flags: flags, quiet: a.json()}
	var g *gathering
	if page != "" {
		switch {
		case flags.resume != "":
			return failf(ExitUsage, "a report counts every entry, and --resume passes over those that were verified before: give one of them")
		case !strings.HasSuffix(page, ".html"):
			return failf(ExitUsage, "--report is a file of a page: its name ends in .html")
		}
		g = newGathering()
		v.watch = g.add
	}
	err := v.run()
	if err != nil && !errors.Is(err, errSaid) {
		return err
	}
	if g != nil {
		if _, err := v.writeReport(g, page, twinOf(page)); err != nil {
			return err
		}
	}
	if a.json() {
		if err := a.printJSON(v.report); err != nil {
			return err
		}
	} else {
		v.printVerdict()
	}
	return v.exit()
}

// exit ends the program with the code that the verdict means.
func (v *verification) exit() error {
	switch v.report.Verdict {
	case failed:
		return failing(ExitIntegrity, errSaid)
	case incomplete:
		return failing(ExitIncomplete, errSaid)
	}
	return nil
}

// notChecked begins the detail of a level that could not be checked.
const notChecked = "not checked"

// run checks every level it can. Its error is of the means, not of the ledger.
func (v *verification) run() error {
	given := 0
	for _, from := range []string{v.flags.data, v.flags.url, v.flags.tiles, v.flags.backup} {
		if from != "" {
			given++
		}
	}
	if given > 1 {
		return failf(ExitUsage, "give one of --data, --url, --tiles and --backup")
	}
	var err error
	if v.resume, err = openResume(v.flags.resume); err != nil {
		return err
	}
	defer v.resume.close()
	defer roomForGarbage()()
	elsewhere := v.runURL
	if v.flags.tiles != "" {
		elsewhere = v.runTiles
	}
	if v.flags.url != "" || v.flags.tiles != "" {
		if err := elsewhere(); err != nil {
			return err
		}
		return v.conclude()
	}
	if v.flags.backup != "" {
		return v.runBackup()
	}
	return v.runFolder(v.flags.data)
}

// runBackup verifies the node's data that a backup holds. An archive that is
// damaged, and reads all the same, is not what was backed up.
func (v *verification) runBackup() error {
	b, err := openBackup(v.flags.backup, v.flags.scratch)
	if err != nil {
		return err
	}
	defer b.close()
	switch {
	case b.damaged != "":
		v.wrong(b.damaged)
	case b.cut != "":
		v.missing(b.cut)
	}
	v.lacks = b.damaged != "" || b.cut != ""
	return v.runFolder(b.dir)
}

// runFolder verifies a data folder.
func (v *verification) runFolder(dir string) error {
	f, err := openFolder(dir)
	var damaged *damagedError
	var end *failure
	switch {
	case err != nil && v.lacks:
		return v.conclude() // no wonder: whole files are missing
	case errors.As(err, &damaged):
		return v.closed(damaged)
	case (errors.Is(err, errEndLost) || errors.Is(err, errTableLost)) && errors.As(err, &end):
		v.missing(end.Error())
		return v.conclude()
	case err != nil:
		return err
	}
	v.f = f
	defer func() {
		f.struck = f.struck || v.broken
		_ = f.close() // read-only: there is nothing to lose
	}()
	h := f.db.Head()
	if err := v.resume.of(h.Log, int64(h.Size)); err != nil {
		return err
	}
	v.report.Size = int64(h.Size)
	v.report.Root, v.report.ChainHead = b64(f.db.Tree().Hash), b64(h.Last)
	if h.Size == 0 {
		v.missing("the ledger is empty: it was never opened, or its entries are gone")
	}
	tail := f.end()
	if tail.why != "" {
		v.missing(tail.why)
	}
	if tail.wrong != "" {
		v.wrong(tail.wrong)
	}
	passes := []func() error{v.signatures, v.chain, v.decisions}
	if v.short {
		passes = passes[:2]
	}
	for _, pass := range passes {
		before, _ := ownCPU()
		if err := pass(); err != nil {
			return err
		}
		after, _ := ownCPU()
		v.took = append(v.took, after-before)
	}
	return v.conclude()
}

// closed deals with a ledger that does not open because the block of its head
// or of its tree's edge is damaged. An entry may stand in the same block.
func (v *verification) closed(damaged *damagedError) error {
	bad, found, err := rawDamage(damaged.tables, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	v.wrong(fmt.Sprintf("the ledger does not open: what holds its head and its tree's edge does not read (%v)", damaged))
	if len(bad) > 0 {
		v.bad(bad[0], fmt.Sprintf("it is damaged: of %d entries found in the tables' bytes it is the one whose hash stands nowhere", found))
	}
	return v.conclude()
}

// conclude says the verdict. A failure beats a missing end: it will not go away by waiting.
func (v *verification) conclude() error {
	switch {
	case v.broken:
		v.report.Verdict = failed
	case len(v.report.Incomplete) > 0, !v.pinned():
		v.report.Verdict = incomplete
	default:
		v.report.Verdict = verified
		return v.writePin()
	}
	return nil
}

// wrong records a failure that names no entry.
func (v *verification) wrong(why string) {
	v.broken = true
	if v.report.Why == "" {
		v.report.Why = why
	}
}

// bad records a failure at an entry. The earliest is the one to report: what
// follows a wrong entry proves nothing.
func (v *verification) bad(seq ledger.Seq, why string) {
	v.broken = true
	if v.report.FirstBad == nil || seq < v.report.FirstBad.Seq {
		v.report.FirstBad = &badEntry{seq, why}
	}
}

func (v *verification) missing(why string) { v.report.Incomplete = append(v.report.Incomplete, why) }

// level records and prints one level.
func (v *verification) level(n int, ok bool, checked int64, started time.Time, detail string) {
	l := levelReport{Level: n, Name: levelNames[n], OK: ok, Checked: checked, Detail: detail, Seconds: time.Since(started).Seconds()}
	v.report.Levels = append(v.report.Levels, l)
	if v.quiet {
		return
	}
	word := "ok"
	switch {
	case strings.HasPrefix(detail, notChecked):
		word = "-"
	case !ok:
		word = "FAILED"
	}
	fmt.Fprintf(v.a.stdout, "L%d %-20s %-6s %s\n", n, l.Name, word, detail)
}

func (v *verification) printVerdict() {
	r := &v.report
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Late+f.Silent+f.Open > 0 {
			fmt.Fprintf(v.a.stdout, "late: %s: %s\n", f.Rule, *f)
		}
	}
	switch r.Verdict {
	case verified:
		fmt.Fprintf(v.a.stdout, "VERIFIED: %d entries, root %s, chain head %s\n", r.Size, r.Root, r.ChainHead)
	case incomplete:
		fmt.Fprintf(v.a.stdout, "INCOMPLETE: what is there holds, but not all can be said: %s\n", strings.Join(r.Incomplete, "; "))
	case failed:
		var why []string
		if r.FirstBad != nil {
			why = append(why, fmt.Sprintf("entry %d: %s", r.FirstBad.Seq, r.FirstBad.Why))
		}
		if r.Why != "" {
			why = append(why, r.Why)
		}
		fmt.Fprintf(v.a.stdout, "FAILED: %s\n", strings.Join(why, "; "))
		if v.flags.resume != "" {
			fmt.Fprintln(v.a.stdout, "Before you act on this, verify again without --resume: that folder may be what was changed.")
		}
	}
}

func b64(h ledger.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
