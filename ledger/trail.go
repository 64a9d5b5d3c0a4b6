package ledger

// ReadTrail asks who looked: at a person, as an actor, or from an organisation;
// with none of them, whoever it was and at whomever.
type ReadTrail struct {
	Person       PersonRef `cbor:"1,keyasint,omitzero"`
	Actor        ActorID   `cbor:"2,keyasint,omitzero"`
	Organisation string    `cbor:"3,keyasint,omitempty"`
	From         Time      `cbor:"4,keyasint,omitempty"`
	To           Time      `cbor:"5,keyasint,omitempty"`
}

// TrailRead records that a trail was read. What it held follows from the
// query, in the request, and this entry's place: it is never listed.
type TrailRead struct {
	Own     bool `cbor:"1,keyasint,omitempty"` // only the reader's own organisation's accesses were shown
	Profile Seq  `cbor:"2,keyasint,omitempty"`
}

// IsZero reports whether there is no actor.
func (a ActorID) IsZero() bool { return a == ActorID{} }

// Kind implements [Event].
func (TrailRead) Kind() Kind { return KindTrailRead }

// Number implements [Request].
func (*ReadTrail) Number() RequestKind { return RequestReadTrail }

// Discloses implements [Request].
func (*ReadTrail) Discloses() bool { return true }

func (*ReadTrail) action() Action { return ActReadSiteTrail }

func (q *ReadTrail) about() PersonRef { return q.Person }

func (q *ReadTrail) decide(d *decider) error {
	if len(d.sealed(PayloadReason)) == 0 {
		d.refuse(RefusedReasonMissing)
		return nil
	}
	own := !May(d.c.Actor.Role, ActReadTrail)
	if own && q.Organisation != "" && q.Organisation != d.c.Actor.Organisation {
		d.deny(RefusedOwnOrganisation, 0)
		return nil
	}
	if !own {
		if denied, err := d.sealedFrom(q.Person); err != nil || denied {
			return err
		}
	}
	d.record(&TrailRead{Own: own, Profile: d.profile}, q.Person, d.sealed(PayloadReason)...)
	return nil
}
