package projection

import (
	"encoding/binary"

	"custos/ledger"
	"custos/ledger/store"
)

// Due implements [ledger.View].
func (v View) Due(until ledger.Time, limit int) ([]ledger.Seq, error) {
	prefix := store.ViewKey(viewDue)
	var out []ledger.Seq
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		if len(out) == limit || ledger.Time(binary.BigEndian.Uint64(row.Key[len(prefix):])) > until {
			break
		}
		out = append(out, seqAtEnd(row.Key))
	}
	return out, nil
}

// DueDays implements [ledger.View].
func (v View) DueDays(through ledger.Day, limit int) ([]ledger.DueDay, error) {
	prefix := store.ViewKey(viewDueDay)
	var out []ledger.DueDay
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		at := dueDayOf(row.Key[len(prefix):])
		if len(out) == limit || at.Day > through {
			break
		}
		out = append(out, at)
	}
	return out, nil
}

// AnyDue reports whether there is anything to tell by a moment.
func (v View) AnyDue(until ledger.Time) (bool, error) {
	if due, err := v.Due(until, 1); err != nil || len(due) > 0 {
		return len(due) > 0, err
	}
	days, err := v.DueDays(until.Day(), 1)
	if err != nil || len(days) > 0 {
		return len(days) > 0, err
	}
	begun, err := v.DuePolicies(until.Day(), 1)
	if err != nil || len(begun) > 0 {
		return len(begun) > 0, err
	}
	over, err := ledger.LinksOver(v, until.Day(), 1)
	return len(over) > 0, err
}

func dueDayOf(key []byte) ledger.DueDay {
	return ledger.DueDay{Day: ledger.Day(int64(binary.BigEndian.Uint32(key)) - 1<<31), Person: ledger.PersonRef(key[4:])}
}

// foldDue drops the days that are done with.
func foldDue(t *store.Txn, ev *ledger.TransitionsDue) error {
	if ev.Through == 0 {
		return nil
	}
	last := dueDayKey(ev.Through, ev.Person)
	var done [][]byte
	for row, err := range t.Scan(store.ViewKey(viewDueDay)) {
		if err != nil {
			return err
		}
		if string(row.Key) > string(last) {
			break
		}
		done = append(done, row.Key)
	}
	for _, key := range done {
		if err := t.DeleteCold(key); err != nil {
			return err
		}
	}
	return nil
}

// foldDueFrom notes the day on which a plan recorded now may be a task.
func foldDueFrom(t *store.Txn, e *ledger.Entry, plans []ledger.Plan) error {
	for i := range plans {
		if plans[i].Seq != e.Seq {
			continue
		}
		if day := plans[i].DueFrom(e.Time.Day()); day != 0 {
			return t.SetIndex(dueDayKey(day, e.Person.Ref))
		}
	}
	return nil
}

// raiseDueDays notes the days to come of the plans that earlier versions recorded.
func raiseDueDays(t *store.Txn, today ledger.Day) error {
	var keys [][]byte
	for row, err := range t.Scan(store.ViewKey(viewPerson)) {
		if err != nil {
			return err
		}
		p, ok := plansOf(row.Key)
		if !ok {
			continue
		}
		var plans []ledger.Plan
		if err := ledger.Unmarshal(row.Value, &plans); err != nil {
			return err
		}
		for i := range plans {
			if day := plans[i].DueFrom(today); day > today {
				keys = append(keys, dueDayKey(day, p))
			}
		}
	}
	for _, key := range keys {
		if err := t.SetIndex(key); err != nil {
			return err
		}
	}
	return nil
}

// putNotification puts another state of a notification in its place, and keeps
// the index of what climbs. The writer keeps the row: the next look of the same
// attendance changes it again.
func putNotification(t *store.Txn, was ledger.Time, n *ledger.Notification) error {
	if err := keepDue(t, was, n); err != nil {
		return err
	}
	return setAs(t, notificationKey(n.Authority, n.ID), n, *n)
}

// newNotification puts a notification's first row. It is not kept: most
// attendances are one look, and the row cache is for what is read again.
func newNotification(t *store.Txn, n *ledger.Notification) error {
	if err := keepDue(t, 0, n); err != nil {
		return err
	}
	return setCold(t, notificationKey(n.Authority, n.ID), n)
}

// keepDue keeps the index of what climbs.
func keepDue(t *store.Txn, was ledger.Time, n *ledger.Notification) error {
	if was != 0 && was != n.Due {
		if err := t.DeleteCold(dueKey(was, n.ID)); err != nil {
			return err
		}
	}
	if n.Due != 0 && was != n.Due {
		return t.SetIndex(dueKey(n.Due, n.ID))
	}
	return nil
}
