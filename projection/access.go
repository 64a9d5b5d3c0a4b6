package projection

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// HistoryLength is how many accesses the history shows.
const HistoryLength = 25

// Visit is one access as the history shows it. The name is sealed in the
// profile's entry.
type Visit struct {
	Seq          ledger.Seq
	At           ledger.Time
	Profile      ledger.Seq
	Role         ledger.Role
	Organisation string
	InError      bool
}

// history is a person's access history: the newest first.
type history struct {
	count  uint64
	visits []Visit
}

var errHistory = errors.New("view row h is damaged")

func (h *history) encode() []byte {
	b := binary.AppendUvarint(make([]byte, 0, 8+40*len(h.visits)), h.count)
	for i := range h.visits {
		v := &h.visits[i]
		b = binary.AppendUvarint(b, uint64(v.Seq))
		b = binary.AppendUvarint(b, uint64(v.At))
		b = binary.AppendUvarint(b, uint64(v.Profile))
		inError := byte(0)
		if v.InError {
			inError = 1
		}
		b = append(b, byte(v.Role), inError, byte(len(v.Organisation)))
		b = append(b, v.Organisation...)
	}
	return b
}

func parseHistory(b []byte) (history, error) {
	var h history
	bad := false
	next := func() uint64 {
		x, n := binary.Uvarint(b)
		if n <= 0 {
			bad, b = true, nil
			return 0
		}
		b = b[n:]
		return x
	}
	h.count = next()
	for len(b) > 0 {
		v := Visit{Seq: ledger.Seq(next()), At: ledger.Time(next()), Profile: ledger.Seq(next())}
		if bad || len(b) < 3 || len(b) < 3+int(b[2]) {
			return h, errHistory
		}
		v.Role, v.InError, v.Organisation = ledger.Role(b[0]), b[1] == 1, string(b[3:3+int(b[2])])
		b = b[3+int(b[2]):]
		h.visits = append(h.visits, v)
	}
	if bad {
		return h, errHistory
	}
	return h, nil
}

func (v View) history(p ledger.PersonRef) (history, error) {
	key := historyKey(p)
	t, writing := v.R.(*store.Txn)
	if writing {
		if h, ok := t.Memo(key).(history); ok {
			return h, nil
		}
	}
	b, err := v.R.Get(key)
	if err != nil || b == nil {
		return history{}, err
	}
	h, err := parseHistory(b)
	if err == nil && writing {
		t.SetMemo(key, h)
	}
	return h, err
}

// LastShown implements [ledger.View].
func (v View) LastShown(p ledger.PersonRef, a ledger.ActorID) (ledger.Time, error) {
	n, _, err := v.number(lastShownKey(p, a))
	return ledger.Time(n), err
}

// History returns the access history of a person as an entry showed it: the
// newest 25 shown accesses up to that entry, newest first, and how many there
// were in all.
func (v View) History(p ledger.PersonRef, asOf ledger.Seq) ([]Visit, int, error) {
	p, err := v.Follow(p)
	if err != nil {
		return nil, 0, err
	}
	h, err := v.history(p)
	if err != nil {
		return nil, 0, err
	}
	if len(h.visits) == 0 || h.visits[0].Seq <= asOf {
		return h.visits, int(h.count), nil
	}
	return v.historyAt(p, asOf)
}

// historyAt reads an earlier history from the person's trail.
func (v View) historyAt(p ledger.PersonRef, asOf ledger.Seq) ([]Visit, int, error) {
	seqs, err := v.trailOf(p, asOf)
	if err != nil {
		return nil, 0, err
	}
	var out []Visit
	count := 0
	for i := len(seqs) - 1; i >= 0; i-- {
		if seqs[i] > asOf {
			continue
		}
		e, first, err := entryWithFirst(v.R, seqs[i])
		if err != nil {
			return nil, 0, err
		}
		a, ok := e.Event.(*ledger.Accessed)
		if !ok || !a.Shown {
			continue
		}
		count++
		if len(out) < HistoryLength {
			corrected, _, err := v.number(correctedKey(e.Seq))
			if err != nil {
				return nil, 0, err
			}
			out = append(out, Visit{Seq: e.Seq, At: e.Time, Profile: a.Profile, Role: first.Actor.Role,
				Organisation: first.Actor.Organisation, InError: corrected != 0 && ledger.Seq(corrected) <= asOf})
		}
	}
	return out, count, nil
}

// entryWithFirst reads an entry and the first of its command, which may be itself.
func entryWithFirst(r store.Reader, n ledger.Seq) (e, first ledger.Entry, err error) {
	if e, err = store.Entry(r, n); err != nil {
		return e, first, err
	}
	if e.Nth == 0 {
		return e, e, nil
	}
	if ledger.Seq(e.Nth) > e.Seq {
		return e, first, fmt.Errorf("entry %d: its command begins before the ledger", n)
	}
	first, err = store.Entry(r, e.Seq-ledger.Seq(e.Nth))
	return e, first, err
}

func foldAccess(t *store.Txn, e *ledger.Entry, ev *ledger.Accessed, first *ledger.Entry) error {
	if !ev.Shown {
		return nil
	}
	p, err := (View{t}).Follow(e.Person.Ref)
	if err != nil {
		return err
	}
	h, err := (View{t}).history(p)
	if err != nil {
		return err
	}
	visit := Visit{Seq: e.Seq, At: e.Time, Profile: ev.Profile, Role: first.Actor.Role, Organisation: first.Actor.Organisation}
	visits := make([]Visit, 0, HistoryLength)
	h.visits = append(append(visits, visit), h.visits[:min(len(h.visits), HistoryLength-1)]...)
	h.count++
	if err := t.SetMade(historyKey(p), h.encode(), h); err != nil {
		return err
	}
	return t.Set(lastShownKey(e.Person.Ref, first.Actor.ID()), u64(uint64(e.Time)))
}

func foldCorrection(t *store.Txn, e *ledger.Entry, ev *ledger.AccessCorrected) error {
	if err := t.Set(correctedKey(ev.Access), u64(uint64(e.Seq))); err != nil {
		return err
	}
	p, err := (View{t}).Follow(e.Person.Ref)
	if err != nil {
		return err
	}
	h, err := (View{t}).history(p)
	if err != nil {
		return err
	}
	h.visits = slices.Clone(h.visits)
	for i := range h.visits {
		if h.visits[i].Seq == ev.Access {
			h.visits[i].InError = true
			return t.SetMade(historyKey(p), h.encode(), h)
		}
	}
	return nil
}

// Access implements [ledger.View].
func (v View) Access(n ledger.Seq) (ledger.Access, bool, error) {
	if n >= v.R.Head().Size {
		return ledger.Access{}, false, nil
	}
	e, first, err := entryWithFirst(v.R, n)
	if err != nil {
		return ledger.Access{}, false, err
	}
	a, ok := e.Event.(*ledger.Accessed)
	if !ok {
		return ledger.Access{}, false, nil
	}
	_, corrected, err := v.number(correctedKey(n))
	return ledger.Access{Person: e.Person.Ref, Actor: first.Actor.ID(), Outcome: a.Outcome, Corrected: corrected}, err == nil, err
}
