package cpis

import "io"

// Request is message 03 as it came: bare, in its interaction, in an envelope, or
// in both.
type Request struct {
	Query       Query
	Enveloped   bool         // in a SOAP 1.1 envelope
	MessageID   string       // of the envelope; may be empty
	Interaction *Interaction // nil: there is none around the query
}

// Interaction is what Spine has around a query: QUPC_IN000006GB01.
type Interaction struct {
	ID       string // a UUID in capitals
	Receiver string // the accredited system that is asked: twelve digits
	Sender   string // the one that asks
}

const (
	envelopeElement = "Envelope"
	queryStub       = "CP-ISQueryStub"
	askInteraction  = "QUPC_IN000006GB01"

	maxMessageID = 200
)

// DecodeRequest reads message 03 in any of the forms it comes in. With an error
// too the request tells whether it came in an envelope. The error is a
// *FileError, or what the source said.
func DecodeRequest(r io.Reader, l Limits) (*Request, error) {
	c := newCursor(r, l.or(defaultTotal, defaultElements))
	q := &Request{}
	place := queryPlace
	switch {
	case c.atIn(spaceSOAP, envelopeElement):
		q.Enveloped = true
		c.down(envelopeElement)
		c.loose()
		c.envelope(q)
	case c.at(askInteraction):
		c.down(askInteraction)
		c.interaction(q)
	case c.root(queryStub):
		c.stub(&q.Query)
	}
	if c.fault == nil {
		c.finish()
	}
	if q.Interaction != nil {
		place = "/" + askInteraction + "/ControlActEvent/subject" + queryPlace
	}
	err := c.whole(func() *ValueError { return q.Query.check(place) })
	return q, err
}

// envelope reads what is in a SOAP envelope. Of its header only the message's id
// is of use here; what must be understood and is not, is a fault.
func (c *cursor) envelope(q *Request) {
	if c.atIn(spaceSOAP, "Header") {
		c.down("Header")
		c.loose()
		for c.ahead() && c.s.kind == kindStart {
			if c.atIn(spaceAddressing, "MessageID") {
				c.down("MessageID")
				c.loose()
				q.MessageID = c.text(maxMessageID)
				c.end()
				continue
			}
			if c.s.space != spaceAddressing && c.s.space != spaceHL7 && c.mustUnderstand() {
				c.fail(EnvelopeHeader, "*")
				return
			}
			c.skip()
		}
		c.end()
	}
	if !c.beginIn(spaceSOAP, "Body") {
		return
	}
	c.loose()
	if c.at(askInteraction) {
		c.down(askInteraction)
		c.interaction(q)
		c.end()
	} else if c.begin(queryStub) {
		c.stub(&q.Query)
		c.end()
	}
	c.end()
}

// mustUnderstand tells whether the element that comes next says so of itself.
func (c *cursor) mustUnderstand() bool {
	for i := range c.s.attrs {
		if a := &c.s.attrs[i]; a.space == spaceSOAP && string(a.name) == "mustUnderstand" {
			return string(a.value) != "0" && string(a.value) != "false"
		}
	}
	return false
}

// interaction reads what is in QUPC_IN000006GB01. Of its authors nothing is
// taken: the query has its own, and who asks is known from the token.
func (c *cursor) interaction(q *Request) {
	c.loose()
	i := &Interaction{ID: c.messageID()}
	q.Interaction = i
	c.timestamp("creationTime")
	c.pass1("versionCode")
	if c.begin("interactionId") {
		if string(c.must("extension")) != askInteraction {
			c.fail(InteractionID, "@extension")
		}
		c.loose()
		c.end()
	}
	c.pass1("processingCode")
	c.pass1("processingModeCode")
	c.pass1("acceptAckCode")
	i.Receiver = c.device("communicationFunctionRcv")
	for c.at("communicationFunctionRcv") {
		c.skip()
	}
	i.Sender = c.device("communicationFunctionSnd")
	if c.begin("ControlActEvent") {
		c.loose()
		for c.at("author") || c.at("author1") {
			c.skip()
		}
		if c.begin("subject") {
			c.loose()
			c.within(queryStub, func() { c.stub(&q.Query) })
			c.end()
		}
		c.end()
	}
}

// device reads the accredited system that a message is from or for.
func (c *cursor) device(name string) (id string) {
	if !c.begin(name) {
		return ""
	}
	c.loose()
	if c.begin("device") {
		c.loose()
		if c.begin("id") {
			id = string(c.must("extension"))
			if string(c.must("root")) != oidSystem || !validSystem(id) {
				c.fail(AuthorID)
			}
			c.loose()
			c.end()
		}
		for c.ahead() && c.s.kind == kindStart {
			c.skip()
		}
		c.end()
	}
	c.end()
	return id
}

// pass1 reads an element that must come next, and takes nothing of it.
func (c *cursor) pass1(name string) {
	if c.at(name) {
		c.skip()
	} else {
		c.fail(ElementMissing, name)
	}
}

// loose takes whatever attributes the element just begun has.
func (c *cursor) loose() { c.used = ^uint32(0) }

// skip passes over the element that comes next, with whatever is in it.
func (c *cursor) skip() {
	if !c.ahead() {
		return
	}
	c.down("*")
	c.loose()
	c.settle()
	for open := 1; open > 0 && c.fault == nil; {
		if err := c.s.next(); err != nil {
			c.broken(err)
			return
		}
		switch c.s.kind {
		case kindStart:
			open++
		case kindEnd:
			open--
		}
	}
	c.path = c.path[:len(c.path)-1]
}
