package projection

import (
	"errors"

	"custos/ledger"
	"custos/ledger/store"
)

// Notices are what one entry made of notifications of one authority.
type Notices struct {
	Seq       ledger.Seq // of the entry
	At        ledger.Time
	Authority string
	Of        []Notice
}

// Notice is one notification as of an entry: the same whenever it is read.
type Notice struct {
	Notification ledger.Seq
	Type         ledger.NotificationType
	State        ledger.NotificationState
	Queued       ledger.Time
}

// Noticeable reports whether entries of a kind change the state of notifications.
func Noticeable(k ledger.Kind) bool {
	switch k {
	case ledger.KindNotificationQueued, ledger.KindNotificationOpened, ledger.KindNotificationAcknowledged,
		ledger.KindNotificationDelivered, ledger.KindNotificationFailed, ledger.KindLetterSettled,
		ledger.KindNotificationActioned, ledger.KindNotificationWithdrawn:
		return true
	}
	return false
}

// Notices reads what an entry of a [Noticeable] kind did, which may be nothing.
func (v View) Notices(e *ledger.Entry) (Notices, error) {
	out := Notices{Seq: e.Seq, At: e.Time}
	switch ev := e.Event.(type) {
	case *ledger.NotificationQueued:
		out.Authority = ev.Authority
		out.Of = []Notice{{e.Seq, ev.Type, ledger.NotificationIsQueued, e.Time}}
	case *ledger.NotificationOpened:
		if ev.First {
			return out, v.notice(&out, e, ev.Notification, ledger.NotificationIsOpened)
		}
	case *ledger.NotificationAcknowledged:
		return out, v.notice(&out, e, ev.Notification, ledger.NotificationIsAcknowledged)
	case *ledger.NotificationActioned:
		return out, v.notice(&out, e, ev.Notification, ledger.NotificationIsActioned)
	case *ledger.NotificationWithdrawn:
		return out, v.notice(&out, e, ev.Notification, ledger.NotificationIsWithdrawn)
	case *ledger.NotificationDelivered:
		a, err := v.attempt(ev.Attempt)
		return out, errors.Join(err, v.settled(&out, e, a.Notifications, ledger.NotificationIsDelivered))
	case *ledger.NotificationFailed:
		a, err := v.attempt(ev.Attempt)
		return out, errors.Join(err, v.settled(&out, e, a.Notifications, ledger.NotificationIsFailed))
	case *ledger.LetterSettled:
		state := ledger.NotificationIsDelivered
		if ev.Code != "" {
			state = ledger.NotificationIsFailed
		}
		ids, err := v.letterSettled(ev)
		return out, errors.Join(err, v.settled(&out, e, ids, state))
	}
	return out, nil
}

// notice adds a notification that an entry brought into a state.
func (v View) notice(out *Notices, e *ledger.Entry, id ledger.Seq, state ledger.NotificationState) error {
	n, ok, err := v.Notification(id)
	if err != nil || !ok {
		return err
	}
	if state == ledger.NotificationIsDelivered || state == ledger.NotificationIsFailed {
		if state, err = v.acted(e, &n, state); err != nil {
			return err
		}
	}
	out.Authority = n.Authority
	out.Of = append(out.Of, Notice{id, n.Type, state, n.Queued})
	return nil
}

func (v View) settled(out *Notices, e *ledger.Entry, ids []ledger.Seq, state ledger.NotificationState) error {
	for _, id := range ids {
		if err := v.notice(out, e, id, state); err != nil {
			return err
		}
	}
	return nil
}

// acted returns what somebody had done with a notification before its delivery
// was settled, which that does not take back; or what it was settled to be.
func (v View) acted(e *ledger.Entry, n *ledger.Notification, state ledger.NotificationState) (ledger.NotificationState, error) {
	if opened, err := v.before(e, n.ID, n.Opened, ledger.KindNotificationOpened); err != nil || !opened {
		return state, err
	}
	if acknowledged, err := v.before(e, n.ID, n.Acknowledged, ledger.KindNotificationAcknowledged); err != nil || acknowledged {
		return ledger.NotificationIsAcknowledged, err
	}
	return ledger.NotificationIsOpened, nil
}

// before reports whether what a row says happened at a time had happened before
// an entry. Commands of one batch have one time: there the entries themselves say.
func (v View) before(e *ledger.Entry, id ledger.Seq, at ledger.Time, kind ledger.Kind) (bool, error) {
	if at == 0 || at != e.Time {
		return at != 0 && at < e.Time, nil
	}
	for n := e.Seq; n > 0; n-- {
		was, err := store.Entry(v.R, n-1)
		if err != nil || was.Time != at {
			return false, err
		}
		switch ev := was.Event.(type) {
		case *ledger.NotificationOpened:
			if kind == was.Kind && ev.Notification == id && ev.First {
				return true, nil
			}
		case *ledger.NotificationAcknowledged:
			if kind == was.Kind && ev.Notification == id {
				return true, nil
			}
		}
	}
	return false, nil
}
