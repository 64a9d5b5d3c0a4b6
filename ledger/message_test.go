package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// taleOfMessages has lookups that messages, systems and arrivals ask.
func taleOfMessages(w *world) {
	w.load(authorityA, 1, row(1))
	machine := named(as(RoleClinician, emergency, "200000000115"))
	doctor := named(clinician())
	w.grant(w.cmd(doctor, &LookUp{Person: person(1), Declared: DeclaredUnscheduled, Differs: true}, PayloadAccess))
	w.deny(RefusedResponsible, w.cmd(machine, &LookUp{Person: person(1), System: true}, PayloadAccess))
	w.grant(w.cmd(machine, &LookUp{Person: person(1), System: true, Responsible: tag("r1")}, PayloadAccess))
	w.grant(w.cmd(machine, &LookUp{Person: person(1), System: true, Responsible: tag("r1"), Arrival: true}, PayloadAccess))
	w.grant(w.cmd(machine, &LookUp{Person: person(1), System: true, Responsible: tag("r2"), Arrival: true}, PayloadAccess))
	w.grant(w.cmd(doctor, &LookUp{Person: person(2), Arrival: true}, PayloadAccess))
	w.grant(w.cmd(doctor, &LookUp{Person: person(1), Traced: true}, PayloadAccess))
	w.deny(RefusedResponsible, w.cmd(machine, &Trace{Trace: tag("t"), System: true}, PayloadReason))
	w.grant(w.cmd(machine, &Trace{Trace: tag("t"), System: true, Responsible: tag("r1"), Arrival: true}, PayloadReason))
}

// A system has somebody who answers for each of its questions, or no answer,
// and each of them is an author of their own in the history.
func TestASystemHasSomebodyWhoAnswersForIt(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	machine := as(RoleClinician, emergency, "200000000115")
	denied := w.deny(RefusedResponsible, w.cmd(machine, &LookUp{Person: person(1), System: true}, PayloadAccess))
	require.Equal(t, []*AccessDenied{{Action: ActLookUp, Code: RefusedResponsible}}, only[*AccessDenied](denied))
	require.Equal(t, person(1), denied[len(denied)-1].Person.Ref, "it is in the trail of whom was asked about")
	for _, c := range []struct {
		by    string
		shown bool
	}{{"r1", true}, {"r1", false}, {"r2", true}, {"r2", false}, {"r1", false}} {
		e := only[*Accessed](w.grant(w.cmd(machine, &LookUp{Person: person(1), System: true, Responsible: tag(c.by)}, PayloadAccess)))[0]
		require.Equal(t, c.shown, e.Shown, "%s", c.by)
	}
}

// What came with version 3 is refused before it, and leaves no trace.
func TestMessagesComeWithRulesThree(t *testing.T) {
	for rules, q := range map[int]*LookUp{1: {Differs: true}, 2: {System: true, Responsible: tag("r")}} {
		w := worldUnder(t, rules)
		q.Person = person(1)
		w.refuse(RefusedRules, w.cmd(clinician(), q, PayloadAccess))
	}
	w := worldUnder(t, 2)
	w.refuse(RefusedRules, w.cmd(clinician(), &Trace{Trace: tag("t"), Arrival: true}, PayloadReason))
	w.refuse(RefusedRules, w.cmd(clinician(), &LookUp{Person: person(1), Traced: true}, PayloadAccess))
}
