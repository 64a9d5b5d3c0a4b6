package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// sealedReads are the requests of an IG officer that show what is sealed of a
// restricted person, or name one.
func sealedReads(p PersonRef, until Time) map[string]Request {
	return map[string]Request{
		"trail":   &ReadTrail{Person: p},
		"copy":    &CopySubject{Person: p, For: ToRepresentative, Harm: true, Competent: true},
		"release": &ReleaseKey{Person: p, To: ActorID{7}, Until: until, Binding: Hash{1}},
	}
}

// taleOfSealed: who looked at a restricted child's record, asked by an officer
// with a weak sign-in and with a strong one.
func taleOfSealed(w *world) {
	hidden := row(1)
	hidden.Restricted = true
	w.load(authorityA, 1, hidden, row(2))
	w.grant(w.cmd(named(clinician()), &LookUp{Person: person(1)}, PayloadAccess))
	ig := named(as(RoleIGOfficer, "X26", "ig"))
	for _, name := range []string{"trail", "copy", "release"} {
		w.deny(RefusedAssurance, w.cmd(ig, sealedReads(person(1), w.now+Hour)[name], PayloadReason))
		w.grant(w.cmd(strong(ig), sealedReads(person(1), w.now+Hour)[name], PayloadReason))
		w.grant(w.cmd(ig, sealedReads(person(2), w.now+Hour)[name], PayloadReason))
	}
}

// Under version 4 what is sealed of a restricted person takes a strong sign-in;
// what was decided before it stays as it was.
func TestWhatIsSealedTakesAStrongSignIn(t *testing.T) {
	for _, rules := range []int{3, 4} {
		w := goldenWorld(t, rules)
		hidden := row(1)
		hidden.Restricted = true
		w.load(authorityA, 1, hidden, row(2))
		for name := range sealedReads(person(1), 0) {
			ask := func(level string, n byte) *Command {
				ig := as(RoleIGOfficer, "X26", "ig")
				ig.Assurance = level
				return w.cmd(ig, sealedReads(person(n), w.now+Hour)[name], PayloadReason)
			}
			for _, weak := range []string{"", "AAL1", "AAL2", "AAL3 ", "aal3"} {
				w.grant(ask(weak, 2))
				w.grant(ask(weak, 3)) // nobody holds anything of this one
				if rules == 3 {
					w.grant(ask(weak, 1))
					continue
				}
				group := w.deny(RefusedAssurance, ask(weak, 1))
				require.Equal(t, person(1), group[0].Person.Ref, "%s: the attempt stands in the child's own trail", name)
			}
			w.grant(ask("AAL3", 1))
		}
		// The own site's accesses are no secret to the site.
		w.grant(w.cmd(as(RoleSiteIG, emergency, "site"), &ReadTrail{Person: person(1)}, PayloadReason))
	}
}

// The national officer opens the review of an emergency that was a restricted
// child's with a strong sign-in; the site's is shown nothing that is sealed.
func TestAReviewOfARestrictedChildTakesAStrongSignIn(t *testing.T) {
	w := goldenWorld(t, 4)
	hidden := row(1)
	hidden.Restricted = true
	w.load(authorityA, 1, hidden)
	w.says(Nation, w.now.Day(), Policy{Live: No})
	glass := glassOf(w.grant(w.cmd(strong(clinician()), emergencyOf(1), PayloadAccess)))
	ig := as(RoleIGOfficer, "X26", "ig")
	w.deny(RefusedAssurance, w.cmd(ig, &Review{Glass: glass, Finding: FindingOpened}))
	w.grant(w.cmd(as(RoleSiteIG, emergency, "site"), &Review{Glass: glass, Finding: FindingOpened}))
	w.grant(w.cmd(strong(ig), &Review{Glass: glass, Finding: FindingOpened}))
	w.grant(w.cmd(ig, &Review{Glass: glass, Finding: FindingJustified}, PayloadReason))
}
