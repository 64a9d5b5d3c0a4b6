package ledger

// NHS numbers change. One that is superseded belongs to the same person as
// another: plans and history follow to the new one, and the old one still finds
// them. One that is inactive with no replacement, as on adoption, is never linked
// to whatever comes after it: the authorities that hold a plan have a task.

// SupersedeNumber asks to link a number to the one that replaced it.
type SupersedeNumber struct {
	Old   PersonRef `cbor:"1,keyasint"`
	New   PersonRef `cbor:"2,keyasint"`
	Birth Tag       `cbor:"3,keyasint"` // of the person's birth date in the register, under the new reference
	Was   Tag       `cbor:"4,keyasint"` // the same under the old one, by which it may still be asked for
}

// NumberSuperseded records it. It stands in the old number's chain; a
// NumberFollowed stands in the new one's.
type NumberSuperseded struct {
	New     PersonRef `cbor:"1,keyasint"`
	Birth   Tag       `cbor:"2,keyasint"`
	Plans   []Seq     `cbor:"3,keyasint,omitempty"` // what follows, by the entries that first recorded it
	Profile Seq       `cbor:"4,keyasint,omitempty"`
	Was     Tag       `cbor:"5,keyasint"`
}

// NumberFollowed tells a new number's chain of the old one, or that they parted.
type NumberFollowed struct {
	Of     Seq  `cbor:"1,keyasint"`
	Parted bool `cbor:"2,keyasint,omitempty"`
}

// PartNumbers asks to undo a link that was wrong.
type PartNumbers struct {
	Old PersonRef `cbor:"1,keyasint"`
}

// NumbersParted undoes a link: what followed goes back, but for plans that were
// recorded again under the new number.
type NumbersParted struct {
	Of      Seq       `cbor:"1,keyasint"` // the entry that linked them
	New     PersonRef `cbor:"2,keyasint"`
	Profile Seq       `cbor:"3,keyasint,omitempty"`
}

// InactivateNumber asks to record that a number is no longer used and has no replacement.
type InactivateNumber struct {
	Person PersonRef `cbor:"1,keyasint"`
}

// NumberInactivated records it, with the authorities that have a task: each
// holds a plan in force under the number.
type NumberInactivated struct {
	Tasks   []string `cbor:"1,keyasint,omitempty"`
	Profile Seq      `cbor:"2,keyasint,omitempty"`
}

// Number is what became of a number, as the views hold it; zero: nothing.
type Number struct {
	Seq      Seq       `cbor:"1,keyasint"`
	New      PersonRef `cbor:"2,keyasint,omitzero"`
	Plans    []Seq     `cbor:"3,keyasint,omitempty"` // what followed, and the birth tags it had
	Births   []Tag     `cbor:"4,keyasint,omitempty"`
	Inactive bool      `cbor:"5,keyasint,omitempty"`
	Birth    Tag       `cbor:"6,keyasint,omitzero"` // of the register's birth date under the new number
	Was      Tag       `cbor:"7,keyasint,omitzero"` // and under this one
}

// Codes of rows with a number that changed.
const (
	RowSuperseded = "number-superseded"
	RowInactive   = "number-inactive"
)

// Kind implements [Event].
func (NumberSuperseded) Kind() Kind  { return KindNumberSuperseded }
func (NumberFollowed) Kind() Kind    { return KindNumberFollowed }
func (NumbersParted) Kind() Kind     { return KindNumbersParted }
func (NumberInactivated) Kind() Kind { return KindNumberInactivated }

// Number implements [Request].
func (*SupersedeNumber) Number() RequestKind  { return RequestSupersedeNumber }
func (*PartNumbers) Number() RequestKind      { return RequestPartNumbers }
func (*InactivateNumber) Number() RequestKind { return RequestInactivateNumber }

// Discloses implements [Request].
func (*SupersedeNumber) Discloses() bool  { return false }
func (*PartNumbers) Discloses() bool      { return false }
func (*InactivateNumber) Discloses() bool { return false }

func (*SupersedeNumber) action() Action  { return ActRecordNumber }
func (*PartNumbers) action() Action      { return ActRecordNumber }
func (*InactivateNumber) action() Action { return ActRecordNumber }

func (q *SupersedeNumber) about() PersonRef  { return q.Old }
func (q *PartNumbers) about() PersonRef      { return q.Old }
func (q *InactivateNumber) about() PersonRef { return q.Person }

func (q *SupersedeNumber) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	was, err := d.NumberOf(q.Old)
	if err != nil {
		return err
	}
	// Following from the new number must not come back to the old one.
	end, err := d.follow(q.New)
	if err != nil {
		return err
	}
	to, err := d.NumberOf(end)
	if err != nil {
		return err
	}
	if to.Inactive || q.Birth.IsZero() || q.Was.IsZero() || q.New.IsZero() || was.Seq != 0 || end == q.Old {
		d.refuse(RefusedState)
		return nil
	}
	plans, err := d.View.Plans(q.Old)
	if err != nil {
		return err
	}
	e := &NumberSuperseded{New: q.New, Birth: q.Birth, Was: q.Was, Profile: d.profile}
	for i := range plans {
		e.Plans = append(e.Plans, plans[i].First)
	}
	seq := d.record(e, q.Old, d.sealed(PayloadReason)...)
	d.record(&NumberFollowed{Of: seq}, q.New)
	return nil
}

// follow returns the number that a number leads to in the end.
func (d *decider) follow(p PersonRef) (PersonRef, error) {
	for {
		n, err := d.NumberOf(p)
		if err != nil || n.New.IsZero() {
			return p, err
		}
		p = n.New
	}
}

// birthAsked returns the tag of the birth date that a lookup gave, as the number
// has it to which the one asked for leads: a tag is of its number.
func (d *decider) birthAsked(q *LookUp) (Tag, error) {
	birth := q.Birth
	for p := q.Person; d.two() && !birth.IsZero(); {
		n, err := d.NumberOf(p)
		if err != nil || n.New.IsZero() {
			return birth, err
		}
		if birth == n.Was {
			birth = n.Birth
		}
		p = n.New
	}
	return birth, nil
}

func (q *PartNumbers) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	was, err := d.NumberOf(q.Old)
	if err != nil {
		return err
	}
	if was.New.IsZero() {
		d.refuse(RefusedState)
		return nil
	}
	// What went further with the new number comes back with that first.
	if next, err := d.NumberOf(was.New); err != nil {
		return err
	} else if !next.New.IsZero() {
		d.refuse(RefusedState)
		return nil
	}
	seq := d.record(&NumbersParted{Of: was.Seq, New: was.New, Profile: d.profile}, q.Old, d.sealed(PayloadReason)...)
	d.record(&NumberFollowed{Of: seq, Parted: true}, was.New)
	return nil
}

func (q *InactivateNumber) decide(d *decider) error {
	if !d.under(2) {
		return nil
	}
	was, err := d.NumberOf(q.Person)
	if err != nil {
		return err
	}
	if was.Seq != 0 {
		d.refuse(RefusedState)
		return nil
	}
	plans, err := d.View.Plans(q.Person)
	if err != nil {
		return err
	}
	e := &NumberInactivated{Profile: d.profile}
	var live []*Plan
	for i := range plans {
		if plans[i].Active(d.today()) {
			live = append(live, &plans[i])
		}
	}
	e.Tasks = authorities(live)
	seq := d.record(e, q.Person, d.sealed(PayloadReason)...)
	for _, a := range e.Tasks {
		d.notify(NotifyInactive, a, seq, q.Person, plansOf(live, a))
	}
	return nil
}

// changed is what is wrong with a row whose number changed. A plan under an
// inactive number can still be ended and deleted: that is how its task is done.
func (d *decider) changed(r *Row) (string, error) {
	n, err := d.NumberOf(r.Person)
	switch {
	case err != nil:
		return "", err
	case !n.New.IsZero():
		return RowSuperseded, nil
	case n.Inactive && r.Delete == 0 && (r.End == 0 || r.End > d.today()):
		return RowInactive, nil
	}
	return "", nil
}

// FollowPlans folds a link: the old number's plans go to the new one's, each
// with the number it is sealed for and the register's birth date. It returns
// them with what the old number's row must remember to go back.
func FollowPlans(old, have []Plan, from PersonRef, e *NumberSuperseded, seq Seq) ([]Plan, Number) {
	n := Number{Seq: seq, New: e.New, Birth: e.Birth, Was: e.Was}
	out := append([]Plan(nil), have...)
	for i := range old {
		p := old[i]
		n.Plans, n.Births = append(n.Plans, p.First), append(n.Births, p.Birth)
		if p.Holder.IsZero() {
			p.Holder = from
		}
		p.Birth = e.Birth
		out = append(out, p)
	}
	return out, n
}

// PartPlans undoes that: it returns the plans that go back and those that stay.
// What was recorded again under the new number is sealed for it, and stays.
func PartPlans(have []Plan, to PersonRef, n *Number) (back, stay []Plan) {
	for i := range have {
		p, at := have[i], -1
		for j, first := range n.Plans {
			if first == p.First {
				at = j
			}
		}
		if at < 0 || p.Holder.IsZero() {
			stay = append(stay, p)
			continue
		}
		p.Birth = n.Births[at]
		if p.Holder == to {
			p.Holder = PersonRef{}
		}
		back = append(back, p)
	}
	return back, stay
}
