package projection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// What the views know of letters is what their entries say, folded anew too
// (the world's end); a dead letter is listed until somebody asks for it.
func TestLettersInTheViews(t *testing.T) {
	w := newWorld(t)
	view := View{w.db}
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	_, _, seen := w.lookup(w.actor("doctor", ledger.RoleClinician, "RXX01"), nhsChild, nil)
	n := seen.Told[0].Notification
	waiting, err := view.Unsent("LA1", ledger.ByWebhook)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	attempt := &ledger.AttemptLetter{Authority: "LA1", Way: ledger.ByWebhook, Notifications: []ledger.Seq{n}}
	letter := w.must(ledger.SystemActor("n1"), attempt).Seq
	for _, way := range []ledger.Way{ledger.ByWebhook, ledger.ByEmail} {
		waiting, err = view.Unsent("LA1", way)
		require.NoError(t, err)
		require.Equal(t, way == ledger.ByWebhook, len(waiting) == 0, "each way has a letterbox of its own")
	}
	notices := func(seq ledger.Seq) []Notice {
		e, err := store.Entry(w.db, seq)
		require.NoError(t, err)
		require.Equal(t, e.Kind == ledger.KindLetterSettled, Noticeable(e.Kind))
		got, err := view.Notices(&e)
		require.NoError(t, err)
		return got.Of
	}
	settle := func(code string, final bool) ledger.Seq {
		return w.must(ledger.SystemActor("n2"), &ledger.SettleLetter{Letter: letter, Code: code, Final: final}).Seq
	}
	require.Empty(t, notices(settle("unknown-timeout", false)), "what nobody knows is no state")
	require.Equal(t, letter+2, w.must(ledger.SystemActor("n2"), &ledger.AttemptLetter{Letter: letter}).Seq)
	failed := settle("http-500", true)
	w.state() // which holds that what failed is undelivered
	require.Equal(t, ledger.NotificationIsFailed, notices(failed)[0].State)
	dead, err := view.DeadLetters(10)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, 2, dead[0].Attempts)
	require.Equal(t, "http-500", dead[0].Code)
	w.must(w.actor("op", ledger.RoleOperator, "NAT"), &ledger.AskLetter{Letter: letter})
	dead, err = view.DeadLetters(10)
	require.NoError(t, err)
	require.Empty(t, dead)
	w.must(ledger.SystemActor("n1"), &ledger.AttemptLetter{Letter: letter})
	delivered := settle("", false)
	require.NoError(t, w.forget())
	require.Zero(t, w.state().Undelivered, "what a letter brought has left the outbox, also where that is found in the entries")
	require.Equal(t, ledger.NotificationIsDelivered, notices(delivered)[0].State)
	require.Equal(t, ledger.NotificationIsFailed, notices(failed)[0].State, "as of its entry")
	boxes, err := view.Letterboxes()
	require.NoError(t, err)
	require.Len(t, boxes, 1)
	require.Empty(t, boxes[0].Waiting)
	l, _, err := view.Letter(letter)
	require.NoError(t, err)
	require.Equal(t, ledger.LetterIsDelivered, l.State)
}
