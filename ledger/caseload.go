package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"sort"
)

// Place is where a person is enrolled: "school:" and a URN, "area:" and a
// code, or "practice:" and an ODS code.
type Place string

// Prefixes of places.
const (
	PlaceSchool   = "school:"
	PlaceArea     = "area:"
	PlacePractice = "practice:"
)

// Code returns the place's own code, without its prefix.
func (p Place) Code() string {
	for i := range len(p) {
		if p[i] == ':' {
			return string(p[i+1:])
		}
	}
	return string(p)
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

	// Of rules version 3: under which assignment it was read, and if that is a
	// cover, whom the reader stands in for.
	Assignment Seq    `cbor:"6,keyasint,omitempty"`
	Cover      bool   `cbor:"7,keyasint,omitempty"`
	For        string `cbor:"8,keyasint,omitempty"`
	// Handover says that Since is when the one covered last looked: it is the
	// reader's first look under this cover.
	Handover bool `cbor:"9,keyasint,omitempty"`
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
func (CaseloadAccessed) Kind() Kind { return KindCaseloadAccessed }
func (SubjectAccessed) Kind() Kind  { return KindSubjectAccessed }

// Number implements [Request].
func (*ReadCaseload) Number() RequestKind { return RequestReadCaseload }

// Discloses implements [Request].
func (*ReadCaseload) Discloses() bool { return true }

func (*ReadCaseload) action() Action { return ActReadCaseload }

func (q *ReadCaseload) decide(d *decider) error {
	held, ended, err := d.holding(q.Place)
	if err != nil {
		return err
	}
	switch {
	case held == nil && ended && d.three():
		d.deny(RefusedCoverEnded, 0)
		return nil
	case held == nil:
		d.deny(RefusedNotAssigned, 0)
		return nil
	}
	head := &CaseloadAccessed{Place: q.Place, Profile: d.profile}
	if head.Since, err = d.LastCaseload(d.c.Actor.ID(), q.Place); err != nil {
		return err
	}
	if d.three() {
		if err := d.readUnder(head, held); err != nil {
			return err
		}
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
		e, err := d.subject(ref, q.Place, head.Since)
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
	head.Count = len(shown)
	h.Sum(head.Digest[:0])
	d.record(head, PersonRef{})
	for _, s := range shown {
		d.record(s.e, s.ref)
	}
	return nil
}

// holding finds the assignment that gives the actor the place today, an own one
// before a cover, and says whether a cover of the actor's has run out.
func (d *decider) holding(p Place) (held *Assignment, ended bool, err error) {
	all, err := d.Assignments(p)
	for i := range all {
		a := &all[i]
		switch {
		case a.Holds(d.c.Actor, d.today()):
			if held == nil || (held.Cover && !a.Cover) {
				held = a
			}
		case a.Cover && a.names(d.c.Actor) && a.From <= d.today():
			ended = true
		}
	}
	return held, ended, err
}

// readUnder notes the assignment under which a caseload is read. The first look
// under a cover is a handover: what changed is told since the one covered looked.
func (d *decider) readUnder(head *CaseloadAccessed, a *Assignment) error {
	head.Assignment, head.Cover, head.For = a.Seq, a.Cover, a.For
	if !a.Cover || head.Since >= a.From.Start() {
		return nil
	}
	head.Handover, head.Since = true, 0
	if a.Covers == 0 {
		return nil
	}
	var err error
	head.Since, err = d.Looked(a.Covers)
	return err
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
