package tools

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

type replayFlags struct {
	data, at, scratch string
	seq, entry        int64
	question          question
}

func (a *app) replayCommand() *cobra.Command {
	var r replayFlags
	cmd := &cobra.Command{
		Use: "replay", Short: "Rebuild the views as they were at a time or an entry, and say what was known then",
		Long: "Rebuild the views as they were at a time or an entry, and say what was known then. With --site and a\n" +
			"person, answer two questions from the ledger alone, without any key: what a lookup there would have\n" +
			"seen at that moment, decided under the rules and the policy of that moment; and what it did see, by\n" +
			"the accesses recorded around it.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.replay(r) },
	}
	f := cmd.Flags()
	f.StringVar(&r.data, "data", "", "a node's data folder")
	f.StringVar(&r.at, "at", "", "a time (RFC 3339), or a day, meaning its end in London")
	f.Int64Var(&r.seq, "seq", -1, "up to and with this entry")
	f.Int64Var(&r.entry, "entry", -1, "also say what this entry disclosed, by reference")
	f.StringVar(&r.question.site, "site", "", "what somebody of this organisation would have seen, by its code")
	f.StringVar(&r.question.person, "person", "", "with --site: of whom, by reference")
	f.StringVar(&r.question.capability, "capability", "", "with --site: of whom, by the file with which an IG officer lets you know")
	f.StringVar(&r.question.role, "role", "clinician", "with --site: in which role")
	f.DurationVar(&r.question.around, "around", 24*time.Hour, "with --site: list accesses so far from the moment")
	f.StringVar(&r.scratch, "scratch", "", "folder for temporary files, as large as the ledger (the system's)")
	return cmd
}

// replayReport is what replay -o json prints.
type replayReport struct {
	Entries       ledger.Seq       `json:"entries"`
	At            string           `json:"at"`  // the time as of which plans are shown
	Day           string           `json:"day"` // the day in London at that time
	Root          string           `json:"root"`
	Rules         int              `json:"rules"`
	Kinds         map[string]int   `json:"kinds"`
	People        int              `json:"people"`
	Visible       map[string]int   `json:"plansVisible"` // by type
	Active        map[string]int   `json:"plansActive"`
	Notifications map[string]int   `json:"notifications"` // by state
	Entry         *disclosedReport `json:"entry,omitempty"`
	Question      *answered        `json:"question,omitempty"`
}

type disclosedReport struct {
	Seq       ledger.Seq      `json:"seq"`
	At        string          `json:"at"`
	Kind      string          `json:"kind"`
	Person    string          `json:"person,omitempty"`
	Disclosed []disclosedPlan `json:"disclosed"`
	History   []ledger.Seq    `json:"history,omitempty"` // the accesses that its history showed
	Told      []string        `json:"told,omitempty"`
}

type disclosedPlan struct {
	Seq       ledger.Seq `json:"seq"`
	Person    string     `json:"person,omitempty"`
	Kind      string     `json:"kind"`
	Type      string     `json:"type,omitempty"`
	Start     string     `json:"start,omitempty"`
	End       string     `json:"end,omitempty"`
	Authority string     `json:"authority,omitempty"`
}

func (a *app) replay(r replayFlags) error {
	if (r.at == "") == (r.seq < 0) {
		return failf(ExitUsage, "give one of --at and --seq")
	}
	until := ledger.Time(0)
	if r.at != "" {
		var err error
		if until, err = parseMoment(r.at); err != nil {
			return failf(ExitUsage, "--at: %w", err)
		}
	}
	f, err := openFolder(r.data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	size := f.db.Head().Size
	if r.seq >= int64(size) {
		return failf(ExitUsage, "the ledger has %d entries: there is no entry %d", size, r.seq)
	}
	var ask *asking
	if r.question.given() {
		at := until
		if at == 0 {
			if at, err = f.timeOf(ledger.Seq(r.seq)); err != nil {
				return err
			}
		}
		if ask, err = f.ask(r.question, at); err != nil {
			return err
		}
	}
	s, err := newScratch(r.scratch, f.db)
	if err != nil {
		return err
	}
	defer s.close()
	p := &replayed{s: s, people: map[ledger.PersonRef]bool{}}
	p.out.Kinds = map[string]int{}
	bar := a.progress(int64(size), "replay")
	defer bar.done()
	err = f.entries(size, func(group []ledger.Entry) (bool, error) {
		last := &group[len(group)-1]
		if until != 0 && last.Time > until || r.seq >= 0 && int64(group[0].Seq) > r.seq {
			// A command is decided whole: its first entry decides whether it is in.
			if ask == nil || last.Time > ask.at+ask.span {
				return false, nil
			}
			return true, ask.take(group, false)
		}
		bar.at(int64(last.Seq))
		if ask != nil {
			if err := ask.take(group, true); err != nil {
				return false, err
			}
		}
		return true, p.take(group)
	})
	if err != nil {
		return err
	}
	if err := p.conclude(until); err != nil {
		return failing(ExitUnreadable, err)
	}
	if ask != nil {
		if err := ask.conclude(s, ask.at); err != nil {
			return failing(ExitUnreadable, err)
		}
		p.out.Question = &ask.out
	}
	if r.entry >= 0 {
		if p.out.Entry, err = p.disclosed(ledger.Seq(r.entry)); err != nil {
			return err
		}
	}
	return a.printReplay(&p.out)
}

// timeOf is the time of an entry.
func (f *folder) timeOf(n ledger.Seq) (ledger.Time, error) {
	e, err := guarded(func() (ledger.Entry, error) { return store.Entry(f.db, n) })
	if err != nil {
		f.struck = true
		return 0, failf(ExitIntegrity, "entry %d does not read: %w", n, err)
	}
	return e.Time, nil
}

// replayed is a replay as it goes.
type replayed struct {
	s       *scratch
	out     replayReport
	people  map[ledger.PersonRef]bool
	notices []ledger.Seq
	last    ledger.Time
}

func (p *replayed) take(group []ledger.Entry) error {
	for i := range group {
		e := &group[i]
		p.out.Kinds[e.Kind.String()]++
		if e.Person != nil {
			p.people[e.Person.Ref] = true
		}
		if e.Kind == ledger.KindNotificationQueued {
			p.notices = append(p.notices, e.Seq)
		}
		p.last = e.Time
	}
	return p.s.replay(group)
}

// conclude reads the rebuilt views.
func (p *replayed) conclude(at ledger.Time) error {
	if at == 0 {
		at = p.last
	}
	view := projection.View{R: p.s.txn}
	log, err := view.Log()
	if err != nil {
		return err
	}
	tree, err := p.s.txn.Tree()
	if err != nil {
		return err
	}
	o := &p.out
	o.Entries, o.At, o.Day, o.Root, o.Rules = p.s.txn.Head().Size, at.String(), at.Day().String(), b64(tree.Hash), log.Rules
	o.People, o.Visible, o.Active, o.Notifications = len(p.people), map[string]int{}, map[string]int{}, map[string]int{}
	for ref := range p.people {
		plans, err := view.Plans(ref)
		if err != nil {
			return err
		}
		for i := range plans {
			if plans[i].Visible(at.Day()) {
				o.Visible[plans[i].Type.String()]++
			}
			if plans[i].Active(at.Day()) {
				o.Active[plans[i].Type.String()]++
			}
		}
	}
	for _, n := range p.notices {
		notice, ok, err := view.Notification(n)
		if err != nil {
			return err
		}
		if ok {
			o.Notifications[notice.State.String()]++
		}
	}
	return nil
}

func (a *app) printReplay(o *replayReport) error {
	if a.json() {
		return a.printJSON(o)
	}
	fmt.Fprintf(a.stdout, "%d entries, root %s, rules %d; as of %s (%s in London)\n", o.Entries, o.Root, o.Rules, o.At, o.Day)
	if o.Question != nil {
		return a.printAnswer(o.At, o.Question)
	}
	fmt.Fprintf(a.stdout, "%d people\n", o.People)
	section := func(title string, counts map[string]int) error {
		fmt.Fprintf(a.stdout, "%s\n", title)
		var names []string
		for k := range counts {
			names = append(names, k)
		}
		rows := [][]any{}
		for _, k := range sorted(names) {
			rows = append(rows, []any{"  " + k, counts[k]})
		}
		return table(a.stdout, nil, rows)
	}
	for _, s := range []struct {
		title  string
		counts map[string]int
	}{{"plans visible", o.Visible}, {"plans in force", o.Active}, {"notifications", o.Notifications}, {"entries", o.Kinds}} {
		if err := section(s.title, s.counts); err != nil {
			return err
		}
	}
	if e := o.Entry; e != nil {
		fmt.Fprintf(a.stdout, "entry %d, %s at %s, disclosed %d entries\n", e.Seq, e.Kind, e.At, len(e.Disclosed))
		rows := [][]any{}
		for _, d := range e.Disclosed {
			rows = append(rows, []any{"  " + seqText(d.Seq), d.Kind, d.Type, d.Start, d.End, d.Authority, d.Person})
		}
		return table(a.stdout, nil, rows)
	}
	return nil
}
