package ledger

import "crypto/sha256"

// ReadUnassigned asks for a page of those whose visible plans are in no live
// caseload, for one authority.
type ReadUnassigned struct {
	Authority string    `cbor:"1,keyasint"`
	After     PersonRef `cbor:"2,keyasint,omitzero"` // the last person of the page before
}

// UnassignedRead heads a page, as [HoldingsRead] does: one SubjectAccessed
// follows for each person, and Digest is SHA-256 over them.
type UnassignedRead struct {
	Authority string `cbor:"1,keyasint"`
	Count     int    `cbor:"2,keyasint"`
	Digest    Hash   `cbor:"3,keyasint"`
	More      bool   `cbor:"4,keyasint,omitempty"` // there is another page
	Profile   Seq    `cbor:"5,keyasint,omitempty"`
}

// Kind implements [Event].
func (UnassignedRead) Kind() Kind { return KindUnassignedRead }

// Number implements [Request].
func (*ReadUnassigned) Number() RequestKind { return RequestReadUnassigned }

// Discloses implements [Request].
func (*ReadUnassigned) Discloses() bool { return true }

func (*ReadUnassigned) action() Action { return ActReadUnassigned }

// Serves reports whether an organisation may see who is unassigned for an
// authority: the authority itself, and the child-health services that it names
// in its directory entry.
func (o *Organisation) Serves(org string) bool {
	return o.Sort == SortAuthority && (o.Code == org || contains(o.Directory.ChildHealth, org))
}

func (q *ReadUnassigned) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	o, ok, err := d.Organisation(q.Authority)
	if err != nil {
		return err
	}
	if !ok || !o.Serves(d.c.Actor.Organisation) {
		d.deny(RefusedOtherAuthority, 0)
		return nil
	}
	people, err := d.Unassigned(q.Authority, d.today(), q.After, MaxHoldings+1)
	if err != nil {
		return err
	}
	head := &UnassignedRead{Authority: q.Authority, Profile: d.profile}
	if len(people) > MaxHoldings {
		people, head.More = people[:MaxHoldings], true
	}
	head.Count = len(people)
	shown := make([]*SubjectAccessed, len(people))
	h := sha256.New()
	for i, p := range people {
		if shown[i], err = d.visiblePlans(p); err != nil {
			return err
		}
		hashSubject(h.Write, p, shown[i])
	}
	h.Sum(head.Digest[:0])
	d.record(head, PersonRef{})
	for i, p := range people {
		d.record(shown[i], p)
	}
	return nil
}

func (d *decider) visiblePlans(p PersonRef) (*SubjectAccessed, error) {
	plans, err := d.View.Plans(p)
	e := &SubjectAccessed{Disclosed: []Seq{}}
	for i := range plans {
		if plans[i].Visible(d.today()) {
			e.Disclosed = append(e.Disclosed, plans[i].Seq)
		}
	}
	return e, err
}
