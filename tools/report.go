package tools

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// auditReport is what report writes as JSON, and what the page is made of. It
// has no clock of its own: the same ledger gives the same report.
type auditReport struct {
	Format       int          `json:"format"`
	Log          string       `json:"log"`
	Verifier     string       `json:"verifier"`
	OwnKey       bool         `json:"verifierIsYours"` // checked against your own copy
	Synthetic    bool         `json:"synthetic"`
	Sentence     string       `json:"sentence"`
	Verification verifyReport `json:"verification"`
	NotChecked   []string     `json:"notChecked"`
	Covered      int64        `json:"figuresCover"` // entries
	Figures      *figures     `json:"figures"`
	Again        []step       `json:"howToRepeat"`
}

// step is one thing to do: a sentence, or a command.
type step struct {
	Say     string `json:"say,omitempty"`
	Command string `json:"command,omitempty"`
}

//go:embed reportpage.html
var reportPage string

func (a *app) reportCommand() *cobra.Command {
	var v verifyFlags
	var out, twin string
	cmd := &cobra.Command{
		Use: "report", Short: "Verify a ledger and write what was found as one page, and as JSON",
		Long: "Verify a ledger and write what was found as one page for people, and as JSON. The page is one file without\n" +
			"scripts or outside parts, and prints. It names organisations and entries, and nobody: no name, number or\n" +
			"reference of a person is in it. The exit code is that of verify; a report is also written of a ledger that fails.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.report(v, out, twin) },
	}
	v.add(cmd)
	cmd.Flags().StringVar(&out, "out", "report.html", "file for the page")
	cmd.Flags().StringVar(&twin, "json", "", "file for the same as JSON (the page's name, ending in .json)")
	return cmd
}

func (a *app) report(flags verifyFlags, out, twin string) error {
	if twin == "" {
		twin = twinOf(out)
	}
	if twin == out {
		return failf(ExitUsage, "--out and --json name the same file")
	}
	g := newGathering()
	v := &verification{a: a, flags: flags, quiet: true, watch: g.add}
	if err := v.run(); err != nil {
		return err
	}
	r, err := v.writeReport(g, out, twin)
	if err != nil {
		return err
	}
	if a.json() {
		err = a.printJSON(map[string]any{"verdict": r.Verification.Verdict, "page": out, "json": twin})
	} else {
		fmt.Fprintf(a.stdout, "%s\nwritten: %s, and %s for programs\n", r.Sentence, out, twin)
	}
	if err != nil {
		return err
	}
	return v.exit()
}

// twinOf is what the JSON beside a page is called.
func twinOf(page string) string { return strings.TrimSuffix(page, ".html") + ".json" }

// writeReport writes what a run found and gathered, as a page and as JSON.
func (v *verification) writeReport(g *gathering, out, twin string) (*auditReport, error) {
	r := v.auditReport(g)
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{out: page, twin: append(text, '\n')} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return nil, failing(ExitUnreadable, err)
		}
	}
	return r, nil
}

func (v *verification) auditReport(g *gathering) *auditReport {
	r := &auditReport{Format: 1, Verification: v.report, Figures: g.end(), Covered: int64(g.checker.Head().Size), OwnKey: v.flags.keys != ""}
	if v.opened != nil {
		r.Log, r.Verifier, r.Synthetic = v.opened.Origin, v.opened.Verifier, v.opened.Synthetic
	}
	r.Sentence = r.sentence()
	for _, l := range v.report.Levels {
		if strings.HasPrefix(l.Detail, notChecked) {
			r.NotChecked = append(r.NotChecked, fmt.Sprintf("level %d, %s: %s", l.Level, l.Name, strings.TrimPrefix(l.Detail, notChecked)))
		}
	}
	r.NotChecked = append(r.NotChecked, "That a lookup had a good reason; that what should have been sent or looked up was; what was disclosed outside the service.")
	if !r.OwnKey {
		r.NotChecked = append(r.NotChecked, "Whose log it is: the key that entry 0 names was not compared with a copy of yours (--keys).")
	}
	if v.flags.pin == "" {
		r.NotChecked = append(r.NotChecked, "That it goes on from what you saw last: no pin was given (--pin).")
	}
	r.Again = v.again()
	return r
}

// sentence is the verdict for somebody who reads no further.
func (r *auditReport) sentence() string {
	n := r.Verification.Size
	switch r.Verification.Verdict {
	case verified:
		return fmt.Sprintf("Verified: each of the %d entries from %s to %s is as it was written and stands where it was written, and was decided by the rules of its day.",
			n, minute(r.Figures.First), minute(r.Figures.Last))
	case incomplete:
		return "It cannot be said: what is there holds, but " + strings.Join(r.Verification.Incomplete, "; ") + "."
	}
	if bad := r.Verification.FirstBad; bad != nil {
		return fmt.Sprintf("Failed: entry %d of %d does not hold: %s. Nothing after it is proved.", bad.Seq, n, bad.Why)
	}
	return "Failed: " + r.Verification.Why + "."
}

// again is how the same is found by somebody else.
func (v *verification) again() []step {
	from := "--data FOLDER"
	switch {
	case v.flags.url != "":
		from = "--url ADDRESS --token-file TOKEN"
	case v.flags.tiles != "":
		from = "--tiles ARCHIVE"
	case v.flags.backup != "":
		from = "--backup BACKUP"
	}
	return []step{
		{Say: "Get your own copy of the log's verifier key from somebody you trust, not from whoever gave you the ledger, and put it in a folder KEYS as log.vkey."},
		{Command: "custos-tools verify " + from + " --keys KEYS --pin SEEN"},
		{Command: "custos-tools report " + from + " --keys KEYS --pin SEEN --out report.html"},
		{Say: "Compare the root below with that of another copy, a witness or the checkpoint of any receipt."},
	}
}

// page makes the HTML.
func (r *auditReport) page() ([]byte, error) {
	t, err := template.New("report").Funcs(template.FuncMap{
		"perDay": chartDays, "bars": chartBars, "hours": chartHours, "settings": chartSettings, "minute": minute, "percent": percent,
	}).Parse(reportPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, r); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// minute cuts a time to what a person wants to read of it.
func minute(at string) string {
	if len(at) < len("2006-01-02T15:04") {
		return at
	}
	return strings.Replace(at[:len("2006-01-02T15:04")], "T", " ", 1) + " UTC"
}

func percent(part, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(of))
}
