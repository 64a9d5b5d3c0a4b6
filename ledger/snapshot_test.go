package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// crowd is n people with a plan each.
func crowd(n int, today Day) []Row {
	out := make([]Row, n)
	for i := range out {
		out[i] = Row{N: i + 1, Person: person(byte(i)), Type: LookedAfter, Start: today - 9, Birth: tag("b"), Content: tag("c")}
	}
	return out
}

// Only a declared snapshot ends what it does not name, and only in its own authority.
func TestAbsenceEndsInASnapshotOnly(t *testing.T) {
	w := newWorld(t)
	a := as(RoleUploader, authorityA, "a")
	rows := crowd(6, w.now.Day())
	w.load(authorityA, 1, rows...)
	w.load(authorityB, 1, rows...)
	w.load(authorityA, 2, rows[:2]...)
	require.Equal(t, 6, inForce(w, authorityA), "an ordinary file says nothing of who is not in it")

	group := w.snapshot(a, 3, rows[:2]...)
	require.Len(t, only[*PlanLapsed](group), 4)
	require.Equal(t, 4, only[*UploadClosed](group)[0].Ended)
	for i := range group {
		require.Empty(t, group[i].Commitments, "what is sealed stays with the plan's own entry")
	}
	require.Equal(t, 6, inForce(w, authorityB))
	p := w.view.plans[person(5)][0]
	require.Equal(t, [2]Day{w.now.Day(), 0}, [2]Day{p.End, p.EndWas})
	require.Equal(t, p.First, p.Details())
	require.True(t, p.Visible(w.now.Day()+364), "it is shown as one that ended")

	// Who comes back in a later file is in force again.
	require.Equal(t, []string{"corrected"}, statuses(w.load(authorityA, 4, rows[5])))
	require.Zero(t, w.view.plans[person(5)][0].End)
	w.now += 24 * Hour
	require.Equal(t, 3, inForce(w, authorityA))
}

func inForce(w *world, authority string) int {
	n := 0
	for _, plans := range w.view.plans {
		for i := range plans {
			if plans[i].Authority == authority && plans[i].End == 0 {
				n++
			}
		}
	}
	return n
}

func TestASnapshotWaitsForASecondPerson(t *testing.T) {
	for _, c := range []struct {
		ends, live, nameless int
		waits                bool
	}{
		{0, 0, 0, false}, {4, 4, 0, false}, {5, 5, 0, true}, {5, 249, 0, true}, {5, 250, 0, false}, {6, 250, 0, true}, {20, 1000, 0, false},
		{21, 1000, 0, true}, {0, 9, 3, false}, {1, 1000, 1, true},
	} {
		require.Equal(t, c.waits, Waits(c.ends, c.live, c.nameless), "%+v", c)
	}
	w := newWorld(t)
	a, colleague := as(RoleUploader, authorityA, "a"), as(RoleUploader, authorityA, "c")
	second := as(RoleSocialWorkManager, authorityA, "second")
	rows := crowd(9, w.now.Day())
	w.load(authorityA, 1, rows...)
	before := w.view.plans[person(8)]
	hold := func(sequence int64) ID {
		held := last[*SnapshotHeld](t, w.snapshot(a, sequence, rows[:2]...))
		require.Equal(t, [2]int{7, 9}, [2]int{held.Ends, held.Live})
		require.Equal(t, before, w.view.plans[person(8)], "nothing has ended")
		return snapshotID(authorityA, sequence)
	}
	w.deny(RefusedSecondPerson, w.cmd(a, &ApproveSnapshot{Upload: hold(2)}, PayloadReason))
	again := as(RoleSocialWorkManager, authorityA, "a")
	w.deny(RefusedSecondPerson, w.cmd(again, &ApproveSnapshot{Upload: snapshotID(authorityA, 2)}, PayloadReason)) // another role is not another person

	// A later file makes it pointless; after three days it is over.
	w.load(authorityA, 3, rows[0])
	w.refuse(RefusedOvertaken, w.cmd(second, &ApproveSnapshot{Upload: snapshotID(authorityA, 2)}, PayloadReason))
	late := w.cmd(second, &ApproveSnapshot{Upload: hold(4)}, PayloadReason)
	late.Time += heldFor + 1
	w.refuse(RefusedExpired, late)
	require.Equal(t, 9, inForce(w, authorityA))

	id := hold(5)
	ok := w.cmd(colleague, &ApproveSnapshot{Upload: id}, PayloadReason)
	ok.Time += heldFor
	group := w.grant(ok)
	require.Equal(t, 7, only[*SnapshotApproved](group)[0].Ended)
	require.Equal(t, 2, inForce(w, authorityA))
	require.Equal(t, w.now.Day(), w.view.plans[person(8)][0].End, "on the day the snapshot came")
	d, none := w.do(ok)
	require.Nil(t, d.Refusal)
	require.Empty(t, none, "a retry is the same approval")
	w.refuse(RefusedState, w.cmd(second, &ApproveSnapshot{Upload: id}))
	require.Nil(t, only[*PlanLapsed](w.snapshot(a, 6, rows[:2]...)), "the same snapshot again ends nobody twice")
}

// A row that could not be loaded must not end the plan it speaks of, and one
// that names nobody might speak of any.
func TestARejectedRowEndsNobody(t *testing.T) {
	w := newWorld(t)
	a := as(RoleUploader, authorityA, "a")
	rows := crowd(3, w.now.Day())
	w.load(authorityA, 1, rows...)
	slip := Row{N: 2, Person: rows[1].Person, Fault: "end-format"}
	group := w.snapshot(a, 2, rows[0], slip, Row{N: 3, Person: rows[2].Person, Type: LookedAfter, Start: w.now.Day() + 1})
	require.Empty(t, only[*PlanLapsed](group))
	require.Empty(t, only[*SnapshotHeld](group))
	require.Equal(t, 3, inForce(w, authorityA))
	held := last[*SnapshotHeld](t, w.snapshot(a, 3, rows[0], Row{N: 2, Fault: "nhs-number-check-digit"}))
	require.Equal(t, [2]int{2, 1}, [2]int{held.Ends, held.Nameless})
	require.Equal(t, 3, inForce(w, authorityA))
}

// After a snapshot that did not wait, what is in force in its authority is what
// it named, or what a rejected row spared; after one that waits, nothing ended.
func TestAnySnapshot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		a := as(RoleUploader, authorityA, "a")
		w.load(authorityA, 1, drawRows(rt, w.now.Day())...)
		w.load(authorityB, 1, drawRows(rt, w.now.Day())...)
		theirs := plansBy(w, authorityB)
		file := drawRows(rt, w.now.Day())
		for i := range file {
			if rapid.IntRange(0, 9).Draw(rt, "slip") == 0 {
				file[i] = Row{N: file[i].N, Person: file[i].Person, Fault: "end-format"}
			}
		}
		before := lapsable(w)
		group := w.snapshot(a, 2, file...)
		named := map[PersonRef]bool{}
		for i := range file {
			named[file[i].Person] = true
		}
		if len(only[*SnapshotHeld](group)) > 0 {
			require.Empty(rt, only[*PlanLapsed](group))
		} else {
			for _, p := range lapsable(w) {
				require.True(rt, named[p], "a plan in force that the snapshot does not name")
			}
		}
		for i := range group {
			if group[i].Kind == KindPlanLapsed {
				require.Contains(rt, before, group[i].Person.Ref)
			}
		}
		require.Equal(rt, theirs, plansBy(w, authorityB))
	})
}

// lapsable is whom the first authority holds open plans of.
func lapsable(w *world) []PersonRef {
	var out []PersonRef
	for n := byte(0); n < 4; n++ {
		for _, p := range w.view.plans[person(n)] {
			if p.Authority == authorityA && p.Active(w.now.Day()) && p.End != w.now.Day() {
				out = append(out, person(n))
				break
			}
		}
	}
	return out
}
