package projection

import (
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
			if err := raiseToThree(t); err != nil {
				return err
			}
		}
		return set(t, logKey(), l)
	case *ledger.OrganisationRecorded:
		o := ev.Organisation
		if o.Directory.IsZero() {
			was, _, err := (View{t}).Organisation(o.Code)
			if err != nil {
				return err
			}
			o.Directory = was.Directory
		}
		return set(t, organisationKey(o.Code), o)
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
