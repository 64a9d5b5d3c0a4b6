package ledger

// MaxEnrolmentRows is the greatest number of rows of one enrolment command.
const MaxEnrolmentRows = 256

// Enrolment is a person's time at a place.
type Enrolment struct {
	From     Day  `cbor:"1,keyasint"`
	To       Day  `cbor:"2,keyasint,omitempty"`
	Seq      Seq  `cbor:"3,keyasint"`
	Recorded Time `cbor:"4,keyasint"`
	ToWas    Day  `cbor:"5,keyasint,omitempty"` // its end before the last change
	Changed  Time `cbor:"6,keyasint"`
	// Source is the organisation that says so, from rules version 3 on.
	Source string `cbor:"7,keyasint,omitempty"`
}

// At reports whether the enrolment covers a day; both ends count.
func (e *Enrolment) At(d Day) bool { return e.From <= d && (e.To == 0 || d <= e.To) }

func (e *Enrolment) wasAt(t Time) bool {
	if e.Recorded > t {
		return false
	}
	to := e.To
	if e.Changed > t {
		to = e.ToWas
	}
	d := t.Day()
	return e.From <= d && (to == 0 || d <= to)
}

// EnrolmentRow is one row of an enrolment file, without what is personal.
type EnrolmentRow struct {
	N      int       `cbor:"1,keyasint"`
	Person PersonRef `cbor:"2,keyasint,omitzero"`
	Place  Place     `cbor:"3,keyasint,omitempty"`
	From   Day       `cbor:"4,keyasint,omitempty"`
	To     Day       `cbor:"5,keyasint,omitempty"`
	Fault  string    `cbor:"6,keyasint,omitempty"`

	Change EnrolmentChange `cbor:"7,keyasint,omitempty"` // of rules version 3
	Link   Tag             `cbor:"8,keyasint,omitzero"`  // of rules version 4: what equal rows have in common, where it may be sealed
}

// Enrol asks to record some enrolments.
type Enrol struct {
	Rows []EnrolmentRow `cbor:"1,keyasint,omitempty"`
}

// EnrolmentsRecorded heads the entries of one enrolment command.
type EnrolmentsRecorded struct {
	Rows    int `cbor:"1,keyasint"`
	Profile Seq `cbor:"2,keyasint,omitempty"`
}

// Enrolled links a person with a visible plan to a place.
type Enrolled struct {
	Row EnrolmentRow `cbor:"1,keyasint"`
	Of  Seq          `cbor:"2,keyasint,omitempty"` // the enrolment it changes
	// Source is whose word it is where a node followed a link of it, from rules
	// version 4 on. Else it is the actor's organisation's.
	Source string `cbor:"3,keyasint,omitempty"`
}

// EnrolmentNotKept records that a row named a person without a visible plan:
// there is no table of all children, so the place is not kept.
type EnrolmentNotKept struct {
	N int `cbor:"1,keyasint"`
}

// EnrolmentRejected records a row that was wrong, and why.
type EnrolmentRejected struct {
	N    int    `cbor:"1,keyasint"`
	Code string `cbor:"2,keyasint"`
}

// Codes of enrolment rows that are not recorded.
const (
	RowPlaceUnknown   = "place-unknown"
	RowToBeforeFrom   = "to-before-from"
	RowPersonRequired = "nhs-number-missing"
)

// Kind implements [Event].
func (EnrolmentsRecorded) Kind() Kind { return KindEnrolmentsRecorded }
func (Enrolled) Kind() Kind           { return KindEnrolled }
func (EnrolmentNotKept) Kind() Kind   { return KindEnrolmentNotKept }
func (EnrolmentRejected) Kind() Kind  { return KindEnrolmentRejected }

// Number implements [Request].
func (*Enrol) Number() RequestKind { return RequestEnrol }

// Discloses implements [Request].
func (*Enrol) Discloses() bool { return false }

func (*Enrol) action() Action { return ActEnrol }

func (q *Enrol) withoutRows() Request { return &Enrol{} }

func (q *Enrol) withRows(group []Entry) (Request, error) {
	out := &Enrol{}
	for i := range group {
		switch e := group[i].Event.(type) {
		case *Enrolled:
			out.Rows = append(out.Rows, e.Row)
		case *EnrolmentEnded:
			if !e.Moved { // what ended for a move has no row of its own
				out.Rows = append(out.Rows, e.Row)
			}
		case *EnrolmentTakenBack:
			out.Rows = append(out.Rows, e.Row)
		case *EnrolmentNotKept:
			if group[i].Person == nil {
				return nil, ErrGroup
			}
			out.Rows = append(out.Rows, EnrolmentRow{N: e.N, Person: group[i].Person.Ref})
		case *EnrolmentLinked:
			if group[i].Person == nil {
				return nil, ErrGroup
			}
			out.Rows = append(out.Rows, EnrolmentRow{N: e.N, Person: group[i].Person.Ref, Link: e.Link})
		case *EnrolmentRejected:
			out.Rows = append(out.Rows, EnrolmentRow{N: e.N, Fault: e.Code})
		}
	}
	return out, nil
}

func (q *Enrol) decide(d *decider) error {
	if len(q.Rows) > MaxEnrolmentRows {
		d.refuse(RefusedState)
		return nil
	}
	d.record(&EnrolmentsRecorded{Rows: len(q.Rows), Profile: d.profile}, PersonRef{})
	n := newEnrolling(d, d.c.Actor.Organisation)
	for i := range q.Rows {
		r := &q.Rows[i]
		if code := r.fault(); code != "" {
			d.record(&EnrolmentRejected{N: r.N, Code: code}, PersonRef{})
			continue
		}
		if d.three() {
			if err := n.row(r); err != nil {
				return err
			}
			continue
		}
		visible, err := d.hasVisiblePlan(r.Person)
		if err != nil {
			return err
		}
		if !visible {
			d.record(&EnrolmentNotKept{N: r.N}, r.Person)
			continue
		}
		if _, ok, err := d.Organisation(r.Place.Code()); err != nil {
			return err
		} else if !ok {
			d.record(&EnrolmentRejected{N: r.N, Code: RowPlaceUnknown}, PersonRef{})
			continue
		}
		have, err := d.Enrolments(r.Person, r.Place)
		if err != nil {
			return err
		}
		e := &Enrolled{Row: *r}
		for j := range have {
			if have[j].From == r.From {
				e.Of = have[j].Seq
			}
		}
		d.record(e, r.Person)
	}
	return nil
}

// fault is what is wrong with a row in itself. It is asked before whether the
// person has a plan, and the place after: for a person without one, nothing of
// the place is kept, not even whether it exists.
func (r *EnrolmentRow) fault() string {
	switch {
	case r.Fault != "":
		return r.Fault
	case r.Person.IsZero():
		return RowPersonRequired
	case r.Change == EnrolmentLeaves && r.To == 0:
		return RowToMissing
	case r.To != 0 && r.To < r.From:
		return RowToBeforeFrom
	}
	return ""
}

func (d *decider) hasVisiblePlan(p PersonRef) (bool, error) {
	return visibleOn(d.View, p, d.today())
}

// visibleOn reports whether a person has a visible plan on a day.
func visibleOn(v View, p PersonRef, day Day) (bool, error) {
	plans, err := v.Plans(p)
	if err != nil {
		return false, err
	}
	for i := range plans {
		if plans[i].Visible(day) {
			return true, nil
		}
	}
	return false, nil
}
