package ledger

// Row is one row of an upload, without what is personal: that travels sealed.
type Row struct {
	N          int       `cbor:"1,keyasint"` // from 1, counting rows of data; of a CP-IS file four numbers a record, whose plans take the first of them
	Person     PersonRef `cbor:"2,keyasint,omitzero"`
	Type       PlanType  `cbor:"3,keyasint,omitempty"`
	Start      Day       `cbor:"4,keyasint,omitempty"`
	End        Day       `cbor:"5,keyasint,omitempty"`
	Delete     Day       `cbor:"6,keyasint,omitempty"`
	LastDay    Day       `cbor:"7,keyasint,omitempty"`
	Birth      Tag       `cbor:"8,keyasint,omitzero"`
	Local      Tag       `cbor:"9,keyasint,omitzero"`
	Content    Tag       `cbor:"10,keyasint,omitzero"` // of everything in the row, to tell a change from a repeat
	Restricted bool      `cbor:"11,keyasint,omitempty"`
	Fault      string    `cbor:"12,keyasint,omitempty"` // what the edge found wrong; the row is then rejected

	// Of rules version 2: what the register of demographics said of the person.
	Match  Match  `cbor:"13,keyasint,omitempty"`
	Reason string `cbor:"14,keyasint,omitempty"` // a code: why the row is unmatched
	Twin   bool   `cbor:"15,keyasint,omitempty"` // another person has the same family name and birth date
	Trace  Tag    `cbor:"16,keyasint,omitzero"`  // keyed tag of names and birth date, of a row that may stand unmatched

	// Of rules version 3: keyed tags of the worker and the team allocated to the plan.
	Worker Tag `cbor:"17,keyasint,omitzero"`
	Team   Tag `cbor:"18,keyasint,omitzero"`
}

// Change says how a recorded plan came about.
type Change uint8

// PlanRecorded is a plan that an authority holds, from now on shown to those who may see it.
type PlanRecorded struct {
	Row       Row    `cbor:"1,keyasint"`
	Authority string `cbor:"2,keyasint"`
	Change    Change `cbor:"3,keyasint"`
	Of        Seq    `cbor:"4,keyasint,omitempty"` // the entry it corrects or ends
	Upload    ID     `cbor:"5,keyasint"`
}

// PlanUnchanged records that a row said what was known.
type PlanUnchanged struct {
	Row       Row    `cbor:"1,keyasint"`
	Authority string `cbor:"2,keyasint"`
	Of        Seq    `cbor:"3,keyasint"`
}

// PlanDeleted takes a plan that was recorded in error out of every answer.
type PlanDeleted struct {
	Row       Row    `cbor:"1,keyasint"`
	Authority string `cbor:"2,keyasint"`
	Of        Seq    `cbor:"3,keyasint"`
}

// PlanRejected records a row that was not loaded, and why.
type PlanRejected struct {
	Row       Row    `cbor:"1,keyasint"`
	Authority string `cbor:"2,keyasint"`
	Code      string `cbor:"3,keyasint"`
}

// decideRow says what one row does to the plans its authority holds. A row is
// an upsert by person, type and start; one that overlaps another of the same
// person and type corrects it, except unborn plans with different local ids,
// which are twins.
func (d *decider) decideRow(r *Row, authority string, upload ID) (Event, error) {
	if code := r.fault(d.today()); code != "" {
		return &PlanRejected{Row: *r, Authority: authority, Code: code}, nil
	}
	plans, ok := d.plans[r.Person]
	if !ok {
		var err error
		if plans, err = d.View.Plans(r.Person); err != nil {
			return nil, err
		}
		if d.plans != nil {
			d.plans[r.Person] = plans
		}
	}
	was := r.matches(plans, authority)
	switch {
	case r.Delete != 0 && was == nil:
		return &PlanRejected{Row: *r, Authority: authority, Code: RowDeleteUnknown}, nil
	case r.Delete != 0:
		return &PlanDeleted{Row: *r, Authority: authority, Of: was.Seq}, nil
	case was == nil && len(plans) >= maxPlans:
		return &PlanRejected{Row: *r, Authority: authority, Code: RowTooManyPlans}, nil
	case was == nil:
		return &PlanRecorded{Row: *r, Authority: authority, Change: PlanNew, Upload: upload}, nil
	case was.Content == r.Content && was.Start == r.Start && was.End == r.End:
		return &PlanUnchanged{Row: *r, Authority: authority, Of: was.Seq}, nil
	case was.End == 0 && r.End != 0 && was.Start == r.Start:
		return &PlanRecorded{Row: *r, Authority: authority, Change: PlanEnded, Of: was.Seq, Upload: upload}, nil
	}
	return &PlanRecorded{Row: *r, Authority: authority, Change: PlanCorrected, Of: was.Seq, Upload: upload}, nil
}

func (r *Row) fault(today Day) string {
	switch {
	case r.Fault != "":
		return r.Fault
	case r.End != 0 && r.End < r.Start:
		return RowEndBeforeStart
	case r.Start > today:
		return RowStartInFuture
	case r.Type == UnbornChild && r.End == 0 && r.Delete == 0:
		return RowUnbornNeedsEnd
	case r.Type != UnbornChild && r.LastDay != 0 && today > r.LastDay && r.Delete == 0:
		return RowOver18
	}
	return ""
}

func (r *Row) matches(plans []Plan, authority string) *Plan {
	var overlapping *Plan
	for i := range plans {
		p := &plans[i]
		if p.Authority != authority || p.Type != r.Type {
			continue
		}
		if r.Type == UnbornChild && !p.Local.IsZero() && !r.Local.IsZero() && p.Local != r.Local {
			continue
		}
		if p.Start == r.Start {
			return p
		}
		// A deletion must name the plan by its start: taking out one that merely
		// overlaps could hide a child.
		if overlapping == nil && r.Delete == 0 && p.overlaps(r.Start, r.End) {
			overlapping = p
		}
	}
	return overlapping
}

// RowStatus returns how an acknowledgement spells what became of a row: its
// status, and for a rejected row the code.
func RowStatus(e Event) (status, code string) {
	switch e := e.(type) {
	case *PlanRecorded:
		switch e.Change {
		case PlanCorrected:
			return "corrected", ""
		case PlanEnded:
			return "ended", ""
		}
		return "recorded", ""
	case *PlanUnchanged:
		return "unchanged", ""
	case *PlanDeleted:
		return "deleted", ""
	case *PlanRejected:
		return "rejected", e.Code
	case *PlanUnmatched:
		return "unmatched", e.Row.Reason
	}
	return "", ""
}
