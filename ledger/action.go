package ledger

// ActOnNotification asks to record what was done about what a notification told.
// Acknowledging says that somebody took it on; this says what came of it.
type ActOnNotification struct {
	Notification Seq `cbor:"1,keyasint"`
}

// NotificationActioned records it, which ends the notification's life. What was
// done is sealed for the authority.
type NotificationActioned struct {
	Notification Seq `cbor:"1,keyasint"`
	Profile      Seq `cbor:"2,keyasint,omitempty"`
}

// Kind implements [Event].
func (NotificationActioned) Kind() Kind { return KindNotificationActioned }

// Number implements [Request].
func (*ActOnNotification) Number() RequestKind { return RequestActOnNotification }

// Discloses implements [Request].
func (*ActOnNotification) Discloses() bool { return false }

func (*ActOnNotification) action() Action { return ActAcknowledge }

func (q *ActOnNotification) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	n, ok, err := d.ownNotification(q.Notification, false)
	if err != nil || !ok {
		return err
	}
	switch n.State {
	case NotificationIsAcknowledged:
	case NotificationIsActioned:
		d.refuse(RefusedAlready)
		return nil
	default:
		d.refuse(RefusedState)
		return nil
	}
	d.record(&NotificationActioned{Notification: n.ID, Profile: d.profile}, n.Person, d.sealed(PayloadNote)...)
	return nil
}

// Act folds that something was done.
func (n *Notification) Act(at Time) { n.State, n.Actioned, n.Due = NotificationIsActioned, at, 0 }
