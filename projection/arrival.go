package projection

import (
	"encoding/binary"

	"custos/ledger"
	"custos/ledger/store"
)

// Arrivals counts those who came to an organisation on a day and were told of by
// a system: with a lookup, and without one, for it was denied or nobody was traced.
type Arrivals struct {
	With    int `cbor:"1,keyasint,omitempty"`
	Without int `cbor:"2,keyasint,omitempty"`
}

func arrivalKey(organisation string, day ledger.Day) []byte {
	return store.ViewKey(viewArrival, named(organisation), binary.BigEndian.AppendUint32(nil, uint32(day)))
}

// Arrivals counts an organisation's arrivals of the days from from to to.
func (v View) Arrivals(organisation string, from, to ledger.Day) (out Arrivals, err error) {
	prefix := store.ViewKey(viewArrival, named(organisation))
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return out, err
		}
		day := ledger.Day(binary.BigEndian.Uint32(row.Key[len(row.Key)-4:]))
		if day < from || day > to {
			continue
		}
		var n Arrivals
		if err := ledger.Unmarshal(row.Value, &n); err != nil {
			return out, err
		}
		out.With += n.With
		out.Without += n.Without
	}
	return out, nil
}

// foldArrival counts what became of an arrival. Showing it again is none: that
// is another request.
func foldArrival(t *store.Txn, e, first *ledger.Entry) error {
	came := false
	switch q := first.Request.(type) {
	case *ledger.LookUp:
		came = q.Arrival
	case *ledger.Trace:
		came = q.Arrival
	}
	if !came {
		return nil
	}
	key := arrivalKey(first.Actor.Organisation, e.Time.Day())
	n, _, err := read[Arrivals](t, key)
	if err != nil {
		return err
	}
	if _, looked := e.Event.(*ledger.Accessed); looked {
		n.With++
	} else {
		n.Without++
	}
	return set(t, key, n)
}
