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

// AnyoneShown reports whether a place has anybody on a day with a plan that is shown.
func (v View) AnyoneShown(at ledger.Place, day ledger.Day) (bool, error) {
	people, err := v.Enrolled(at)
	if err != nil {
		return false, err
	}
	for _, p := range people {
		spans, err := v.Enrolments(p, at)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(spans, func(e ledger.Enrolment) bool { return e.At(day) }) {
			continue
		}
		plans, err := v.Plans(p)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(plans, func(p ledger.Plan) bool { return p.Visible(day) }) {
			return true, nil
		}
	}
	return false, nil
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

// Looked implements [ledger.View].
func (v View) Looked(assignment ledger.Seq) (ledger.Time, error) {
	n, _, err := v.number(lookedKey(assignment))
	return ledger.Time(n), err
}

// AssignedBy lists the places that an organisation's team leaders have ever
// assigned, in order; of every organisation if it is not named.
func (v View) AssignedBy(org string) (orgs []string, places []ledger.Place, err error) {
	prefix := store.ViewKey(viewAssigning)
	if org != "" {
		prefix = store.ViewKey(viewAssigning, named(org))
	}
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, nil, err
		}
		n := 3 + int(row.Key[2])
		orgs = append(orgs, string(row.Key[3:n]))
		places = append(places, ledger.Place(row.Key[n:]))
	}
	return orgs, places, nil
}

func foldAssignment(t *store.Txn, e *ledger.Entry) error {
	switch ev := e.Event.(type) {
	case *ledger.Assigned:
		have, err := (View{t}).Assignments(ev.Place)
		if err != nil {
			return err
		}
		if err := set(t, assignmentKey(ev.Place), append(slices.Clip(have), ev.Assignment)); err != nil || e.Rules < 3 {
			return err
		}
		return t.SetIndex(assigningKey(ev.Assignment.Org, ev.Place))
	case *ledger.AssignmentEnded:
		have, err := (View{t}).Assignments(ev.Place)
		if err != nil {
			return err
		}
		return set(t, assignmentKey(ev.Place), ev.EndAt(have))
	}
	return nil
}

func foldCaseload(t *store.Txn, e *ledger.Entry, ev *ledger.CaseloadAccessed, first *ledger.Entry) error {
	if ev.Assignment != 0 {
		if err := t.Set(lookedKey(ev.Assignment), u64(uint64(e.Time))); err != nil {
			return err
		}
	}
	return t.Set(lastCaseloadKey(first.Actor.ID(), ev.Place), u64(uint64(e.Time)))
}

// raiseToThree makes what earlier versions kept no index of, as [raiseToTwo] does.
func raiseToThree(t *store.Txn) error {
	prefix := store.ViewKey(viewAssignment)
	for row, err := range t.Scan(prefix) {
		if err != nil {
			return err
		}
		var held []ledger.Assignment
		if err := ledger.Unmarshal(row.Value, &held); err != nil {
			return err
		}
		for i := range held {
			if err := t.SetIndex(assigningKey(held[i].Org, ledger.Place(row.Key[len(prefix):]))); err != nil {
				return err
			}
		}
	}
	return nil
}
