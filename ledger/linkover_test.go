package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// keepsLinksFor is keepsLinks for a number of days.
func (w *world) keepsLinksFor(place string, days int) {
	w.says(place, w.now.Day(), Policy{Links: Yes, DPIA: "DPIA 2026/7", LinkDays: days})
}

// tellAll has everything told that is due, and returns what it recorded of links, in order.
func (w *world) tellAll() (out []*LinksFollowed) {
	w.t.Helper()
	for {
		c := w.cmd(system(), &TellDue{Until: w.now})
		d, err := Decide(w.view, w.head, c)
		require.NoError(w.t, err)
		if d.Refusal != nil {
			return out
		}
		group := w.grant(c)
		out = append(out, only[*LinksFollowed](group)...)
	}
}

// Links wait for as long as policy says since their source last said anything of
// the child, and not a day longer; then nothing waits, and nobody is asked, until
// there is a plan.
func TestLinksHaveATime(t *testing.T) {
	w := newWorld(t)
	w.keepsLinksFor(nursing, 30)
	l := w.linking(clerk)
	day := func(n int) { w.now += Time(n) * 24 * Hour }
	first := EnrolmentRow{Place: school, From: begin.Day()}
	l.send(first, EnrolmentRow{Person: person(2), Place: school, From: begin.Day()})
	day(20)
	l.send(first) // the source says it again: it is known that the child is still there
	day(9)
	require.Empty(t, w.tellAll())
	day(1)
	over := w.tellAll()
	require.Len(t, over, 1)
	require.Equal(t, []any{nursing, LinksExpired, 1}, []any{over[0].Source, over[0].Code, len(over[0].Links)})
	group := w.groups[len(w.groups)-1]
	require.Equal(t, &TransitionsDue{Links: 1}, group[0].Event)
	require.Equal(t, person(2), group[1].Person.Ref, "it stands in the child's own chain")
	day(19)
	require.Empty(t, w.tellAll())
	day(1)
	require.Equal(t, []Seq{over[0].Links[0] - 1, over[0].Links[0] - 1}, w.tellAll()[0].Links, "said twice, it waited twice")
	require.Empty(t, w.view.links)
	require.Empty(t, l.wants(), "nothing was promised")

	// The child is not missed: a plan has the source asked, as for a row that was never kept.
	w.load(authorityA, 1, row(1))
	w.refuse(RefusedState, w.cmd(system(), &OpenLinks{Person: person(1), Source: nursing}))
	require.Equal(t, []PersonRef{person(1)}, l.wants())
	require.Equal(t, []string{"enrolled"}, l.send(first))
	require.Empty(t, l.wants())
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Person: person(2), Place: school, From: begin.Day()}), "and it may speak of others again")
}

// Where policy says no number, it is the default; a longer one and a shorter one
// count for what waits already; and where it says that nothing is kept, nothing is.
func TestPolicyOfTheDaySaysHowLongLinksWait(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(Nation)
	l, council := w.linking(clerk), w.linking(as(RoleUploader, authorityB, "up"))
	row1 := EnrolmentRow{Place: school, From: begin.Day()}
	l.send(row1)
	council.send(row1)
	w.now += (LinkDays - 1) * 24 * Hour
	require.Empty(t, w.tellAll())
	w.keepsLinksFor(nursing, MaxLinkDays)
	w.now += 24 * Hour
	over := w.tellAll()
	require.Len(t, over, 1)
	require.Equal(t, authorityB, over[0].Source)
	w.keepsLinksFor(nursing, LinkDays+5)
	require.Empty(t, w.tellAll())
	w.says(nursing, w.now.Day()+1, Policy{Links: No})
	w.now += 24 * Hour
	over = w.tellAll()
	require.Len(t, over, 1)
	require.Equal(t, LinksNotPermitted, over[0].Code)
	w.load(authorityA, 1, row(1))
	require.Equal(t, []PersonRef{person(1)}, l.wants())
	require.Equal(t, []PersonRef{person(1)}, council.wants())
}

// Of a child who has a plan nothing is let go for its time: it is followed.
func TestLinksThatAreDueAreNotOver(t *testing.T) {
	w := newWorld(t)
	w.keepsLinksFor(nursing, MinLinkDays)
	l := w.linking(clerk)
	ended := row(2)
	ended.End = begin.Day()
	w.load(authorityA, 1, ended)
	w.now += 365 * 24 * Hour
	l.send(EnrolmentRow{Place: school, From: begin.Day()}, EnrolmentRow{Person: person(2), Place: school, From: begin.Day()})
	w.load(authorityA, 2, row(1))
	w.now += MinLinkDays * 24 * Hour
	over := w.tellAll()
	require.Len(t, over, 1)
	require.Equal(t, person(2), w.groups[len(w.groups)-1][1].Person.Ref)
	l.follow(1)
	require.Equal(t, [][2]int{{0, 999}}, w.enrolled(1, school))
	require.Empty(t, l.wants())
	shown := row(2)
	shown.Content = tag("corrected")
	require.Equal(t, PlanCorrected, only[*PlanRecorded](w.load(authorityA, 3, shown))[0].Change)
	require.Equal(t, []PersonRef{person(2)}, l.wants(), "a plan that is over and is corrected has its child asked for")
}

// More than one command lets go are let go, whoever stands between them; and
// nothing of it happens under older rules.
func TestManyLinksAreOver(t *testing.T) {
	w := newWorld(t)
	w.keepsLinksFor(Nation, MinLinkDays)
	l := w.linking(clerk)
	var rows []EnrolmentRow
	var plans []Row
	for n := range byte(200) {
		rows = append(rows, EnrolmentRow{Person: person(n), Place: school, From: begin.Day()})
		if n < 2*MaxDue {
			r := row(n)
			r.N = int(n) + 1
			plans = append(plans, r)
		}
	}
	l.send(rows...)
	w.load(authorityA, 1, plans[:MaxDue+1]...)
	w.now += MinLinkDays * 24 * Hour
	require.Len(t, w.tellAll(), 200-MaxDue-1)
	require.Len(t, w.view.links, MaxDue+1)
}

// Whatever sources say and policy allows, whenever plans come and go: once what
// is due is told, nothing waits that has no plan and whose time is over.
func TestNothingWaitsPastItsTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		sources := []*linking{w.linking(clerk), w.linking(as(RoleUploader, authorityB, "up"))}
		sequence := int64(0)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			n := rapid.ByteRange(1, 3).Draw(rt, "person")
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0, 1:
				rapid.SampledFrom(sources).Draw(rt, "source").send(EnrolmentRow{Person: person(n), Place: school, From: begin.Day() + Day(rapid.IntRange(0, 3).Draw(rt, "from"))})
			case 2:
				place := rapid.SampledFrom([]string{nursing, authorityB, Nation}).Draw(rt, "place")
				says := Policy{Links: Yes, DPIA: "D1", LinkDays: rapid.SampledFrom([]int{0, MinLinkDays, 60, MaxLinkDays}).Draw(rt, "days")}
				if rapid.IntRange(0, 2).Draw(rt, "off") == 0 {
					says = Policy{Links: rapid.SampledFrom([]Choice{No, Inherited}).Draw(rt, "how")}
				}
				w.says(place, w.now.Day()+Day(rapid.IntRange(0, 40).Draw(rt, "policy from")), says)
			case 3:
				w.now += Time(rapid.IntRange(1, 200).Draw(rt, "days on")) * 24 * Hour
			case 4:
				sequence++
				r := row(n)
				if rapid.Bool().Draw(rt, "gone") {
					r.Delete = w.now.Day()
				}
				w.load(authorityA, sequence, r)
			}
			w.tellAll()
			today := w.now.Day()
			for at, l := range w.view.links {
				visible, err := visibleOn(w.view, at.person, today)
				require.NoError(rt, err)
				h, err := PolicyOn(w.view, at.source, today)
				require.NoError(rt, err)
				require.True(rt, visible || h.Links == Yes && l.Said.Day() > today-Day(h.LinkDays), "%v since %v on %v", at, l.Said.Day(), today)
			}
		}
	})
}
