package ledger

// Whether a row's person was found in the register of demographics is a fact
// that comes with the row; the ledger does not ask. A row that matches nobody is
// accepted as unmatched: it stands on its authority's worklist, is no plan and is
// in no answer to a lookup, until it comes again and matches.

// Match says whether the register knows the person of a row.
type Match uint8

// The values of [Match].
const (
	MatchNotAsked Match = iota // there is no register, or the rules do not ask
	Matched                    // number, names and birth date are one person's
	Unmatched                  // they are not; Row.Reason says why
)

// RowNumberMissing is the reason of a provisional row: it gives no NHS number.
const RowNumberMissing = RowPersonRequired

// unmatchedRaised is how long a plan in force may stand unmatched, and so
// unseen by care, before somebody is told.
const unmatchedRaised = 24 * Hour

// PlanUnmatched records a row that matches nobody. What it said, and what the
// register suggests, is sealed for the authority.
type PlanUnmatched struct {
	Row       Row    `cbor:"1,keyasint"`
	Authority string `cbor:"2,keyasint"`
	Of        Seq    `cbor:"3,keyasint,omitempty"` // the entry of the same row the last time
	Upload    ID     `cbor:"4,keyasint"`
}

// Leaving says how a row left the worklist.
type Leaving uint8

// The ways.
const (
	LeftMatched   Leaving = iota + 1 // it came again and matches
	LeftWithdrawn                    // its authority deleted it
	LeftAbsent                       // a full snapshot did not name it
)

// PersonMatched takes a row off the worklist.
type PersonMatched struct {
	Of        Seq     `cbor:"1,keyasint"` // the entry that it stood for
	Authority string  `cbor:"2,keyasint"`
	How       Leaving `cbor:"3,keyasint"`
	Item      Item    `cbor:"4,keyasint"`
}

// Item is what makes rows of different files the same one on a worklist: the
// plan type, and the local id or, without one, the names and birth date.
type Item [17]byte

// Standing is a row on a worklist, as the views hold it.
type Standing struct {
	Seq    Seq       `cbor:"1,keyasint"`           // the entry of the newest file that named it
	First  Seq       `cbor:"2,keyasint"`           // the entry that put it there
	Since  Time      `cbor:"3,keyasint"`           // its time
	Type   PlanType  `cbor:"4,keyasint"`           //
	Start  Day       `cbor:"5,keyasint"`           //
	End    Day       `cbor:"6,keyasint,omitempty"` //
	Person PersonRef `cbor:"7,keyasint,omitzero"`  // whom its number names, which need not be the person
	Reason string    `cbor:"8,keyasint"`
	Twin   bool      `cbor:"9,keyasint,omitempty"`
	Trace  Tag       `cbor:"10,keyasint,omitzero"`
	Named  Seq       `cbor:"11,keyasint"` // the entry that opened the newest upload that named it
}

// InForce reports whether the row claims a plan in force on a day.
func (s *Standing) InForce(on Day) bool { return s.Start <= on && (s.End == 0 || on <= s.End) }

// Raised reports whether a plan in force has stood unmatched for too long.
func (s *Standing) Raised(now Time) bool {
	return s.InForce(now.Day()) && now-s.Since >= unmatchedRaised
}

// Kind implements [Event].
func (PlanUnmatched) Kind() Kind { return KindPlanUnmatched }
func (PersonMatched) Kind() Kind { return KindPersonMatched }

func (e *PlanUnmatched) row() int { return e.Row.N }

// Items are the places a row may have on a worklist: the one it takes, then one
// it may have had before it got a local id.
func (r *Row) Items() []Item {
	var out []Item
	for _, t := range []Tag{r.Local, r.Trace} {
		if !t.IsZero() {
			i := Item{byte(r.Type)}
			copy(i[1:], t[:])
			out = append(out, i)
		}
	}
	return out
}

// ItemOf is the place that a row takes on a worklist; ok is false for a row that
// has neither a local id nor names.
func ItemOf(r *Row) (i Item, ok bool) {
	if all := r.Items(); len(all) > 0 {
		return all[0], true
	}
	return Item{}, false
}

// standing finds the row's earlier standing on the worklist, with what this
// command has already changed of it.
func (d *decider) standing(r *Row, authority string) (s Standing, at Item, ok bool, err error) {
	for _, at = range r.Items() {
		if s, ok = d.stood[at]; ok {
			return s, at, s.Seq != 0, nil
		}
		if s, ok, err = d.Standing(authority, at); ok || err != nil {
			return s, at, ok, err
		}
	}
	return Standing{}, Item{}, false, nil
}

// unmatched decides a row that matches nobody.
func (d *decider) unmatched(r *Row, u *Upload) (Event, error) {
	was, at, ok, err := d.standing(r, u.Authority)
	if err != nil {
		return nil, err
	}
	if _, has := ItemOf(r); !has || r.Reason == "" || len(r.Reason) > 64 {
		return &PlanRejected{Row: *r, Authority: u.Authority, Code: RowUnmatchable}, nil
	}
	switch {
	case r.Delete != 0 && !ok:
		return &PlanRejected{Row: *r, Authority: u.Authority, Code: RowDeleteUnknown}, nil
	case r.Delete != 0:
		return &PlanDeleted{Row: *r, Authority: u.Authority, Of: was.Seq}, nil
	case r.pastShowing(d.today()):
		return &PlanRejected{Row: *r, Authority: u.Authority, Code: RowEndedLongAgo}, nil
	}
	if ok {
		d.stood[at] = Standing{} // it takes its place anew
	}
	return &PlanUnmatched{Row: *r, Authority: u.Authority, Of: was.Seq, Upload: u.ID}, nil
}

// leave takes the row off the worklist if what became of it says so.
func (d *decider) leave(e Event, authority string) error {
	var r *Row
	how := LeftMatched
	switch e := e.(type) {
	case *PlanRecorded:
		r = &e.Row
	case *PlanUnchanged:
		r = &e.Row
	case *PlanDeleted:
		r, how = &e.Row, LeftWithdrawn
	default:
		return nil
	}
	was, at, ok, err := d.standing(r, authority)
	if err != nil || !ok {
		return err
	}
	d.record(&PersonMatched{Of: was.Seq, Authority: authority, How: how, Item: at}, r.Person)
	d.stood[at] = Standing{}
	return nil
}

// left lists what stands on the worklist and a snapshot did not name.
func (d *decider) left(u *Upload) ([]PersonMatched, error) {
	var out []PersonMatched
	err := d.EachStanding(u.Authority, func(at Item, s Standing) {
		if s.Named != u.Opened {
			out = append(out, PersonMatched{Of: s.Seq, Authority: u.Authority, How: LeftAbsent, Item: at})
		}
	})
	return out, err
}

// Stand folds a row onto the worklist.
func (e *PlanUnmatched) Stand(was Standing, seq, opened Seq, at Time) Standing {
	s := Standing{Seq: seq, First: seq, Since: at, Type: e.Row.Type, Start: e.Row.Start, End: e.Row.End, Person: e.Row.Person,
		Reason: e.Row.Reason, Twin: e.Row.Twin, Trace: e.Row.Trace, Named: opened}
	if was.Seq != 0 {
		s.First, s.Since = was.First, was.Since
	}
	return s
}
