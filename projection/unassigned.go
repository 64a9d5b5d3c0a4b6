package projection

import (
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

func (v View) stayed(p ledger.PersonRef) (ledger.Stayed, error) {
	key := stayedKey(p)
	if none, err := v.unwritten(p, key); none || err != nil {
		return ledger.Stayed{}, err
	}
	out, _, err := read[ledger.Stayed](v.R, key)
	return out, err
}

func setStayed(t *store.Txn, p ledger.PersonRef, to ledger.Stayed) error {
	return set(t, stayedKey(p), &to)
}

// Unassigned implements [ledger.View].
func (v View) Unassigned(authority string, on ledger.Day, after ledger.PersonRef, limit int) ([]ledger.PersonRef, error) {
	var out []ledger.PersonRef
	err := v.eachGap(store.ViewKey(viewGap, named(authority)), on, after, func(p ledger.PersonRef) bool {
		out = append(out, p)
		return len(out) < limit
	})
	if err != nil {
		return nil, err
	}
	return out, v.fetch(out, "")
}

// CountUnassigned counts them; without an authority, on every one's list.
func (v View) CountUnassigned(authority string, on ledger.Day) (int, error) {
	n, prefix := 0, store.ViewKey(viewGap)
	if authority != "" {
		prefix = store.ViewKey(viewGap, named(authority))
	}
	err := v.eachGap(prefix, on, ledger.PersonRef{}, func(ledger.PersonRef) bool { n++; return true })
	return n, err
}

// eachGap walks those whose row holds a day, behind a person: a list is asked for
// page by page.
func (v View) eachGap(prefix []byte, on ledger.Day, after ledger.PersonRef, each func(ledger.PersonRef) bool) error {
	rows := v.R.Scan(prefix)
	if !after.IsZero() {
		rows = v.R.After(prefix, append(slices.Clip(prefix), after[:]...))
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		p := ledger.PersonRef(row.Key[len(row.Key)-len(after):])
		var spans []ledger.Days
		if err := ledger.Unmarshal(row.Value, &spans); err != nil {
			return err
		}
		if ledger.At(spans, on) && !each(p) {
			return nil
		}
	}
	return nil
}

// foldGaps computes again when a person is in nobody's caseload, after any of
// the facts that it follows from has changed. p is the number that has the plans.
func foldGaps(t *store.Txn, p ledger.PersonRef, today ledger.Day) error {
	v := View{t}
	have, err := v.stayed(p)
	if err != nil {
		return err
	}
	plans, err := v.planRow(p)
	if err != nil {
		return err
	}
	var stays []ledger.Stay
	if len(plans) > 0 {
		for _, at := range have.Places {
			s, err := v.stay(p, at)
			if err != nil {
				return err
			}
			stays = append(stays, s)
		}
	}
	gaps := ledger.Gaps(plans, stays, today)
	for _, g := range have.Gaps {
		if !slices.ContainsFunc(gaps, func(n ledger.Gap) bool { return n.Authority == g.Authority }) {
			if err := t.DeleteCold(gapKey(g.Authority, p)); err != nil {
				return err
			}
		}
	}
	for _, g := range gaps {
		if slices.ContainsFunc(have.Gaps, func(was ledger.Gap) bool { return was.Authority == g.Authority && slices.Equal(was.Spans, g.Spans) }) {
			continue
		}
		if err := setCold(t, gapKey(g.Authority, p), g.Spans); err != nil {
			return err
		}
	}
	if len(gaps) == 0 && len(have.Gaps) == 0 {
		return nil
	}
	return setStayed(t, p, ledger.Stayed{Places: have.Places, Gaps: gaps})
}

func (v View) stay(p ledger.PersonRef, at ledger.StayedAt) (s ledger.Stay, err error) {
	if !at.As.IsZero() {
		p = at.As
	}
	if s.Enrolled, err = v.Enrolments(p, at.Place); err != nil {
		return s, err
	}
	if s.Assigned, err = v.Assignments(at.Place); err != nil {
		return s, err
	}
	o, _, err := v.Organisation(at.Place.Code())
	if err != nil || o.Parent == "" {
		return s, err
	}
	parent, _, err := v.Organisation(o.Parent)
	if parent.Sort == ledger.SortAuthority {
		s.Authority = parent.Code
	}
	return s, err
}

// foldStay notes that a person was enrolled at a place, for every number that
// this one leads to as well.
func foldStay(t *store.Txn, p ledger.PersonRef, at ledger.Place, today ledger.Day) error {
	end, err := noteStay(t, p, at)
	if err != nil {
		return err
	}
	return foldGaps(t, end, today)
}

func noteStay(t *store.Txn, p ledger.PersonRef, at ledger.Place) (end ledger.PersonRef, err error) {
	v := View{t}
	leads, err := v.leadsTo(p)
	if err != nil {
		return p, err
	}
	for _, q := range leads {
		if err := v.addStays(t, q, []ledger.StayedAt{{Place: at, As: p}}); err != nil {
			return p, err
		}
	}
	return leads[len(leads)-1], nil
}

// leadsTo lists a number and those that it leads to, in order.
func (v View) leadsTo(p ledger.PersonRef) ([]ledger.PersonRef, error) {
	out := []ledger.PersonRef{p}
	for {
		n, err := v.NumberOf(p)
		if err != nil || n.New.IsZero() {
			return out, err
		}
		p = n.New
		out = append(out, p)
	}
}

func (v View) addStays(t *store.Txn, p ledger.PersonRef, more []ledger.StayedAt) error {
	have, err := v.stayed(p)
	if err != nil {
		return err
	}
	places := slices.Clone(have.Places)
	for _, at := range more {
		if at.As == p {
			at.As = ledger.PersonRef{}
		}
		if !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	if len(places) == len(have.Places) {
		return nil
	}
	return setStayed(t, p, ledger.Stayed{Places: places, Gaps: have.Gaps})
}

// foldPlaceGaps does it for everybody who was ever enrolled at a place: whose
// caseload it is has changed, or the authority it lies in. Rare, and as much
// work as the place has people with plans.
func foldPlaceGaps(t *store.Txn, at ledger.Place, today ledger.Day) error {
	v := View{t}
	people, err := v.Enrolled(at)
	if err != nil {
		return err
	}
	for _, p := range people {
		end, err := v.Follow(p)
		if err != nil {
			return err
		}
		if err := foldGaps(t, end, today); err != nil {
			return err
		}
	}
	return nil
}

// foldMoved does it for a place that lies in another authority now, and when an
// organisation becomes an authority, for the places that lie in it.
func foldMoved(t *store.Txn, o, was *ledger.Organisation, today ledger.Day) error {
	moved := []string{o.Code}
	if (o.Sort == ledger.SortAuthority) != (was.Sort == ledger.SortAuthority) {
		all, err := (View{t}).Organisations()
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Parent == o.Code {
				moved = append(moved, all[i].Code)
			}
		}
	}
	for _, code := range moved {
		for _, prefix := range []string{ledger.PlaceSchool, ledger.PlaceArea, ledger.PlacePractice} {
			if err := foldPlaceGaps(t, ledger.Place(prefix+code), today); err != nil {
				return err
			}
		}
	}
	return nil
}

// foldNumberGaps has the places follow a number to the one that replaced it, or
// go back.
func foldNumberGaps(t *store.Txn, e *ledger.Entry) error {
	v, p := View{t}, e.Person.Ref
	var other ledger.PersonRef
	switch ev := e.Event.(type) {
	case *ledger.NumberSuperseded:
		other = ev.New
	case *ledger.NumbersParted:
		other = ev.New
	default:
		return nil
	}
	own, err := v.stayed(p)
	if err != nil {
		return err
	}
	leads, err := v.leadsTo(other)
	if err != nil {
		return err
	}
	_, parted := e.Event.(*ledger.NumbersParted)
	moved := slices.Clone(own.Places) // what was read is shared
	for i := range moved {
		if moved[i].As.IsZero() {
			moved[i].As = p
		}
	}
	for _, q := range leads {
		if parted {
			err = v.dropStays(t, q, moved)
		} else {
			err = v.addStays(t, q, moved)
		}
		if err != nil {
			return err
		}
	}
	for _, q := range append(leads, p) {
		if err := foldGaps(t, q, e.Time.Day()); err != nil {
			return err
		}
	}
	return nil
}

func (v View) dropStays(t *store.Txn, p ledger.PersonRef, gone []ledger.StayedAt) error {
	have, err := v.stayed(p)
	if err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(have.Places), func(at ledger.StayedAt) bool { return slices.Contains(gone, at) })
	return setStayed(t, p, ledger.Stayed{Places: rest, Gaps: have.Gaps})
}

// raiseGaps makes them for everybody there is.
func raiseGaps(t *store.Txn, today ledger.Day) error {
	var people []ledger.PersonRef
	for row, err := range t.Scan(store.ViewKey(viewPerson)) {
		if err != nil {
			return err
		}
		if p, place, ok := enrolmentOf(row.Key); ok {
			if _, err := noteStay(t, p, place); err != nil {
				return err
			}
		}
		if p, ok := plansOf(row.Key); ok {
			people = append(people, p)
		}
	}
	for _, p := range people {
		if err := foldGaps(t, p, today); err != nil {
			return err
		}
	}
	return nil
}
