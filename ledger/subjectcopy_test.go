package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// taleOfCopies: one for a child who was found competent, one for a parent with
// something withheld.
func taleOfCopies(w *world) {
	ig := named(as(RoleIGOfficer, "X26", "ig"))
	w.grant(w.cmd(named(as(RoleClinician, emergency, "doctor")), &LookUp{Person: person(1)}, PayloadAccess))
	w.grant(w.cmd(ig, &CopySubject{Person: person(1), For: ToPerson, Harm: true, Competent: true}, PayloadReason))
	w.grant(w.cmd(ig, &CopySubject{Person: person(1), For: ToParent, Harm: true, Withheld: []Seq{2, 4}}, PayloadReason))
}

func TestACopyNeedsItsReview(t *testing.T) {
	w := goldenWorld3(t)
	ig := named(as(RoleIGOfficer, "X26", "ig"))
	good := CopySubject{Person: person(1), For: ToRepresentative, Harm: true, Competent: true, Withheld: []Seq{1, 3}}
	for _, c := range []struct {
		code   string
		change func(*CopySubject)
	}{
		{RefusedReview, func(q *CopySubject) { q.Harm = false }},
		{RefusedReview, func(q *CopySubject) { q.For, q.Competent = ToPerson, false }},
		{RefusedReview, func(q *CopySubject) { q.For = ToParent }},
		{RefusedState, func(q *CopySubject) { q.For = 0 }},
		{RefusedState, func(q *CopySubject) { q.For = recipientEnd }},
		{RefusedState, func(q *CopySubject) { q.Withheld = []Seq{3, 1} }},
		{RefusedState, func(q *CopySubject) { q.Withheld = []Seq{3, 3} }},
		{RefusedState, func(q *CopySubject) { q.Withheld = []Seq{w.head.Size} }},
	} {
		q := good
		c.change(&q)
		w.refuse(c.code, w.cmd(ig, &q, PayloadReason))
	}
	w.refuse(RefusedReasonMissing, w.cmd(ig, &good))
	w.deny(RefusedRole, w.cmd(as(RoleSiteIG, emergency, "site"), &good, PayloadReason))
	group := w.grant(w.cmd(ig, &good, PayloadReason))
	e := group[len(group)-1]
	require.Equal(t, person(1), e.Person.Ref, "it stands in the person's own trail")
	got := *e.Event.(*SubjectCopied)
	got.Profile = 0
	require.Equal(t, SubjectCopied{For: ToRepresentative, Competent: true, Withheld: []Seq{1, 3}}, got)
	require.Len(t, e.Commitments, 1)
}
