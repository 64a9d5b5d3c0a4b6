package projection

import (
	"encoding/binary"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Policies implements [ledger.View]. The writer keeps the list decoded, so that
// a lookup decodes nothing.
func (v View) Policies(place string) ([]ledger.DatedPolicy, error) {
	said, _, err := read[[]ledger.DatedPolicy](v.R, policyKey(place))
	return said, err
}

// PolicyPlaces lists every place that has ever said anything, by code.
func (v View) PolicyPlaces() ([]string, error) {
	prefix := store.ViewKey(viewPolicy)
	var out []string
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		out = append(out, string(row.Key[len(prefix):]))
	}
	return out, nil
}

func foldPolicy(t *store.Txn, e *ledger.Entry, ev *ledger.PolicyRecorded) error {
	said, err := (View{t}).Policies(ev.Place)
	if err != nil {
		return err
	}
	if e.Rules >= 4 && ev.From > e.Time.Day() {
		if err := t.SetIndex(duePolicyKey(ledger.DuePolicy{Day: ev.From, Seq: e.Seq, Place: ev.Place})); err != nil {
			return err
		}
	}
	return set(t, policyKey(ev.Place), ledger.AddPolicy(said, ev, e.Seq, e.Time))
}

// DuePolicies implements [ledger.View].
func (v View) DuePolicies(through ledger.Day, limit int) ([]ledger.DuePolicy, error) {
	prefix := store.ViewKey(viewDuePolicy)
	var out []ledger.DuePolicy
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		key := row.Key[len(prefix):]
		p := ledger.DuePolicy{Day: ledger.Day(int64(binary.BigEndian.Uint32(key)) - 1<<31), Seq: ledger.Seq(binary.BigEndian.Uint64(key[4:])), Place: string(key[12:])}
		if len(out) == limit || p.Day > through {
			break
		}
		out = append(out, p)
	}
	return out, nil
}

// foldBegun drops the policies that have begun.
func foldBegun(t *store.Txn, ev *ledger.TransitionsDue, at ledger.Day) error {
	if len(ev.Begun) == 0 {
		return nil
	}
	due, err := (View{t}).DuePolicies(at, ledger.MaxDue)
	if err != nil {
		return err
	}
	for _, p := range due {
		if slices.Contains(ev.Begun, p.Seq) {
			if err := t.DeleteCold(duePolicyKey(p)); err != nil {
				return err
			}
		}
	}
	return nil
}

// raiseToFour notes the policies of days to come that earlier versions recorded.
func raiseToFour(t *store.Txn, today ledger.Day) error {
	places, err := (View{t}).PolicyPlaces()
	if err != nil {
		return err
	}
	for _, place := range places {
		said, err := (View{t}).Policies(place)
		if err != nil {
			return err
		}
		for i := range said {
			if said[i].From <= today {
				continue
			}
			if err := t.SetIndex(duePolicyKey(ledger.DuePolicy{Day: said[i].From, Seq: said[i].Seq, Place: place})); err != nil {
				return err
			}
		}
	}
	return nil
}
