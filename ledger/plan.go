package ledger

// PlanType is what kind of protection a person has.
type PlanType uint8

// The three plan types of CP-IS.
const (
	ChildProtection PlanType = iota + 1 // child protection plan
	LookedAfter                         // looked-after child
	UnbornChild                         // unborn child's plan, held against the mother
)

// days after its end during which a plan is still shown.
const (
	shownAfterEnd       = 365 // an own plan that ended fewer days ago than this is shown
	shownAfterUnbornEnd = 28  // an unborn child's plan is shown up to this many days after its end
)

// String returns the type as answers spell it.
func (t PlanType) String() string {
	switch t {
	case ChildProtection:
		return "child-protection-plan"
	case LookedAfter:
		return "looked-after-child"
	case UnbornChild:
		return "unborn-child-protection-plan"
	}
	return "unknown"
}

// ParsePlanType reads an upload's code: CPP, LAC or UCPP.
func ParsePlanType(s string) (PlanType, bool) {
	switch s {
	case "CPP":
		return ChildProtection, true
	case "LAC":
		return LookedAfter, true
	case "UCPP":
		return UnbornChild, true
	}
	return 0, false
}

// Plan is a plan as the views hold it: dates, never a status.
type Plan struct {
	Seq        Seq      `cbor:"1,keyasint"` // the entry that discloses it
	First      Seq      `cbor:"2,keyasint"` // the entry that first recorded it
	Authority  string   `cbor:"3,keyasint"`
	Type       PlanType `cbor:"4,keyasint"`
	Start      Day      `cbor:"5,keyasint"`
	End        Day      `cbor:"6,keyasint,omitempty"`
	LastDay    Day      `cbor:"7,keyasint,omitempty"` // the 18th birthday; zero for an unborn child's plan
	Birth      Tag      `cbor:"8,keyasint"`
	Local      Tag      `cbor:"9,keyasint,omitzero"`
	Content    Tag      `cbor:"10,keyasint"`
	Restricted bool     `cbor:"11,keyasint,omitempty"`
	Recorded   Time     `cbor:"12,keyasint"`           // when it was first recorded
	Changed    Time     `cbor:"13,keyasint"`           // when it was last changed
	EndWas     Day      `cbor:"14,keyasint,omitempty"` // its end before the last change

	// Where its sealed details are: the command and row they are bound to, and their key.
	Command ID  `cbor:"15,keyasint"`
	Row     int `cbor:"16,keyasint"`
	Key     ID  `cbor:"17,keyasint,omitzero"`

	// Named is the entry that opened the last upload whose file named the plan,
	// under rules version 2 or later.
	Named Seq `cbor:"18,keyasint,omitempty"`
	// Spared is the same for a file of which a rejected row named the person.
	Spared Seq `cbor:"19,keyasint,omitempty"`
	// Sealed is the entry beside which its sealed details are, if that is not Seq.
	Sealed Seq `cbor:"20,keyasint,omitempty"`
	// Holder is whose key seals them, if the plan followed from a number that was superseded.
	Holder PersonRef `cbor:"21,keyasint,omitzero"`

	Worker Tag `cbor:"22,keyasint,omitzero"`
	Team   Tag `cbor:"23,keyasint,omitzero"`

	// Lost is the day on which the pregnancy of an unborn child's plan ended. From
	// then on it is shown nowhere.
	Lost Day `cbor:"24,keyasint,omitempty"`
}

// Details returns the entry beside which the plan's sealed details are.
func (p *Plan) Details() Seq {
	if p.Sealed != 0 {
		return p.Sealed
	}
	return p.Seq
}

// end is the last day on which the plan is in force, or zero while it has
// none. A person's own plan ends on the 18th birthday at the latest.
func (p *Plan) end(stated Day) Day {
	if p.Lost != 0 && (stated == 0 || stated >= p.Lost) {
		return p.Lost - 1
	}
	if p.LastDay != 0 && (stated == 0 || stated > p.LastDay) {
		return p.LastDay
	}
	return stated
}

// Active reports whether the plan is in force on a day: from its start to its
// end, both included, as a FHIR Period has it.
func (p *Plan) Active(on Day) bool { return p.activeWith(on, p.End) }

func (p *Plan) activeWith(on, stated Day) bool {
	end := p.end(stated)
	return p.Start <= on && (end == 0 || on <= end)
}

// Visible reports whether a lookup on a day shows the plan: while it is in
// force, and then while it ended less than 365 days ago; an unborn child's
// plan, for a mother of any age, until 28 days after its end.
func (p *Plan) Visible(on Day) bool {
	until := p.VisibleUntil()
	return p.Start <= on && (until == 0 || on <= until)
}

// VisibleUntil returns the last day on which the plan is shown, or zero while
// it has no end.
func (p *Plan) VisibleUntil() Day {
	end := p.end(p.End)
	switch {
	case p.Lost != 0:
		return p.Lost - 1
	case end == 0:
		return 0
	case p.Type == UnbornChild:
		return end + shownAfterUnbornEnd
	}
	return end + shownAfterEnd - 1
}

// wasActive reports whether, by what was known at a moment, the plan was in
// force then.
func (p *Plan) wasActive(at Time) bool {
	if p.Recorded > at {
		return false
	}
	stated := p.End
	if p.Changed > at {
		stated = p.EndWas
	}
	return p.activeWith(at.Day(), stated)
}

// wasVisible reports whether, by what was known at a moment, the plan was shown then.
func (p *Plan) wasVisible(at Time) bool {
	if p.Recorded > at {
		return false
	}
	q := *p
	if p.Changed > at {
		q.End = p.EndWas
	}
	return q.Visible(at.Day())
}

// overlaps reports whether two spans of days share one.
func (p *Plan) overlaps(start, end Day) bool {
	last := p.end(p.End)
	return (last == 0 || start <= last) && (end == 0 || p.Start <= end)
}

// Hidden says what of a person's record one role does not see.
type Hidden struct {
	Whereabouts bool // where and when the person was seen
	History     bool // who looked
}

// Hide is the one function that decides what "restricted" hides, for every
// kind of read: lookup, history, caseload, trail, notification, export.
func Hide(restricted bool, r Role) Hidden {
	if !restricted || r == RoleIGOfficer {
		return Hidden{}
	}
	return Hidden{Whereabouts: true, History: true}
}

// AnyRestricted reports whether any authority's plan says that the person is
// restricted: where one says so, the others' plans hide as much.
func AnyRestricted(plans []Plan) bool {
	for i := range plans {
		if plans[i].Restricted {
			return true
		}
	}
	return false
}

// RecordPlan folds one plan event into a person's plans and returns them. The
// projection and the decision of a later row of the same upload use it alike.
func RecordPlan(plans []Plan, e *PlanRecorded, authority string, seq Seq, at Time) []Plan {
	n := Plan{
		Seq: seq, First: seq, Authority: authority, Type: e.Row.Type, Start: e.Row.Start, End: e.Row.End,
		LastDay: e.Row.LastDay, Birth: e.Row.Birth, Local: e.Row.Local, Content: e.Row.Content,
		Restricted: e.Row.Restricted, Recorded: at, Changed: at, Worker: e.Row.Worker, Team: e.Row.Team,
	}
	for i := range plans {
		if e.Change != PlanNew && plans[i].Seq == e.Of {
			n.First, n.Recorded, n.EndWas = plans[i].First, plans[i].Recorded, plans[i].End
			out := append([]Plan(nil), plans...)
			out[i] = n
			return out
		}
	}
	return append(plans[:len(plans):len(plans)], n)
}

// DeletePlan removes a plan that was recorded in error from a person's plans.
func DeletePlan(plans []Plan, of Seq) []Plan {
	out := make([]Plan, 0, len(plans))
	for i := range plans {
		if plans[i].Seq != of {
			out = append(out, plans[i])
		}
	}
	return out
}
