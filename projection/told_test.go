package projection

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// What the writer remembers of a notification is what its row says, whatever
// has changed it since: another look of the attendance, in the same batch or in
// a later one, being opened, acknowledged or sent, a look taken back, a writer
// that gave up its batch.
func TestNotificationsInMemoryAndOnDiskAgree(t *testing.T) {
	w := newWorld(t)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-01", ""), w.row(2, nhsMother, ledger.ChildProtection, "2026-01-01", ""))
	worker := w.actor("worker", ledger.RoleSocialWorker, "LA1")
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	random := rand.New(rand.NewSource(11))
	var all []ledger.Seq
	most := 0
	agree := func() {
		t.Helper()
		txn := w.db.Begin()
		defer func() { require.NoError(t, txn.Discard()) }()
		w.sameNotifications(View{txn}, all)
	}
	for i := range 120 {
		w.now = w.now.Add([]time.Duration{time.Second, time.Minute, 40 * time.Minute, 5 * time.Hour}[random.Intn(4)])
		_, _, a := w.lookup(doctor, []string{nhsChild, nhsMother}[random.Intn(2)], func(q *ledger.LookUp) {
			if random.Intn(2) == 0 {
				q.Attendance = w.keys.Tag("attendance", "RXX01", fmt.Sprint(i/30))
			}
		})
		id := a.Told[0].Notification
		if len(all) == 0 || all[len(all)-1] != id {
			all = append(all, id)
		}
		w.remembered(all)
		switch random.Intn(8) {
		case 0:
			w.do(worker, &ledger.OpenNotification{Notification: id})
		case 1:
			w.do(worker, &ledger.Acknowledge{Notification: id})
		case 2:
			w.do(doctor, &ledger.CorrectAccess{Access: a.Seq})
		case 3:
			w.do(ledger.SystemActor("n1"), &ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyAccess, Way: ledger.ByMESH, Notifications: []ledger.Seq{id}})
		case 4: // what was made in a batch that is given up is forgotten
			txn := w.db.Begin()
			require.NoError(t, change(txn, id, func(n *ledger.Notification) { n.Tell(1) }))
			require.NoError(t, txn.Discard())
		}
		w.remembered(all)
		n, ok, err := View{w.db}.Notification(id)
		require.NoError(t, err)
		require.True(t, ok)
		most = max(most, n.Accesses)
	}
	agree()
	require.Greater(t, most, 2, "some attendance was more than one look")
	w.check()
}

// remembered compares what the writer knows with what is on disk, and leaves it known.
func (w *world) remembered(all []ledger.Seq) {
	w.t.Helper()
	txn := w.db.Begin()
	defer func() { _ = txn.Discard() }() // if they differ
	w.sameNotifications(View{txn}, all)
	require.NoError(w.t, txn.Commit())
}

func (w *world) sameNotifications(v View, all []ledger.Seq) {
	w.t.Helper()
	for _, id := range all {
		want, ok, err := View{w.db}.Notification(id)
		require.NoError(w.t, err)
		require.True(w.t, ok)
		for range 2 { // read, then remembered
			got, ok, err := v.Notification(id)
			require.NoError(w.t, err)
			require.True(w.t, ok)
			require.Equal(w.t, want, got)
		}
	}
}
