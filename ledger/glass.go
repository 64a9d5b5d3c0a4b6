package ledger

// Break-glass: in an emergency, somebody strongly signed in looks up what the
// policy of the place would deny, says why, and a second person reviews it.

// strongAssurance is the level of sign-in that breaks the glass, and from rules
// version 4 on also what is sealed of a restricted person.
const strongAssurance = "AAL3"

// ReviewWithin is how soon somebody else must have reviewed it.
const ReviewWithin = 24 * Hour

// BreakGlass is a lookup in an emergency. Where the lookup would be answered as
// any other, it is one.
type BreakGlass struct {
	LookUp LookUp `cbor:"1,keyasint"`
}

// GlassBroken records that a lookup was answered which the policy would have
// denied. It follows the access, and its number is the review's.
type GlassBroken struct {
	Access  Seq    `cbor:"1,keyasint"`
	Code    string `cbor:"2,keyasint"` // why it would have been denied
	From    Day    `cbor:"3,keyasint,omitempty"`
	Profile Seq    `cbor:"4,keyasint,omitempty"`
}

// Finding is what came of looking into it.
type Finding uint8

// The findings.
const (
	FindingOpened       Finding = iota + 1 // the reviewer saw who, whom and why; the review is still to be concluded
	FindingJustified                       // it was an emergency
	FindingNotJustified                    // it was not
)

// String returns the finding as answers spell it.
func (f Finding) String() string {
	switch f {
	case FindingOpened:
		return "opened"
	case FindingJustified:
		return "justified"
	case FindingNotJustified:
		return "not-justified"
	}
	return "unknown"
}

// Review asks to see what an emergency access was, or to conclude its review.
type Review struct {
	Glass   Seq     `cbor:"1,keyasint"`
	Finding Finding `cbor:"2,keyasint"`
}

// Reviewed records it. What the reviewer wrote is sealed.
type Reviewed struct {
	Glass   Seq     `cbor:"1,keyasint"`
	Finding Finding `cbor:"2,keyasint"`
	Late    bool    `cbor:"3,keyasint,omitempty"` // concluded after the time for it
	Profile Seq     `cbor:"4,keyasint,omitempty"`
}

// Glass is an emergency access as the views hold it, with its review.
type Glass struct {
	Seq          Seq       `cbor:"1,keyasint"`
	Access       Seq       `cbor:"2,keyasint"`
	At           Time      `cbor:"3,keyasint"`
	Person       PersonRef `cbor:"4,keyasint"`
	Actor        ActorID   `cbor:"5,keyasint"`
	Organisation string    `cbor:"6,keyasint"`
	Code         string    `cbor:"7,keyasint"`
	Finding      Finding   `cbor:"8,keyasint,omitempty"` // zero while it is not concluded
	Reviewed     Time      `cbor:"9,keyasint,omitempty"`
	Late         bool      `cbor:"10,keyasint,omitempty"`
}

// Due is until when it must be reviewed.
func (g *Glass) Due() Time { return g.At + ReviewWithin }

// Overdue reports whether nobody has concluded its review in time.
func (g *Glass) Overdue(now Time) bool { return g.Finding == 0 && now > g.Due() }

// Conclude folds a review; having been opened concludes nothing.
func (g *Glass) Conclude(e *Reviewed, at Time) {
	if e.Finding != FindingOpened {
		g.Finding, g.Reviewed, g.Late = e.Finding, at, e.Late
	}
}

// Kind implements [Event].
func (GlassBroken) Kind() Kind { return KindGlassBroken }
func (Reviewed) Kind() Kind    { return KindReviewed }

// Number implements [Request].
func (*BreakGlass) Number() RequestKind { return RequestBreakGlass }
func (*Review) Number() RequestKind     { return RequestReview }

// Discloses implements [Request].
func (*BreakGlass) Discloses() bool { return true }
func (*Review) Discloses() bool     { return true }

func (*BreakGlass) action() Action { return ActBreakGlass }
func (*Review) action() Action     { return ActReview }

func (q *BreakGlass) about() PersonRef { return q.LookUp.Person }

func (q *BreakGlass) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	if !q.LookUp.Reasoned || len(d.sealed(PayloadAccess)) == 0 {
		d.refuse(RefusedReasonMissing)
		return nil
	}
	o, gate, err := d.gate()
	switch {
	case err != nil:
		return err
	case gate.Code == "":
		return q.LookUp.look(d, o, nil)
	case gate.Code == RefusedOrganisation:
		// Nobody could be told whose access it was to review.
		d.deny(gate.Code, 0)
		return nil
	case d.c.Actor.Assurance != strongAssurance:
		d.deny(RefusedAssurance, 0)
		return nil
	}
	return q.LookUp.look(d, o, &GlassBroken{Code: gate.Code, From: gate.From, Profile: d.profile})
}

func (q *Review) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	g, ok, err := d.Glass(q.Glass)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		d.refuse(RefusedNotFound)
		return nil
	case !May(d.c.Actor.Role, ActReadTrail) && g.Organisation != d.c.Actor.Organisation:
		d.deny(RefusedOwnOrganisation, 0)
		return nil
	case g.Actor == d.c.Actor.ID():
		d.deny(RefusedSecondPerson, 0)
		return nil
	}
	if q.Finding == FindingOpened && May(d.c.Actor.Role, ActReadTrail) {
		if denied, err := d.sealedFrom(g.Person); err != nil || denied {
			return err
		}
	}
	e := &Reviewed{Glass: q.Glass, Finding: q.Finding, Profile: d.profile}
	switch q.Finding {
	case FindingOpened:
	case FindingJustified, FindingNotJustified:
		if g.Finding != 0 {
			d.refuse(RefusedAlready)
			return nil
		}
		if len(d.sealed(PayloadReason)) == 0 {
			d.refuse(RefusedReasonMissing)
			return nil
		}
		e.Late = g.Overdue(d.now)
	default:
		d.refuse(RefusedState)
		return nil
	}
	d.record(e, g.Person, d.sealed(PayloadReason)...)
	return nil
}
