package projection

import (
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Enrolments implements [ledger.View].
func (v View) Enrolments(p ledger.PersonRef, place ledger.Place) ([]ledger.Enrolment, error) {
	out, _, err := read[[]ledger.Enrolment](v.R, enrolmentKey(p, place))
	return out, err
}

// Enrolled implements [ledger.View].
func (v View) Enrolled(place ledger.Place) ([]ledger.PersonRef, error) {
	var out []ledger.PersonRef
	prefix := store.ViewKey(viewEnrolledAt, named(string(place)))
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		out = append(out, ledger.PersonRef(row.Key[len(prefix):]))
	}
	return out, nil
}

// Assignments implements [ledger.View].
func (v View) Assignments(place ledger.Place) ([]ledger.Assignment, error) {
	out, _, err := read[[]ledger.Assignment](v.R, assignmentKey(place))
	return out, err
}

// LastCaseload implements [ledger.View].
func (v View) LastCaseload(a ledger.ActorID, place ledger.Place) (ledger.Time, error) {
	n, _, err := v.number(lastCaseloadKey(a, place))
	return ledger.Time(n), err
}

func foldEnrolment(t *store.Txn, e *ledger.Entry, ev *ledger.Enrolled) error {
	p, place := e.Person.Ref, ev.Row.Place
	have, err := (View{t}).Enrolments(p, place)
	if err != nil {
		return err
	}
	have = slices.Clone(have)
	n := ledger.Enrolment{From: ev.Row.From, To: ev.Row.To, Seq: e.Seq, Recorded: e.Time, Changed: e.Time}
	replaced := false
	for i := range have {
		if ev.Of != 0 && have[i].Seq == ev.Of {
			n.Recorded, n.ToWas = have[i].Recorded, have[i].To
			have[i], replaced = n, true
		}
	}
	if !replaced {
		have = append(have, n)
	}
	if err := set(t, enrolmentKey(p, place), have); err != nil {
		return err
	}
	return t.SetIndex(enrolledAtKey(place, p))
}

func foldAssignment(t *store.Txn, ev *ledger.Assigned) error {
	have, err := (View{t}).Assignments(ev.Place)
	if err != nil {
		return err
	}
	return set(t, assignmentKey(ev.Place), append(slices.Clip(have), ev.Assignment))
}

func foldCaseload(t *store.Txn, e *ledger.Entry, ev *ledger.CaseloadAccessed, first *ledger.Entry) error {
	return t.Set(lastCaseloadKey(first.Actor.ID(), ev.Place), u64(uint64(e.Time)))
}
