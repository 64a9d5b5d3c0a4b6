package ledger

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// linking is a source whose rows a test sends, sealed as an edge would seal them.
type linking struct {
	*world
	source Actor
	sealed map[Seq]LinkDetails // what is sealed, by its entry: what a node with keys reads

	conceals bool // rows go without what is sealed of them
}

func (w *world) linking(a Actor) *linking {
	return &linking{world: w, source: a, sealed: map[Seq]LinkDetails{}}
}

func linkTag(r *EnrolmentRow) Tag {
	return tag(fmt.Sprint(r.Person, r.Place, r.From, r.To, r.Change))
}

// send has rows recorded, and says what became of each.
func (l *linking) send(rows ...EnrolmentRow) []string {
	l.t.Helper()
	for i := range rows {
		if rows[i].N = i + 1; rows[i].Person.IsZero() {
			rows[i].Person = person(1)
		}
		rows[i].Link = linkTag(&rows[i])
	}
	sent := slices.Clone(rows)
	for i := range sent {
		if l.conceals && sent[i].Sound() && (!sent[i].Leaves() || len(l.view.links[linksOf{sent[i].Person, l.source.Organisation}].Each) > 0) {
			sent[i].Conceal()
		}
	}
	c := l.cmd(l.source, &Enrol{Rows: sent})
	for i := range rows {
		c.Sealed = append(c.Sealed, l.world.sealed(PayloadLink, rows[i].N))
	}
	var out []string
	for _, e := range l.grant(c) {
		switch x := e.Event.(type) {
		case *EnrolmentLinked:
			word := "linked"
			if r := rows[x.N-1]; x.Of == 0 {
				l.sealed[e.Seq] = LinkDetails{r.Place, r.From, r.To, r.Change}
			} else {
				word = "linked again"
			}
			require.Equal(l.t, x.Of == 0, len(e.Commitments) == 1, "what was sealed before is not sealed again")
			out = append(out, word)
			continue
		case *Enrolled:
			out = append(out, "enrolled")
		case *EnrolmentEnded:
			out = append(out, map[bool]string{true: "moved", false: "left"}[x.Moved])
		case *EnrolmentTakenBack:
			out = append(out, "taken back")
		case *EnrolmentNotKept:
			out = append(out, "not kept")
		case *EnrolmentRejected:
			out = append(out, x.Code)
		}
		require.Empty(l.t, e.Commitments, "what is not linked is not stored, sealed or otherwise")
	}
	return out
}

// open is what a node does that finds links due: it returns what it may read.
func (l *linking) open(n byte) *FollowLinks {
	l.t.Helper()
	group := l.grant(l.cmd(system(), &OpenLinks{Person: person(n), Source: l.source.Organisation}))
	e := last[*LinksOpened](l.t, group)
	kept := false
	for _, at := range l.view.places[person(n)] {
		for _, e := range l.view.enrolments[at][person(n)] {
			kept = kept || e.Source == l.source.Organisation
		}
	}
	var details []LinkDetails
	for _, at := range e.Links {
		details = append(details, l.sealed[at])
	}
	return &FollowLinks{Person: person(n), Source: l.source.Organisation, Of: group[0].Seq, Rows: LinkedRows(person(n), details, kept, l.now.Day())}
}

// follow does all of it.
func (l *linking) follow(n byte) []Entry {
	l.t.Helper()
	return l.grant(l.cmd(system(), l.open(n)))
}

// wants lists whom the source is asked for again.
func (l *linking) wants() (out []PersonRef) {
	l.t.Helper()
	for _, e := range l.grant(l.cmd(l.source, &ReadWanted{})) {
		if _, ok := e.Event.(*SubjectAccessed); ok {
			out = append(out, e.Person.Ref)
		}
	}
	return out
}

// kept allows a place to keep links from today on.
func (w *world) keepsLinks(place string) Seq {
	return w.saysIn(place, w.now.Day(), Policy{Links: Yes, DPIA: "DPIA 2026/7"})
}

// links4 is the part of the story that came with rules version 4.
func links4(w *world, auditor Actor) {
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	l.send(EnrolmentRow{Person: person(97), Place: school, From: begin.Day()})
	w.refuse(RefusedState, w.cmd(system(), &OpenLinks{Person: person(97), Source: nursing}))
	w.deny(RefusedRole, w.cmd(auditor, &OpenLinks{Person: person(97), Source: nursing}))
	w.deny(RefusedRole, w.cmd(auditor, &FollowLinks{Person: person(97), Source: nursing, Of: 1}))
	w.refuse(RefusedState, w.cmd(system(), &FollowLinks{Person: person(97), Source: nursing, Of: 1}))
	w.load(authorityB, 97, row(97))
	l.follow(97)
}

var (
	clerk  = as(RoleChildHealth, nursing, "clerk")
	other  = Place(PlaceSchool + "100002")
	nobody = EnrolmentRow{Place: "school:999999", From: begin.Day() - 9}
)

func (w *world) secondSchool() {
	w.grant(w.cmd(boss, &RecordRegister{Rows: []RegisterRow{{Code: other.Code(), Name: "Hollerton Junior", Sort: SortSchool, Closed: begin.Day() + 100}}}))
}

func taleOfLinks(w *world) {
	l, council := w.linking(clerk), w.linking(as(RoleUploader, authorityB, "up"))
	w.secondSchool()
	here := EnrolmentRow{Place: school, From: w.now.Day() - 90}
	there := EnrolmentRow{Place: other, From: w.now.Day() - 5, Change: EnrolmentMoves}
	l.send(here)
	w.keepsLinks(nursing)
	l.send(here, there, EnrolmentRow{Person: person(2), Place: school, From: w.now.Day()})
	l.send(here, there)
	council.send(here)
	w.load(authorityA, 1, row(1), row(2))
	l.follow(1)
	l.grant(l.cmd(system(), &FollowLinks{Person: person(2), Source: nursing, Of: l.open(2).Of, Code: LinksUnreadable}))
	l.send(EnrolmentRow{Person: person(3), Place: school, From: w.now.Day()}, EnrolmentRow{Person: person(3), Place: nobody.Place, From: w.now.Day()},
		EnrolmentRow{Person: person(4), Place: school, From: w.now.Day()})
	w.load(authorityA, 2, row(3))
	l.follow(3)
	w.says(nursing, w.now.Day(), Policy{Links: No})
	w.load(authorityA, 3, row(4))
	w.grant(w.cmd(system(), &OpenLinks{Person: person(4), Source: nursing}))
	l.send(EnrolmentRow{Person: person(5), Place: school, From: w.now.Day()})
	l.wants()
	w.keepsLinksFor(nursing, MinLinkDays)
	l.send(EnrolmentRow{Person: person(5), Place: school, From: w.now.Day()}, EnrolmentRow{Person: person(6), Place: school, From: w.now.Day()})
	w.now += (MinLinkDays - 1) * 24 * Hour
	l.send(EnrolmentRow{Person: person(6), Place: school, From: begin.Day()})
	w.refuse(RefusedState, w.cmd(system(), &TellDue{Until: w.now + 24*Hour}))
	w.now += 24 * Hour
	w.tellAll()
	w.says(nursing, w.now.Day(), Policy{Links: No})
	w.tellAll()
	w.load(authorityA, 4, row(5), row(6))
	l.wants()
}

// Nothing is kept of anybody without a plan unless policy says so of the source
// that day; then the entry says that there is a link, and nothing of where.
func TestLinksAreKeptByPolicyAlone(t *testing.T) {
	w := newWorld(t)
	l, council := w.linking(clerk), w.linking(as(RoleUploader, authorityB, "up"))
	here := EnrolmentRow{Place: school, From: begin.Day() - 90}
	require.Equal(t, []string{"not kept"}, l.send(here))
	first := w.saysIn(nursing, w.now.Day()+1, Policy{Links: Yes, DPIA: "DPIA 2026/7"})
	require.Equal(t, []string{"not kept"}, l.send(here), "it begins tomorrow")
	w.now += 24 * Hour
	require.Equal(t, []string{"linked"}, l.send(here))
	require.Equal(t, []string{"not kept"}, council.send(here), "another source's policy says nothing")
	require.Equal(t, []string{"linked again", "linked"}, l.send(here, EnrolmentRow{Place: area, From: begin.Day()}))
	group := w.groups[len(w.groups)-1]
	require.Equal(t, first, group[1].Event.(*EnrolmentLinked).Policy)
	for i := range group {
		require.NotContains(t, string(group[i].Record()), school.Code())
		require.NotContains(t, string(group[i].Record()), area.Code())
	}
	require.Equal(t, []string{"not kept"}, l.send(EnrolmentRow{Person: person(2), Place: school, To: begin.Day(), Change: EnrolmentLeaves}), "there is nothing to leave")
	require.Equal(t, []string{RowToBeforeFrom}, l.send(EnrolmentRow{Place: school, From: begin.Day(), To: begin.Day() - 1}))

	// An edge that did not know of the policy sealed nothing.
	group = w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{{N: 1, Person: person(3), Place: school, From: begin.Day()}}}))
	require.Len(t, only[*EnrolmentNotKept](group), 1)

	// A row that nobody may keep makes what was kept before stale.
	w.says(nursing, w.now.Day(), Policy{Links: Inherited})
	require.Equal(t, []string{"not kept"}, l.send(here))
	w.keepsLinks(nursing)
	w.load(authorityA, 1, row(1))
	w.refuse(RefusedState, w.cmd(system(), &OpenLinks{Person: person(1), Source: nursing}))
	require.Equal(t, []PersonRef{person(1)}, l.wants(), "it is asked for again, as ever")
	require.Equal(t, []PersonRef{person(1)}, council.wants())
}

// Before rules version 4 policy may say what it likes: nothing is kept.
func TestOlderRulesKeepNoLinks(t *testing.T) {
	w := worldUnder(t, 3)
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	require.Equal(t, []string{"not kept"}, l.send(EnrolmentRow{Place: school, From: begin.Day()}))
	w.refuse(RefusedRules, w.cmd(system(), &OpenLinks{Person: person(1), Source: nursing}))
	w.refuse(RefusedRules, w.cmd(system(), &FollowLinks{Person: person(1), Source: nursing, Of: 1}))
	w.grant(w.cmd(system(), &RaiseRules{To: 4}))
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Place: school, From: begin.Day()}))
}

// When a plan appears, what each source sealed becomes its enrolments, and it is
// asked for nothing.
func TestLinksAreFollowed(t *testing.T) {
	w := newWorld(t)
	w.secondSchool()
	w.keepsLinks(Nation)
	l, council := w.linking(clerk), w.linking(as(RoleUploader, authorityB, "up"))
	day := func(n int) Day { return begin.Day() + Day(n) }
	require.Equal(t, []string{"linked", "linked"}, l.send(EnrolmentRow{Place: school, From: day(-90)}, EnrolmentRow{Place: area, From: day(-90)}))
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Place: other, From: day(-9), Change: EnrolmentMoves}))
	require.Equal(t, []string{"linked"}, council.send(EnrolmentRow{Place: school, From: day(-80)}))
	w.refuse(RefusedState, w.cmd(system(), &OpenLinks{Person: person(1), Source: nursing}))
	w.load(authorityA, 1, row(1))
	require.Empty(t, l.wants())

	group := l.follow(1)
	require.Equal(t, 2, group[0].Event.(*LinksFollowed).Rows)
	for _, e := range only[*Enrolled](group) {
		require.Equal(t, nursing, e.Source)
		require.Zero(t, e.Row.Link)
	}
	require.Empty(t, w.enrolled(1, school), "where the child was before there was a plan is not recorded")
	require.Equal(t, [][2]int{{-90, 999}}, w.enrolled(1, area))
	require.Equal(t, [][2]int{{-9, 999}}, w.enrolled(1, other))
	council.follow(1)
	require.Equal(t, [][2]int{{-80, 999}}, w.enrolled(1, school), "the other source says otherwise")
	require.Empty(t, append(l.wants(), council.wants()...))

	// It is the source's own from then on, and nobody else's.
	require.Equal(t, []string{RowEnrolmentUnknown}, council.send(EnrolmentRow{Place: area, To: day(0), Change: EnrolmentLeaves}))
	require.Equal(t, []string{"left"}, l.send(EnrolmentRow{Place: area, To: day(0), Change: EnrolmentLeaves}))
}

// What an edge concealed because there was no plan is followed though one has
// appeared in between; what then may not be linked is asked for.
func TestConcealedRowsMeetAPlan(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	l.conceals = true
	w.load(authorityA, 1, row(1), row(2))
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Place: school, From: begin.Day()}))
	l.follow(1)
	require.Equal(t, [][2]int{{0, 999}}, w.enrolled(1, school))
	w.says(nursing, w.now.Day(), Policy{Links: No})
	require.Equal(t, []string{"not kept"}, l.send(EnrolmentRow{Person: person(2), Place: school, From: begin.Day()}))
	require.Equal(t, []PersonRef{person(2)}, l.wants())
}

// Once, whoever tries how often; and never what was opened before the last word.
func TestLinksAreFollowedOnce(t *testing.T) {
	w := newWorld(t)
	w.secondSchool()
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	l.send(EnrolmentRow{Place: school, From: begin.Day() - 90})
	w.load(authorityA, 1, row(1))
	first := l.open(1)
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Place: school, To: begin.Day() - 1, Change: EnrolmentLeaves}), "it waits behind what waits")
	w.refuse(RefusedState, w.cmd(system(), first))
	second := l.open(1)
	require.Empty(t, second.Rows, "the child has left")
	third := l.open(1) // a leader died: the next one opens them again
	w.refuse(RefusedState, w.cmd(system(), second))
	for _, q := range []FollowLinks{{Code: "other"}, {Code: LinksUnreadable, Rows: []EnrolmentRow{{N: 1, Person: person(1), Place: school}}},
		{Rows: []EnrolmentRow{{N: 1, Person: person(2), Place: school, From: begin.Day()}}}, {Rows: make([]EnrolmentRow, MaxEnrolmentRows+1)}} {
		q.Person, q.Source, q.Of = third.Person, third.Source, third.Of
		w.refuse(RefusedState, w.cmd(system(), &q))
	}
	w.deny(RefusedRole, w.cmd(clerk, third))
	w.deny(RefusedRole, w.cmd(clerk, &OpenLinks{Person: person(1), Source: nursing}))
	w.grant(w.cmd(system(), third))
	w.refuse(RefusedState, w.cmd(system(), third))
	w.refuse(RefusedState, w.cmd(system(), &OpenLinks{Person: person(1), Source: nursing}))
	require.Empty(t, w.enrolled(1, school))
	require.Empty(t, l.wants(), "the source has said that the child is gone")
	require.Equal(t, []string{"enrolled"}, l.send(EnrolmentRow{Place: school, From: begin.Day()}), "and goes on as any other")
}

// Where policy says so no longer, nothing is opened, and the source is asked.
func TestPolicyThatIsOffLetsLinksGo(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	for n := byte(1); n <= 3; n++ {
		l.send(EnrolmentRow{Person: person(n), Place: school, From: begin.Day()})
	}
	w.load(authorityA, 1, row(1), row(2), row(3))
	opened := l.open(2)
	w.says(nursing, w.now.Day(), Policy{Links: No})
	for n, c := range map[byte]*Command{1: w.cmd(system(), &OpenLinks{Person: person(1), Source: nursing}), 2: w.cmd(system(), opened)} {
		group := w.grant(c)
		require.Len(t, group, 1)
		require.Equal(t, LinksNotPermitted, group[0].Event.(*LinksFollowed).Code)
		require.Empty(t, w.enrolled(n, school))
	}
	// What the source says meanwhile counts, and what was sealed before is stale.
	require.Equal(t, []string{"enrolled"}, l.send(EnrolmentRow{Person: person(3), Place: area, From: begin.Day()}))
	w.refuse(RefusedState, w.cmd(system(), &OpenLinks{Person: person(3), Source: nursing}))
	require.ElementsMatch(t, []PersonRef{person(1), person(2), person(3)}, l.wants())
}

// What cannot be recorded says why, in the person's own chain, and the source is asked.
func TestLinksThatCannotBeFollowed(t *testing.T) {
	w := newWorld(t)
	w.secondSchool()
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	require.Equal(t, []string{"linked", "linked"}, l.send(nobody, EnrolmentRow{Place: other, From: begin.Day() + 101}), "nothing is told of a place")
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Person: person(2), Place: school, From: begin.Day()}))
	w.load(authorityA, 1, row(1), row(2))
	group := l.follow(1)
	var codes []string
	for _, e := range only[*EnrolmentRejected](group) {
		codes = append(codes, e.Code)
	}
	require.Equal(t, []string{RowPlaceUnknown, RowPlaceClosed}, codes)
	for i := range group {
		require.Equal(t, person(1), group[i].Person.Ref)
		require.NotContains(t, string(group[i].Record()), nobody.Place.Code())
	}
	q := l.open(2)
	q.Code, q.Rows = LinksUnreadable, nil
	w.grant(w.cmd(system(), q))
	require.ElementsMatch(t, []PersonRef{person(1), person(2)}, l.wants())
}

// A daily file says the same of a child each day: nothing grows but the chain.
// Too many rows are not kept at all.
func TestLinksDoNotGrow(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	for day := range 50 {
		want := "linked again"
		if day == 0 {
			want = "linked"
		}
		require.Equal(t, []string{want, want}, l.send(EnrolmentRow{Place: school, From: begin.Day() - 90}, EnrolmentRow{Place: area, From: begin.Day() - 90}))
		require.Len(t, w.view.links[linksOf{person(1), nursing}].Each, min(2*day+2, 4))
		w.now += 24 * Hour
	}
	for n := range MaxLinks - 4 {
		require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Place: area, From: begin.Day() + Day(n)}))
	}
	for _, more := range []EnrolmentRow{{Place: area, From: begin.Day()}, {Place: area, From: begin.Day() - 1}} { // said before, and new
		full := maps.Clone(w.view.links)
		require.Equal(t, []string{"not kept"}, l.send(more))
		require.Empty(t, w.view.links)
		w.view.links = full
	}
}

// A leaver that is said again after the child has joined again ends what it ended.
func TestALeaverSaidAgain(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	today := begin.Day()
	leaver := EnrolmentRow{Place: area, From: today, To: today, Change: EnrolmentLeaves}
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Place: area, From: today}))
	require.Equal(t, []string{"linked"}, l.send(leaver))
	require.Equal(t, []string{"linked"}, l.send(EnrolmentRow{Place: area, From: today + 1}))
	require.Equal(t, []string{"linked again"}, l.send(leaver))
	w.load(authorityA, 1, row(1))
	l.follow(1)
	for n := range Day(3) {
		there := 0
		for _, e := range w.view.enrolments[area][person(1)] {
			if e.At(today + n) {
				there++
			}
		}
		require.Equal(t, 1, there, "after %d days", n)
	}
}

// A number that is replaced takes nothing away: what was linked under it is followed.
func TestLinksOfANumberThatWasReplaced(t *testing.T) {
	w := newWorld(t)
	w.keepsLinks(nursing)
	l := w.linking(clerk)
	l.send(EnrolmentRow{Place: school, From: begin.Day()})
	w.load(authorityA, 1, row(2))
	w.refuse(RefusedState, w.cmd(system(), &OpenLinks{Person: person(1), Source: nursing}))
	w.grant(w.cmd(as(RoleIGOfficer, "CUSTOS", "ig"), &SupersedeNumber{Old: person(1), New: person(2), Birth: tag("birth2"), Was: tag("birth1")}, PayloadReason))
	l.follow(1)
	require.Equal(t, [][2]int{{0, 999}}, w.enrolled(1, school))
}

// Whatever a source sends, sealed rows that are followed leave a child where the
// same rows would have left it had there been a plan all the while.
func TestAnyLinksComeToWhatTheirRowsSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		open, shut := newWorld(rt), newWorld(rt)
		plan := row(1)
		open.load(authorityA, 1, plan)
		sequence := int64(1)
		for _, w := range []*world{open, shut} {
			w.secondSchool()
			w.keepsLinks(nursing)
		}
		a, b := open.linking(clerk), shut.linking(clerk)
		conceals := rapid.Bool().Draw(rt, "conceals")
		if rapid.Bool().Draw(rt, "something is kept") {
			shut.load(authorityA, sequence, plan)
			for _, l := range []*linking{a, b} {
				l.send(EnrolmentRow{Place: school, From: begin.Day() - 50})
			}
			gone := plan
			gone.Delete = shut.now.Day()
			sequence++
			shut.load(authorityA, sequence, gone)
			sequence++
		}
		b.conceals = conceals
		for range rapid.IntRange(1, 12).Draw(rt, "rows") {
			r := EnrolmentRow{Place: rapid.SampledFrom([]Place{school, other, area}).Draw(rt, "place"),
				From: begin.Day() + Day(rapid.IntRange(-4, 4).Draw(rt, "from")), Change: EnrolmentChange(rapid.IntRange(0, 3).Draw(rt, "change"))}
			if r.Leaves() || rapid.Bool().Draw(rt, "ends") {
				r.To = r.From + Day(rapid.IntRange(0, 4).Draw(rt, "for"))
			}
			if said := a.send(r); said[len(said)-1] == RowOverlaps {
				continue // its source is told to put it right; of a link the later word counts
			}
			b.send(r)
		}
		shut.load(authorityA, sequence, plan)
		if len(shut.view.links) > 0 {
			b.follow(1)
		}
		require.Empty(rt, shut.view.links)
		for _, at := range []Place{school, other, area} {
			for n := range Day(12) {
				there := func(w *world) (out bool) {
					for _, e := range w.view.enrolments[at][person(1)] {
						out = out || e.At(begin.Day()+n)
					}
					return out
				}
				require.Equal(rt, there(open), there(shut), "%s after %d days", at, n)
			}
		}
	})
}

// linkedRows is a file of enrolments as an edge seals it that believes policy to allow links.
func (w *world) linkedRows(t *rapid.T, actor Actor, rows []EnrolmentRow) *Command {
	c := w.cmd(actor, &Enrol{Rows: rows})
	for i := range rows {
		if rapid.Bool().Draw(t, "sealed") {
			rows[i].Link = linkTag(&rows[i])
			c.Sealed = append(c.Sealed, w.sealed(PayloadLink, rows[i].N))
		}
	}
	return c
}

// anyLinks lets a source keep links or no longer, opens some, or follows them.
func (w *world) anyLinks(t *rapid.T, place Place, from Day) *Command {
	for _, n := range []byte{0, 1, 2, 3, 4} {
		l := w.view.links[linksOf{person(n), nursing}]
		if visible, _ := (&decider{View: w.view, now: w.now}).hasVisiblePlan(person(n)); !visible || len(l.Each) == 0 {
			continue
		}
		if l.Opened > l.Newest && rapid.Bool().Draw(t, "followed") {
			return w.cmd(system(), &FollowLinks{Person: person(n), Source: nursing, Of: l.Opened,
				Rows: []EnrolmentRow{{N: 1, Person: person(n), Place: place, From: from, Change: EnrolmentChange(rapid.IntRange(0, 1).Draw(t, "link moves"))}}})
		}
		if rapid.Bool().Draw(t, "opened") {
			return w.cmd(system(), &OpenLinks{Person: person(n), Source: nursing})
		}
	}
	says := Policy{Links: Yes, DPIA: "DPIA 2026/7"}
	if rapid.IntRange(0, 3).Draw(t, "links off") == 0 {
		says = Policy{Links: No}
	}
	return w.cmd(boss, &RecordPolicy{Place: nursing, From: w.now.Day(), Says: says}, PayloadReason)
}
