package ledger

// Care-setting policy is data of the ledger: what a place says of itself and
// of every place below it, from a day on. Places are organisations, each under
// its parent, and over all of them the nation. See policyheld.go for what holds.

// Nation is the place over every other: England, by its GSS code. It needs no record.
const Nation = "E92000001"

// Choice is what a place says of one thing. That it says nothing is a choice of
// its own: the zero values of [Organisation] would each be an answer.
type Choice uint8

// The choices.
const (
	NotSaid   Choice = iota // this entry says nothing of it: what the place said before stands
	Inherited               // the place falls silent: what stands above it holds
	No
	Yes
)

// String returns the choice as tables and answers spell it.
func (c Choice) String() string { return [...]string{"not-said", "inherit", "no", "yes"}[c&3] }

// Policy is what one entry says, item by item.
type Policy struct {
	Unscheduled Choice `cbor:"1,keyasint,omitempty"` // care there counts as unscheduled; no: as scheduled
	Notify      Choice `cbor:"2,keyasint,omitempty"` // authorities are told of unscheduled lookups there
	History     Choice `cbor:"3,keyasint,omitempty"` // unscheduled lookups there appear in the access history
	Live        Choice `cbor:"4,keyasint,omitempty"` // the service answers there
	Roles       []Role `cbor:"5,keyasint,omitempty"` // who may look people up there, in order; RoleNone alone: inherited
	Ended       Choice `cbor:"6,keyasint,omitempty"` // of an authority: it is told although its plan has ended
	Links       Choice `cbor:"7,keyasint,omitempty"` // enrolments are kept, sealed, of people without a plan
	DPIA        string `cbor:"8,keyasint,omitempty"` // which assessment allows Links
	LinkDays    int    `cbor:"9,keyasint,omitempty"` // for how many days since their source last spoke; zero: [LinkDays]
}

// PolicyItem is one thing that a policy may say.
type PolicyItem uint8

// The items, in the order in which tables show them.
const (
	ItemLive PolicyItem = iota
	ItemSetting
	ItemNotify
	ItemHistory
	ItemRoles
	ItemEnded
	ItemLinks

	policyItems // no item: one past the last
)

var policyItemNames = [policyItems]string{"live", "setting", "notify", "history", "roles", "ended", "links"}

// String returns the item's name as tables and answers spell it.
func (i PolicyItem) String() string { return policyItemNames[i] }

// PolicyItems lists them.
func PolicyItems() []PolicyItem {
	out := make([]PolicyItem, policyItems)
	for i := range out {
		out[i] = PolicyItem(i)
	}
	return out
}

// choice is where an item is said. Of roles it tells whether any list is.
func (p *Policy) choice(i PolicyItem) Choice {
	switch i {
	case ItemLive:
		return p.Live
	case ItemSetting:
		return p.Unscheduled
	case ItemNotify:
		return p.Notify
	case ItemHistory:
		return p.History
	case ItemEnded:
		return p.Ended
	case ItemLinks:
		return p.Links
	}
	switch {
	case len(p.Roles) == 0:
		return NotSaid
	case p.Roles[0] == RoleNone:
		return Inherited
	}
	return Yes
}

// IsZero reports whether it says nothing at all.
func (p *Policy) IsZero() bool {
	for i := range policyItems {
		if p.choice(i) != NotSaid {
			return false
		}
	}
	return true
}

// sound reports whether the policy says something, and nothing that is no
// policy: roles that may not look up at all, in another order or twice; links
// without the assessment that allows them, or for ever.
func (p *Policy) sound() bool {
	for i := range policyItems {
		if p.choice(i) > Yes {
			return false
		}
	}
	for i, r := range p.Roles {
		silent := r == RoleNone && len(p.Roles) == 1
		if !silent && (!May(r, ActLookUp) || (i > 0 && p.Roles[i-1] >= r)) {
			return false
		}
	}
	return !p.IsZero() && p.soundLinks()
}

// DatedPolicy is what a place said in one entry, and from when on it holds.
type DatedPolicy struct {
	From     Day    `cbor:"1,keyasint"`
	Seq      Seq    `cbor:"2,keyasint"`
	Recorded Time   `cbor:"3,keyasint"`
	Says     Policy `cbor:"4,keyasint"`
}

// AddPolicy folds an entry into what a place has said, in the order of days and
// for one day in the order of entries. The list it is given stays as it is.
func AddPolicy(said []DatedPolicy, e *PolicyRecorded, seq Seq, at Time) []DatedPolicy {
	n := len(said)
	for n > 0 && said[n-1].From > e.From {
		n--
	}
	out := make([]DatedPolicy, 0, len(said)+1)
	out = append(append(out, said[:n]...), DatedPolicy{From: e.From, Seq: seq, Recorded: at, Says: e.Says})
	return append(out, said[n:]...)
}

// RecordPolicy asks to record what a place says from a day on. The reason travels sealed.
type RecordPolicy struct {
	Place string `cbor:"1,keyasint"`
	From  Day    `cbor:"2,keyasint"`
	Says  Policy `cbor:"3,keyasint"`
}

// PolicyRecorded says it.
type PolicyRecorded struct {
	Place   string `cbor:"1,keyasint"`
	From    Day    `cbor:"2,keyasint"`
	Says    Policy `cbor:"3,keyasint"`
	Profile Seq    `cbor:"4,keyasint,omitempty"`
}

// Kind implements [Event].
func (PolicyRecorded) Kind() Kind { return KindPolicyRecorded }

// Number implements [Request].
func (*RecordPolicy) Number() RequestKind { return RequestRecordPolicy }

// Discloses implements [Request].
func (*RecordPolicy) Discloses() bool { return false }

func (*RecordPolicy) action() Action { return ActRecordPolicy }

func (q *RecordPolicy) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	if q.Place != Nation {
		if _, ok, err := d.Organisation(q.Place); err != nil {
			return err
		} else if !ok {
			d.refuse(RefusedNotFound)
			return nil
		}
	}
	switch {
	case !q.Says.sound():
		d.refuse(RefusedState)
	case q.From < d.today():
		// What held on a day that is over must have one answer for ever.
		d.refuse(RefusedPast)
	case len(d.sealed(PayloadReason)) == 0:
		d.refuse(RefusedReasonMissing)
	default:
		d.record(&PolicyRecorded{Place: q.Place, From: q.From, Says: q.Says, Profile: d.profile}, PersonRef{}, d.sealed(PayloadReason)...)
	}
	return nil
}
