package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// An emergency access stands in one of two lists: to be reviewed, and reviewed.
const (
	glassOpen      = 0
	glassConcluded = 1
)

func glassKey(list byte, n ledger.Seq) []byte {
	return store.ViewKey(viewGlass, []byte{list}, u64(uint64(n)))
}

// Glass implements [ledger.View].
func (v View) Glass(n ledger.Seq) (g ledger.Glass, ok bool, err error) {
	for _, list := range []byte{glassOpen, glassConcluded} {
		b, err := once(v.R, glassKey(list, n))
		if err != nil {
			return g, false, err
		}
		if b != nil {
			err = ledger.Unmarshal(b, &g)
			return g, err == nil, err
		}
	}
	return g, false, nil
}

// recordedGlass reads one that an entry says there is.
func (v View) recordedGlass(n ledger.Seq) (ledger.Glass, error) {
	g, ok, err := v.Glass(n)
	if err == nil && !ok {
		err = fmt.Errorf("emergency access %d is recorded and missing", n)
	}
	return g, err
}

// OpenGlass lists the emergency accesses that nobody has concluded, the oldest first.
func (v View) OpenGlass() ([]ledger.Glass, error) {
	return glasses(v.R.Scan(store.ViewKey(viewGlass, []byte{glassOpen})), 0)
}

// ConcludedGlass lists the newest that somebody has, at most so many, the oldest first.
func (v View) ConcludedGlass(most int) ([]ledger.Glass, error) {
	out, err := glasses(v.R.Back(store.ViewKey(viewGlass, []byte{glassConcluded}), nil), most)
	slices.Reverse(out)
	return out, err
}

func glasses(rows func(func(store.Row, error) bool), most int) ([]ledger.Glass, error) {
	var out []ledger.Glass
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		var g ledger.Glass
		if err := ledger.Unmarshal(row.Value, &g); err != nil {
			return nil, err
		}
		if out = append(out, g); len(out) == most {
			break
		}
	}
	return out, nil
}

func foldGlass(t *store.Txn, e *ledger.Entry, ev *ledger.GlassBroken, first *ledger.Entry) error {
	return setCold(t, glassKey(glassOpen, e.Seq), &ledger.Glass{Seq: e.Seq, Access: ev.Access, At: e.Time, Person: e.Person.Ref,
		Actor: first.Actor.ID(), Organisation: first.Actor.Organisation, Code: ev.Code})
}

func foldReview(t *store.Txn, e *ledger.Entry, ev *ledger.Reviewed) error {
	if ev.Finding == ledger.FindingOpened {
		return nil
	}
	g, err := (View{t}).recordedGlass(ev.Glass)
	if err != nil {
		return err
	}
	g.Conclude(ev, e.Time)
	if err := t.DeleteCold(glassKey(glassOpen, g.Seq)); err != nil {
		return err
	}
	return setCold(t, glassKey(glassConcluded, g.Seq), &g)
}

// GlassShown is an emergency access in an answer: to who made it, that it is to
// be reviewed; to who opens the review, what it was.
type GlassShown struct {
	Glass      ledger.Glass     `cbor:"1,keyasint"`
	Access     *ledger.Accessed `cbor:"2,keyasint,omitempty"`
	Restricted bool             `cbor:"3,keyasint,omitempty"` // so that the reviewer is not shown whom, where and by whom
}

// broken adds to a lookup's answer that it took an emergency.
func (a *Assembler) broken(v View, out *Answer, entries []ledger.Entry) error {
	for i := range entries {
		if entries[i].Kind != ledger.KindGlassBroken {
			continue
		}
		g, err := v.recordedGlass(entries[i].Seq)
		if err != nil {
			return err
		}
		out.Glass = &GlassShown{Glass: g}
	}
	return nil
}

// review is what a reviewer is shown: who looked whom up, why, and what came of it.
func (a *Assembler) review(v View, out *Answer, ev *ledger.Reviewed, reader ledger.Role) error {
	g, err := v.recordedGlass(ev.Glass)
	if err != nil {
		return err
	}
	out.Glass = &GlassShown{Glass: g}
	if ev.Finding != ledger.FindingOpened {
		return nil
	}
	e, first, err := entryWithFirst(v.R, g.Access)
	if err != nil {
		return err
	}
	access, ok := e.Event.(*ledger.Accessed)
	if !ok || e.Person == nil {
		return fmt.Errorf("emergency access %d is of no access", g.Seq)
	}
	restricted, err := v.Restricted(g.Person)
	if err != nil {
		return err
	}
	if ledger.Hide(restricted, reader).Whereabouts {
		out.Glass.Restricted = true
		return nil
	}
	out.Glass.Access = access
	out.Visit = &Visit{Seq: e.Seq, At: e.Time, Profile: access.Profile, Role: first.Actor.Role, Organisation: first.Actor.Organisation}
	if err := a.profile(v.R, out, access.Profile); err != nil {
		return err
	}
	for i, c := range e.Commitments {
		s, err := a.shown(v.R, e.Seq, i, c.Payload, c.Holder, g.Person[:], e.Command, c.Key)
		if err != nil {
			return err
		}
		out.Details = append(out.Details, s)
	}
	return nil
}
