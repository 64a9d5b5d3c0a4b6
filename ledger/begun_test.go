package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// saysIn is [world.says], and returns the entry's number.
func (w *world) saysIn(place string, from Day, p Policy) Seq {
	w.says(place, from, p)
	group := w.groups[len(w.groups)-1]
	return group[len(group)-1].Seq
}

// taleOfBegun: policies of today, of days to come, and of a place above others;
// what begins is told once, also when the leader's clock leaps.
func taleOfBegun(w *world) {
	today := w.now.Day()
	w.says(emergency, today, Policy{Notify: No})
	w.says(emergency, today+1, Policy{Notify: Yes})
	w.says(Nation, today+1, Policy{Ended: Yes})
	w.says(practice, today+3, Policy{History: No})
	w.refuse(RefusedState, w.cmd(system(), &TellDue{Until: w.now}))
	w.now += 24 * Hour
	begun := w.grant(w.cmd(system(), &TellDue{Until: w.now}))
	w.now += 7 * 24 * Hour
	w.grant(w.cmd(system(), &TellDue{Until: w.now + 1000*Hour}))
	w.grant(w.cmd(named(as(RoleSiteIG, emergency, "site")), &OpenNotification{Notification: begun[1].Seq, Site: true}))
	w.grant(w.cmd(named(as(RoleSiteIG, emergency, "site")), &Acknowledge{Notification: begun[1].Seq, Site: true}, PayloadNote))
}

// A place is told on the day that its policy begins, once, and of nobody.
func TestAPlaceIsToldWhenItsPolicyBegins(t *testing.T) {
	w := goldenWorld(t, 4)
	today := w.now.Day()
	w.says(emergency, today, Policy{Notify: No}) // whoever records it today need not be told of it today
	later := w.saysIn(emergency, today+2, Policy{Notify: Yes})
	above := w.saysIn(Nation, today+2, Policy{Ended: Yes})
	authority := w.saysIn(authorityA, today+2, Policy{Ended: No})
	for range 2 {
		w.refuse(RefusedState, w.cmd(system(), &TellDue{Until: w.now + 1000*24*Hour})) // its day is the ledger's, not the clock's
		w.now += 24 * Hour
	}
	group := w.grant(w.cmd(system(), &TellDue{Until: w.now}))
	require.Equal(t, []Seq{later, above, authority}, group[0].Event.(*TransitionsDue).Begun)
	told := only[*NotificationQueued](group)
	require.Len(t, told, 3)
	for i, want := range []NotificationQueued{
		{Type: NotifyPolicy, Authority: emergency, Of: later, Organisation: emergency},
		{Type: NotifyPolicy, Authority: Nation, Of: above, Organisation: Nation},
		{Type: NotifyPolicy, Authority: authorityA, Of: authority, Organisation: authorityA},
	} {
		require.Equal(t, &want, told[i])
		require.Nil(t, group[1+i].Person)
	}
	w.refuse(RefusedState, w.cmd(system(), &TellDue{Until: w.now}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleSiteIG, practice, "x"), &OpenNotification{Notification: group[1].Seq, Site: true}))
	w.grant(w.cmd(as(RoleSiteIG, emergency, "x"), &OpenNotification{Notification: group[1].Seq, Site: true}))
	w.grant(w.cmd(as(RoleSocialWorkManager, authorityA, "m"), &OpenNotification{Notification: group[3].Seq}))
}

// More than one command tells begins on one day, and all of it is told.
func TestManyPoliciesBeginOnOneDay(t *testing.T) {
	w := goldenWorld(t, 4)
	var want []Seq
	for range 2*MaxDue + 3 {
		want = append(want, w.saysIn(emergency, w.now.Day()+1, Policy{Notify: Yes}))
	}
	w.now += 24 * Hour
	var have []Seq
	for range 3 {
		have = append(have, w.grant(w.cmd(system(), &TellDue{Until: w.now}))[0].Event.(*TransitionsDue).Begun...)
	}
	require.Equal(t, want, have)
	w.refuse(RefusedState, w.cmd(system(), &TellDue{Until: w.now}))
}

// A log that is raised to version 4 has the policies told that were recorded
// under the third and have yet to begin.
func TestRaisedRulesKnowThePoliciesToCome(t *testing.T) {
	w := goldenWorld(t, 3)
	w.says(emergency, w.now.Day(), Policy{Notify: Yes})
	want := w.saysIn(emergency, w.now.Day()+1, Policy{Notify: No})
	w.grant(w.cmd(system(), &RaiseRules{To: 4}))
	w.now += 24 * Hour
	group := w.grant(w.cmd(system(), &TellDue{Until: w.now}))
	require.Equal(t, []Seq{want}, group[0].Event.(*TransitionsDue).Begun)
}
