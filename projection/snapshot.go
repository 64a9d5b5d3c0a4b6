package projection

import (
	"fmt"

	"custos/ledger"
	"custos/ledger/store"
)

// Holders implements [ledger.View].
func (v View) Holders(authority string) ([]ledger.PersonRef, error) {
	var out []ledger.PersonRef
	prefix := store.ViewKey(viewHolder, named(authority))
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		out = append(out, ledger.PersonRef(row.Key[len(prefix):]))
	}
	return out, nil
}

// foldHolder keeps the index of whom an authority holds plans of.
func foldHolder(t *store.Txn, authority string, p ledger.PersonRef, plans []ledger.Plan) error {
	for i := range plans {
		if plans[i].Authority == authority {
			return t.Set(holderKey(authority, p), nil)
		}
	}
	return t.Delete(holderKey(authority, p))
}

// raiseToTwo makes what version 1 kept no index of. It is done at the entry that
// raises the rules, so that a folder which an older program wrote, and one that
// is rebuilt from entries, are the same.
func raiseToTwo(t *store.Txn) error {
	for row, err := range t.Scan(store.ViewKey(viewPerson)) {
		if err != nil {
			return err
		}
		person, ok := plansOf(row.Key)
		if !ok {
			continue
		}
		var plans []ledger.Plan
		if err := ledger.Unmarshal(row.Value, &plans); err != nil {
			return err
		}
		for i := range plans {
			if err := foldHolder(t, plans[i].Authority, person, plans); err != nil {
				return err
			}
		}
	}
	return nil
}

func foldSnapshot(t *store.Txn, e *ledger.Entry) error {
	v := View{t}
	switch ev := e.Event.(type) {
	case *ledger.SnapshotHeld:
		u, _, err := v.Upload(ev.Upload)
		if err != nil {
			return err
		}
		u.Held, u.HeldAt, u.Ends, u.Live = e.Seq, e.Time, ev.Ends, ev.Live
		return setUpload(t, u.ID, u)
	case *ledger.SnapshotApproved:
		u, _, err := v.Upload(ev.Upload)
		if err != nil {
			return err
		}
		u.Approved, u.Ended = e.Seq, ev.Ended
		return setUpload(t, u.ID, u)
	case *ledger.PlanLapsed:
		if e.Person == nil {
			return fmt.Errorf("entry %d: a plan of nobody", e.Seq)
		}
		plans, err := v.planRow(e.Person.Ref)
		if err != nil {
			return err
		}
		if err := set(t, plansKey(e.Person.Ref), ledger.LapsePlan(plans, ev, e.Seq, e.Time)); err != nil || e.Rules < 3 {
			return err
		}
		return foldGaps(t, e.Person.Ref, e.Time.Day())
	}
	return nil
}
