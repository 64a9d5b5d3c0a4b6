package projection

import (
	"custos/ledger"
	"custos/ledger/store"
)

// Plans implements [ledger.View]: every plan ever recorded of a person and not
// deleted, whether it is shown any more or not. A number that was superseded has
// none left, and leads to the one that replaced it.
func (v View) Plans(p ledger.PersonRef) ([]ledger.Plan, error) {
	out, err := v.planRow(p)
	if err != nil || len(out) > 0 {
		return out, err
	}
	end, err := v.Follow(p)
	if err != nil || end == p {
		return out, err
	}
	return v.planRow(end)
}

// planRow reads the plans that stand under this very number: what folds change.
func (v View) planRow(p ledger.PersonRef) ([]ledger.Plan, error) {
	out, _, err := read[[]ledger.Plan](v.R, plansKey(p))
	return out, err
}

// Restricted reports whether anything recorded of a person says that where the
// person is must not be told.
func (v View) Restricted(p ledger.PersonRef) (bool, error) {
	plans, err := v.Plans(p)
	return ledger.AnyRestricted(plans), err
}

func foldPlan(t *store.Txn, e, first *ledger.Entry) error {
	accepted := true
	var named ledger.Seq // the plan's entry, if its authority's file named it
	switch ev := e.Event.(type) {
	case *ledger.PlanRecorded:
		plans, err := (View{t}).planRow(e.Person.Ref)
		if err != nil {
			return err
		}
		plans = ledger.RecordPlan(plans, ev, ev.Authority, e.Seq, e.Time)
		for i := range plans {
			if plans[i].Seq == e.Seq {
				plans[i].Command, plans[i].Row = e.Command, ev.Row.N
				if len(e.Commitments) > 0 {
					plans[i].Key = e.Commitments[0].Key
				}
			}
		}
		if err := set(t, plansKey(e.Person.Ref), plans); err != nil {
			return err
		}
		named = e.Seq
	case *ledger.PlanUnchanged:
		named = ev.Of
	case *ledger.PlanDeleted:
		if e.Person == nil {
			break // a row of the worklist that named nobody
		}
		plans, err := (View{t}).planRow(e.Person.Ref)
		if err != nil {
			return err
		}
		plans = ledger.DeletePlan(plans, ev.Of)
		if err := set(t, plansKey(e.Person.Ref), plans); err != nil {
			return err
		}
		if e.Rules >= 2 {
			if err := foldHolder(t, ev.Authority, e.Person.Ref, plans); err != nil {
				return err
			}
		}
	case *ledger.PlanUnmatched:
		if err := foldUnmatched(t, e, first, ev); err != nil {
			return err
		}
	case *ledger.PlanRejected:
		accepted = false
		if e.Rules >= 2 {
			if err := foldRejected(t, e, first); err != nil {
				return err
			}
		}
	}
	if e.Rules >= 2 && named != 0 {
		if err := foldNamed(t, e, first, named); err != nil {
			return err
		}
	}
	return countRow(t, e, first, accepted)
}

// foldNamed notes which upload's file last named a plan.
func foldNamed(t *store.Txn, e, first *ledger.Entry, plan ledger.Seq) error {
	v := View{t}
	u, err := v.uploadOf(first)
	if err != nil {
		return err
	}
	plans, err := v.planRow(e.Person.Ref)
	if err != nil {
		return err
	}
	if err := foldHolder(t, u.Authority, e.Person.Ref, plans); err != nil {
		return err
	}
	return set(t, plansKey(e.Person.Ref), ledger.NamePlan(plans, plan, u.Opened))
}

// foldRejected keeps a row that was not loaded, for its authority to read.
func foldRejected(t *store.Txn, e, first *ledger.Entry) error {
	u, err := (View{t}).uploadOf(first)
	if err != nil {
		return err
	}
	if err := t.Set(rejectedKey(u.ID, e.Seq), personOf(e)); err != nil {
		return err
	}
	if e.Person == nil {
		return nil
	}
	return foldSpared(t, e, first)
}

// foldSpared keeps a snapshot from ending what is held of the person of a row
// that was rejected.
func foldSpared(t *store.Txn, e, first *ledger.Entry) error {
	v := View{t}
	u, err := v.uploadOf(first)
	if err != nil || !u.Snapshot {
		return err
	}
	p, err := v.Follow(e.Person.Ref) // a row with the old number spares what followed to the new one
	if err != nil {
		return err
	}
	plans, err := v.planRow(p)
	if err != nil || len(plans) == 0 {
		return err
	}
	return set(t, plansKey(p), ledger.SparePlans(plans, u.Authority, u.Opened))
}
