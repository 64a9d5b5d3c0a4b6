package ledger

import "crypto/sha256"

// MaxHoldings is how many people, or rows, one page of holdings shows: few
// enough that a page is a small command, however many an authority holds.
const MaxHoldings = 256

// HoldingsPart says what of an authority's holdings is asked for.
type HoldingsPart uint8

// The parts.
const (
	HoldingsPlans     HoldingsPart = iota + 1 // people with plans, in order of reference
	HoldingsRejected                          // the rows of one upload that were not loaded, in order
	HoldingsUnmatched                         // the worklist of rows that match nobody
)

// ReadHoldings asks for a page of what is held for the actor's own authority.
type ReadHoldings struct {
	Part   HoldingsPart `cbor:"1,keyasint"`
	After  PersonRef    `cbor:"2,keyasint,omitzero"`  // the last person of the page before
	From   Seq          `cbor:"3,keyasint,omitempty"` // rows: the last entry of the page before
	Upload ID           `cbor:"4,keyasint,omitzero"`  // rejected rows: of which upload
}

// HoldingsRead heads a page: an access to many people, as a caseload is. One
// SubjectAccessed follows for each that the page can name, and Digest is SHA-256
// over them.
type HoldingsRead struct {
	Authority string       `cbor:"1,keyasint"`
	Part      HoldingsPart `cbor:"2,keyasint"`
	Count     int          `cbor:"3,keyasint"`
	Digest    Hash         `cbor:"4,keyasint"`
	More      bool         `cbor:"5,keyasint,omitempty"` // there is another page
	Rows      []Seq        `cbor:"6,keyasint,omitempty"` // the rows shown, by their entries
	Profile   Seq          `cbor:"7,keyasint,omitempty"`
}

// HeldRow is a row that stands for nobody's plan, by its entry; Person is whom
// it names, if it does.
type HeldRow struct {
	Seq    Seq
	Person PersonRef
}

// Kind implements [Event].
func (HoldingsRead) Kind() Kind { return KindHoldingsRead }

// Number implements [Request].
func (*ReadHoldings) Number() RequestKind { return RequestReadHoldings }

// Discloses implements [Request].
func (*ReadHoldings) Discloses() bool { return true }

func (*ReadHoldings) action() Action { return ActReadHoldings }

func (q *ReadHoldings) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	own := d.c.Actor.Organisation
	o, ok, err := d.Organisation(own)
	if err != nil {
		return err
	}
	if !ok || o.Sort != SortAuthority {
		d.deny(RefusedOrganisation, 0)
		return nil
	}
	head := &HoldingsRead{Authority: own, Part: q.Part, Profile: d.profile}
	var shown []Happened
	switch q.Part {
	case HoldingsPlans:
		shown, err = d.heldPeople(head, q.After)
	case HoldingsRejected:
		u, found, err := d.Upload(q.Upload)
		if err != nil {
			return err
		}
		if !found {
			d.refuse(RefusedNotFound)
			return nil
		}
		if u.Authority != own {
			d.deny(RefusedOtherAuthority, 0)
			return nil
		}
		rows, err := d.RejectedRows(q.Upload, q.From, MaxHoldings+1)
		if err != nil {
			return err
		}
		shown = heldRows(head, rows)
	case HoldingsUnmatched:
		rows, err := d.UnmatchedRows(own, q.From, MaxHoldings+1)
		if err != nil {
			return err
		}
		shown = heldRows(head, rows)
	default:
		d.refuse(RefusedState)
		return nil
	}
	if err != nil {
		return err
	}
	h := sha256.New()
	for i := range shown {
		hashSubject(h.Write, shown[i].Person, shown[i].Event.(*SubjectAccessed))
	}
	h.Sum(head.Digest[:0])
	d.record(head, PersonRef{})
	for i := range shown {
		d.record(shown[i].Event, shown[i].Person)
	}
	return nil
}

// heldPeople lists a page of people with the plans that their authority holds.
func (d *decider) heldPeople(head *HoldingsRead, after PersonRef) ([]Happened, error) {
	people, err := d.HoldersAfter(head.Authority, after, MaxHoldings+1)
	if err != nil {
		return nil, err
	}
	if len(people) > MaxHoldings {
		people, head.More = people[:MaxHoldings], true
	}
	shown := make([]Happened, len(people))
	for i, p := range people {
		plans, err := d.View.Plans(p)
		if err != nil {
			return nil, err
		}
		e := &SubjectAccessed{Disclosed: []Seq{}}
		for j := range plans {
			if plans[j].Authority == head.Authority {
				e.Disclosed = append(e.Disclosed, plans[j].Seq)
			}
		}
		shown[i] = Happened{Event: e, Person: p}
	}
	head.Count = len(people)
	return shown, nil
}

// heldRows lists a page of rows, with those whom they name.
func heldRows(head *HoldingsRead, rows []HeldRow) []Happened {
	if len(rows) > MaxHoldings {
		rows, head.More = rows[:MaxHoldings], true
	}
	var shown []Happened
	for i := range rows {
		head.Rows = append(head.Rows, rows[i].Seq)
		if !rows[i].Person.IsZero() {
			shown = append(shown, Happened{Event: &SubjectAccessed{Disclosed: []Seq{rows[i].Seq}}, Person: rows[i].Person})
		}
	}
	head.Count = len(shown)
	return shown
}
