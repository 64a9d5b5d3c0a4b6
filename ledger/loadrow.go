package ledger

// Rows under rules version 2. Beside what version 1 decides: what one file says
// of one plan twice is not believed twice; a second plan that the same file
// states beside the first is a plan of its own; a plan that could never be shown
// is not taken in; and an end up to the 18th birthday can still be put right
// after it.

// loadRows decides and records the rows of one chunk.
func (d *decider) loadRows(rows []Row, u *Upload) error {
	d.stood = make(map[Item]Standing)
	for i := range rows {
		e, err := d.loadRow(&rows[i], u)
		if err != nil {
			return err
		}
		seq := d.record(e, rows[i].Person, d.row(rows[i].N)...)
		d.keepRow(e, u.Opened, seq)
		if err := d.leave(e, u.Authority); err != nil {
			return err
		}
	}
	return nil
}

// checkRows says what loading the rows would do. Rows see what those before
// them in the same command would have changed.
func (d *decider) checkRows(rows []Row) error {
	u := Upload{Authority: d.c.Actor.Organisation, Opened: d.head.Size} // an entry that opened no upload
	d.stood = make(map[Item]Standing)
	codes := make([]string, len(rows))
	for i := range rows {
		e, err := d.loadRow(&rows[i], &u)
		if err != nil {
			return err
		}
		status, code := RowStatus(e)
		switch status {
		case "rejected":
			codes[i] = code
		case "unmatched":
			codes[i] = status + "/" + code
		default:
			codes[i] = status
		}
		d.keepRow(e, u.Opened, d.head.Size+1+Seq(i))
	}
	d.record(&RowsChecked{Codes: codes, Profile: d.profile}, PersonRef{})
	return nil
}

// keepRow lets later rows of the command see what this one does.
func (d *decider) keepRow(e Event, opened, seq Seq) {
	switch e := e.(type) {
	case *PlanRecorded:
		p := e.Row.Person
		plans := RecordPlan(d.plans[p], e, e.Authority, seq, d.now)
		NamePlanIn(plans, seq, opened)
		d.plans[p] = plans
	case *PlanUnchanged:
		p := e.Row.Person
		d.plans[p] = NamePlan(d.plans[p], e.Of, opened)
	case *PlanDeleted:
		if plans, ok := d.plans[e.Row.Person]; ok {
			d.plans[e.Row.Person] = DeletePlan(plans, e.Of)
		}
	case *PlanUnmatched:
		if at, ok := ItemOf(&e.Row); ok {
			d.stood[at] = e.Stand(Standing{}, seq, opened, d.now) // how long it has stood is the view's to know
		}
	}
}

// NamePlan notes in a person's plans that an upload's file named one of them.
func NamePlan(plans []Plan, seq, opened Seq) []Plan {
	out := append([]Plan(nil), plans...)
	NamePlanIn(out, seq, opened)
	return out
}

// NamePlanIn is [NamePlan] of plans that nobody else has, as [RecordPlan] has just made them.
func NamePlanIn(plans []Plan, seq, opened Seq) {
	for i := range plans {
		if plans[i].Seq == seq {
			plans[i].Named = opened
		}
	}
}

// plansNow returns a person's plans with what this command has already changed.
func (d *decider) plansNow(p PersonRef) ([]Plan, error) {
	plans, ok := d.plans[p]
	if !ok {
		var err error
		if plans, err = d.View.Plans(p); err != nil {
			return nil, err
		}
		d.plans[p] = plans
	}
	return plans, nil
}

// loadRow says what one row does to the plans its authority holds.
func (d *decider) loadRow(r *Row, u *Upload) (Event, error) {
	today := d.today()
	reject := func(code string) (Event, error) {
		return &PlanRejected{Row: *r, Authority: u.Authority, Code: code}, nil
	}
	if code := r.wrong(today); code != "" {
		return reject(code)
	}
	if r.Match == Unmatched {
		return d.unmatched(r, u)
	}
	if r.Person.IsZero() {
		return reject(RowPersonRequired)
	}
	if code, err := d.changed(r); err != nil {
		return nil, err
	} else if code != "" {
		return reject(code)
	}
	plans, err := d.plansNow(r.Person)
	if err != nil {
		return nil, err
	}
	was := r.match(plans, u)
	switch {
	case r.Delete != 0 && was == nil:
		return reject(RowDeleteUnknown)
	case r.Delete != 0:
		return &PlanDeleted{Row: *r, Authority: u.Authority, Of: was.Seq}, nil
	case r.grown(today, was):
		return reject(RowOver18)
	case was == nil && r.pastShowing(today):
		return reject(RowEndedLongAgo)
	case was == nil && len(plans) >= maxPlans:
		return reject(RowTooManyPlans)
	case was == nil:
		return &PlanRecorded{Row: *r, Authority: u.Authority, Change: PlanNew, Upload: u.ID}, nil
	case r.says(was):
		return &PlanUnchanged{Row: *r, Authority: u.Authority, Of: was.Seq}, nil
	case was.Named == u.Opened:
		return reject(RowTwice)
	case was.End == 0 && r.End != 0 && was.Start == r.Start:
		return &PlanRecorded{Row: *r, Authority: u.Authority, Change: PlanEnded, Of: was.Seq, Upload: u.ID}, nil
	}
	return &PlanRecorded{Row: *r, Authority: u.Authority, Change: PlanCorrected, Of: was.Seq, Upload: u.ID}, nil
}

// wrong is what is wrong with a row in itself.
func (r *Row) wrong(today Day) string {
	switch {
	case r.Fault != "":
		return r.Fault
	case r.End != 0 && r.End < r.Start:
		return RowEndBeforeStart
	case r.Start > today:
		return RowStartInFuture
	case r.Delete > today:
		return RowDeleteInFuture
	case r.Type == UnbornChild && r.End == 0 && r.Delete == 0:
		return RowUnbornNeedsEnd
	}
	return ""
}

// grown reports whether a row claims an own plan beyond the 18th birthday. One
// that gives a plan we hold an end up to that day is a correction like another.
func (r *Row) grown(today Day, was *Plan) bool {
	if r.Type == UnbornChild || r.LastDay == 0 {
		return false
	}
	if r.Start > r.LastDay {
		return true
	}
	return today > r.LastDay && (was == nil || r.End == 0 || r.End > r.LastDay)
}

// pastShowing reports whether the row's plan would be shown to nobody any more.
func (r *Row) pastShowing(today Day) bool {
	p := Plan{Type: r.Type, Start: r.Start, End: r.End, LastDay: r.LastDay}
	until := p.VisibleUntil()
	return until != 0 && until < today
}

// says reports whether the row says of the plan what is held already.
func (r *Row) says(was *Plan) bool {
	return was.Content == r.Content && was.Start == r.Start && was.End == r.End && was.Restricted == r.Restricted &&
		was.Worker == r.Worker && was.Team == r.Team
}

// match finds the plan that a row speaks of: the one of the same authority,
// person, type and start, or one that it overlaps and that the file has not
// named yet. Unborn plans with different local ids are twins.
func (r *Row) match(plans []Plan, u *Upload) *Plan {
	var overlapping *Plan
	for i := range plans {
		p := &plans[i]
		if p.Authority != u.Authority || p.Type != r.Type {
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
		if overlapping == nil && r.Delete == 0 && p.Named != u.Opened && p.overlaps(r.Start, r.End) {
			overlapping = p
		}
	}
	return overlapping
}
