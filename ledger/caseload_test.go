package ledger

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"
)

// What changed since the reader last looked, for each way it can: somebody who
// was on the list never drops off it in silence.
func TestWhatChangedSinceTheReaderLastLooked(t *testing.T) {
	w := newWorld(t)
	nurse := as(RoleSchoolNurse, nursing, "nurse")
	leader := as(RoleTeamLeader, nursing, "leader")
	clerk := as(RoleChildHealth, nursing, "clerk")
	w.grant(w.cmd(leader, &Assign{Place: school, Subject: "nurse", From: w.now.Day()}))
	enrol := func(n byte, to Day) {
		w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{{N: 1, Person: person(n), Place: school, From: begin.Day() - 30, To: to}}}))
	}
	look := func() map[PersonRef]CaseloadChange {
		group := w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))
		header := group[0].Event.(*CaseloadAccessed)
		require.Equal(t, len(group)-1, header.Count)
		out := map[PersonRef]CaseloadChange{}
		h := sha256.New()
		previous := PersonRef{}
		for i := range group[1:] {
			e := group[1+i]
			s := e.Event.(*SubjectAccessed)
			require.Less(t, string(previous[:]), string(e.Person.Ref[:]), "in order of reference")
			previous = e.Person.Ref
			hashSubject(h.Write, e.Person.Ref, s)
			require.NotEmpty(t, s.Disclosed)
			out[e.Person.Ref] = s.Change
		}
		require.Equal(t, header.Digest[:], h.Sum(nil))
		return out
	}
	later := func() { w.now += 24 * Hour }

	ending := row(2)
	w.load(authorityA, 1, row(1), ending, row(3), row(4))
	for n := byte(1); n <= 4; n++ {
		enrol(n, 0)
	}
	first := look()
	require.Len(t, first, 4)
	for _, c := range first {
		require.Equal(t, CaseloadSame, c, "at the first look nothing has changed")
	}
	later()
	ending.End, ending.Content = w.now.Day()-1, tag("ended")
	w.load(authorityA, 2, ending, row(5))
	enrol(5, 0)
	enrol(3, w.now.Day()-1)
	require.Equal(t, map[PersonRef]CaseloadChange{person(1): CaseloadSame, person(2): CaseloadEnded, person(3): CaseloadMovedOut,
		person(4): CaseloadSame, person(5): CaseloadMovedIn}, look())
	later()
	require.Equal(t, map[PersonRef]CaseloadChange{person(1): CaseloadSame, person(2): CaseloadSame, person(4): CaseloadSame, person(5): CaseloadSame}, look(),
		"told once; who moved away is gone, who ended is still shown")
	again := row(4)
	again.Type, again.Start = LookedAfter, w.now.Day()-1
	w.now += Hour
	w.load(authorityA, 3, again)
	require.Equal(t, CaseloadSame, look()[person(4)], "another plan of somebody in force is not news of the list")
}

func TestAssignmentsEndByThemselves(t *testing.T) {
	a := Assignment{Subject: "s", Team: "t", From: 100, To: 102, Org: "o"}
	who := func(subject, team, org string) Actor { return Actor{Subject: subject, Team: team, Organisation: org} }
	for d, held := range map[Day]bool{99: false, 100: true, 102: true, 103: false} {
		require.Equal(t, held, a.Holds(who("s", "", "o"), d))
		require.Equal(t, held, a.Holds(who("x", "t", "o"), d))
	}
	require.False(t, a.Holds(who("s", "t", "other"), 101))
	require.False(t, a.Holds(who("x", "y", "o"), 101))
	require.False(t, (&Assignment{From: 1, Org: "o"}).Holds(who("", "", "o"), 5), "an assignment to nobody holds for nobody")
	require.True(t, (&Enrolment{From: 5, To: 6}).At(6))
	require.False(t, (&Enrolment{From: 5, To: 6}).At(7))
	require.Equal(t, "100001", school.Code())
	require.Equal(t, "X", Place("X").Code())
}
