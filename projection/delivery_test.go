package projection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func (w *world) attempt(q *ledger.AttemptDelivery) Answer {
	w.t.Helper()
	q.Way = ledger.ByMESH
	a := w.must(ledger.SystemActor("n1"), q)
	require.NotNil(w.t, a.Delivery)
	return a
}

// What a batch tells is the same whenever it is opened again, whatever was
// recorded between; and it tells each authority of its own plans only, with the
// number of the file that supplied them.
func TestABatchOpenedAgainIsTheSame(t *testing.T) {
	w := newWorld(t)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	w.plan("LA1", 7, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	w.plan("LA2", 3, w.row(1, nhsChild, ledger.LookedAfter, "2026-01-10", ""))
	_, _, seen := w.lookup(doctor, nhsChild, nil)
	require.Len(t, seen.Told, 2)
	waiting, err := View{w.db}.Undelivered("LA1", ledger.NotifyAccess)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	first := w.attempt(&ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyAccess, Notifications: []ledger.Seq{waiting[0].ID}})
	d := first.Delivery
	require.Equal(t, first.Seq, d.Attempt)
	require.Equal(t, first.At, d.At)
	require.Len(t, d.Items, 1)
	require.Len(t, d.Items[0].Plans, 1)
	require.Equal(t, "LA1", d.Items[0].Plans[0].Plan.Authority)
	require.Equal(t, int64(7), d.Items[0].File)
	require.Equal(t, seen.At, d.Items[0].Visit.At)
	require.Equal(t, "doctor", d.Items[0].Subject)
	require.Len(t, first.Profiles, 1)
	waiting, err = View{w.db}.Undelivered("LA1", ledger.NotifyAccess)
	require.NoError(t, err)
	require.Empty(t, waiting)

	// The plan is corrected by a later file, the person becomes restricted, an organisation is renamed.
	changed := w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", "2026-02-20")
	changed.Restricted = true
	w.plan("LA1", 8, changed)
	w.must(w.actor("op", ledger.RoleOperator, "NAT"), &ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: "LA1", Name: "Renamed", Sort: ledger.SortAuthority}})
	again := w.must(ledger.SystemActor("n2"), &ledger.RepeatDelivery{Attempt: first.Seq})
	require.NotEqual(t, first.Seq, again.Seq, "each opening is an entry of its own")
	for _, a := range []Answer{first, again} { // what a view row keeps beside the entry is nothing told
		p := &a.Delivery.Items[0].Plans[0].Plan
		p.Named, p.Holder = 0, ledger.PersonRef{}
	}
	require.Equal(t, first.Delivery, again.Delivery)
	require.Equal(t, first.Profiles, again.Profiles)

	w.must(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: first.Seq, Code: "mesh-refused"})
	anew := w.attempt(&ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyAccess, Instead: first.Seq})
	require.Empty(t, anew.Delivery.Items[0].Subject, "another attempt hides what is to be hidden by then")
	require.Empty(t, anew.Profiles)
	w.must(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: anew.Seq, Message: "m1"})
	n, ok, err := View{w.db}.Notification(d.Items[0].Notification)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, ledger.NotificationIsDelivered, n.State)
	require.NotZero(t, n.Failed)
	require.NotZero(t, n.Delivered)
	box, err := View{w.db}.Outbox("LA1", ledger.NotifyAccess)
	require.NoError(t, err)
	require.Equal(t, ledger.Outbox{Through: n.ID, At: first.At}, box)
	w.check()
	w.refold()
}

// Of a restricted person a batch tells that they were seen, and when.
func TestABatchHidesRestrictedPeople(t *testing.T) {
	w := newWorld(t)
	row := w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", "")
	row.Restricted = true
	w.plan("LA1", 1, row)
	_, _, seen := w.lookup(w.actor("doctor", ledger.RoleClinician, "RXX01"), nhsChild, nil)
	a := w.attempt(&ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyAccess, Notifications: []ledger.Seq{seen.Told[0].Notification}})
	require.Equal(t, Visit{Seq: seen.Seq, At: seen.At}, a.Delivery.Items[0].Visit)
	require.Empty(t, a.Delivery.Items[0].Subject)
	require.Empty(t, a.Profiles)
}

// Whoever asked is shown how far their notification has come.
func TestTheAnswerShowsDelivery(t *testing.T) {
	w := newWorld(t)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	c, _, seen := w.lookup(w.actor("doctor", ledger.RoleClinician, "RXX01"), nhsChild, nil)
	a := w.attempt(&ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyAccess, Notifications: []ledger.Seq{seen.Told[0].Notification}})
	settled := w.must(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: a.Seq})
	again := *c
	again.Seed, again.Time = w.id(), ledger.Of(w.now)
	_, shown := w.step(&again)
	require.Equal(t, ledger.NotificationIsDelivered, shown.Told[0].State)
	require.Equal(t, settled.At, shown.Told[0].At)
}

// An inactive number is told with the plan's file and nobody's visit.
func TestABatchOfInactiveNumbers(t *testing.T) {
	w := newWorld(t)
	w.plan("LA1", 4, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	w.must(ledger.SystemActor("n1"), &ledger.InactivateNumber{Person: w.keys.Person(nhsChild)})
	waiting, err := View{w.db}.Undelivered("LA1", ledger.NotifyInactive)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	a := w.attempt(&ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyInactive, Notifications: []ledger.Seq{waiting[0].ID}})
	require.Equal(t, int64(4), a.Delivery.Items[0].File)
	require.Empty(t, a.Delivery.Items[0].Visit.Organisation)
	require.NotEmpty(t, a.Delivery.Items[0].Plans)

	// The next one, and it alone, waits.
	waiting, err = View{w.db}.Undelivered("LA1", ledger.NotifyInactive)
	require.NoError(t, err)
	require.Empty(t, waiting)
	w.plan("LA1", 5, w.row(1, nhsNobody, ledger.ChildProtection, "2026-01-10", ""))
	w.plan("LA2", 1, w.row(1, nhsNobody, ledger.ChildProtection, "2026-01-10", ""))
	w.must(ledger.SystemActor("n1"), &ledger.InactivateNumber{Person: w.keys.Person(nhsNobody)})
	for _, authority := range []string{"LA1", "LA2"} {
		waiting, err = View{w.db}.Undelivered(authority, ledger.NotifyInactive)
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		require.Equal(t, authority, waiting[0].Authority)
		require.Equal(t, w.keys.Person(nhsNobody), waiting[0].Person)
	}
}
