package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// strong is somebody signed in with a hardware key.
func strong(a Actor) Actor {
	a.Assurance = strongAssurance
	return a
}

// glassOf is the number of the review that a command's entries ask for.
func glassOf(group []Entry) Seq {
	for i := range group {
		if group[i].Kind == KindGlassBroken {
			return group[i].Seq
		}
	}
	return 0
}

func emergencyOf(n byte) *BreakGlass {
	return &BreakGlass{LookUp: LookUp{Person: person(n), Reasoned: true}}
}

// What the policy denies is answered in an emergency, to somebody strongly
// signed in who says why, and then it stands beside the access that it was.
func TestBreakGlass(t *testing.T) {
	w := newWorld(t)
	today := w.now.Day()
	w.load(authorityA, 1, row(1))
	doctor, gp := strong(clinician()), strong(as(RoleScheduledClinician, practice, "gp"))
	plain := w.grant(w.cmd(clinician(), emergencyOf(1), PayloadAccess))
	require.Zero(t, glassOf(plain), "what is answered anyway breaks nothing, however one is signed in")
	require.Equal(t, OutcomeFound, only[*Accessed](plain)[0].Outcome)

	w.says(Nation, today, Policy{Live: No})
	w.says(Nation, today+9, Policy{Live: Yes})
	w.says(practice, today, Policy{Live: Yes, Roles: []Role{RoleClinician}})
	w.refuse(RefusedReasonMissing, w.cmd(doctor, &BreakGlass{LookUp: LookUp{Person: person(1)}}, PayloadAccess))
	w.refuse(RefusedReasonMissing, w.cmd(doctor, emergencyOf(1)))
	for _, level := range []string{"", "AAL1", "AAL2", "AAL3 "} {
		a := clinician()
		a.Assurance = level
		group := w.deny(RefusedAssurance, w.cmd(a, emergencyOf(1), PayloadAccess))
		require.Equal(t, person(1), group[0].Person.Ref, "who was asked about stands in the child's own trail")
		require.Len(t, group[0].Commitments, 1)
	}
	for _, c := range []struct {
		who  Actor
		want GlassBroken
		told []string
	}{
		{doctor, GlassBroken{Code: RefusedNotLive, From: today + 9}, []string{authorityA}},
		{gp, GlassBroken{Code: RefusedPolicyRole}, nil},
	} {
		q := emergencyOf(1)
		q.LookUp.Attendance = tag(c.want.Code)
		group := w.grant(w.cmd(c.who, q, PayloadAccess))
		e := only[*Accessed](group)[0]
		require.Equal(t, OutcomeFound, e.Outcome)
		require.Equal(t, c.told, e.Told)
		require.Len(t, only[*NotificationQueued](group), len(c.told))
		c.want.Access = group[0].Seq
		require.Equal(t, &c.want, only[*GlassBroken](group)[0])
		require.Equal(t, group[0].Seq+1, glassOf(group))
		notes, err := w.view.NotificationsOf(group[0].Seq)
		require.NoError(t, err)
		require.Len(t, notes, len(c.told))
	}
	requireToldByName(t, w)
	for _, n := range []byte{1, 99} { // not found, or the birth date differs: reviewed all the same
		q := emergencyOf(n)
		q.LookUp.Birth = tag("other")
		require.NotZero(t, glassOf(w.grant(w.cmd(doctor, q, PayloadAccess))))
	}
	w.deny(RefusedOrganisation, w.cmd(strong(as(RoleClinician, "NOWHERE", "x")), emergencyOf(1), PayloadAccess))
	w.deny(RefusedOrganisation, w.cmd(strong(as(RoleClinician, authorityA, "x")), emergencyOf(1), PayloadAccess))
	w.deny(RefusedRole, w.cmd(strong(as(RoleSocialWorker, emergency, "x")), emergencyOf(1), PayloadAccess))
	w.deny(RefusedNotLive, w.cmd(doctor, &LookUp{Person: person(1)}, PayloadAccess))

	asked := w.cmd(doctor, emergencyOf(1), PayloadAccess)
	broken := w.grant(asked)
	again := *asked
	again.Seed = ID{0x5e}
	require.Equal(t, broken[0].Seq, last[*Reopened](t, w.grant(&again)).Of, "shown again is recorded, and is no second emergency")
	require.Zero(t, glassOf(w.groups[len(w.groups)-1]))
}

// A second person of the site, or the national officer, looks into it and
// concludes, once; a day later that is late.
func TestReviews(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	w.says(Nation, w.now.Day(), Policy{Live: No})
	group := w.grant(w.cmd(strong(clinician()), emergencyOf(1), PayloadAccess))
	g := glassOf(group)
	site, national := as(RoleSiteIG, emergency, "site"), as(RoleIGOfficer, "X26", "ig")
	review := func(f Finding) *Review { return &Review{Glass: g, Finding: f} }

	w.refuse(RefusedNotFound, w.cmd(site, &Review{Glass: group[0].Seq, Finding: FindingOpened}))
	w.refuse(RefusedNotFound, w.cmd(site, &Review{Glass: 1 << 40, Finding: FindingOpened}))
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, emergency, "a"), review(FindingOpened)))
	w.deny(RefusedOwnOrganisation, w.cmd(as(RoleSiteIG, practice, "site"), review(FindingOpened)))
	same := clinician()
	same.Role = RoleSiteIG
	for _, f := range []Finding{FindingOpened, FindingJustified} {
		w.deny(RefusedSecondPerson, w.cmd(same, review(f), PayloadReason))
	}
	w.refuse(RefusedState, w.cmd(site, review(0), PayloadReason))
	w.refuse(RefusedState, w.cmd(site, review(4), PayloadReason))
	w.refuse(RefusedReasonMissing, w.cmd(site, review(FindingJustified)))
	opened := w.grant(w.cmd(site, review(FindingOpened)))
	require.Equal(t, person(1), opened[0].Person.Ref, "who read it stands in the child's own trail")
	require.Zero(t, w.view.glasses[g].Finding, "to look is not to conclude")

	before := w.view.glasses[g]
	require.Equal(t, w.now+24*Hour, before.Due())
	w.now = before.Due()
	require.False(t, before.Overdue(w.now))
	require.True(t, before.Overdue(w.now+1))
	require.False(t, last[*Reviewed](t, w.grant(w.cmd(site, review(FindingJustified), PayloadReason))).Late)
	after := w.view.glasses[g]
	require.False(t, after.Overdue(w.now+1), "what is concluded is not overdue")
	w.refuse(RefusedAlready, w.cmd(national, review(FindingNotJustified), PayloadReason))
	w.grant(w.cmd(national, review(FindingOpened)))

	g = glassOf(w.grant(w.cmd(strong(clinician()), emergencyOf(1), PayloadAccess)))
	w.now += ReviewWithin + 1
	late := last[*Reviewed](t, w.grant(w.cmd(national, review(FindingNotJustified), PayloadReason)))
	require.True(t, late.Late)
	require.Equal(t, FindingNotJustified, w.view.glasses[g].Finding)
}
