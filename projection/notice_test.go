package projection

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// What an entry did to notifications is told as of that entry, whatever came
// after it; also of entries that have one time, as those of one batch do.
func TestNoticesAreAsOfTheirEntry(t *testing.T) {
	for _, apart := range []time.Duration{0, time.Second} {
		w := newWorld(t)
		step := func(a ledger.Actor, q ledger.Request) ledger.Seq {
			w.now = w.now.Add(apart - time.Second) // each command moves it on by one
			return w.must(a, q).Seq
		}
		worker := w.actor("worker", ledger.RoleSocialWorker, "LA1")
		w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""), w.row(2, nhsMother, ledger.ChildProtection, "2026-01-10", ""))
		_, _, one := w.lookup(w.actor("doctor", ledger.RoleClinician, "RXX01"), nhsChild, nil)
		_, _, two := w.lookup(w.actor("doctor", ledger.RoleClinician, "RXX01"), nhsMother, nil)
		a, b := one.Told[0].Notification, two.Told[0].Notification
		attempt := step(ledger.SystemActor("n1"), &ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyAccess, Way: ledger.ByMESH, Notifications: []ledger.Seq{a, b}})
		opened := step(worker, &ledger.OpenNotification{Notification: a})
		delivered := step(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: attempt, Message: "m"})
		again := step(worker, &ledger.OpenNotification{Notification: a})
		acknowledged := step(worker, &ledger.Acknowledge{Notification: a})
		failed := step(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: attempt, Code: "not-collected"})

		states := func(n ledger.Seq) map[ledger.Seq]string {
			e, err := store.Entry(w.db, n)
			require.NoError(t, err)
			got, err := View{w.db}.Notices(&e)
			require.NoError(t, err)
			require.Equal(t, n, got.Seq)
			out := map[ledger.Seq]string{}
			for _, o := range got.Of {
				require.Equal(t, "LA1", got.Authority)
				require.Equal(t, ledger.NotifyAccess, o.Type)
				out[o.Notification] = o.State.String()
			}
			return out
		}
		type is = map[ledger.Seq]string
		require.Equal(t, is{a: "queued"}, states(a))
		require.Equal(t, is{}, states(attempt))
		require.Equal(t, is{a: "opened"}, states(opened))
		require.Equal(t, is{a: "opened", b: "delivered"}, states(delivered), "that it was opened is more")
		require.Equal(t, is{}, states(again), "only the first opening changes anything")
		require.Equal(t, is{a: "acknowledged"}, states(acknowledged))
		require.Equal(t, is{a: "acknowledged", b: "failed"}, states(failed))
	}
}
