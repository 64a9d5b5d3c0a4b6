package ledger

import "slices"

// What each row of a file carries is written and read as [codec] does what each
// lookup carries: an upload and an enrolment spend on it what deciding costs.

// first is the first field where that is a map of its own: the row that an entry is about.
func (c *codec) first(v fielded) {
	if c.next(1, false) {
		c.inner(v)
	}
}

const (
	leastRow  = 3   // the least length of a row in a list: a map of one number
	usualRow  = 200 // what a row of an upload mostly takes
	leastPlan = 71  // of a plan: what it always has
)

// nestedList is a list of maps that is left out when empty.
func nestedList[T any, P interface {
	*T
	fielded
}](c *codec, key uint64, v *[]T, least int) {
	if !c.next(key, len(*v) == 0) {
		return
	}
	listOf[T, P](c, v, least)
	if c.r != nil {
		c.needless(len(*v) == 0)
	}
}

// listOf is a list of maps, of at least so many bytes each.
func listOf[T any, P interface {
	*T
	fielded
}](c *codec, v *[]T, least int) {
	if c.r == nil {
		c.b = appendArray(slices.Grow(c.b, 2*least*len(*v)), len(*v))
	} else {
		*v = make([]T, c.r.list(least))
	}
	for i := range *v {
		c.inner(P(&(*v)[i]))
	}
}

func (r *Row) fields(c *codec) {
	integer(c, 1, &r.N, always)
	c.fixed(2, r.Person[:], orZero)
	number(c, 3, &r.Type, orZero)
	integer(c, 4, &r.Start, orZero)
	integer(c, 5, &r.End, orZero)
	integer(c, 6, &r.Delete, orZero)
	integer(c, 7, &r.LastDay, orZero)
	c.fixed(8, r.Birth[:], orZero)
	c.fixed(9, r.Local[:], orZero)
	c.fixed(10, r.Content[:], orZero)
	c.boolean(11, &r.Restricted)
	c.text(12, &r.Fault, orZero)
	number(c, 13, &r.Match, orZero)
	c.text(14, &r.Reason, orZero)
	c.boolean(15, &r.Twin)
	c.fixed(16, r.Trace[:], orZero)
	c.fixed(17, r.Worker[:], orZero)
	c.fixed(18, r.Team[:], orZero)
}

func (q *UploadChunk) fields(c *codec) {
	c.fixed(1, q.Upload[:], always)
	integer(c, 2, &q.No, always)
	if c.r == nil {
		c.b = slices.Grow(c.b, usualRow*len(q.Rows))
	}
	nestedList(c, 3, &q.Rows, leastRow)
}

func (e *PlanRecorded) fields(c *codec) {
	c.first(&e.Row)
	c.text(2, &e.Authority, always)
	number(c, 3, &e.Change, always)
	number(c, 4, &e.Of, orZero)
	c.fixed(5, e.Upload[:], always)
}

func (e *PlanUnchanged) fields(c *codec) {
	c.first(&e.Row)
	c.text(2, &e.Authority, always)
	number(c, 3, &e.Of, always)
}

func (e *PlanDeleted) fields(c *codec) {
	c.first(&e.Row)
	c.text(2, &e.Authority, always)
	number(c, 3, &e.Of, always)
}

func (e *PlanRejected) fields(c *codec) {
	c.first(&e.Row)
	c.text(2, &e.Authority, always)
	c.text(3, &e.Code, always)
}

func (e *PlanUnmatched) fields(c *codec) {
	c.first(&e.Row)
	c.text(2, &e.Authority, always)
	number(c, 3, &e.Of, orZero)
	c.fixed(4, e.Upload[:], always)
}

func (p *Plan) fields(c *codec) {
	number(c, 1, &p.Seq, always)
	number(c, 2, &p.First, always)
	c.text(3, &p.Authority, always)
	number(c, 4, &p.Type, always)
	integer(c, 5, &p.Start, always)
	integer(c, 6, &p.End, orZero)
	integer(c, 7, &p.LastDay, orZero)
	c.fixed(8, p.Birth[:], always)
	c.fixed(9, p.Local[:], orZero)
	c.fixed(10, p.Content[:], always)
	c.boolean(11, &p.Restricted)
	integer(c, 12, &p.Recorded, always)
	integer(c, 13, &p.Changed, always)
	integer(c, 14, &p.EndWas, orZero)
	c.fixed(15, p.Command[:], always)
	integer(c, 16, &p.Row, always)
	c.fixed(17, p.Key[:], orZero)
	number(c, 18, &p.Named, orZero)
	number(c, 19, &p.Spared, orZero)
	number(c, 20, &p.Sealed, orZero)
	c.fixed(21, p.Holder[:], orZero)
	c.fixed(22, p.Worker[:], orZero)
	c.fixed(23, p.Team[:], orZero)
	integer(c, 24, &p.Lost, orZero)
}

func (u *Upload) fields(c *codec) {
	c.fixed(1, u.ID[:], always)
	c.text(2, &u.Authority, always)
	integer(c, 3, &u.Sequence, always)
	c.fixed(4, u.Content[:], always)
	number(c, 5, &u.Opened, always)
	number(c, 6, &u.Closed, orZero)
	integer(c, 7, &u.Accepted, orZero)
	integer(c, 8, &u.Rejected, orZero)
	integer(c, 9, &u.Chunks, orZero)
	integer(c, 10, &u.At, always)
	c.boolean(11, &u.Gap)
	c.boolean(12, &u.Snapshot)
	c.actors(13, &u.Hands)
	integer(c, 14, &u.Nameless, orZero)
	integer(c, 15, &u.Ended, orZero)
	number(c, 16, &u.Held, orZero)
	integer(c, 17, &u.HeldAt, orZero)
	integer(c, 18, &u.Ends, orZero)
	integer(c, 19, &u.Live, orZero)
	number(c, 20, &u.Approved, orZero)
	integer(c, 21, &u.Matched, orZero)
	integer(c, 22, &u.Unmatched, orZero)
}

// actors is a list that is left out when empty.
func (c *codec) actors(key uint64, v *[]ActorID) {
	if !c.next(key, len(*v) == 0) {
		return
	}
	if c.r == nil {
		c.b = appendArray(c.b, len(*v))
		for i := range *v {
			c.b = appendBytes(c.b, (*v)[i][:])
		}
		return
	}
	*v = make([]ActorID, c.r.list(1+len(ActorID{})))
	for i := range *v {
		c.r.fixed((*v)[i][:])
	}
	c.needless(len(*v) == 0)
}

func (s *Stayed) fields(c *codec) {
	nestedList(c, 1, &s.Places, leastRow)
	nestedList(c, 2, &s.Gaps, leastRow)
}

func (s *StayedAt) fields(c *codec) {
	c.text(1, (*string)(&s.Place), always)
	c.fixed(2, s.As[:], orZero)
}

func (g *Gap) fields(c *codec) {
	c.text(1, &g.Authority, always)
	if c.next(2, false) {
		listOf(c, &g.Spans, leastRow)
	}
}

func (s *Days) fields(c *codec) {
	integer(c, 1, &s.From, always)
	integer(c, 2, &s.To, orZero)
}

// appendList writes a row of a view that is a list, as the plans of one person are.
func appendList[T any, P interface {
	*T
	fielded
}](list []T, least int) []byte {
	var c codec
	listOf[T, P](&c, &list, least)
	return c.b
}

// readList reads what appendList wrote.
func readList[T any, P interface {
	*T
	fielded
}](b []byte, into *[]T, least int) error {
	r := &reader{b: b}
	var out []T
	listOf[T, P](&codec{r: r}, &out, least)
	if r.err == nil && len(r.b) > 0 {
		r.fail(errTrailing)
	}
	if r.err == nil {
		*into = out
	}
	return r.err
}

func (r *EnrolmentRow) fields(c *codec) {
	integer(c, 1, &r.N, always)
	c.fixed(2, r.Person[:], orZero)
	c.text(3, (*string)(&r.Place), orZero)
	integer(c, 4, &r.From, orZero)
	integer(c, 5, &r.To, orZero)
	c.text(6, &r.Fault, orZero)
	number(c, 7, &r.Change, orZero)
	c.fixed(8, r.Link[:], orZero)
}

func (q *Enrol) fields(c *codec) { nestedList(c, 1, &q.Rows, leastRow) }

func (e *Enrolled) fields(c *codec) {
	c.first(&e.Row)
	number(c, 2, &e.Of, orZero)
	c.text(3, &e.Source, orZero)
}

func (e *EnrolmentNotKept) fields(c *codec) { integer(c, 1, &e.N, always) }
