package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"sort"
)

// MaxEnrolmentRows is the greatest number of rows of one enrolment command.
const MaxEnrolmentRows = 256

// Place is where a person is enrolled: "school:" and a URN, "area:" and a
// code, or "practice:" and an ODS code.
type Place string

// Prefixes of places.
const (
	PlaceSchool   = "school:"
	PlaceArea     = "area:"
	PlacePractice = "practice:"
)

// Enrolment is a person's time at a place.
type Enrolment struct {
	From     Day  `cbor:"1,keyasint"`
	To       Day  `cbor:"2,keyasint,omitempty"`
	Seq      Seq  `cbor:"3,keyasint"`
	Recorded Time `cbor:"4,keyasint"`
	ToWas    Day  `cbor:"5,keyasint,omitempty"` // its end before the last change
	Changed  Time `cbor:"6,keyasint"`
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

// Assignment makes a place the caseload of a person or a team.
type Assignment struct {
	Subject string `cbor:"1,keyasint,omitempty"`
	Team    string `cbor:"2,keyasint,omitempty"`
	From    Day    `cbor:"3,keyasint"`
	To      Day    `cbor:"4,keyasint,omitempty"`
	Cover   bool   `cbor:"5,keyasint,omitempty"`
	Org     string `cbor:"6,keyasint"` // the team leader's organisation
	Seq     Seq    `cbor:"7,keyasint"`
}

// Holds reports whether the assignment gives the place to an actor on a day.
func (a *Assignment) Holds(who Actor, d Day) bool {
	if a.Org != who.Organisation || d < a.From || (a.To != 0 && d > a.To) {
		return false
	}
	return (a.Subject != "" && a.Subject == who.Subject) || (a.Team != "" && a.Team == who.Team)
}

// EnrolmentRow is one row of an enrolment file, without what is personal.
type EnrolmentRow struct {
	N      int       `cbor:"1,keyasint"`
	Person PersonRef `cbor:"2,keyasint,omitzero"`
	Place  Place     `cbor:"3,keyasint,omitempty"`
	From   Day       `cbor:"4,keyasint,omitempty"`
	To     Day       `cbor:"5,keyasint,omitempty"`
	Fault  string    `cbor:"6,keyasint,omitempty"`
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

// Assign asks to make a place somebody's caseload.
type Assign struct {
	Place   Place  `cbor:"1,keyasint"`
	Subject string `cbor:"2,keyasint,omitempty"`
	Team    string `cbor:"3,keyasint,omitempty"`
	From    Day    `cbor:"4,keyasint"`
	To      Day    `cbor:"5,keyasint,omitempty"`
	Cover   bool   `cbor:"6,keyasint,omitempty"`
}

// Assigned records it. Cover ends by itself on its last day.
type Assigned struct {
	Place      Place      `cbor:"1,keyasint"`
	Assignment Assignment `cbor:"2,keyasint"`
	Profile    Seq        `cbor:"3,keyasint,omitempty"`
}

// ReadCaseload asks for the people of a place.
type ReadCaseload struct {
	Place Place `cbor:"1,keyasint"`
}

// CaseloadAccessed heads an access to many people: as many SubjectAccessed
// follow as it counts, and Digest is SHA-256 over their persons and disclosed
// entries. Nothing is released before the last of them is committed.
type CaseloadAccessed struct {
	Place   Place `cbor:"1,keyasint"`
	Count   int   `cbor:"2,keyasint"`
	Digest  Hash  `cbor:"3,keyasint"`
	Since   Time  `cbor:"4,keyasint,omitempty"` // the reader's last access to the same place
	Profile Seq   `cbor:"5,keyasint,omitempty"`
}

// CaseloadChange says what changed for a person since the reader last looked.
type CaseloadChange uint8

// The changes.
const (
	CaseloadSame  CaseloadChange = iota
	CaseloadNew                  // a plan appeared
	CaseloadEnded                // a plan ended
	CaseloadMovedIn
	CaseloadMovedOut
)

// SubjectAccessed records that one person of a caseload was shown.
type SubjectAccessed struct {
	Disclosed []Seq          `cbor:"1,keyasint"`
	Change    CaseloadChange `cbor:"2,keyasint,omitempty"`
}

// Kind implements [Event].
func (EnrolmentsRecorded) Kind() Kind { return KindEnrolmentsRecorded }
func (Enrolled) Kind() Kind           { return KindEnrolled }
func (EnrolmentNotKept) Kind() Kind   { return KindEnrolmentNotKept }
func (EnrolmentRejected) Kind() Kind  { return KindEnrolmentRejected }
func (Assigned) Kind() Kind           { return KindAssigned }
func (CaseloadAccessed) Kind() Kind   { return KindCaseloadAccessed }
func (SubjectAccessed) Kind() Kind    { return KindSubjectAccessed }

// Number implements [Request].
func (*Enrol) Number() RequestKind        { return RequestEnrol }
func (*Assign) Number() RequestKind       { return RequestAssign }
func (*ReadCaseload) Number() RequestKind { return RequestReadCaseload }

// Discloses implements [Request].
func (*Enrol) Discloses() bool        { return false }
func (*Assign) Discloses() bool       { return false }
func (*ReadCaseload) Discloses() bool { return true }

func (*Enrol) action() Action        { return ActEnrol }
func (*Assign) action() Action       { return ActAssign }
func (*ReadCaseload) action() Action { return ActReadCaseload }

func (q *Enrol) withoutRows() Request { return &Enrol{} }

func (q *Enrol) withRows(group []Entry) (Request, error) {
	out := &Enrol{}
	for i := range group {
		switch e := group[i].Event.(type) {
		case *Enrolled:
			out.Rows = append(out.Rows, e.Row)
		case *EnrolmentNotKept:
			if group[i].Person == nil {
				return nil, ErrGroup
			}
			out.Rows = append(out.Rows, EnrolmentRow{N: e.N, Person: group[i].Person.Ref})
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
	for i := range q.Rows {
		r := &q.Rows[i]
		if code := r.fault(); code != "" {
			d.record(&EnrolmentRejected{N: r.N, Code: code}, PersonRef{})
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
	case r.To != 0 && r.To < r.From:
		return RowToBeforeFrom
	}
	return ""
}

// Code returns the place's own code, without its prefix.
func (p Place) Code() string {
	for i := range len(p) {
		if p[i] == ':' {
			return string(p[i+1:])
		}
	}
	return string(p)
}

func (d *decider) hasVisiblePlan(p PersonRef) (bool, error) {
	plans, err := d.View.Plans(p)
	if err != nil {
		return false, err
	}
	for i := range plans {
		if plans[i].Visible(d.today()) {
			return true, nil
		}
	}
	return false, nil
}

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
	d.record(&Assigned{Place: q.Place, Profile: d.profile, Assignment: Assignment{
		Subject: q.Subject, Team: q.Team, From: q.From, To: q.To, Cover: q.Cover, Org: d.c.Actor.Organisation,
		Seq: d.head.Size + Seq(len(d.out.Happened)),
	}}, PersonRef{}, d.sealed(PayloadReason)...)
	return nil
}

func (q *ReadCaseload) decide(d *decider) error {
	held, err := d.Assignments(q.Place)
	if err != nil {
		return err
	}
	mine := false
	for i := range held {
		mine = mine || held[i].Holds(d.c.Actor, d.today())
	}
	if !mine {
		d.deny(RefusedNotAssigned, 0)
		return nil
	}
	since, err := d.LastCaseload(d.c.Actor.ID(), q.Place)
	if err != nil {
		return err
	}
	people, err := d.Enrolled(q.Place)
	if err != nil {
		return err
	}
	type subject struct {
		ref PersonRef
		e   *SubjectAccessed
	}
	var shown []subject
	for _, ref := range people {
		e, err := d.subject(ref, q.Place, since)
		if err != nil {
			return err
		}
		if e != nil {
			shown = append(shown, subject{ref, e})
		}
	}
	sort.Slice(shown, func(i, j int) bool { return string(shown[i].ref[:]) < string(shown[j].ref[:]) })
	h := sha256.New()
	for _, s := range shown {
		hashSubject(h.Write, s.ref, s.e)
	}
	head := &CaseloadAccessed{Place: q.Place, Count: len(shown), Since: since, Profile: d.profile}
	h.Sum(head.Digest[:0])
	d.record(head, PersonRef{})
	for _, s := range shown {
		d.record(s.e, s.ref)
	}
	return nil
}

// hashSubject feeds one subject of a caseload to the header's digest.
func hashSubject(write func([]byte) (int, error), ref PersonRef, e *SubjectAccessed) {
	b := make([]byte, 0, len(ref)+1+8*len(e.Disclosed))
	b = append(b, ref[:]...)
	b = append(b, byte(e.Change))
	for _, s := range e.Disclosed {
		b = binary.BigEndian.AppendUint64(b, uint64(s))
	}
	_, _ = write(b) // a hash never fails to write
}

// subject says whether and how one enrolled person is shown: those here with a
// visible plan, and those who were shown at the last look and no longer would
// be, so that nobody drops off a list in silence.
func (d *decider) subject(ref PersonRef, place Place, since Time) (*SubjectAccessed, error) {
	spans, err := d.Enrolments(ref, place)
	if err != nil {
		return nil, err
	}
	plans, err := d.View.Plans(ref)
	if err != nil {
		return nil, err
	}
	today := d.today()
	here, wasHere := false, false
	for i := range spans {
		here = here || spans[i].At(today)
		wasHere = wasHere || spans[i].wasAt(since)
	}
	e := &SubjectAccessed{}
	var active, wasActive, wasVisible bool
	for i := range plans {
		p := &plans[i]
		if p.Visible(today) {
			e.Disclosed = append(e.Disclosed, p.Seq)
		}
		active = active || p.Active(today)
		wasActive = wasActive || p.wasActive(since)
		wasVisible = wasVisible || p.wasVisible(since)
	}
	switch {
	case len(e.Disclosed) == 0 || (!here && !(wasHere && since != 0)):
		return nil, nil
	case !here && !wasVisible:
		return nil, nil
	case since == 0:
	case !here:
		e.Change = CaseloadMovedOut
	case !wasHere:
		e.Change = CaseloadMovedIn
	case !wasVisible || (active && !wasActive):
		e.Change = CaseloadNew
	case wasActive && !active:
		e.Change = CaseloadEnded
	}
	return e, nil
}
