package projection

import (
	"encoding/binary"

	"custos/ledger"
	"custos/ledger/store"
)

// Attending implements [ledger.View].
func (v View) Attending(p ledger.PersonRef, authority string, attendance ledger.Tag) (ledger.Seq, bool, error) {
	b, err := v.R.Get(attendingKey(p, authority, attendance))
	if err != nil || b == nil {
		return 0, false, err
	}
	n, read := binary.Uvarint(b)
	if read != len(b) {
		return 0, false, errPerson
	}
	return ledger.Seq(n), true, nil
}

// foldAttending keeps which notification tells of an attendance, and which is
// the authority's newest of the person. A number that is replaced later leaves
// the rows where they are: the next lookup is then told anew.
func foldAttending(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationQueued) error {
	p, err := (View{t}).Follow(e.Person.Ref)
	if err != nil {
		return err
	}
	b := binary.AppendUvarint(nil, uint64(e.Seq))
	for _, at := range []ledger.Tag{ev.Attending, {}} {
		if err := t.Set(attendingKey(p, ev.Authority, at), b); err != nil {
			return err
		}
	}
	return nil
}

// foldTold counts an access in the notifications that tell of it and were there before.
func foldTold(t *store.Txn, e *ledger.Entry, ev *ledger.Accessed) error {
	for _, id := range ev.Notifications {
		if id > e.Seq {
			continue
		}
		if err := change(t, id, func(n *ledger.Notification) { n.Tell(e.Time) }); err != nil {
			return err
		}
	}
	return nil
}

// foldErred counts out a corrected access.
func foldErred(t *store.Txn, access ledger.Seq) error {
	a, ok, err := (View{t}).Access(access)
	if err != nil || !ok {
		return err
	}
	for _, id := range a.Notifications {
		if err := change(t, id, (*ledger.Notification).Err); err != nil {
			return err
		}
	}
	return nil
}

// change puts another state of a notification in its place.
func change(t *store.Txn, id ledger.Seq, fold func(*ledger.Notification)) error {
	n, ok, err := (View{t}).Notification(id)
	if err != nil || !ok {
		return err
	}
	due, state := n.Due, n.State
	fold(&n)
	if n.State != state {
		if err := moved(t, &n, ledger.Hash{}); err != nil {
			return err
		}
	}
	return putNotification(t, due, &n)
}
