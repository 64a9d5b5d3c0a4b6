package ledger

// Letters tell an authority that notifications wait for it, by a way that its own
// systems offer: references, and nothing of a person. So a letter discloses
// nothing; but that it was sent, and what became of it, is on the record. Each
// attempt is recorded before it is made, under the letter's number, which its
// receiver sees each time.

// The ways of letters. Each authority has one letterbox for each.
const (
	ByWebhook Way = ByMESH + 1 + iota // to an address of the authority's own system
	ByEmail                           // by SMTP
	ByNotify                          // by GOV.UK Notify
	wayEnd                            // no way: one past the last
)

var wayNames = map[Way]string{ByMESH: "mesh", ByWebhook: "webhook", ByEmail: "email", ByNotify: "notify"}

// String returns the way as configuration and lists spell it.
func (w Way) String() string { return wayNames[w] }

// ParseWay reads a way of letters.
func ParseWay(s string) (Way, bool) {
	for w := ByWebhook; w < wayEnd; w++ {
		if wayNames[w] == s {
			return w, true
		}
	}
	return 0, false
}

// ofLetters reports whether letters go by a way.
func (w Way) ofLetters() bool { return w >= ByWebhook && w < wayEnd }

// maxLetterCode bounds, in bytes, what an attempt is said to have ended with.
const maxLetterCode = 64

// AttemptLetter asks to record that a letter is about to be sent: a new one, or
// one of which nobody knows or that did not arrive.
type AttemptLetter struct {
	Authority     string `cbor:"1,keyasint,omitempty"`
	Way           Way    `cbor:"2,keyasint,omitempty"`
	Notifications []Seq  `cbor:"3,keyasint,omitempty"` // of a new one: in order, and later than all that its letterbox ever had
	Letter        Seq    `cbor:"4,keyasint,omitempty"` // instead of all these: which one is sent again
}

// SettleLetter asks to record how an attempt ended.
type SettleLetter struct {
	Letter Seq    `cbor:"1,keyasint"`
	Code   string `cbor:"2,keyasint,omitempty"` // why it is not known to have arrived; empty: it has
	Final  bool   `cbor:"3,keyasint,omitempty"` // it is not tried again
}

// AskLetter asks, for a person, that a letter given up be tried again; or, where
// it names none, to record that a trial of a way is sent.
type AskLetter struct {
	Letter    Seq    `cbor:"1,keyasint,omitempty"`
	Authority string `cbor:"2,keyasint,omitempty"`
	Way       Way    `cbor:"3,keyasint,omitempty"`
}

// LetterAttempted records that a letter is about to be sent. The entry of its
// first attempt is its number.
type LetterAttempted struct {
	Authority     string `cbor:"1,keyasint"`
	Way           Way    `cbor:"2,keyasint"`
	Notifications []Seq  `cbor:"3,keyasint,omitempty"`
	Again         Seq    `cbor:"4,keyasint,omitempty"` // the letter that is sent once more; its first entry has the list
}

// LetterSettled records how an attempt ended.
type LetterSettled struct {
	Letter Seq    `cbor:"1,keyasint"`
	Code   string `cbor:"2,keyasint,omitempty"`
	Final  bool   `cbor:"3,keyasint,omitempty"`
	// Failed are the notifications that have now reached nobody, by any way.
	Failed []Seq `cbor:"4,keyasint,omitempty"`
}

// LetterAsked records what somebody asked for.
type LetterAsked struct {
	Letter    Seq    `cbor:"1,keyasint,omitempty"` // zero: a trial
	Authority string `cbor:"2,keyasint"`
	Way       Way    `cbor:"3,keyasint"`
	Profile   Seq    `cbor:"4,keyasint,omitempty"`
}

// LetterState is what is known of a letter.
type LetterState uint8

// The states.
const (
	LetterIsOpen      LetterState = iota + 1 // an attempt was recorded and nothing after it
	LetterIsWaiting                          // it is not known to have arrived, and is to be tried again
	LetterIsDelivered                        // its receiver has accepted it
	LetterIsDead                             // it was given up
)

// Letter is a letter as the views hold it.
type Letter struct {
	ID            Seq         `cbor:"1,keyasint"`
	Authority     string      `cbor:"2,keyasint"`
	Way           Way         `cbor:"3,keyasint"`
	Notifications []Seq       `cbor:"4,keyasint"`
	State         LetterState `cbor:"5,keyasint"`
	At            Time        `cbor:"6,keyasint"`           // of its first attempt
	Since         Time        `cbor:"7,keyasint"`           // of the first attempt since it was last asked for
	Last          Time        `cbor:"8,keyasint"`           // when it was last attempted or settled
	Attempts      int         `cbor:"9,keyasint,omitempty"` // since then
	Code          string      `cbor:"10,keyasint,omitempty"`
}

// Letterbox is where an authority's letters by one way stand, as the views hold it.
type Letterbox struct {
	Authority string `cbor:"1,keyasint"`
	Way       Way    `cbor:"2,keyasint"`
	Through   Seq    `cbor:"3,keyasint,omitempty"` // the newest notification that was ever put into a letter
	Open      Seq    `cbor:"4,keyasint,omitempty"` // the letter of which nobody knows; zero: none
	Waiting   []Seq  `cbor:"5,keyasint,omitempty"` // letters to be tried again, the longest untried first
	Failing   int    `cbor:"6,keyasint,omitempty"` // attempts since one arrived
	Last      Time   `cbor:"7,keyasint,omitempty"` // when an attempt was last recorded or settled
}

// Kind implements [Event].
func (LetterAttempted) Kind() Kind { return KindLetterAttempted }
func (LetterSettled) Kind() Kind   { return KindLetterSettled }
func (LetterAsked) Kind() Kind     { return KindLetterAsked }

// Number implements [Request].
func (*AttemptLetter) Number() RequestKind { return RequestAttemptLetter }
func (*SettleLetter) Number() RequestKind  { return RequestSettleLetter }
func (*AskLetter) Number() RequestKind     { return RequestAskLetter }

// Discloses implements [Request].
func (*AttemptLetter) Discloses() bool { return false }
func (*SettleLetter) Discloses() bool  { return false }
func (*AskLetter) Discloses() bool     { return false }

func (*AttemptLetter) action() Action { return ActSystem }
func (*SettleLetter) action() Action  { return ActSystem }
func (*AskLetter) action() Action     { return ActAskLetter }

func (q *AttemptLetter) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	if q.Letter != 0 {
		return q.again(d)
	}
	box, err := d.Letterbox(q.Authority, q.Way)
	if err != nil {
		return err
	}
	if box.Open != 0 || !q.Way.ofLetters() || len(q.Notifications) == 0 || len(q.Notifications) > MaxDelivery {
		d.refuse(RefusedState)
		return nil
	}
	after := box.Through
	for _, id := range q.Notifications {
		n, ok, err := d.Notification(id)
		if err != nil {
			return err
		}
		if !ok || n.Authority != q.Authority || id <= after {
			d.refuse(RefusedState)
			return nil
		}
		after = id
	}
	d.record(&LetterAttempted{Authority: q.Authority, Way: q.Way, Notifications: q.Notifications}, PersonRef{})
	return nil
}

// again lets a letter be sent once more: one of which nobody knows, which comes
// before all else, or one that waits.
func (q *AttemptLetter) again(d *decider) error {
	l, ok, err := d.Letter(q.Letter)
	if err != nil {
		return err
	}
	box, err := d.Letterbox(l.Authority, l.Way)
	if err != nil {
		return err
	}
	if !ok || len(q.Notifications) > 0 || q.Authority != "" || q.Way != 0 || l.State != LetterIsOpen && l.State != LetterIsWaiting ||
		box.Open != 0 && box.Open != l.ID {
		d.refuse(RefusedState)
		return nil
	}
	d.record(&LetterAttempted{Authority: l.Authority, Way: l.Way, Again: l.ID}, PersonRef{})
	return nil
}

func (q *SettleLetter) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	l, ok, err := d.Letter(q.Letter)
	if err != nil {
		return err
	}
	if !ok || l.State != LetterIsOpen || len(q.Code) > maxLetterCode || q.Final && q.Code == "" {
		d.refuse(RefusedState)
		return nil
	}
	e := &LetterSettled{Letter: l.ID, Code: q.Code, Final: q.Final}
	for i := 0; i < len(l.Notifications) && q.Final; i++ {
		n, ok, err := d.Notification(l.Notifications[i])
		if err != nil {
			return err
		}
		if ok && n.unopened() && n.Delivered == 0 {
			e.Failed = append(e.Failed, n.ID)
		}
	}
	d.record(e, PersonRef{})
	return nil
}

func (q *AskLetter) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	e := &LetterAsked{Letter: q.Letter, Authority: q.Authority, Way: q.Way, Profile: d.profile}
	if q.Letter != 0 {
		l, ok, err := d.Letter(q.Letter)
		switch {
		case err != nil:
			return err
		case !ok:
			d.refuse(RefusedNotFound)
			return nil
		case l.State != LetterIsDead || q.Authority != "" || q.Way != 0:
			d.refuse(RefusedState)
			return nil
		}
		e.Authority, e.Way = l.Authority, l.Way
	} else if o, ok, err := d.Organisation(q.Authority); err != nil {
		return err
	} else if !ok || o.Sort != SortAuthority || !q.Way.ofLetters() {
		d.refuse(RefusedNotFound)
		return nil
	}
	d.record(e, PersonRef{})
	return nil
}

// Attempt folds an attempt into its letterbox; l is the letter, new and empty
// for a first one.
func (b *Letterbox) Attempt(e *LetterAttempted, l *Letter, seq Seq, at Time) {
	b.Authority, b.Way, b.Last = e.Authority, e.Way, at
	if e.Again == 0 {
		*l = Letter{ID: seq, Authority: e.Authority, Way: e.Way, Notifications: e.Notifications, At: at, Since: at}
		b.Through = e.Notifications[len(e.Notifications)-1]
	}
	b.Open = l.ID
	b.Waiting = without(b.Waiting, l.ID)
	l.State, l.Last = LetterIsOpen, at
	l.Attempts++
}

// Settle folds how an attempt ended.
func (b *Letterbox) Settle(e *LetterSettled, l *Letter, at Time) {
	b.Open, b.Last = 0, at
	l.Last, l.Code = at, e.Code
	switch {
	case e.Code == "":
		l.State, b.Failing = LetterIsDelivered, 0
		return
	case e.Final:
		l.State = LetterIsDead
	default:
		l.State = LetterIsWaiting
		b.Waiting = append(without(b.Waiting, l.ID), l.ID)
	}
	b.Failing++
}

// Ask folds that a letter given up is to be tried again, now.
func (b *Letterbox) Ask(l *Letter, at Time) {
	b.Waiting, b.Failing = append(without(b.Waiting, l.ID), l.ID), 0
	l.State, l.Since, l.Attempts = LetterIsWaiting, at, 0
}
