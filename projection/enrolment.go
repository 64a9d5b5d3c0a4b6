package projection

import (
	"cmp"
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
	return out, v.fetch(out, place)
}

// Places implements [ledger.View].
func (v View) Places(p ledger.PersonRef) ([]ledger.Place, error) {
	have, err := v.stayed(p)
	var out []ledger.Place
	for _, at := range have.Places {
		if at.As.IsZero() {
			out = append(out, at.Place)
		}
	}
	return out, err
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

// foldEnrolment folds what became of one row.
func foldEnrolment(t *store.Txn, e, first *ledger.Entry) error {
	p := e.Person.Ref
	var place ledger.Place
	var apply func([]ledger.Enrolment) []ledger.Enrolment
	switch ev := e.Event.(type) {
	case *ledger.Enrolled:
		source := ""
		if e.Rules >= 3 {
			source = cmp.Or(ev.Source, first.Actor.Organisation)
			if ev.Source == "" { // of links, what became of all of them decides
				if err := t.DeleteCold(wantedKey(source, p)); err != nil {
					return err
				}
			}
		}
		place = ev.Row.Place
		apply = func(have []ledger.Enrolment) []ledger.Enrolment { return ev.Apply(have, source, e.Seq, e.Time) }
	case *ledger.EnrolmentEnded:
		place = ev.Row.Place
		apply = func(have []ledger.Enrolment) []ledger.Enrolment { return ev.Apply(have, e.Seq, e.Time) }
	case *ledger.EnrolmentTakenBack:
		place = ev.Row.Place
		apply = func(have []ledger.Enrolment) []ledger.Enrolment { return ev.Apply(have, e.Seq, e.Time) }
	}
	have, err := (View{t}).Enrolments(p, place)
	if err != nil {
		return err
	}
	if err := set(t, enrolmentKey(p, place), apply(have)); err != nil {
		return err
	}
	if err := t.SetIndex(enrolledAtKey(place, p)); err != nil || e.Rules < 3 {
		return err
	}
	return foldStay(t, p, place, e.Time.Day())
}

// Wanted implements [ledger.View].
func (v View) Wanted(source string, after ledger.PersonRef, limit int) ([]ledger.PersonRef, error) {
	var out []ledger.PersonRef
	prefix := store.ViewKey(viewWanted, named(source))
	for row, err := range v.R.After(prefix, wantedKey(source, after)) {
		if err != nil {
			return nil, err
		}
		if out = append(out, ledger.PersonRef(row.Key[len(prefix):])); len(out) == limit {
			break
		}
	}
	return out, nil
}

// foldWanted notes, when somebody's plan is recorded, which organisations named
// the person in an enrolment that was not kept, or in links that were let go:
// they are asked again. That they did stands in the person's own trail and nowhere
// else: there is no table of all children. From rules version 4 on, those who
// named the person by a number that leads to this one are asked as well.
func foldWanted(t *store.Txn, p ledger.PersonRef, rules int) error {
	asked := map[string]bool{}
	if err := foldNamedBy(t, p, p, asked); err != nil || rules < 4 {
		return err
	}
	return foldNamedBefore(t, p, p, asked)
}

func foldNamedBefore(t *store.Txn, p, to ledger.PersonRef, asked map[string]bool) error {
	olds, err := (View{t}).leading(to, endless)
	if err != nil {
		return err
	}
	for _, old := range olds {
		if err := foldNamedBy(t, p, old, asked); err != nil {
			return err
		}
		if err := foldNamedBefore(t, p, old, asked); err != nil {
			return err
		}
	}
	return nil
}

// foldNamedBy has those asked for a person who named one of the person's numbers.
func foldNamedBy(t *store.Txn, p, number ledger.PersonRef, asked map[string]bool) error {
	v := View{t}
	trail, err := v.ownTrail(number)
	if err != nil {
		return err
	}
	for _, n := range trail {
		e, err := store.Entry(t, n)
		if err != nil {
			return err
		}
		source, err := unkeptBy(t, &e)
		if err != nil {
			return err
		}
		if source == "" || asked[source] {
			continue
		}
		asked[source] = true
		kept, err := v.keepsAny(p, source)
		if err != nil {
			return err
		}
		waits, err := v.Links(number, source)
		if err != nil {
			return err
		}
		if !kept && len(waits.Each) == 0 {
			if err := t.SetIndex(wantedKey(source, p)); err != nil {
				return err
			}
		}
	}
	return nil
}

// unkeptBy is who sent a row that was not kept, or that was and is no more;
// empty: the entry says nothing of the kind.
func unkeptBy(t *store.Txn, e *ledger.Entry) (string, error) {
	switch ev := e.Event.(type) {
	case *ledger.EnrolmentNotKept:
		first, err := store.Entry(t, e.Seq-ledger.Seq(e.Nth))
		if err != nil {
			return "", err
		}
		return first.Actor.Organisation, nil
	case *ledger.LinksFollowed:
		if ev.Code != "" {
			return ev.Source, nil
		}
	}
	return "", nil
}

// keepsAny reports whether a source has any enrolment of a person.
func (v View) keepsAny(p ledger.PersonRef, source string) (bool, error) {
	places, err := v.Places(p)
	if err != nil {
		return false, err
	}
	for _, at := range places {
		have, err := v.Enrolments(p, at)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(have, func(e ledger.Enrolment) bool { return e.Source == source }) {
			return true, nil
		}
	}
	return false, nil
}
