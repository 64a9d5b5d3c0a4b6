package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// attendances is the tale of what rules version 3 tells of attendances: looks of
// one are one notification, the next is another and says so, and what was of the
// wrong person is taken back.
func attendances(w *world) {
	t := w.t
	w.load(authorityA, 40, row(40))
	doctor, colleague := clinician(), as(RoleClinician, emergency, "555002")
	look := func(who Actor, attendance string) (*Accessed, []*NotificationQueued, Seq) {
		q := &LookUp{Person: person(40)}
		if attendance != "" {
			q.Attendance = tag(attendance)
		}
		group := w.grant(w.cmd(who, q, PayloadAccess))
		return only[*Accessed](group)[0], only[*NotificationQueued](group), group[0].Seq
	}
	first, queued, seq := look(doctor, "a1")
	require.Len(t, queued, 1)
	require.Equal(t, []Seq{seq + 1}, first.Notifications)
	require.Zero(t, queued[0].After)
	second, queued, again := look(colleague, "a1")
	require.Empty(t, queued, "one attendance, one notification")
	require.Equal(t, first.Notifications, second.Notifications)
	require.Equal(t, []string{authorityA}, second.Told, "each access records whom it told")
	third, queued, _ := look(doctor, "a2")
	require.Len(t, queued, 1)
	require.Equal(t, first.Notifications[0], queued[0].After, "it is told that the person attended before")

	require.Empty(t, only[*NotificationWithdrawn](w.grant(w.cmd(doctor, &CorrectAccess{Access: seq}, PayloadReason))), "a colleague's look still stands")
	taken := w.grant(w.cmd(colleague, &CorrectAccess{Access: again}, PayloadReason))
	require.Equal(t, first.Notifications[0], only[*NotificationWithdrawn](taken)[0].Notification)
	require.Equal(t, []string{authorityA}, only[*AccessCorrected](taken)[0].Told)
	require.Equal(t, NotificationIsWithdrawn, w.view.notifications[first.Notifications[0]].State)
	require.Equal(t, NotificationIsQueued, w.view.notifications[third.Notifications[0]].State)
	worker := as(RoleSocialWorker, authorityA, "sw")
	require.False(t, last[*NotificationOpened](t, w.grant(w.cmd(worker, &OpenNotification{Notification: first.Notifications[0]}))).First)
	w.refuse(RefusedState, w.cmd(worker, &Acknowledge{Notification: first.Notifications[0]}, PayloadNote))

	act := &ActOnNotification{Notification: third.Notifications[0]}
	w.refuse(RefusedState, w.cmd(worker, act, PayloadNote))
	w.grant(w.cmd(worker, &OpenNotification{Notification: act.Notification}))
	w.grant(w.cmd(worker, &Acknowledge{Notification: act.Notification}, PayloadNote))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleSocialWorker, authorityB, "sw2"), act, PayloadNote))
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, emergency, "a"), act, PayloadNote))
	require.Len(t, w.grant(w.cmd(worker, act, PayloadNote))[0].Commitments, 1)
	w.refuse(RefusedAlready, w.cmd(worker, act, PayloadNote))
	w.refuse(RefusedAlready, w.cmd(worker, &Acknowledge{Notification: act.Notification}, PayloadNote))
	w.refuse(RefusedNotFound, w.cmd(worker, &ActOnNotification{}, PayloadNote))
}

// What is one attendance, and for how long.
func TestLooksOfOneAttendanceAreOneNotification(t *testing.T) {
	other := as(RoleClinician, "RX2", "555003")
	for _, c := range []struct {
		name          string
		first, second string
		who           Actor
		after         Time
		person        byte
		merged        bool
	}{
		{"the same name", "a", "a", clinician(), 6 * 24 * Hour, 1, true},
		{"the same name, a day too late", "a", "a", clinician(), attendanceLasts + 1, 1, false},
		{"another name", "a", "b", clinician(), Minute, 1, false},
		{"no name, the same place", "", "", clinician(), mergedWithin, 1, true},
		{"no name, the same place, too late", "", "", clinician(), mergedWithin + 1, 1, false},
		{"no name, another place", "", "", other, Minute, 1, false},
		{"a name, then none", "a", "", clinician(), Minute, 1, false},
		{"none, then a name", "", "a", clinician(), Minute, 1, false},
		{"another person", "a", "a", clinician(), Minute, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{
				Code: "RX2", Sort: SortTrust, Setting: SettingUnscheduled}}))
			w.load(authorityA, 1, row(1), row(2))
			look := func(who Actor, p byte, attendance string) *Accessed {
				q := &LookUp{Person: person(p)}
				if attendance != "" {
					q.Attendance = tag(attendance)
				}
				return only[*Accessed](w.grant(w.cmd(who, q, PayloadAccess)))[0]
			}
			first := look(clinician(), 1, c.first)
			w.now += c.after
			second := look(c.who, c.person, c.second)
			require.Equal(t, []string{authorityA}, second.Told)
			require.Equal(t, c.merged, first.Notifications[0] == second.Notifications[0])
			n := w.view.notifications[second.Notifications[0]]
			require.Equal(t, !c.merged && c.person == 1, n.After == first.Notifications[0])
			if c.merged {
				require.Equal(t, 2, n.Accesses)
				require.Equal(t, w.now, n.Latest)
			}
		})
	}
}

// Under earlier rules every access was its own notification, and still is when
// it is decided again.
func TestEveryAccessWasItsOwnNotification(t *testing.T) {
	w := worldUnder(t, 2)
	w.load(authorityA, 1, row(1))
	for range 2 {
		group := w.grant(w.cmd(clinician(), &LookUp{Person: person(1), Attendance: tag("a")}, PayloadAccess))
		require.Len(t, only[*NotificationQueued](group), 1)
		require.Empty(t, only[*Accessed](group)[0].Notifications)
		corrected := w.grant(w.cmd(clinician(), &CorrectAccess{Access: group[0].Seq}, PayloadReason))
		require.Len(t, only[*NotificationQueued](corrected), 1)
		require.Empty(t, only[*NotificationWithdrawn](corrected))
	}
}

// An access recorded before the rules were raised is corrected after: its own
// notification is taken back.
func TestAnEarlierNotificationIsTakenBack(t *testing.T) {
	w := worldUnder(t, 2)
	w.load(authorityA, 1, row(1))
	group := w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess))
	w.grant(w.cmd(system(), &RaiseRules{To: 3}))
	corrected := w.grant(w.cmd(clinician(), &CorrectAccess{Access: group[0].Seq}, PayloadReason))
	require.Equal(t, group[1].Seq, only[*NotificationWithdrawn](corrected)[0].Notification)
}

// A notification that was taken back is not merged into, and the one before it is
// what the next attendance comes after.
func TestWhatWasTakenBackTellsOfNothing(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	look := func(attendance string) (Seq, *NotificationQueued) {
		group := w.grant(w.cmd(clinician(), &LookUp{Person: person(1), Attendance: tag(attendance)}, PayloadAccess))
		return group[0].Seq, only[*NotificationQueued](group)[0]
	}
	earlier, _ := look("a")
	wrong, _ := look("b")
	w.grant(w.cmd(clinician(), &CorrectAccess{Access: wrong}, PayloadReason))
	_, n := look("b")
	require.Equal(t, earlier+1, n.After)
}

// I9, whatever happens: each authority that an access told has one notification
// that the access names, of that authority and person; each notification of an
// access is named by it; and one is withdrawn exactly when every access that
// names it was corrected.
func TestEachToldAccessNamesItsNotification(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		w.load(authorityA, 1, row(1), row(2))
		w.load(authorityB, 1, row(1))
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			w.now += Time(rapid.Int64Range(0, int64(5*Hour)).Draw(rt, "later"))
			who := rapid.SampledFrom([]Actor{clinician(), as(RoleClinician, emergency, "555002")}).Draw(rt, "who")
			if rapid.IntRange(0, 3).Draw(rt, "correct") == 0 {
				w.do(w.cmd(who, &CorrectAccess{Access: Seq(rapid.Uint64Range(0, uint64(w.head.Size)).Draw(rt, "which"))}, PayloadReason))
				continue
			}
			q := &LookUp{Person: person(rapid.ByteRange(1, 2).Draw(rt, "person"))}
			if rapid.Bool().Draw(rt, "named") {
				q.Attendance = tag(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "attendance"))
			}
			w.do(w.cmd(who, q, PayloadAccess))
		}
		requireToldByName(rt, w)
	})
}

// requireToldByName is I9 under rules version 3, from the entries alone.
func requireToldByName(t rapid.TB, w *world) {
	type notice struct {
		of        Seq
		authority string
		person    PersonRef
	}
	notices, named, standing := map[Seq]notice{}, map[Seq][]Seq{}, map[Seq]int{}
	tells := map[Seq][]Seq{}
	withdrawn := map[Seq]bool{}
	for _, group := range w.groups {
		for i := range group {
			if n, ok := group[i].Event.(*NotificationQueued); ok && n.Type == NotifyAccess {
				notices[group[i].Seq] = notice{n.Of, n.Authority, group[i].Person.Ref}
			}
		}
		for i := range group {
			switch e := group[i].Event.(type) {
			case *Accessed:
				require.Len(t, e.Notifications, len(e.Told))
				for j, id := range e.Notifications {
					n, ok := notices[id]
					require.True(t, ok, "a notification that is not there")
					require.Equal(t, e.Told[j], n.authority)
					require.Equal(t, group[i].Person.Ref, n.person)
					require.False(t, withdrawn[id])
					named[id] = append(named[id], group[i].Seq)
					standing[id]++
				}
				tells[group[i].Seq] = e.Notifications
			case *AccessCorrected:
				for _, id := range tells[e.Access] {
					standing[id]--
				}
			case *NotificationWithdrawn:
				withdrawn[e.Notification] = true
			}
		}
	}
	for id, n := range notices {
		require.NotEmpty(t, named[id])
		require.Equal(t, n.of, named[id][0], "it is queued for the first access that names it")
		require.Equal(t, standing[id] == 0, withdrawn[id])
		require.Equal(t, standing[id], w.view.notifications[id].Accesses)
	}
}
