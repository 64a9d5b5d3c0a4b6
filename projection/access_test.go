package projection

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// What the writer keeps in memory of a person is what the rows say: whom it has
// known all along, whom it meets again after they were forgotten, and a reader
// that keeps nothing, see the same.
func TestHistoriesInMemoryAndOnDiskAgree(t *testing.T) {
	w := newWorld(t)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-01", ""), w.row(2, nhsMother, ledger.ChildProtection, "2026-01-01", ""))
	random := rand.New(rand.NewSource(7))
	shown := map[string]time.Time{}
	var seqs []ledger.Seq
	for i := range 150 {
		nhs := []string{nhsChild, nhsMother}[random.Intn(2)]
		who := w.actor(fmt.Sprintf("dr%d", random.Intn(40)), ledger.RoleClinician, "RXX01")
		w.now = w.now.Add([]time.Duration{time.Second, time.Minute, 40 * time.Minute, 5 * time.Hour}[random.Intn(4)])
		at := w.now
		_, _, a := w.lookup(who, nhs, nil)
		last, known := shown[who.Subject+nhs]
		want := !known || at.Sub(last) >= 24*time.Hour
		require.Equal(t, want, a.Access.Shown, "lookup %d", i)
		if want {
			shown[who.Subject+nhs] = at
			seqs = append(seqs, a.Seq)
		}
		if i%20 == 7 {
			s := seqs[len(seqs)-1]
			e, first, err := entryWithFirst(w.db, s)
			require.NoError(t, err)
			require.NotNil(t, e.Person)
			w.do(*first.Actor, &ledger.CorrectAccess{Access: s})
		}
		for _, nhs := range []string{nhsChild, nhsMother} {
			w.sameHistories(w.keys.Person(nhs), a.Seq)
		}
		if i%40 == 39 { // everything is forgotten
			require.NoError(t, w.db.Begin().Discard())
		}
	}
	require.Greater(t, len(seqs), 2*HistoryLength)
}

func (w *world) sameHistories(p ledger.PersonRef, asOf ledger.Seq) {
	w.t.Helper()
	txn := w.db.Begin()
	warm, cold := View{txn}, View{w.db}
	for _, asOf := range []ledger.Seq{asOf, asOf - 5, asOf / 2} {
		a, n, err := warm.History(p, asOf)
		require.NoError(w.t, err)
		b, m, err := cold.History(p, asOf)
		require.NoError(w.t, err)
		require.Equal(w.t, m, n)
		require.Equal(w.t, len(b), len(a))
		for i := range b {
			require.Equal(w.t, b[i], a[i])
		}
	}
	known, err := warm.visits(p)
	require.NoError(w.t, err)
	for _, x := range known.authors {
		again, err := cold.LastShown(p, x.actor)
		require.NoError(w.t, err)
		last, err := warm.LastShown(p, x.actor)
		require.NoError(w.t, err)
		if last > w.db.Head().Time-ledger.HistoryWindow {
			require.Equal(w.t, again, last)
		}
	}
	require.NoError(w.t, txn.Discard())
}
