package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever the facts, a span holds exactly the days on which somebody with a
// visible plan is in no live caseload: asked day by day, it is the same.
func TestGapsAreTheDaysInNoCaseload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const days = 40
		day := func(label string) Day { return Day(rapid.IntRange(1, days).Draw(t, label)) }
		maybe := func(d Day) Day {
			if rapid.Bool().Draw(t, "has an end") {
				return d
			}
			return 0
		}
		var plans []Plan
		for range rapid.IntRange(0, 3).Draw(t, "plans") {
			p := Plan{Authority: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "of"), Type: UnbornChild, Start: day("start")}
			if end := maybe(day("end")); end != 0 {
				p.End = max(end, p.Start) - shownAfterUnbornEnd // in sight until day end
			}
			plans = append(plans, p)
		}
		var stays []Stay
		for range rapid.IntRange(0, 3).Draw(t, "places") {
			s := Stay{Authority: rapid.SampledFrom([]string{"", "B", "C"}).Draw(t, "in")}
			for range rapid.IntRange(0, 2).Draw(t, "enrolments") {
				s.Enrolled = append(s.Enrolled, Enrolment{From: day("from"), To: maybe(day("to"))})
			}
			for range rapid.IntRange(0, 3).Draw(t, "assignments") {
				s.Assigned = append(s.Assigned, Assignment{From: day("from"), To: maybe(day("to"))})
			}
			stays = append(stays, s)
		}
		from := day("today")
		gaps := Gaps(plans, stays, from)
		for i := range gaps {
			require.NotEmpty(t, gaps[i].Spans)
			require.True(t, i == 0 || gaps[i-1].Authority < gaps[i].Authority)
		}
		for d := from; d <= days+5; d++ {
			want := map[string]bool{}
			shown, covered := false, false
			for i := range plans {
				if plans[i].Visible(d) {
					shown = true
					want[plans[i].Authority] = true
				}
			}
			for i := range stays {
				here, held := false, false
				for j := range stays[i].Enrolled {
					here = here || stays[i].Enrolled[j].At(d)
				}
				for j := range stays[i].Assigned {
					held = held || stays[i].Assigned[j].Live(d)
				}
				covered = covered || (here && held)
				if here && shown && stays[i].Authority != "" {
					want[stays[i].Authority] = true
				}
			}
			for _, authority := range []string{"A", "B", "C"} {
				have := false
				for i := range gaps {
					have = have || (gaps[i].Authority == authority && At(gaps[i].Spans, d))
				}
				require.Equal(t, want[authority] && !covered, have, "day %d of %s", d, authority)
			}
		}
	})
}

func TestWhoMayReadTheUnassigned(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1), row(2))
	manager := named(as(RoleSocialWorkManager, authorityA, "manager"))
	clerk := as(RoleChildHealth, nursing, "clerk")
	group := w.grant(w.cmd(manager, &ReadUnassigned{Authority: authorityA}))
	require.Equal(t, 2, only[*UnassignedRead](group)[0].Count)
	require.Len(t, only[*SubjectAccessed](group), 2)
	w.deny(RefusedOtherAuthority, w.cmd(manager, &ReadUnassigned{Authority: authorityB}))
	w.deny(RefusedOtherAuthority, w.cmd(clerk, &ReadUnassigned{Authority: authorityA}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleChildHealth, school.Code(), "c"), &ReadUnassigned{Authority: school.Code()}))
	w.grant(w.cmd(as(RoleUploader, authorityA, "up"), &RecordDirectory{Code: authorityA, Directory: Directory{OfficeHours: "1", ChildHealth: []string{nursing}}}))
	w.grant(w.cmd(clerk, &ReadUnassigned{Authority: authorityA}))

	// Somebody on a caseload is on no list.
	w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{{N: 1, Person: person(1), Place: school, From: w.now.Day()}}}))
	w.grant(w.cmd(as(RoleTeamLeader, nursing, "leader"), &Assign{Place: school, Subject: "nurse", From: w.now.Day(), To: w.now.Day() + 1}))
	group = w.grant(w.cmd(manager, &ReadUnassigned{Authority: authorityA}))
	require.Equal(t, person(2), group[len(group)-1].Person.Ref)
	w.now += 2 * 24 * Hour
	require.Equal(t, 2, only[*UnassignedRead](w.grant(w.cmd(manager, &ReadUnassigned{Authority: authorityA})))[0].Count)
}
