package projection

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// TestRestrictedHidesWhereabouts: nobody who opens a notification, or looks
// up, learns where a restricted child was seen, or by whom.
func TestRestrictedHidesWhereabouts(t *testing.T) {
	w := newWorld(t)
	row := w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", "")
	row.Restricted = true
	w.plan("LA1", 1, row)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	_, _, a := w.lookup(doctor, nhsChild, nil)
	require.Len(t, a.Plans, 1, "that there is a plan is shown")
	require.Empty(t, a.Visits)
	require.Empty(t, a.Profiles)
	require.Len(t, a.Told, 1)
	_, n := w.do(w.actor("worker", ledger.RoleSocialWorker, "LA1"), &ledger.OpenNotification{Notification: a.Told[0].Notification})
	require.Nil(t, n.Refusal)
	require.Len(t, n.Plans, 1)
	require.Equal(t, &Visit{Seq: a.Seq, At: a.At}, n.Visit, "when, and nothing else")
	require.Empty(t, n.Details)
	require.Empty(t, n.Profiles)
}

// One authority's file came before the person was restricted, the other's after:
// what the second hides, the first's answers hide too.
func TestRestrictedByOneAuthorityHidesForAll(t *testing.T) {
	w := newWorld(t)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	_, _, before := w.lookup(doctor, nhsChild, nil)
	require.NotEmpty(t, before.Visits)
	row := w.row(1, nhsChild, ledger.LookedAfter, "2025-01-10", "2025-03-10")
	row.Restricted = true
	w.plan("LA2", 1, row)
	w.now = w.now.Add(30 * 24 * time.Hour)
	_, _, a := w.lookup(doctor, nhsChild, nil)
	require.Len(t, a.Plans, 1, "the plan that said so is no longer shown")
	require.Empty(t, a.Visits, "what it said still holds")
	_, n := w.do(w.actor("worker", ledger.RoleSocialWorker, "LA1"), &ledger.OpenNotification{Notification: before.Told[0].Notification})
	require.Empty(t, n.Visit.Organisation)
}

// TestDeletionNamesThePlanByItsStart: one that merely overlaps stays.
func TestDeletionNamesThePlanByItsStart(t *testing.T) {
	w := newWorld(t)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	gone := w.row(1, nhsChild, ledger.ChildProtection, "2026-01-11", "")
	gone.Delete = w.day("2026-03-01")
	w.plan("LA1", 2, gone)
	plans, err := View{w.db}.Plans(w.keys.Person(nhsChild))
	require.NoError(t, err)
	require.Len(t, plans, 1)
}
