package tools

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"os"

	"github.com/spf13/cobra"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// subjectCopy is what a person is given of who saw their record.
type subjectCopy struct {
	At       string           `json:"at"`  // when the copy was reviewed and recorded
	For      string           `json:"for"` // person, parent or representative
	Accesses []subjectCopyRow `json:"accesses"`
}

type subjectCopyRow struct {
	At           string `json:"at"`
	What         string `json:"what"`
	Role         string `json:"role"`
	Organisation string `json:"organisation"`
}

//go:embed subjectcopypage.html
var subjectCopyPage string

func (a *app) subjectCopyCommand() *cobra.Command {
	var data, out string
	var entry int64
	cmd := &cobra.Command{
		Use: "subject-copy", Short: "Write the copy of who looked that a reviewed request is answered with",
		Long: "Write the copy of who looked that a person, or somebody in their place, is given. An IG officer has recorded\n" +
			"it before (POST /v1/subject-copies), with who considered serious harm and competence; --entry is that entry.\n" +
			"What was withheld leaves no trace in the copy: no entry has a number here, and nothing is counted. Nobody is\n" +
			"named; check that before it leaves the building all the same. Proofs are for regulators and courts.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.subjectCopy(data, entry, out) },
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "a node's data folder")
	f.Int64Var(&entry, "entry", -1, "the entry that records the copy")
	f.StringVar(&out, "out", "", "file for the page")
	return cmd
}

func (a *app) subjectCopy(data string, entry int64, out string) error {
	if err := required(map[string]string{"out": out}); err != nil {
		return err
	}
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	if entry < 0 || ledger.Seq(entry) >= f.db.Head().Size {
		return failf(ExitUsage, "--entry is the number of an entry that is there")
	}
	c, err := guarded(func() (*subjectCopy, error) { return f.subjectCopy(ledger.Seq(entry)) })
	if err != nil {
		return failing(ExitIntegrity, err)
	}
	if c == nil {
		return failf(ExitUsage, "entry %d records no copy: it is recorded by POST /v1/subject-copies, after its review", entry)
	}
	page, err := template.New("copy").Funcs(template.FuncMap{"minute": minute}).Parse(subjectCopyPage)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, c); err != nil {
		return err
	}
	if err := os.WriteFile(out, b.Bytes(), 0o600); err != nil {
		return failing(ExitUnreadable, err)
	}
	if a.json() {
		return a.printJSON(c)
	}
	_, err = fmt.Fprintf(a.stdout, "written: %s\n", out)
	return failing(ExitUnreadable, err)
}

// subjectCopy reads what a copy holds; nil if the entry records none.
func (f *folder) subjectCopy(n ledger.Seq) (*subjectCopy, error) {
	view := projection.View{R: f.db}
	e, err := store.Entry(f.db, n)
	if err != nil {
		return nil, err
	}
	ev, ok := e.Event.(*ledger.SubjectCopied)
	if !ok {
		return nil, nil
	}
	rows, err := view.SubjectCopy(n)
	if err != nil {
		return nil, err
	}
	c := &subjectCopy{At: e.Time.String(), For: ev.For.String(), Accesses: []subjectCopyRow{}}
	for i := range rows {
		r := &rows[i]
		o, _, err := view.Organisation(r.Organisation)
		if err != nil {
			return nil, err
		}
		name := o.Name
		if name == "" {
			name = r.Organisation
		}
		c.Accesses = append(c.Accesses, subjectCopyRow{r.At.String(), accessInWords(r), r.Role.String(), name})
	}
	return c, nil
}

// accessInWords says what somebody did, to a reader who has never seen the service.
func accessInWords(r *projection.TrailRow) string {
	switch r.Kind {
	case ledger.KindAccessed:
		found := map[ledger.Outcome]string{ledger.OutcomeFound: "asked, and saw the plan", ledger.OutcomeNotFound: "asked, and there was no plan",
			ledger.OutcomeMismatch: "asked with another date of birth, and saw nothing"}[r.Outcome]
		if r.InError {
			found += "; later marked as a mistake"
		}
		return found
	case ledger.KindAccessDenied:
		return "asked, and was refused"
	case ledger.KindSubjectAccessed:
		return "saw the plan in a list"
	case ledger.KindNotificationOpened:
		return "read a notice that somebody had asked"
	case ledger.KindTrailRead:
		return "read who had looked"
	case ledger.KindTraced:
		return "asked without an NHS number"
	case ledger.KindSubjectCopied:
		return "made a copy like this one"
	case ledger.KindReviewed:
		return "checked what somebody had asked in an emergency"
	case ledger.KindKeyReleased:
		return "let an auditor know whose record it is"
	}
	return r.Kind.String()
}
