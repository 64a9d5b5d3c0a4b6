package ledger

// Whom an access tells, and by which notification. From rules version 3 on the
// looks of one attendance are one notification: whoever must act is told once of
// one visit, and is told again of the next.

const (
	// mergedWithin is how long lookups from one organisation that name no
	// attendance count as one.
	mergedWithin = 4 * Hour
	// attendanceLasts is how long an attendance's own name holds. A site that
	// uses a name again, or one for everybody, must not silence a later visit.
	attendanceLasts = 7 * 24 * Hour
)

// attending is what tells a lookup's attendance from another: the name it gave,
// or else the organisation.
func (q *LookUp) attending(organisation string) Tag {
	if !q.Attendance.IsZero() {
		return q.Attendance
	}
	return Tag(DeriveID("organisation", []byte(organisation)))
}

// tell makes the notifications that an access needs, which is recorded next, and
// has the access name one for each authority it tells: such a new one, of which
// the first will be the entry that is given, or one that the authority has of the
// same attendance already.
func (d *decider) tell(q *LookUp, e *Accessed, first Seq) ([]*NotificationQueued, error) {
	var out []*NotificationQueued
	ref, err := d.follow(q.Person)
	if err != nil {
		return nil, err
	}
	key := q.attending(d.c.Actor.Organisation)
	for _, a := range e.Told {
		n := &NotificationQueued{Type: NotifyAccess, Authority: a, Of: d.next()}
		if !d.three() {
			out = append(out, n)
			continue
		}
		n.Attending = key
		merged, err := d.sameAttendance(q, ref, a, key)
		if err != nil {
			return nil, err
		}
		if merged != 0 {
			e.Notifications = append(e.Notifications, merged)
			continue
		}
		if n.After, err = d.attendedBefore(ref, a); err != nil {
			return nil, err
		}
		e.Notifications = append(e.Notifications, first+Seq(len(out)))
		out = append(out, n)
	}
	return out, nil
}

// sameAttendance returns the notification that an authority has of the same
// attendance, or 0.
func (d *decider) sameAttendance(q *LookUp, ref PersonRef, authority string, key Tag) (Seq, error) {
	id, ok, err := d.Attending(ref, authority, key)
	if err != nil || !ok {
		return 0, err
	}
	n, ok, err := d.Notification(id)
	if err != nil || !ok || n.Withdrawn != 0 {
		return 0, err
	}
	lasts := mergedWithin
	if !q.Attendance.IsZero() {
		lasts = attendanceLasts
	}
	if d.now-n.Queued > lasts {
		return 0, nil
	}
	return n.ID, nil
}

// attendedBefore returns the newest notification that an authority has of an
// earlier attendance and that still stands, or 0.
func (d *decider) attendedBefore(ref PersonRef, authority string) (Seq, error) {
	id, ok, err := d.Attending(ref, authority, Tag{})
	for ok && err == nil {
		var n Notification
		if n, ok, err = d.Notification(id); err != nil || !ok {
			break
		}
		if n.Withdrawn == 0 {
			return n.ID, nil
		}
		id, ok = n.After, n.After != 0
	}
	return 0, err
}

// NotificationWithdrawn takes a notification back: every access that it told of
// was of the wrong person. Its authority is told so by a correction.
type NotificationWithdrawn struct {
	Notification Seq `cbor:"1,keyasint"`
	Of           Seq `cbor:"2,keyasint"` // the correction
}

// Kind implements [Event].
func (NotificationWithdrawn) Kind() Kind { return KindNotificationWithdrawn }

// Tell folds another access into the notification that tells of it.
func (n *Notification) Tell(at Time) { n.Accesses, n.Latest = n.Accesses+1, at }

// Err folds that one of its accesses was of the wrong person.
func (n *Notification) Err() { n.Accesses = max(n.Accesses, 1) - 1 }

// Withdraw folds that all of them were. What became of it until then stays readable.
func (n *Notification) Withdraw(at Time) {
	n.State, n.Withdrawn, n.Due = NotificationIsWithdrawn, at, 0
}
