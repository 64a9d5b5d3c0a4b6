package ledger

// RecordState asks to commit to what the views say as of the end of the
// ledger. The leader asks for it now and then, and when a trail is to be
// proved. Cosigned is the newest checkpoint that witnesses signed too, as far
// as the leader knows; size 0 where there is none.
type RecordState struct {
	Cosigned     uint64 `cbor:"1,keyasint,omitempty"`
	CosignedRoot Hash   `cbor:"2,keyasint,omitzero"`
}

// State is what a state entry commits to, as the views give it: everything
// before the entry itself. Nothing of it is in the request, so a node whose
// views differ makes another entry and is found out by its tree.
type State struct {
	// Views is the running hash of every change of what decisions read, since
	// rules version 3 was in force.
	Views Hash `cbor:"1,keyasint"`
	// Index is the root of the tree over people: for each the number of entries
	// about them and the hash of the last. People counts them.
	Index  Hash   `cbor:"2,keyasint"`
	People uint64 `cbor:"3,keyasint"`
	// Outbox is the root of the tree over the notifications that have neither
	// arrived nor been opened, in order of their ids. Undelivered counts them.
	Outbox      Hash   `cbor:"4,keyasint"`
	Undelivered uint64 `cbor:"5,keyasint"`
	// Below says that the index is being made and holds only people whose
	// reference begins with a number of two bytes less than it. Zero: everybody.
	Below uint32 `cbor:"6,keyasint,omitempty"`
}

// StateRecorded is a state entry.
type StateRecorded struct {
	State State `cbor:"1,keyasint"`
	// Cosigned and CosignedRoot are an earlier tree of this very ledger that
	// witnesses have signed: nothing before it was written later than they signed.
	Cosigned     uint64 `cbor:"2,keyasint,omitempty"`
	CosignedRoot Hash   `cbor:"3,keyasint,omitzero"`
}

// Kind implements [Event].
func (StateRecorded) Kind() Kind { return KindStateRecorded }

// Number implements [Request].
func (*RecordState) Number() RequestKind { return RequestRecordState }

// Discloses implements [Request].
func (*RecordState) Discloses() bool { return false }

func (*RecordState) action() Action { return ActSystem }

func (q *RecordState) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	since, err := d.Uncovered()
	if err != nil {
		return err
	}
	if since == d.head.Size {
		d.refuse(RefusedAlready) // nothing happened since the last one
		return nil
	}
	if q.Cosigned > 0 || q.CosignedRoot != (Hash{}) {
		root, ok, err := d.Root(Seq(q.Cosigned))
		if err != nil {
			return err
		}
		if !ok || q.Cosigned == 0 || root != q.CosignedRoot {
			d.refuse(RefusedState) // not an earlier tree of this ledger
			return nil
		}
	}
	s, err := d.State()
	if err != nil {
		return err
	}
	d.record(&StateRecorded{State: s, Cosigned: q.Cosigned, CosignedRoot: q.CosignedRoot}, PersonRef{})
	return nil
}
