package cpis

import (
	"errors"
	"io"
	"strconv"
)

// Acknowledge writes message 02 for an upload that was dealt with. It reads the
// upload twice, because the schema has every outcome stand before the first
// returned record, and keeps nothing of it but the rejected records' outcomes.
//
// open begins the upload anew, with the same Options each time. verdict says
// what became of a sound record, and must say the same again; it is not asked of
// those that the reader rejects. An outcome without a place gets the record's.
// Only rejections are listed as outcomes; every record that has the form is
// returned. A broken upload is answered with FileBroken and nothing else, for
// nothing of it may have been loaded.
func Acknowledge(w io.Writer, created Timestamp, to Organisation, open func() (*Reader, error), verdict func(n int, r *Record) Outcome) error {
	h := ResponseHeader{Created: created, Receiver: to}
	loaded, err := everyRecord(open, verdict, &h, func(o Outcome, _ *Record) error {
		if o.Code != RecordLoaded {
			h.Failed++
			h.Outcomes = append(h.Outcomes, o)
		}
		return nil
	})
	var broken *FileError
	switch {
	case errors.As(err, &broken):
		return (&Response{ResponseHeader: ResponseHeader{Created: created, Receiver: to, Codes: []FileCode{FileBroken}, Sequence: h.Sequence, Quantity: h.Quantity}}).Write(w)
	case err != nil:
		return err
	}
	h.Codes = []FileCode{FileCodeOf(loaded, h.Failed)}
	out, err := NewResponseWriter(w, h)
	if err != nil {
		return err
	}
	if _, err = everyRecord(open, verdict, &h, func(o Outcome, r *Record) error {
		switch {
		case o.Code == RecordLoaded:
			return out.Valid(r.Subjects)
		case r != nil:
			return out.Invalid(r)
		}
		return nil
	}); err != nil {
		return err
	}
	return out.Close(loaded)
}

// everyRecord gives each record with its outcome, without the record where it
// cannot be returned, and counts those that were loaded.
func everyRecord(open func() (*Reader, error), verdict func(int, *Record) Outcome, h *ResponseHeader, give func(Outcome, *Record) error) (loaded int, err error) {
	in, err := open()
	if in != nil {
		h.Sequence, h.Quantity = in.Header().Sequence, in.Header().Quantity
	}
	var rec Record
	for err == nil {
		var o Outcome
		of := &rec
		var bad *RecordError
		switch err = in.Next(&rec); {
		case errors.As(err, &bad):
			o = Outcome{bad.Code, bad.Detail, bad.Place}
			if !bad.Echo {
				of = nil
			}
		case err == nil:
			if o = verdict(in.Read(), &rec); o.Place == "" {
				o.Place = "/File/record[" + strconv.Itoa(in.Read()) + "]"
			}
		default:
			continue
		}
		if o.Code == RecordLoaded {
			loaded++
		}
		err = give(o, of)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return loaded, err
}
