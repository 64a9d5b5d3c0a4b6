package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// due has the system tell what is due now, and returns the entries.
func (w *world) due() []Entry {
	w.t.Helper()
	return w.grant(w.cmd(system(), &TellDue{Until: w.now}))
}

// nothingDue wants nothing to be due.
func (w *world) nothingDue() {
	w.t.Helper()
	w.refuse(RefusedState, w.cmd(system(), &TellDue{Until: w.now}))
}

// outlast lets time go by until nothing more climbs.
func (w *world) outlast() {
	w.t.Helper()
	for {
		next := Time(0)
		for _, n := range w.view.notifications {
			if n.Due != 0 && (next == 0 || n.Due < next) {
				next = n.Due
			}
		}
		if next == 0 {
			return
		}
		w.now = max(w.now, next)
		w.due()
	}
}

// allocated is a row with a worker and a team.
func allocated(n byte, worker, team string) Row {
	r := row(n)
	if worker != "" {
		r.Worker = tag("worker " + worker)
	}
	if team != "" {
		r.Team = tag("team " + team)
	}
	return r
}

// opens asks to open a notification as somebody of a team.
func opens(id Seq, who Actor) *OpenNotification {
	q := &OpenNotification{Notification: id, As: []Tag{tag("worker " + who.Subject)}}
	if who.Team != "" {
		q.As = append(q.As, tag("team "+who.Team))
	}
	return q
}

// at moves the world to a time of day in London, in winter.
func (w *world) at(day Day, hour, minute int) {
	w.now = day.Start() + Time(hour)*Hour + Time(minute)*Minute
}

// lives is the tale of a notification that nobody reads, and of what falls due by
// time alone.
func lives(w *world) {
	t := w.t
	w.outlast()
	day := w.now.Day() + 1
	for (int(day)+4)%7 != 1 {
		day++ // a Monday
	}
	w.at(day, 10, 0)
	w.grant(w.cmd(as(RoleSocialWorkManager, authorityA, "swm"), &RecordLadder{Ladder: Ladder{From: day, Worker: 30, Team: 45, Manager: 60, Emergency: 15, Opens: 8 * 60, Closes: 18 * 60}}))
	w.load(authorityA, 50, allocated(50, "sw1", "north"))
	seen := w.grant(w.cmd(clinician(), &LookUp{Person: person(50)}, PayloadAccess))
	id := only[*Accessed](seen)[0].Notifications[0]
	w.nothingDue()
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, emergency, "a"), &TellDue{Until: w.now}))
	for _, next := range []struct {
		after Time
		to    Rung
	}{{30 * Minute, RungTeam}, {45 * Minute, RungManager}, {60 * Minute, RungSite}} {
		w.now += next.after - 1
		w.nothingDue()
		w.now++
		e := only[*NotificationEscalated](w.due())[0]
		require.Equal(t, id, e.Notification)
		require.Equal(t, next.to, e.To)
		w.nothingDue()
	}
	told := w.waiting(emergency, NotifyUnread)
	told = told[len(told)-1:]
	require.Equal(t, id, w.view.notifications[told[0]].After, "the site is told")
	sister := as(RoleSiteIG, emergency, "site")
	w.refuse(RefusedNotFound, w.cmd(sister, &OpenNotification{Notification: id, Site: true}))
	w.refuse(RefusedNotFound, w.cmd(as(RoleSocialWorker, emergency, "x"), &OpenNotification{Notification: told[0]}))
	w.deny(RefusedRole, w.cmd(sister, &OpenNotification{Notification: told[0]}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleSiteIG, practice, "gp"), &OpenNotification{Notification: told[0], Site: true}))
	w.grant(w.cmd(sister, &OpenNotification{Notification: told[0], Site: true}))
	w.grant(w.cmd(sister, &Acknowledge{Notification: told[0], Site: true}, PayloadNote))

	covering := as(RoleSocialWorker, authorityA, "sw9")
	second := w.grant(w.cmd(clinician(), &LookUp{Person: person(50), Attendance: tag("second")}, PayloadAccess))
	id = only[*Accessed](second)[0].Notifications[0]
	w.refuse(RefusedReasonMissing, w.cmd(covering, opens(id, covering)))
	opened := only[*NotificationOpened](w.grant(w.cmd(covering, opens(id, covering), PayloadReason)))[0]
	require.True(t, opened.Cover)
	w.grant(w.cmd(covering, &Acknowledge{Notification: id}, PayloadNote))
	w.now += 5 * Hour
	w.nothingDue()

	expecting := Row{Person: person(51), Type: UnbornChild, Start: w.now.Day() - 9, End: w.now.Day() + 20, Birth: tag("b"), Content: tag("c")}
	grown := row(52)
	grown.LastDay = w.now.Day() + 6
	w.load(authorityA, 51, expecting, grown)
	w.nothingDue()
	w.now += 6 * 24 * Hour
	group := w.due()
	require.Equal(t, 2, group[0].Event.(*TransitionsDue).Tasks)
	tasks := only[*NotificationQueued](group)
	require.ElementsMatch(t, []NotificationType{NotifyLapsing, NotifyComingOfAge}, []NotificationType{tasks[0].Type, tasks[1].Type})
	w.nothingDue()

	w.deny(RefusedOrganisation, w.cmd(as(RoleUploader, emergency, "x"), &RecordLadder{Ladder: usualLadder}))
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, authorityA, "x"), &RecordLadder{Ladder: usualLadder}))
	w.refuse(RefusedPast, w.cmd(as(RoleUploader, authorityA, "x"), &RecordLadder{Ladder: usualLadder}))
	w.refuse(RefusedState, w.cmd(as(RoleUploader, authorityA, "x"), &RecordLadder{}))
}

// From when to when an authority works, and who comes after whom.
func TestWhoComesNext(t *testing.T) {
	d := &Directory{BankHolidays: []string{"2026-04-03"}}
	at := func(s string) Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, london(t))
		require.NoError(t, err)
		return Of(v)
	}
	for _, c := range []struct {
		at   string
		from Rung
		to   Rung
	}{
		{"2026-01-12 09:00", RungWorker, RungTeam},
		{"2026-01-12 08:59", RungWorker, RungEmergency},
		{"2026-01-12 16:59", RungTeam, RungManager},
		{"2026-01-12 17:00", RungTeam, RungEmergency},
		{"2026-01-16 12:00", RungManager, RungSite}, // nobody above the manager while the authority works
		{"2026-01-16 17:00", RungManager, RungEmergency},
		{"2026-01-17 12:00", RungWorker, RungEmergency}, // a Saturday
		{"2026-01-18 12:00", RungTeam, RungEmergency},
		{"2026-04-03 12:00", RungWorker, RungEmergency}, // Good Friday
		{"2026-07-06 09:00", RungWorker, RungTeam},      // in summer time
		{"2026-07-06 08:59", RungWorker, RungEmergency},
		{"2026-01-12 12:00", RungEmergency, RungSite},
		{"2026-01-12 22:00", RungEmergency, RungSite},
	} {
		require.Equal(t, c.to, d.after(c.from, at(c.at)), "%s from %s", c.at, c.from)
	}
}

// Ladders are dated: the newest of a day holds, one for a day to come waits, and
// what was replaced is dropped.
func TestLaddersAreDated(t *testing.T) {
	var d Directory
	l := func(from Day, minutes int) Ladder {
		x := usualLadder
		x.From, x.Worker = from, minutes
		return x
	}
	add := func(today Day, x Ladder) { d.Ladders = addLadder(d.Ladders, x, today) }
	require.Equal(t, Hour, func() Time { l := d.LadderOn(10); return l.has(RungWorker) }())
	add(10, l(10, 11))
	add(10, l(20, 22))
	add(10, l(15, 33))
	for day, want := range map[Day]int{9: 60, 10: 11, 14: 11, 15: 33, 19: 33, 20: 22, 99: 22} {
		x := d.LadderOn(day)
		require.Equal(t, want, x.Worker, "day %d", day)
	}
	add(10, l(10, 44))
	require.Len(t, d.Ladders, 3)
	x := d.LadderOn(10)
	require.Equal(t, 44, x.Worker)
	add(17, l(17, 55))
	require.Equal(t, []Ladder{l(17, 55), l(20, 22)}, d.Ladders)
}

// A record of the directory, or of the organisation, leaves the ladder as it is.
func TestALadderOutlivesTheDirectory(t *testing.T) {
	w := newWorld(t)
	mine := usualLadder
	mine.From, mine.Team = w.now.Day(), 7
	uploader := as(RoleUploader, authorityA, "up")
	w.grant(w.cmd(uploader, &RecordLadder{Ladder: mine}))
	w.grant(w.cmd(uploader, &RecordDirectory{Code: authorityA, Directory: Directory{OfficeHours: "1"}}))
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{Code: authorityA, Name: "A", Sort: SortAuthority,
		Directory: Directory{OfficeHours: "2"}}}))
	dir := w.view.organisations[authorityA].Directory
	require.Equal(t, "2", dir.OfficeHours)
	require.Equal(t, []Ladder{mine}, dir.Ladders)
	w.refuse(RefusedState, w.cmd(uploader, &RecordLadder{Ladder: Ladder{From: w.now.Day(), Worker: 4, Team: 60, Manager: 60, Emergency: 60, Closes: 9}}))
	for i := range maxLadders - 1 {
		mine.From = w.now.Day() + Day(i) + 1
		w.grant(w.cmd(uploader, &RecordLadder{Ladder: mine}))
	}
	mine.From += 1
	w.refuse(RefusedState, w.cmd(uploader, &RecordLadder{Ladder: mine}))
}

// Who may open what: the worker and the team, whomever it has climbed to, and
// everybody else with a reason.
func TestWhomANotificationIsFor(t *testing.T) {
	worker, colleague := as(RoleSocialWorker, authorityA, "sw1"), as(RoleSocialWorker, authorityA, "sw2")
	teammate, manager := as(RoleSocialWorker, authorityA, "sw3"), as(RoleSocialWorkManager, authorityA, "swm")
	teammate.Team = "north"
	for _, c := range []struct {
		worker, team string
		rung         Rung
		free         []Actor
	}{
		{"", "", RungTeam, []Actor{worker, colleague, teammate, manager}},
		{"sw1", "", RungWorker, []Actor{worker}},
		{"sw1", "", RungTeam, []Actor{worker, colleague, teammate, manager}},
		{"sw1", "north", RungWorker, []Actor{worker, teammate}},
		{"sw1", "north", RungTeam, []Actor{worker, teammate}},
		{"", "north", RungTeam, []Actor{teammate}},
		{"sw1", "north", RungManager, []Actor{worker, teammate, manager}},
		{"sw1", "north", RungEmergency, []Actor{worker, colleague, teammate, manager}},
		{"sw1", "north", RungSite, []Actor{worker, colleague, teammate, manager}},
	} {
		for _, who := range []Actor{worker, colleague, teammate, manager} {
			w := newWorld(t)
			w.load(authorityA, 1, allocated(1, c.worker, c.team))
			id := only[*Accessed](w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)))[0].Notifications[0]
			require.Equal(t, c.worker != "", w.view.notifications[id].Rung == RungWorker)
			w.view.change(id, true, func(n *Notification) { n.Rung = c.rung })
			name := fmt.Sprintf("%+v, %s", c, who.Subject)
			free := false
			for _, f := range c.free {
				free = free || f.Subject == who.Subject
			}
			if !free {
				w.refuse(RefusedReasonMissing, w.cmd(who, opens(id, who)))
			}
			d, err := Decide(w.view, w.head, w.cmd(who, opens(id, who), PayloadReason))
			require.NoError(t, err)
			opened := d.Happened[0].Event.(*NotificationOpened)
			require.Equal(t, !free, opened.Cover, name)
			require.Len(t, d.Happened[0].Sealed, map[bool]int{true: 0, false: 1}[free], "the reason is kept where it is needed: %s", name)
		}
	}
}

// A plan that is corrected, ended or lapsed after the notification keeps its
// worker's right to open it, and another's has none.
func TestACorrectedPlanKeepsItsWorker(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, allocated(1, "sw1", "north"))
	id := only[*Accessed](w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)))[0].Notifications[0]
	moved := allocated(1, "sw2", "south")
	w.load(authorityA, 2, moved)
	plan := w.view.plans[person(1)][0]
	require.Equal(t, moved.Worker, plan.Worker, "another worker is a change of the plan")
	was, now := as(RoleSocialWorker, authorityA, "sw1"), as(RoleSocialWorker, authorityA, "sw2")
	w.refuse(RefusedReasonMissing, w.cmd(was, opens(id, was)))
	require.False(t, only[*NotificationOpened](w.grant(w.cmd(now, opens(id, now))))[0].Cover)
}

// Whatever the clock does and whoever asks: each notification climbs each rung
// once, in order, none sooner than its rung has, none after it was acknowledged;
// and each site is told once.
func TestAnyClockClimbsEachRungOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		w.load(authorityA, 1, allocated(1, "sw1", "north"), row(2))
		worker := as(RoleSocialWorker, authorityA, "sw1")
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			w.now += Time(rapid.Int64Range(-int64(2*Hour), int64(3*Hour)).Draw(rt, "clock"))
			if rapid.IntRange(0, 9).Draw(rt, "leap") == 0 {
				w.now += Time(rapid.Int64Range(0, 40*24*int64(Hour)).Draw(rt, "far"))
			}
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				p := rapid.ByteRange(1, 2).Draw(rt, "person")
				w.do(w.cmd(clinician(), &LookUp{Person: person(p), Attendance: tag(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "attendance"))}, PayloadAccess))
			case 1, 2:
				w.do(w.cmd(SystemActor(rapid.SampledFrom([]string{"n1", "n2"}).Draw(rt, "leader")), &TellDue{Until: w.now}))
			case 3:
				id := Seq(rapid.Uint64Range(0, uint64(w.head.Size)).Draw(rt, "which"))
				w.do(w.cmd(worker, opens(id, worker), PayloadReason))
				w.do(w.cmd(worker, &Acknowledge{Notification: id}, PayloadNote))
			}
		}
		type state struct {
			rung    Rung
			next    Time
			settled bool
		}
		at, unread := map[Seq]*state{}, map[Seq]int{}
		for _, group := range w.groups {
			for i := range group {
				now := group[i].Time
				switch e := group[i].Event.(type) {
				case *NotificationQueued:
					if e.Type == NotifyAccess {
						at[group[i].Seq] = &state{rung: RungTeam, next: now + Hour}
						if group[i].Person.Ref == person(1) {
							at[group[i].Seq].rung = RungWorker
						}
					}
					if e.Type == NotifyUnread {
						unread[e.After]++
						require.Equal(rt, RungSite, at[e.After].rung)
					}
				case *NotificationEscalated:
					s := at[e.Notification]
					require.False(rt, s.settled)
					require.Greater(rt, e.To, s.rung)
					require.GreaterOrEqual(rt, now, s.next)
					require.Equal(rt, e.To == RungSite, e.Next == 0)
					s.rung, s.next = e.To, e.Next
				case *NotificationAcknowledged:
					at[e.Notification].settled = true
				}
			}
		}
		for id, s := range at {
			require.Equal(rt, s.rung == RungSite, unread[id] == 1)
			require.Equal(rt, s.rung, w.view.notifications[id].Rung)
		}
	})
}
