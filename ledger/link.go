package ledger

import "slices"

// Sealed links, from rules version 4 on. No table of all children is kept: a row
// about somebody without a visible plan is discarded, and asked for again when a
// plan appears. Where the policy of whoever sent it says links, and cites the
// assessment that allows it, the row is kept instead, sealed under the person's
// own key: the entry says that there is one, and nothing of where. When a plan
// appears, a node opens what waits and records it as its source's enrolments.

// MaxLinks is how many rows of one source wait for one person, one that was said
// again among them. A row beyond it is not kept, and with it go the others: the
// source is asked again.
const MaxLinks = 128

// EnrolmentLinked records that a row about a person without a visible plan is
// kept, sealed. Of is the link that said the very same before: nothing is sealed
// twice, so that a school's daily file does not grow a history of its pupils.
type EnrolmentLinked struct {
	N      int `cbor:"1,keyasint"`
	Policy Seq `cbor:"2,keyasint"` // by which it may be kept: that entry cites the assessment
	Link   Tag `cbor:"3,keyasint"` // keyed, in the scope of the person: equal for equal rows
	Of     Seq `cbor:"4,keyasint,omitempty"`
}

// LinksOpened records that a node opens a source's links of a person who has a
// visible plan. What they say is in the outcome, and nowhere else.
type LinksOpened struct {
	Source string `cbor:"1,keyasint"`
	Links  []Seq  `cbor:"2,keyasint"`
	Policy Seq    `cbor:"3,keyasint"` // by which they may be
}

// LinksFollowed says what became of them. They wait no longer: the source's
// enrolments of the person follow in the same command, or why there are none.
type LinksFollowed struct {
	Source string `cbor:"1,keyasint"`
	Links  []Seq  `cbor:"2,keyasint"`
	Of     Seq    `cbor:"3,keyasint,omitempty"` // the entry that opened them
	Code   string `cbor:"4,keyasint,omitempty"` // why they are not followed, and the source is asked again
	Rows   int    `cbor:"5,keyasint,omitempty"`
}

// Codes of links that are not followed.
const (
	LinksNotPermitted = "links-not-permitted" // the policy of the source says so no longer
	LinksUnreadable   = "links-unreadable"    // they do not open, or not as what they are
)

// LinkDetails is a row as its source sent it: [PayloadLink].
type LinkDetails struct {
	Place  Place           `cbor:"1,keyasint"`
	From   Day             `cbor:"2,keyasint,omitempty"`
	To     Day             `cbor:"3,keyasint,omitempty"`
	Change EnrolmentChange `cbor:"4,keyasint,omitempty"`
}

// OpenLinks asks to open what a source has sealed of a person, as a node does
// that finds them due. Where policy forbids it by now, they are let go unopened.
type OpenLinks struct {
	Person PersonRef `cbor:"1,keyasint"`
	Source string    `cbor:"2,keyasint"`
}

// FollowLinks asks to record what was opened. Of names the opening: what was
// linked, or opened again, after it makes it void.
type FollowLinks struct {
	Person PersonRef      `cbor:"1,keyasint"`
	Source string         `cbor:"2,keyasint"`
	Of     Seq            `cbor:"3,keyasint"`
	Code   string         `cbor:"4,keyasint,omitempty"`
	Rows   []EnrolmentRow `cbor:"5,keyasint,omitempty"`
}

// Link is one row that waits.
type Link struct {
	Seq  Seq `cbor:"1,keyasint"` // the entry with what is sealed
	Link Tag `cbor:"2,keyasint"`
}

// Links is what a source has linked of a person and nobody has followed, in the
// order in which it counts; zero: nothing.
type Links struct {
	Each   []Link `cbor:"1,keyasint"`
	Newest Seq    `cbor:"2,keyasint"` // the entry that last added to them
	Opened Seq    `cbor:"3,keyasint,omitempty"`
	Said   Time   `cbor:"4,keyasint,omitempty"` // when the source last said something of the person
	Due    Time   `cbor:"5,keyasint,omitempty"` // since when somebody looks whether there is a plan to follow them for
}

// Kind implements [Event].
func (EnrolmentLinked) Kind() Kind { return KindEnrolmentLinked }
func (LinksOpened) Kind() Kind     { return KindLinksOpened }
func (LinksFollowed) Kind() Kind   { return KindLinksFollowed }

func (e *EnrolmentLinked) row() int { return e.N }

// Number implements [Request].
func (*OpenLinks) Number() RequestKind   { return RequestOpenLinks }
func (*FollowLinks) Number() RequestKind { return RequestFollowLinks }

// Discloses implements [Request].
func (*OpenLinks) Discloses() bool   { return true }
func (*FollowLinks) Discloses() bool { return false }

func (*OpenLinks) action() Action   { return ActSystem }
func (*FollowLinks) action() Action { return ActSystem }

func (q *FollowLinks) withoutRows() Request {
	return &FollowLinks{Person: q.Person, Source: q.Source, Of: q.Of, Code: q.Code}
}

func (q *FollowLinks) withRows(group []Entry) (Request, error) {
	rows, err := (&Enrol{}).withRows(group)
	if err != nil {
		return nil, err
	}
	out := q.withoutRows().(*FollowLinks)
	out.Rows = rows.(*Enrol).Rows
	return out, nil
}

// Add returns the links with another. One that says what an earlier one said
// does not take its place, for what was said between them may rest on either:
// a leaver, a joiner again, the same leaver.
func (l Links) Add(e *EnrolmentLinked, seq Seq, at Time) Links {
	one := Link{Seq: seq, Link: e.Link}
	if e.Of != 0 {
		one.Seq = e.Of
	}
	l.Each, l.Newest, l.Said = withoutThirds(append(slices.Clone(l.Each), one)), seq, at
	return l
}

// withoutThirds leaves out what says a third time running what was said twice,
// as a daily file does. Said twice it is not what it is said once: a leaver names
// the last joiner, and who that is may change with what the same file takes back.
// The second time settles which joiners there are, and so the third does nothing.
func withoutThirds(each []Link) []Link {
	for n := 1; 3*n <= len(each); n++ {
		last := each[len(each)-n:]
		if slices.Equal(each[len(each)-2*n:len(each)-n], last) && slices.Equal(each[len(each)-3*n:len(each)-2*n], last) {
			return each[:len(each)-n]
		}
	}
	return each
}

// find returns the link that says the same.
func (l *Links) find(t Tag) (Seq, bool) {
	for i := range l.Each {
		if l.Each[i].Link == t {
			return l.Each[i].Seq, true
		}
	}
	return 0, false
}

// seqs are the entries with what is sealed.
func (l *Links) seqs() []Seq {
	out := make([]Seq, len(l.Each))
	for i := range l.Each {
		out[i] = l.Each[i].Seq
	}
	return out
}

// Sound reports whether nothing is wrong with a row in itself.
func (r *EnrolmentRow) Sound() bool { return r.fault() == "" }

// Conceal leaves of a row no more than a link's entry holds of it. What
// consensus replicates has rows in clear; of somebody without a plan, whose row
// is sealed, an edge need not say there where.
func (r *EnrolmentRow) Conceal() { *r = EnrolmentRow{N: r.N, Person: r.Person, Link: r.Link} }

func (r *EnrolmentRow) concealed(d *decider) bool { return d.four() && r.Place == "" }

// linked is what waits of a person, with what this command has added.
func (n *enrolling) linked(p PersonRef) (Links, error) {
	if !n.d.four() {
		return Links{}, nil
	}
	if l, ok := n.links[p]; ok {
		return l, nil
	}
	l, err := n.d.Links(p, n.source)
	n.links[p] = l
	return l, err
}

// link keeps a row, sealed, if policy lets its source and the edge has sealed
// it. What is not kept leaves nothing: what was sealed of it is in no entry, and
// so is not stored.
func (n *enrolling) link(r *EnrolmentRow) (bool, error) {
	d := n.d
	have, err := n.linked(r.Person)
	if err != nil || !d.four() || r.Link.IsZero() {
		return false, err
	}
	held, err := n.permits()
	if err != nil || held == 0 {
		return false, err
	}
	e := &EnrolmentLinked{N: r.N, Policy: held, Link: r.Link}
	var sealed []int
	if of, ok := have.find(r.Link); ok {
		e.Of = of
	} else if sealed = d.linkOf(r.N); len(sealed) != 1 {
		return false, nil
	}
	if len(have.Add(e, 0, d.now).Each) > MaxLinks {
		return false, nil
	}
	n.links[r.Person] = have.Add(e, d.record(e, r.Person, sealed...), d.now)
	return true, nil
}

// permits returns the entry by which the source may keep links today, or zero.
func (n *enrolling) permits() (Seq, error) {
	if n.policy == nil {
		held, err := n.d.linksOf(n.source)
		if err != nil {
			return 0, err
		}
		n.policy = &held
	}
	return *n.policy, nil
}

// linksOf returns the entry by which a source may keep links today, or zero.
func (d *decider) linksOf(source string) (Seq, error) {
	held, err := PolicyOn(d.View, source, d.today())
	if err != nil || held.Links != Yes {
		return 0, err
	}
	return held.Of[ItemLinks].Seq, nil
}

// linkOf lists the sealed links of a row.
func (d *decider) linkOf(row int) []int {
	var out []int
	for i := range d.c.Sealed {
		if s := &d.c.Sealed[i]; s.Payload == PayloadLink && s.Holder == HolderPerson && s.Row == row && row > 0 {
			out = append(out, i)
		}
	}
	return out
}

// due reads the links that a request is about. Nobody's wait, and nobody's are
// opened who has no visible plan.
func (d *decider) due(p PersonRef, source string) (Links, bool, error) {
	l, err := d.Links(p, source)
	if err != nil || len(l.Each) == 0 {
		return l, false, err
	}
	visible, err := d.hasVisiblePlan(p)
	return l, visible, err
}

func (q *OpenLinks) decide(d *decider) error {
	if !d.under(4) {
		return nil
	}
	l, due, err := d.due(q.Person, q.Source)
	if err != nil {
		return err
	}
	if !due {
		d.refuse(RefusedState)
		return nil
	}
	held, err := d.linksOf(q.Source)
	switch {
	case err != nil:
		return err
	case held == 0:
		d.record(&LinksFollowed{Source: q.Source, Links: l.seqs(), Code: LinksNotPermitted}, q.Person)
	default:
		d.record(&LinksOpened{Source: q.Source, Links: l.seqs(), Policy: held}, q.Person)
	}
	return nil
}

func (q *FollowLinks) decide(d *decider) error {
	if !d.under(4) {
		return nil
	}
	l, due, err := d.due(q.Person, q.Source)
	if err != nil {
		return err
	}
	sound := q.Code == "" || q.Code == LinksUnreadable && len(q.Rows) == 0
	for i := range q.Rows {
		sound = sound && (q.Rows[i].Fault != "" || q.Rows[i].Person == q.Person)
	}
	if !due || !sound || q.Of == 0 || q.Of != l.Opened || l.Newest > q.Of || len(q.Rows) > MaxEnrolmentRows {
		d.refuse(RefusedState)
		return nil
	}
	held, err := d.linksOf(q.Source)
	if err != nil {
		return err
	}
	e := &LinksFollowed{Source: q.Source, Links: l.seqs(), Of: q.Of, Code: q.Code, Rows: len(q.Rows)}
	if held == 0 { // policy changed in between
		e.Code, e.Rows = LinksNotPermitted, 0
	}
	d.record(e, q.Person)
	if e.Code != "" {
		return nil
	}
	n := newEnrolling(d, q.Source)
	n.followed = q.Person
	for i := range q.Rows {
		r := &q.Rows[i]
		if code := r.fault(); code != "" {
			err = n.reject(r, code)
		} else {
			err = n.kept(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
