package ledger

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// baby is a child born on a day.
func baby(n byte, born Day) Baby {
	return Baby{Person: person(n), LastDay: born.AddYears(18), Birth: tag("born " + born.String())}
}

// expecting is a mother's plan of an unborn child.
func expecting(n byte, end Day) Row {
	return Row{Person: person(n), Type: UnbornChild, Start: end - 90, End: end, Birth: tag("mother"), Content: tag("c")}
}

func (w *world) looks(who Actor, p byte) *Accessed {
	w.t.Helper()
	q := &LookUp{Person: person(p), Attendance: tag(fmt.Sprint("attendance ", w.n))}
	return only[*Accessed](w.grant(w.cmd(who, q, PayloadAccess)))[0]
}

// births is the tale of twins, of one of whom an authority decides, and of a
// pregnancy that ends.
func births(w *world) {
	t := w.t
	w.outlast()
	today := w.now.Day()
	midwife, worker := clinician(), as(RoleSocialWorker, authorityA, "sw")
	w.load(authorityA, 60, expecting(160, today+20), expecting(163, today+50))
	w.load(authorityB, 60, expecting(160, today+20))

	twins := &RecordBirth{Mother: person(160), Babies: []Baby{baby(161, today), baby(162, today)}}
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, emergency, "a"), twins))
	w.deny(RefusedOrganisation, w.cmd(as(RoleClinician, "NOWHERE", "x"), twins))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleSocialWorker, emergency, "x"), twins))
	for name, wrong := range map[string]*RecordBirth{
		"nobody": {Mother: person(160)}, "no mother": {Babies: twins.Babies},
		"herself":    {Mother: person(160), Babies: []Baby{baby(160, today)}},
		"twice":      {Mother: person(160), Babies: []Baby{baby(161, today), baby(161, today)}},
		"next week":  {Mother: person(160), Babies: []Baby{baby(161, today+7)}},
		"a year old": {Mother: person(160), Babies: []Baby{baby(161, today.AddYears(-1))}},
		"no date":    {Mother: person(160), Babies: []Baby{{Person: person(161), LastDay: today.AddYears(18)}}},
		"too many":   {Mother: person(160), Babies: make([]Baby, MaxBabies+1)},
	} {
		d, _ := w.do(w.cmd(midwife, wrong))
		require.NotNil(t, d.Refusal, name)
		require.Equal(t, RefusedState, d.Refusal.Code, name)
	}
	asked := w.cmd(worker, twins)
	asked.Sealed = append(asked.Sealed, w.sealed(PayloadAccess, 1), w.sealed(PayloadAccess, 2))
	group := w.grant(asked)
	require.Len(t, group[1].Commitments, 1, "each baby's number is sealed beside its own entry")
	require.Len(t, only[*BirthRecorded](group), 3, "in her trail, and in each baby's")
	for _, n := range only[*NotificationQueued](group) {
		require.Equal(t, NotifyBirth, n.Type)
		require.Equal(t, authorityB, n.Authority, "the one that records it needs not be told")
	}
	w.refuse(RefusedAlready, w.cmd(midwife, &RecordBirth{Mother: person(163), Babies: []Baby{baby(161, today)}}))

	// Her plans show on each of them, and of herself nothing.
	seen := w.grant(w.cmd(midwife, &LookUp{Person: person(161), Birth: tag("born " + today.String())}, PayloadAccess))
	e := only[*Accessed](seen)[0]
	require.Equal(t, OutcomeFound, e.Outcome)
	require.Len(t, e.Disclosed, 2)
	require.Equal(t, []string{authorityA, authorityB}, e.Told)
	require.Equal(t, OutcomeMismatch, last[*Accessed](t, w.grant(w.cmd(midwife, &LookUp{Person: person(162), Birth: tag("mother")}, PayloadAccess))).Outcome)
	hers := &LookUpMother{Access: seen[0].Seq}
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, emergency, "a"), hers, PayloadAccess))
	w.deny(RefusedNotOwn, w.cmd(as(RoleClinician, emergency, "555009"), hers, PayloadAccess))
	w.refuse(RefusedNotFound, w.cmd(midwife, &LookUpMother{}, PayloadAccess))
	group = w.grant(w.cmd(midwife, hers, PayloadAccess))
	require.Equal(t, person(160), group[0].Person.Ref, "it stands in the mother's trail")
	require.Len(t, only[*Accessed](group)[0].Disclosed, 2)

	// One of them has a plan of its own; of the other hers is shown until it is over.
	own := row(161)
	own.Start = today
	w.load(authorityA, 61, own)
	require.Len(t, w.looks(midwife, 161).Disclosed, 1)
	require.Len(t, w.looks(midwife, 162).Disclosed, 2)

	// A link that was wrong.
	w.refuse(RefusedReasonMissing, w.cmd(worker, &TakeBackBirth{Baby: person(162)}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleSocialWorker, "E10000009", "x"), &TakeBackBirth{Baby: person(162)}, PayloadReason))
	w.grant(w.cmd(worker, &TakeBackBirth{Baby: person(162)}, PayloadReason))
	require.Equal(t, OutcomeNotFound, w.looks(midwife, 162).Outcome)
	w.refuse(RefusedNotFound, w.cmd(midwife, &TakeBackBirth{Baby: person(162)}, PayloadReason))

	// A pregnancy ends, and the plan is shown no longer.
	require.Len(t, w.looks(midwife, 163).Disclosed, 1)
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleUploader, authorityB, "ub"), &EndPregnancy{Mother: person(163)}))
	group = w.grant(w.cmd(midwife, &EndPregnancy{Mother: person(163)}, PayloadReason))
	require.Len(t, only[*PregnancyEnded](group)[0].Plans, 1)
	require.Equal(t, NotifyPregnancyEnded, only[*NotificationQueued](group)[0].Type)
	require.Equal(t, OutcomeNotFound, w.looks(midwife, 163).Outcome)
	require.Empty(t, only[*PregnancyEnded](w.grant(w.cmd(midwife, &EndPregnancy{Mother: person(99)})))[0].Plans, "recorded either way")
	w.load(authorityA, 62, expecting(163, today+50))
	require.Equal(t, OutcomeNotFound, w.looks(midwife, 163).Outcome, "a file that has not heard of it changes nothing")
	again := expecting(163, today+51)
	w.load(authorityA, 63, again)
	require.Equal(t, OutcomeFound, w.looks(midwife, 163).Outcome, "one that says otherwise does")
}

// Who has had its first birthday leads to no mother, nor does a look of yesterday.
func TestALookUpOfAMother(t *testing.T) {
	w := newWorld(t)
	today := w.now.Day()
	w.load(authorityA, 1, expecting(1, today+20))
	w.grant(w.cmd(clinician(), &RecordBirth{Mother: person(1), Babies: []Baby{baby(2, today-1)}}))
	look := func() Seq { return w.grant(w.cmd(clinician(), &LookUp{Person: person(2)}, PayloadAccess))[0].Seq }
	seq := look()
	w.deny(RefusedResponsible, w.cmd(clinician(), &LookUpMother{Access: seq, System: true}, PayloadAccess))
	w.now += motherWithin + 1
	w.refuse(RefusedState, w.cmd(clinician(), &LookUpMother{Access: seq}, PayloadAccess))
	w.now = today.AddYears(1).Start() - 24*Hour - 1
	require.NotEmpty(t, w.grant(w.cmd(clinician(), &LookUpMother{Access: look()}, PayloadAccess)))
	w.now += 2
	w.refuse(RefusedState, w.cmd(clinician(), &LookUpMother{Access: look()}, PayloadAccess))
}

// A baby's number is replaced, and its link follows; the replacement is undone,
// and the link goes back.
func TestABabysNumberChanges(t *testing.T) {
	w := newWorld(t)
	today := w.now.Day()
	w.load(authorityA, 1, expecting(1, today+20))
	w.grant(w.cmd(clinician(), &RecordBirth{Mother: person(1), Babies: []Baby{baby(2, today)}}))
	w.grant(w.cmd(system(), &SupersedeNumber{Old: person(2), New: person(3), Birth: tag("x"), Was: tag("y")}))
	for _, p := range []byte{2, 3} {
		require.Equal(t, OutcomeFound, w.looks(clinician(), p).Outcome, "%d", p)
	}
	w.grant(w.cmd(as(RoleIGOfficer, "X26", "ig"), &PartNumbers{Old: person(2)}, PayloadReason))
	require.Equal(t, OutcomeFound, w.looks(clinician(), 2).Outcome)
	require.Equal(t, OutcomeNotFound, w.looks(clinician(), 3).Outcome)
	w.grant(w.cmd(system(), &SupersedeNumber{Old: person(1), New: person(4), Birth: tag("x"), Was: tag("y")}))
	require.Equal(t, OutcomeFound, w.looks(clinician(), 2).Outcome, "nor does the mother's lose it")
}

// An unborn child's plan that a baby's own follows is no task.
func TestAPlanThatABabysOwnFollowsDoesNotLapse(t *testing.T) {
	for _, decided := range []bool{true, false} {
		w := newWorld(t)
		today := w.now.Day()
		w.load(authorityA, 1, expecting(1, today+20))
		w.grant(w.cmd(clinician(), &RecordBirth{Mother: person(1), Babies: []Baby{baby(2, today)}}))
		if decided {
			own := row(2)
			own.Start = today
			w.load(authorityA, 2, own)
		}
		w.now += 6 * 24 * Hour
		require.Equal(t, map[bool]int{true: 0, false: 1}[decided], w.due()[0].Event.(*TransitionsDue).Tasks)
	}
}
