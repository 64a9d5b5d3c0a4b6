package cpis

import (
	"fmt"
	"io"
	"log/slog"
)

// Query is message 03: one question for one person.
type Query struct {
	Time      Timestamp
	ID        string // a UUID in capitals
	Author    Author
	NHSNumber string
	Event     AccessEvent // read and never written
}

// Format withholds the person from every verb of fmt.
func (Query) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(withheld)) }

// LogValue withholds the person from slog.
func (Query) LogValue() slog.Value { return slog.StringValue(withheld) }

const queryPlace = "/" + queryStub + "/cP-ISNHSQuery"

// DecodeQuery reads message 03. Its error is a *FileError, or what the source said.
func DecodeQuery(r io.Reader, l Limits) (*Query, error) {
	c := newCursor(r, l.or(defaultTotal, defaultElements))
	q := &Query{}
	if c.root(queryStub) {
		c.stub(q)
		c.finish()
	}
	if err := c.whole(func() *ValueError { return q.check(queryPlace) }); err != nil {
		return nil, err
	}
	return q, nil
}

// stub reads what is in a CP-ISQueryStub that has just begun.
func (c *cursor) stub(q *Query) {
	c.eventAttribute(&q.Event)
	c.within("cP-ISNHSQuery", func() {
		c.eventAttribute(&q.Event)
		c.eventElement(&q.Event)
		q.Time = c.timestamp("effectiveTime")
		c.eventElement(&q.Event)
		q.ID = c.messageID()
		c.eventElement(&q.Event)
		q.Author = c.author()
		c.eventElement(&q.Event)
		c.within("queryByParameter", func() { q.NHSNumber = c.askedNumber() })
		c.eventElement(&q.Event)
	})
}

// asked reads when, under which id and by whom something was asked.
func (c *cursor) asked(at *Timestamp, id *string, by *Author) {
	*at = c.timestamp("effectiveTime")
	*id = c.messageID()
	*by = c.author()
}

// messageID reads an id that is a UUID.
func (c *cursor) messageID() (id string) {
	if c.begin("id") {
		if id = string(c.must("root")); !validUUID(id) {
			c.fail(MessageID, "@root")
		}
		c.end()
	}
	return id
}

func validUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func (c *cursor) askedNumber() (n string) {
	c.within("person.NHSnumber", func() {
		if c.begin("value") {
			n = c.nhsNumber()
			c.end()
		}
	})
	return n
}

// nhsNumber reads an id's extension, which must be an NHS number: nothing else
// tells these messages' people apart.
func (c *cursor) nhsNumber() string {
	n := string(c.must("extension"))
	if d := CheckNHSNumber(n); d != "" {
		c.fail(d, "@extension")
	}
	return n
}

func checkAsked(at Timestamp, id string, by *Author, place string) *ValueError {
	if _, ok := ParseTimestamp(string(at)); !ok {
		return &ValueError{TimeFormat, place + "/effectiveTime/@value"}
	}
	if !validUUID(id) {
		return &ValueError{MessageID, place + "/id/@root"}
	}
	if by == nil {
		return nil
	}
	return by.check(place + "/author")
}

func (q *Query) check(place string) *ValueError {
	if d := CheckNHSNumber(q.NHSNumber); d != "" {
		return &ValueError{d, place + "/queryByParameter/person.NHSnumber/value/@extension"}
	}
	return checkAsked(q.Time, q.ID, &q.Author, place)
}

// Append writes message 03 behind dst. Its error is a *ValueError.
func (q *Query) Append(dst []byte) ([]byte, error) {
	if err := q.check(queryPlace); err != nil {
		return dst, err
	}
	o := &out{dst}
	o.document(queryStub)
	o.query("cP-ISNHSQuery", q)
	o.line()
	o.close(queryStub)
	o.line()
	return o.b, nil
}

func (o *out) query(around string, q *Query) {
	o.open(around)
	o.asked(q.Time, q.ID, &q.Author)
	o.within("queryByParameter", func() {
		o.within("person.NHSnumber", func() { o.leaf("value", "extension", q.NHSNumber) })
	})
	o.close(around)
}

func (o *out) asked(at Timestamp, id string, by *Author) {
	o.leaf("effectiveTime", "value", string(at))
	o.leaf("id", "root", id)
	if by != nil {
		o.author(by)
	}
}
