package projection

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// state records a state entry and proves what it says from the views as they
// are, by the definitions and not by the pages.
func (w *world) state() ledger.State {
	w.t.Helper()
	a := w.must(ledger.SystemActor("n1"), &ledger.RecordState{})
	e, err := store.Entry(w.db, a.Seq)
	require.NoError(w.t, err)
	s := e.Event.(*ledger.StateRecorded).State
	var people, waiting []leaf
	for row, err := range store.ViewRows(w.db) {
		require.NoError(w.t, err)
		if p, ok := headOf(row.Key); ok && row.Key[1] == viewPerson && (s.Below == 0 || slice(p) < s.Below) {
			h, err := View{w.db}.PersonHead(p)
			require.NoError(w.t, err)
			people = append(people, leaf{indexKey(p), indexValue(h)})
		}
		if row.Key[1] == viewNotification {
			var n ledger.Notification
			require.NoError(w.t, ledger.Unmarshal(row.Value, &n))
			if n.State != ledger.NotificationIsQueued && n.State != ledger.NotificationIsFailed {
				continue
			}
			queued, err := store.Entry(w.db, n.ID)
			require.NoError(w.t, err)
			hash := queued.Hash()
			x := (&tracker{touched: []touched{{n.ID, hash}}}).changedOutbox()
			waiting = append(waiting, x[0])
		}
	}
	slices.SortFunc(people, byKey)
	slices.SortFunc(waiting, byKey)
	require.Equal(w.t, reference(people, 0), s.Index)
	require.EqualValues(w.t, len(people), s.People)
	require.Equal(w.t, reference(waiting, 0), s.Outbox)
	require.EqualValues(w.t, len(waiting), s.Undelivered)
	return s
}

func TestStateEntries(t *testing.T) {
	w := newWorld(t)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	worker := w.actor("worker", ledger.RoleSocialWorker, "LA1")
	first := w.state()
	require.Zero(t, first.People)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	for i := range 60 { // enough that a bucket becomes a branch
		w.lookup(doctor, fmt.Sprintf("99910%05d", i), nil)
	}
	_, _, a := w.lookup(doctor, nhsChild, nil)
	second := w.state()
	require.EqualValues(t, 61, second.People)
	require.EqualValues(t, 1, second.Undelivered)
	require.NotEqual(t, first.Views, second.Views)
	_, _ = w.do(worker, &ledger.OpenNotification{Notification: a.Told[0].Notification})
	w.lookup(doctor, nhsChild, func(q *ledger.LookUp) { q.Attendance = ledger.Tag{2} })
	third := w.state()
	require.EqualValues(t, 61, third.People)
	require.EqualValues(t, 1, third.Undelivered, "one was opened, another one queued")
	require.NotEqual(t, second.Index, third.Index)

	t.Run("none where nothing happened", func(t *testing.T) {
		c := &ledger.Command{ID: w.id(), Seed: w.id(), Actor: ledger.SystemActor("n1"), Request: &ledger.RecordState{}, Time: ledger.Of(w.now)}
		r, _ := w.step(c)
		require.Equal(t, ledger.RefusedAlready, r.Refusal.Code)
	})
	t.Run("what was in memory is found in the entries", func(t *testing.T) {
		_, _, a := w.lookup(doctor, nhsChild, nil)
		w.lookup(doctor, nhsNobody, nil)
		_, _ = w.do(worker, &ledger.OpenNotification{Notification: a.Told[0].Notification})
		require.NoError(t, w.forget())
		w.lookup(doctor, nhsMother, nil)
		w.state() // check, at the end, decides it again with nothing forgotten
	})
	t.Run("one that is withdrawn leaves the outbox, also where that is found in the entries", func(t *testing.T) {
		_, _, a := w.lookup(doctor, nhsChild, func(q *ledger.LookUp) { q.Attendance = ledger.Tag{3} })
		before := w.state()
		c := w.command(doctor, &ledger.CorrectAccess{Access: a.Seq})
		id := doctor.ID()
		w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "the wrong child"})
		r, _ := w.step(c)
		require.Nil(t, r.Refusal)
		require.NoError(t, w.forget())
		require.Equal(t, before.Undelivered, w.state().Undelivered, "one withdrawn, and its correction queued")
	})
	t.Run("an earlier tree that witnesses signed", func(t *testing.T) {
		tree, err := w.db.TreeAt(7)
		require.NoError(t, err)
		w.lookup(doctor, nhsChild, nil)
		w.must(ledger.SystemActor("n1"), &ledger.RecordState{Cosigned: 7, CosignedRoot: tree.Hash})
	})
}

// forget has the writer lose what it has in memory.
func (w *world) forget() error {
	txn := w.db.Begin()
	return txn.Discard()
}

// TestTheIndexTakesPeopleInLittleByLittle: where rules version 3 comes into
// force in a ledger that has people already, no one state entry does it all.
func TestTheIndexTakesPeopleInLittleByLittle(t *testing.T) {
	w := worldUnder(t, 2)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	for i := range 40 {
		w.lookup(doctor, fmt.Sprintf("99910%05d", i), nil)
	}
	c := &ledger.Command{ID: w.id(), Seed: w.id(), Actor: ledger.SystemActor("n1"), Request: &ledger.RecordState{}, Time: ledger.Of(w.now)}
	r, _ := w.step(c)
	require.Equal(t, ledger.RefusedRules, r.Refusal.Code)
	w.must(ledger.SystemActor("n1"), &ledger.RaiseRules{To: 3})
	states := 0
	for s := w.state(); s.Below != 0; s = w.state() {
		w.lookup(doctor, fmt.Sprintf("99910%05d", 60+states), nil)
		if states++; states == 5 {
			require.NoError(t, w.forget())
		}
		require.Less(t, states, 20)
	}
	require.EqualValues(t, allSlices/indexAtOnce, states+1)
	w.lookup(doctor, nhsChild, nil)
	require.EqualValues(t, 40+states+1, w.state().People)
}

// TestTheViewsChangesAreHashedAsEver: the running hash is part of the format.
// If this fails, ledgers that exist would no longer be decided again the same.
func TestTheViewsChangesAreHashedAsEver(t *testing.T) {
	for rules, want := range map[int]string{
		3: "a7c7e6d8a8050db22dd74745176ee69ca2be14809d0743100bfee2715cecce3d",
		4: "3fc1cbe8aab381ddc59b9d85c914b26f8fbd0f3b251b8fafbd8458674ca65b10",
	} {
		w := worldUnder(t, rules)
		w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
		w.lookup(w.actor("doctor", ledger.RoleClinician, "RXX01"), nhsChild, nil)
		views := w.state().Views
		require.Equal(t, want, fmt.Sprintf("%x", views[:]), "rules version %d", rules)
	}
}

// Rows of the trees that an older ledger has are read for ever, and written as ever
// until rules version 4; from then on a page that changes is grown. What a state
// entry says follows from the leaves either way, as every state and the end of the
// world prove.
func TestPagesAreGrownFromRulesFour(t *testing.T) {
	w := worldUnder(t, 3)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	kinds := func() (n [3]int) {
		for _, view := range []byte{viewIndexTree, viewOutboxTree} {
			for row, err := range w.db.Scan(store.ViewKey(view)) {
				require.NoError(t, err)
				n[row.Value[0]]++
			}
		}
		return n
	}
	look := func(from, to int) {
		for i := from; i < to; i++ {
			w.lookup(doctor, fmt.Sprintf("99910%05d", i), nil)
		}
		w.state()
	}
	look(0, 60)
	look(0, 20)
	require.Zero(t, kinds()[pageGrown])
	w.must(ledger.SystemActor("n1"), &ledger.RaiseRules{To: 4})
	look(0, 3)
	some := kinds()
	require.Positive(t, some[pageGrown])
	require.Positive(t, some[pageBucket], "what did not change stays as it was")
	for range 3 {
		look(0, 60)
	}
	require.Zero(t, kinds()[pageBucket])
	grew := 0
	for row, err := range w.db.Scan(store.ViewKey(viewIndexTree)) {
		require.NoError(t, err)
		p, err := (View{w.db}).indexTree().parse(row.Value, len(row.Key)-2)
		require.NoError(t, err)
		grew += p.appended
	}
	require.Positive(t, grew)
}
