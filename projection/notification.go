package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Notification implements [ledger.View]. Its entry says whose it is.
func (v View) Notification(id ledger.Seq) (ledger.Notification, bool, error) {
	var n ledger.Notification
	if id >= v.R.Head().Size {
		return n, false, nil
	}
	e, err := store.Entry(v.R, id)
	if err != nil {
		return n, false, err
	}
	q, ok := e.Event.(*ledger.NotificationQueued)
	if !ok {
		return n, false, nil
	}
	b, err := once(v.R, notificationKey(q.Authority, id))
	if err != nil {
		return n, false, err
	}
	if b == nil {
		return n, false, fmt.Errorf("notification %d is recorded and missing", id)
	}
	err = ledger.Unmarshal(b, &n)
	return n, err == nil, err
}

// NotificationsOf implements [ledger.View]: those queued because of one entry.
// They are of its own command and stand behind it.
func (v View) NotificationsOf(access ledger.Seq) ([]ledger.Notification, error) {
	e, err := store.Entry(v.R, access)
	if err != nil {
		return nil, err
	}
	var out []ledger.Notification
	for i := 1; i < e.Of-e.Nth; i++ {
		n, ok, err := v.Notification(access + ledger.Seq(i))
		if err != nil {
			return nil, err
		}
		if ok && n.Of == access {
			out = append(out, n)
		}
	}
	return out, nil
}

// Notifications lists an authority's notifications in order, at most limit:
// those after an id, or without one the newest. State 0 lists every state.
func (v View) Notifications(authority string, state ledger.NotificationState, after *ledger.Seq, limit int) ([]ledger.Notification, error) {
	prefix := store.ViewKey(viewNotification, named(authority))
	rows := v.R.Back(prefix, nil)
	if after != nil {
		rows = v.R.Scan(prefix)
	}
	var out []ledger.Notification
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if after != nil && seqAtEnd(row.Key) <= *after {
			continue
		}
		var n ledger.Notification
		if err := ledger.Unmarshal(row.Value, &n); err != nil {
			return nil, err
		}
		if state != 0 && n.State != state {
			continue
		}
		if out = append(out, n); len(out) == limit {
			break
		}
	}
	if after == nil {
		slices.Reverse(out)
	}
	return out, nil
}

func foldNotificationQueued(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationQueued) error {
	n := &ledger.Notification{
		ID: e.Seq, Type: ev.Type, Authority: ev.Authority, State: ledger.NotificationIsQueued, Of: ev.Of, Plans: ev.Plans,
		Person: e.Person.Ref, Organisation: ev.Organisation, Queued: e.Time,
	}
	if err := moved(t, n, e.Hash()); err != nil {
		return err
	}
	return setCold(t, notificationKey(ev.Authority, e.Seq), n)
}

func foldNotificationOpened(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationOpened) error {
	if !ev.First {
		return nil
	}
	n, ok, err := (View{t}).Notification(ev.Notification)
	if err != nil || !ok {
		return err
	}
	n.State, n.Opened = ledger.NotificationIsOpened, e.Time
	if err := moved(t, &n, ledger.Hash{}); err != nil {
		return err
	}
	return setCold(t, notificationKey(n.Authority, n.ID), &n)
}

func foldNotificationAcknowledged(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationAcknowledged) error {
	n, ok, err := (View{t}).Notification(ev.Notification)
	if err != nil || !ok {
		return err
	}
	n.State, n.Acknowledged = ledger.NotificationIsAcknowledged, e.Time
	if err := moved(t, &n, ledger.Hash{}); err != nil {
		return err
	}
	return setCold(t, notificationKey(n.Authority, n.ID), &n)
}
