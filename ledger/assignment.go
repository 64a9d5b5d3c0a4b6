package ledger

// Assignment makes a place the caseload of a person or a team.
type Assignment struct {
	Subject string `cbor:"1,keyasint,omitempty"`
	Team    string `cbor:"2,keyasint,omitempty"`
	From    Day    `cbor:"3,keyasint"`
	To      Day    `cbor:"4,keyasint,omitempty"`
	Cover   bool   `cbor:"5,keyasint,omitempty"`
	Org     string `cbor:"6,keyasint"` // the team leader's organisation
	Seq     Seq    `cbor:"7,keyasint"`

	// Of rules version 3: the assignment that a cover stands in for, and whose
	// that is; nothing where the place was nobody's.
	Covers Seq    `cbor:"8,keyasint,omitempty"`
	For    string `cbor:"9,keyasint,omitempty"`
}

// Holds reports whether the assignment gives the place to an actor on a day.
func (a *Assignment) Holds(who Actor, d Day) bool { return a.names(who) && a.Live(d) }

func (a *Assignment) names(who Actor) bool {
	if a.Org != who.Organisation {
		return false
	}
	return (a.Subject != "" && a.Subject == who.Subject) || (a.Team != "" && a.Team == who.Team)
}

// Live reports whether the assignment is in force on a day; both ends count.
func (a *Assignment) Live(d Day) bool { return a.From <= d && (a.To == 0 || d <= a.To) }

// Holder is the person or team whose caseload it is.
func (a *Assignment) Holder() string {
	if a.Subject != "" {
		return a.Subject
	}
	return a.Team
}

// Assign asks to make a place somebody's caseload.
type Assign struct {
	Place   Place  `cbor:"1,keyasint"`
	Subject string `cbor:"2,keyasint,omitempty"`
	Team    string `cbor:"3,keyasint,omitempty"`
	From    Day    `cbor:"4,keyasint"`
	To      Day    `cbor:"5,keyasint,omitempty"`
	Cover   bool   `cbor:"6,keyasint,omitempty"`
	For     string `cbor:"7,keyasint,omitempty"` // cover: for which person or team; of rules version 3
}

// Assigned records it. Cover ends by itself on its last day.
type Assigned struct {
	Place      Place      `cbor:"1,keyasint"`
	Assignment Assignment `cbor:"2,keyasint"`
	Profile    Seq        `cbor:"3,keyasint,omitempty"`
}

// EndAssignment asks to end an assignment before its time.
type EndAssignment struct {
	Place Place `cbor:"1,keyasint"`
	Of    Seq   `cbor:"2,keyasint"` // the entry that assigned it
	To    Day   `cbor:"3,keyasint"` // its last day
}

// AssignmentEnded records the last day of an assignment. What was shown under
// it stays as it was recorded: an end is never before yesterday.
type AssignmentEnded struct {
	Place   Place `cbor:"1,keyasint"`
	Of      Seq   `cbor:"2,keyasint"`
	To      Day   `cbor:"3,keyasint"`
	Profile Seq   `cbor:"4,keyasint,omitempty"`
}

// Kind implements [Event].
func (Assigned) Kind() Kind        { return KindAssigned }
func (AssignmentEnded) Kind() Kind { return KindAssignmentEnded }

// Number implements [Request].
func (*Assign) Number() RequestKind        { return RequestAssign }
func (*EndAssignment) Number() RequestKind { return RequestEndAssignment }

// Discloses implements [Request].
func (*Assign) Discloses() bool        { return false }
func (*EndAssignment) Discloses() bool { return false }

func (*Assign) action() Action        { return ActAssign }
func (*EndAssignment) action() Action { return ActAssign }

func (q *Assign) decide(d *decider) error {
	if _, ok, err := d.Organisation(q.Place.Code()); err != nil {
		return err
	} else if !ok {
		d.refuse(RefusedNotFound)
		return nil
	}
	if q.Cover && (q.To == 0 || len(d.sealed(PayloadReason)) == 0) {
		d.refuse(RefusedReasonMissing)
		return nil
	}
	if q.For != "" && !d.under(3) {
		return nil
	}
	a := Assignment{
		Subject: q.Subject, Team: q.Team, From: q.From, To: q.To, Cover: q.Cover, Org: d.c.Actor.Organisation,
		Seq: d.head.Size + Seq(len(d.out.Happened)),
	}
	if d.three() && q.Cover {
		covered, err := d.covered(q)
		if err != nil {
			return err
		}
		if covered == nil && q.For != "" {
			d.refuse(RefusedNotCovered)
			return nil
		}
		if covered != nil {
			a.Covers, a.For = covered.Seq, covered.Holder()
		}
	}
	d.record(&Assigned{Place: q.Place, Profile: d.profile, Assignment: a}, PersonRef{}, d.sealed(PayloadReason)...)
	return nil
}

// covered finds the assignment that a cover stands in for: an own one of the
// same organisation with a day in common, of whoever is named. Where nobody is
// named it is the one there is; of several, none is guessed.
func (d *decider) covered(q *Assign) (*Assignment, error) {
	held, err := d.Assignments(q.Place)
	if err != nil {
		return nil, err
	}
	var found *Assignment
	for i := range held {
		a := &held[i]
		if a.Cover || a.Org != d.c.Actor.Organisation || a.From > q.To || (a.To != 0 && a.To < q.From) {
			continue
		}
		switch {
		case q.For != "" && a.Holder() != q.For:
		case q.For == "" && found != nil:
			return nil, nil
		default:
			found = a
		}
	}
	return found, nil
}

func (q *EndAssignment) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	held, err := d.Assignments(q.Place)
	if err != nil {
		return err
	}
	for i := range held {
		a := &held[i]
		switch {
		case a.Seq != q.Of:
			continue
		case a.Org != d.c.Actor.Organisation:
			d.deny(RefusedOwnOrganisation, 0)
			return nil
		case a.To != 0 && q.To >= a.To, !a.Live(d.today()) && a.From <= d.today():
			d.refuse(RefusedState) // it ends earlier by itself
			return nil
		}
		d.record(&AssignmentEnded{Place: q.Place, Of: q.Of, To: max(q.To, d.today()-1, a.From-1), Profile: d.profile},
			PersonRef{}, d.sealed(PayloadReason)...)
		return nil
	}
	d.refuse(RefusedNotFound)
	return nil
}

// EndAt returns the assignments with one of them ended.
func (e *AssignmentEnded) EndAt(held []Assignment) []Assignment {
	out := append([]Assignment(nil), held...)
	for i := range out {
		if out[i].Seq == e.Of {
			out[i].To = e.To
		}
	}
	return out
}
