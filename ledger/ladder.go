package ledger

// A notification that nobody acknowledges climbs: from the child's allocated
// worker to the team, to the manager, out of hours to the emergency duty team,
// and in the end to the site where the child was seen. All of it is decided on
// committed time, by the authority's own ladder.

// Rung is whom a notification is for.
type Rung uint8

// The rungs, from the lowest.
const (
	RungWorker    Rung = iota + 1 // the worker allocated to the plan
	RungTeam                      // the team; without one that is known, any social worker
	RungManager                   // managers too
	RungEmergency                 // the emergency duty team: whoever is on duty
	RungSite                      // the ladder is exhausted: the site is told
)

// String returns the rung as lists spell it.
func (r Rung) String() string {
	switch r {
	case RungWorker:
		return "worker"
	case RungTeam:
		return "team"
	case RungManager:
		return "manager"
	case RungEmergency:
		return "emergency-duty"
	case RungSite:
		return "site"
	}
	return ""
}

// Ladder is how long each rung has, in minutes, and when an authority works.
type Ladder struct {
	From      Day `cbor:"1,keyasint"` // it holds from this day on
	Worker    int `cbor:"2,keyasint"`
	Team      int `cbor:"3,keyasint"`
	Manager   int `cbor:"4,keyasint"`
	Emergency int `cbor:"5,keyasint"`
	Opens     int `cbor:"6,keyasint"` // minutes after midnight in London, Monday to Friday
	Closes    int `cbor:"7,keyasint"`
}

// usualLadder is that of an authority that has recorded none.
var usualLadder = Ladder{Worker: 60, Team: 60, Manager: 120, Emergency: 60, Opens: 9 * 60, Closes: 17 * 60}

// How long a rung may have, in minutes.
const (
	ShortestRung = 5
	LongestRung  = 24 * 60
)

// maxLadders is how many an authority may have recorded for days to come.
const maxLadders = 16

// sound reports whether the ladder is one.
func (l *Ladder) sound() bool {
	for _, minutes := range []int{l.Worker, l.Team, l.Manager, l.Emergency} {
		if minutes < ShortestRung || minutes > LongestRung {
			return false
		}
	}
	return 0 <= l.Opens && l.Opens < l.Closes && l.Closes <= 24*60
}

// LadderOn returns the ladder that an authority has on a day.
func (d *Directory) LadderOn(day Day) Ladder {
	out := usualLadder
	for _, l := range d.Ladders {
		if l.From <= day {
			out = l
		}
	}
	return out
}

// has is how long a rung has before the next is told.
func (l *Ladder) has(r Rung) Time {
	minutes := l.Emergency
	switch r {
	case RungWorker:
		minutes = l.Worker
	case RungTeam:
		minutes = l.Team
	case RungManager:
		minutes = l.Manager
	}
	return Time(minutes) * Minute
}

// after returns the rung that follows on one at a moment. While the authority
// does not work nobody but the emergency duty team reads anything; while it
// does, nobody is above the manager.
func (d *Directory) after(r Rung, at Time) Rung {
	switch {
	case r >= RungEmergency:
		return RungSite
	case !d.works(at):
		return RungEmergency
	case r == RungManager:
		return RungSite
	}
	return r + 1
}

// Climbs reports whether notifications of a type have a ladder.
func (t NotificationType) Climbs() bool { return t == NotifyAccess || t == NotifyMissed }

// Begin puts a new notification on the lowest rung there is somebody for.
func (n *Notification) Begin(plans []Plan, d *Directory) {
	if !n.Type.Climbs() {
		return
	}
	n.Rung = RungTeam
	for i := range plans {
		if plans[i].allocated(n) && !plans[i].Worker.IsZero() {
			n.Rung = RungWorker
		}
	}
	l := d.LadderOn(n.Queued.Day())
	n.Due = n.Queued + l.has(n.Rung)
}

// allocated reports whether a notification tells of the plan, so that its worker
// and team are whom it is for. A plan that was corrected since is the same one.
func (p *Plan) allocated(n *Notification) bool {
	if p.Authority != n.Authority {
		return false
	}
	for _, seq := range n.Plans {
		if seq == p.Seq || seq == p.First || seq > p.First && seq < p.Seq {
			return true
		}
	}
	return false
}

// RecordLadder asks to record the own authority's ladder from a day on.
type RecordLadder struct {
	Ladder Ladder `cbor:"1,keyasint"`
}

// Number implements [Request].
func (*RecordLadder) Number() RequestKind { return RequestRecordLadder }

// Discloses implements [Request].
func (*RecordLadder) Discloses() bool { return false }

func (*RecordLadder) action() Action { return ActRecordDirectory }

func (q *RecordLadder) decide(d *decider) error {
	if !d.under(3) {
		return nil
	}
	code := d.c.Actor.Organisation
	o, ok, err := d.Organisation(code)
	if err != nil {
		return err
	}
	if !ok || o.Sort != SortAuthority {
		d.deny(RefusedOrganisation, 0)
		return nil
	}
	today := d.today()
	switch {
	case !q.Ladder.sound():
		d.refuse(RefusedState)
		return nil
	case q.Ladder.From < today:
		d.refuse(RefusedPast)
		return nil
	}
	dir := o.Directory
	dir.Ladders = addLadder(dir.Ladders, q.Ladder, today)
	if len(dir.Ladders) > maxLadders {
		d.refuse(RefusedState)
		return nil
	}
	d.record(&DirectoryRecorded{Code: code, Directory: dir, Profile: d.profile}, PersonRef{})
	return nil
}

// addLadder puts a ladder in its place by days, instead of one of the same day.
// Those that the newest of today has replaced are left out.
func addLadder(have []Ladder, l Ladder, today Day) []Ladder {
	var out []Ladder
	put := false
	add := func(x Ladder) {
		if len(out) > 0 && x.From <= today {
			out = out[:0]
		}
		out = append(out, x)
	}
	for _, x := range have {
		if !put && l.From <= x.From {
			add(l)
			put = true
		}
		if x.From != l.From {
			add(x)
		}
	}
	if !put {
		add(l)
	}
	return out
}

// isFor reports whether whoever asks is one whom the notification is for: the
// plan's worker or team, or whomever it has climbed to. Where no plan names a
// worker or a team, it is for everybody of the authority.
func (d *decider) isFor(n *Notification, as []Tag) (bool, error) {
	if !d.three() || n.Rung >= RungEmergency || n.Rung == RungManager && d.c.Actor.Role == RoleSocialWorkManager {
		return true, nil
	}
	plans, _, err := PlansOf(d, n.Person)
	if err != nil {
		return false, err
	}
	if n.Names(plans, as) {
		return true, nil
	}
	worker, team := false, false
	for i := range plans {
		if p := &plans[i]; p.allocated(n) {
			worker, team = worker || !p.Worker.IsZero(), team || !p.Team.IsZero()
		}
	}
	return !team && (!worker || n.Rung >= RungTeam), nil
}

// Names reports whether a notification tells of a plan whose worker or team one
// of the tags names.
func (n *Notification) Names(plans []Plan, as []Tag) bool {
	for i := range plans {
		if plans[i].allocated(n) && plans[i].isOf(as) {
			return true
		}
	}
	return false
}

// TeamOf returns the team that the newest plan names of which a notification
// tells; the zero tag where it names none.
func (n *Notification) TeamOf(plans []Plan) (team Tag) {
	newest := Seq(0)
	for i := range plans {
		if p := &plans[i]; p.allocated(n) && p.Seq >= newest {
			newest, team = p.Seq, p.Team
		}
	}
	return team
}

// Late reports whether nobody has opened a notification in the time that its
// authority gives the lowest rung; ok is false of one that has no ladder.
func (n *Notification) Late(now Time) (late, ok bool) {
	if n.Rung == 0 {
		return false, false
	}
	return n.Opened == 0 && (n.Escalated != 0 || n.Due != 0 && now > n.Due), true
}

// isOf reports whether one of the tags names the plan's worker or team.
func (p *Plan) isOf(as []Tag) bool {
	for _, t := range as {
		if !t.IsZero() && (t == p.Worker || t == p.Team) {
			return true
		}
	}
	return false
}

// Acknowledge folds that somebody has taken it on, by an entry.
func (n *Notification) Acknowledge(e *Entry) {
	n.State, n.Acknowledged, n.Due = NotificationIsAcknowledged, e.Time, 0
	if e.Rules >= 3 {
		n.By = e.Seq
	}
}
