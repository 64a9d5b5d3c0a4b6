package projection

import (
	"errors"

	"custos/ledger"
	"custos/ledger/store"
)

// profileRow says where an actor's sealed name is.
type profileRow struct {
	Actor   ledger.ActorID `cbor:"1,keyasint"`
	Command ledger.ID      `cbor:"2,keyasint"`
	Key     ledger.ID      `cbor:"3,keyasint"`
}

func foldAdmin(t *store.Txn, e, first *ledger.Entry) error {
	switch ev := e.Event.(type) {
	case *ledger.LogOpened:
		if ev.Rules >= 3 {
			if err := track(t, e); err != nil {
				return err
			}
		}
		return set(t, logKey(), ledger.Log{ID: ev.ID, Origin: ev.Origin, Verifier: ev.Verifier, Rules: ev.Rules,
			Synthetic: ev.Synthetic, DemoClock: ev.DemoClock})
	case *ledger.RulesRaised:
		l, err := (View{t}).Log()
		if err != nil {
			return err
		}
		l.Rules = ev.To
		if ev.From < 2 && ev.To >= 2 {
			if err := raiseToTwo(t); err != nil {
				return err
			}
		}
		if ev.From < 3 && ev.To >= 3 {
			if err := errors.Join(track(t, e), raiseToThree(t, e.Time.Day())); err != nil {
				return err
			}
			if err := raiseDueDays(t, e.Time.Day()); err != nil {
				return err
			}
		}
		if ev.From < 4 && ev.To >= 4 {
			if err := raiseToFour(t, e.Time.Day()); err != nil {
				return err
			}
		}
		return set(t, logKey(), l)
	case *ledger.OrganisationRecorded:
		o := ev.Organisation
		was, _, err := (View{t}).Organisation(o.Code)
		if err != nil {
			return err
		}
		if o.Directory.IsZero() {
			o.Directory = was.Directory
		}
		if o.Closed == 0 {
			o.Closed = was.Closed // the register's to say
		}
		o.CallBack = was.CallBack
		return foldOrganisation(t, e, &o, &was)
	case *ledger.CallBackRecorded:
		o, _, err := (View{t}).Organisation(ev.Code)
		if err != nil {
			return err
		}
		o.CallBack = ev.Phone
		return set(t, organisationKey(ev.Code), o)
	case *ledger.SchoolRecorded:
		return foldRegister(t, e, &ev.Row)
	case *ledger.OrganisationListed:
		return foldRegister(t, e, &ev.Row)
	case *ledger.DirectoryRecorded:
		o, _, err := (View{t}).Organisation(ev.Code)
		if err != nil {
			return err
		}
		o.Directory = ev.Directory
		return set(t, organisationKey(ev.Code), o)
	case *ledger.ActorProfiled:
		id := first.Actor.ID()
		if err := t.Set(profileKey(id, ev.Profile), u64(uint64(e.Seq))); err != nil {
			return err
		}
		row := profileRow{Actor: id, Command: e.Command}
		if len(e.Commitments) > 0 {
			row.Key = e.Commitments[0].Key
		}
		return set(t, profileAtKey(e.Seq), row)
	}
	return nil
}

func foldRegister(t *store.Txn, e *ledger.Entry, row *ledger.RegisterRow) error {
	was, _, err := (View{t}).Organisation(row.Code)
	if err != nil {
		return err
	}
	o := row.Apply(was)
	return foldOrganisation(t, e, &o, &was)
}

func foldOrganisation(t *store.Txn, e *ledger.Entry, o, was *ledger.Organisation) error {
	if err := set(t, organisationKey(o.Code), *o); err != nil || e.Rules < 3 || (o.Parent == was.Parent && o.Sort == was.Sort) {
		return err
	}
	return foldMoved(t, o, was, e.Time.Day())
}

// Organisation implements [ledger.View].
func (v View) Organisation(code string) (ledger.Organisation, bool, error) {
	return read[ledger.Organisation](v.R, organisationKey(code))
}

// Organisations lists every organisation, by code.
func (v View) Organisations() ([]ledger.Organisation, error) {
	var out []ledger.Organisation
	for row, err := range v.R.Scan(store.ViewKey(viewOrganisation)) {
		if err != nil {
			return nil, err
		}
		var o ledger.Organisation
		if err := ledger.Unmarshal(row.Value, &o); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}
