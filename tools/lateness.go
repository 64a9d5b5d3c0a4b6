package tools

import (
	"container/heap"
	"fmt"
	"slices"
	"sort"
	"strings"

	"custos/ledger"
	"custos/projection"
)

// What came late is no failure of integrity: every entry is what was written, and
// it says when. It is a finding, because somebody was to be told by then. Two
// things are kept apart, for they have different causes: what was late though the
// log went on meanwhile, and what was late because nothing was recorded at all,
// as while no leader was there. In both somebody waited.

// lateRule is what one rule about time found.
type lateRule struct {
	Rule     string      `json:"rule"`
	Checked  int64       `json:"checked"`
	Late     int64       `json:"late"`          // though the log went on
	Silent   int64       `json:"lateInSilence"` // nothing was recorded from when it was due
	Open     int64       `json:"open"`          // due and not done when the ledger ends
	Worst    float64     `json:"worstSeconds,omitempty"`
	Seq      *ledger.Seq `json:"seq,omitempty"` // of the worst: the entry that came late, or that is still waited for
	Declared bool        `json:"declaredTimes,omitempty"`
}

// The rules about time.
const (
	ruleClimb  = "acknowledged or escalated" // within a minute of the end of the rung's time
	ruleTask   = "tasks of a day"            // told within a minute of its beginning
	ruleState  = "state entries"             // a batch that finds 4096 entries or a second behind the last one begins with one
	ruleReview = "reviews of emergencies"    // concluded within 24 hours
	ruleLinks  = "sealed links followed"     // within ten minutes of a plan
	ruleOver   = "sealed links let go"       // within ten minutes of the end of their time
)

// What a running leader may take. It looks every second, and tells 64 at a time.
const (
	climbGrace  = ledger.Minute
	stateEvery  = ledger.Second
	stateSpread = 4096
)

// climb is a notification on its ladder.
type climb struct {
	due  ledger.Time // when it climbs
	from ledger.Time // of the first entry at or after that; zero: there is none yet
}

type lateness struct {
	climbs map[ledger.Seq]*climb
	due    dueHeap
	breaks map[ledger.Seq]ledger.Time // emergencies that wait for their review
	days   []firstOf                  // the first entry of each day

	climbed, tasked, stated, reviewed, linked, over lateRule

	declared bool        // the log says that its early times are
	last     ledger.Time // of the newest entry
	raw      ledger.Time // of the batch that is being read
	states   bool        // the rules have state entries
	since    ledger.Seq  // the first entry that none covers
	covered  ledger.Time // when the newest was made
}

type firstOf struct {
	Day ledger.Day
	At  ledger.Time
}

func newLateness() *lateness {
	return &lateness{climbs: map[ledger.Seq]*climb{}, breaks: map[ledger.Seq]ledger.Time{}, raw: -1,
		climbed: lateRule{Rule: ruleClimb}, tasked: lateRule{Rule: ruleTask}, stated: lateRule{Rule: ruleState}, reviewed: lateRule{Rule: ruleReview},
		linked: lateRule{Rule: ruleLinks}, over: lateRule{Rule: ruleOver}}
}

// begin takes note that time has come to a command's.
func (l *lateness) begin(group []ledger.Entry) {
	first := &group[0]
	l.last = first.Time
	for len(l.due) > 0 && l.due[0].at <= first.Time {
		top := heap.Pop(&l.due).(waiting)
		if c := l.climbs[top.id]; c != nil && c.due == top.at && c.from == 0 {
			c.from = first.Time
		}
	}
	if day := first.Time.Day(); len(l.days) == 0 || l.days[len(l.days)-1].Day != day {
		l.days = append(l.days, firstOf{day, first.Time})
	}
	l.batch(first)
}

// batch wants a state entry at the beginning of a batch that is due one. What a
// node records when a batch is void is no batch of a leader.
func (l *lateness) batch(first *ledger.Entry) {
	if !l.states || first.RawTime == l.raw || first.Kind == ledger.KindProposerDiverged {
		return
	}
	l.raw = first.RawTime
	old := first.RawTime - l.covered
	if first.Seq <= l.since || first.Seq <= l.since+stateSpread && old < stateEvery {
		return
	}
	l.stated.Checked++
	if first.Kind != ledger.KindStateRecorded {
		l.stated.late(first.Seq, old-stateEvery)
	}
}

// tasks holds what is told of days against their days, on the views of before it.
func (l *lateness) tasks(view projection.View, group []ledger.Entry) error {
	for i := range group {
		if followed, ok := group[i].Event.(*ledger.LinksFollowed); ok {
			if err := l.links(view, &group[i], followed); err != nil {
				return err
			}
		}
		ev, ok := group[i].Event.(*ledger.TransitionsDue)
		if !ok {
			continue
		}
		if err := l.begun(view, &group[i], ev); err != nil {
			return err
		}
		if ev.Through == 0 {
			continue
		}
		due, err := view.DueDays(ev.Through, ledger.MaxDue)
		if err != nil {
			return err
		}
		for _, d := range due {
			l.tasked.Checked++
			l.tasked.judge(group[i].Seq, d.Day.Start(), l.firstSince(d.Day), group[i].Time)
		}
	}
	return nil
}

// begun holds what is told of policies against the days on which they begin.
func (l *lateness) begun(view projection.View, e *ledger.Entry, ev *ledger.TransitionsDue) error {
	if len(ev.Begun) == 0 {
		return nil
	}
	due, err := view.DuePolicies(e.Time.Day(), ledger.MaxDue)
	if err != nil {
		return err
	}
	for _, d := range due {
		if slices.Contains(ev.Begun, d.Seq) {
			l.tasked.Checked++
			l.tasked.judge(e.Seq, d.Day.Start(), l.firstSince(d.Day), e.Time)
		}
	}
	return nil
}

// firstSince is the time of the first entry on a day or after it.
func (l *lateness) firstSince(day ledger.Day) ledger.Time {
	n := sort.Search(len(l.days), func(i int) bool { return l.days[i].Day >= day })
	if n == len(l.days) {
		return l.last
	}
	return l.days[n].At
}

// follow takes note of what an entry has others wait for, on the views with it in them.
func (l *lateness) follow(view projection.View, e *ledger.Entry) error {
	switch ev := e.Event.(type) {
	case *ledger.LogOpened:
		l.declared = ev.DemoClock
		l.states, l.covered = e.Rules >= 3, e.Time
	case *ledger.RulesRaised:
		if !l.states && ev.To >= 3 {
			l.states, l.since, l.covered = true, e.Seq, e.Time
		}
	case *ledger.StateRecorded:
		l.since, l.covered = e.Seq+1, e.Time
	case *ledger.NotificationQueued:
		if ev.Type.Climbs() && e.Rules >= 3 {
			return l.wait(view, e.Seq)
		}
	case *ledger.NotificationEscalated:
		l.settle(e, ev.Notification)
		l.expect(ev.Notification, ev.Next)
	case *ledger.NotificationAcknowledged:
		l.settle(e, ev.Notification)
	case *ledger.NotificationWithdrawn:
		l.settle(e, ev.Notification)
	case *ledger.NotificationFailed, *ledger.LetterSettled:
		// What could not be delivered climbs at once.
		n, err := view.Notices(e)
		if err != nil {
			return err
		}
		for _, of := range n.Of {
			if l.climbs[of.Notification] != nil {
				if err := l.wait(view, of.Notification); err != nil {
					return err
				}
			}
		}
	case *ledger.GlassBroken:
		l.breaks[e.Seq] = e.Time
	case *ledger.Reviewed:
		at, ok := l.breaks[ev.Glass]
		if ok && ev.Finding != ledger.FindingOpened {
			l.reviewed.Checked++
			if took := e.Time - at; took > ledger.ReviewWithin {
				l.reviewed.late(e.Seq, took-ledger.ReviewWithin)
			}
			delete(l.breaks, ev.Glass)
		}
	}
	return nil
}

// wait reads from the views when a notification climbs.
func (l *lateness) wait(view projection.View, id ledger.Seq) error {
	n, ok, err := view.Notification(id)
	if err != nil || !ok {
		return err
	}
	if c := l.climbs[id]; c == nil || c.due != n.Due {
		l.expect(id, n.Due)
	}
	return nil
}

func (l *lateness) expect(id ledger.Seq, due ledger.Time) {
	if due == 0 {
		delete(l.climbs, id)
		return
	}
	l.climbs[id] = &climb{due: due}
	heap.Push(&l.due, waiting{due, id})
}

// settle ends a notification's time on its rung.
func (l *lateness) settle(e *ledger.Entry, id ledger.Seq) {
	c := l.climbs[id]
	if c == nil {
		return
	}
	delete(l.climbs, id)
	l.climbed.Checked++
	l.climbed.judge(e.Seq, c.due, c.from, e.Time)
}

// judge holds when something was done against when it was due, and against when
// the log went on after that.
func (f *lateRule) judge(seq ledger.Seq, due, from, done ledger.Time) {
	grace := f.allows()
	switch {
	case done-due <= grace:
	case from != 0 && done-from > grace:
		f.late(seq, done-due)
	default:
		f.Silent++
		f.worst(seq, done-due)
	}
}

// allows is what a running leader may take.
func (f *lateRule) allows() ledger.Time {
	if f.Rule == ruleLinks || f.Rule == ruleOver {
		return linkGrace
	}
	return climbGrace
}

func (f *lateRule) late(seq ledger.Seq, by ledger.Time) {
	f.Late++
	f.worst(seq, by)
}

func (f *lateRule) open(seq ledger.Seq, by ledger.Time) {
	f.Checked++
	f.Open++
	f.worst(seq, by)
}

func (f *lateRule) worst(seq ledger.Seq, by ledger.Time) {
	if s := float64(by) / float64(ledger.Second); s > f.Worst || f.Seq == nil || s == f.Worst && seq < *f.Seq {
		f.Worst, f.Seq = s, &seq
	}
}

// findings are what was late, with what is still waited for at the end of the ledger.
func (l *lateness) findings(view projection.View) ([]lateRule, error) {
	for id, c := range l.climbs {
		if c.from != 0 && l.last-c.from > climbGrace {
			l.climbed.open(id, l.last-c.due)
		}
	}
	for glass, at := range l.breaks {
		if by := l.last - at - ledger.ReviewWithin; by > 0 {
			l.reviewed.open(glass, by)
		}
	}
	due, err := view.DueDays(l.last.Day(), ledger.MaxDue)
	if err != nil {
		return nil, err
	}
	for _, d := range due {
		if l.last-l.firstSince(d.Day) > climbGrace {
			l.tasked.open(view.R.Head().Size-1, l.last-d.Day.Start())
		}
	}
	begun, err := view.DuePolicies(l.last.Day(), ledger.MaxDue)
	if err != nil {
		return nil, err
	}
	for _, d := range begun {
		if l.last-l.firstSince(d.Day) > climbGrace {
			l.tasked.open(d.Seq, l.last-d.Day.Start())
		}
	}
	if err := l.waiting(view); err != nil {
		return nil, err
	}
	out := []lateRule{l.climbed, l.tasked, l.stated, l.reviewed, l.linked, l.over}
	for i := range out {
		out[i].Declared = l.declared
	}
	return out, nil
}

// lateOf counts what was late.
func lateOf(fs []lateRule) (n int64) {
	for i := range fs {
		n += fs[i].Late + fs[i].Silent + fs[i].Open
	}
	return n
}

// String says it for people.
func (f lateRule) String() string {
	parts := []string{fmt.Sprintf("%d of %d were late though the log went on", f.Late, f.Checked)}
	if f.Silent > 0 {
		parts = append(parts, fmt.Sprintf("%d while nothing was recorded", f.Silent))
	}
	if f.Open > 0 {
		parts = append(parts, fmt.Sprintf("%d are open at the end", f.Open))
	}
	out := strings.Join(parts, ", ")
	if f.Seq != nil {
		out += fmt.Sprintf("; the worst by %s, at entry %d", span(ledger.Time(f.Worst*float64(ledger.Second))), *f.Seq)
	}
	if f.Declared {
		out += " (a demonstration: its early times are declared, and nobody waited)"
	}
	return out
}

// waiting is what is due at a time.
type waiting struct {
	at ledger.Time
	id ledger.Seq
}

type dueHeap []waiting

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(waiting)) }
func (h *dueHeap) Pop() any {
	n := len(*h) - 1
	x := (*h)[n]
	*h = (*h)[:n]
	return x
}
