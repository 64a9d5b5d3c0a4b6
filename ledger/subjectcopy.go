package ledger

// Recipient is who gets a copy of the accesses to a person's record.
type Recipient uint8

// Who may get one.
const (
	ToPerson         Recipient = iota + 1 // the person, found competent to ask
	ToParent                              // who has parental responsibility, where the person is not
	ToRepresentative                      // who acts for the person with authority to
	recipientEnd
)

// String returns the recipient as requests spell it.
func (r Recipient) String() string {
	return map[Recipient]string{ToPerson: "person", ToParent: "parent", ToRepresentative: "representative"}[r]
}

// CopySubject asks for a copy of the accesses to a person's record, to be given
// away: to the person, or to somebody for them. A parent may be the abuser, and a
// trail can lead to a refuge, so somebody must have considered serious harm, and
// whether the person is competent to ask; how and by whom travels sealed.
type CopySubject struct {
	Person    PersonRef `cbor:"1,keyasint"`
	For       Recipient `cbor:"2,keyasint"`
	Harm      bool      `cbor:"3,keyasint,omitempty"` // serious harm was considered
	Competent bool      `cbor:"4,keyasint,omitempty"` // the person was found competent to ask
	Withheld  []Seq     `cbor:"5,keyasint,omitempty"` // entries that leave no trace in the copy; each once, in order
}

// SubjectCopied records it. What the copy holds follows from the person's trail,
// this entry's place and what was withheld.
type SubjectCopied struct {
	For       Recipient `cbor:"1,keyasint"`
	Competent bool      `cbor:"2,keyasint,omitempty"`
	Withheld  []Seq     `cbor:"3,keyasint,omitempty"`
	Profile   Seq       `cbor:"4,keyasint,omitempty"`
}

// Kind implements [Event].
func (SubjectCopied) Kind() Kind { return KindSubjectCopied }

// Number implements [Request].
func (*CopySubject) Number() RequestKind { return RequestCopySubject }

// Discloses implements [Request].
func (*CopySubject) Discloses() bool { return true }

func (*CopySubject) action() Action { return ActCopySubject }

func (q *CopySubject) about() PersonRef { return q.Person }

func (q *CopySubject) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	ordered := true
	for i, n := range q.Withheld {
		ordered = ordered && n < d.head.Size && (i == 0 || q.Withheld[i-1] < n)
	}
	switch {
	case len(d.sealed(PayloadReason)) == 0:
		d.refuse(RefusedReasonMissing)
	case q.For == 0 || q.For >= recipientEnd || !ordered:
		d.refuse(RefusedState)
	case !q.Harm, q.For == ToPerson && !q.Competent, q.For == ToParent && q.Competent:
		// Whoever is competent to ask, asks; a parent then has no copy in their place.
		d.refuse(RefusedReview)
	default:
		if denied, err := d.sealedFrom(q.Person); err != nil || denied {
			return err
		}
		d.record(&SubjectCopied{For: q.For, Competent: q.Competent, Withheld: q.Withheld, Profile: d.profile}, q.Person, d.sealed(PayloadReason)...)
	}
	return nil
}
