package tools

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
	"custos/projection"
)

type trailFlags struct {
	data, ref, actor, organisation, from, to string

	authority, outcome string
	capability         string
	outOfHours         bool
	repeated, noPlan   int
}

func (a *app) trailCommand() *cobra.Command {
	var t trailFlags
	cmd := &cobra.Command{
		Use: "trail", Short: "List who did what: about a person, by an actor, from an organisation, or in a pattern",
		Long: "List who did what: about a person (--ref, 66 hexadecimal digits), by an actor (--actor, 32 hexadecimal\n" +
			"digits, or ISSUER SUBJECT in one argument), or from an organisation. Names are sealed: this list has\n" +
			"references and identifiers only, and needs no key. Filters narrow each other down; --repeated and\n" +
			"--no-plan count among what the others leave. A pattern is a reason to ask, not a finding.\n\n" +
			"--capability names one person: an IG officer's recorded release, for one auditor and some days, says\n" +
			"whose a reference is. It is held against the ledger, which verify must have found intact.",
		Args: exactly(0, ""),
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains([]string{"text", "json", "csv"}, a.output) {
				return failf(ExitUsage, "-o takes text, json or csv")
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error { return a.trail(t) },
	}
	f := cmd.Flags()
	f.StringVar(&t.data, "data", "", "a node's data folder")
	f.StringVar(&t.ref, "ref", "", "a person's reference")
	f.StringVar(&t.capability, "capability", "", "file by which an IG officer lets you know whose one reference is")
	f.StringVar(&t.actor, "actor", "", "an actor's identifier, or its issuer and subject")
	f.StringVar(&t.organisation, "organisation", "", "an organisation's code")
	f.StringVar(&t.from, "from", "", "from this time or day")
	f.StringVar(&t.to, "to", "", "to this time or day")
	f.StringVar(&t.authority, "authority", "", "what concerns this authority: its plans, and what it was told")
	f.StringVar(&t.outcome, "outcome", "", "lookups that ended so: "+strings.Join(outcomes, ", "))
	f.BoolVar(&t.outOfHours, "out-of-hours", false, "outside 08:00 to 18:00, Monday to Friday, in London")
	f.IntVar(&t.repeated, "repeated", 0, "lookups of a person whom the same actor looked up so often, or more")
	f.IntVar(&t.noPlan, "no-plan", 0, "lookups that found no plan, by actors with so many of them, or more")
	f.StringVarP(&a.output, "output", "o", "text", "text, json or csv")
	return cmd
}

// trailLine is one row of trail -o json.
type trailLine struct {
	Seq          ledger.Seq `json:"seq"`
	At           string     `json:"at"`
	Kind         string     `json:"kind"`
	Issuer       string     `json:"issuer"`
	Subject      string     `json:"subject"`
	Role         string     `json:"role"`
	Organisation string     `json:"organisation"`
	Person       string     `json:"person,omitempty"`
	Outcome      string     `json:"outcome,omitempty"`
	Code         string     `json:"code,omitempty"`
	Unscheduled  bool       `json:"unscheduled,omitempty"`
	Told         []string   `json:"told,omitempty"`
	Authority    string     `json:"authority,omitempty"`
	Of           ledger.Seq `json:"of,omitempty"`
	Place        string     `json:"place,omitempty"`
	InError      bool       `json:"inError,omitempty"`
	Cover        bool       `json:"cover,omitempty"` // a caseload was read by who covers it, and for whom
	CoveringFor  string     `json:"coveringFor,omitempty"`
}

func lineOf(row *projection.TrailRow, e *ledger.Entry) trailLine {
	l := trailLine{Seq: row.Seq, At: row.At.String(), Kind: row.Kind.String(), Issuer: row.Issuer, Subject: row.Subject,
		Role: row.Role.String(), Organisation: row.Organisation, Code: row.Code, Unscheduled: row.Unscheduled,
		Told: row.Told, Authority: row.Authority, Of: row.Of, Place: string(row.Place), InError: row.InError, Cover: row.Cover, CoveringFor: row.For}
	if e.Person != nil {
		l.Person = e.Person.Ref.String()
	}
	if row.Outcome != 0 {
		l.Outcome = row.Outcome.String()
	}
	return l
}

// wanted says which commands and entries a trail names.
type wanted struct {
	person       ledger.PersonRef
	actor        ledger.ActorID
	organisation string
	from, to     ledger.Time
}

func (t trailFlags) parse() (wanted, error) {
	var w wanted
	if t.repeated < 0 || t.noPlan < 0 {
		return w, failf(ExitUsage, "--repeated and --no-plan take a number of lookups")
	}
	if t.outcome != "" && !slices.Contains(outcomes, t.outcome) {
		return w, failf(ExitUsage, "--outcome takes %s", strings.Join(outcomes, ", "))
	}
	given := t.ref + t.capability + t.actor + t.organisation + t.from + t.to + t.authority + t.outcome
	if given == "" && !t.outOfHours && t.repeated == 0 && t.noPlan == 0 {
		return w, failf(ExitUsage, "say which entries: --ref, --actor, --organisation or another filter")
	}
	var err error
	if t.ref != "" && t.capability != "" {
		return w, failf(ExitUsage, "give one of --ref and --capability")
	}
	if t.ref != "" {
		if w.person, err = ledger.ParsePersonRef(t.ref); err != nil {
			return w, failf(ExitUsage, "--ref: %w", err)
		}
	}
	if t.actor != "" {
		if w.actor, err = parseActor(t.actor); err != nil {
			return w, failf(ExitUsage, "--actor: %w", err)
		}
	}
	w.organisation = t.organisation
	if t.from != "" {
		if w.from, err = parseSince(t.from); err != nil {
			return w, failf(ExitUsage, "--from: %w", err)
		}
	}
	if t.to != "" {
		if w.to, err = parseMoment(t.to); err != nil {
			return w, failf(ExitUsage, "--to: %w", err)
		}
	}
	return w, nil
}

func parseActor(s string) (ledger.ActorID, error) {
	if issuer, subject, ok := strings.Cut(s, " "); ok {
		return ledger.ActorIDOf(issuer, subject), nil
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(ledger.ActorID{}) {
		return ledger.ActorID{}, errors.New("not 32 hexadecimal digits, nor an issuer and a subject")
	}
	return ledger.ActorID(b), nil
}

func (w *wanted) names(first, e *ledger.Entry) bool {
	if (w.from != 0 && e.Time < w.from) || (w.to != 0 && e.Time > w.to) {
		return false
	}
	return (w.person.IsZero() || e.Person != nil && e.Person.Ref == w.person) &&
		(w.actor.IsZero() || first.Actor.ID() == w.actor) &&
		(w.organisation == "" || first.Actor.Organisation == w.organisation)
}

func (a *app) trail(t trailFlags) error {
	w, err := t.parse()
	if err != nil {
		return err
	}
	f, err := openFolder(t.data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	var whose *named
	if t.capability != "" {
		if whose, err = f.capability(t.capability, time.Now()); err != nil {
			return err
		}
		w.person = whose.ref
	}
	lines := []trailLine{}
	view := projection.View{R: f.db}
	err = f.entries(f.db.Head().Size, func(group []ledger.Entry) (bool, error) {
		for i := range group {
			e := &group[i]
			if !w.names(&group[0], e) {
				continue
			}
			row, err := view.TrailRow(e.Seq)
			if err != nil {
				return false, err
			}
			l := lineOf(&row, e)
			if t.keeps(&l, row.At) {
				lines = append(lines, l)
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return a.printTrail(t.patterns(lines), whose)
}

func (a *app) printTrail(lines []trailLine, whose *named) error {
	if a.json() {
		out := map[string]any{"entries": lines, "count": len(lines)}
		if whose != nil {
			out["person"] = whose
		}
		return a.printJSON(out)
	}
	if whose != nil {
		to := a.stdout
		if a.output == "csv" {
			to = a.stderr
		}
		fmt.Fprintf(to, "NHS number %s is %s, released by entry %d until %s\n", whose.NHSNumber, whose.Person, whose.Release, whose.Until)
	}
	if a.output == "csv" {
		return trailCSV(a.stdout, lines)
	}
	rows := make([][]any, 0, len(lines))
	for _, l := range lines {
		what := l.Kind
		for _, s := range []string{l.Outcome, l.Code, l.Place} {
			if s != "" {
				what += " " + s
			}
		}
		if l.InError {
			what += " (in error)"
		}
		rows = append(rows, []any{l.Seq, l.At, what, l.Role, l.Organisation, l.Subject, strings.Join(append(l.Told, l.Authority), " ")})
	}
	return table(a.stdout, []any{"SEQ", "AT", "WHAT", "ROLE", "FROM", "WHO", "AUTHORITY"}, rows)
}

// entries walks the ledger command by command and gives what it meets the exit
// code that it means.
func (f *folder) entries(to ledger.Seq, each func(group []ledger.Entry) (bool, error)) error {
	err := guard(func() error { return groups(f.db, 0, to, each) })
	var damaged *damagedError
	var fault *ledger.Fault
	var coded *failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &coded):
		return err
	case errors.As(err, &damaged):
		f.struck = true
		return failf(ExitIntegrity, "the ledger is damaged; verify names the entry: %w", err)
	case errors.Is(err, ledger.ErrUnknownKind):
		return failing(ExitIncomplete, err)
	case errors.As(err, &fault):
		return failing(ExitIntegrity, err)
	}
	return failing(ExitUnreadable, err)
}
