package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// caseloads3 is the part of the story that came with rules version 3.
func caseloads3(w *world, auditor Actor) {
	t, today := w.t, w.now.Day()
	leader := as(RoleTeamLeader, nursing, "leader")
	other := as(RoleTeamLeader, practice, "leader2")
	w.refuse(RefusedNotCovered, w.cmd(leader, &Assign{Place: area, Subject: "bank", For: "nobody", From: today, To: today + 1, Cover: true}, PayloadReason))
	a := last[*Assigned](t, w.grant(w.cmd(leader, &Assign{Place: area, Subject: "bank", From: today, To: today + 3, Cover: true}, PayloadReason))).Assignment
	require.Equal(t, "north", a.For, "the one there is to cover")
	w.deny(RefusedRole, w.cmd(auditor, &EndAssignment{Place: area, Of: a.Seq, To: today}, PayloadReason))
	w.deny(RefusedOwnOrganisation, w.cmd(other, &EndAssignment{Place: area, Of: a.Seq, To: today}))
	w.refuse(RefusedNotFound, w.cmd(leader, &EndAssignment{Place: school, Of: a.Seq, To: today}))
	w.refuse(RefusedState, w.cmd(leader, &EndAssignment{Place: area, Of: a.Seq, To: a.To}))
	w.grant(w.cmd(leader, &EndAssignment{Place: area, Of: a.Seq, To: today}, PayloadReason))

	w.grant(w.cmd(as(RoleSocialWorkManager, authorityA, "manager"), &ReadUnassigned{Authority: authorityA}))
	w.deny(RefusedRole, w.cmd(auditor, &ReadUnassigned{Authority: authorityA}))

	clerk, op := as(RoleChildHealth, nursing, "clerk"), as(RoleOperator, "CUSTOS", "op")
	w.grant(w.cmd(clerk, &ReadWanted{}))
	w.deny(RefusedRole, w.cmd(auditor, &ReadWanted{}))
	w.refuse(RefusedState, w.cmd(op, &RecordRegister{}))
	w.refuse(RefusedState, w.cmd(op, &RecordRegister{Rows: []RegisterRow{{Code: authorityA, Name: "A trust", Sort: SortTrust}}}))
	w.deny(RefusedRole, w.cmd(auditor, &RecordRegister{Rows: []RegisterRow{{Code: "100002", Name: "S", Sort: SortSchool}}}))
	w.grant(w.cmd(op, &RecordRegister{Rows: []RegisterRow{{Code: "100002", Name: "S", Sort: SortSchool}, {Code: "GP2", Name: "P", Sort: SortPractice}}}))
	site := as(RoleSiteIG, emergency, "site")
	w.grant(w.cmd(named(site), &RecordCallBack{Code: emergency, Phone: "01234 000009"}))
	require.Equal(t, "01234 000009", w.view.organisations[emergency].CallBack)
	w.deny(RefusedOwnOrganisation, w.cmd(site, &RecordCallBack{Code: practice, Phone: "01234 000009"}))
	w.deny(RefusedRole, w.cmd(auditor, &RecordCallBack{Code: emergency}))
	w.refuse(RefusedNotFound, w.cmd(op, &RecordCallBack{Code: authorityA, Phone: "01234 000009"}))
	w.refuse(RefusedNotFound, w.cmd(op, &RecordCallBack{Code: "NOWHERE", Phone: "01234 000009"}))
	w.grant(w.cmd(op, &RecordCallBack{Code: emergency}))
	w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{
		{N: 1, Person: person(21), Place: school, From: today - 40}, {N: 2, Person: person(21), Place: school, To: today - 20, Change: EnrolmentLeaves},
		{N: 3, Person: person(21), Place: school, From: today - 40, Change: EnrolmentWithdrawn}}}))
}

func taleOfCaseloads(w *world) {
	nurse, bank := as(RoleSchoolNurse, nursing, "nurse"), named(as(RoleSchoolNurse, nursing, "bank"))
	leader := named(as(RoleTeamLeader, nursing, "lead"))
	w.load(authorityA, 1, row(1), row(2))
	w.grant(w.cmd(as(RoleChildHealth, nursing, "clerk"), &Enrol{Rows: []EnrolmentRow{
		{N: 1, Person: person(1), Place: school, From: w.now.Day() - 30}, {N: 2, Person: person(2), Place: school, From: w.now.Day() - 30}}}))
	own := last[*Assigned](w.t, w.grant(w.cmd(leader, &Assign{Place: school, Subject: "nurse", From: w.now.Day()}))).Assignment
	w.now += Minute
	w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))
	w.now += 24 * Hour
	w.load(authorityA, 2, Row{Person: person(2), Type: LookedAfter, Start: w.now.Day() - 1, LastDay: begin.Day() + 3000, Birth: tag("birth2"), Content: tag("l2")})
	w.grant(w.cmd(leader, &Assign{Place: school, Subject: "bank", From: w.now.Day(), To: w.now.Day() + 1, Cover: true, For: "nurse"}, PayloadReason))
	w.now += Minute
	w.grant(w.cmd(bank, &ReadCaseload{Place: school}))
	w.now += 2 * 24 * Hour
	w.deny(RefusedCoverEnded, w.cmd(bank, &ReadCaseload{Place: school}))
	w.grant(w.cmd(leader, &EndAssignment{Place: school, Of: own.Seq, To: w.now.Day()}, PayloadReason))
	w.grant(w.cmd(as(RoleUploader, authorityA, "up"), &RecordDirectory{Code: authorityA, Directory: Directory{OfficeHours: "01234 567890", ChildHealth: []string{nursing}}}))
	w.now += 24 * Hour
	clerk := named(as(RoleChildHealth, nursing, "clerk"))
	w.grant(w.cmd(clerk, &ReadUnassigned{Authority: authorityA}))

	today := w.now.Day()
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordRegister{Rows: []RegisterRow{
		{Code: "100002", Name: "Hollerton Junior", Sort: SortSchool, Parent: authorityA}, {Code: "GP2", Name: "Penny Hassett Surgery", Sort: SortPractice, Closed: today + 30}}}))
	w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{
		{N: 1, Person: person(1), Place: "school:100002", From: today, Change: EnrolmentMoves},
		{N: 2, Person: person(2), Place: school, To: today, Change: EnrolmentLeaves},
		{N: 3, Person: person(1), Place: "school:100002", From: today, Change: EnrolmentWithdrawn},
		{N: 4, Person: person(3), Place: school, From: today}}}))
	w.load(authorityA, 3, row(3))
	w.grant(w.cmd(clerk, &ReadWanted{}))
	w.grant(w.cmd(named(as(RoleSiteIG, emergency, "site")), &RecordCallBack{Code: emergency, Phone: "01234 000009"}))
}

// A cover begins with a handover: what changed since the one covered looked. It
// ends by itself, and what is asked after that is denied, on the record.
func TestCoverBeginsWithAHandoverAndEnds(t *testing.T) {
	w := newWorld(t)
	nurse, bank := as(RoleSchoolNurse, nursing, "nurse"), as(RoleSchoolNurse, nursing, "bank")
	leader := as(RoleTeamLeader, nursing, "leader")
	day := func(n int) Day { return begin.Day() + Day(n) }
	at := func(n int) { w.now = begin + Time(n)*24*Hour }
	w.load(authorityA, 1, row(1))
	enrol := func(n byte) {
		w.grant(w.cmd(as(RoleChildHealth, nursing, "clerk"), &Enrol{Rows: []EnrolmentRow{{N: 1, Person: person(n), Place: school, From: day(-30)}}}))
	}
	enrol(1)
	look := func(a Actor) (*CaseloadAccessed, map[PersonRef]CaseloadChange) {
		group := w.grant(w.cmd(a, &ReadCaseload{Place: school}))
		out := map[PersonRef]CaseloadChange{}
		for i := range group[1:] {
			out[group[1+i].Person.Ref] = group[1+i].Event.(*SubjectAccessed).Change
		}
		return group[0].Event.(*CaseloadAccessed), out
	}
	own := last[*Assigned](t, w.grant(w.cmd(leader, &Assign{Place: school, Subject: "nurse", From: day(0)}))).Assignment
	head, _ := look(nurse)
	require.Equal(t, own.Seq, head.Assignment)
	require.False(t, head.Cover || head.Handover)
	looked := w.now

	at(1)
	w.load(authorityA, 2, row(2))
	enrol(2)
	at(2)
	cover := last[*Assigned](t, w.grant(w.cmd(leader, &Assign{Place: school, Subject: "bank", From: day(2), To: day(3), Cover: true}, PayloadReason))).Assignment
	require.Equal(t, []any{own.Seq, "nurse"}, []any{cover.Covers, cover.For})
	w.now += Hour
	head, changes := look(bank)
	require.Equal(t, []any{true, true, "nurse", looked}, []any{head.Handover, head.Cover, head.For, head.Since})
	require.Equal(t, map[PersonRef]CaseloadChange{person(1): CaseloadSame, person(2): CaseloadMovedIn}, changes, "new to the one covered, and so to the one who covers")
	at(3)
	head, changes = look(bank)
	require.False(t, head.Handover, "a cover begins once")
	require.Equal(t, CaseloadSame, changes[person(2)])
	at(4)
	e := w.deny(RefusedCoverEnded, w.cmd(bank, &ReadCaseload{Place: school}))
	require.Equal(t, ActReadCaseload, last[*AccessDenied](t, e).Action)
	head, changes = look(nurse)
	require.Equal(t, looked, head.Since)
	require.Equal(t, CaseloadMovedIn, changes[person(2)], "who was away is told all the same")

	// A second cover begins with a handover of its own, and of several to cover none is guessed.
	w.grant(w.cmd(leader, &Assign{Place: school, Team: "north", From: day(0)}))
	cover = last[*Assigned](t, w.grant(w.cmd(leader, &Assign{Place: school, Subject: "bank", From: day(4), To: day(9), Cover: true}, PayloadReason))).Assignment
	require.Empty(t, cover.For)
	head, _ = look(bank)
	require.True(t, head.Handover, "the first look under this cover")
	require.Zero(t, head.Since, "nobody is named whose look it could follow")
}

func TestAnAssignmentIsEnded(t *testing.T) {
	w := newWorld(t)
	nurse, leader := as(RoleSchoolNurse, nursing, "nurse"), as(RoleTeamLeader, nursing, "leader")
	today := w.now.Day()
	assign := func(from, to Day) Seq {
		return last[*Assigned](t, w.grant(w.cmd(leader, &Assign{Place: school, Subject: "nurse", From: from, To: to}))).Assignment.Seq
	}
	end := func(of Seq, to Day) Day {
		return last[*AssignmentEnded](t, w.grant(w.cmd(leader, &EndAssignment{Place: school, Of: of, To: to}))).To
	}
	first := assign(today-9, 0)
	w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))
	require.Equal(t, today-1, end(first, today-5), "what was shown meanwhile was shown under it")
	w.deny(RefusedNotAssigned, w.cmd(nurse, &ReadCaseload{Place: school}))
	w.refuse(RefusedState, w.cmd(leader, &EndAssignment{Place: school, Of: first, To: today - 2}))
	require.Equal(t, today, end(assign(today, today+30), today))
	w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))
	later := assign(today+10, 0)
	require.Equal(t, today+9, end(later, today), "one that has not begun never does")
	w.now += 15 * 24 * Hour
	w.deny(RefusedNotAssigned, w.cmd(nurse, &ReadCaseload{Place: school}))
}
