package ledger

// Outcome is what a lookup found.
type Outcome uint8

// The outcomes of a lookup that was not denied.
const (
	OutcomeFound Outcome = iota + 1
	OutcomeNotFound
	OutcomeMismatch // the birth date differs: no plan is shown, nobody is told
)

// String returns the outcome as answers spell it.
func (o Outcome) String() string {
	switch o {
	case OutcomeFound:
		return "found"
	case OutcomeNotFound:
		return "not-found"
	case OutcomeMismatch:
		return "mismatch"
	}
	return "denied"
}

// Declared is what the caller says of the care setting.
type Declared uint8

// What a caller may declare.
const (
	DeclaredNothing Declared = iota
	DeclaredScheduled
	DeclaredUnscheduled
)

// LookUp asks whether a person has a plan.
type LookUp struct {
	Person     PersonRef `cbor:"1,keyasint"`
	Birth      Tag       `cbor:"2,keyasint,omitzero"` // keyed tag of the birth date the caller gave
	Declared   Declared  `cbor:"3,keyasint,omitempty"`
	Attendance Tag       `cbor:"4,keyasint,omitzero"`
	AttendedAt Time      `cbor:"5,keyasint,omitempty"`
	Confirmed  bool      `cbor:"6,keyasint,omitempty"` // identity confirmed although the birth date differs
	Reasoned   bool      `cbor:"7,keyasint,omitempty"` // a reason travels sealed
}

// Accessed records a lookup and what it disclosed. Entries never change, so
// the sequence numbers fix what was shown; the history shown is the one as of
// this entry.
type Accessed struct {
	Outcome     Outcome  `cbor:"1,keyasint"`
	Disclosed   []Seq    `cbor:"2,keyasint,omitempty"` // the plans' entries
	Unscheduled bool     `cbor:"3,keyasint,omitempty"`
	Conflict    bool     `cbor:"4,keyasint,omitempty"` // what was declared contradicts the policy
	Shown       bool     `cbor:"5,keyasint,omitempty"` // it appears in the access history
	Told        []string `cbor:"6,keyasint,omitempty"` // authorities with a notification queued
	Profile     Seq      `cbor:"7,keyasint,omitempty"`
	// Notifications name, from rules version 3 on, the one that tells each of
	// Told, in the same order: one queued with this access, or an earlier one of
	// the same attendance.
	Notifications []Seq `cbor:"8,keyasint,omitempty"`
}

// AccessDenied records a request that its actor may not make.
type AccessDenied struct {
	Action  Action `cbor:"1,keyasint"`
	Code    string `cbor:"2,keyasint"`
	From    Day    `cbor:"3,keyasint,omitempty"`
	Profile Seq    `cbor:"4,keyasint,omitempty"`
}

// CorrectAccess asks to mark an own lookup as one of the wrong person.
type CorrectAccess struct {
	Access Seq `cbor:"1,keyasint"`
}

// AccessCorrected marks a lookup "in error". It removes nothing.
type AccessCorrected struct {
	Access  Seq      `cbor:"1,keyasint"`
	Told    []string `cbor:"2,keyasint,omitempty"`
	Profile Seq      `cbor:"3,keyasint,omitempty"`
}

// Deny asks to record that an actor asked for what it may not have, on a route
// that is otherwise no command.
type Deny struct {
	Action Action `cbor:"1,keyasint"`
}

// Reopen stands for a second showing of a recorded answer.
type Reopen struct {
	Of Seq `cbor:"1,keyasint"`
}

// Reopened records that a recorded answer was shown again.
type Reopened struct {
	Of Seq `cbor:"1,keyasint"`
}

// HistoryWindow is how long after a shown access the same author's next one
// stays out of the access history.
const HistoryWindow = 24 * Hour

// Kind implements [Event].
func (Accessed) Kind() Kind        { return KindAccessed }
func (AccessDenied) Kind() Kind    { return KindAccessDenied }
func (AccessCorrected) Kind() Kind { return KindAccessCorrected }
func (Reopened) Kind() Kind        { return KindReopened }

// Number implements [Request].
func (*LookUp) Number() RequestKind        { return RequestLookUp }
func (*CorrectAccess) Number() RequestKind { return RequestCorrectAccess }
func (*Deny) Number() RequestKind          { return RequestDeny }
func (*Reopen) Number() RequestKind        { return RequestReopen }

// Discloses implements [Request].
func (*LookUp) Discloses() bool        { return true }
func (*CorrectAccess) Discloses() bool { return false }
func (*Deny) Discloses() bool          { return false }
func (*Reopen) Discloses() bool        { return true }

func (*LookUp) action() Action        { return ActLookUp }
func (*CorrectAccess) action() Action { return ActCorrectAccess }
func (q *Deny) action() Action        { return q.Action }
func (*Reopen) action() Action        { return ActLookUp }

func (q *LookUp) about() PersonRef { return q.Person }

func (q *LookUp) decide(d *decider) error {
	org, ok, err := d.careSetting()
	if err != nil || !ok {
		return err
	}
	return q.look(d, org, nil)
}

// look decides what a lookup discloses and whom it tells, once it may be made;
// broken is what is recorded beside it where that took an emergency.
func (q *LookUp) look(d *decider, org Organisation, broken *GlassBroken) error {
	all, born, err := PlansOf(d, q.Person)
	if err != nil {
		return err
	}
	birth, err := d.birthAsked(q)
	if err != nil {
		return err
	}
	today := d.today()
	e := &Accessed{Outcome: OutcomeNotFound, Profile: d.profile}
	e.Unscheduled, e.Conflict = org.unscheduled(q.Declared)
	var visible []*Plan
	var differing map[string]bool
	for i := range all {
		p := &all[i]
		if !p.Visible(today) {
			continue
		}
		visible = append(visible, p)
		held := p.Birth
		if born != nil {
			held = born.Birth // the plan is the mother's, and so is its birth date
		}
		if !birth.IsZero() && held != birth {
			if differing == nil {
				differing = make(map[string]bool)
			}
			differing[p.Authority] = true
		}
	}
	switch {
	case len(visible) == 0:
	case len(differing) > 0 && !(q.Confirmed && q.Reasoned):
		e.Outcome = OutcomeMismatch
	default:
		e.Outcome = OutcomeFound
		for _, p := range visible {
			e.Disclosed = append(e.Disclosed, p.Seq)
		}
	}
	if e.Outcome == OutcomeFound && e.Unscheduled {
		if e.Shown, err = d.shown(q.Person, org); err != nil {
			return err
		}
		if !org.Silent {
			if e.Told, err = d.toTell(visible); err != nil {
				return err
			}
		}
	}
	first := d.next() + 1 // of the notifications, behind the access and what it broke
	if broken != nil {
		first++
	}
	queue, err := d.tell(q, e, first)
	if err != nil {
		return err
	}
	seq := d.record(e, q.Person, d.sealed(PayloadAccess)...)
	if broken != nil {
		broken.Access = seq
		d.record(broken, q.Person)
	}
	if e.Outcome == OutcomeFound {
		for _, n := range queue {
			n.Plans = plansOf(visible, n.Authority)
			d.queue(n, q.Person)
		}
		for _, a := range authorities(visible) {
			if differing[a] {
				d.notify(NotifyDataQuality, a, seq, q.Person, plansOf(visible, a))
			}
		}
	}
	return nil
}

// toTell lists the authorities to tell of an access: whose plan is in force,
// and, where policy says so, whose plan has ended. An unborn child's plan counts
// as in force while it is shown: the birth may be late, or just over.
func (d *decider) toTell(visible []*Plan) ([]string, error) {
	all := authorities(visible)
	if !d.three() {
		return all, nil
	}
	out := all[:0]
	for _, a := range all {
		live := false
		for _, p := range visible {
			live = live || p.Authority == a && (p.Type == UnbornChild || p.Active(d.today()))
		}
		if !live {
			h, err := PolicyOn(d.View, a, d.today())
			if err != nil {
				return nil, err
			}
			live = h.Ended == Yes
		}
		if live {
			out = append(out, a)
		}
	}
	return out, nil
}

// careSetting returns the actor's organisation with its policy, or denies. It
// is the one gate of whatever is asked from a care setting.
func (d *decider) careSetting() (Organisation, bool, error) {
	o, no, err := d.gate()
	if err != nil {
		return o, false, err
	}
	if no.Code != "" {
		d.deny(no.Code, no.From)
	}
	return o, no.Code == "", nil
}

// gate returns the actor's organisation with its policy, and why nothing may be
// asked from there, if so.
func (d *decider) gate() (o Organisation, no Refusal, err error) {
	o, ok, err := d.Organisation(d.c.Actor.Organisation)
	switch {
	case err != nil:
	case !ok || o.Setting == SettingNone:
		no.Code = RefusedOrganisation
	case d.three():
		no, err = d.governed(&o)
	case o.Live != 0 && d.today() < o.Live:
		no.Code, no.From = RefusedNotLive, o.Live
	}
	return o, no, err
}

// governed puts the policy of the day into an organisation's record. Who may
// look up there says nothing of who may report a missed appointment: nobody is
// kept from telling an authority.
func (d *decider) governed(o *Organisation) (no Refusal, err error) {
	h, err := policyOn(d.View, o.Code, o, d.today())
	if err != nil {
		return no, err
	}
	switch {
	case h.Live != Yes:
		no.Code = RefusedNotLive
		no.From, err = LiveFrom(d.View, o.Code, d.today())
	case !h.MayLookUp(d.c.Actor.Role) && d.c.Request.action() != ActMissAppointment:
		no.Code = RefusedPolicyRole
	}
	h.governs(o)
	return no, err
}

// unscheduled says how a lookup from the organisation counts. Where what is
// declared contradicts the policy, the authority is told: missing information
// hurts a child.
func (o *Organisation) unscheduled(declared Declared) (unscheduled, conflict bool) {
	policy := o.Setting == SettingUnscheduled
	switch declared {
	case DeclaredNothing:
		return policy, false
	case DeclaredUnscheduled:
		return true, !policy
	}
	return policy, policy
}

// shown says whether an unscheduled access appears in the history: the same
// author's next one within 24 hours of a shown one does not.
func (d *decider) shown(p PersonRef, o Organisation) (bool, error) {
	if o.Hidden {
		return false, nil
	}
	last, err := d.LastShown(p, d.c.Actor.ID())
	if err != nil {
		return false, err
	}
	return last == 0 || d.now-last >= HistoryWindow, nil
}

// authorities lists the plans' authorities, each once, in the plans' order.
func authorities(plans []*Plan) []string {
	var out []string
	for _, p := range plans {
		if !contains(out, p.Authority) {
			out = append(out, p.Authority)
		}
	}
	return out
}

func plansOf(plans []*Plan, authority string) []Seq {
	var out []Seq
	for _, p := range plans {
		if p.Authority == authority {
			out = append(out, p.Seq)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (q *CorrectAccess) decide(d *decider) error {
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
	case a.Corrected:
		d.refuse(RefusedAlready)
		return nil
	}
	told, err := d.tellOf(&a, q.Access)
	if err != nil {
		return err
	}
	e := &AccessCorrected{Access: q.Access, Profile: d.profile}
	for i := range told {
		if !contains(e.Told, told[i].Authority) {
			e.Told = append(e.Told, told[i].Authority)
		}
	}
	seq := d.record(e, a.Person, d.sealed(PayloadReason)...)
	for i := range told {
		d.notify(NotifyCorrection, told[i].Authority, seq, a.Person, told[i].Plans)
	}
	for i := range told {
		if n := &told[i]; d.three() && n.Withdrawn == 0 && n.Accesses <= 1 {
			d.record(&NotificationWithdrawn{Notification: n.ID, Of: seq}, a.Person)
		}
	}
	return nil
}

// tellOf returns the notifications that tell of an access.
func (d *decider) tellOf(a *Access, seq Seq) ([]Notification, error) {
	if len(a.Notifications) == 0 {
		all, err := d.NotificationsOf(seq)
		var out []Notification
		for i := range all {
			if all[i].Type == NotifyAccess {
				out = append(out, all[i])
			}
		}
		return out, err
	}
	var out []Notification
	for _, id := range a.Notifications {
		n, ok, err := d.Notification(id)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, n)
		}
	}
	return out, nil
}

// decide is reached only by a role that may do what was asked; the table
// denied every other. Then there is nothing to record.
func (q *Deny) decide(d *decider) error {
	d.refuse(RefusedState)
	return nil
}

func (q *Reopen) decide(d *decider) error {
	d.record(&Reopened{Of: q.Of}, PersonRef{})
	return nil
}
