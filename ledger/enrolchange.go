package ledger

import (
	"slices"
	"strings"
)

// Under rules version 3 each source keeps its own enrolments: what one
// organisation says of a child's school takes nothing from what another says,
// and a child is at a place while any source says so. A row joins, moves,
// leaves, or withdraws what was recorded in error.

// EnrolmentChange is what a row of enrolments does.
type EnrolmentChange uint8

// The changes.
const (
	EnrolmentJoins     EnrolmentChange = iota // from a day, perhaps to a day; the same from again corrects it
	EnrolmentMoves                            // the same, and it ends the source's other enrolments at places of that sort
	EnrolmentLeaves                           // its last day is to
	EnrolmentWithdrawn                        // it was recorded in error, and never was
)

// ParseEnrolmentChange reads a change as files spell it; nothing is a join.
func ParseEnrolmentChange(s string) (EnrolmentChange, bool) {
	for i, n := range []string{"join", "move", "leave", "withdraw"} {
		if s == n {
			return EnrolmentChange(i), true
		}
	}
	return 0, s == ""
}

// EnrolmentEnded gives an enrolment its last day. Moved says that it ended
// because of a row that enrols the person elsewhere, which follows.
type EnrolmentEnded struct {
	Row   EnrolmentRow `cbor:"1,keyasint"`
	Of    Seq          `cbor:"2,keyasint"`
	Moved bool         `cbor:"3,keyasint,omitempty"`
}

// EnrolmentTakenBack records that an enrolment was recorded in error.
type EnrolmentTakenBack struct {
	Row EnrolmentRow `cbor:"1,keyasint"`
	Of  Seq          `cbor:"2,keyasint"`
}

// Codes of rows that came with rules version 3.
const (
	RowToMissing        = "to-missing"
	RowEnrolmentUnknown = "enrolment-unknown"
	RowOverlaps         = "enrolment-overlaps"
	RowPlaceClosed      = "place-closed"
)

// Kind implements [Event].
func (EnrolmentEnded) Kind() Kind     { return KindEnrolmentEnded }
func (EnrolmentTakenBack) Kind() Kind { return KindEnrolmentTakenBack }

// Apply returns a person's enrolments at a place with the row's done. source is
// the organisation that says so, empty before rules version 3.
func (e *Enrolled) Apply(have []Enrolment, source string, seq Seq, at Time) []Enrolment {
	n := Enrolment{From: e.Row.From, To: e.Row.To, Seq: seq, Recorded: at, Changed: at, Source: source}
	out := append([]Enrolment(nil), have...)
	for i := range out {
		if e.Of != 0 && out[i].Seq == e.Of {
			n.Recorded, n.ToWas = out[i].Recorded, out[i].To
			out[i] = n
			return out
		}
	}
	return append(out, n)
}

// Apply returns the enrolments with one of them ended.
func (e *EnrolmentEnded) Apply(have []Enrolment, seq Seq, at Time) []Enrolment {
	return endEnrolment(have, e.Of, e.Row.To, seq, at)
}

// Apply returns the enrolments with one of them taken back: it ends before it
// began, so that who saw it is told that the person is there no more.
func (e *EnrolmentTakenBack) Apply(have []Enrolment, seq Seq, at Time) []Enrolment {
	return endEnrolment(have, e.Of, e.Row.From-1, seq, at)
}

func endEnrolment(have []Enrolment, of Seq, to Day, seq Seq, at Time) []Enrolment {
	out := append([]Enrolment(nil), have...)
	for i := range out {
		if out[i].Seq == of {
			out[i].ToWas, out[i].To, out[i].Changed, out[i].Seq = out[i].To, to, at, seq
		}
	}
	return out
}

// never reports whether the enrolment was taken back.
func (e *Enrolment) never() bool { return e.To != 0 && e.To < e.From }

// enrolling decides the rows of one command. A row sees what the rows before it did.
type enrolling struct {
	d      *decider
	source string
	spans  map[stayKey][]Enrolment
	places map[PersonRef][]Place
	links  map[PersonRef]Links

	policy   *Seq      // by which the source may keep links; nil: not asked yet
	followed PersonRef // whose links are followed; zero: these are rows that the actor sent
}

func newEnrolling(d *decider, source string) *enrolling {
	return &enrolling{d: d, source: source, spans: map[stayKey][]Enrolment{}, places: map[PersonRef][]Place{}, links: map[PersonRef]Links{}}
}

type stayKey struct {
	person PersonRef
	place  Place
}

func (n *enrolling) at(p PersonRef, at Place) ([]Enrolment, error) {
	key := stayKey{p, at}
	if have, ok := n.spans[key]; ok {
		return have, nil
	}
	have, err := n.d.Enrolments(p, at)
	n.spans[key] = have
	return have, err
}

// own reports whether an enrolment is the source's to change. One of before
// version 3 has no source, and is anybody's.
func (n *enrolling) own(e *Enrolment) bool {
	return (e.Source == n.source || e.Source == "") && !e.never()
}

func (n *enrolling) row(r *EnrolmentRow) error {
	waiting, err := n.linked(r.Person)
	if err != nil {
		return err
	}
	waits := len(waiting.Each) > 0
	if waits { // what came before this row waits: the row must wait behind it
		if done, err := n.link(r); done || err != nil {
			return err
		}
		n.links[r.Person] = Links{} // folding what follows lets them go: they are no longer what the source last said
	}
	if r.Leaves() {
		if done, err := n.out(r); done || err != nil {
			return err
		}
	}
	visible, err := n.d.hasVisiblePlan(r.Person)
	if err != nil {
		return err
	}
	if !visible || r.concealed(n.d) { // of what an edge concealed, a plan that has just appeared finds the link
		if !waits && !r.Leaves() { // nothing is known that could be left
			if done, err := n.link(r); done || err != nil {
				return err
			}
		}
		n.d.record(&EnrolmentNotKept{N: r.N}, r.Person)
		return nil
	}
	if r.Leaves() {
		return n.reject(r, RowEnrolmentUnknown)
	}
	return n.stands(r)
}

// Leaves reports whether the row ends or withdraws what was said.
func (r *EnrolmentRow) Leaves() bool {
	return r.Change == EnrolmentLeaves || r.Change == EnrolmentWithdrawn
}

// kept records a row about a person with a visible plan, which a link held.
func (n *enrolling) kept(r *EnrolmentRow) error {
	if !r.Leaves() {
		return n.stands(r)
	}
	done, err := n.out(r)
	if done || err != nil {
		return err
	}
	return n.reject(r, RowEnrolmentUnknown)
}

// stands records a join or a move at a place that is there.
func (n *enrolling) stands(r *EnrolmentRow) error {
	o, ok, err := n.d.Organisation(r.Place.Code())
	switch {
	case err != nil:
		return err
	case !ok:
		return n.reject(r, RowPlaceUnknown)
	case o.Closed != 0 && r.From > o.Closed:
		return n.reject(r, RowPlaceClosed)
	}
	return n.in(r)
}

func (n *enrolling) reject(r *EnrolmentRow, code string) error {
	n.d.record(&EnrolmentRejected{N: r.N, Code: code}, n.followed)
	return nil
}

// in records a join or a move.
func (n *enrolling) in(r *EnrolmentRow) error {
	have, err := n.at(r.Person, r.Place)
	if err != nil {
		return err
	}
	e := &Enrolled{Row: *r}
	e.Row.Link = Tag{}
	if !n.followed.IsZero() {
		e.Source = n.source
	}
	for i := range have {
		h := &have[i]
		switch {
		case (h.Source == n.source || h.Source == "") && h.From == r.From: // one that was taken back may come again
			e.Of = h.Seq
		case n.own(h) && (r.To == 0 || h.From <= r.To) && (h.To == 0 || r.From <= h.To):
			return n.reject(r, RowOverlaps)
		}
	}
	if r.Change == EnrolmentMoves {
		if err := n.leaveOthers(r); err != nil {
			return err
		}
	}
	seq := n.d.record(e, r.Person)
	n.spans[stayKey{r.Person, r.Place}] = e.Apply(have, n.source, seq, n.d.now)
	if known, err := n.placesOf(r.Person); err != nil {
		return err
	} else if !slices.Contains(known, r.Place) {
		n.places[r.Person] = append(known[:len(known):len(known)], r.Place)
	}
	return nil
}

func (n *enrolling) placesOf(p PersonRef) ([]Place, error) {
	if known, ok := n.places[p]; ok {
		return known, nil
	}
	known, err := n.d.Places(p)
	n.places[p] = known
	return known, err
}

// leaveOthers ends what the source has of the person at other places of the
// same sort, the day before.
func (n *enrolling) leaveOthers(r *EnrolmentRow) error {
	places, err := n.placesOf(r.Person)
	if err != nil {
		return err
	}
	places = slices.Sorted(slices.Values(places))
	for _, place := range places {
		if place == r.Place || place.sort() != r.Place.sort() {
			continue
		}
		have, err := n.at(r.Person, place)
		if err != nil {
			return err
		}
		for i := range have {
			h := have[i]
			if !n.own(&h) || h.From >= r.From || (h.To != 0 && h.To < r.From) {
				continue
			}
			out := EnrolmentRow{N: r.N, Person: r.Person, Place: place, From: h.From, To: r.From - 1, Change: EnrolmentMoves}
			n.end(&EnrolmentEnded{Row: out, Of: h.Seq, Moved: true})
		}
	}
	return nil
}

func (n *enrolling) end(e *EnrolmentEnded) {
	seq := n.d.record(e, e.Row.Person)
	key := stayKey{e.Row.Person, e.Row.Place}
	n.spans[key] = e.Apply(n.spans[key], seq, n.d.now)
}

// out records that somebody left, or was never there. Neither needs a plan that
// is visible: what is held of a child must be put right also when it is not shown.
func (n *enrolling) out(r *EnrolmentRow) (bool, error) {
	have, err := n.at(r.Person, r.Place)
	if err != nil {
		return false, err
	}
	var found *Enrolment
	for i := range have {
		h := &have[i]
		switch {
		case !n.own(h):
		case r.Change == EnrolmentWithdrawn && h.From == r.From, r.Change == EnrolmentLeaves && h.From <= r.To && (found == nil || h.From > found.From):
			found = h
		}
	}
	if found == nil {
		return false, nil
	}
	row := *r
	row.Link = Tag{}
	if r.Change == EnrolmentLeaves {
		n.end(&EnrolmentEnded{Row: row, Of: found.Seq})
		return true, nil
	}
	e := &EnrolmentTakenBack{Row: row, Of: found.Seq}
	seq := n.d.record(e, r.Person)
	n.spans[stayKey{r.Person, r.Place}] = e.Apply(have, seq, n.d.now)
	return true, nil
}

// sort is the place's prefix.
func (p Place) sort() string {
	before, _, _ := strings.Cut(string(p), ":")
	return before
}
