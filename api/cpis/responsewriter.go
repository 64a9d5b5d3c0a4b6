package cpis

import (
	"errors"
	"io"
	"strconv"
)

// ResponseWriter writes message 02 in the order that the schema fixes: first
// every outcome, then every returned record. Whoever has a large upload in hand
// reads it twice, and nothing of it need be kept but its outcomes' codes.
//
// The calls are Outcome as often as need be, then Valid and Invalid likewise,
// then Close.
type ResponseWriter struct {
	w       io.Writer
	h       ResponseHeader
	o       out
	state   uint8 // 0 nothing yet, 1 among outcomes, 2 among records, 3 closed
	valid   int
	invalid int
	err     error
}

// ErrOrder says that a message's parts were written in an order that the schema
// does not have, or that its counts are not what was written.
var ErrOrder = errors.New("parts of the message are out of order, or were not counted right")

// NewResponseWriter writes the header.
func NewResponseWriter(w io.Writer, h ResponseHeader) (*ResponseWriter, error) {
	r := &ResponseWriter{w: w, h: h}
	if _, ok := ParseTimestamp(string(h.Created)); !ok {
		return nil, &ValueError{TimeFormat, "/FileResponse/creationTime/@value"}
	}
	if err := h.Receiver.check("/FileResponse/communicationFunctionRcv/organisation"); err != nil {
		return nil, err
	}
	switch {
	case h.Sequence < Undetermined || h.Sequence == 0:
		return nil, &ValueError{SequenceNumber, "/FileResponse/id/@extension"}
	case h.Quantity < Undetermined || h.Failed < 0:
		return nil, &ValueError{QuantityFormat, "/FileResponse/transmissionQuantity/@value"}
	case len(h.Codes) == 0:
		return nil, &ValueError{AcknowledgementCode, "/FileResponse/acknowledgementFile"}
	}
	o := &r.o
	o.document("FileResponse")
	o.leaf("creationTime", "value", string(h.Created))
	o.leaf("id", "extension", strconv.FormatInt(h.Sequence, 10))
	o.number("transmissionQuantity", int64(h.Quantity))
	o.line()
	o.open("acknowledgementFile")
	for _, c := range h.Codes {
		if c.Name() == "" {
			return nil, &ValueError{AcknowledgementCode, "/FileResponse/acknowledgementFile"}
		}
		o.within("acknowledgementFileDetail", func() { o.leaf("code", "code", string(c), "displayName", c.Name()) })
	}
	o.close("acknowledgementFile")
	o.line()
	for _, out := range h.Outcomes {
		if err := r.Outcome(out); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Outcome writes what became of one record.
func (r *ResponseWriter) Outcome(of Outcome) error {
	switch {
	case r.state > 1:
		return ErrOrder
	case of.Code.Name() == "" || of.Detail != "" && of.Detail.Meaning() == "":
		return &ValueError{AcknowledgementCode, "/FileResponse/acknowledgementRecord"}
	case of.Place == "" || len(of.Place) > maxPlace || !plain(of.Place):
		return &ValueError{ElementMissing, "/FileResponse/acknowledgementRecord/acknowledgementRecordDetail/location"}
	}
	if r.state == 0 {
		r.state = 1
		r.o.open("acknowledgementRecord")
		r.o.line()
	}
	r.o.within("acknowledgementRecordDetail", func() {
		if of.Detail == "" {
			r.o.leaf("code", "code", string(of.Code), "codeSystem", oidRecordCode, "displayName", of.Code.Name())
		} else {
			r.o.b = append(r.o.b, `<code code="`+string(of.Code)+`" codeSystem="`+oidRecordCode+`" displayName="`+of.Code.Name()+`">`...)
			r.o.leaf("translation", "code", string(of.Detail), "codeSystemName", detailSystem, "displayName", of.Detail.Meaning())
			r.o.close("code")
		}
		r.o.text("location", of.Place)
	})
	r.o.line()
	return r.flush(32 << 10)
}

// records ends the outcomes.
func (r *ResponseWriter) records() error {
	switch r.state {
	case 2:
		return nil
	case 3:
		return ErrOrder
	case 1:
		r.o.close("acknowledgementRecord")
		r.o.line()
	}
	r.state = 2
	r.o.organisation("communicationFunctionRcv", r.h.Receiver)
	r.o.within("failedReturnedCP-ISRecords", func() { r.o.number("value", int64(r.h.Failed)) })
	r.o.line()
	return nil
}

// Valid returns the people of a record that was loaded. A *ValueError refuses
// them, and nothing is written.
func (r *ResponseWriter) Valid(subjects []Subject) error {
	if len(subjects) < 1 || len(subjects) > 2 {
		return &ValueError{ElementMissing, "/FileResponse/message"}
	}
	if err := checkSubjects(subjects, "/FileResponse/message"); err != nil {
		return err
	}
	if err := r.records(); err != nil {
		return err
	}
	r.valid++
	return r.message("validCP-ISRecord", func() {
		for i := range subjects {
			r.o.subject(&subjects[i])
		}
	})
}

// Invalid returns a record that was rejected and has the schema's form.
func (r *ResponseWriter) Invalid(of *Record) error {
	if err := of.check("/FileResponse/message", uploaded); err != nil {
		return err
	}
	if err := r.records(); err != nil {
		return err
	}
	r.invalid++
	return r.message("invalidCP-ISRecord", func() { r.o.recordParts(of, "pertinentInformation", uploaded) })
}

func (r *ResponseWriter) message(name string, write func()) error {
	for _, n := range []string{"message", "cP-ISLAAcknowledgementResponse", "pertinentInformation1", name} {
		r.o.open(n)
	}
	write()
	for _, n := range []string{name, "pertinentInformation1", "cP-ISLAAcknowledgementResponse", "message"} {
		r.o.close(n)
	}
	r.o.line()
	return r.flush(32 << 10)
}

// Close ends the message: so many records were loaded, whether they were
// returned or not. It does not close what is written to.
func (r *ResponseWriter) Close(successful int) error {
	if err := r.records(); err != nil {
		return err
	}
	if r.valid > successful || r.invalid > r.h.Failed {
		return ErrOrder
	}
	r.o.within("successfulReturnedCP-ISRecords", func() { r.o.number("value", int64(successful)) })
	r.o.line()
	r.o.close("FileResponse")
	r.o.line()
	r.state = 3
	return r.flush(0)
}

func (r *ResponseWriter) flush(beyond int) error {
	if len(r.o.b) > beyond && r.err == nil {
		_, r.err = r.w.Write(r.o.b)
		r.o.b = r.o.b[:0]
	}
	return r.err
}

// Write writes the whole message.
func (r *Response) Write(w io.Writer) error {
	out, err := NewResponseWriter(w, r.ResponseHeader)
	if err != nil {
		return err
	}
	for i := range r.Returned {
		if r.Returned[i].Valid {
			err = out.Valid(r.Returned[i].Subjects)
		} else {
			err = out.Invalid(&r.Returned[i].Record)
		}
		if err != nil {
			return err
		}
	}
	return out.Close(r.Successful)
}
