package cpis

// AccessEvent is what a query says of the care that it is asked for. Where the
// published schemas leave no place for it, a later patch of the specification
// names accessEventType without saying where it stands: it is read wherever it
// may be meant, and never written.
type AccessEvent uint8

// What may be said.
const (
	EventNotSaid     AccessEvent = iota // which means unscheduled
	EventUnscheduled                    // "true"
	EventScheduled                      // "false": a silent read, of which no authority is told
)

const eventName = "accessEventType"

// eventAttribute reads what an attribute of the element just begun says.
func (c *cursor) eventAttribute(e *AccessEvent) {
	if v, ok := c.attr(eventName); ok {
		c.event(e, string(v), "@"+eventName)
	}
}

// eventElement reads an element that says it, if one comes next.
func (c *cursor) eventElement(e *AccessEvent) {
	if !c.at(eventName) || !c.begin(eventName) {
		return
	}
	v, ok := c.attr("value")
	said := string(v)
	if !ok {
		said = c.text(8)
	}
	c.event(e, said)
	c.end()
}

// event notes what was said, once.
func (c *cursor) event(e *AccessEvent, said string, place ...string) {
	switch {
	case *e != EventNotSaid:
		c.fail(AccessEventType, place...)
	case said == "true":
		*e = EventUnscheduled
	case said == "false":
		*e = EventScheduled
	default:
		c.fail(AccessEventType, place...)
	}
}
