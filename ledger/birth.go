package ledger

// A birth links a baby to its mother. An unborn child's plan is held against the
// mother; until the baby has a plan of its own, her plan is shown on the baby too,
// so that nobody who looks the baby up in its first days finds nothing. The link
// leads no further: of the mother herself it shows nothing, and to look her up is
// a lookup of its own, in her trail.

// MaxBabies is how many one birth may have.
const MaxBabies = 8

// Baby is one child of a birth.
type Baby struct {
	Person  PersonRef `cbor:"1,keyasint"`
	LastDay Day       `cbor:"2,keyasint"` // the 18th birthday
	Birth   Tag       `cbor:"3,keyasint,omitzero"`
}

// RecordBirth asks to link babies to their mother.
type RecordBirth struct {
	Mother PersonRef `cbor:"1,keyasint"`
	Babies []Baby    `cbor:"2,keyasint"`
}

// TakeBackBirth asks to undo a link that was wrong. The reason travels sealed.
type TakeBackBirth struct {
	Baby PersonRef `cbor:"1,keyasint"`
}

// EndPregnancy asks to record that a pregnancy has ended without a birth.
type EndPregnancy struct {
	Mother PersonRef `cbor:"1,keyasint"`
}

// LookUpMother asks for the mother of a baby that the same actor has looked up.
type LookUpMother struct {
	Access     Seq      `cbor:"1,keyasint"`
	Declared   Declared `cbor:"2,keyasint,omitempty"`
	Attendance Tag      `cbor:"3,keyasint,omitzero"`
	Reasoned   bool     `cbor:"4,keyasint,omitempty"`
	System     bool     `cbor:"5,keyasint,omitempty"` // a system asks, for which nobody can be named here: it is denied
}

// BirthRecorded stands in the mother's chain with her babies, and in each baby's
// with its mother.
type BirthRecorded struct {
	Babies    []Baby    `cbor:"1,keyasint,omitempty"`
	Mother    PersonRef `cbor:"2,keyasint,omitzero"`
	LastDay   Day       `cbor:"3,keyasint,omitempty"`
	Birth     Tag       `cbor:"4,keyasint,omitzero"`
	TakenBack bool      `cbor:"5,keyasint,omitempty"` // the link was wrong
	Profile   Seq       `cbor:"6,keyasint,omitempty"`
	N         int       `cbor:"7,keyasint,omitempty"` // which of the babies, from 1: its number travels sealed
}

func (e *BirthRecorded) row() int { return e.N }

// PregnancyEnded takes a mother's unborn children's plans out of every answer from
// its day on, but for those that are recorded otherwise later.
type PregnancyEnded struct {
	Plans   []Seq `cbor:"1,keyasint,omitempty"` // by the entries that first recorded them
	Profile Seq   `cbor:"2,keyasint,omitempty"`
}

// Birth is a baby's link to its mother as the views hold it.
type Birth struct {
	Mother  PersonRef `cbor:"1,keyasint"`
	Seq     Seq       `cbor:"2,keyasint"`
	LastDay Day       `cbor:"3,keyasint"`
	Birth   Tag       `cbor:"4,keyasint,omitzero"`
}

// UnderOne reports whether the baby has not had its first birthday.
func (b *Birth) UnderOne(on Day) bool { return on < b.LastDay.AddYears(-17) }

// motherWithin is how long after a lookup of the baby its mother may be looked up by it.
const motherWithin = 24 * Hour

// Kind implements [Event].
func (BirthRecorded) Kind() Kind  { return KindBirthRecorded }
func (PregnancyEnded) Kind() Kind { return KindPregnancyEnded }

// Number implements [Request].
func (*RecordBirth) Number() RequestKind   { return RequestRecordBirth }
func (*TakeBackBirth) Number() RequestKind { return RequestTakeBackBirth }
func (*EndPregnancy) Number() RequestKind  { return RequestEndPregnancy }
func (*LookUpMother) Number() RequestKind  { return RequestLookUpMother }

// Discloses implements [Request].
func (*RecordBirth) Discloses() bool   { return false }
func (*TakeBackBirth) Discloses() bool { return false }
func (*EndPregnancy) Discloses() bool  { return false }
func (*LookUpMother) Discloses() bool  { return true }

func (*RecordBirth) action() Action   { return ActRecordBirth }
func (*TakeBackBirth) action() Action { return ActRecordBirth }
func (*EndPregnancy) action() Action  { return ActRecordBirth }
func (*LookUpMother) action() Action  { return ActLookUp }

func (q *RecordBirth) about() PersonRef   { return q.Mother }
func (q *TakeBackBirth) about() PersonRef { return q.Baby }
func (q *EndPregnancy) about() PersonRef  { return q.Mother }

// PlansOf returns the plans that are shown of a person: the own ones, or of a baby
// without any the unborn children's plans of its mother, with the link.
func PlansOf(v View, p PersonRef) ([]Plan, *Birth, error) {
	plans, err := v.Plans(p)
	if err != nil || len(plans) > 0 {
		return plans, nil, err
	}
	b, ok, err := v.Birth(p)
	if err != nil || !ok {
		return nil, nil, err
	}
	hers, err := v.Plans(b.Mother)
	if err != nil {
		return nil, nil, err
	}
	for i := range hers {
		if hers[i].Type == UnbornChild {
			plans = append(plans, hers[i])
		}
	}
	return plans, &b, nil
}

// mayRecordBirth reports whether the actor may speak of the mother: a care setting
// may, and an authority that holds a visible plan of hers. Others are denied.
func (d *decider) mayRecordBirth(mother PersonRef) (bool, error) {
	if d.c.Actor.Role == RoleClinician {
		_, ok, err := d.careSetting()
		return ok, err
	}
	plans, err := d.View.Plans(mother)
	if err != nil {
		return false, err
	}
	for i := range plans {
		if plans[i].Authority == d.c.Actor.Organisation && plans[i].Visible(d.today()) {
			return true, nil
		}
	}
	d.deny(RefusedOtherAuthority, 0)
	return false, nil
}

func (q *RecordBirth) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	if ok, err := d.mayRecordBirth(q.Mother); err != nil || !ok {
		return err
	}
	if len(q.Babies) == 0 || len(q.Babies) > MaxBabies || q.Mother.IsZero() {
		d.refuse(RefusedState)
		return nil
	}
	for i, b := range q.Babies {
		_, linked, err := d.Birth(b.Person)
		if err != nil {
			return err
		}
		if linked {
			d.refuse(RefusedAlready)
			return nil
		}
		wrong := b.Person.IsZero() || b.Birth.IsZero() || b.Person == q.Mother || b.LastDay.AddYears(-18) > d.today() || d.today() >= b.LastDay.AddYears(-17)
		for j := range i {
			wrong = wrong || q.Babies[j].Person == b.Person
		}
		if wrong {
			d.refuse(RefusedState)
			return nil
		}
	}
	hers, err := d.unborn(q.Mother)
	if err != nil {
		return err
	}
	d.record(&BirthRecorded{Babies: q.Babies, Profile: d.profile}, q.Mother)
	for i, b := range q.Babies {
		seq := d.record(&BirthRecorded{Mother: q.Mother, LastDay: b.LastDay, Birth: b.Birth, Profile: d.profile, N: i + 1}, b.Person, d.row(i+1)...)
		d.tellOthers(NotifyBirth, seq, b.Person, hers)
	}
	return nil
}

// unborn lists the mother's visible plans of unborn children.
func (d *decider) unborn(mother PersonRef) ([]*Plan, error) {
	plans, err := d.View.Plans(mother)
	if err != nil {
		return nil, err
	}
	var out []*Plan
	for i := range plans {
		if p := &plans[i]; p.Type == UnbornChild && p.Visible(d.today()) {
			out = append(out, p)
		}
	}
	return out, nil
}

// tellOthers gives a task to the plans' authorities, but for the one that acts.
func (d *decider) tellOthers(t NotificationType, of Seq, p PersonRef, plans []*Plan) {
	for _, a := range authorities(plans) {
		if a != d.c.Actor.Organisation {
			d.notify(t, a, of, p, plansOf(plans, a))
		}
	}
}

func (q *TakeBackBirth) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	b, ok, err := d.Birth(q.Baby)
	if err != nil {
		return err
	}
	if ok, err := d.mayRecordBirth(b.Mother); err != nil || !ok {
		return err
	}
	switch {
	case !ok:
		d.refuse(RefusedNotFound)
		return nil
	case len(d.sealed(PayloadReason)) == 0:
		d.refuse(RefusedReasonMissing)
		return nil
	}
	d.record(&BirthRecorded{Mother: b.Mother, TakenBack: true, Profile: d.profile}, q.Baby, d.sealed(PayloadReason)...)
	d.record(&BirthRecorded{Babies: []Baby{{Person: q.Baby, LastDay: b.LastDay}}, TakenBack: true, Profile: d.profile}, b.Mother)
	return nil
}

// decide records it whether or not there is a plan: that there is none is as much
// said of the mother as that there is one. An authority ends its own plans alone.
func (q *EndPregnancy) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	if ok, err := d.mayRecordBirth(q.Mother); err != nil || !ok {
		return err
	}
	hers, err := d.unborn(q.Mother)
	if err != nil {
		return err
	}
	e := &PregnancyEnded{Profile: d.profile}
	var ended []*Plan
	for _, p := range hers {
		if d.c.Actor.Role == RoleClinician || p.Authority == d.c.Actor.Organisation {
			e.Plans, ended = append(e.Plans, p.First), append(ended, p)
		}
	}
	seq := d.record(e, q.Mother, d.sealed(PayloadReason)...)
	d.tellOthers(NotifyPregnancyEnded, seq, q.Mother, ended)
	return nil
}

func (q *LookUpMother) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	org, ok, err := d.careSetting()
	if err != nil || !ok {
		return err
	}
	a, ok, err := d.Access(q.Access)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		d.refuse(RefusedNotFound)
		return nil
	case a.Actor != d.c.Actor.ID():
		d.deny(RefusedNotOwn, 0)
		return nil
	}
	b, ok, err := d.Birth(a.Person)
	if err != nil {
		return err
	}
	if !ok || !b.UnderOne(d.today()) || d.now-a.At > motherWithin || a.Corrected || a.Outcome == OutcomeMismatch {
		d.refuse(RefusedState)
		return nil
	}
	mother := &LookUp{Person: b.Mother, Declared: q.Declared, Attendance: q.Attendance, Reasoned: q.Reasoned, System: q.System}
	return mother.look(d, org, nil)
}

// LosePlans folds the end of a pregnancy into the mother's plans.
func LosePlans(plans []Plan, e *PregnancyEnded, on Day) []Plan {
	out := append([]Plan(nil), plans...)
	for i := range out {
		for _, first := range e.Plans {
			if out[i].First == first {
				out[i].Lost = on
			}
		}
	}
	return out
}
