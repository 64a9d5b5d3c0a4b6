package cpis

import (
	"errors"
	"io"
	"strconv"
)

// step is one open element on the way to the current place.
type step struct {
	name string // always a name of the schema
	n    int    // which of its name it is
	last string // its last child
	seen int    // how many of that name, one after the other
	kids int
}

// fault is the first thing that was wrong. After it a cursor does nothing.
type fault struct {
	detail Detail
	place  string
	fatal  bool  // what follows cannot be read either
	err    error // what the source said, when it is the source's fault
}

// cursor walks down a message in the order that the schema fixes. Each call
// names what must come; what else comes is a fault, after which every call does
// nothing, so that a message reads as a plain list of what it is made of.
type cursor struct {
	s     *scanner
	path  []step
	fault *fault

	have bool   // the scanner's token has not been consumed
	open bool   // the element has just begun: its attributes can be asked for
	used uint32 // which of them were
}

func newCursor(r io.Reader, l Limits) *cursor {
	return &cursor{s: newScanner(r, l), path: make([]step, 1, l.Depth+1)}
}

// fail notes the first fault, at a step below the current place if one is given.
func (c *cursor) fail(d Detail, more ...string) {
	if c.fault == nil {
		c.fault = &fault{detail: d, place: c.place(more...)}
	}
}

// broken notes that nothing more can be read.
func (c *cursor) broken(err error) {
	c.fault = &fault{place: c.place(), fatal: true, err: err}
	if d := Detail(""); errors.As(err, &d) {
		c.fault.detail, c.fault.err = d, nil
	}
}

// settle looks whether every attribute of the element just begun was wanted.
func (c *cursor) settle() {
	if !c.open {
		return
	}
	c.open = false
	for i := range c.s.attrs {
		if c.used&(1<<i) == 0 {
			c.fail(AttributeUnexpected, "@*")
			return
		}
	}
}

// ahead looks at the next tag; false after a fault.
func (c *cursor) ahead() bool {
	if c.fault == nil && !c.have {
		c.settle()
		for c.fault == nil && !c.have {
			if err := c.s.next(); err != nil {
				c.broken(err)
			} else if c.s.kind != kindText {
				c.have = true
			} else if c.s.bad {
				c.fail(TextEncoding)
			} else if !blank(c.s.text) {
				c.fail(TextUnexpected)
			}
		}
	}
	return c.fault == nil
}

// at tells whether an element of HL7's namespace comes next.
func (c *cursor) at(name string) bool { return c.atIn(spaceHL7, name) }

func (c *cursor) atIn(in space, name string) bool {
	return c.ahead() && c.s.kind == kindStart && c.s.space == in && string(c.s.name) == name
}

// begin goes into an element, which must come next.
func (c *cursor) begin(name string) bool { return c.beginIn(spaceHL7, name) }

func (c *cursor) beginIn(in space, name string) bool {
	if !c.atIn(in, name) {
		if c.fault == nil && c.s.kind == kindStart && c.s.space == spaceHL7 {
			for _, p := range prohibited {
				if string(c.s.name) == p {
					c.fail(ElementUnexpected, p)
				}
			}
		}
		c.fail(ElementMissing, name)
		return false
	}
	c.down(name)
	return true
}

// prohibited are elements that HL7 has nearly everywhere, and whose content these
// schemas fix: they may not be on the wire.
var prohibited = []string{"code", "templateId", "typeId", "realmCode"}

// down goes into the element that comes next, whatever it is called.
func (c *cursor) down(name string) {
	up := &c.path[len(c.path)-1]
	if up.kids++; up.last == name {
		up.seen++
	} else {
		up.last, up.seen = name, 1
	}
	c.path = append(c.path, step{name: name, n: up.seen})
	c.have, c.open, c.used = false, true, 0
	if c.s.bad {
		c.fail(TextEncoding, "@*")
	}
}

// end leaves an element, in which nothing more may come.
func (c *cursor) end() {
	if !c.ahead() {
		return
	}
	if c.s.kind != kindEnd {
		c.fail(ElementUnexpected, "*["+strconv.Itoa(c.path[len(c.path)-1].kids+1)+"]")
		return
	}
	c.have = false
	c.path = c.path[:len(c.path)-1]
}

// within reads an element that has elements and no attributes.
func (c *cursor) within(name string, read func()) {
	if c.begin(name) {
		read()
		c.end()
	}
}

// chosen reads the element that a contentId has announced.
func (c *cursor) chosen(name string, read func()) {
	if c.ahead() && !c.at(name) {
		c.fail(ContentID, name)
	}
	c.within(name, read)
}

// attr gives an attribute of the element just begun, good until the next tag.
func (c *cursor) attr(name string) (value []byte, ok bool) { return c.attrIn(spaceNone, name) }

func (c *cursor) attrIn(in space, name string) ([]byte, bool) {
	if !c.open || c.fault != nil {
		return nil, false
	}
	for i := range c.s.attrs {
		if a := &c.s.attrs[i]; a.space == in && string(a.name) == name {
			c.used |= 1 << i
			return a.value, true
		}
	}
	return nil, false
}

// must is attr for an attribute that must be there and not be empty.
func (c *cursor) must(name string) []byte {
	v, _ := c.attr(name)
	if len(v) == 0 {
		c.fail(AttributeMissing, "@"+name)
	}
	return v
}

// short is must for a value that is kept, of at most so many bytes.
func (c *cursor) short(name string, most int) string {
	v := c.must(name)
	if len(v) > most {
		c.fail(FieldTooLong, "@"+name)
		return ""
	}
	return string(v)
}

// absent tells whether the element just begun says that it has no value, which
// the schema allows for some: xsi:nil, with or without a reason. Such an element
// is empty.
func (c *cursor) absent() bool {
	v, ok := c.attrIn(spaceXSI, "nil")
	switch {
	case !ok || string(v) == "false" || string(v) == "0":
		return false
	case string(v) != "true" && string(v) != "1":
		c.fail(AttributeUnexpected, "@xsi:nil")
		return false
	}
	c.attr("nullFlavor")
	return true
}

// text reads an element's text, in which every run of spaces is one and none is
// at the ends, up to the next tag.
func (c *cursor) text(most int) string {
	c.settle()
	var all []byte
	for c.fault == nil && !c.have {
		switch err := c.s.next(); {
		case err != nil:
			c.broken(err)
		case c.s.bad:
			c.fail(TextEncoding)
		case c.s.kind == kindText:
			all = append(all, c.s.text...)
		default:
			c.have = true
		}
	}
	text := string(all)
	if !plain(text) {
		text = collapse(text)
	}
	if len(text) > most {
		c.fail(FieldTooLong)
	}
	if c.fault != nil {
		return ""
	}
	return text
}

// pass goes to the end of the element that is so many elements deep, whatever
// is in it, and takes the fault back unless it is fatal.
func (c *cursor) pass(depth int) {
	if c.fault == nil || c.fault.fatal {
		return
	}
	noted := c.fault
	c.fault = nil
	for c.s.depth() >= depth && c.fault == nil {
		if err := c.s.next(); err != nil {
			c.broken(err)
		}
	}
	c.have, c.open = false, false
	if c.fault == nil {
		c.path = c.path[:depth]
		return
	}
	c.fault.place = noted.place
}

// root begins a message and its namespace declarations' companions.
func (c *cursor) root(name string) bool {
	if !c.at(name) {
		c.fail(RootUnknown, "*")
		return false
	}
	c.down(name)
	c.attrIn(spaceXSI, "schemaLocation")
	return true
}

// finish ends a message: nothing may follow it.
func (c *cursor) finish() {
	c.end()
	if c.ahead() && c.s.kind != kindEOF {
		c.fail(ElementUnexpected)
	}
}

// err is the fault as a file's.
func (c *cursor) err() error {
	switch {
	case c.fault == nil:
		return nil
	case c.fault.err != nil:
		return c.fault.err
	}
	return &FileError{Code: FileBroken, Detail: c.fault.detail, Place: c.fault.place, Offset: c.s.offset()}
}

// whole is the fault of a message that was read to its end, as a file's. What
// could not be written again was not read either.
func (c *cursor) whole(check func() *ValueError) error {
	if c.fault == nil {
		if err := check(); err != nil {
			c.fault = &fault{detail: err.Detail, place: err.Place}
		}
	}
	return c.err()
}
