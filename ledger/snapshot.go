package ledger

// A file is a statement about what is in it. Only one that is declared a full
// snapshot also says something of what is not: those plans have ended. Since a
// truncated file would then hide children, one that would end many of them waits
// for a second person.

const (
	// heldFrom and heldShare: a snapshot waits if it would end at least this
	// many plans and more than this share, in hundredths, of those in force.
	heldFrom  = 5
	heldShare = 2
	// heldFor is how long a second person may approve it; then it is over, and a
	// new snapshot says how things are by then.
	heldFor = 72 * Hour
)

// SnapshotHeld records that a snapshot was loaded but for its ends.
type SnapshotHeld struct {
	Upload   ID  `cbor:"1,keyasint"`
	Ends     int `cbor:"2,keyasint"`           // plans that would end
	Live     int `cbor:"3,keyasint"`           // plans of the authority in force
	Nameless int `cbor:"4,keyasint,omitempty"` // rows that could not be read so far as to tell whom they name
}

// ApproveSnapshot asks to let a held snapshot's ends happen.
type ApproveSnapshot struct {
	Upload ID `cbor:"1,keyasint"`
}

// SnapshotApproved heads the ends that a second person let happen: as many
// PlanLapsed follow as it counts.
type SnapshotApproved struct {
	Upload  ID  `cbor:"1,keyasint"`
	Held    Seq `cbor:"2,keyasint"` // the entry that held it
	Ended   int `cbor:"3,keyasint"`
	Profile Seq `cbor:"4,keyasint,omitempty"`
}

// PlanLapsed ends a plan that a full snapshot did not name. What is sealed of it
// stays with the entry that recorded it.
type PlanLapsed struct {
	Of        Seq    `cbor:"1,keyasint"`
	Authority string `cbor:"2,keyasint"`
	End       Day    `cbor:"3,keyasint"`
	Upload    ID     `cbor:"4,keyasint"`
}

// Kind implements [Event].
func (SnapshotHeld) Kind() Kind     { return KindSnapshotHeld }
func (SnapshotApproved) Kind() Kind { return KindSnapshotApproved }
func (PlanLapsed) Kind() Kind       { return KindPlanLapsed }

// Number implements [Request].
func (*ApproveSnapshot) Number() RequestKind { return RequestApproveSnapshot }

// Discloses implements [Request].
func (*ApproveSnapshot) Discloses() bool { return false }

func (*ApproveSnapshot) action() Action { return ActApproveSnapshot }

// absent is a plan in force that a snapshot did not name.
type absent struct {
	person PersonRef
	plan   *Plan
}

// Absent reports whether a snapshot ends a plan: it is its authority's, in
// force beyond the day the file came, and no row of the file named it. A row
// that was rejected spares every plan of the person it names: a slip of the pen
// must not hide a child.
func (u *Upload) Absent(p *Plan, today Day) bool {
	end := p.end(p.End)
	return p.Authority == u.Authority && p.Active(today) && (end == 0 || end > u.At.Day()) &&
		p.Named != u.Opened && p.Spared != u.Opened
}

// absent lists the plans that a snapshot would end, and counts those in force.
func (d *decider) absent(u *Upload) (gone []absent, live int, err error) {
	today := d.today()
	people, err := d.Holders(u.Authority)
	if err != nil {
		return nil, 0, err
	}
	for _, person := range people {
		plans, err := d.View.Plans(person)
		if err != nil {
			return nil, 0, err
		}
		for i := range plans {
			p := &plans[i]
			if p.Authority == u.Authority && p.Active(today) {
				live++
			}
			if u.Absent(p, today) {
				gone = append(gone, absent{person, p})
			}
		}
	}
	return gone, live, nil
}

// Waits reports whether so many ends of so many plans in force wait for a
// second person. Rows that name nobody might have named any of them.
func Waits(ends, live, nameless int) bool {
	return ends > 0 && nameless > 0 || ends >= heldFrom && ends*100 > live*heldShare
}

// closeSnapshot ends what the snapshot did not name, or holds it.
func (d *decider) closeSnapshot(u *Upload) error {
	gone, live, err := d.absent(u)
	if err != nil {
		return err
	}
	closed := &UploadClosed{Accepted: u.Accepted, Rejected: u.Rejected, Profile: d.profile, Snapshot: true, Unmatched: u.Unmatched}
	left, err := d.left(u)
	if err != nil {
		return err
	}
	if Waits(len(gone), live, u.Nameless) {
		d.record(closed, PersonRef{})
		d.record(&SnapshotHeld{Upload: u.ID, Ends: len(gone), Live: live, Nameless: u.Nameless}, PersonRef{})
		return nil
	}
	closed.Ended = len(gone)
	d.record(closed, PersonRef{})
	d.lapse(gone, u)
	for i := range left {
		d.record(&left[i], PersonRef{})
	}
	return nil
}

// Simulate says what a person's plans would be after a file's rows about them,
// in order; rejected rows have a Fault. It is what a dry run counts with.
func (u *Upload) Simulate(plans []Plan, rows []Row) []Plan {
	for i := range rows {
		r := &rows[i]
		was := r.match(plans, u)
		switch {
		case r.Fault != "" || r.Match == Unmatched:
			plans = SparePlans(plans, u.Authority, u.Opened)
		case r.Delete != 0 && was != nil:
			plans = DeletePlan(plans, was.Seq)
		case was != nil:
			plans = NamePlan(plans, was.Seq, u.Opened)
		case r.Delete == 0:
			seq := u.Opened + 1 + Seq(i)
			plans = NamePlan(RecordPlan(plans, &PlanRecorded{Row: *r, Change: PlanNew}, u.Authority, seq, u.At), seq, u.Opened)
		}
	}
	return plans
}

// lapse ends plans on the day the snapshot came.
func (d *decider) lapse(gone []absent, u *Upload) {
	for _, g := range gone {
		d.record(&PlanLapsed{Of: g.plan.Seq, Authority: u.Authority, End: max(u.At.Day(), g.plan.Start), Upload: u.ID}, g.person)
	}
}

func (q *ApproveSnapshot) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	u, ok, err := d.Upload(q.Upload)
	if err != nil {
		return err
	}
	last, err := d.LastUpload(u.Authority)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		d.refuse(RefusedNotFound)
		return nil
	case u.Authority != d.c.Actor.Organisation:
		d.deny(RefusedOtherAuthority, 0)
		return nil
	case u.Held == 0 || u.Approved != 0:
		d.refuse(RefusedState)
		return nil
	case last.Sequence > u.Sequence:
		d.refuse(RefusedOvertaken)
		return nil
	case d.now-u.HeldAt > heldFor:
		d.refuse(RefusedExpired)
		return nil
	case u.hand(d.c.Actor.ID()):
		d.deny(RefusedSecondPerson, 0)
		return nil
	case len(d.sealed(PayloadReason)) == 0:
		d.refuse(RefusedReasonMissing)
		return nil
	}
	gone, _, err := d.absent(&u)
	if err != nil {
		return err
	}
	left, err := d.left(&u)
	if err != nil {
		return err
	}
	d.record(&SnapshotApproved{Upload: u.ID, Held: u.Held, Ended: len(gone), Profile: d.profile}, PersonRef{}, d.sealed(PayloadReason)...)
	d.lapse(gone, &u)
	for i := range left {
		d.record(&left[i], PersonRef{})
	}
	return nil
}

func (u *Upload) hand(a ActorID) bool {
	for _, h := range u.Hands {
		if h == a {
			return true
		}
	}
	return false
}

// Touch notes that an actor had a hand in the upload.
func (u *Upload) Touch(a ActorID) {
	if !u.hand(a) {
		u.Hands = append(u.Hands[:len(u.Hands):len(u.Hands)], a)
	}
}

// LapsePlan folds the end of a plan that a snapshot did not name.
func LapsePlan(plans []Plan, e *PlanLapsed, seq Seq, at Time) []Plan {
	out := append([]Plan(nil), plans...)
	for i := range out {
		p := &out[i]
		if p.Seq != e.Of {
			continue
		}
		if p.Sealed == 0 {
			p.Sealed = p.Seq
		}
		p.Seq, p.EndWas, p.End, p.Changed = seq, p.End, e.End, at
	}
	return out
}

// SparePlans folds a rejected row that names a person: the same file's being a
// snapshot does not end what the authority holds of them.
func SparePlans(plans []Plan, authority string, opened Seq) []Plan {
	out := append([]Plan(nil), plans...)
	for i := range out {
		if out[i].Authority == authority {
			out[i].Spared = opened
		}
	}
	return out
}
