package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Notification implements [ledger.View].
func (v View) Notification(id ledger.Seq) (ledger.Notification, bool, error) {
	var n ledger.Notification
	b, err := once(v.R, notificationKey(id))
	if err != nil || b == nil {
		return n, false, err
	}
	err = ledger.Unmarshal(b, &n)
	return n, err == nil, err
}

// NotificationsOf implements [ledger.View]: those queued because of one entry.
func (v View) NotificationsOf(access ledger.Seq) ([]ledger.Notification, error) {
	ids, err := v.index(store.ViewKey(viewNotifyByEntry, u64(uint64(access))))
	if err != nil {
		return nil, err
	}
	out := make([]ledger.Notification, 0, len(ids))
	for _, id := range ids {
		n, ok, err := v.Notification(id)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("notification %d is indexed and missing", id)
		}
		out = append(out, n)
	}
	return out, nil
}

// Notifications lists an authority's notifications in order, at most limit:
// those after an id, or without one the newest. State 0 lists every state.
func (v View) Notifications(authority string, state ledger.NotificationState, after *ledger.Seq, limit int) ([]ledger.Notification, error) {
	ids, err := v.index(store.ViewKey(viewNotifyByOrg, named(authority)))
	if err != nil {
		return nil, err
	}
	if after == nil {
		slices.Reverse(ids)
	}
	var out []ledger.Notification
	for _, id := range ids {
		if after != nil && id <= *after {
			continue
		}
		n, ok, err := v.Notification(id)
		if err != nil {
			return nil, err
		}
		if !ok || (state != 0 && n.State != state) {
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
	b, err := ledger.Marshal(ledger.Notification{
		ID: e.Seq, Type: ev.Type, Authority: ev.Authority, State: ledger.NotificationIsQueued, Of: ev.Of, Plans: ev.Plans,
		Person: e.Person.Ref, Organisation: ev.Organisation, Queued: e.Time,
	})
	if err != nil {
		return err
	}
	if err := t.SetCold(notificationKey(e.Seq), b); err != nil {
		return err
	}
	if err := t.SetIndex(notifyByEntryKey(ev.Of, e.Seq)); err != nil {
		return err
	}
	return t.SetIndex(notifyByOrgKey(ev.Authority, e.Seq))
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
	return setCold(t, notificationKey(n.ID), n)
}

func foldNotificationAcknowledged(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationAcknowledged) error {
	n, ok, err := (View{t}).Notification(ev.Notification)
	if err != nil || !ok {
		return err
	}
	n.State, n.Acknowledged = ledger.NotificationIsAcknowledged, e.Time
	return setCold(t, notificationKey(n.ID), n)
}
