package projection

import (
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Birth implements [ledger.View]. Of somebody without any entry there is none.
func (v View) Birth(baby ledger.PersonRef) (ledger.Birth, bool, error) {
	end, err := v.Follow(baby)
	if err != nil {
		return ledger.Birth{}, false, err
	}
	if _, writing := v.R.(*store.Txn); writing && end == baby {
		if known, err := v.person(baby); err != nil || known.head.N == 0 {
			return ledger.Birth{}, false, err
		}
	}
	return read[ledger.Birth](v.R, personKey(end, partBirth))
}

// Babies implements [ledger.View].
func (v View) Babies(mother ledger.PersonRef) ([]ledger.PersonRef, error) {
	end, err := v.Follow(mother)
	if err != nil {
		return nil, err
	}
	out, err := v.babiesOf(end)
	slices.SortFunc(out, func(a, b ledger.PersonRef) int { return slices.Compare(a[:], b[:]) })
	return out, err
}

// babiesOf lists those linked to a number, and to every one that leads to it.
func (v View) babiesOf(mother ledger.PersonRef) ([]ledger.PersonRef, error) {
	prefix := personKey(mother, partBaby)
	var out []ledger.PersonRef
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		out = append(out, ledger.PersonRef(row.Key[len(prefix):]))
	}
	olds, err := v.leading(mother, endless)
	if err != nil {
		return nil, err
	}
	for _, old := range olds {
		more, err := v.babiesOf(old)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// foldBirth keeps the link from each baby to its mother, and back.
func foldBirth(t *store.Txn, e *ledger.Entry, ev *ledger.BirthRecorded) error {
	if ev.Mother.IsZero() {
		return nil // the mother's own entry
	}
	v := View{t}
	baby, err := v.Follow(e.Person.Ref)
	if err != nil {
		return err
	}
	if !ev.TakenBack {
		return linkBirth(t, baby, ledger.Birth{Mother: ev.Mother, Seq: e.Seq, LastDay: ev.LastDay, Birth: ev.Birth})
	}
	b, ok, err := v.Birth(baby)
	if err != nil || !ok {
		return err
	}
	return unlinkBirth(t, baby, b)
}

func linkBirth(t *store.Txn, baby ledger.PersonRef, b ledger.Birth) error {
	if err := set(t, personKey(baby, partBirth), b); err != nil {
		return err
	}
	return t.SetIndex(babyKey(b.Mother, baby))
}

func unlinkBirth(t *store.Txn, baby ledger.PersonRef, b ledger.Birth) error {
	if err := t.Delete(personKey(baby, partBirth)); err != nil {
		return err
	}
	return t.DeleteCold(babyKey(b.Mother, baby))
}

// foldNumberBirth has a baby's link follow to the number that replaces its own,
// and come back. A mother's need not: her number is followed where it is read.
func foldNumberBirth(t *store.Txn, e *ledger.Entry) error {
	v, old := View{t}, e.Person.Ref
	b, ok, err := read[ledger.Birth](t, personKey(old, partBirth))
	if err != nil || !ok {
		return err
	}
	switch ev := e.Event.(type) {
	case *ledger.NumberSuperseded:
		end, err := v.Follow(ev.New)
		if err != nil {
			return err
		}
		if _, has, err := read[ledger.Birth](t, personKey(end, partBirth)); err != nil || has {
			return err
		}
		return linkBirth(t, end, b)
	case *ledger.NumbersParted:
		have, ok, err := read[ledger.Birth](t, personKey(ev.New, partBirth))
		if err != nil || !ok || have.Seq != b.Seq {
			return err
		}
		return unlinkBirth(t, ev.New, b)
	}
	return nil
}

// foldPregnancyEnded takes a mother's unborn children's plans out of every answer.
func foldPregnancyEnded(t *store.Txn, e *ledger.Entry, ev *ledger.PregnancyEnded) error {
	if len(ev.Plans) == 0 {
		return nil
	}
	v := View{t}
	p, err := v.Follow(e.Person.Ref)
	if err != nil {
		return err
	}
	plans, err := v.planRow(p)
	if err != nil {
		return err
	}
	if err := set(t, plansKey(p), ledger.LosePlans(plans, ev, e.Time.Day())); err != nil {
		return err
	}
	return foldGaps(t, p, e.Time.Day())
}
