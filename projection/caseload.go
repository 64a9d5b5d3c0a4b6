package projection

import (
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

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
		if err := t.SetIndex(assigningKey(ev.Assignment.Org, ev.Place)); err != nil {
			return err
		}
		return foldPlaceGaps(t, ev.Place, e.Time.Day())
	case *ledger.AssignmentEnded:
		have, err := (View{t}).Assignments(ev.Place)
		if err != nil {
			return err
		}
		if err := set(t, assignmentKey(ev.Place), ev.EndAt(have)); err != nil {
			return err
		}
		return foldPlaceGaps(t, ev.Place, e.Time.Day())
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
func raiseToThree(t *store.Txn, today ledger.Day) error {
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
	return raiseGaps(t, today)
}
