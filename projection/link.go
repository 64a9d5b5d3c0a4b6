package projection

import (
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Links implements [ledger.View].
func (v View) Links(p ledger.PersonRef, source string) (ledger.Links, error) {
	l, _, err := read[ledger.Links](v.R, linksKey(p, source))
	return l, err
}

// linking lists the sources that have linked something of a person, under this very number.
func (v View) linking(p ledger.PersonRef) ([]string, error) {
	rows, err := v.rowsOf(p, partLink)
	if err != nil {
		return nil, err
	}
	before := len(personKey(p, partLink))
	var out []string
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, string(row.Key[before:]))
	}
	return out, nil
}

// DueLinks is whose links of whom wait to be followed.
type DueLinks struct {
	Person ledger.PersonRef
	Source string
	Links  ledger.Links
}

// DueLinks lists, at most so many, links of people who have a visible plan on a
// day. One whose plan was recorded in error before it was followed stays in the
// index and is passed over.
func (v View) DueLinks(today ledger.Day, limit int) ([]DueLinks, error) {
	var out []DueLinks
	prefix := store.ViewKey(viewDueLinks)
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		var at DueLinks
		n := copy(at.Person[:], row.Key[len(prefix):])
		at.Source = string(row.Key[len(prefix)+n:])
		if shown, err := v.Shown(at.Person, today); err != nil {
			return nil, err
		} else if !shown {
			continue
		}
		if at.Links, err = v.Links(at.Person, at.Source); err != nil {
			return nil, err
		}
		if out = append(out, at); len(out) == limit {
			break
		}
	}
	return out, nil
}

// Shown reports whether a person has a visible plan on a day.
func (v View) Shown(p ledger.PersonRef, day ledger.Day) (bool, error) {
	plans, err := v.Plans(p)
	return slices.ContainsFunc(plans, func(p ledger.Plan) bool { return p.Visible(day) }), err
}

// KeepsAny reports whether a source has any enrolment of a person, under this very number.
func (v View) KeepsAny(p ledger.PersonRef, source string) (bool, error) { return v.keepsAny(p, source) }

// links reads what an entry opened, still sealed.
func (a *Assembler) links(v View, out *Answer, main *ledger.Entry, ev *ledger.LinksOpened) error {
	for _, n := range ev.Links {
		e, err := store.Entry(v.R, n)
		if err != nil {
			return err
		}
		s := ledger.Shown{Seq: n, Payload: ledger.PayloadLink, Command: e.Command}
		if len(e.Commitments) == 1 {
			if s, err = a.shown(v.R, n, 0, ledger.PayloadLink, ledger.HolderPerson, main.Person.Ref[:], e.Command, e.Commitments[0].Key); err != nil {
				return err
			}
		}
		s.Row = e.Row()
		out.Details = append(out.Details, s)
	}
	return nil
}

func foldLink(t *store.Txn, e, first *ledger.Entry) error {
	v, p := View{t}, e.Person.Ref
	switch ev := e.Event.(type) {
	case *ledger.EnrolmentLinked:
		source := first.Actor.Organisation
		have, err := v.Links(p, source)
		if err != nil {
			return err
		}
		plans, err := v.Plans(p)
		if err != nil {
			return err
		}
		next := have.Add(ev, e.Seq, e.Time)
		if len(plans) > 0 && next.Due == 0 { // it waits behind others
			next.Due = e.Time
		}
		if err := linksSaid(t, p, source, &have, &next); err != nil || len(plans) == 0 {
			return err
		}
		return t.SetIndex(dueLinksKey(p, source))
	case *ledger.LinksOpened:
		have, err := v.Links(p, ev.Source)
		if err != nil {
			return err
		}
		have.Opened = e.Seq
		return set(t, linksKey(p, ev.Source), have)
	case *ledger.LinksFollowed:
		return foldLinksFollowed(t, p, ev)
	}
	return nil
}

// foldLinksFollowed ends the waiting. Whose links were let go before there was
// any plan is asked when one is recorded, see [foldWanted]; of a plan that is over
// and that a correction may show again, from now on.
func foldLinksFollowed(t *store.Txn, p ledger.PersonRef, ev *ledger.LinksFollowed) error {
	v := View{t}
	have, err := v.Links(p, ev.Source)
	if err != nil {
		return err
	}
	if ev.LetGo() {
		if err := erase(t, have.Each); err != nil {
			return err
		}
	}
	if err := dropLinks(t, p, ev.Source, &have); err != nil {
		return err
	}
	if ev.Code == "" {
		return t.DeleteCold(wantedKey(ev.Source, p))
	}
	plans, err := v.Plans(p)
	if err != nil || len(plans) == 0 {
		return err
	}
	return t.SetIndex(wantedKey(ev.Source, p))
}

func dropLinks(t *store.Txn, p ledger.PersonRef, source string, have *ledger.Links) error {
	if err := dropSaid(t, p, source, have); err != nil {
		return err
	}
	if err := unset(t, linksKey(p, source)); err != nil {
		return err
	}
	return t.DeleteCold(dueLinksKey(p, source))
}

// foldPassed lets a source's links go when a row of it is recorded past them, as
// one that is not kept, or whose source may keep no links any more. What the
// source said before is stale then, and where the row was kept it is asked again:
// its other places may have been among it.
func foldPassed(t *store.Txn, e, first *ledger.Entry) error {
	if _, sent := first.Request.(*ledger.Enrol); !sent || e.Rules < 4 {
		return nil
	}
	v, p, source := View{t}, e.Person.Ref, first.Actor.Organisation
	have, err := v.Links(p, source)
	if err != nil {
		return err
	}
	ask := len(have.Each) > 0
	if ask {
		if err := erase(t, have.Each); err != nil {
			return err
		}
		if err := dropLinks(t, p, source, &have); err != nil {
			return err
		}
	}
	if e.Kind == ledger.KindEnrolmentNotKept { // asked again when a plan appears, unless there is one: see [ledger.EnrolmentRow.Conceal]
		plans, err := v.Plans(p)
		if err != nil {
			return err
		}
		ask = len(plans) > 0
	}
	if !ask {
		return nil
	}
	return t.SetIndex(wantedKey(source, p))
}

// foldRefusedLink has a source asked again of whom a link could not be recorded.
func foldRefusedLink(t *store.Txn, e, first *ledger.Entry) error {
	q, ok := first.Request.(*ledger.FollowLinks)
	if !ok {
		return nil
	}
	return t.SetIndex(wantedKey(q.Source, e.Person.Ref))
}

// foldDueLinks notes, when something was recorded by which a person may have a
// plan, the links under this number and under all that lead to it: a node looks
// whether they are to be followed.
func foldDueLinks(t *store.Txn, p ledger.PersonRef, now ledger.Time) error {
	v := View{t}
	sources, err := v.linking(p)
	if err != nil {
		return err
	}
	for _, source := range sources {
		have, err := v.Links(p, source)
		if err != nil {
			return err
		}
		if have.Due == 0 {
			have.Due = now
			if err := set(t, linksKey(p, source), have); err != nil {
				return err
			}
		}
		if err := t.SetIndex(dueLinksKey(p, source)); err != nil {
			return err
		}
	}
	olds, err := v.leading(p, endless)
	if err != nil {
		return err
	}
	for _, old := range olds {
		if err := foldDueLinks(t, old, now); err != nil {
			return err
		}
	}
	return nil
}
