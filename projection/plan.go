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
// Of somebody without any entry there is none, but for plans that have just
// followed to a number.
func (v View) planRow(p ledger.PersonRef) ([]ledger.Plan, error) {
	key := plansKey(p)
	if none, err := v.unwritten(p, key); none || err != nil {
		return nil, err
	}
	out, _, err := read[[]ledger.Plan](v.R, key)
	return out, err
}

// Restricted reports whether anything recorded of a person says that where the
// person is must not be told.
func (v View) Restricted(p ledger.PersonRef) (bool, error) {
	plans, _, err := ledger.PlansOf(v, p)
	return ledger.AnyRestricted(plans), err
}

func foldPlan(t *store.Txn, e, first *ledger.Entry) error {
	accepted := true
	var err error
	switch ev := e.Event.(type) {
	case *ledger.PlanRecorded:
		err = foldRecorded(t, e, first, ev)
	case *ledger.PlanUnchanged:
		if e.Rules >= 2 {
			err = foldNamed(t, e, first, ev.Of)
		}
	case *ledger.PlanDeleted:
		err = foldDeleted(t, e, ev)
	case *ledger.PlanUnmatched:
		err = foldUnmatched(t, e, first, ev)
	case *ledger.PlanRejected:
		accepted = false
		if e.Rules >= 2 {
			err = foldRejected(t, e, first)
		}
	}
	if err != nil {
		return err
	}
	if e.Rules >= 3 && e.Person != nil && (e.Kind == ledger.KindPlanRecorded || e.Kind == ledger.KindPlanDeleted) {
		if err := foldGaps(t, e.Person.Ref, e.Time.Day()); err != nil {
			return err
		}
	}
	return countRow(t, e, first, accepted)
}

func foldRecorded(t *store.Txn, e, first *ledger.Entry, ev *ledger.PlanRecorded) error {
	v, p := View{t}, e.Person.Ref
	plans, err := v.planRow(p)
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
	if e.Rules >= 3 {
		if err := foldDueFrom(t, e, plans); err != nil {
			return err
		}
	}
	if e.Rules >= 2 {
		u, err := v.uploadOf(first)
		if err != nil {
			return err
		}
		ledger.NamePlanIn(plans, e.Seq, u.Opened)
		known := e.Person.N > 1 // or the plan's own entry is the first about the person, and no number leads here
		if e.Rules >= 3 && known && ev.Change == ledger.PlanNew {
			if err := foldWanted(t, p, e.Rules); err != nil {
				return err
			}
		}
		if e.Rules >= 4 && known {
			if err := foldDueLinks(t, p, e.Time); err != nil {
				return err
			}
		}
		if ev.Change == ledger.PlanNew { // a correction's person is in the index
			if err := foldHolder(t, ev.Authority, p, plans); err != nil {
				return err
			}
		}
	}
	return set(t, plansKey(p), plans)
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
	return set(t, plansKey(e.Person.Ref), ledger.NamePlan(plans, plan, u.Opened))
}

func foldDeleted(t *store.Txn, e *ledger.Entry, ev *ledger.PlanDeleted) error {
	if e.Person == nil {
		return nil // a row of the worklist that named nobody
	}
	plans, err := (View{t}).planRow(e.Person.Ref)
	if err != nil {
		return err
	}
	plans = ledger.DeletePlan(plans, ev.Of)
	if err := set(t, plansKey(e.Person.Ref), plans); err != nil || e.Rules < 2 {
		return err
	}
	return foldHolder(t, ev.Authority, e.Person.Ref, plans)
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
