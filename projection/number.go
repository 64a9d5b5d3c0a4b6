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

// Follow returns the number whose rows have a person's plans and history.
func (v View) Follow(p ledger.PersonRef) (ledger.PersonRef, error) { return v.followAt(p, endless) }

// endless is later than any entry.
const endless = ledger.Seq(1<<64 - 1)

// followAt is where a number led when an entry was recorded.
func (v View) followAt(p ledger.PersonRef, asOf ledger.Seq) (ledger.PersonRef, error) {
	for {
		n, err := v.NumberOf(p)
		if err != nil || n.New.IsZero() || n.Seq > asOf {
			return p, err
		}
		p = n.New
	}
}

// leading lists the numbers that led to a person's when an entry was recorded.
func (v View) leading(p ledger.PersonRef, asOf ledger.Seq) ([]ledger.PersonRef, error) {
	if ever, err := v.R.Get(anyNumberKey()); err != nil || ever == nil {
		return nil, err
	}
	prefix := personKey(p, partFollowing)
	var all, out []ledger.PersonRef
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		all = append(all, ledger.PersonRef(row.Key[len(prefix):]))
	}
	for _, old := range all {
		n, err := v.NumberOf(old)
		if err != nil {
			return nil, err
		}
		if n.Seq <= asOf {
			out = append(out, old)
		}
	}
	return out, nil
}

// trailOf lists the entries of a person's trail up to one, with those of every
// number that leads to theirs, in order.
func (v View) trailOf(p ledger.PersonRef, asOf ledger.Seq) ([]ledger.Seq, error) {
	out, err := v.ownTrail(p)
	if err != nil {
		return nil, err
	}
	olds, err := v.leading(p, asOf)
	if err != nil {
		return nil, err
	}
	for _, old := range olds {
		more, err := v.trailOf(old, asOf)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	if len(olds) > 0 {
		slices.Sort(out)
	}
	return out, nil
}

// shownIn lists the shown accesses of a person's trail up to an entry, oldest
// first, with who made each: what the rows of the history are made of.
func (v View) shownIn(p ledger.PersonRef, asOf ledger.Seq) ([]Visit, []ledger.ActorID, error) {
	seqs, err := v.trailOf(p, asOf)
	if err != nil {
		return nil, nil, err
	}
	var visits []Visit
	var by []ledger.ActorID
	for _, n := range seqs {
		if n > asOf {
			break
		}
		e, first, err := entryWithFirst(v.R, n)
		if err != nil {
			return nil, nil, err
		}
		a, ok := e.Event.(*ledger.Accessed)
		if !ok || !a.Shown {
			continue
		}
		corrected, _, err := v.number(correctedKey(n))
		if err != nil {
			return nil, nil, err
		}
		visits = append(visits, Visit{Seq: n, At: e.Time, Profile: a.Profile, Role: first.Actor.Role,
			Organisation: first.Actor.Organisation, InError: corrected != 0 && ledger.Seq(corrected) <= asOf})
		by = append(by, authorOf(&first))
	}
	return visits, by, nil
}

// putVisits makes the history of a number again from the trails that it has now.
func (v View) putVisits(t *store.Txn, p ledger.PersonRef, asOf ledger.Seq) error {
	visits, by, err := v.shownIn(p, asOf)
	if err != nil {
		return err
	}
	var gone [][]byte
	for row, err := range t.Scan(personKey(p, partVisit)) {
		if err != nil {
			return err
		}
		gone = append(gone, row.Key)
	}
	for _, key := range gone {
		if err := t.DeleteCold(key); err != nil {
			return err
		}
	}
	for i := range visits {
		if err := t.SetCold(personSeqKey(p, partVisit, visits[i].Seq), visits[i].encode(by[i])); err != nil {
			return err
		}
	}
	have, err := v.person(p)
	if err != nil {
		return err
	}
	next := person{head: have.head, trail: have.trail, shown: uint64(len(visits))}
	return next.set(t, p)
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
		if err := unset(t, numberKey(p)); err != nil {
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
		if err := v.putVisits(t, p, asOf); err != nil {
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
