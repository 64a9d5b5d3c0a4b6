package ledger

import (
	"slices"
	"unicode/utf8"
)

// What every lookup carries is written and read here and not by the CBOR
// library, which spends more on such a body than deciding it costs. A type says
// once, in fields, what it is made of, in the order of its keys; the same list
// writes and reads. TestCodecAgreesWithTheLibrary holds the two together.

// fielded is a type with a list of fields. The list is also in its struct tags.
type fielded interface{ fields(c *codec) }

// codec writes a map of integer keys, or reads one.
type codec struct {
	b    []byte // written so far
	head int    // where the map's head is: its length is known at the end
	n    int    // pairs written

	r    *reader // nil when writing
	left int     // pairs still to be read
	key  uint64  // the next pair's key, if has
	has  bool
}

func appendFields(b []byte, v fielded) []byte {
	c := codec{b: b}
	c.inner(v)
	return c.b
}

// inner writes or reads one map where the codec stands.
func (c *codec) inner(v fielded) {
	was := *c
	if c.r != nil {
		c.left, c.has = c.r.mapLen(), false
		v.fields(c)
		if c.r.err == nil && (c.has || c.left > 0) {
			c.r.fail(errType) // a key that the list does not have, or out of order
		}
		c.left, c.key, c.has = was.left, was.key, was.has
		return
	}
	c.b = append(c.b, majorMap<<5)
	c.head, c.n = len(c.b)-1, 0
	v.fields(c)
	if c.n < 24 {
		c.b[c.head] |= byte(c.n)
	} else { // a longer head: one list has 24 fields
		c.b = slices.Insert(c.b, c.head+1, byte(c.n))
		c.b[c.head] |= 24
	}
	c.head, c.n = was.head, was.n
}

// readFields reads what appendFields wrote: known keys in order, shortest heads,
// nothing after the end. A field that is not there stays as it is, zero.
func readFields(b []byte, v fielded) error { return (&reader{b: b}).whole(v) }

// readSame is [readFields] of what appendFields would write again: no field is
// missing that is always written, and none is there that would be left out. v is zero.
func readSame(b []byte, v fielded) error { return (&reader{b: b, strict: true}).whole(v) }

func (r *reader) whole(v fielded) error {
	r.fieldsOf(v)
	if r.err == nil && len(r.b) > 0 {
		r.fail(errTrailing)
	}
	return r.err
}

func (r *reader) fieldsOf(v fielded) {
	c := codec{r: r}
	c.inner(v)
}

// next reports whether the pair to read has this key. When writing it writes
// the key, unless the value is absent.
func (c *codec) next(key uint64, absent bool) bool {
	if c.r == nil {
		if absent {
			return false
		}
		c.n++
		c.b = appendKey(c.b, key)
		return true
	}
	if !c.has && c.left > 0 && c.r.err == nil {
		c.left--
		c.key, c.has = c.r.uint(), true
	}
	if !c.has || c.key != key || c.r.err != nil {
		if c.r.strict && !absent {
			c.r.fail(errNotCanonical)
		}
		return false
	}
	c.has = false
	return true
}

// needless refuses a field that has been read, if it would not be written again.
func (c *codec) needless(zero bool) {
	if zero && c.r.strict {
		c.r.fail(errNotCanonical)
	}
}

const (
	always = false
	orZero = true // a zero value is left out
)

// number is a field that is a non-negative integer of any size.
func number[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *codec, key uint64, v *T, omit bool) {
	if !c.next(key, omit && *v == 0) {
		return
	}
	if c.r == nil {
		c.b = appendUint(c.b, uint64(*v))
		return
	}
	n := c.r.uint()
	if *v = T(n); uint64(*v) != n {
		c.r.fail(errType)
	}
	c.needless(omit && n == 0)
}

// integer is a field that may be negative.
func integer[T ~int | ~int32 | ~int64](c *codec, key uint64, v *T, omit bool) {
	if !c.next(key, omit && *v == 0) {
		return
	}
	if c.r == nil {
		c.b = appendInt(c.b, int64(*v))
		return
	}
	n := c.r.int()
	if *v = T(n); int64(*v) != n {
		c.r.fail(errType)
	}
	c.needless(omit && n == 0)
}

func (c *codec) boolean(key uint64, v *bool) {
	if !c.next(key, !*v) {
		return
	}
	if c.r == nil {
		c.b = append(c.b, majorOther<<5|21)
		return
	}
	*v = c.r.boolean()
	c.needless(!*v)
}

func (c *codec) text(key uint64, v *string, omit bool) {
	if !c.next(key, omit && *v == "") {
		return
	}
	if c.r == nil {
		c.b = append(appendHead(c.b, majorText, uint64(len(*v))), *v...)
		return
	}
	*v = c.r.text()
	c.needless(omit && *v == "")
}

// fixed is a byte string of one length.
func (c *codec) fixed(key uint64, v []byte, omit bool) {
	if !c.next(key, omit && allZero(v)) {
		return
	}
	if c.r == nil {
		c.b = appendBytes(c.b, v)
		return
	}
	c.r.fixed(v)
	c.needless(omit && allZero(v))
}

// bytes is a byte string of any length; what is read shares the input's memory.
func (c *codec) bytes(key uint64, v *[]byte) {
	if !c.next(key, false) {
		return
	}
	if c.r == nil {
		c.b = appendBytes(c.b, *v)
		return
	}
	*v = c.r.bytes()
}

// seqs and texts are lists that are left out when empty.
func (c *codec) seqs(key uint64, v *[]Seq) {
	if !c.next(key, len(*v) == 0) {
		return
	}
	if c.r == nil {
		c.b = appendArray(c.b, len(*v))
		for _, n := range *v {
			c.b = appendUint(c.b, uint64(n))
		}
		return
	}
	*v = make([]Seq, c.r.array())
	for i := range *v {
		(*v)[i] = Seq(c.r.uint())
	}
	c.needless(len(*v) == 0)
}

func (c *codec) texts(key uint64, v *[]string) {
	if !c.next(key, len(*v) == 0) {
		return
	}
	if c.r == nil {
		c.b = appendArray(c.b, len(*v))
		for _, s := range *v {
			c.b = append(appendHead(c.b, majorText, uint64(len(s))), s...)
		}
		return
	}
	*v = make([]string, c.r.array())
	for i := range *v {
		(*v)[i] = c.r.text()
	}
	c.needless(len(*v) == 0)
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

func appendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, majorNint, uint64(-1-v))
	}
	return appendUint(b, uint64(v))
}

func (r *reader) int() int64 {
	major, v := r.head()
	if r.err == nil && (major > majorNint || v > 1<<63-1) {
		r.fail(errType)
	}
	if major == majorNint {
		return -1 - int64(v)
	}
	return int64(v)
}

// leastSealed is the least length of an encoded sealed payload or wrapped key.
const leastSealed = 24

// list reads the head of an array whose items have at least so many bytes each.
func (r *reader) list(least int) int {
	n := r.array()
	if n > len(r.b)/least {
		r.fail(errTruncated)
		return 0
	}
	return n
}

func (r *reader) boolean() bool {
	v := r.expect(majorOther)
	if r.err == nil && v != 20 && v != 21 {
		r.fail(errType)
	}
	return v == 21
}

func (r *reader) text() string {
	n := r.expect(majorText)
	if n > uint64(len(r.b)) {
		r.fail(errTruncated)
	}
	if r.err != nil {
		return ""
	}
	s := r.b[:n]
	if !utf8.Valid(s) {
		r.fail(errType)
		return ""
	}
	r.b = r.b[n:]
	return string(s)
}

func (a *Actor) fields(c *codec) {
	c.text(1, &a.Issuer, always)
	c.text(2, &a.Subject, always)
	number(c, 3, &a.Role, always)
	c.text(4, &a.Organisation, always)
	c.text(5, &a.Team, orZero)
	c.text(6, &a.KeyID, orZero)
	integer(c, 7, &a.Expires, orZero)
	c.fixed(8, a.Token[:], orZero)
	c.text(9, &a.Node, always)
	c.fixed(10, a.Profile[:], orZero)
	c.text(11, &a.Assurance, orZero)
}

func (q *LookUp) fields(c *codec) {
	c.fixed(1, q.Person[:], always)
	c.fixed(2, q.Birth[:], orZero)
	number(c, 3, &q.Declared, orZero)
	c.fixed(4, q.Attendance[:], orZero)
	integer(c, 5, &q.AttendedAt, orZero)
	c.boolean(6, &q.Confirmed)
	c.boolean(7, &q.Reasoned)
	c.boolean(8, &q.System)
	c.fixed(9, q.Responsible[:], orZero)
	c.boolean(10, &q.Differs)
	c.boolean(11, &q.Arrival)
	c.boolean(12, &q.Traced)
}

func (e *Accessed) fields(c *codec) {
	number(c, 1, &e.Outcome, always)
	c.seqs(2, &e.Disclosed)
	c.boolean(3, &e.Unscheduled)
	c.boolean(4, &e.Conflict)
	c.boolean(5, &e.Shown)
	c.texts(6, &e.Told)
	number(c, 7, &e.Profile, orZero)
	c.seqs(8, &e.Notifications)
}

func (e *NotificationQueued) fields(c *codec) {
	number(c, 1, &e.Type, always)
	c.text(2, &e.Authority, always)
	number(c, 3, &e.Of, always)
	c.seqs(4, &e.Plans)
	c.text(5, &e.Organisation, always)
	number(c, 6, &e.After, orZero)
	c.fixed(7, e.Attending[:], orZero)
}

func (n *Notification) fields(c *codec) {
	number(c, 1, &n.ID, always)
	number(c, 2, &n.Type, always)
	c.text(3, &n.Authority, always)
	number(c, 4, &n.State, always)
	number(c, 5, &n.Of, always)
	c.seqs(6, &n.Plans)
	c.fixed(7, n.Person[:], always)
	c.text(8, &n.Organisation, always)
	integer(c, 9, &n.Queued, always)
	integer(c, 10, &n.Opened, orZero)
	integer(c, 11, &n.Acknowledged, orZero)
	integer(c, 12, &n.Delivered, orZero)
	integer(c, 13, &n.Failed, orZero)
	integer(c, 14, &n.Accesses, orZero)
	integer(c, 15, &n.Latest, orZero)
	integer(c, 16, &n.Withdrawn, orZero)
	number(c, 17, &n.After, orZero)
	number(c, 18, &n.By, orZero)
	integer(c, 19, &n.Actioned, orZero)
	number(c, 20, &n.Rung, orZero)
	integer(c, 21, &n.Due, orZero)
	integer(c, 22, &n.Escalated, orZero)
}

func (d *PlanDetails) fields(c *codec) {
	c.text(1, &d.NHSNumber, always)
	c.text(2, &d.Family, always)
	c.text(3, &d.Given, always)
	c.text(4, &d.Birth, always)
	c.text(5, &d.LocalID, orZero)
	c.text(6, &d.Team, orZero)
	c.text(7, &d.Worker, orZero)
	c.text(8, &d.Record, orZero)
}

func (d *AccessDetails) fields(c *codec) {
	c.text(1, &d.NHSNumber, always)
	c.text(2, &d.Attendance, orZero)
	c.text(3, &d.CallBack, orZero)
	c.text(4, &d.Reason, orZero)
	c.text(5, &d.Request, orZero)
	c.text(6, &d.Correlation, orZero)
	c.text(7, &d.Trace, orZero)
	c.text(8, &d.Stated, orZero)
}

func (s *Sealed) fields(c *codec) {
	number(c, 1, &s.Payload, always)
	number(c, 2, &s.Holder, always)
	c.fixed(3, s.Key[:], always)
	integer(c, 4, &s.Row, orZero)
	c.bytes(5, &s.Ciphertext)
}

func (w *WrappedKey) fields(c *codec) {
	number(c, 1, &w.Holder, always)
	c.bytes(2, &w.ID)
	c.fixed(3, w.Key[:], always)
	number(c, 4, &w.KEK, always)
	c.bytes(5, &w.Wrapped)
}
