package projection

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"

	"custos/ledger"
	"custos/ledger/store"
)

// TrailRow is one entry of a trail. Who it was is in the sealed profile.
type TrailRow struct {
	Seq          ledger.Seq     `cbor:"1,keyasint"`
	At           ledger.Time    `cbor:"2,keyasint"`
	Kind         ledger.Kind    `cbor:"3,keyasint"`
	Issuer       string         `cbor:"4,keyasint,omitempty"`
	Subject      string         `cbor:"5,keyasint,omitempty"`
	Role         ledger.Role    `cbor:"6,keyasint,omitempty"`
	Organisation string         `cbor:"7,keyasint,omitempty"`
	Profile      ledger.Seq     `cbor:"8,keyasint,omitempty"`
	Outcome      ledger.Outcome `cbor:"9,keyasint,omitempty"`
	Code         string         `cbor:"10,keyasint,omitempty"` // why it was denied
	Unscheduled  bool           `cbor:"11,keyasint,omitempty"`
	Told         []string       `cbor:"12,keyasint,omitempty"`
	Authority    string         `cbor:"13,keyasint,omitempty"` // whom a notification tells, or whose plan it is
	Of           ledger.Seq     `cbor:"14,keyasint,omitempty"` // the entry it answers to
	InError      bool           `cbor:"15,keyasint,omitempty"`
	Place        ledger.Place   `cbor:"16,keyasint,omitempty"`
	Cover        bool           `cbor:"17,keyasint,omitempty"` // a caseload was read by who covers it
	For          string         `cbor:"18,keyasint,omitempty"` // for which person or team

	Person  ledger.PersonRef `cbor:"19,keyasint,omitzero"`  // whom it is about: a reference, never a number
	Action  ledger.Action    `cbor:"20,keyasint,omitempty"` // what was denied
	Command ledger.ID        `cbor:"21,keyasint,omitzero"`  // the command that it is of
	Access  bool             `cbor:"22,keyasint,omitempty"` // somebody did it to see or to change; else it followed from that, or was loaded

	System  bool `cbor:"23,keyasint,omitempty"` // a system asked, and the profile names who answers for it
	Differs bool `cbor:"24,keyasint,omitempty"` // a message named another author than who signed in
	Arrival bool `cbor:"25,keyasint,omitempty"`
	Traced  bool `cbor:"26,keyasint,omitempty"` // the register of demographics named the person
}

// trail reads the trail that a TrailRead entry was granted: everything its
// query names up to the entry itself, which is included where it is about the
// same person.
func (a *Assembler) trail(v View, out *Answer, q *ledger.ReadTrail, ev *ledger.TrailRead, asOf ledger.Seq, own string) error {
	seqs, err := v.named(q, asOf)
	if err != nil {
		return err
	}
	for _, n := range seqs {
		if n > asOf {
			break
		}
		row, err := v.TrailRow(n)
		if err != nil {
			return err
		}
		if (q.From != 0 && row.At < q.From) || (q.To != 0 && row.At >= q.To) {
			continue
		}
		if ev.Own && row.Organisation != own {
			continue
		}
		if err := a.profile(v.R, out, row.Profile); err != nil {
			return err
		}
		out.Trail = append(out.Trail, row)
	}
	return nil
}

// named lists the entries that a trail's query names, in order.
func (v View) named(q *ledger.ReadTrail, asOf ledger.Seq) ([]ledger.Seq, error) {
	switch {
	case !q.Person.IsZero():
		return v.trailOf(q.Person, asOf)
	case !q.Actor.IsZero():
		return v.accessesBy(q.Actor)
	case q.Organisation == "":
		return v.accessesWithin(q.From, q.To, asOf)
	}
	return v.accesses(store.ViewKey(viewAccess, named(q.Organisation)))
}

// accessesBy lists what an actor has done, from wherever.
func (v View) accessesBy(a ledger.ActorID) ([]ledger.Seq, error) {
	prefix := store.ViewKey(viewActing, a[:])
	var places []string
	for row, err := range v.R.Scan(prefix) {
		if err != nil {
			return nil, err
		}
		places = append(places, string(row.Key[len(prefix):]))
	}
	var out []ledger.Seq
	for _, place := range places {
		seqs, err := v.accesses(store.ViewKey(viewAccess, named(place), a[:]))
		if err != nil {
			return nil, err
		}
		out = append(out, seqs...)
	}
	slices.Sort(out)
	return out, nil
}

// Between returns the first entry of a moment or later, and the first of
// another or later; zero: from the beginning, to the end. Whoever means to ask
// for everything in between knows from it how much that is.
func (v View) Between(from, to ledger.Time) (first, end ledger.Seq, err error) {
	size := v.R.Head().Size
	since := func(t ledger.Time) ledger.Seq {
		return ledger.Seq(sort.Search(int(size), func(n int) bool {
			e, failed := store.Entry(v.R, ledger.Seq(n))
			err = errors.Join(err, failed)
			return failed != nil || e.Time >= t
		}))
	}
	end = size
	if from != 0 {
		first = since(from)
	}
	if to != 0 {
		end = max(first, since(to))
	}
	return first, end, err
}

// accessesWithin lists every access of a time, whoever made it.
func (v View) accessesWithin(from, to ledger.Time, asOf ledger.Seq) ([]ledger.Seq, error) {
	first, end, err := v.Between(from, to)
	if err != nil {
		return nil, err
	}
	var out []ledger.Seq
	for n := first; n < min(end, asOf+1); n++ {
		e, err := store.Entry(v.R, n)
		if err != nil {
			return nil, err
		}
		if isAccess(e.Event) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (v View) accesses(prefix []byte) ([]ledger.Seq, error) {
	out, err := v.index(prefix)
	slices.Sort(out)
	return out, err
}

// asked notes by what way a lookup came, from the first entry of its command.
func (r *TrailRow) asked(first *ledger.Entry) {
	switch q := first.Request.(type) {
	case *ledger.LookUp:
		r.System, r.Differs, r.Arrival, r.Traced = q.System, q.Differs, q.Arrival, q.Traced
	case *ledger.BreakGlass:
		r.System = q.LookUp.System
	case *ledger.Trace:
		r.System, r.Arrival = q.System, q.Arrival
	}
}

// TrailRow reads one entry as trails show it.
func (v View) TrailRow(n ledger.Seq) (TrailRow, error) {
	e, first, err := entryWithFirst(v.R, n)
	if err != nil {
		return TrailRow{}, err
	}
	row := TrailRow{Seq: e.Seq, At: e.Time, Kind: e.Kind, Issuer: first.Actor.Issuer, Subject: first.Actor.Subject,
		Role: first.Actor.Role, Organisation: first.Actor.Organisation, Command: e.Command}
	if e.Person != nil {
		row.Person = e.Person.Ref
	}
	row.Access = isAccess(e.Event) || e.Kind == ledger.KindSubjectAccessed
	switch ev := e.Event.(type) {
	case *ledger.Accessed:
		row.asked(&first)
		row.Profile, row.Outcome, row.Unscheduled, row.Told = ev.Profile, ev.Outcome, ev.Unscheduled, ev.Told
		_, row.InError, err = v.number(correctedKey(e.Seq))
	case *ledger.AccessDenied:
		row.asked(&first)
		row.Profile, row.Code, row.Action = ev.Profile, ev.Code, ev.Action
	case *ledger.AccessCorrected:
		row.Profile, row.Of, row.Told = ev.Profile, ev.Access, ev.Told
	case *ledger.GlassBroken:
		row.Profile, row.Of, row.Code = ev.Profile, ev.Access, ev.Code
	case *ledger.Reviewed:
		row.Profile, row.Of, row.Code = ev.Profile, ev.Glass, ev.Finding.String()
	case *ledger.Reopened:
		row.Of = ev.Of
	case *ledger.NotificationQueued:
		row.Authority, row.Of = ev.Authority, ev.Of
	case *ledger.NotificationOpened:
		row.Profile, row.Of = ev.Profile, ev.Notification
	case *ledger.NotificationAcknowledged:
		row.Profile, row.Of = ev.Profile, ev.Notification
	case *ledger.BirthRecorded:
		row.Profile = ev.Profile
	case *ledger.PregnancyEnded:
		row.Profile = ev.Profile
	case *ledger.NotificationEscalated:
		row.Of = ev.Notification
	case *ledger.NotificationActioned:
		row.Profile, row.Of = ev.Profile, ev.Notification
	case *ledger.NotificationWithdrawn:
		row.Of = ev.Notification
	case *ledger.NotificationAttempted:
		row.Authority, row.Of = ev.Authority, ev.Again
	case *ledger.AppointmentMissed:
		row.Profile, row.Told = ev.Profile, ev.Told
	case *ledger.CaseloadAccessed:
		row.Profile, row.Place, row.Cover, row.For = ev.Profile, ev.Place, ev.Cover, ev.For
	case *ledger.SubjectAccessed:
		switch q := first.Request.(type) {
		case *ledger.ReadCaseload:
			row.Place = q.Place
			row.Cover, row.For, err = v.coverOf(&first)
		case *ledger.ReadHoldings:
			row.Authority = first.Actor.Organisation
		case *ledger.ReadUnassigned:
			row.Authority = q.Authority
		}
	case *ledger.TrailRead:
		row.Profile = ev.Profile
	case *ledger.SubjectCopied:
		row.Profile = ev.Profile
	case *ledger.KeyReleased:
		row.Profile = ev.Profile
	case *ledger.PlanRecorded:
		row.Authority, row.Of = ev.Authority, ev.Of
	case *ledger.PlanUnchanged:
		row.Authority, row.Of = ev.Authority, ev.Of
	case *ledger.PlanDeleted:
		row.Authority, row.Of = ev.Authority, ev.Of
	case *ledger.EnrolmentsWanted:
		row.Profile = ev.Profile
	case *ledger.Enrolled:
		row.Place, row.Of = ev.Row.Place, ev.Of
		row.Organisation = cmp.Or(ev.Source, row.Organisation)
	case *ledger.LinksOpened:
		row.Organisation = ev.Source
	case *ledger.LinksFollowed:
		row.Organisation, row.Of, row.Code = ev.Source, ev.Of, ev.Code
	case *ledger.EnrolmentLinked:
		row.Of = ev.Of
	case *ledger.EnrolmentRejected:
		row.Code = ev.Code
		if q, ok := first.Request.(*ledger.FollowLinks); ok {
			row.Organisation = q.Source
		}
	case *ledger.EnrolmentEnded:
		row.Place, row.Of = ev.Row.Place, ev.Of
	case *ledger.EnrolmentTakenBack:
		row.Place, row.Of = ev.Row.Place, ev.Of
	case *ledger.UnassignedRead:
		row.Profile, row.Authority = ev.Profile, ev.Authority
	case *ledger.HoldingsRead:
		row.Profile, row.Authority = ev.Profile, ev.Authority
	case *ledger.PlanUnmatched:
		row.Authority, row.Of, row.Code = ev.Authority, ev.Of, ev.Row.Reason
	case *ledger.PersonMatched:
		row.Authority, row.Of = ev.Authority, ev.Of
	case *ledger.Traced:
		row.Profile, row.Told = ev.Profile, ev.Authorities
	case *ledger.NotTraced:
		row.Profile = ev.Profile
	case *ledger.NumberSuperseded:
		row.Profile = ev.Profile
	case *ledger.NumbersParted:
		row.Profile, row.Of = ev.Profile, ev.Of
	case *ledger.NumberFollowed:
		row.Of = ev.Of
	case *ledger.NumberInactivated:
		row.Profile, row.Told = ev.Profile, ev.Tasks
	case *ledger.PlanLapsed:
		row.Authority, row.Of = ev.Authority, ev.Of
	case *ledger.PlanRejected:
		row.Authority, row.Code = ev.Authority, ev.Code
	}
	if err == nil && row.Profile == 0 && row.Role != ledger.RoleSystem {
		row.Profile, _, err = v.Profile(first.Actor.ID(), first.Actor.Profile)
	}
	return row, err
}

// coverOf says whether a caseload was read by somebody who covered it. The
// command's first entry, or the one behind the actor's profile, heads it.
func (v View) coverOf(first *ledger.Entry) (cover bool, of string, err error) {
	head := first
	if first.Kind == ledger.KindActorProfiled {
		e, err := store.Entry(v.R, first.Seq+1)
		if err != nil {
			return false, "", err
		}
		head = &e
	}
	ev, ok := head.Event.(*ledger.CaseloadAccessed)
	if !ok {
		return false, "", fmt.Errorf("entry %d: no caseload heads it", first.Seq)
	}
	return ev.Cover, ev.For, nil
}
