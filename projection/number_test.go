package projection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Plans, their sealed details and the history follow a number, in answers to
// the new one and to the old, and go back when they part; the trail of the new
// number has the old one's entries while they are linked.
func TestPlansAndHistoryFollowANumber(t *testing.T) {
	w := newWorld(t)
	doctor, other := w.actor("doctor", ledger.RoleClinician, "RXX01"), w.actor("other", ledger.RoleClinician, "RXX01")
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	_, _, first := w.lookup(doctor, nhsChild, nil)
	w.plan("LA2", 1, w.row(1, nhsNobody, ledger.LookedAfter, "2026-01-10", ""))
	_, _, second := w.lookup(other, nhsNobody, nil)
	require.Len(t, second.Visits, 1)

	old, next := w.keys.Person(nhsChild), w.keys.Person(nhsNobody)
	w.must(ledger.SystemActor("n1"), &ledger.SupersedeNumber{Old: old, New: next, Birth: w.birth(nhsNobody, "2015-05-05"), Was: w.birth(nhsChild, "2015-05-05")})
	for _, nhs := range []string{nhsNobody, nhsChild} {
		_, _, a := w.lookup(doctor, nhs, nil)
		require.Len(t, a.Plans, 2)
		for i := range a.Plans {
			var d ledger.PlanDetails
			require.NoError(t, w.keys.Open(a.Plans[i].Details, &d), "sealed for the number it was recorded under")
		}
		require.Len(t, a.Told, 2)
		require.GreaterOrEqual(t, len(a.Visits), 2)
	}
	_, _, a := w.lookup(doctor, nhsNobody, func(q *ledger.LookUp) { q.Birth = w.birth(nhsNobody, "2015-05-05") })
	require.Equal(t, ledger.OutcomeFound, a.Access.Outcome)
	require.Len(t, a.Visits, 2, "the old number's and the new one's: the first author is the same person's again, by whichever number")
	_, _, asked := w.lookup(w.actor("gp", ledger.RoleScheduledClinician, "G81001"), nhsChild, func(q *ledger.LookUp) { q.Birth = w.birth(nhsChild, "2015-05-05") })
	require.Equal(t, ledger.OutcomeFound, asked.Access.Outcome, "a birth date given with the old number")
	_, _, asked = w.lookup(w.actor("gp", ledger.RoleScheduledClinician, "G81001"), nhsChild, func(q *ledger.LookUp) { q.Birth = w.birth(nhsChild, "2015-05-06") })
	require.Equal(t, ledger.OutcomeMismatch, asked.Access.Outcome)
	_, n := w.do(w.actor("worker", ledger.RoleSocialWorker, "LA1"), &ledger.OpenNotification{Notification: first.Told[0].Notification})
	require.Len(t, n.Plans, 1)
	require.NotEmpty(t, n.Plans[0].Details.Ciphertext)

	trail := func(nhs string) map[ledger.Kind]int {
		ig := w.actor("ig", ledger.RoleIGOfficer, "NAT")
		c := w.command(ig, &ledger.ReadTrail{Person: w.keys.Person(nhs)})
		id := ig.ID()
		w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "asked"})
		_, a := w.step(c)
		kinds := map[ledger.Kind]int{}
		for _, r := range a.Trail {
			kinds[r.Kind]++
		}
		return kinds
	}
	require.Equal(t, 7, trail(nhsNobody)[ledger.KindAccessed])
	require.Equal(t, 4, trail(nhsChild)[ledger.KindAccessed], "the old number's own")

	w.must(ledger.SystemActor("n1"), &ledger.PartNumbers{Old: old})
	_, _, a = w.lookup(w.actor("third", ledger.RoleClinician, "RXX01"), nhsNobody, nil)
	require.Len(t, a.Plans, 1)
	require.Len(t, a.Visits, 2, "its own before, and this")
	_, _, a = w.lookup(other, nhsChild, func(q *ledger.LookUp) { q.Birth = w.birth(nhsChild, "2015-05-05") })
	require.Equal(t, ledger.OutcomeFound, a.Access.Outcome)
	require.Len(t, a.Plans, 1)
	require.Equal(t, 5, trail(nhsChild)[ledger.KindAccessed])
}

// A plan that followed and was lapsed by a snapshot, and what was disclosed of it
// before, are opened with the key of the number it was sealed for.
func TestALapsedPlanThatFollowed(t *testing.T) {
	w := newWorld(t)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""), w.row(2, nhsMother, ledger.UnbornChild, "2026-01-10", "2026-07-01"))
	c, _, _ := w.lookup(doctor, nhsChild, nil)
	w.must(ledger.SystemActor("n1"), &ledger.SupersedeNumber{Old: w.keys.Person(nhsChild), New: w.keys.Person(nhsNobody), Birth: w.birth(nhsNobody, "2015-05-05"), Was: w.birth(nhsChild, "2015-05-05")})
	_, closed := w.file("LA1", &ledger.OpenUpload{Sequence: 2, Snapshot: true}, w.row(1, nhsMother, ledger.UnbornChild, "2026-01-10", "2026-07-01"))
	require.Equal(t, 1, closed.Upload.Ended)
	var d ledger.PlanDetails
	_, _, a := w.lookup(doctor, nhsNobody, nil)
	require.NotZero(t, a.Plans[0].Plan.End)
	require.NoError(t, w.keys.Open(a.Plans[0].Details, &d))
	again := *c
	again.Seed, again.Time = w.id(), ledger.Of(w.now)
	_, a = w.step(&again)
	require.Zero(t, a.Plans[0].Plan.End)
	require.NoError(t, w.keys.Open(a.Plans[0].Details, &d))
}
