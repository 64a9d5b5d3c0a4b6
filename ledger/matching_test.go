package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// lost is a row of which the register says that it matches nobody.
func lost(n byte, local string) Row {
	return Row{Person: person(n), Type: LookedAfter, Start: begin.Day() - 9, Birth: tag("b"), Content: tag(local), Local: tag(local),
		Match: Unmatched, Reason: "family-name-differs"}
}

func list(w *world, authority string) []Standing {
	var out []Standing
	require.NoError(w.t, w.view.EachStanding(authority, func(_ Item, s Standing) { out = append(out, s) }))
	return out
}

// An unmatched row is accepted, stands on the worklist as long as it comes
// unmatched, and is in no answer to a lookup.
func TestAnUnmatchedRowStandsOnTheWorklist(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, []string{"unmatchedfamily-name-differs"}, statuses(w.load(authorityA, 1, lost(1, "l1"))))
	closed := last[*UploadClosed](t, w.groups[len(w.groups)-1])
	require.Equal(t, [3]int{1, 0, 1}, [3]int{closed.Accepted, closed.Rejected, closed.Unmatched})
	first := list(w, authorityA)[0]
	require.Equal(t, OutcomeNotFound, last[*Accessed](t, w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess))).Outcome)
	require.Empty(t, w.view.plans[person(1)])
	require.False(t, first.Raised(w.now+24*Hour-1))
	require.True(t, first.Raised(w.now+24*Hour), "a plan in force that nobody sees is raised after a day")

	w.now += 20 * Hour
	worse := lost(1, "l1")
	worse.Reason, worse.Twin = "no-match", true
	again := last[*PlanUnmatched](t, w.load(authorityA, 2, worse))
	require.Equal(t, first.Seq, again.Of)
	now := list(w, authorityA)
	require.Len(t, now, 1)
	require.Equal(t, first.Since, now[0].Since, "its age is kept")
	require.Equal(t, "no-match", now[0].Reason)
	require.True(t, now[0].Twin)

	found := lost(1, "l1")
	found.Match, found.Reason = Matched, ""
	group := w.load(authorityA, 3, found)
	require.Equal(t, []string{"recorded"}, statuses(group))
	require.Equal(t, LeftMatched, last[*PersonMatched](t, group).How)
	require.Empty(t, list(w, authorityA))
	require.Equal(t, OutcomeFound, only[*Accessed](w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)))[0].Outcome)
}

func TestTheWaysOffTheWorklist(t *testing.T) {
	w := newWorld(t)
	a := as(RoleUploader, authorityA, "a")
	nameless := Row{Type: ChildProtection, Start: w.now.Day() - 3, Trace: tag("names"), Content: tag("x"), Match: Unmatched, Reason: RowNumberMissing}
	w.load(authorityA, 1, lost(1, "l1"), lost(2, "l2"), nameless)
	w.load(authorityB, 1, lost(1, "l1"))
	require.Len(t, list(w, authorityA), 3)

	gone := lost(1, "l1")
	gone.Delete = w.now.Day()
	group := w.load(authorityA, 2, gone)
	require.Equal(t, []string{"deleted"}, statuses(group))
	require.Equal(t, LeftWithdrawn, last[*PersonMatched](t, group).How)
	require.Equal(t, []string{"rejected" + RowDeleteUnknown}, statuses(w.load(authorityA, 3, gone)))

	// A provisional row that gets its number and a local id is the same one.
	numbered := nameless
	numbered.Person, numbered.Local, numbered.Match, numbered.Reason = person(3), tag("l3"), Matched, ""
	require.Equal(t, LeftMatched, last[*PersonMatched](t, w.load(authorityA, 4, numbered)).How)

	group = w.snapshot(a, 5, numbered)
	require.Equal(t, LeftAbsent, last[*PersonMatched](t, group).How)
	require.Empty(t, list(w, authorityA))
	require.Len(t, list(w, authorityB), 1, "another authority's worklist")
	require.Equal(t, []string{"rejected" + RowUnmatchable}, statuses(w.load(authorityA, 6, Row{Type: LookedAfter, Start: w.now.Day(), Match: Unmatched, Reason: "x"})))
	require.Equal(t, []string{"rejected" + RowPersonRequired}, statuses(w.load(authorityA, 7, Row{Type: LookedAfter, Start: w.now.Day()})))
}

// A person whose names changed in the register matches no more: what is held
// stays, and a snapshot does not end it.
func TestWhoMatchesNoMoreIsStillHeld(t *testing.T) {
	w := newWorld(t)
	a := as(RoleUploader, authorityA, "a")
	known := lost(1, "l1")
	known.Match, known.Reason = Matched, ""
	w.load(authorityA, 1, known)
	require.Empty(t, only[*PlanLapsed](w.snapshot(a, 2, lost(1, "l1"))))
	require.Equal(t, OutcomeFound, only[*Accessed](w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)))[0].Outcome)
	require.Len(t, list(w, authorityA), 1)
}

// Pages of holdings come one after another until there are no more, and name
// each person once, each with an entry of their own.
func TestPagesOfHoldings(t *testing.T) {
	w := newWorld(t)
	a := as(RoleUploader, authorityA, "a")
	var rows []Row
	for n := range 200 {
		for _, kind := range []PlanType{ChildProtection, LookedAfter} {
			rows = append(rows, Row{N: len(rows) + 1, Person: PersonRef{1, byte(n), byte(n >> 8), 7}, Type: kind, Start: begin.Day() - 900, Content: tag("c")})
		}
	}
	w.load(authorityA, 1, rows[:MaxChunk]...)
	w.load(authorityA, 2, rows[MaxChunk:]...)
	for n := range 100 {
		w.load(authorityA, int64(3+n), Row{Person: PersonRef{1, byte(n), 1, 7}, Type: LookedAfter, Start: begin.Day() - 9, Content: tag("c")})
	}
	seen := map[PersonRef]int{}
	var after PersonRef
	pages := 0
	for more := true; more; pages++ {
		group := w.grant(w.cmd(a, &ReadHoldings{Part: HoldingsPlans, After: after}))
		head := only[*HoldingsRead](group)[0]
		require.LessOrEqual(t, head.Count, MaxHoldings)
		for i := range group {
			if e, ok := group[i].Event.(*SubjectAccessed); ok {
				require.NotEmpty(t, e.Disclosed)
				after = group[i].Person.Ref
				seen[after]++
			}
		}
		more = head.More
	}
	require.Equal(t, 2, pages)
	require.Len(t, seen, 300)
	for _, n := range seen {
		require.Equal(t, 1, n)
	}
}
