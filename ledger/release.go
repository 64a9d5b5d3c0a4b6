package ledger

import "crypto/sha256"

// Entries name people by references that only a node can make of an NHS number.
// A release lets one auditor know, for a time, whose one reference is. It is an
// IG officer's act, with a reason, and stands in the person's own trail.

// MaxRelease is for how long a release may be, at most.
const MaxRelease = 90 * 24 * Hour

// ReleaseKey asks for it.
type ReleaseKey struct {
	Person  PersonRef `cbor:"1,keyasint"`
	To      ActorID   `cbor:"2,keyasint"` // the auditor
	Until   Time      `cbor:"3,keyasint"`
	Binding Hash      `cbor:"4,keyasint"` // of the number: see [ReleaseBinding]
}

// KeyReleased records it. What the auditor is given opens the binding.
type KeyReleased struct {
	To      ActorID `cbor:"1,keyasint"`
	Until   Time    `cbor:"2,keyasint"`
	Binding Hash    `cbor:"3,keyasint"`
	Profile Seq     `cbor:"4,keyasint,omitempty"`
}

// ReleaseBinding binds an NHS number to a person's reference: SHA-256 of the
// words "custos release v1", the log's id, the reference, a nonce of 16 bytes
// that nobody can guess, and the number of ten digits.
func ReleaseBinding(log ID, p PersonRef, nonce Tag, number string) Hash {
	b := append([]byte("custos release v1"), log[:]...)
	b = append(append(b, p[:]...), nonce[:]...)
	return sha256.Sum256(append(b, number...))
}

// Kind implements [Event].
func (KeyReleased) Kind() Kind { return KindKeyReleased }

// Number implements [Request].
func (*ReleaseKey) Number() RequestKind { return RequestReleaseKey }

// Discloses implements [Request]. What is released is what its caller has said.
func (*ReleaseKey) Discloses() bool { return false }

func (*ReleaseKey) action() Action { return ActReleaseKey }

func (q *ReleaseKey) about() PersonRef { return q.Person }

func (q *ReleaseKey) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	switch {
	case len(d.sealed(PayloadReason)) == 0:
		d.refuse(RefusedReasonMissing)
		return nil
	case q.Person.IsZero(), q.To.IsZero(), q.Binding == Hash{}, q.Until <= d.now, q.Until > d.now+MaxRelease:
		d.refuse(RefusedState)
		return nil
	}
	if denied, err := d.sealedFrom(q.Person); err != nil || denied {
		return err
	}
	d.record(&KeyReleased{To: q.To, Until: q.Until, Binding: q.Binding, Profile: d.profile}, q.Person, d.sealed(PayloadReason)...)
	return nil
}
