package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// NumberOf implements [ledger.View]. Numbers change seldom: while none has, one
// row that is always at hand says so, and no lookup reads another for it.
func (v View) NumberOf(p ledger.PersonRef) (ledger.Number, error) {
	if ever, err := v.R.Get(anyNumberKey()); err != nil || ever == nil {
		return ledger.Number{}, err
	}
	n, _, err := read[ledger.Number](v.R, numberKey(p))
	return n, err
}

// Follow returns the number whose row has a person's plans and history.
func (v View) Follow(p ledger.PersonRef) (ledger.PersonRef, error) {
	for {
		n, err := v.NumberOf(p)
		if err != nil || n.New.IsZero() {
			return p, err
		}
		p = n.New
	}
}

// trailOf lists the entries of a person's trail up to one, with those of every
// number that leads to theirs, in order.
func (v View) trailOf(p ledger.PersonRef, asOf ledger.Seq) ([]ledger.Seq, error) {
	out, err := v.index(store.ViewKey(viewTrail, p[:]))
	if err != nil {
		return nil, err
	}
	alone := true
	prefix := store.ViewKey(viewFollowing, p[:])
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		old := ledger.PersonRef(row.Key[len(prefix):])
		n, err := v.NumberOf(old)
		if err != nil {
			return nil, err
		}
		if n.Seq > asOf {
			continue
		}
		more, err := v.trailOf(old, asOf)
		if err != nil {
			return nil, err
		}
		out, alone = append(out, more...), false
	}
	if !alone {
		slices.Sort(out)
	}
	return out, nil
}

// InactiveTasks lists whom an authority still holds a plan in force of, under a
// number that is no longer used: tasks that are open.
func (v View) InactiveTasks(authority string, today ledger.Day) ([]ledger.Seq, error) {
	var out []ledger.Seq
	prefix := store.ViewKey(viewInactiveTask, named(authority))
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		plans, err := v.Plans(ledger.PersonRef(row.Value))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(plans, func(p ledger.Plan) bool { return p.Authority == authority && p.Active(today) }) {
			out = append(out, seqAtEnd(row.Key))
		}
	}
	return out, nil
}

func foldNumber(t *store.Txn, e *ledger.Entry) error {
	if e.Person == nil {
		return fmt.Errorf("entry %d: a number of nobody", e.Seq)
	}
	p := e.Person.Ref
	v := View{t}
	if err := t.Set(anyNumberKey(), nil); err != nil {
		return err
	}
	switch ev := e.Event.(type) {
	case *ledger.NumberSuperseded:
		old, have, err := v.twoPlans(p, ev.New)
		if err != nil {
			return err
		}
		end, err := v.Follow(ev.New)
		if err != nil {
			return err
		}
		plans, number := ledger.FollowPlans(old, have, p, ev, e.Seq)
		if err := set(t, numberKey(p), number); err != nil {
			return err
		}
		if err := t.Set(followingKey(ev.New, p), nil); err != nil {
			return err
		}
		return v.putPlans(t, e.Seq, map[ledger.PersonRef][]ledger.Plan{p: nil, end: plans})
	case *ledger.NumbersParted:
		number, err := v.NumberOf(p)
		if err != nil {
			return err
		}
		have, err := v.planRow(ev.New)
		if err != nil {
			return err
		}
		back, stay := ledger.PartPlans(have, p, &number)
		if err := t.Delete(numberKey(p)); err != nil {
			return err
		}
		if err := t.Delete(followingKey(ev.New, p)); err != nil {
			return err
		}
		return v.putPlans(t, e.Seq, map[ledger.PersonRef][]ledger.Plan{p: back, ev.New: stay})
	case *ledger.NumberInactivated:
		for _, a := range ev.Tasks {
			if err := t.Set(inactiveTaskKey(a, e.Seq), p[:]); err != nil {
				return err
			}
		}
		return set(t, numberKey(p), ledger.Number{Seq: e.Seq, Inactive: true})
	}
	return nil
}

// twoPlans reads the plans of a number, and those where another one leads to.
func (v View) twoPlans(old, other ledger.PersonRef) (a, b []ledger.Plan, err error) {
	if a, err = v.planRow(old); err != nil {
		return nil, nil, err
	}
	end, err := v.Follow(other)
	if err != nil {
		return nil, nil, err
	}
	b, err = v.planRow(end)
	return a, b, err
}

// putPlans writes the plans of numbers that were linked or parted, with the
// index of who holds them and the history, made again from the trails.
func (v View) putPlans(t *store.Txn, asOf ledger.Seq, rows map[ledger.PersonRef][]ledger.Plan) error {
	for _, p := range sortedRefs(rows) {
		was, err := v.planRow(p)
		if err != nil {
			return err
		}
		plans := rows[p]
		if plans == nil {
			plans = []ledger.Plan{}
		}
		if err := set(t, plansKey(p), plans); err != nil {
			return err
		}
		for _, q := range append(slices.Clone(was), plans...) {
			if err := foldHolder(t, q.Authority, p, plans); err != nil {
				return err
			}
		}
		visits, count, err := v.historyAt(p, asOf)
		if err != nil {
			return err
		}
		h := history{count: uint64(count), visits: visits}
		if err := t.SetMade(historyKey(p), h.encode(), h); err != nil {
			return err
		}
	}
	return nil
}

func sortedRefs(rows map[ledger.PersonRef][]ledger.Plan) []ledger.PersonRef {
	var out []ledger.PersonRef
	for p := range rows {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b ledger.PersonRef) int { return slices.Compare(a[:], b[:]) })
	return out
}
