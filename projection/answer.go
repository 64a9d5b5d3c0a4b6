package projection

import (
	"fmt"
	"slices"

	"custos/ledger"
	"custos/ledger/store"
)

// Answer is what a committed result may show. It is plain data that can cross
// to another node; everything personal in it is still sealed, and only a
// keyring opens it. There is no other way to a sealed payload.
type Answer struct {
	Refusal *ledger.Refusal `cbor:"1,keyasint,omitempty"`
	Seq     ledger.Seq      `cbor:"2,keyasint"` // the entry to cite: the one that records what was asked
	At      ledger.Time     `cbor:"3,keyasint"` // that entry's time; what was visible then is what is shown
	Again   bool            `cbor:"4,keyasint,omitempty"`
	Records [][]byte        `cbor:"5,keyasint,omitempty"` // of commands whose rows each have an outcome

	Access   *ledger.Accessed `cbor:"6,keyasint,omitempty"`
	Plans    []PlanShown      `cbor:"7,keyasint,omitempty"`
	Visits   []Visit          `cbor:"8,keyasint,omitempty"`
	Count    int              `cbor:"9,keyasint,omitempty"` // accesses ever shown in the history
	Profiles []*ledger.Shown  `cbor:"10,keyasint,omitempty"`
	Told     []Told           `cbor:"11,keyasint,omitempty"`

	Place  ledger.Place `cbor:"12,keyasint,omitempty"`
	Since  ledger.Time  `cbor:"13,keyasint,omitempty"`
	People []Subject    `cbor:"14,keyasint,omitempty"`

	Cover    bool   `cbor:"24,keyasint,omitempty"`
	For      string `cbor:"25,keyasint,omitempty"`
	Handover bool   `cbor:"26,keyasint,omitempty"`

	Ended ledger.Day `cbor:"27,keyasint,omitempty"` // an assignment's last day

	Unassigned *ledger.UnassignedRead   `cbor:"28,keyasint,omitempty"`
	Wanted     *ledger.EnrolmentsWanted `cbor:"29,keyasint,omitempty"`

	Trail []TrailRow `cbor:"15,keyasint,omitempty"`

	Notification *ledger.Notification `cbor:"16,keyasint,omitempty"`
	Visit        *Visit               `cbor:"17,keyasint,omitempty"` // the access a notification tells of
	Details      []ledger.Shown       `cbor:"18,keyasint,omitempty"` // its own sealed details

	Upload *ledger.Upload `cbor:"19,keyasint,omitempty"`
	Rows   []RowShown     `cbor:"20,keyasint,omitempty"`

	Holdings *ledger.HoldingsRead `cbor:"21,keyasint,omitempty"`
	Traced   *ledger.Traced       `cbor:"22,keyasint,omitempty"`

	Delivery *Delivery `cbor:"23,keyasint,omitempty"`

	// OfferMother: the person is under one and linked to a mother, who may be looked up by this access.
	OfferMother bool `cbor:"33,keyasint,omitempty"`

	Glass *GlassShown `cbor:"40,keyasint,omitempty"`
}

// PlanShown is one plan of an answer.
type PlanShown struct {
	Plan    ledger.Plan  `cbor:"1,keyasint"`
	Details ledger.Shown `cbor:"2,keyasint"`
	Mother  bool         `cbor:"3,keyasint,omitempty"` // it is held against the person's mother, and its details are hers
}

// Told is one authority that a notification was queued for.
type Told struct {
	Authority    string                   `cbor:"1,keyasint"`
	Notification ledger.Seq               `cbor:"2,keyasint"`
	State        ledger.NotificationState `cbor:"3,keyasint"`
	At           ledger.Time              `cbor:"4,keyasint"`
	Merged       bool                     `cbor:"5,keyasint,omitempty"` // it was queued for an earlier access of the same attendance
	Queued       ledger.Time              `cbor:"6,keyasint"`
	Acknowledged ledger.Time              `cbor:"7,keyasint,omitempty"`
	By           *Visit                   `cbor:"8,keyasint,omitempty"` // who acknowledged it, unless that is hidden
}

// Subject is one person of a caseload.
type Subject struct {
	Person ledger.PersonRef      `cbor:"1,keyasint"`
	Change ledger.CaseloadChange `cbor:"2,keyasint,omitempty"`
	Plans  []PlanShown           `cbor:"3,keyasint,omitempty"`
}

// RowShown is one row of an acknowledgement that is shown again.
type RowShown struct {
	Record  []byte       `cbor:"1,keyasint"`
	Details ledger.Shown `cbor:"2,keyasint"`
}

// Assembler reads answers at the point of the ledger where their entries
// stand. Only the node that will answer calls it, and nothing it does is
// recorded. It belongs to the applying goroutine.
type Assembler struct {
	profiles map[ledger.Seq]*ledger.Shown
	keys     map[ledger.ID]ledger.WrappedKey
	names    map[*Visit][]*ledger.Shown // the profiles of a history, by its first line
}

const assemblerCache = 1 << 14

// NewAssembler returns an assembler with empty caches.
func NewAssembler() *Assembler {
	return &Assembler{profiles: make(map[ledger.Seq]*ledger.Shown), keys: make(map[ledger.ID]ledger.WrappedKey),
		names: make(map[*Visit][]*ledger.Shown)}
}

// Forget empties the caches: after an erasure, or when the ledger is swapped.
func (a *Assembler) Forget() {
	clear(a.profiles)
	clear(a.keys)
	clear(a.names)
}

// Assemble reads what a result may show.
func (a *Assembler) Assemble(r store.Reader, res Result) (Answer, error) {
	out := Answer{Refusal: res.Refusal}
	entries := res.Entries
	if res.Earlier != nil {
		out.Again = len(res.Entries) > 0
		var err error
		if entries, err = group(r, res.Earlier.First, res.Earlier.Of); err != nil {
			return out, err
		}
	}
	if len(entries) == 0 {
		return out, nil
	}
	main := primary(entries)
	out.Seq, out.At = main.Seq, main.Time
	if denied, ok := main.Event.(*ledger.AccessDenied); ok && out.Refusal == nil {
		out.Refusal = &ledger.Refusal{Code: denied.Code, From: denied.From, Recorded: true}
	}
	if out.Refusal != nil {
		return out, nil
	}
	return out, a.fill(r, &out, main, entries)
}

func (a *Assembler) fill(r store.Reader, out *Answer, main *ledger.Entry, entries []ledger.Entry) error {
	first := &entries[0]
	v := View{r}
	switch ev := main.Event.(type) {
	case *ledger.Accessed:
		out.Access = ev
		if err := a.told(v, out, entries, ev.Notifications); err != nil {
			return err
		}
		if err := a.broken(v, out, entries); err != nil {
			return err
		}
		return a.access(v, out, main, ev, first)
	case *ledger.AppointmentMissed, *ledger.AccessCorrected:
		return a.told(v, out, entries, nil)
	case *ledger.CaseloadAccessed:
		out.Place, out.Since = ev.Place, ev.Since
		out.Cover, out.For, out.Handover = ev.Cover, ev.For, ev.Handover
		return a.caseload(v, out, entries)
	case *ledger.UnassignedRead:
		out.Unassigned = ev
		return a.caseload(v, out, entries)
	case *ledger.EnrolmentsWanted:
		out.Wanted = ev
		return a.caseload(v, out, entries)
	case *ledger.AssignmentEnded:
		out.Ended = ev.To
	case *ledger.Traced:
		out.Traced = ev
	case *ledger.HoldingsRead:
		return a.holdings(v, out, ev, entries)
	case *ledger.Reviewed:
		return a.review(v, out, ev, first.Actor.Role)
	case *ledger.NotificationOpened:
		return a.notification(v, out, ev, first.Actor.Role)
	case *ledger.NotificationAcknowledged:
		n, _, err := v.Notification(ev.Notification)
		out.Notification = &n
		return err
	case *ledger.NotificationActioned:
		n, _, err := v.Notification(ev.Notification)
		out.Notification = &n
		return err
	case *ledger.LinksOpened:
		return a.links(v, out, main, ev)
	case *ledger.NotificationAttempted:
		return a.delivery(v, out, main.Seq, ev)
	case *ledger.TrailRead:
		q, ok := first.Request.(*ledger.ReadTrail)
		if !ok {
			return fmt.Errorf("entry %d: a trail read by another request", main.Seq)
		}
		return a.trail(v, out, q, ev, main.Seq, first.Actor.Organisation)
	case *ledger.SubjectCopied:
		var err error
		out.Trail, err = v.SubjectCopy(main.Seq)
		return err
	case *ledger.UploadOpened, *ledger.UploadResumed, *ledger.UploadClosed, *ledger.SnapshotApproved:
		return a.upload(v, out, first)
	case *ledger.AckRead:
		return a.acknowledgement(v, out, first)
	case *ledger.ChunkRecorded, *ledger.EnrolmentsRecorded, *ledger.RowsChecked:
		for i := range entries {
			out.Records = append(out.Records, entries[i].Record())
		}
	}
	return nil
}

// primary returns the entry that records what was asked: the first that is not
// the introduction of its actor.
func primary(entries []ledger.Entry) *ledger.Entry {
	for i := range entries {
		if entries[i].Kind != ledger.KindActorProfiled {
			return &entries[i]
		}
	}
	return &entries[0]
}

// group reads the entries of one command.
func group(r store.Reader, first ledger.Seq, of int) ([]ledger.Entry, error) {
	out := make([]ledger.Entry, of)
	for i := range out {
		var err error
		if out[i], err = store.Entry(r, first+ledger.Seq(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *Assembler) access(v View, out *Answer, main *ledger.Entry, ev *ledger.Accessed, first *ledger.Entry) error {
	if b, ok, err := v.Birth(main.Person.Ref); err != nil {
		return err
	} else if ok {
		out.OfferMother = b.UnderOne(main.Time.Day()) && ev.Outcome != ledger.OutcomeMismatch
	}
	if ev.Outcome != ledger.OutcomeFound {
		return nil
	}
	var err error
	if out.Plans, err = a.plans(v, main.Person.Ref, ev.Disclosed); err != nil {
		return err
	}
	restricted, err := v.Restricted(main.Person.Ref)
	if err != nil {
		return err
	}
	for i := range out.Plans {
		restricted = restricted || out.Plans[i].Plan.Restricted
		if out.Plans[i].Mother { // who the mother is, only a lookup of her own shows
			out.Plans[i].Details = ledger.Shown{}
		}
	}
	if ledger.Hide(restricted, first.Actor.Role).History {
		return nil
	}
	if out.Visits, out.Count, err = v.History(main.Person.Ref, main.Seq); err != nil {
		return err
	}
	if err := a.visitors(v.R, out); err != nil {
		return err
	}
	return a.acknowledgers(v, out)
}

// visitors adds the sealed names of a history. A history that was not read
// anew has the names it had.
func (a *Assembler) visitors(r store.Reader, out *Answer) error {
	if len(out.Visits) == 0 {
		return nil
	}
	first := &out.Visits[0]
	if have, ok := a.names[first]; ok {
		out.Profiles = have
		return nil
	}
	for i := range out.Visits {
		if err := a.profile(r, out, out.Visits[i].Profile); err != nil {
			return err
		}
	}
	if len(a.names) >= assemblerCache {
		clear(a.names)
	}
	a.names[first] = slices.Clip(out.Profiles)
	return nil
}

// plans reads the plans that an entry disclosed. A plan that was changed since
// is shown as its own entry says: that is what was disclosed.
func (a *Assembler) plans(v View, p ledger.PersonRef, disclosed []ledger.Seq) ([]PlanShown, error) {
	have, err := v.Plans(p)
	if err != nil {
		return nil, err
	}
	if p, err = v.Follow(p); err != nil {
		return nil, err
	}
	out := make([]PlanShown, 0, len(disclosed))
	for _, seq := range disclosed {
		plan, ok := find(have, seq)
		if !ok {
			if plan, ok, err = planOf(v.R, seq); err != nil {
				return nil, err
			}
			if !ok {
				continue // the access itself, in a notification's list
			}
		}
		holder := p
		if !plan.Holder.IsZero() {
			holder = plan.Holder
		}
		s, err := a.shown(v.R, plan.Details(), 0, ledger.PayloadPlan, ledger.HolderPerson, holder[:], plan.Command, plan.Key)
		if err != nil {
			return nil, err
		}
		s.Row = plan.Row
		end, err := v.Follow(holder)
		if err != nil {
			return nil, err
		}
		out = append(out, PlanShown{Plan: plan, Details: s, Mother: end != p})
	}
	return out, nil
}

func find(plans []ledger.Plan, seq ledger.Seq) (ledger.Plan, bool) {
	for i := range plans {
		if plans[i].Seq == seq {
			return plans[i], true
		}
	}
	return ledger.Plan{}, false
}

// planOf makes a plan's row again from its entry.
func planOf(r store.Reader, seq ledger.Seq) (ledger.Plan, bool, error) {
	e, err := store.Entry(r, seq)
	if err != nil {
		return ledger.Plan{}, false, err
	}
	if lapsed, ok := e.Event.(*ledger.PlanLapsed); ok {
		p, found, err := planOf(r, lapsed.Of)
		return ledger.LapsePlan([]ledger.Plan{p}, lapsed, seq, e.Time)[0], found, err
	}
	ev, ok := e.Event.(*ledger.PlanRecorded)
	if !ok {
		return ledger.Plan{}, false, nil
	}
	p := ledger.RecordPlan(nil, ev, ev.Authority, seq, e.Time)[0]
	p.Command, p.Row, p.Holder = e.Command, ev.Row.N, ev.Row.Person
	if len(e.Commitments) > 0 {
		p.Key = e.Commitments[0].Key
	}
	return p, true, nil
}

// shown reads one sealed payload and its key.
func (a *Assembler) shown(r store.Reader, seq ledger.Seq, place int, payload ledger.Payload,
	h ledger.Holder, holder []byte, command, key ledger.ID) (ledger.Shown, error) {
	s := ledger.Shown{Seq: seq, Payload: payload, Command: command}
	var err error
	if s.Ciphertext, err = store.Sealed(r, seq, place); err != nil {
		return s, err
	}
	k, ok := a.keys[key]
	if !ok {
		if k, ok, err = store.Key(r, h, holder, key); err != nil {
			return s, err
		}
		if ok {
			if len(a.keys) >= assemblerCache {
				clear(a.keys)
			}
			a.keys[key] = k
		}
	}
	s.Key = k
	return s, nil
}

// profile adds the sealed name of one profile to an answer, once.
func (a *Assembler) profile(r store.Reader, out *Answer, seq ledger.Seq) error {
	if seq == 0 {
		return nil
	}
	for i := range out.Profiles {
		if out.Profiles[i].Seq == seq {
			return nil
		}
	}
	s, ok := a.profiles[seq]
	if !ok {
		row, _, err := read[profileRow](r, profileAtKey(seq))
		if err != nil {
			return err
		}
		read, err := a.shown(r, seq, 0, ledger.PayloadProfile, ledger.HolderActor, row.Actor[:], row.Command, row.Key)
		if err != nil {
			return err
		}
		s = &read
		if len(a.profiles) >= assemblerCache {
			clear(a.profiles)
		}
		a.profiles[seq] = s
	}
	out.Profiles = append(out.Profiles, s)
	return nil
}
