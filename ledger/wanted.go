package ledger

import "crypto/sha256"

// No table of all children is kept: an enrolment of somebody without a visible
// plan is matched and discarded. When a plan appears, whoever had named the
// child is asked again, from what the child's own trail says of it.

// ReadWanted asks for a page of those whom the actor's organisation once named
// at a place that was not kept, and who have a visible plan now.
type ReadWanted struct {
	After PersonRef `cbor:"1,keyasint,omitzero"` // the last person of the page before
}

// EnrolmentsWanted heads a page, as [HoldingsRead] does: one SubjectAccessed
// follows for each person, and Digest is SHA-256 over them.
type EnrolmentsWanted struct {
	Count   int  `cbor:"1,keyasint"`
	Digest  Hash `cbor:"2,keyasint"`
	More    bool `cbor:"3,keyasint,omitempty"` // there is another page
	Profile Seq  `cbor:"4,keyasint,omitempty"`
}

// Kind implements [Event].
func (EnrolmentsWanted) Kind() Kind { return KindEnrolmentsWanted }

// Number implements [Request].
func (*ReadWanted) Number() RequestKind { return RequestReadWanted }

// Discloses implements [Request].
func (*ReadWanted) Discloses() bool { return true }

func (*ReadWanted) action() Action { return ActReadWanted }

func (q *ReadWanted) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	head := &EnrolmentsWanted{Profile: d.profile}
	var shown []Happened
	h := sha256.New()
	after := q.After
	for len(shown) < MaxHoldings {
		people, err := d.Wanted(d.c.Actor.Organisation, after, MaxHoldings)
		if err != nil {
			return err
		}
		for _, p := range people {
			if len(shown) == MaxHoldings {
				head.More = true
				break
			}
			after = p
			e, err := d.visiblePlans(p)
			if err != nil {
				return err
			}
			if len(e.Disclosed) > 0 { // one that passed out of sight is wanted no more
				hashSubject(h.Write, p, e)
				shown = append(shown, Happened{Event: e, Person: p})
			}
		}
		if len(people) < MaxHoldings {
			break
		}
		head.More = len(shown) == MaxHoldings
	}
	head.Count = len(shown)
	h.Sum(head.Digest[:0])
	d.record(head, PersonRef{})
	for i := range shown {
		d.record(shown[i].Event, shown[i].Person)
	}
	return nil
}
