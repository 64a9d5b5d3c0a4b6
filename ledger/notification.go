package ledger

import "fmt"

// NotificationType says why an authority is told.
type NotificationType uint8

// The types of notification.
const (
	NotifyAccess      NotificationType = iota + 1 // somebody in unscheduled care looked a person up
	NotifyCorrection                              // that lookup was of the wrong person
	NotifyDataQuality                             // the birth date held differs from the one confirmed in care
	NotifyMissed                                  // a person with a plan missed an appointment
	NotifyInactive                                // the number of a person with a plan is no longer used, with no replacement

	// From rules version 3.
	NotifyLapsing     // an unborn child's plan ends in fourteen days, and nothing follows it
	NotifyComingOfAge // a person with a plan in force is 18 today
	NotifyUnread      // to the site that saw a person: nobody of the authority has acknowledged it
	NotifyBirth       // a baby of a mother with an unborn child's plan was born
	NotifyPregnancyEnded

	// From rules version 4.
	NotifyPolicy // to a place: what it says of itself, or was told to, holds from today; it is of nobody
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
	case NotifyLapsing:
		return "plan-lapsing"
	case NotifyComingOfAge:
		return "coming-of-age"
	case NotifyUnread:
		return "unread"
	case NotifyBirth:
		return "birth"
	case NotifyPregnancyEnded:
		return "pregnancy-ended"
	case NotifyPolicy:
		return "policy-start"
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
	NotificationIsWithdrawn // from rules version 3, as is the next
	NotificationIsActioned
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
	case NotificationIsWithdrawn:
		return "withdrawn"
	case NotificationIsActioned:
		return "actioned"
	}
	return "unknown"
}

// NotificationQueued tells one authority of one access, and from rules version 3
// on of every later one of the same attendance. Its sequence number is the
// notification's id. It is sealed in the decision that made the access, so it
// cannot be lost and cannot be sent for nothing.
type NotificationQueued struct {
	Type         NotificationType `cbor:"1,keyasint"`
	Authority    string           `cbor:"2,keyasint"`
	Of           Seq              `cbor:"3,keyasint"` // the access, correction or missed appointment
	Plans        []Seq            `cbor:"4,keyasint,omitempty"`
	Organisation string           `cbor:"5,keyasint"` // where the person was seen

	// Of an access, from rules version 3.
	After     Seq `cbor:"6,keyasint,omitempty"` // the authority was told of an earlier attendance by that one
	Attending Tag `cbor:"7,keyasint,omitzero"`  // of the attendance: later looks within it need no other notification
}

// QueuedFor returns the authority of a record that queues a notification; ok is
// false for any other. It reads no more than that: the record is the store's own,
// and was decoded strictly when it came.
func QueuedFor(record []byte) (authority string, ok bool, err error) {
	e, err := ParseHeader(record)
	if err != nil || e.Kind != KindNotificationQueued {
		return "", false, err
	}
	var q NotificationQueued
	if err := readFields(e.body, &q); err != nil {
		return "", false, fmt.Errorf("%w: event: %w", ErrRecord, err)
	}
	return q.Authority, true, nil
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

	// From rules version 3.
	Accesses  int  `cbor:"14,keyasint,omitempty"` // how many it tells of that were not corrected
	Latest    Time `cbor:"15,keyasint,omitempty"` // of the last of them
	Withdrawn Time `cbor:"16,keyasint,omitempty"`
	After     Seq  `cbor:"17,keyasint,omitempty"`
	By        Seq  `cbor:"18,keyasint,omitempty"` // the entry that acknowledged it
	Actioned  Time `cbor:"19,keyasint,omitempty"`
	Rung      Rung `cbor:"20,keyasint,omitempty"` // whom it is for, of those that climb
	Due       Time `cbor:"21,keyasint,omitempty"` // when it climbs, unless it is acknowledged
	Escalated Time `cbor:"22,keyasint,omitempty"` // when it last climbed
}

// unopened reports whether it still waits for somebody of the authority to open it.
func (n *Notification) unopened() bool {
	return n.State != NotificationIsOpened && n.Waits()
}

// Waits reports whether it still waits for somebody of the authority.
func (n *Notification) Waits() bool {
	return n.State != NotificationIsAcknowledged && n.State != NotificationIsActioned && n.State != NotificationIsWithdrawn
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
	case NotificationIsWithdrawn:
		return n.Withdrawn
	case NotificationIsActioned:
		return n.Actioned
	}
	return n.Queued
}

// OpenNotification asks to see whom a notification is about.
type OpenNotification struct {
	Notification Seq   `cbor:"1,keyasint"`
	As           []Tag `cbor:"2,keyasint,omitempty"` // keyed tags of who asks, as an upload may name a worker or a team
	Site         bool  `cbor:"3,keyasint,omitempty"` // by the site that saw the person, of one that tells it
}

// NotificationOpened records that, and which entries were disclosed.
type NotificationOpened struct {
	Notification Seq   `cbor:"1,keyasint"`
	Disclosed    []Seq `cbor:"2,keyasint"` // the plans' entries, then the access
	First        bool  `cbor:"3,keyasint,omitempty"`
	Profile      Seq   `cbor:"4,keyasint,omitempty"`
	Cover        bool  `cbor:"5,keyasint,omitempty"` // by somebody whom it is not for, with a reason, sealed
}

// Acknowledge asks to record what was done about a notification.
type Acknowledge struct {
	Notification Seq  `cbor:"1,keyasint"`
	Site         bool `cbor:"2,keyasint,omitempty"`
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

func (q *OpenNotification) action() Action {
	if q.Site {
		return ActReadSiteNotices
	}
	return ActOpenNotification
}

func (q *Acknowledge) action() Action {
	if q.Site {
		return ActReadSiteNotices
	}
	return ActAcknowledge
}

func (*MissAppointment) action() Action { return ActMissAppointment }

func (q *MissAppointment) about() PersonRef { return q.Person }

// notify queues a notification to one authority. The person's own entries grow
// by it, so a trail shows who was told.
func (d *decider) notify(t NotificationType, authority string, of Seq, p PersonRef, plans []Seq) {
	d.queue(&NotificationQueued{Type: t, Authority: authority, Of: of, Plans: plans}, p)
}

func (d *decider) queue(n *NotificationQueued, p PersonRef) {
	n.Organisation = d.c.Actor.Organisation
	d.record(n, p)
}

// ownNotification returns a notification of the actor's own authority, or refuses.
func (d *decider) ownNotification(id Seq, site bool) (Notification, bool, error) {
	n, ok, err := d.Notification(id)
	switch {
	case err != nil:
		return n, false, err
	case !ok || n.Type != NotifyPolicy && site != (n.Type == NotifyUnread): // a place with a policy may be either
		d.refuse(RefusedNotFound)
		return n, false, nil
	case n.Authority != d.c.Actor.Organisation:
		d.deny(RefusedOtherAuthority, 0)
		return n, false, nil
	}
	return n, true, nil
}

func (q *OpenNotification) decide(d *decider) error {
	n, ok, err := d.ownNotification(q.Notification, q.Site)
	if err != nil || !ok {
		return err
	}
	e := &NotificationOpened{Notification: n.ID, Disclosed: append(append([]Seq(nil), n.Plans...), n.Of), First: n.unopened(), Profile: d.profile}
	mine, err := d.isFor(&n, q.As)
	if err != nil {
		return err
	}
	if mine {
		d.record(e, n.Person)
		return nil
	}
	reason := d.sealed(PayloadReason)
	if len(reason) == 0 {
		d.refuse(RefusedReasonMissing)
		return nil
	}
	e.Cover = true
	d.record(e, n.Person, reason...)
	return nil
}

func (q *Acknowledge) decide(d *decider) error {
	n, ok, err := d.ownNotification(q.Notification, q.Site)
	if err != nil || !ok {
		return err
	}
	switch n.State {
	case NotificationIsOpened:
	case NotificationIsAcknowledged, NotificationIsActioned:
		d.refuse(RefusedAlready)
		return nil
	case NotificationIsWithdrawn:
		d.refuse(RefusedState)
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
	all, _, err := PlansOf(d, q.Person)
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
