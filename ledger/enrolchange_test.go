package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// enrolled is what a source holds of somebody at a place, as from and to in days from begin.
func (w *world) enrolled(n byte, at Place) (out [][2]int) {
	for _, e := range w.view.enrolments[at][person(n)] {
		to := int(e.To - begin.Day())
		if e.To == 0 {
			to = 999
		}
		out = append(out, [2]int{int(e.From - begin.Day()), to})
	}
	return out
}

// Joins, moves, leavers and corrections of several sources, and what is wrong.
func TestEnrolmentsOfSeveralSources(t *testing.T) {
	w := newWorld(t)
	other := Place(PlaceSchool + "100002")
	clerk, council := as(RoleChildHealth, nursing, "clerk"), as(RoleUploader, authorityA, "up")
	op := as(RoleOperator, "CUSTOS", "op")
	day := func(n int) Day { return begin.Day() + Day(n) }
	w.grant(w.cmd(op, &RecordRegister{Rows: []RegisterRow{{Code: "100002", Name: "Closing", Sort: SortSchool, Closed: day(100)}}}))
	w.load(authorityA, 1, row(1), row(2))
	say := func(a Actor, rows ...EnrolmentRow) []string {
		for i := range rows {
			rows[i].N = i + 1
			if rows[i].Person.IsZero() {
				rows[i].Person = person(1)
			}
		}
		var out []string
		for _, e := range w.grant(w.cmd(a, &Enrol{Rows: rows})) {
			switch x := e.Event.(type) {
			case *Enrolled:
				out = append(out, "enrolled")
			case *EnrolmentEnded:
				out = append(out, map[bool]string{true: "moved", false: "left"}[x.Moved])
			case *EnrolmentTakenBack:
				out = append(out, "taken back")
			case *EnrolmentNotKept:
				out = append(out, "not kept")
			case *EnrolmentRejected:
				out = append(out, x.Code)
			}
		}
		return out
	}
	require.Equal(t, []string{"enrolled", "enrolled"}, say(clerk, EnrolmentRow{Place: school, From: day(-90)}, EnrolmentRow{Place: area, From: day(-90)}))
	require.Equal(t, []string{"enrolled"}, say(council, EnrolmentRow{Place: school, From: day(-80)}))
	require.Equal(t, []string{RowOverlaps}, say(council, EnrolmentRow{Place: school, From: day(-70), To: day(-60)}))

	// A move leaves the source's other school, not its area, and nothing of another source.
	require.Equal(t, []string{"moved", "enrolled"}, say(clerk, EnrolmentRow{Place: other, From: day(0), Change: EnrolmentMoves}))
	require.Equal(t, [][2]int{{-90, -1}, {-80, 999}}, w.enrolled(1, school))
	require.Equal(t, [][2]int{{-90, 999}}, w.enrolled(1, area))
	require.Equal(t, [][2]int{{0, 999}}, w.enrolled(1, other))

	// Leavers; the same row twice; a source's own alone; within one file each row sees the last.
	require.Equal(t, []string{"left", "enrolled", "left", RowEnrolmentUnknown}, say(council, EnrolmentRow{Place: school, To: day(1), Change: EnrolmentLeaves},
		EnrolmentRow{Place: school, From: day(2)}, EnrolmentRow{Place: school, To: day(3), Change: EnrolmentLeaves}, EnrolmentRow{Place: other, To: day(3), Change: EnrolmentLeaves}))
	require.Equal(t, [][2]int{{-90, -1}, {-80, 1}, {2, 3}}, w.enrolled(1, school))

	// A correction: the same from again. An error: taken back, and said anew.
	require.Equal(t, []string{"enrolled", "taken back", RowEnrolmentUnknown, "enrolled"}, say(clerk, EnrolmentRow{Place: other, From: day(0), To: day(50)},
		EnrolmentRow{Place: other, From: day(0), Change: EnrolmentWithdrawn}, EnrolmentRow{Place: other, From: day(0), Change: EnrolmentWithdrawn}, EnrolmentRow{Place: other, From: day(0)}))
	require.Equal(t, [][2]int{{0, 999}}, w.enrolled(1, other))

	require.Equal(t, []string{RowToMissing, RowToBeforeFrom, RowPlaceUnknown, RowPlaceClosed, "not kept", "not kept"}, say(clerk,
		EnrolmentRow{Place: other, Change: EnrolmentLeaves}, EnrolmentRow{Place: school, From: day(3), To: day(2)}, EnrolmentRow{Place: "school:999999", From: day(0)},
		EnrolmentRow{Person: person(2), Place: other, From: day(101)}, EnrolmentRow{Person: person(9), Place: school, From: day(0)},
		EnrolmentRow{Person: person(9), Place: school, To: day(0), Change: EnrolmentLeaves}))

	// What is held is put right although the plan is in sight no more.
	gone := row(1)
	gone.Delete = w.now.Day()
	w.load(authorityA, 2, gone)
	require.Equal(t, []string{"left", "not kept"}, say(clerk, EnrolmentRow{Place: other, To: day(4), Change: EnrolmentLeaves}, EnrolmentRow{Place: other, From: day(9)}))
}

// Who named a child that had no plan is asked again when one appears, until it
// has answered; nothing of the place was kept meanwhile.
func TestASourceIsAskedAgainWhenAPlanAppears(t *testing.T) {
	w := newWorld(t)
	clerk, council := as(RoleChildHealth, nursing, "clerk"), as(RoleUploader, authorityB, "up")
	row1 := EnrolmentRow{N: 1, Person: person(1), Place: school, From: begin.Day()}
	w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{row1, {N: 2, Person: person(2), Place: school, From: begin.Day()}}}))
	w.grant(w.cmd(council, &Enrol{Rows: []EnrolmentRow{row1}}))
	wanted := func(a Actor) (out []PersonRef) {
		group := w.grant(w.cmd(a, &ReadWanted{}))
		for i := range group[1:] {
			out = append(out, group[1+i].Person.Ref)
		}
		require.Equal(t, len(out), only[*EnrolmentsWanted](group)[0].Count)
		return out
	}
	require.Empty(t, wanted(clerk), "there is no plan")
	require.Empty(t, w.view.enrolments)
	w.load(authorityA, 1, row(1))
	require.Equal(t, []PersonRef{person(1)}, wanted(clerk))
	require.Equal(t, []PersonRef{person(1)}, wanted(council))
	require.Empty(t, wanted(as(RoleUploader, authorityA, "up")), "it never named the child")
	w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{row1}}))
	require.Empty(t, wanted(clerk))
	require.Equal(t, []PersonRef{person(1)}, wanted(council), "the other one has not answered")
	gone := row(1)
	gone.Delete = w.now.Day()
	w.load(authorityA, 2, gone)
	require.Empty(t, wanted(council), "nobody is asked of a child without a plan")
}
