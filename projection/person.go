package projection

import (
	"encoding/binary"
	"fmt"
	"iter"

	"custos/ledger"
	"custos/ledger/store"
)

// person is what the writer keeps in memory of one person whom commands ask for
// again and again. It is made from the person's rows and never changed: a fold
// puts another in its place.
type person struct {
	head  ledger.PersonHead
	shown uint64 // accesses that the history has ever had

	// The newest shown accesses, read once somebody asks for them.
	known   bool
	recent  []Visit  // newest first, at most HistoryLength
	authors []author // oldest first; all of the last day at least

	trail ledger.Seq // the row of the trail that the newest entry is in
	first ledger.Seq // the first entry of all, if the writer has seen it come; else 0
}

// author is who made a shown access, and when.
type author struct {
	actor ledger.ActorID
	at    ledger.Time
}

// person reads what is known of a person, without the visits.
func (v View) person(p ledger.PersonRef) (*person, error) {
	key := personKey(p, partHead)
	t, writing := v.R.(*store.Txn)
	if writing {
		if have, ok := t.Memo(key).(*person); ok {
			return have, nil
		}
	}
	b, err := v.R.Get(key)
	if err != nil {
		return nil, err
	}
	out, err := parsePerson(b)
	if err == nil && writing {
		t.SetMemo(key, out)
	}
	return out, err
}

func parsePerson(b []byte) (*person, error) {
	if b == nil {
		return new(person), nil
	}
	if len(b) < 41 {
		return nil, errPerson
	}
	shown, n := binary.Uvarint(b[40:])
	if n != len(b)-40 {
		return nil, errPerson
	}
	return &person{head: ledger.PersonHead{N: binary.BigEndian.Uint64(b), Last: ledger.Hash(b[8:40])}, shown: shown}, nil
}

var errPerson = fmt.Errorf("a person's row of view %c is damaged", viewPerson)

// set puts another state of a person in its place.
func (p *person) set(t *store.Txn, ref ledger.PersonRef) error {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 44), p.head.N)
	b = append(b, p.head.Last[:]...)
	b = binary.AppendUvarint(b, p.shown)
	return t.SetMade(personKey(ref, partHead), b, p)
}

// PersonHead returns the end of a person's own chain.
func (v View) PersonHead(p ledger.PersonRef) (ledger.PersonHead, error) {
	have, err := v.person(p)
	if err != nil {
		return ledger.PersonHead{}, err
	}
	return have.head, nil
}

// unwritten reports that there is certainly no such row about a person: nothing
// is recorded of the person but what this transaction has, which did not write
// it. The writer has the end of a person's chain at hand or will need it: a file
// of new people is spared a search of the disk for each of their rows.
func (v View) unwritten(p ledger.PersonRef, key []byte) (bool, error) {
	t, writing := v.R.(*store.Txn)
	if !writing || t.Wrote(key) {
		return false, nil
	}
	known, err := v.person(p)
	if err != nil {
		return false, err
	}
	return known.head.N == 0 || known.first > 0 && known.first >= t.Base(), nil
}

// rowsOf walks one part of a person's rows, of those that only an entry about the
// person writes. Where the writer has seen the first of these entries come in this
// transaction it has all such rows at hand: a file that names a new person twice is
// spared a walk on the disk.
func (v View) rowsOf(p ledger.PersonRef, part byte) (iter.Seq2[store.Row, error], error) {
	prefix := personKey(p, part)
	if t, writing := v.R.(*store.Txn); writing {
		known, err := v.person(p)
		if err != nil {
			return nil, err
		}
		if known.first > 0 && known.first >= t.Base() {
			return t.Own(prefix), nil
		}
	}
	return v.R.Scan(prefix), nil
}

// foldPerson moves the end of the person's own chain and indexes the entry in
// the person's trail. Entries of one command that stand together, as an access
// and its notifications do, share one row of the trail.
func foldPerson(t *store.Txn, e *ledger.Entry) error {
	have, err := (View{t}).person(e.Person.Ref)
	if err != nil {
		return err
	}
	next := *have
	if have.head.N == 0 {
		next.first = e.Seq
	}
	run := uint64(1)
	// The entry before is of the same command and person exactly if its hash ends the person's chain.
	if e.Nth > 0 && have.head.N > 0 && have.head.Last == e.Prev {
		run = uint64(e.Seq-have.trail) + 1
	} else {
		next.trail = e.Seq
	}
	next.head = ledger.PersonHead{N: e.Person.N, Last: e.Hash()}
	if err := next.set(t, e.Person.Ref); err != nil {
		return err
	}
	if err := grown(t, e.Person.Ref, next.head); err != nil {
		return err
	}
	return t.SetCold(personSeqKey(e.Person.Ref, partTrail, next.trail), binary.AppendUvarint(nil, run))
}

// ownTrail lists every entry about a person under this very number, in order.
func (v View) ownTrail(p ledger.PersonRef) ([]ledger.Seq, error) {
	rows, err := v.rowsOf(p, partTrail)
	if err != nil {
		return nil, err
	}
	var out []ledger.Seq
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		run, n := binary.Uvarint(row.Value)
		if n <= 0 || run == 0 || run > 1<<20 {
			return nil, errPerson
		}
		for i := range run {
			out = append(out, seqAtEnd(row.Key)+ledger.Seq(i))
		}
	}
	return out, nil
}
