package tools

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"custos/ledger"
	"custos/projection"
)

// "What would an emergency department have seen on 3 March at 14:00, and what
// did it see?" The first is a decision: a lookup is decided on the views as they
// were, under the rules and the policy of that moment, and nothing of it is kept.
// The second is what the entries around that time say.

// question is who asks about whom.
type question struct {
	person, capability, site, role string
	around                         time.Duration
}

func (q *question) given() bool { return q.person != "" || q.capability != "" || q.site != "" }

// answered is what replay -o json says to a question.
type answered struct {
	Person  string     `json:"person"`
	Named   *named     `json:"named,omitempty"`
	Site    string     `json:"site"`
	Name    string     `json:"siteName,omitempty"`
	Role    string     `json:"role"`
	Rules   int        `json:"rules"`
	Would   wouldSee   `json:"wouldHaveSeen"`
	Policy  []policyOf `json:"policy"`
	Did     []didSee   `json:"didSee"`
	Around  string     `json:"around"` // how far from the moment accesses are listed
	Caution []string   `json:"caution"`
}

// wouldSee is what a lookup would have been answered.
type wouldSee struct {
	Outcome     string     `json:"outcome"`
	Code        string     `json:"code,omitempty"` // why it would have been denied
	From        string     `json:"from,omitempty"` // the day from which it would not
	Unscheduled bool       `json:"unscheduled"`
	Plans       []seenPlan `json:"plans"`
	Told        []string   `json:"told,omitempty"` // who would have been told
}

type seenPlan struct {
	Seq          ledger.Seq `json:"seq"`
	Type         string     `json:"type"`
	Status       string     `json:"status"`
	Start        string     `json:"start"`
	End          string     `json:"end,omitempty"`
	VisibleUntil string     `json:"visibleUntil,omitempty"`
	Authority    string     `json:"authority"`
}

// policyOf is one thing that held at the site, and whose word that is.
type policyOf struct {
	Item  string     `json:"item"`
	Holds string     `json:"holds"`
	Place string     `json:"place,omitempty"` // empty: nobody said it
	Seq   ledger.Seq `json:"seq,omitempty"`
	From  string     `json:"from,omitempty"`
}

// didSee is one access that was recorded.
type didSee struct {
	trailLine
	Before    bool         `json:"before"`    // it is part of what was replayed
	Disclosed []ledger.Seq `json:"disclosed"` // entries of plans
}

// asking is a question while the ledger is walked.
type asking struct {
	question
	ref  ledger.PersonRef
	who  ledger.Role
	f    *folder
	at   ledger.Time
	span ledger.Time
	out  answered
}

// ask checks a question, and opens the capability if there is one.
func (f *folder) ask(q question, at ledger.Time) (*asking, error) {
	if q.site == "" || (q.person == "") == (q.capability == "") {
		return nil, failf(ExitUsage, "a question names a site (--site), and a person by one of --person and --capability")
	}
	k := &asking{question: q, f: f, at: at, span: ledger.Time(q.around / time.Microsecond)}
	var ok bool
	if k.who, ok = ledger.ParseRole(q.role); !ok || !ledger.May(k.who, ledger.ActLookUp) {
		return nil, failf(ExitUsage, "--role is not one that looks people up")
	}
	var err error
	if q.capability != "" {
		if k.out.Named, err = f.capability(q.capability, time.Now()); err != nil {
			return nil, err
		}
		k.ref = k.out.Named.ref
	} else if k.ref, err = ledger.ParsePersonRef(q.person); err != nil {
		return nil, failf(ExitUsage, "--person: %w", err)
	}
	k.out.Person, k.out.Site, k.out.Role, k.out.Around, k.out.Did = k.ref.String(), q.site, k.who.String(), q.around.String(), []didSee{}
	return k, nil
}

// near reports whether an entry is so close to the moment that it may be an answer.
func (k *asking) near(t ledger.Time) bool { return t >= k.at-k.span && t <= k.at+k.span }

// take keeps the accesses to the person from the site in a command's entries.
func (k *asking) take(group []ledger.Entry, before bool) error {
	if !k.near(group[0].Time) || group[0].Actor.Organisation != k.site {
		return nil
	}
	view := projection.View{R: k.f.db}
	for i := range group {
		e := &group[i]
		if e.Person == nil || e.Person.Ref != k.ref {
			continue
		}
		row, err := view.TrailRow(e.Seq)
		if err != nil || !row.Access {
			if err != nil {
				return err
			}
			continue
		}
		d := didSee{trailLine: lineOf(&row, e), Before: before, Disclosed: []ledger.Seq{}}
		switch ev := e.Event.(type) {
		case *ledger.Accessed:
			d.Disclosed = append(d.Disclosed, ev.Disclosed...)
		case *ledger.SubjectAccessed:
			d.Disclosed = append(d.Disclosed, ev.Disclosed...)
		case *ledger.NotificationOpened:
			d.Disclosed = append(d.Disclosed, ev.Disclosed...)
		}
		k.out.Did = append(k.out.Did, d)
	}
	return nil
}

// conclude decides the lookup on the views of the moment.
func (k *asking) conclude(s *scratch, at ledger.Time) error {
	view := projection.View{R: s.txn}
	c := ledger.Command{ID: ledger.DeriveID("replay question"), Actor: ledger.Actor{Role: k.who, Organisation: k.site},
		Request: &ledger.LookUp{Person: k.ref}, Time: at}
	d, err := ledger.Decide(view, s.txn.Head(), &c)
	if err != nil {
		return err
	}
	o := &k.out
	o.Rules, o.Would.Plans = d.Rules, []seenPlan{}
	o.Would.Outcome = "refused"
	if d.Refusal != nil {
		o.Would.Code, o.Would.From = d.Refusal.Code, d.Refusal.From.String()
	}
	for i := range d.Happened {
		switch ev := d.Happened[i].Event.(type) {
		case *ledger.AccessDenied:
			o.Would.Outcome = outcomeDenied
		case *ledger.Accessed:
			o.Would.Outcome, o.Would.Unscheduled, o.Would.Told = ev.Outcome.String(), ev.Unscheduled, ev.Told
			if err := k.plans(view, ev.Disclosed, at.Day()); err != nil {
				return err
			}
		}
	}
	o.Caution = []string{"It is decided as if no birth date was given: one that differed would have shown no plan.",
		"Numbers that were superseded are people's own references: ask for each."}
	return k.policy(view, at.Day())
}

func (k *asking) plans(view projection.View, shown []ledger.Seq, day ledger.Day) error {
	plans, _, err := ledger.PlansOf(view, k.ref)
	if err != nil {
		return err
	}
	for i := range plans {
		p := &plans[i]
		if !slices.Contains(shown, p.Seq) {
			continue
		}
		status := "ended"
		if p.Active(day) {
			status = "active"
		}
		k.out.Would.Plans = append(k.out.Would.Plans, seenPlan{p.Seq, p.Type.String(), status, p.Start.String(), p.End.String(), p.VisibleUntil().String(), p.Authority})
	}
	return nil
}

// policy says what held at the site, and whose word it was.
func (k *asking) policy(view projection.View, day ledger.Day) error {
	org, _, err := view.Organisation(k.site)
	if err != nil {
		return err
	}
	k.out.Name = org.Name
	h, err := ledger.PolicyOn(view, k.site, day)
	if err != nil {
		return err
	}
	roles := "every role that may look up"
	if len(h.Roles) > 0 {
		names := []string{}
		for _, r := range h.Roles {
			names = append(names, r.String())
		}
		roles = strings.Join(names, " ")
	}
	for _, x := range []struct {
		item  ledger.PolicyItem
		holds string
	}{{ledger.ItemLive, h.Live.String()}, {ledger.ItemSetting, map[bool]string{true: "unscheduled", false: "scheduled"}[h.Unscheduled == ledger.Yes]},
		{ledger.ItemNotify, h.Notify.String()}, {ledger.ItemHistory, h.History.String()}, {ledger.ItemRoles, roles}} {
		of := h.Of[x.item]
		k.out.Policy = append(k.out.Policy, policyOf{x.item.String(), x.holds, of.Place, of.Seq, of.From.String()})
	}
	return nil
}

func (a *app) printAnswer(at string, o *answered) error {
	if o.Named != nil {
		fmt.Fprintf(a.stdout, "NHS number %s is %s, released by entry %d until %s\n", o.Named.NHSNumber, o.Named.Person, o.Named.Release, o.Named.Until)
	}
	w := &o.Would
	fmt.Fprintf(a.stdout, "at %s a %s of %s %s would have seen: %s\n", at, o.Role, o.Site, o.Name, strings.TrimSpace(w.Outcome+" "+w.Code))
	rows := [][]any{}
	for _, p := range w.Plans {
		rows = append(rows, []any{"  " + seqText(p.Seq), p.Type, p.Status, p.Start, p.End, p.VisibleUntil, p.Authority})
	}
	if len(rows) > 0 {
		if err := table(a.stdout, []any{"  SEQ", "PLAN", "STATUS", "START", "END", "SHOWN UNTIL", "AUTHORITY"}, rows); err != nil {
			return err
		}
	}
	if len(w.Told) > 0 {
		fmt.Fprintf(a.stdout, "and told: %s\n", strings.Join(w.Told, " "))
	}
	fmt.Fprintf(a.stdout, "under rules %d and the policy of the day\n", o.Rules)
	rows = rows[:0]
	for _, p := range o.Policy {
		word := "nobody's: as it is where nothing is said"
		if p.Place != "" {
			word = "the record of " + p.Place
			if p.Seq != 0 {
				word = fmt.Sprintf("entry %d, of %s from %s on", p.Seq, p.Place, p.From)
			}
		}
		rows = append(rows, []any{"  " + p.Item, p.Holds, word})
	}
	if err := table(a.stdout, nil, rows); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "it did see, within %s of that: %d accesses\n", o.Around, len(o.Did))
	rows = rows[:0]
	for _, d := range o.Did {
		what := strings.TrimSpace(d.Kind + " " + d.Outcome + " " + d.Code)
		if d.InError {
			what += " (in error)"
		}
		seen := []string{}
		for _, n := range d.Disclosed {
			seen = append(seen, seqText(n))
		}
		rows = append(rows, []any{"  " + seqText(d.Seq), d.At, what, d.Role, d.Subject, strings.Join(seen, " ")})
	}
	if len(rows) > 0 {
		if err := table(a.stdout, []any{"  SEQ", "AT", "WHAT", "ROLE", "WHO", "SAW ENTRIES"}, rows); err != nil {
			return err
		}
	}
	for _, c := range o.Caution {
		fmt.Fprintln(a.stdout, c)
	}
	return nil
}
