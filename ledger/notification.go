package ledger

// NotificationType says why an authority is told.
type NotificationType uint8

// The types of notification.
const (
	NotifyAccess      NotificationType = iota + 1 // somebody in unscheduled care looked a person up
	NotifyCorrection                              // that lookup was of the wrong person
	NotifyDataQuality                             // the birth date held differs from the one confirmed in care
	NotifyMissed                                  // a person with a plan missed an appointment
	NotifyInactive                                // the number of a person with a plan is no longer used, with no replacement
)

// String returns the type as lists spell it.
func (t NotificationType) String() string {
	switch t {
	case NotifyAccess:
		return "access"
	case NotifyCorrection:
		return "correction"
	case NotifyDataQuality:
		return "data-quality"
	case NotifyMissed:
		return "missed-appointment"
	case NotifyInactive:
		return "number-inactive"
	}
	return "unknown"
}

// NotificationState is how far a notification has come.
type NotificationState uint8

// The states, in order.
const (
	NotificationIsQueued NotificationState = iota + 1
	NotificationIsDelivered
	NotificationIsOpened
	NotificationIsAcknowledged
	NotificationIsFailed
)

// String returns the state as answers spell it.
func (s NotificationState) String() string {
	switch s {
	case NotificationIsQueued:
		return "queued"
	case NotificationIsDelivered:
		return "delivered"
	case NotificationIsOpened:
		return "opened"
	case NotificationIsAcknowledged:
		return "acknowledged"
	case NotificationIsFailed:
		return "failed"
	}
	return "unknown"
}

// NotificationQueued tells one authority of one access. Its sequence number is
// the notification's id. It is sealed in the decision that made the access, so
// it cannot be lost and cannot be sent for nothing.
type NotificationQueued struct {
	Type         NotificationType `cbor:"1,keyasint"`
	Authority    string           `cbor:"2,keyasint"`
	Of           Seq              `cbor:"3,keyasint"` // the access, correction or missed appointment
	Plans        []Seq            `cbor:"4,keyasint,omitempty"`
	Organisation string           `cbor:"5,keyasint"` // where the person was seen
}

// Notification is a notification as the views hold it.
type Notification struct {
	ID           Seq               `cbor:"1,keyasint"`
	Type         NotificationType  `cbor:"2,keyasint"`
	Authority    string            `cbor:"3,keyasint"`
	State        NotificationState `cbor:"4,keyasint"`
	Of           Seq               `cbor:"5,keyasint"`
	Plans        []Seq             `cbor:"6,keyasint,omitempty"`
	Person       PersonRef         `cbor:"7,keyasint"`
	Organisation string            `cbor:"8,keyasint"`
	Queued       Time              `cbor:"9,keyasint"`
	Opened       Time              `cbor:"10,keyasint,omitempty"`
	Acknowledged Time              `cbor:"11,keyasint,omitempty"`
	Delivered    Time              `cbor:"12,keyasint,omitempty"` // when it last arrived
	Failed       Time              `cbor:"13,keyasint,omitempty"` // when its delivery last failed
}

// unopened reports whether nobody of the authority has opened it yet.
func (n *Notification) unopened() bool {
	return n.State != NotificationIsOpened && n.State != NotificationIsAcknowledged
}

// Undelivered reports whether it lies in no mailbox and nobody has seen it.
func (n *Notification) Undelivered() bool {
	return n.State == NotificationIsQueued || n.State == NotificationIsFailed
}

// Since returns when the notification came into its state.
func (n *Notification) Since() Time {
	switch n.State {
	case NotificationIsDelivered:
		return n.Delivered
	case NotificationIsOpened:
		return n.Opened
	case NotificationIsAcknowledged:
		return n.Acknowledged
	case NotificationIsFailed:
		return n.Failed
	}
	return n.Queued
}

// OpenNotification asks to see whom a notification is about.
type OpenNotification struct {
	Notification Seq `cbor:"1,keyasint"`
}

// NotificationOpened records that, and which entries were disclosed.
type NotificationOpened struct {
	Notification Seq   `cbor:"1,keyasint"`
	Disclosed    []Seq `cbor:"2,keyasint"` // the plans' entries, then the access
	First        bool  `cbor:"3,keyasint,omitempty"`
	Profile      Seq   `cbor:"4,keyasint,omitempty"`
}

// Acknowledge asks to record what was done about a notification.
type Acknowledge struct {
	Notification Seq `cbor:"1,keyasint"`
}

// NotificationAcknowledged records that an authority has acted. What it did is
// sealed for the authority.
type NotificationAcknowledged struct {
	Notification Seq `cbor:"1,keyasint"`
	Profile      Seq `cbor:"2,keyasint,omitempty"`
}

// MissAppointment asks to record that a person was not brought.
type MissAppointment struct {
	Person PersonRef `cbor:"1,keyasint"`
	At     Time      `cbor:"2,keyasint"`
}

// AppointmentMissed records it, whether or not there is a plan.
type AppointmentMissed struct {
	Told    []string `cbor:"1,keyasint,omitempty"`
	Profile Seq      `cbor:"2,keyasint,omitempty"`
}

// Kind implements [Event].
func (NotificationQueued) Kind() Kind       { return KindNotificationQueued }
func (NotificationOpened) Kind() Kind       { return KindNotificationOpened }
func (NotificationAcknowledged) Kind() Kind { return KindNotificationAcknowledged }
func (AppointmentMissed) Kind() Kind        { return KindAppointmentMissed }

// Number implements [Request].
func (*OpenNotification) Number() RequestKind { return RequestOpenNotification }
func (*Acknowledge) Number() RequestKind      { return RequestAcknowledge }
func (*MissAppointment) Number() RequestKind  { return RequestMissAppointment }

// Discloses implements [Request].
func (*OpenNotification) Discloses() bool { return true }
func (*Acknowledge) Discloses() bool      { return false }
func (*MissAppointment) Discloses() bool  { return true }

func (*OpenNotification) action() Action { return ActOpenNotification }
func (*Acknowledge) action() Action      { return ActAcknowledge }
func (*MissAppointment) action() Action  { return ActMissAppointment }

func (q *MissAppointment) about() PersonRef { return q.Person }

// notify queues a notification to one authority. The person's own entries grow
// by it, so a trail shows who was told.
func (d *decider) notify(t NotificationType, authority string, of Seq, p PersonRef, plans []Seq) {
	d.record(&NotificationQueued{Type: t, Authority: authority, Of: of, Plans: plans,
		Organisation: d.c.Actor.Organisation}, p)
}

// ownNotification returns a notification of the actor's own authority, or refuses.
func (d *decider) ownNotification(id Seq) (Notification, bool, error) {
	n, ok, err := d.Notification(id)
	switch {
	case err != nil:
		return n, false, err
	case !ok:
		d.refuse(RefusedNotFound)
		return n, false, nil
	case n.Authority != d.c.Actor.Organisation:
		d.deny(RefusedOtherAuthority, 0)
		return n, false, nil
	}
	return n, true, nil
}

func (q *OpenNotification) decide(d *decider) error {
	n, ok, err := d.ownNotification(q.Notification)
	if err != nil || !ok {
		return err
	}
	disclosed := append(append([]Seq(nil), n.Plans...), n.Of)
	d.record(&NotificationOpened{Notification: n.ID, Disclosed: disclosed,
		First: n.unopened(), Profile: d.profile}, n.Person)
	return nil
}

func (q *Acknowledge) decide(d *decider) error {
	n, ok, err := d.ownNotification(q.Notification)
	if err != nil || !ok {
		return err
	}
	switch n.State {
	case NotificationIsOpened:
	case NotificationIsAcknowledged:
		d.refuse(RefusedAlready)
		return nil
	default:
		d.refuse(RefusedNotOpened)
		return nil
	}
	d.record(&NotificationAcknowledged{Notification: n.ID, Profile: d.profile}, n.Person, d.sealed(PayloadNote)...)
	return nil
}

func (q *MissAppointment) decide(d *decider) error {
	if _, ok, err := d.careSetting(); err != nil || !ok {
		return err
	}
	all, err := d.View.Plans(q.Person)
	if err != nil {
		return err
	}
	var visible []*Plan
	for i := range all {
		if all[i].Visible(d.today()) {
			visible = append(visible, &all[i])
		}
	}
	told := authorities(visible)
	seq := d.record(&AppointmentMissed{Told: told, Profile: d.profile}, q.Person, d.sealed(PayloadAppointment)...)
	for _, a := range told {
		d.notify(NotifyMissed, a, seq, q.Person, plansOf(visible, a))
	}
	return nil
}
