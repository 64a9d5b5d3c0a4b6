package ledger

import "unicode/utf8"

// Delivery is how notifications leave the service: batches, each of one
// authority and one type, one after another. An attempt is recorded before
// anything is opened or sent; that it has no outcome yet means that nobody knows.

// Way is by what a batch is delivered.
type Way uint8

// The ways.
const (
	ByMESH Way = iota + 1 // CP-IS messages 05 and 06
)

// MaxDelivery is how many notifications one batch holds: its entry lists them.
const MaxDelivery = 256

// namesRoom bounds, in bytes, the names of organisations that one attempt
// records; those beyond it are told by their codes.
const namesRoom = 3 << 10

// maxName is how much of one organisation's name an attempt records, in bytes.
const maxName = 200

// AttemptDelivery asks to tell an authority of some notifications. What it
// discloses to the authority is what opening each of them would.
type AttemptDelivery struct {
	Authority string           `cbor:"1,keyasint"`
	Type      NotificationType `cbor:"2,keyasint"`
	Way       Way              `cbor:"3,keyasint"`
	// Notifications are in order, and later than all that were ever attempted.
	Notifications []Seq `cbor:"4,keyasint,omitempty"`
	// Instead names an attempt that failed: its notifications are tried anew.
	Instead Seq `cbor:"5,keyasint,omitempty"`
}

// RepeatDelivery asks to open the same batch again, because nobody knows what
// became of it, or because it was not sent.
type RepeatDelivery struct {
	Attempt Seq `cbor:"1,keyasint"`
}

// SettleDelivery asks to record what became of an attempt.
type SettleDelivery struct {
	Attempt Seq    `cbor:"1,keyasint"`
	Code    string `cbor:"2,keyasint,omitempty"` // why it failed; empty: it is in the authority's mailbox
	Message string `cbor:"3,keyasint,omitempty"` // what the carrier calls it
}

// NotificationAttempted records that a batch is opened to be sent. Each
// notification's own entry lists the plans and the access that this discloses.
type NotificationAttempted struct {
	Authority     string           `cbor:"1,keyasint"`
	Type          NotificationType `cbor:"2,keyasint"`
	Way           Way              `cbor:"3,keyasint"`
	Notifications []Seq            `cbor:"4,keyasint,omitempty"`
	Hidden        []Seq            `cbor:"5,keyasint,omitempty"` // those of restricted people: who looked and where is not told
	Instead       Seq              `cbor:"6,keyasint,omitempty"`
	Again         Seq              `cbor:"7,keyasint,omitempty"` // the attempt that is opened once more; it has the lists
	Names         []Named          `cbor:"8,keyasint,omitempty"` // the organisations of the batch as they were called, the authority first
}

// Named is an organisation's name when it was told.
type Named struct {
	Code string `cbor:"1,keyasint"`
	Name string `cbor:"2,keyasint"`
}

// NotificationDelivered records that a batch lies in its authority's mailbox.
// It says nothing of anybody having read it.
type NotificationDelivered struct {
	Attempt Seq    `cbor:"1,keyasint"`
	Message string `cbor:"2,keyasint,omitempty"`
}

// NotificationFailed records that a batch did not get there, or that nobody
// collected it. It is tried anew by another attempt.
type NotificationFailed struct {
	Attempt Seq    `cbor:"1,keyasint"`
	Code    string `cbor:"2,keyasint"`
	Message string `cbor:"3,keyasint,omitempty"`
}

// AttemptState is what is known of an attempt.
type AttemptState uint8

// The states.
const (
	AttemptIsOpen      AttemptState = iota + 1 // nobody knows
	AttemptIsDelivered                         // it is in the mailbox
	AttemptIsFailed                            // it is not, and is to be tried anew
	AttemptIsReplaced                          // another one was made in its place
)

// Attempt is an attempt as the views hold it.
type Attempt struct {
	ID            Seq              `cbor:"1,keyasint"`
	Authority     string           `cbor:"2,keyasint"`
	Type          NotificationType `cbor:"3,keyasint"`
	Way           Way              `cbor:"4,keyasint"`
	Notifications []Seq            `cbor:"5,keyasint"`
	State         AttemptState     `cbor:"6,keyasint"`
	At            Time             `cbor:"7,keyasint"`
	Last          Time             `cbor:"8,keyasint"`           // when it was last opened or settled
	Failures      int              `cbor:"9,keyasint,omitempty"` // how many attempts at the same failed before it, and it
}

// Outbox is where an authority's deliveries of one type stand, as the views hold it.
type Outbox struct {
	Through Seq   `cbor:"1,keyasint,omitempty"` // the newest notification that was ever attempted
	Open    Seq   `cbor:"2,keyasint,omitempty"` // the attempt of which nobody knows; zero: none
	Failed  []Seq `cbor:"3,keyasint,omitempty"` // attempts to be tried anew, in the order in which they failed
	At      Time  `cbor:"4,keyasint,omitempty"` // when notifications were last attempted for the first time
}

// Kind implements [Event].
func (NotificationAttempted) Kind() Kind { return KindNotificationAttempted }
func (NotificationDelivered) Kind() Kind { return KindNotificationDelivered }
func (NotificationFailed) Kind() Kind    { return KindNotificationFailed }

// Number implements [Request].
func (*AttemptDelivery) Number() RequestKind { return RequestAttemptDelivery }
func (*RepeatDelivery) Number() RequestKind  { return RequestRepeatDelivery }
func (*SettleDelivery) Number() RequestKind  { return RequestSettleDelivery }

// Discloses implements [Request].
func (*AttemptDelivery) Discloses() bool { return true }
func (*RepeatDelivery) Discloses() bool  { return true }
func (*SettleDelivery) Discloses() bool  { return false }

func (*AttemptDelivery) action() Action { return ActSystem }
func (*RepeatDelivery) action() Action  { return ActSystem }
func (*SettleDelivery) action() Action  { return ActSystem }

// Deliverable reports whether a type has a message that leaves the service.
func (t NotificationType) Deliverable() bool { return t == NotifyAccess || t == NotifyInactive }

func (q *AttemptDelivery) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	box, err := d.Outbox(q.Authority, q.Type)
	if err != nil {
		return err
	}
	e := &NotificationAttempted{Authority: q.Authority, Type: q.Type, Way: q.Way, Notifications: q.Notifications, Instead: q.Instead}
	if q.Instead != 0 {
		was, ok, err := d.Attempt(q.Instead)
		if err != nil {
			return err
		}
		if !ok || len(q.Notifications) > 0 || was.State != AttemptIsFailed || was.Authority != q.Authority || was.Type != q.Type {
			d.refuse(RefusedState)
			return nil
		}
		e.Notifications = was.Notifications
	}
	if box.Open != 0 || !q.Type.Deliverable() || q.Way != ByMESH || len(e.Notifications) == 0 || len(e.Notifications) > MaxDelivery {
		d.refuse(RefusedState)
		return nil
	}
	after := box.Through
	codes := []string{q.Authority}
	for _, id := range e.Notifications {
		n, ok, err := d.Notification(id)
		if err != nil {
			return err
		}
		if !ok || n.Authority != q.Authority || n.Type != q.Type || q.Instead == 0 && id <= after {
			d.refuse(RefusedState)
			return nil
		}
		after = id
		plans, _, err := PlansOf(d, n.Person)
		if err != nil {
			return err
		}
		if AnyRestricted(plans) {
			e.Hidden = append(e.Hidden, id)
		} else if !contains(codes, n.Organisation) {
			codes = append(codes, n.Organisation)
		}
	}
	if e.Names, err = d.names(codes); err != nil {
		return err
	}
	d.record(e, PersonRef{})
	return nil
}

// names are the organisations' names as of now, so that the same message can be
// made again when one is called otherwise.
func (d *decider) names(codes []string) ([]Named, error) {
	var out []Named
	room := namesRoom
	for _, code := range codes {
		o, ok, err := d.Organisation(code)
		if err != nil {
			return nil, err
		}
		name := cut(o.Name, maxName)
		if room -= len(code) + len(name) + 8; !ok || name == "" || room < 0 {
			continue
		}
		out = append(out, Named{code, name})
	}
	return out, nil
}

// cut shortens a text to at most so many bytes, between two characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

func (q *RepeatDelivery) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	a, ok, err := d.Attempt(q.Attempt)
	if err != nil {
		return err
	}
	if !ok || a.State != AttemptIsOpen {
		d.refuse(RefusedState)
		return nil
	}
	d.record(&NotificationAttempted{Authority: a.Authority, Type: a.Type, Way: a.Way, Again: a.ID}, PersonRef{})
	return nil
}

// decide lets what was delivered fail later: the carrier may find that nobody
// collected it. What failed stays so; another attempt takes its place.
func (q *SettleDelivery) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	a, ok, err := d.Attempt(q.Attempt)
	if err != nil {
		return err
	}
	if !ok || a.State != AttemptIsOpen && (q.Code == "" || a.State != AttemptIsDelivered) {
		d.refuse(RefusedState)
		return nil
	}
	if q.Code == "" {
		d.record(&NotificationDelivered{Attempt: a.ID, Message: q.Message}, PersonRef{})
		return nil
	}
	d.record(&NotificationFailed{Attempt: a.ID, Code: q.Code, Message: q.Message}, PersonRef{})
	return nil
}

// Begin folds a new attempt into its authority's outbox; was is the one it is made instead of.
func (b *Outbox) Begin(e *NotificationAttempted, seq Seq, at Time, was Attempt) Attempt {
	b.Open = seq
	b.Through = max(b.Through, e.Notifications[len(e.Notifications)-1])
	b.Failed = without(b.Failed, e.Instead)
	if e.Instead == 0 {
		b.At = at
	}
	return Attempt{ID: seq, Authority: e.Authority, Type: e.Type, Way: e.Way, Notifications: e.Notifications,
		State: AttemptIsOpen, At: at, Last: at, Failures: was.Failures}
}

// Settle folds what became of an attempt.
func (b *Outbox) Settle(a *Attempt, delivered bool, at Time) {
	if b.Open == a.ID {
		b.Open = 0
	}
	a.State, a.Last = AttemptIsDelivered, at
	if !delivered {
		a.State, a.Failures = AttemptIsFailed, a.Failures+1
		b.Failed = append(without(b.Failed, a.ID), a.ID)
	}
}

func without(list []Seq, x Seq) []Seq {
	var out []Seq
	for _, n := range list {
		if n != x {
			out = append(out, n)
		}
	}
	return out
}

// Settle folds what became of a delivery. That somebody opened a notification or
// acted on it is more than that it arrived, and stays.
func (n *Notification) Settle(delivered bool, at Time) {
	switch {
	case delivered && n.unopened():
		n.State, n.Delivered = NotificationIsDelivered, at
	case delivered:
		n.Delivered = at
	case n.unopened():
		n.State, n.Failed = NotificationIsFailed, at
		n.hurry(at)
	default:
		n.Failed = at
	}
}
