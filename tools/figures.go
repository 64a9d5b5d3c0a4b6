package tools

import (
	"fmt"
	"slices"
	"time"

	"custos/ledger"
)

// figures are what a report shows beside its verdict, gathered in one walk over
// entries that were verified. They hold references to organisations and
// authorities, and to nobody.
type figures struct {
	First     string        `json:"first"`
	Last      string        `json:"last"`
	People    int           `json:"people"`
	Lookups   int           `json:"lookups"`
	OutOf     int           `json:"outOfHours"` // of the lookups
	Days      []dayLookups  `json:"days"`
	Hours     [24]int       `json:"hours"` // lookups by the hour of the day, in London
	Outcomes  []namedCount  `json:"outcomes"`
	Settings  []settingLine `json:"settings"`
	Told      toldFigures   `json:"notifications"`
	Quiet     []quiet       `json:"quiet"` // the longest times without any entry
	Clock     []clockJump   `json:"clock"` // where the clock of whoever recorded stepped back or leapt
	Jumps     int           `json:"jumps"` // how many such there are; the first are listed
	Changes   []change      `json:"changes"`
	Months    []monthEnd    `json:"months"`
	Corrected int           `json:"lookupsCorrected"`
}

type dayLookups struct {
	Day         string `json:"day"`
	Scheduled   int    `json:"scheduled"`
	Unscheduled int    `json:"unscheduled"`
	Denied      int    `json:"denied"`
}

type namedCount struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// settingLine is one organisation that looked up.
type settingLine struct {
	Code     string `json:"code"`
	Name     string `json:"name,omitempty"`
	Lookups  int    `json:"lookups"`
	Found    int    `json:"found"`
	NotFound int    `json:"notFound"`
	Mismatch int    `json:"mismatch"`
	Denied   int    `json:"denied"`
	OutOf    int    `json:"outOfHours"`
}

// toldFigures are about notifications of an access, and when they were acknowledged.
type toldFigures struct {
	Queued       int          `json:"queued"`
	Acknowledged int          `json:"acknowledged"`
	Waiting      int          `json:"waiting"`
	Median       string       `json:"medianToAcknowledge,omitempty"`
	Ninetieth    string       `json:"ninetiethToAcknowledge,omitempty"`
	Bands        []namedCount `json:"bands"`
}

type quiet struct {
	After ledger.Seq `json:"after"` // the entry before the silence
	From  string     `json:"from"`
	For   string     `json:"for"`
	span  ledger.Time
}

type clockJump struct {
	Seq ledger.Seq `json:"seq"`
	At  string     `json:"at"`
	How string     `json:"how"`
}

// change is an entry that alters what holds for everybody: keys, rules, policy,
// organisations, members, and a proposer that held another history.
type change struct {
	Seq  ledger.Seq `json:"seq"`
	At   string     `json:"at"`
	What string     `json:"what"`
	Of   string     `json:"of,omitempty"`
}

// monthEnd is the tree as it was after the last entry of a month, in London.
type monthEnd struct {
	Month string `json:"month"`
	Size  int64  `json:"size"`
	Root  string `json:"root"`
	Chain string `json:"chainHead"`
}

// Bounds of what a report lists one by one.
const (
	quietListed = 10
	jumpsListed = 50
	quietLeast  = 4 * ledger.Hour
)

// bands are the times within which a notification was acknowledged.
var bands = []struct {
	name  string
	under ledger.Time
}{{"within 1 hour", ledger.Hour}, {"within 4 hours", 4 * ledger.Hour}, {"within a day", 24 * ledger.Hour}, {"within 3 days", 72 * ledger.Hour}, {"later", 0}}

// gathering is the walk. Its memory grows with people, organisations, days and
// notifications that wait.
type gathering struct {
	out     figures
	checker ledger.Checker
	before  ledger.Entry // the entry before
	orgs    map[string]string
	lines   map[string]*settingLine
	outcome map[string]int
	queued  map[ledger.Seq]ledger.Time
	took    []ledger.Time
	today   ledger.Day
	month   string
}

func newGathering() *gathering {
	g := &gathering{orgs: map[string]string{}, lines: map[string]*settingLine{}, outcome: map[string]int{}, queued: map[ledger.Seq]ledger.Time{}}
	return g
}

// add takes the entries of one command.
func (g *gathering) add(group []ledger.Entry) error {
	for i := range group {
		e := &group[i]
		g.times(e)
		if err := g.checker.AddEntry(e); err != nil {
			return err
		}
		g.event(&group[0], e)
		g.before = *e
	}
	return nil
}

// times looks at the clock, and ends the month before.
func (g *gathering) times(e *ledger.Entry) {
	if day := e.Time.Day(); day != g.today || e.Seq == 0 {
		g.today = day
		if month := day.String()[:7]; month != g.month {
			if e.Seq > 0 {
				g.endMonth()
			}
			g.month = month
		}
	}
	if e.Seq == 0 {
		g.out.First = e.Time.String()
		return
	}
	since := e.Time - g.before.Time
	if since >= quietLeast {
		g.out.Quiet = append(g.out.Quiet, quiet{After: g.before.Seq, From: g.before.Time.String(), For: span(since), span: since})
		slices.SortStableFunc(g.out.Quiet, func(a, b quiet) int { return int(b.span/ledger.Second - a.span/ledger.Second) })
		g.out.Quiet = g.out.Quiet[:min(len(g.out.Quiet), quietListed)]
	}
	if back := e.Time - e.RawTime; back > 0 && e.Nth == 0 {
		g.jump(e, "the clock stood "+span(back)+" before the entry before it; the entry has that one's time")
	}
}

func (g *gathering) jump(e *ledger.Entry, how string) {
	if g.out.Jumps++; g.out.Jumps <= jumpsListed {
		g.out.Clock = append(g.out.Clock, clockJump{e.Seq, e.Time.String(), how})
	}
}

func (g *gathering) endMonth() {
	head := g.checker.Head()
	g.out.Months = append(g.out.Months, monthEnd{g.month, int64(head.Size), b64(g.checker.Tree().Hash), b64(head.Last)})
}

func (g *gathering) event(first, e *ledger.Entry) {
	switch ev := e.Event.(type) {
	case *ledger.Accessed:
		g.accessed(first, e, ev)
	case *ledger.AccessDenied:
		if ev.Action == ledger.ActLookUp {
			g.day(e).Denied++
			g.outcome[outcomeDenied]++
			g.line(first).Denied++
		}
	case *ledger.AccessCorrected:
		g.out.Corrected++
	case *ledger.NotificationQueued:
		if ev.Type == ledger.NotifyAccess {
			g.out.Told.Queued++
			g.queued[e.Seq] = e.Time
		}
	case *ledger.NotificationAcknowledged:
		if at, ok := g.queued[ev.Notification]; ok {
			g.took = append(g.took, e.Time-at)
			delete(g.queued, ev.Notification)
		}
	case *ledger.OrganisationRecorded:
		g.orgs[ev.Organisation.Code] = ev.Organisation.Name
	}
	if of, ok := changes(e); ok {
		g.out.Changes = append(g.out.Changes, change{e.Seq, e.Time.String(), e.Kind.String(), of})
	}
}

// changes says of which thing an entry changes what holds for everybody.
func changes(e *ledger.Entry) (of string, ok bool) {
	switch ev := e.Event.(type) {
	case *ledger.OrganisationRecorded:
		return ev.Organisation.Code, true
	case *ledger.KeyRecorded, *ledger.RulesRaised, *ledger.ProposerDiverged, *ledger.LogOpened:
		return "", true
	}
	switch e.Kind {
	case ledger.KindPolicyRecorded, ledger.KindMembershipChanged, ledger.KindConfigurationChanged, ledger.KindClockCorrected, ledger.KindKeyReleased:
		return "", true
	}
	return "", false
}

func (g *gathering) accessed(first, e *ledger.Entry, ev *ledger.Accessed) {
	g.out.Lookups++
	day, line := g.day(e), g.line(first)
	if ev.Unscheduled {
		day.Unscheduled++
	} else {
		day.Scheduled++
	}
	g.outcome[ev.Outcome.String()]++
	line.Lookups++
	switch ev.Outcome {
	case ledger.OutcomeFound:
		line.Found++
	case ledger.OutcomeNotFound:
		line.NotFound++
	case ledger.OutcomeMismatch:
		line.Mismatch++
	}
	g.out.Hours[hourOf(e.Time)]++
	if outOfHours(e.Time) {
		g.out.OutOf++
		line.OutOf++
	}
}

func (g *gathering) day(e *ledger.Entry) *dayLookups {
	day := e.Time.Day().String()
	if n := len(g.out.Days); n == 0 || g.out.Days[n-1].Day != day {
		g.out.Days = append(g.out.Days, dayLookups{Day: day})
	}
	return &g.out.Days[len(g.out.Days)-1]
}

func (g *gathering) line(first *ledger.Entry) *settingLine {
	code := first.Actor.Organisation
	l, ok := g.lines[code]
	if !ok {
		l = &settingLine{Code: code}
		g.lines[code] = l
	}
	return l
}

// end closes the figures.
func (g *gathering) end() *figures {
	f := &g.out
	if g.checker.Head().Size > 0 {
		g.endMonth()
		f.Last = g.before.Time.String()
	}
	f.People = g.checker.People()
	for _, l := range g.lines {
		l.Name = g.orgs[l.Code]
		f.Settings = append(f.Settings, *l)
	}
	slices.SortFunc(f.Settings, func(a, b settingLine) int {
		if a.Lookups != b.Lookups {
			return b.Lookups - a.Lookups
		}
		if a.Code < b.Code {
			return -1
		}
		return 1
	})
	for _, name := range outcomes {
		f.Outcomes = append(f.Outcomes, namedCount{name, g.outcome[name]})
	}
	g.acknowledgements()
	return f
}

func (g *gathering) acknowledgements() {
	t := &g.out.Told
	t.Acknowledged, t.Waiting = len(g.took), len(g.queued)
	slices.Sort(g.took)
	if n := len(g.took); n > 0 {
		t.Median, t.Ninetieth = span(g.took[n/2]), span(g.took[n*9/10])
	}
	at := 0
	for _, b := range bands {
		n := 0
		for ; at < len(g.took) && (b.under == 0 || g.took[at] < b.under); at++ {
			n++
		}
		t.Bands = append(t.Bands, namedCount{b.name, n})
	}
	t.Bands = append(t.Bands, namedCount{"not yet", t.Waiting})
}

// span is a length of time for people, to the minute or finer.
func span(t ledger.Time) string {
	d := time.Duration(t/ledger.Second) * time.Second
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
