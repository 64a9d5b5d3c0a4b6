package ledger

// What falls due by the passing of time, and of which somebody must be told. The
// leader has a clock and asks; ledger time decides. What was told leaves the list
// of what is due in the same decision, so that asking twice, by two leaders or
// after a failure, tells nobody twice, and a clock that leaps tells nobody less.

// MaxDue is how much one command tells: the leader asks again.
const MaxDue = 64

// lapseWarning is how many days before its end an unborn child's plan that
// nothing follows is a task.
const lapseWarning = 14

// TellDue asks to tell what is due.
type TellDue struct {
	Until Time `cbor:"1,keyasint"` // of the clock that found something due
}

// TransitionsDue heads what is told. The plans' days up to the one named, and of
// that day the people up to the one named, are done with.
type TransitionsDue struct {
	Climbed int       `cbor:"1,keyasint,omitempty"` // notifications that go up a rung
	Tasks   int       `cbor:"2,keyasint,omitempty"` // authorities that have a task
	Through Day       `cbor:"3,keyasint,omitempty"`
	Person  PersonRef `cbor:"4,keyasint,omitzero"`

	// Begun are, from rules version 4 on, the policies of a day to come that hold
	// from now on. Each has its place told.
	Begun []Seq `cbor:"5,keyasint,omitempty"`
	// Links are, from rules version 4 on, how many times a source's links of a
	// person are let go because their time is over: see [LinksOver].
	Links int `cbor:"6,keyasint,omitempty"`
}

// NotificationEscalated puts a notification that nobody acknowledged on a higher rung.
type NotificationEscalated struct {
	Notification Seq  `cbor:"1,keyasint"`
	To           Rung `cbor:"2,keyasint"`
	Next         Time `cbor:"3,keyasint,omitempty"` // when it climbs again; zero: there is no higher rung
}

// DueDay is a day on which something may be due of a person's plans.
type DueDay struct {
	Day    Day
	Person PersonRef
}

// DuePolicy is a policy that begins on a day, and where.
type DuePolicy struct {
	Day   Day
	Seq   Seq
	Place string
}

// Kind implements [Event].
func (TransitionsDue) Kind() Kind        { return KindTransitionsDue }
func (NotificationEscalated) Kind() Kind { return KindNotificationEscalated }

// Number implements [Request].
func (*TellDue) Number() RequestKind { return RequestTellDue }

// Discloses implements [Request].
func (*TellDue) Discloses() bool { return false }

func (*TellDue) action() Action { return ActSystem }

func (q *TellDue) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	until := min(q.Until, d.now)
	due, err := d.Due(until, MaxDue)
	if err != nil {
		return err
	}
	days, err := d.DueDays(until.Day(), MaxDue-len(due))
	if err != nil {
		return err
	}
	begun, err := d.policiesDue(until, MaxDue-len(due)-len(days))
	if err != nil {
		return err
	}
	over, err := d.linksOver(MaxDue - len(due) - len(days) - len(begun))
	if err != nil {
		return err
	}
	if len(due) == 0 && len(days) == 0 && len(begun) == 0 && len(over) == 0 {
		d.refuse(RefusedState)
		return nil
	}
	head := &TransitionsDue{Climbed: len(due), Links: len(over)}
	seq := d.record(head, PersonRef{})
	for _, id := range due {
		if err := d.climb(id); err != nil {
			return err
		}
	}
	for _, at := range days {
		head.Through, head.Person = at.Day, at.Person
		n, err := d.dueOf(at, seq)
		if err != nil {
			return err
		}
		head.Tasks += n
	}
	for _, p := range begun {
		head.Begun = append(head.Begun, p.Seq)
		d.record(&NotificationQueued{Type: NotifyPolicy, Authority: p.Place, Of: p.Seq, Organisation: p.Place}, PersonRef{})
	}
	return d.letGo(over)
}

// policiesDue lists the policies whose day has come.
func (d *decider) policiesDue(until Time, limit int) ([]DuePolicy, error) {
	if !d.four() || limit <= 0 {
		return nil, nil
	}
	return d.DuePolicies(until.Day(), limit)
}

// linksOver lists the links whose time is over.
func (d *decider) linksOver(limit int) ([]OverLinks, error) {
	if !d.four() {
		return nil, nil
	}
	return LinksOver(d.View, d.today(), limit)
}

// climb puts a notification on its next rung. Above the highest, the site that
// saw the child is told that nobody has read it.
func (d *decider) climb(id Seq) error {
	n, ok, err := d.Notification(id)
	if err != nil || !ok {
		return err
	}
	o, _, err := d.Organisation(n.Authority)
	if err != nil {
		return err
	}
	e := &NotificationEscalated{Notification: id, To: o.Directory.after(n.Rung, d.now)}
	if e.To != RungSite {
		l := o.Directory.LadderOn(d.today())
		e.Next = d.now + l.has(e.To)
	}
	d.record(e, n.Person)
	if e.To == RungSite {
		d.record(&NotificationQueued{Type: NotifyUnread, Authority: n.Organisation, Of: n.Of, Organisation: n.Authority, After: id}, n.Person)
	}
	return nil
}

// dueOf gives authorities their tasks of one person's day. A plan that followed
// to another number is told under the number it is sealed for.
func (d *decider) dueOf(at DueDay, of Seq) (tasks int, err error) {
	plans, err := d.View.Plans(at.Person)
	if err != nil {
		return 0, err
	}
	end, err := d.follow(at.Person)
	if err != nil {
		return 0, err
	}
	for i := range plans {
		p := &plans[i]
		holder := p.Holder
		if holder.IsZero() {
			holder = end
		}
		day, t := p.dueOn()
		if day != at.Day || holder != at.Person {
			continue
		}
		if t == NotifyLapsing {
			if followed, err := d.succeeded(plans, p, end); err != nil {
				return 0, err
			} else if followed {
				continue
			}
		}
		d.record(&NotificationQueued{Type: t, Authority: p.Authority, Of: of, Plans: []Seq{p.Seq}, Organisation: p.Authority}, at.Person)
		tasks++
	}
	return tasks, nil
}

// dueOn returns the day on which the plan's authority has a task, and which: an
// unborn child's plan lapses soon, or a person in force comes of age. Zero: never.
func (p *Plan) dueOn() (Day, NotificationType) {
	switch {
	case p.Lost != 0:
	case p.Type == UnbornChild && p.End != 0:
		return p.End - lapseWarning, NotifyLapsing
	case p.Type != UnbornChild && p.LastDay != 0 && p.Active(p.LastDay):
		return p.LastDay, NotifyComingOfAge
	}
	return 0, 0
}

// succeeded reports whether something goes on after an unborn child's plan:
// another plan of the same authority for a later date, or a baby's own.
func (d *decider) succeeded(plans []Plan, p *Plan, mother PersonRef) (bool, error) {
	for i := range plans {
		q := &plans[i]
		if q.Authority == p.Authority && q.Type == UnbornChild && q.Start > p.Start && q.End > p.End {
			return true, nil
		}
	}
	babies, err := d.Babies(mother)
	if err != nil {
		return false, err
	}
	for _, b := range babies {
		if own, err := d.View.Plans(b); err != nil || len(own) > 0 {
			return true, err
		}
	}
	return false, nil
}

// DueFrom returns the day to look at a plan that was recorded today, or zero:
// what is over is no task, and one day is none twice.
func (p *Plan) DueFrom(today Day) Day {
	day, t := p.dueOn()
	if day > today {
		return day
	}
	was := *p
	was.End = p.EndWas
	before, _ := was.dueOn()
	if t != NotifyLapsing || p.End <= today || p.First != p.Seq && before == day {
		return 0
	}
	return day
}

// Climb folds that it is for another rung.
func (n *Notification) Climb(e *NotificationEscalated, at Time) {
	n.Rung, n.Escalated, n.Due = e.To, at, e.Next
}

// hurry has a notification climb at once that could not be delivered, if it is
// still on its first rung.
func (n *Notification) hurry(at Time) {
	if n.Due > at && n.Escalated == 0 {
		n.Due = at
	}
}
