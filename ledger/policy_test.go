package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnOrganisationsPolicySilencesAndHides(t *testing.T) {
	for _, c := range []struct{ silent, hidden bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		w := newWorld(t)
		w.load(authorityA, 1, row(1))
		w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{
			Code: emergency, Sort: SortTrust, Setting: SettingUnscheduled, Silent: c.silent, Hidden: c.hidden}}))
		group := w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess))
		e := only[*Accessed](group)[0]
		require.Equal(t, OutcomeFound, e.Outcome)
		require.Equal(t, c.silent, len(e.Told) == 0)
		require.Equal(t, c.silent, len(only[*NotificationQueued](group)) == 0)
		require.Equal(t, !c.hidden, e.Shown)
	}
}

// Somebody who left before there was a plan was never on the list, and is not
// reported as having moved away.
func TestWhoWasNeverOnTheListDoesNotLeaveIt(t *testing.T) {
	w := newWorld(t)
	nurse := as(RoleSchoolNurse, nursing, "nurse")
	w.grant(w.cmd(as(RoleTeamLeader, nursing, "l"), &Assign{Place: school, Subject: "nurse", From: w.now.Day()}))
	past := row(1)
	past.End = begin.Day() + 1 // so that the place is kept
	w.load(authorityA, 1, past)
	w.grant(w.cmd(as(RoleChildHealth, nursing, "c"), &Enrol{Rows: []EnrolmentRow{{N: 1, Person: person(1), Place: school, From: begin.Day(), To: begin.Day() + 500}}}))
	w.now += 400 * 24 * Hour // no longer visible, still enrolled
	require.Zero(t, w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))[0].Event.(*CaseloadAccessed).Count)
	w.now += 200 * 24 * Hour // gone from the school
	fresh := row(1)
	fresh.Type, fresh.Start, fresh.LastDay = LookedAfter, w.now.Day()-1, 0
	w.load(authorityA, 2, fresh)
	require.Zero(t, w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))[0].Event.(*CaseloadAccessed).Count)
}
