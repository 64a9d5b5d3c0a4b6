package projection

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A plan that a snapshot ended is shown as ended, its details opened from the
// entry that recorded it; what was disclosed before is shown as it was then.
func TestALapsedPlanIsShown(t *testing.T) {
	w := newWorld(t)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""), w.row(2, nhsMother, ledger.UnbornChild, "2026-01-10", "2026-07-01"))
	before, _, a := w.lookup(doctor, nhsChild, nil)
	require.Zero(t, a.Plans[0].Plan.End)
	_, closed := w.file("LA1", &ledger.OpenUpload{Sequence: 2, Snapshot: true}, w.row(1, nhsMother, ledger.UnbornChild, "2026-01-10", "2026-07-01"))
	require.Equal(t, 1, closed.Upload.Ended)
	_, _, a = w.lookup(doctor, nhsChild, nil)
	require.Equal(t, w.day("2026-03-03"), a.Plans[0].Plan.End)
	var d ledger.PlanDetails
	require.NoError(t, w.keys.Open(a.Plans[0].Details, &d))
	require.Equal(t, "Ann", d.Given)
	lapsed := a.Plans[0].Plan.Seq

	again := *before
	again.Seed, again.Time = w.id(), ledger.Of(w.now)
	_, shown := w.step(&again)
	require.Zero(t, shown.Plans[0].Plan.End, "what was disclosed had no end")
	require.NoError(t, w.keys.Open(shown.Plans[0].Details, &d))

	// Corrected since, the lapsed plan is read from its own entry.
	seen, _, _ := w.lookup(doctor, nhsChild, nil)
	w.plan("LA1", 3, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	again = *seen
	again.Seed, again.Time = w.id(), ledger.Of(w.now)
	_, shown = w.step(&again)
	require.Equal(t, lapsed, shown.Plans[0].Plan.Seq)
	require.Equal(t, w.day("2026-03-03"), shown.Plans[0].Plan.End)
	require.NoError(t, w.keys.Open(shown.Plans[0].Details, &d))
}

// The index of whom an authority holds is the same whether the rules were
// raised or the log opened under them; world.check compares it with a rebuild.
func TestRaisingTheRulesMakesTheIndex(t *testing.T) {
	w := worldUnder(t, 1)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""), w.row(2, nhsMother, ledger.UnbornChild, "2026-01-10", "2026-07-01"))
	w.plan("LA2", 1, w.row(1, nhsChild, ledger.LookedAfter, "2026-01-10", ""))
	holders := func(authority string) int {
		people, err := View{w.db}.Holders(authority)
		require.NoError(t, err)
		return len(people)
	}
	require.Zero(t, holders("LA1"), "version 1 has no such index")
	_, a := w.do(w.actor("uploader-LA1", ledger.RoleUploader, "LA1"), &ledger.OpenUpload{Upload: w.id(), Sequence: 2, Snapshot: true})
	require.Equal(t, ledger.RefusedRules, a.Refusal.Code)
	w.must(ledger.SystemActor("n1"), &ledger.RaiseRules{To: 2})
	require.Equal(t, []int{2, 1}, []int{holders("LA1"), holders("LA2")})
	_, closed := w.file("LA1", &ledger.OpenUpload{Sequence: 2, Snapshot: true}, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	require.Equal(t, 1, closed.Upload.Ended)
	gone := w.row(1, nhsChild, ledger.LookedAfter, "2026-01-10", "")
	gone.Delete = w.day("2026-03-03")
	w.plan("LA2", 2, gone)
	require.Equal(t, []int{2, 0}, []int{holders("LA1"), holders("LA2")})
}

// A held snapshot ends nothing until somebody else approves, and then all of it at once.
func TestASnapshotIsHeldAndApproved(t *testing.T) {
	w := newWorld(t)
	var rows []ledger.Row
	for n, nhs := range []string{"9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069"} {
		rows = append(rows, w.row(n+1, nhs, ledger.LookedAfter, "2026-01-10", ""))
	}
	w.plan("LA1", 1, rows...)
	_, closed := w.file("LA1", &ledger.OpenUpload{Sequence: 2, Snapshot: true}, rows[0])
	require.NotZero(t, closed.Upload.Held)
	require.Equal(t, []int{5, 6, 0}, []int{closed.Upload.Ends, closed.Upload.Live, closed.Upload.Ended})
	manager := w.actor("manager", ledger.RoleSocialWorkManager, "LA1")
	approve := func(a ledger.Actor) Answer {
		c := w.command(a, &ledger.ApproveSnapshot{Upload: closed.Upload.ID})
		id := a.ID()
		w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "checked"})
		_, out := w.step(c)
		return out
	}
	require.Equal(t, ledger.RefusedSecondPerson, approve(w.actor("uploader-LA1", ledger.RoleUploader, "LA1")).Refusal.Code)
	w.now = w.now.Add(time.Hour)
	out := approve(manager)
	require.Nil(t, out.Refusal)
	require.Equal(t, 5, out.Upload.Ended)
	require.Equal(t, ledger.RefusedState, approve(manager).Refusal.Code)
}
