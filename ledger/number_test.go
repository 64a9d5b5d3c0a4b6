package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func outcome(w *world, p PersonRef, birth Tag) *Accessed {
	w.t.Helper()
	return only[*Accessed](w.grant(w.cmd(clinician(), &LookUp{Person: p, Birth: birth}, PayloadAccess)))[0]
}

// A number that was replaced and the one that replaced it find the same plans;
// parted again, each finds its own.
func TestPlansFollowANumber(t *testing.T) {
	w := newWorld(t)
	old, next := person(1), person(2)
	w.load(authorityA, 1, Row{Person: old, Type: LookedAfter, Start: begin.Day() - 9, Birth: tag("old"), Content: tag("c")})
	w.load(authorityB, 1, Row{Person: next, Type: ChildProtection, Start: begin.Day() - 9, Birth: tag("new"), Content: tag("c")})
	w.grant(w.cmd(system(), &SupersedeNumber{Old: old, New: next, Birth: tag("new"), Was: tag("old")}))
	for _, p := range []PersonRef{old, next} {
		e := outcome(w, p, Tag{})
		require.Len(t, e.Disclosed, 2)
		require.Equal(t, []string{authorityB, authorityA}, e.Told)
	}
	require.Equal(t, OutcomeFound, outcome(w, next, tag("new")).Outcome, "the register's birth date goes with it")
	require.Equal(t, []string{"rejected" + RowSuperseded}, statuses(w.load(authorityA, 2, Row{Person: old, Type: LookedAfter, Start: begin.Day() - 9})))
	a := as(RoleUploader, authorityA, "a")
	require.Empty(t, only[*PlanLapsed](w.snapshot(a, 3, Row{Person: old, Type: LookedAfter, Start: begin.Day() - 9})), "the old number in a snapshot ends nothing")

	w.grant(w.cmd(system(), &PartNumbers{Old: old}))
	require.Equal(t, []string{authorityA}, outcome(w, old, tag("old")).Told)
	require.Equal(t, []string{authorityB}, outcome(w, next, tag("new")).Told)
}

// What was recorded again under the new number stays there when they part.
func TestWhatWasRecordedAgainStays(t *testing.T) {
	w := newWorld(t)
	old, next := person(1), person(2)
	plan := Row{Person: old, Type: LookedAfter, Start: begin.Day() - 9, Birth: tag("old"), Content: tag("c")}
	w.load(authorityA, 1, plan)
	w.grant(w.cmd(system(), &SupersedeNumber{Old: old, New: next, Birth: tag("new"), Was: tag("old")}))
	plan.Person, plan.Birth, plan.Content = next, tag("new"), tag("other")
	require.Equal(t, []string{"corrected"}, statuses(w.load(authorityA, 2, plan)))
	w.grant(w.cmd(system(), &PartNumbers{Old: old}))
	require.Equal(t, OutcomeNotFound, outcome(w, old, Tag{}).Outcome)
	require.Equal(t, OutcomeFound, outcome(w, next, tag("new")).Outcome)
}

// An inactive number is a task of each authority with a plan in force; it takes
// no new statement, but the plan can be ended; and it is never linked.
func TestAnInactiveNumber(t *testing.T) {
	w := newWorld(t)
	plan := Row{Person: person(1), Type: LookedAfter, Start: begin.Day() - 9, Birth: tag("b"), Content: tag("c")}
	ended := plan
	ended.Type, ended.End = ChildProtection, begin.Day()-2
	w.load(authorityA, 1, plan)
	w.load(authorityB, 1, ended)
	group := w.grant(w.cmd(system(), &InactivateNumber{Person: person(1)}))
	require.Equal(t, []string{authorityA}, only[*NumberInactivated](group)[0].Tasks)
	queued := only[*NotificationQueued](group)
	require.Len(t, queued, 1)
	require.Equal(t, NotifyInactive, queued[0].Type)
	w.refuse(RefusedState, w.cmd(system(), &SupersedeNumber{Old: person(1), New: person(2), Birth: tag("b"), Was: tag("old")}))
	w.refuse(RefusedState, w.cmd(system(), &SupersedeNumber{Old: person(2), New: person(1), Birth: tag("b"), Was: tag("w")}))
	require.Equal(t, OutcomeFound, outcome(w, person(1), Tag{}).Outcome, "until the task is done")
	require.Equal(t, []string{"rejected" + RowInactive}, statuses(w.load(authorityA, 2, plan)))
	plan.End = begin.Day()
	require.Equal(t, []string{"ended"}, statuses(w.load(authorityA, 3, plan)))
}

// However numbers are linked and parted, no plan is lost and none is doubled,
// and parting what was linked last gives back what was before.
func TestAnyLinksLoseNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		for n := byte(0); n < 4; n++ {
			w.load(authorityA, int64(n)+1, Row{Person: person(n), Type: LookedAfter, Start: begin.Day() - 9, Birth: tag("b"), Content: tag("c")})
		}
		all := func() map[Seq]int {
			out := map[Seq]int{}
			for _, plans := range w.view.plans {
				for i := range plans {
					out[plans[i].First]++
				}
			}
			return out
		}
		before := all()
		require.Len(rt, before, 4)
		for range rapid.IntRange(1, 8).Draw(rt, "links") {
			old := person(rapid.ByteRange(0, 3).Draw(rt, "old"))
			was := map[PersonRef][]Plan{}
			for p, plans := range w.view.plans {
				was[p] = plans
			}
			if rapid.Bool().Draw(rt, "part") {
				w.do(w.cmd(system(), &PartNumbers{Old: old}))
			} else if d, _ := w.do(w.cmd(system(), &SupersedeNumber{Old: old, New: person(rapid.ByteRange(0, 3).Draw(rt, "new")), Birth: tag("n"), Was: tag("old")})); d.Refusal == nil &&
				w.view.numbers[w.view.numbers[old].New].New.IsZero() && rapid.Bool().Draw(rt, "and part again") {
				w.grant(w.cmd(system(), &PartNumbers{Old: old}))
				for p, plans := range was {
					require.ElementsMatch(rt, plans, w.view.plans[p])
				}
			}
			require.Equal(rt, before, all())
		}
	})
}
