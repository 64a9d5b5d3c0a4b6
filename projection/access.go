package projection

import (
	"encoding/binary"
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

// encode returns a row of the history:
//
//	actor(16) at(uvarint) profile(uvarint) role(1) in error(1) organisation
func (v *Visit) encode(by ledger.ActorID) []byte {
	b := append(make([]byte, 0, 16+8+5+2+len(v.Organisation)), by[:]...)
	b = binary.AppendUvarint(b, uint64(v.At))
	b = binary.AppendUvarint(b, uint64(v.Profile))
	inError := byte(0)
	if v.InError {
		inError = 1
	}
	return append(append(b, byte(v.Role), inError), v.Organisation...)
}

func parseVisit(row store.Row) (Visit, ledger.ActorID, error) {
	v := Visit{Seq: seqAtEnd(row.Key)}
	b := row.Value
	if len(b) < 16 {
		return v, ledger.ActorID{}, errPerson
	}
	by := ledger.ActorID(b[:16])
	b = b[16:]
	at, n := binary.Uvarint(b)
	if n <= 0 {
		return v, by, errPerson
	}
	profile, m := binary.Uvarint(b[n:])
	if m <= 0 || len(b) < n+m+2 {
		return v, by, errPerson
	}
	b = b[n+m:]
	v.At, v.Profile = ledger.Time(at), ledger.Seq(profile)
	v.Role, v.InError, v.Organisation = ledger.Role(b[0]), b[1] == 1, string(b[2:])
	return v, by, nil
}

// visits returns a person with its newest shown accesses: those that a history
// shows, and those of the day before the end of the ledger.
func (v View) visits(p ledger.PersonRef) (*person, error) {
	have, err := v.person(p)
	if err != nil || have.known {
		return have, err
	}
	with := *have
	with.known = true
	if have.shown > 0 {
		since := v.R.Head().Time - ledger.HistoryWindow
		for row, err := range v.R.Back(personKey(p, partVisit), nil) {
			if err != nil {
				return nil, err
			}
			visit, by, err := parseVisit(row)
			if err != nil {
				return nil, err
			}
			if len(with.recent) == HistoryLength && visit.At < since {
				break
			}
			if len(with.recent) < HistoryLength {
				with.recent = append(with.recent, visit)
			}
			with.authors = append(with.authors, author{by, visit.At})
		}
		slices.Reverse(with.authors)
	}
	if t, writing := v.R.(*store.Txn); writing {
		t.SetMemo(personKey(p, partHead), &with)
	}
	return &with, nil
}

// LastShown implements [ledger.View].
func (v View) LastShown(p ledger.PersonRef, a ledger.ActorID) (ledger.Time, error) {
	p, err := v.Follow(p)
	if err != nil {
		return 0, err
	}
	have, err := v.visits(p)
	if err != nil {
		return 0, err
	}
	for i := len(have.authors) - 1; i >= 0; i-- {
		if have.authors[i].actor == a {
			return have.authors[i].at, nil
		}
	}
	return 0, nil
}

// History returns the access history of a person as an entry showed it: the
// newest 25 shown accesses up to that entry, newest first, and how many there
// were in all.
func (v View) History(p ledger.PersonRef, asOf ledger.Seq) ([]Visit, int, error) {
	p, err := v.followAt(p, asOf)
	if err != nil {
		return nil, 0, err
	}
	have, err := v.visits(p)
	if err != nil {
		return nil, 0, err
	}
	if len(have.recent) == 0 || have.recent[0].Seq <= asOf {
		return have.recent, int(have.shown), nil
	}
	return v.historyAt(p, asOf)
}

// historyAt reads an earlier history. What was marked as in error later was not then.
func (v View) historyAt(p ledger.PersonRef, asOf ledger.Seq) ([]Visit, int, error) {
	olds, err := v.leading(p, endless)
	if err != nil {
		return nil, 0, err
	}
	if len(olds) > 0 { // its rows hold what came with them, perhaps later than that
		visits, _, err := v.shownIn(p, asOf)
		slices.Reverse(visits)
		return visits[:min(len(visits), HistoryLength)], len(visits), err
	}
	var out []Visit
	count := 0
	for row, err := range v.R.Back(personKey(p, partVisit), personSeqKey(p, partVisit, asOf+1)) {
		if err != nil {
			return nil, 0, err
		}
		if count++; len(out) == HistoryLength {
			continue
		}
		visit, _, err := parseVisit(row)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, visit)
	}
	for i := range out {
		corrected, _, err := v.number(correctedKey(out[i].Seq))
		if err != nil {
			return nil, 0, err
		}
		out[i].InError = corrected != 0 && ledger.Seq(corrected) <= asOf
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
	if err := foldTold(t, e, ev); err != nil {
		return err
	}
	if !ev.Shown {
		return nil
	}
	p, err := (View{t}).Follow(e.Person.Ref)
	if err != nil {
		return err
	}
	have, err := (View{t}).visits(p)
	if err != nil {
		return err
	}
	visit := Visit{Seq: e.Seq, At: e.Time, Profile: ev.Profile, Role: first.Actor.Role, Organisation: first.Actor.Organisation}
	by := first.Actor.ID()
	next := *have
	next.shown++
	next.recent = append(append(make([]Visit, 0, HistoryLength), visit), have.recent[:min(len(have.recent), HistoryLength-1)]...)
	// Appending leaves what earlier states see as it is.
	next.authors = append(next.authors, author{by, e.Time})
	for next.authors[0].at < e.Time-ledger.HistoryWindow {
		next.authors = next.authors[1:]
	}
	if err := next.set(t, p); err != nil {
		return err
	}
	return t.SetCold(personSeqKey(p, partVisit, e.Seq), visit.encode(by))
}

func foldCorrection(t *store.Txn, e *ledger.Entry, ev *ledger.AccessCorrected) error {
	if err := t.Set(correctedKey(ev.Access), u64(uint64(e.Seq))); err != nil {
		return err
	}
	if err := foldErred(t, ev.Access); err != nil {
		return err
	}
	p, err := (View{t}).Follow(e.Person.Ref)
	if err != nil {
		return err
	}
	key := personSeqKey(p, partVisit, ev.Access)
	b, err := t.GetOnce(key)
	if err != nil || b == nil {
		return err // it was never in the history
	}
	visit, by, err := parseVisit(store.Row{Key: key, Value: b})
	if err != nil {
		return err
	}
	visit.InError = true
	if err := t.SetCold(key, visit.encode(by)); err != nil {
		return err
	}
	have, err := (View{t}).person(p)
	if err != nil {
		return err
	}
	next := *have
	next.recent = slices.Clone(have.recent)
	for i := range next.recent {
		if next.recent[i].Seq == ev.Access {
			next.recent[i] = visit
		}
	}
	t.SetMemo(personKey(p, partHead), &next)
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
	return ledger.Access{Person: e.Person.Ref, Actor: first.Actor.ID(), Outcome: a.Outcome, Corrected: corrected, At: e.Time,
		Notifications: a.Notifications}, err == nil, err
}
