package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Delivery is a batch as it was opened to be sent: the same whenever it is
// opened again.
type Delivery struct {
	Attempt   ledger.Seq              `cbor:"1,keyasint"`
	At        ledger.Time             `cbor:"2,keyasint"`
	Authority string                  `cbor:"3,keyasint"`
	Type      ledger.NotificationType `cbor:"4,keyasint"`
	Names     []ledger.Named          `cbor:"5,keyasint,omitempty"`
	Items     []DeliveryItem          `cbor:"6,keyasint"`
}

// Name returns what an organisation was called, or its code.
func (d *Delivery) Name(code string) string {
	for i := range d.Names {
		if d.Names[i].Code == code {
			return d.Names[i].Name
		}
	}
	return code
}

// DeliveryItem is one notification of a batch.
type DeliveryItem struct {
	Notification ledger.Seq  `cbor:"1,keyasint"`
	Plans        []PlanShown `cbor:"2,keyasint"`
	File         int64       `cbor:"3,keyasint"` // the number of the file that supplied the newest of the plans
	Visit        Visit       `cbor:"4,keyasint"` // what it tells of; of a restricted person only when
	Issuer       string      `cbor:"5,keyasint,omitempty"`
	Subject      string      `cbor:"6,keyasint,omitempty"`
}

// Outbox implements [ledger.View].
func (v View) Outbox(authority string, t ledger.NotificationType) (ledger.Outbox, error) {
	b, _, err := read[ledger.Outbox](v.R, outboxKey(authority, t))
	return b, err
}

// Attempt implements [ledger.View].
func (v View) Attempt(n ledger.Seq) (ledger.Attempt, bool, error) {
	return read[ledger.Attempt](v.R, attemptKey(n))
}

// Undelivered lists an authority's notifications of one type that no attempt was
// made at, oldest first. Those that somebody has acted on already are left out.
func (v View) Undelivered(authority string, t ledger.NotificationType) ([]ledger.Notification, error) {
	box, err := v.Outbox(authority, t)
	if err != nil {
		return nil, err
	}
	if t == ledger.NotifyInactive {
		return v.untold(authority, box.Through)
	}
	var out []ledger.Notification
	for row, err := range v.R.Back(store.ViewKey(viewNotification, named(authority)), nil) {
		if err != nil {
			return nil, err
		}
		if seqAtEnd(row.Key) <= box.Through {
			break
		}
		var n ledger.Notification
		if err := ledger.Unmarshal(row.Value, &n); err != nil {
			return nil, err
		}
		if n.Type == t && n.Waits() {
			out = append(out, n)
		}
	}
	slices.Reverse(out)
	return out, nil
}

// untold is [View.Undelivered] of inactive numbers, which are few among many
// notifications and have an index. A number's entry comes before its
// notifications and after those of the number before it.
func (v View) untold(authority string, through ledger.Seq) ([]ledger.Notification, error) {
	tasks, err := v.index(store.ViewKey(viewInactiveTask, named(authority)))
	if err != nil {
		return nil, err
	}
	var out []ledger.Notification
	for _, n := range tasks {
		if n <= through {
			continue
		}
		told, err := v.NotificationsOf(n)
		if err != nil {
			return nil, err
		}
		for i := range told {
			if told[i].Authority == authority && told[i].Waits() {
				out = append(out, told[i])
			}
		}
	}
	return out, nil
}

func foldAttempted(t *store.Txn, e *ledger.Entry, ev *ledger.NotificationAttempted) error {
	v := View{t}
	if ev.Again != 0 {
		a, err := v.attempt(ev.Again)
		if err != nil {
			return err
		}
		a.Last = e.Time
		return set(t, attemptKey(a.ID), a)
	}
	box, err := v.Outbox(ev.Authority, ev.Type)
	if err != nil {
		return err
	}
	var was ledger.Attempt
	if ev.Instead != 0 {
		if was, err = v.attempt(ev.Instead); err != nil {
			return err
		}
		was.State = ledger.AttemptIsReplaced
		if err := set(t, attemptKey(was.ID), was); err != nil {
			return err
		}
	}
	a := box.Begin(ev, e.Seq, e.Time, was)
	if err := set(t, attemptKey(e.Seq), a); err != nil {
		return err
	}
	return set(t, outboxKey(ev.Authority, ev.Type), box)
}

func foldSettled(t *store.Txn, e *ledger.Entry, attempt ledger.Seq, delivered bool) error {
	v := View{t}
	a, err := v.attempt(attempt)
	if err != nil {
		return err
	}
	box, err := v.Outbox(a.Authority, a.Type)
	if err != nil {
		return err
	}
	box.Settle(&a, delivered, e.Time)
	for _, id := range a.Notifications {
		n, ok, err := v.Notification(id)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("entry %d: notification %d was delivered and is missing", e.Seq, id)
		}
		was := n.Due
		n.Settle(delivered, e.Time)
		if err := moved(t, &n, ledger.Hash{}); err != nil {
			return err
		}
		if err := putNotification(t, was, &n); err != nil {
			return err
		}
	}
	if err := set(t, attemptKey(a.ID), a); err != nil {
		return err
	}
	return set(t, outboxKey(a.Authority, a.Type), box)
}

// attempt reads an attempt that must be there.
func (v View) attempt(n ledger.Seq) (ledger.Attempt, error) {
	a, ok, err := v.Attempt(n)
	if err == nil && !ok {
		err = fmt.Errorf("attempt %d is recorded and missing", n)
	}
	return a, err
}

// delivery reads what a batch tells. All of it is fixed by the attempt's own
// entry and by entries before it, so that a batch opened again is the same.
func (a *Assembler) delivery(v View, out *Answer, at ledger.Seq, ev *ledger.NotificationAttempted) error {
	if ev.Again != 0 {
		at = ev.Again
	}
	e, err := store.Entry(v.R, at)
	if err != nil {
		return err
	}
	ev, ok := e.Event.(*ledger.NotificationAttempted)
	if !ok {
		return fmt.Errorf("entry %d is no attempt at a delivery", at)
	}
	d := &Delivery{Attempt: at, At: e.Time, Authority: ev.Authority, Type: ev.Type, Names: ev.Names}
	out.Delivery = d
	for _, id := range ev.Notifications {
		item, err := a.deliveryItem(v, out, id, slices.Contains(ev.Hidden, id))
		if err != nil {
			return err
		}
		d.Items = append(d.Items, item)
	}
	return nil
}

func (a *Assembler) deliveryItem(v View, out *Answer, id ledger.Seq, hidden bool) (DeliveryItem, error) {
	item := DeliveryItem{Notification: id}
	n, ok, err := v.Notification(id)
	if err != nil {
		return item, err
	}
	if !ok {
		return item, fmt.Errorf("notification %d was attempted and is missing", id)
	}
	if item.Plans, err = a.plans(v, n.Person, n.Plans); err != nil {
		return item, err
	}
	newest := ledger.Seq(0)
	for i := range item.Plans {
		hidden = hidden || item.Plans[i].Plan.Restricted
		newest = max(newest, item.Plans[i].Plan.Seq)
	}
	if item.File, err = v.suppliedBy(newest); err != nil {
		return item, err
	}
	e, first, err := entryWithFirst(v.R, n.Of)
	if err != nil {
		return item, err
	}
	item.Visit = Visit{Seq: n.Of, At: e.Time}
	was, ok := e.Event.(*ledger.Accessed)
	if !ok || ledger.Hide(hidden, ledger.RoleSystem).Whereabouts {
		return item, nil
	}
	item.Visit.Role, item.Visit.Organisation, item.Visit.Profile = first.Actor.Role, first.Actor.Organisation, was.Profile
	item.Issuer, item.Subject = first.Actor.Issuer, first.Actor.Subject
	return item, a.profile(v.R, out, was.Profile)
}

// suppliedBy returns the number of the authority's file that a plan came in.
func (v View) suppliedBy(plan ledger.Seq) (int64, error) {
	for {
		e, first, err := entryWithFirst(v.R, plan)
		if err != nil {
			return 0, err
		}
		if lapsed, ok := e.Event.(*ledger.PlanLapsed); ok {
			plan = lapsed.Of
			continue
		}
		q, ok := first.Request.(*ledger.UploadChunk)
		if !ok {
			return 0, fmt.Errorf("entry %d: a plan that came in no file", plan)
		}
		u, _, err := v.Upload(q.Upload)
		return u.Sequence, err
	}
}
