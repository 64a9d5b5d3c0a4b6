package ledger

import "github.com/stretchr/testify/require"

// releases runs every way in which a release is decided.
func releases(w *world) {
	officer := as(RoleIGOfficer, "X26", "ig")
	q := &ReleaseKey{Person: person(1), To: ActorID{7}, Until: w.now + MaxRelease, Binding: ReleaseBinding(ID{0xc0}, person(1), tag("nonce"), "9990000018")}
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, "X26", "a"), q, PayloadReason))
	if w.view.log.Rules < 3 {
		w.refuse(RefusedRules, w.cmd(officer, q, PayloadReason))
		return
	}
	w.refuse(RefusedReasonMissing, w.cmd(officer, q))
	for _, change := range []func(*ReleaseKey){
		func(q *ReleaseKey) { q.Person = PersonRef{} },
		func(q *ReleaseKey) { q.To = ActorID{} },
		func(q *ReleaseKey) { q.Binding = Hash{} },
		func(q *ReleaseKey) { q.Until = w.now },
		func(q *ReleaseKey) { q.Until++ },
	} {
		other := *q
		change(&other)
		w.refuse(RefusedState, w.cmd(officer, &other, PayloadReason))
	}
	e := w.grant(w.cmd(officer, q, PayloadReason))
	require.Equal(w.t, person(1), e[len(e)-1].Person.Ref)
	released := last[*KeyReleased](w.t, e)
	require.Equal(w.t, q.Binding, released.Binding)
	require.NotEqual(w.t, q.Binding, ReleaseBinding(ID{0xc0}, person(1), tag("nonce"), "9990000026"))
}

func taleOfReleases(w *world) {
	w.grant(w.cmd(as(RoleIGOfficer, "X26", "ig"), &ReleaseKey{Person: person(1), To: ActorID{7}, Until: w.now + 30*24*Hour,
		Binding: ReleaseBinding(ID{0xc3}, person(1), tag("nonce"), "9990000018")}, PayloadReason))
}
