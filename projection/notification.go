package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Notification implements [ledger.View]. Its entry says whose it is. Each look of
// one attendance asks for the same one again, so the writer keeps what it has
// read: of the entry whose it is, which never changes, and of the row what was
// decoded, until the row changes.
func (v View) Notification(id ledger.Seq) (ledger.Notification, bool, error) {
	if id >= v.R.Head().Size {
		return ledger.Notification{}, false, nil
	}
	authority, ok, err := v.queuedFor(id)
	if err != nil || !ok {
		return ledger.Notification{}, false, err
	}
	n, ok, err := read[ledger.Notification](v.R, notificationKey(authority, id))
	if err == nil && !ok {
		err = fmt.Errorf("notification %d is recorded and missing", id)
	}
	return n, err == nil, err
}

// queuedFor says whose a notification is; ok is false if the entry queues none.
func (v View) queuedFor(id ledger.Seq) (authority string, ok bool, err error) {
	t, writing := v.R.(*store.Txn)
	if writing {
		if authority, ok = t.RecordMemo(id).(string); ok {
			return authority, true, nil
		}
	}
	record, err := store.Record(v.R, id)
	if err != nil {
		return "", false, err
	}
	authority, ok, err = ledger.QueuedFor(record)
	if ok && writing {
		t.SetRecordMemo(id, authority)
	}
	return authority, ok, err
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
	return v.NotificationsWhere(authority, after, limit, func(n *ledger.Notification) (bool, error) { return state == 0 || n.State == state, nil })
}

// NotificationsWhere is [View.Notifications] of those that are to be kept.
func (v View) NotificationsWhere(authority string, after *ledger.Seq, limit int, keep func(*ledger.Notification) (bool, error)) ([]ledger.Notification, error) {
	prefix := store.ViewKey(viewNotification, named(authority))
	rows := v.R.Back(prefix, nil)
	if after != nil {
		rows = v.R.After(prefix, notificationKey(authority, *after))
	}
	var out []ledger.Notification
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		var n ledger.Notification
		if err := ledger.Unmarshal(row.Value, &n); err != nil {
			return nil, err
		}
		if ok, err := keep(&n); err != nil {
			return nil, err
		} else if !ok {
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
	n := ledger.Notification{
		ID: e.Seq, Type: ev.Type, Authority: ev.Authority, State: ledger.NotificationIsQueued, Of: ev.Of, Plans: ev.Plans,
		Organisation: ev.Organisation, Queued: e.Time, After: ev.After,
	}
	if e.Person != nil { // that a policy begins is of nobody
		n.Person = e.Person.Ref
	}
	if !ev.Attending.IsZero() {
		n.Tell(e.Time)
		if err := foldAttending(t, e, ev); err != nil {
			return err
		}
	}
	if e.Rules >= 3 {
		if err := (View{t}).begin(&n); err != nil {
			return err
		}
	}
	if err := moved(t, &n, e.Hash()); err != nil {
		return err
	}
	return newNotification(t, &n)
}

// begin puts a new notification on its first rung.
func (v View) begin(n *ledger.Notification) error {
	plans, _, err := ledger.PlansOf(v, n.Person)
	if err != nil {
		return err
	}
	o, _, err := v.Organisation(n.Authority)
	if err != nil {
		return err
	}
	n.Begin(plans, &o.Directory)
	return nil
}

func foldNotificationOpened(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationOpened) error {
	if !ev.First {
		return nil
	}
	return change(t, ev.Notification, func(n *ledger.Notification) { n.State, n.Opened = ledger.NotificationIsOpened, e.Time })
}

func foldNotificationAcknowledged(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationAcknowledged) error {
	return change(t, ev.Notification, func(n *ledger.Notification) { n.Acknowledge(e) })
}
