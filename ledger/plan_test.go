package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func day(t testing.TB, s string) Day {
	d, err := ParseDay(s)
	require.NoError(t, err)
	return d
}

// Each bound is given as the London midnight at which something changes, and
// is tried one second either side of it.
func TestAPlanIsShownToTheSecond(t *testing.T) {
	for name, c := range map[string]struct {
		plan           Plan
		appears, gone  string // first day shown; first day no longer shown, "" for never
		active, ceases string // the same for in force
	}{
		"an open plan": {Plan{Type: ChildProtection, Start: day(t, "2026-03-29")}, "2026-03-29", "", "2026-03-29", ""},
		"ended: 364 days more, summer time between": {
			Plan{Type: ChildProtection, Start: day(t, "2025-01-01"), End: day(t, "2025-03-30")}, "2025-01-01", "2026-03-30", "2025-01-01", "2025-03-31"},
		"ended before a leap day": {
			Plan{Type: LookedAfter, Start: day(t, "2027-01-01"), End: day(t, "2027-03-01")}, "2027-01-01", "2028-02-29", "2027-01-01", "2027-03-02"},
		"begun and ended on one day": {
			Plan{Type: ChildProtection, Start: day(t, "2026-10-25"), End: day(t, "2026-10-25")}, "2026-10-25", "2027-10-25", "2026-10-25", "2026-10-26"},
		"an unborn child's plan: 28 days more": {
			Plan{Type: UnbornChild, Start: day(t, "2026-01-01"), End: day(t, "2026-10-01")}, "2026-01-01", "2026-10-30", "2026-01-01", "2026-10-02"},
		"an unborn child's plan of a mother of 17: her birthday ends nothing": {
			Plan{Type: UnbornChild, Start: day(t, "2026-01-01"), End: day(t, "2026-10-01"), LastDay: 0}, "2026-01-01", "2026-10-30", "2026-01-01", "2026-10-02"},
		"an open plan ends on the 18th birthday": {
			Plan{Type: ChildProtection, Start: day(t, "2025-01-01"), LastDay: day(t, "2008-06-15").AddYears(18)}, "2025-01-01", "2027-06-15", "2025-01-01", "2026-06-16"},
		"so does one stated to end later": {
			Plan{Type: LookedAfter, Start: day(t, "2025-01-01"), End: day(t, "2029-01-01"), LastDay: day(t, "2026-06-15")}, "2025-01-01", "2027-06-15", "2025-01-01", "2026-06-16"},
		"born on 29 February: grown on 1 March": {
			Plan{Type: LookedAfter, Start: day(t, "2025-01-01"), LastDay: day(t, "2008-02-29").AddYears(18)}, "2025-01-01", "2027-03-01", "2025-01-01", "2026-03-02"},
		"an end before the birthday stands": {
			Plan{Type: LookedAfter, Start: day(t, "2025-01-01"), End: day(t, "2025-05-01"), LastDay: day(t, "2026-06-15")}, "2025-01-01", "2026-05-01", "2025-01-01", "2025-05-02"},
	} {
		t.Run(name, func(t *testing.T) {
			edge := func(what, midnight string, is func(Day) bool, after bool) {
				if midnight == "" {
					require.True(t, is(day(t, "2199-12-31")), what)
					return
				}
				parsed, err := time.ParseInLocation(time.DateOnly, midnight, london(t))
				require.NoError(t, err)
				at := Of(parsed)
				require.Equal(t, !after, is((at - Second).Day()), "%s one second before %s", what, midnight)
				require.Equal(t, after, is(at.Day()), "%s at %s", what, midnight)
				require.Equal(t, after, is((at + Second).Day()), "%s one second after %s", what, midnight)
			}
			edge("shown", c.appears, c.plan.Visible, true)
			edge("shown", c.gone, c.plan.Visible, false)
			edge("in force", c.active, c.plan.Active, true)
			edge("in force", c.ceases, c.plan.Active, false)
		})
	}
}

// The same bounds, through a whole decision.
func TestALookupOneSecondEitherSide(t *testing.T) {
	w := newWorld(t)
	r := row(1)
	r.Start, r.End, r.LastDay = day(t, "2025-06-01"), day(t, "2025-07-10"), 0
	w.load(authorityA, 1, r)
	at := func(s string) Outcome {
		moment, err := time.ParseInLocation("2006-01-02 15:04:05", s, london(t))
		require.NoError(t, err)
		c := w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)
		c.Time = Of(moment)
		return only[*Accessed](w.grant(c))[0].Outcome
	}
	require.Equal(t, OutcomeFound, at("2026-07-09 23:59:59")) // summer time: still 9 July in London, 22:59:59 UTC
	require.Equal(t, OutcomeNotFound, at("2026-07-10 00:00:00"))
}

func TestHistoryWindowIsADay(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	shown := func(after Time) bool {
		c := w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)
		c.Time = begin + Hour + after
		return only[*Accessed](w.grant(c))[0].Shown
	}
	require.True(t, shown(0))
	require.False(t, shown(24*Hour-1))
	require.True(t, shown(24*Hour), "counted from the last shown one, not from the last")
	require.False(t, shown(24*Hour+1))
}

func TestRestrictedHidesFromEverybodyButTheNationalOfficer(t *testing.T) {
	for _, r := range append(Roles(), RoleNone, RoleSystem) {
		require.Equal(t, Hidden{}, Hide(false, r))
		require.Equal(t, r != RoleIGOfficer, Hide(true, r).History, r)
		require.Equal(t, r != RoleIGOfficer, Hide(true, r).Whereabouts, r)
	}
}

func TestFoldingPlansChangesNoEarlierList(t *testing.T) {
	one := RecordPlan(nil, &PlanRecorded{Row: row(1), Change: PlanNew}, authorityA, 5, begin)
	two := RecordPlan(one, &PlanRecorded{Row: row(2), Change: PlanNew}, authorityA, 6, begin)
	ended := row(1)
	ended.End = begin.Day()
	three := RecordPlan(two, &PlanRecorded{Row: ended, Change: PlanEnded, Of: 5}, authorityA, 7, begin+1)
	require.Len(t, one, 1)
	require.Zero(t, two[0].End)
	require.Equal(t, []Seq{7, 5}, []Seq{three[0].Seq, three[0].First})
	require.Equal(t, begin, three[0].Recorded)
	require.Equal(t, begin+1, three[0].Changed)
	require.Len(t, DeletePlan(three, 7), 1)
	require.Len(t, three, 2)
}
