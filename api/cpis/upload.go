package cpis

import (
	"io"
	"strconv"
	"time"
)

// Header is what message 01 says of itself.
type Header struct {
	Created  Timestamp
	Sequence int64 // of the authority's files, from 1 on
	Quantity int   // how many records the file holds
	Sender   Organisation
}

// Undetermined stands for a number of a [Header] that could not be read, as
// message 02 wants it.
const Undetermined = -1

// Reader reads message 01 record by record.
//
// Records that were given before the file turned out to be broken were given
// already: whoever wants all or nothing reads a file to its end before anything
// is done with it, which takes a second for 100,000 records.
type Reader struct {
	c      *cursor
	today  Date
	header Header
	n      int
	keys   repeats
	done   error
	item   int
}

// Options of a [Reader].
type Options struct {
	Limits Limits

	// Now decides whether a start is in the future; the zero time leaves that to
	// the caller. The reader has no clock.
	Now time.Time
}

// NewReader reads the header. Its error is a *FileError, or what the source said;
// the reader is given with it, for what could be read of the header.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	l := o.Limits.or(defaultUploadTotal, defaultRecord)
	u := &Reader{c: newCursor(r, Limits{Total: l.Total, Item: 2 * l.Item, Depth: l.Depth, Elements: l.Elements}), item: l.Item,
		header: Header{Sequence: Undetermined, Quantity: Undetermined}}
	if !o.Now.IsZero() {
		u.today = DateTimeOf(o.Now).Date()
	}
	u.readHeader()
	u.done = u.c.err()
	return u, u.done
}

func (u *Reader) readHeader() {
	c, h := u.c, &u.header
	if !c.root("File") {
		return
	}
	h.Created = c.timestamp("creationTime")
	if c.begin("id") {
		if n, err := strconv.ParseInt(string(c.must("extension")), 10, 64); err == nil && n > 0 {
			h.Sequence = n
		} else {
			c.fail(SequenceNumber, "@extension")
		}
		c.end()
	}
	if n := c.count("transmissionQuantity", 1); c.fault == nil {
		h.Quantity = n
	}
	c.within("communicationFunctionSnd", func() { h.Sender = c.organisation() })
	if !c.at("record") {
		c.fail(ElementMissing, "record")
	}
}

// Header is what the file says of itself. Of a file whose header cannot be read,
// Sequence and Quantity are Undetermined unless they were read.
func (u *Reader) Header() Header { return u.header }

// Read is how many records were read, good or not.
func (u *Reader) Read() int { return u.n }

// Offset is how many bytes were read.
func (u *Reader) Offset() int64 { return u.c.s.offset() }

// Next reads one record into r, whose room is used again. Its error is a
// *RecordError if only this record is rejected and reading can go on; io.EOF
// after the last, when the file is whole; a *FileError if it is not; or what the
// source said.
func (u *Reader) Next(r *Record) error {
	if u.done != nil {
		return u.done
	}
	c := u.c
	if !c.at("record") {
		u.done = u.finish()
		return u.done
	}
	u.n++
	c.s.elements = 1
	c.s.keep(c.s.tag)
	c.down("record")
	c.record(r)
	c.end()
	if c.fault != nil {
		return u.rejected()
	}
	raw := c.s.kept()
	if u.tooLarge(raw) {
		return u.done
	}
	detail, place := r.wrong(u.today)
	if detail == "" {
		detail, place = u.keys.note(r)
	}
	if detail == "" {
		return nil
	}
	return &RecordError{N: u.n, Code: detail.RecordCode(), Detail: detail, Echo: true, Raw: raw,
		Place: "/File/record[" + strconv.Itoa(u.n) + "]/" + place}
}

// rejected gives up the record that cannot be read and goes to its end.
func (u *Reader) rejected() error {
	noted := *u.c.fault
	u.c.pass(2)
	raw := u.c.s.kept()
	if u.done = u.c.err(); u.done != nil || u.tooLarge(raw) {
		return u.done
	}
	return &RecordError{N: u.n, Code: noted.detail.RecordCode(), Detail: noted.detail, Place: noted.place, Raw: raw}
}

// tooLarge ends the reading at a record that is larger than may be. It was read,
// since the room for it is twice the limit; without one it would depend on where
// the record lies in that room.
func (u *Reader) tooLarge(raw []byte) bool {
	if len(raw) > u.item {
		u.c.fault = &fault{detail: TooLarge, place: "/File/record[" + strconv.Itoa(u.n) + "]"}
		u.done = u.c.err()
	}
	return u.done != nil
}

func (u *Reader) finish() error {
	u.c.finish()
	if u.c.fault == nil && u.n != u.header.Quantity {
		u.c.fault = &fault{detail: QuantityMismatch, place: "/File/transmissionQuantity/@value"}
	}
	if err := u.c.err(); err != nil {
		return err
	}
	return io.EOF
}

// Writer writes message 01.
type Writer struct {
	w    io.Writer
	o    out
	left int
	err  error
}

// NewWriter writes the header, which says how many records will come.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	u := &Writer{w: w, left: h.Quantity}
	_, timed := ParseTimestamp(string(h.Created))
	switch err := h.Sender.check("/File/communicationFunctionSnd/organisation"); {
	case !timed:
		return nil, &ValueError{TimeFormat, "/File/creationTime/@value"}
	case h.Sequence < 1:
		return nil, &ValueError{SequenceNumber, "/File/id/@extension"}
	case h.Quantity < 1:
		return nil, &ValueError{QuantityFormat, "/File/transmissionQuantity/@value"}
	case err != nil:
		return nil, err
	}
	u.o.document("File")
	u.o.leaf("creationTime", "value", string(h.Created))
	u.o.leaf("id", "extension", strconv.FormatInt(h.Sequence, 10))
	u.o.number("transmissionQuantity", int64(h.Quantity))
	u.o.line()
	u.o.organisation("communicationFunctionSnd", h.Sender)
	return u, nil
}

// Write writes one record. A *ValueError refuses it, and nothing is written.
func (u *Writer) Write(r *Record) error {
	if err := r.check("/File/record", uploaded); err != nil {
		return err
	}
	if u.left == 0 {
		return &ValueError{QuantityMismatch, "/File/transmissionQuantity/@value"}
	}
	u.left--
	u.o.open("record")
	u.o.open(recordElement)
	u.o.recordParts(r, "pertinentInformation", uploaded)
	u.o.close(recordElement)
	u.o.close("record")
	u.o.line()
	return u.flush(32 << 10)
}

// Close ends the message; it does not close what is written to.
func (u *Writer) Close() error {
	if u.left != 0 {
		return &ValueError{QuantityMismatch, "/File/transmissionQuantity/@value"}
	}
	u.o.close("File")
	u.o.line()
	return u.flush(0)
}

func (u *Writer) flush(beyond int) error {
	if len(u.o.b) > beyond && u.err == nil {
		_, u.err = u.w.Write(u.o.b)
		u.o.b = u.o.b[:0]
	}
	return u.err
}
