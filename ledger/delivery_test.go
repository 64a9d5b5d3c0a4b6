package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// waiting lists an authority's notifications of a type that were never attempted.
func (w *world) waiting(authority string, t NotificationType) []Seq {
	var out []Seq
	for id, n := range w.view.notifications {
		if n.Authority == authority && n.Type == t && id > w.view.outboxes[outboxOf(authority, t)].Through {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out[:min(len(out), MaxDelivery)]
}

func (w *world) attempt(q *AttemptDelivery) *NotificationAttempted {
	w.t.Helper()
	q.Way = ByMESH
	return only[*NotificationAttempted](w.grant(w.cmd(system(), q)))[0]
}

// seen has a person with plans of both authorities looked up, and returns the
// notification of the first.
func (w *world) seen(p PersonRef) Seq {
	w.t.Helper()
	w.grant(w.cmd(clinician(), &LookUp{Person: p, Attendance: tag(fmt.Sprint("attendance ", w.n))}, PayloadAccess))
	ids := w.waiting(authorityA, NotifyAccess)
	return ids[len(ids)-1]
}

// One attempt at a time, each notification in one of them, none of another
// authority or type, none twice; and what failed is tried anew, whole.
func TestAttempts(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	w.load(authorityB, 1, row(1))
	one, two := w.seen(person(1)), w.seen(person(1))
	theirs := w.waiting(authorityB, NotifyAccess)[0]
	for name, q := range map[string]*AttemptDelivery{
		"none":              {Authority: authorityA, Type: NotifyAccess, Way: ByMESH},
		"another authority": {Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: []Seq{theirs}},
		"another type":      {Authority: authorityA, Type: NotifyInactive, Way: ByMESH, Notifications: []Seq{one}},
		"no message of it":  {Authority: authorityA, Type: NotifyMissed, Way: ByMESH, Notifications: []Seq{one}},
		"no way":            {Authority: authorityA, Type: NotifyAccess, Notifications: []Seq{one}},
		"out of order":      {Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: []Seq{two, one}},
		"twice":             {Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: []Seq{one, one}},
		"not there":         {Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: []Seq{one - 1}},
		"of no failure":     {Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Instead: one},
		"too many":          {Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: make([]Seq, MaxDelivery+1)},
	} {
		require.Equal(t, RefusedState, w.refuse(RefusedState, w.cmd(system(), q)).Refusal.Code, name)
	}
	e := w.attempt(&AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Notifications: []Seq{one}})
	require.Equal(t, []Named{{authorityA, "Aldershire"}, {emergency, "Felpersham General"}}, e.Names)
	first := w.view.outboxes[outboxOf(authorityA, NotifyAccess)].Open
	w.refuse(RefusedState, w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: []Seq{two}}))
	w.attempt(&AttemptDelivery{Authority: authorityB, Type: NotifyAccess, Notifications: []Seq{theirs}}) // they do not wait for each other

	w.grant(w.cmd(system(), &SettleDelivery{Attempt: first, Code: "mesh-refused"}))
	require.Equal(t, NotificationIsFailed, w.view.notifications[one].State)
	w.refuse(RefusedState, w.cmd(system(), &SettleDelivery{Attempt: first}))
	w.refuse(RefusedState, w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Instead: first, Notifications: []Seq{two}}))
	w.refuse(RefusedState, w.cmd(system(), &AttemptDelivery{Authority: authorityB, Type: NotifyAccess, Way: ByMESH, Instead: first}))
	w.attempt(&AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Notifications: []Seq{two}}) // nor does what follows wait for it
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: w.view.outboxes[outboxOf(authorityA, NotifyAccess)].Open, Message: "m"}))
	again := w.attempt(&AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Instead: first})
	require.Equal(t, []Seq{one}, again.Notifications)
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: w.view.outboxes[outboxOf(authorityA, NotifyAccess)].Open}))
	for _, id := range []Seq{one, two} {
		require.Equal(t, NotificationIsDelivered, w.view.notifications[id].State)
	}
	w.refuse(RefusedState, w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Instead: first}))
}

// What somebody of the authority did is more than that a message arrived: it is
// never overwritten, and a notification that failed can be opened and acted on.
func TestDeliveryOverwritesNobodysAct(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	worker := as(RoleSocialWorker, authorityA, "sw")
	opened, failed := w.seen(person(1)), w.seen(person(1))
	w.grant(w.cmd(worker, &OpenNotification{Notification: opened}))
	w.attempt(&AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Notifications: []Seq{opened, failed}})
	first := w.view.outboxes[outboxOf(authorityA, NotifyAccess)].Open
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: first}))
	require.Equal(t, NotificationIsOpened, w.view.notifications[opened].State)
	require.Equal(t, NotificationIsDelivered, w.view.notifications[failed].State)
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: first, Code: "mesh-14"}))
	require.Equal(t, NotificationIsOpened, w.view.notifications[opened].State)
	require.Equal(t, NotificationIsFailed, w.view.notifications[failed].State)
	require.True(t, last[*NotificationOpened](t, w.grant(w.cmd(worker, &OpenNotification{Notification: failed}))).First)
	w.grant(w.cmd(worker, &Acknowledge{Notification: failed}, PayloadNote))
	w.attempt(&AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Instead: first})
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: w.view.outboxes[outboxOf(authorityA, NotifyAccess)].Open}))
	require.Equal(t, NotificationIsAcknowledged, w.view.notifications[failed].State)
}

// An entry says of whom whereabouts are not told, and does not name where they
// were seen.
func TestAttemptsHideRestrictedPeople(t *testing.T) {
	w := newWorld(t)
	sealed := row(1)
	sealed.Restricted = true
	w.load(authorityA, 1, sealed, row(2))
	hidden := w.seen(person(1))
	e := w.attempt(&AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Notifications: []Seq{hidden}})
	require.Equal(t, []Seq{hidden}, e.Hidden)
	require.Equal(t, []Named{{authorityA, "Aldershire"}}, e.Names)
}

// The longest batch, from as many places with long names, fits in a record.
func TestTheLongestBatchFits(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	w.head.Size += 1 << 40 // sequence numbers of nine bytes
	for i := range MaxDelivery {
		code := fmt.Sprintf("ZZ%08d", i)
		w.view.organisations[code] = Organisation{Code: code, Name: strings.Repeat("é", 3<<10), Setting: SettingUnscheduled}
		id := w.head.Size + Seq(i) + 1<<40
		w.view.notifications[id] = Notification{ID: id, Type: NotifyAccess, Authority: authorityA, Person: person(1), Organisation: code}
	}
	d, err := Decide(w.view, w.head, w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: w.waiting(authorityA, NotifyAccess)}))
	require.NoError(t, err)
	require.Nil(t, d.Refusal)
	_, _, err = Seal(w.head, d.As, d, w.personHead)
	require.NoError(t, err)
	e := d.Happened[0].Event.(*NotificationAttempted)
	require.Len(t, e.Notifications, MaxDelivery)
	require.Greater(t, len(e.Names), 10)
}

// Whatever happens, a notification is in one attempt that counts, an outbox has
// one open attempt at most, and what is delivered was attempted.
func TestAnyDeliveryLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		w.load(authorityA, 1, row(1), row(2))
		all := 0
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			box := w.view.outboxes[outboxOf(authorityA, NotifyAccess)]
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				w.seen(person(1))
				all++
			case 1:
				w.do(w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: w.waiting(authorityA, NotifyAccess)}))
			case 2:
				code := rapid.SampledFrom([]string{"", "mesh-refused"}).Draw(rt, "code")
				w.do(w.cmd(system(), &SettleDelivery{Attempt: box.Open, Code: code}))
			case 3:
				if len(box.Failed) > 0 {
					w.do(w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Instead: box.Failed[0]}))
				}
			}
			counts := map[Seq]int{}
			for _, id := range w.waiting(authorityA, NotifyAccess) {
				counts[id]++
			}
			for _, a := range w.view.attempts {
				if a.State != AttemptIsReplaced {
					for _, id := range a.Notifications {
						counts[id]++
						require.Equal(rt, a.State == AttemptIsDelivered, w.view.notifications[id].State == NotificationIsDelivered)
					}
				}
			}
			require.Len(rt, counts, all)
			for _, n := range counts {
				require.Equal(rt, 1, n)
			}
		}
	})
}
