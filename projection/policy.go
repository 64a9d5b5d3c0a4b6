package projection

import (
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
	return set(t, policyKey(ev.Place), ledger.AddPolicy(said, ev, e.Seq, e.Time))
}
