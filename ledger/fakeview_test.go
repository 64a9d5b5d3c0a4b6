package ledger

import (
	"cmp"
	"slices"
	"sort"
)

// fakeView is the smallest fold that decisions can be tested against: maps
// filled from entries, one switch. It keeps no history and no rows on disk.
type fakeView struct {
	log           Log
	decided       map[ID]Decided
	profiles      map[string]Seq
	organisations map[string]Organisation
	plans         map[PersonRef][]Plan
	shown         map[string]Time
	accesses      map[Seq]Access
	notifications map[Seq]Notification
	uploads       map[ID]Upload
	lastUploads   map[string]LastUpload
	uploadAt      map[string]map[int64]ID
	enrolments    map[Place]map[PersonRef][]Enrolment
	assignments   map[Place][]Assignment
	caseloads     map[string]Time
	looked        map[Seq]Time
	places        map[PersonRef][]Place
	unkept        map[PersonRef][]string
	wanted        map[string]map[PersonRef]bool
	standings     map[string]map[Item]Standing
	rejected      map[ID][]HeldRow
	numbers       map[PersonRef]Number
	outboxes      map[string]Outbox
	policies      map[string][]DatedPolicy
	glasses       map[Seq]Glass
	attempts      map[Seq]Attempt
	leaves        []Hash
	uncovered     Seq
	letters       map[Seq]Letter
	letterboxes   map[string]Letterbox
	attending     map[string]Seq
	dueDays       map[DueDay]bool
	duePolicies   []DuePolicy
	births        map[PersonRef]Birth
	err           error // if set, every read fails with it
}

func newFakeView() *fakeView {
	return &fakeView{
		decided: map[ID]Decided{}, profiles: map[string]Seq{}, organisations: map[string]Organisation{},
		plans: map[PersonRef][]Plan{}, shown: map[string]Time{}, accesses: map[Seq]Access{},
		notifications: map[Seq]Notification{}, uploads: map[ID]Upload{}, lastUploads: map[string]LastUpload{},
		uploadAt: map[string]map[int64]ID{}, enrolments: map[Place]map[PersonRef][]Enrolment{},
		assignments: map[Place][]Assignment{}, caseloads: map[string]Time{}, looked: map[Seq]Time{}, places: map[PersonRef][]Place{},
		unkept: map[PersonRef][]string{}, wanted: map[string]map[PersonRef]bool{},
		standings: map[string]map[Item]Standing{}, rejected: map[ID][]HeldRow{},
		numbers: map[PersonRef]Number{}, outboxes: map[string]Outbox{}, attempts: map[Seq]Attempt{},
		policies: map[string][]DatedPolicy{}, glasses: map[Seq]Glass{},
		letters: map[Seq]Letter{}, letterboxes: map[string]Letterbox{},
		attending: map[string]Seq{}, dueDays: map[DueDay]bool{}, births: map[PersonRef]Birth{},
	}
}

func (v *fakeView) Log() (Log, error) { return v.log, v.err }
func (v *fakeView) Decided(id ID) (Decided, bool, error) {
	d, ok := v.decided[id]
	return d, ok, v.err
}
func (v *fakeView) Profile(a ActorID, p Tag) (Seq, bool, error) {
	s, ok := v.profiles[string(a[:])+string(p[:])]
	return s, ok, v.err
}
func (v *fakeView) Organisation(code string) (Organisation, bool, error) {
	o, ok := v.organisations[code]
	return o, ok, v.err
}
func (v *fakeView) Glass(n Seq) (Glass, bool, error) {
	g, ok := v.glasses[n]
	return g, ok, v.err
}
func (v *fakeView) Policies(place string) ([]DatedPolicy, error) { return v.policies[place], v.err }
func (v *fakeView) Plans(p PersonRef) ([]Plan, error) {
	if len(v.plans[p]) > 0 {
		return v.plans[p], v.err
	}
	return v.plans[v.follow(p)], v.err
}
func (v *fakeView) NumberOf(p PersonRef) (Number, error) { return v.numbers[p], v.err }
func (v *fakeView) follow(p PersonRef) PersonRef {
	for !v.numbers[p].New.IsZero() {
		p = v.numbers[p].New
	}
	return p
}
func (v *fakeView) LastShown(p PersonRef, a ActorID) (Time, error) {
	return v.shown[string(p[:])+string(a[:])], v.err
}
func (v *fakeView) Access(n Seq) (Access, bool, error) {
	a, ok := v.accesses[n]
	return a, ok, v.err
}
func (v *fakeView) Notification(n Seq) (Notification, bool, error) {
	x, ok := v.notifications[n]
	return x, ok, v.err
}
func (v *fakeView) NotificationsOf(n Seq) ([]Notification, error) {
	var out []Notification
	for _, x := range v.notifications {
		if x.Of == n {
			out = append(out, x)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, v.err
}
func (v *fakeView) Upload(id ID) (Upload, bool, error) {
	u, ok := v.uploads[id]
	return u, ok, v.err
}
func (v *fakeView) LastUpload(a string) (LastUpload, error) { return v.lastUploads[a], v.err }
func (v *fakeView) UploadAt(a string, n int64) (ID, bool, error) {
	id, ok := v.uploadAt[a][n]
	return id, ok, v.err
}
func (v *fakeView) Enrolments(p PersonRef, at Place) ([]Enrolment, error) {
	return v.enrolments[at][p], v.err
}
func (v *fakeView) Enrolled(at Place) ([]PersonRef, error) {
	var out []PersonRef
	for p := range v.enrolments[at] {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return string(out[i][:]) < string(out[j][:]) })
	return out, v.err
}
func (v *fakeView) Assignments(at Place) ([]Assignment, error) { return v.assignments[at], v.err }
func (v *fakeView) LastCaseload(a ActorID, at Place) (Time, error) {
	return v.caseloads[string(a[:])+string(at)], v.err
}
func (v *fakeView) Looked(assignment Seq) (Time, error) { return v.looked[assignment], v.err }

// Unassigned asks of every person what the projection keeps an index of.
func (v *fakeView) Unassigned(authority string, on Day, after PersonRef, limit int) ([]PersonRef, error) {
	var out []PersonRef
	for p, plans := range v.plans {
		concerned, shown, covered := false, false, false
		for i := range plans {
			if plans[i].Visible(on) {
				shown = true
				concerned = concerned || plans[i].Authority == authority
			}
		}
		for place, people := range v.enrolments {
			here := false
			for ref, spans := range people {
				for i := range spans {
					here = here || (v.follow(ref) == p && spans[i].At(on))
				}
			}
			if !here {
				continue
			}
			for i := range v.assignments[place] {
				covered = covered || v.assignments[place][i].Live(on)
			}
			parent := v.organisations[v.organisations[place.Code()].Parent]
			concerned = concerned || (parent.Sort == SortAuthority && parent.Code == authority)
		}
		if shown && concerned && !covered && string(p[:]) > string(after[:]) {
			out = append(out, p)
		}
	}
	sort.Slice(out, func(i, j int) bool { return string(out[i][:]) < string(out[j][:]) })
	return out[:min(limit, len(out))], v.err
}

// fold takes one command's decoded entries.
func (v *fakeView) fold(group []Entry) {
	first := &group[0]
	actor := *first.Actor
	v.decided[first.Command] = Decided{First: first.Seq, Of: first.Of, Time: first.Time, Actor: actor.ID(),
		Content: first.Content, Seed: first.Salt, Role: actor.Role, Org: actor.Organisation}
	for i := range group {
		v.foldEntry(&group[i], actor, first.Request)
	}
}

func (v *fakeView) foldEntry(e *Entry, actor Actor, q Request) {
	v.leaves = append(v.leaves, e.Hash())
	id := actor.ID()
	var ref PersonRef
	if e.Person != nil {
		ref = e.Person.Ref
	}
	switch x := e.Event.(type) {
	case *LogOpened:
		v.log = Log{ID: x.ID, Origin: x.Origin, Rules: x.Rules, Synthetic: x.Synthetic, DemoClock: x.DemoClock, Verifier: x.Verifier}
	case *RulesRaised:
		for ref, plans := range v.plans {
			for i := range plans {
				if p := &plans[i]; x.From < 3 && x.To >= 3 && p.DueFrom(e.Time.Day()) > e.Time.Day() {
					v.due(p.DueFrom(e.Time.Day()), ref)
				}
			}
		}
		for place, said := range v.policies {
			for i := range said {
				if x.From < 4 && x.To >= 4 && said[i].From > e.Time.Day() {
					v.duePolicies = append(v.duePolicies, DuePolicy{said[i].From, said[i].Seq, place})
				}
			}
		}
		v.log.Rules = x.To
	case *StateRecorded:
		v.uncovered = e.Seq + 1
	case *OrganisationRecorded:
		o := x.Organisation
		if o.Directory.IsZero() {
			o.Directory = v.organisations[o.Code].Directory
		}
		if o.Closed == 0 {
			o.Closed = v.organisations[o.Code].Closed
		}
		o.CallBack = v.organisations[o.Code].CallBack
		v.organisations[o.Code] = o
	case *DirectoryRecorded:
		o := v.organisations[x.Code]
		o.Directory = x.Directory
		v.organisations[x.Code] = o
	case *GlassBroken:
		v.glasses[e.Seq] = Glass{Seq: e.Seq, Access: x.Access, At: e.Time, Person: ref, Actor: id, Organisation: actor.Organisation, Code: x.Code}
	case *Reviewed:
		g := v.glasses[x.Glass]
		g.Conclude(x, e.Time)
		v.glasses[x.Glass] = g
	case *PolicyRecorded:
		v.policies[x.Place] = AddPolicy(v.policies[x.Place], x, e.Seq, e.Time)
		if e.Rules >= 4 && x.From > e.Time.Day() {
			v.duePolicies = append(v.duePolicies, DuePolicy{x.From, e.Seq, x.Place})
		}
	case *ActorProfiled:
		v.profiles[string(id[:])+string(x.Profile[:])] = e.Seq
	case *UploadOpened:
		o := q.(*OpenUpload)
		v.uploads[o.Upload] = Upload{ID: o.Upload, Authority: x.Authority, Sequence: o.Sequence, Content: o.Content, Opened: e.Seq,
			Gap: x.Gap && e.Rules >= 2, Snapshot: o.Snapshot, At: e.Time}
		v.touch(o.Upload, id)
		if v.uploadAt[x.Authority] == nil {
			v.uploadAt[x.Authority] = map[int64]ID{}
		}
		v.uploadAt[x.Authority][o.Sequence] = o.Upload
		v.lastUploads[x.Authority] = LastUpload{Sequence: o.Sequence, At: e.Time}
	case *ChunkRecorded:
		u := v.uploads[q.(*UploadChunk).Upload]
		u.Chunks++
		v.uploads[u.ID] = u
		v.touch(u.ID, id)
	case *PlanRecorded:
		if e.Rules >= 3 && x.Change == PlanNew {
			v.want(ref)
		}
		v.plans[ref] = RecordPlan(v.plans[ref], x, x.Authority, e.Seq, e.Time)
		for i := range v.plans[ref] {
			if p := &v.plans[ref][i]; p.Seq == e.Seq && e.Rules >= 3 {
				v.due(p.DueFrom(e.Time.Day()), ref)
			}
		}
		v.named(e, q, e.Seq)
		v.row(q, true)
	case *PlanUnchanged:
		v.named(e, q, x.Of)
		v.row(q, true)
	case *PlanDeleted:
		if e.Person != nil {
			v.plans[ref] = DeletePlan(v.plans[ref], x.Of)
		}
		v.row(q, true)
	case *PlanUnmatched:
		v.unmatched(e, x, v.uploads[q.(*UploadChunk).Upload])
		v.row(q, true)
	case *NumberSuperseded:
		end := v.follow(x.New)
		v.plans[end], v.numbers[ref] = FollowPlans(v.plans[ref], v.plans[end], ref, x, e.Seq)
		v.plans[ref] = nil
		if b, ok := v.births[ref]; ok {
			if _, has := v.births[end]; !has {
				v.births[end] = b
			}
		}
	case *NumbersParted:
		n := v.numbers[ref]
		v.plans[ref], v.plans[x.New] = PartPlans(v.plans[x.New], ref, &n)
		delete(v.numbers, ref)
		if b, ok := v.births[ref]; ok && v.births[x.New].Seq == b.Seq {
			delete(v.births, x.New)
		}
	case *NumberInactivated:
		v.numbers[ref] = Number{Seq: e.Seq, Inactive: true}
	case *PersonMatched:
		delete(v.standings[x.Authority], x.Item)
	case *PlanRejected:
		v.row(q, false)
		if e.Rules >= 2 {
			u := q.(*UploadChunk).Upload
			v.rejected[u] = append(v.rejected[u], HeldRow{e.Seq, ref})
		}
		if u := v.uploads[q.(*UploadChunk).Upload]; u.Snapshot && e.Person == nil {
			u.Nameless++
			v.uploads[u.ID] = u
		} else if to := v.follow(ref); u.Snapshot && v.plans[to] != nil {
			v.plans[to] = SparePlans(v.plans[to], u.Authority, u.Opened)
		}
	case *UploadClosed:
		u := v.uploads[q.(*CloseUpload).Upload]
		u.Closed, u.Ended = e.Seq, x.Ended
		v.uploads[u.ID] = u
		v.touch(u.ID, id)
	case *SnapshotHeld:
		u := v.uploads[x.Upload]
		u.Held, u.HeldAt, u.Ends, u.Live = e.Seq, e.Time, x.Ends, x.Live
		v.uploads[u.ID] = u
	case *SnapshotApproved:
		u := v.uploads[x.Upload]
		u.Approved, u.Ended = e.Seq, x.Ended
		v.uploads[u.ID] = u
	case *PlanLapsed:
		v.plans[ref] = LapsePlan(v.plans[ref], x, e.Seq, e.Time)
	case *Accessed:
		v.accesses[e.Seq] = Access{Person: ref, Actor: id, Outcome: x.Outcome, At: e.Time, Notifications: x.Notifications}
		for _, n := range x.Notifications {
			v.change(n, n < e.Seq, func(n *Notification) { n.Tell(e.Time) })
		}
		if x.Shown {
			by := id
			switch look := q.(type) {
			case *LookUp:
				by = look.Author(actor)
			case *BreakGlass:
				by = look.LookUp.Author(actor)
			}
			v.shown[string(ref[:])+string(by[:])] = e.Time
		}
	case *AccessCorrected:
		a := v.accesses[x.Access]
		a.Corrected = true
		v.accesses[x.Access] = a
		for _, n := range a.Notifications {
			v.change(n, true, (*Notification).Err)
		}
	case *NotificationQueued:
		v.notifications[e.Seq] = Notification{ID: e.Seq, Type: x.Type, Authority: x.Authority,
			State: NotificationIsQueued, Of: x.Of, Plans: x.Plans, Person: ref, Organisation: x.Organisation, Queued: e.Time, After: x.After}
		if e.Rules >= 3 {
			d := v.organisations[x.Authority].Directory
			plans, _, _ := PlansOf(v, ref)
			v.change(e.Seq, true, func(n *Notification) { n.Begin(plans, &d) })
		}
		if !x.Attending.IsZero() {
			v.change(e.Seq, true, func(n *Notification) { n.Tell(e.Time) })
			for _, at := range []Tag{x.Attending, {}} {
				v.attending[attendingOf(v.follow(ref), x.Authority, at)] = e.Seq
			}
		}
	case *BirthRecorded:
		switch {
		case x.Mother.IsZero():
		case x.TakenBack:
			delete(v.births, v.follow(ref))
		default:
			v.births[v.follow(ref)] = Birth{Mother: x.Mother, Seq: e.Seq, LastDay: x.LastDay, Birth: x.Birth}
		}
	case *PregnancyEnded:
		if p := v.follow(ref); len(x.Plans) > 0 {
			v.plans[p] = LosePlans(v.plans[p], x, e.Time.Day())
		}
	case *TransitionsDue:
		v.duePolicies = slices.DeleteFunc(v.duePolicies, func(p DuePolicy) bool { return slices.Contains(x.Begun, p.Seq) })
		for at := range v.dueDays {
			if x.Through != 0 && !at.after(DueDay{x.Through, x.Person}) {
				delete(v.dueDays, at)
			}
		}
	case *NotificationEscalated:
		v.change(x.Notification, true, func(n *Notification) { n.Climb(x, e.Time) })
	case *NotificationActioned:
		v.change(x.Notification, true, func(n *Notification) { n.Act(e.Time) })
	case *NotificationWithdrawn:
		v.change(x.Notification, true, func(n *Notification) { n.Withdraw(e.Time) })
	case *NotificationOpened:
		n := v.notifications[x.Notification]
		if x.First {
			n.State, n.Opened = NotificationIsOpened, e.Time
		}
		v.notifications[x.Notification] = n
	case *NotificationAcknowledged:
		n := v.notifications[x.Notification]
		n.Acknowledge(e)
		v.notifications[x.Notification] = n
	case *NotificationAttempted:
		v.attempted(e, x)
	case *NotificationDelivered:
		v.settled(x.Attempt, true, e.Time)
	case *NotificationFailed:
		v.settled(x.Attempt, false, e.Time)
	case *LetterAttempted, *LetterSettled, *LetterAsked:
		v.letter(e)
	case *Enrolled:
		v.enrol(ref, x.Row.Place, func(have []Enrolment) []Enrolment {
			source := ""
			if e.Rules >= 3 {
				source = actor.Organisation
			}
			return x.Apply(have, source, e.Seq, e.Time)
		})
		delete(v.wanted[actor.Organisation], ref)
	case *EnrolmentNotKept:
		v.unkept[ref] = append(v.unkept[ref], actor.Organisation)
	case *CallBackRecorded:
		o := v.organisations[x.Code]
		o.CallBack = x.Phone
		v.organisations[x.Code] = o
	case *SchoolRecorded:
		v.organisations[x.Row.Code] = x.Row.Apply(v.organisations[x.Row.Code])
	case *OrganisationListed:
		v.organisations[x.Row.Code] = x.Row.Apply(v.organisations[x.Row.Code])
	case *EnrolmentEnded:
		v.enrol(ref, x.Row.Place, func(have []Enrolment) []Enrolment { return x.Apply(have, e.Seq, e.Time) })
	case *EnrolmentTakenBack:
		v.enrol(ref, x.Row.Place, func(have []Enrolment) []Enrolment { return x.Apply(have, e.Seq, e.Time) })
	case *Assigned:
		v.assignments[x.Place] = append(v.assignments[x.Place], x.Assignment)
	case *AssignmentEnded:
		v.assignments[x.Place] = x.EndAt(v.assignments[x.Place])
	case *CaseloadAccessed:
		v.caseloads[string(id[:])+string(x.Place)] = e.Time
		if x.Assignment != 0 {
			v.looked[x.Assignment] = e.Time
		}
	}
}

// after orders days and, within one, people.
func (a DueDay) after(b DueDay) bool {
	return a.Day > b.Day || a.Day == b.Day && string(a.Person[:]) > string(b.Person[:])
}

func (v *fakeView) due(day Day, ref PersonRef) {
	if day != 0 {
		v.dueDays[DueDay{day, ref}] = true
	}
}

func (v *fakeView) DueDays(through Day, limit int) ([]DueDay, error) {
	var out []DueDay
	for at := range v.dueDays {
		if at.Day <= through {
			out = append(out, at)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[j].after(out[i]) })
	return out[:min(limit, len(out))], v.err
}

func (v *fakeView) DuePolicies(through Day, limit int) ([]DuePolicy, error) {
	out := slices.DeleteFunc(slices.Clone(v.duePolicies), func(p DuePolicy) bool { return p.Day > through })
	slices.SortFunc(out, func(a, b DuePolicy) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Seq, b.Seq)) })
	return out[:min(limit, len(out))], v.err
}

func (v *fakeView) Due(until Time, limit int) ([]Seq, error) {
	var out []Seq
	for id, n := range v.notifications {
		if n.Due != 0 && n.Due <= until {
			out = append(out, id)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := v.notifications[out[i]], v.notifications[out[j]]
		return a.Due < b.Due || a.Due == b.Due && a.ID < b.ID
	})
	return out[:min(limit, len(out))], v.err
}

func (v *fakeView) Birth(baby PersonRef) (Birth, bool, error) {
	b, ok := v.births[v.follow(baby)]
	return b, ok, v.err
}

func (v *fakeView) Babies(mother PersonRef) ([]PersonRef, error) {
	var out []PersonRef
	for baby, b := range v.births {
		if v.follow(b.Mother) == v.follow(mother) {
			out = append(out, baby)
		}
	}
	sort.Slice(out, func(i, j int) bool { return string(out[i][:]) < string(out[j][:]) })
	return out, v.err
}

func attendingOf(p PersonRef, authority string, at Tag) string {
	return string(p[:]) + string(at[:]) + authority
}

func (v *fakeView) Attending(p PersonRef, authority string, at Tag) (Seq, bool, error) {
	n, ok := v.attending[attendingOf(p, authority, at)]
	return n, ok, v.err
}

// change folds into a notification that is there, if so.
func (v *fakeView) change(id Seq, so bool, fold func(*Notification)) {
	if n, ok := v.notifications[id]; ok && so {
		fold(&n)
		v.notifications[id] = n
	}
}

func outboxOf(authority string, t NotificationType) string { return authority + t.String() }

func (v *fakeView) Outbox(authority string, t NotificationType) (Outbox, error) {
	return v.outboxes[outboxOf(authority, t)], v.err
}

func (v *fakeView) Attempt(n Seq) (Attempt, bool, error) {
	a, ok := v.attempts[n]
	return a, ok, v.err
}

func (v *fakeView) attempted(e *Entry, x *NotificationAttempted) {
	if x.Again != 0 {
		a := v.attempts[x.Again]
		a.Last = e.Time
		v.attempts[a.ID] = a
		return
	}
	box, was := v.outboxes[outboxOf(x.Authority, x.Type)], v.attempts[x.Instead]
	v.attempts[e.Seq] = box.Begin(x, e.Seq, e.Time, was)
	v.outboxes[outboxOf(x.Authority, x.Type)] = box
	if x.Instead != 0 {
		was.State = AttemptIsReplaced
		v.attempts[was.ID] = was
	}
}

func (v *fakeView) settled(n Seq, delivered bool, at Time) {
	a := v.attempts[n]
	box := v.outboxes[outboxOf(a.Authority, a.Type)]
	box.Settle(&a, delivered, at)
	v.attempts[n], v.outboxes[outboxOf(a.Authority, a.Type)] = a, box
	for _, id := range a.Notifications {
		x := v.notifications[id]
		x.Settle(delivered, at)
		v.notifications[id] = x
	}
}

func (v *fakeView) unmatched(e *Entry, x *PlanUnmatched, u Upload) {
	u.Unmatched++
	v.uploads[u.ID] = u
	if e.Person != nil && u.Snapshot {
		if to := v.follow(e.Person.Ref); v.plans[to] != nil {
			v.plans[to] = SparePlans(v.plans[to], u.Authority, u.Opened)
		}
	}
	list := v.standings[x.Authority]
	if list == nil {
		list = map[Item]Standing{}
		v.standings[x.Authority] = list
	}
	var was Standing
	for _, at := range x.Row.Items() {
		if s, ok := list[at]; ok {
			was = s
			delete(list, at)
			break
		}
	}
	at, _ := ItemOf(&x.Row)
	list[at] = x.Stand(was, e.Seq, u.Opened, e.Time)
}

func (v *fakeView) Standing(authority string, at Item) (Standing, bool, error) {
	s, ok := v.standings[authority][at]
	return s, ok, v.err
}

func (v *fakeView) Provisionals(trace Tag) ([]Provisional, error) {
	var out []Provisional
	for _, authority := range []string{authorityA, authorityB} {
		_ = v.EachStanding(authority, func(_ Item, s Standing) {
			if s.IsProvisional() && s.Trace == trace {
				out = append(out, Provisional{authority, s})
			}
		})
	}
	return out, v.err
}

func (v *fakeView) EachStanding(authority string, each func(Item, Standing)) error {
	var items []Item
	for at := range v.standings[authority] {
		items = append(items, at)
	}
	sort.Slice(items, func(i, j int) bool { return string(items[i][:]) < string(items[j][:]) })
	for _, at := range items {
		each(at, v.standings[authority][at])
	}
	return v.err
}

func (v *fakeView) UnmatchedRows(authority string, after Seq, limit int) ([]HeldRow, error) {
	var out []HeldRow
	for _, s := range v.standings[authority] {
		if s.Seq > after {
			out = append(out, HeldRow{s.Seq, s.Person})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Seq < out[j].Seq })
	return out[:min(limit, len(out))], v.err
}

func (v *fakeView) RejectedRows(upload ID, after Seq, limit int) ([]HeldRow, error) {
	var out []HeldRow
	for _, r := range v.rejected[upload] {
		if r.Seq > after && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, v.err
}

func (v *fakeView) HoldersAfter(authority string, after PersonRef, limit int) ([]PersonRef, error) {
	all, err := v.Holders(authority)
	var out []PersonRef
	for _, p := range all {
		if string(p[:]) > string(after[:]) && len(out) < limit {
			out = append(out, p)
		}
	}
	return out, err
}

func (v *fakeView) touch(id ID, a ActorID) {
	if u := v.uploads[id]; u.Snapshot {
		u.Touch(a)
		v.uploads[id] = u
	}
}

func (v *fakeView) Holders(authority string) ([]PersonRef, error) {
	var out []PersonRef
	for p, plans := range v.plans {
		for i := range plans {
			if plans[i].Authority == authority {
				out = append(out, p)
				break
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return string(out[i][:]) < string(out[j][:]) })
	return out, v.err
}

func (v *fakeView) named(e *Entry, q Request, plan Seq) {
	if e.Rules >= 2 {
		v.plans[e.Person.Ref] = NamePlan(v.plans[e.Person.Ref], plan, v.uploads[q.(*UploadChunk).Upload].Opened)
	}
}

func (v *fakeView) row(q Request, accepted bool) {
	u := v.uploads[q.(*UploadChunk).Upload]
	if accepted {
		u.Accepted++
	} else {
		u.Rejected++
	}
	v.uploads[u.ID] = u
}

func (v *fakeView) enrol(ref PersonRef, place Place, apply func([]Enrolment) []Enrolment) {
	at := v.enrolments[place]
	if at == nil {
		at = map[PersonRef][]Enrolment{}
		v.enrolments[place] = at
	}
	if _, known := at[ref]; !known {
		v.places[ref] = append(v.places[ref], place)
	}
	at[ref] = apply(at[ref])
}

func (v *fakeView) Places(p PersonRef) ([]Place, error) { return v.places[p], v.err }

// want notes whom sources named before there was a plan, unless they keep something of the person.
func (v *fakeView) want(ref PersonRef) {
	for _, source := range v.unkept[ref] {
		kept := false
		for _, at := range v.places[ref] {
			for _, e := range v.enrolments[at][ref] {
				kept = kept || e.Source == source
			}
		}
		if !kept {
			if v.wanted[source] == nil {
				v.wanted[source] = map[PersonRef]bool{}
			}
			v.wanted[source][ref] = true
		}
	}
}

func (v *fakeView) Wanted(source string, after PersonRef, limit int) ([]PersonRef, error) {
	var out []PersonRef
	for p := range v.wanted[source] {
		if string(p[:]) > string(after[:]) {
			out = append(out, p)
		}
	}
	sort.Slice(out, func(i, j int) bool { return string(out[i][:]) < string(out[j][:]) })
	return out[:min(limit, len(out))], v.err
}

func letterboxOf(authority string, w Way) string { return authority + w.String() }

func (v *fakeView) Letterbox(authority string, w Way) (Letterbox, error) {
	return v.letterboxes[letterboxOf(authority, w)], v.err
}

func (v *fakeView) Letter(n Seq) (Letter, bool, error) {
	l, ok := v.letters[n]
	return l, ok, v.err
}

func (v *fakeView) letter(e *Entry) {
	var l Letter
	var box Letterbox
	switch x := e.Event.(type) {
	case *LetterAttempted:
		l, box = v.letters[x.Again], v.letterboxes[letterboxOf(x.Authority, x.Way)]
		box.Attempt(x, &l, e.Seq, e.Time)
	case *LetterSettled:
		l = v.letters[x.Letter]
		box = v.letterboxes[letterboxOf(l.Authority, l.Way)]
		box.Settle(x, &l, e.Time)
		for _, id := range l.Notifications {
			if n := v.notifications[id]; x.Code == "" || slices.Contains(x.Failed, id) {
				n.Settle(x.Code == "", e.Time)
				v.notifications[id] = n
			}
		}
	case *LetterAsked:
		if x.Letter == 0 {
			return
		}
		l, box = v.letters[x.Letter], v.letterboxes[letterboxOf(x.Authority, x.Way)]
		box.Ask(&l, e.Time)
	}
	v.letters[l.ID], v.letterboxes[letterboxOf(l.Authority, l.Way)] = l, box
}
