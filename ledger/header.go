package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ParseHeader reads the envelope of a record strictly and leaves the event,
// the actor and the request undecoded: all that checking the chain needs. The
// entry keeps the record; the caller must not change it.
func ParseHeader(record []byte) (Entry, error) {
	e := Entry{record: record, hash: tlog.RecordHash(record)}
	return e, e.readHeader(nil, nil)
}

// HeaderReader is [ParseHeader] for whoever reads one record after another and
// keeps none: it reads each into the memory of the one before, which takes a
// verifier a third less time.
type HeaderReader struct {
	e           Entry
	person      PersonLink
	commitments []Commitment
}

// Read reads an envelope. The entry, and whatever it points to, holds until the next call.
func (h *HeaderReader) Read(record []byte) (*Entry, error) {
	h.e = Entry{record: record, hash: tlog.RecordHash(record)}
	return &h.e, h.read()
}

// ReadUnhashed is [HeaderReader.Read] for a record whose hash was made before
// and is not asked for: the entry has none.
func (h *HeaderReader) ReadUnhashed(record []byte) (*Entry, error) {
	h.e = Entry{record: record}
	return &h.e, h.read()
}

func (h *HeaderReader) read() error {
	err := h.e.readHeader(&h.person, h.commitments[:0])
	if h.e.Commitments != nil {
		h.commitments = h.e.Commitments
	}
	return err
}

// readHeader reads the entry's record. A person's link goes into link, and
// commitments behind those in list, where they are given.
func (e *Entry) readHeader(link *PersonLink, list []Commitment) error {
	if len(e.record) > MaxRecord {
		return fmt.Errorf("%w: longer than %d bytes", ErrRecord, MaxRecord)
	}
	r := reader{b: e.record}
	n := r.mapLen()
	for key := uint64(0); n > 0 && r.err == nil; n-- {
		k := r.uint()
		if r.err == nil && k <= key {
			r.fail(errNotCanonical)
			break
		}
		if key < keyBody && k != key+1 {
			r.fail(errType) // one of the twelve that every entry has is missing
			break
		}
		switch key = k; key {
		case keyPerson:
			if link == nil {
				link = new(PersonLink)
			}
			e.readPerson(&r, link)
		case keyCommitments:
			e.readCommitments(&r, list)
		default:
			e.readKey(&r, key)
		}
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail(errTrailing)
	}
	first := e.Nth == 0
	if r.err == nil && (e.body == nil || e.Of < 1 || e.Nth >= e.Of || first != (e.actorRaw != nil) ||
		first != e.hasContent || first != (e.requestRaw != nil)) {
		r.fail(errType)
	}
	if r.err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, r.err)
	}
	return nil
}

func (e *Entry) readKey(r *reader, key uint64) {
	switch key {
	case keyFormat:
		if f := r.uint(); r.err == nil && f != Format {
			r.fail(fmt.Errorf("format %d: %w", f, ErrUnknownKind))
		}
	case keyRules:
		e.Rules = int(r.uint())
	case keyLog:
		r.fixed(e.Log[:])
	case keySeq:
		e.Seq = Seq(r.uint())
	case keyPrev:
		r.fixed(e.Prev[:])
	case keyTime:
		e.Time = Time(r.uint())
	case keyRawTime:
		e.RawTime = Time(r.uint())
	case keyCommand:
		r.fixed(e.Command[:])
	case keyPlace:
		if r.array() != 2 {
			r.fail(errType)
			return
		}
		nth, of := r.uint(), r.uint()
		if nth > 1<<30 || of > 1<<30 {
			r.fail(errType)
			return
		}
		e.Nth, e.Of = int(nth), int(of)
	case keySalt:
		r.fixed(e.Salt[:])
	case keyKind:
		k := r.uint()
		if k > 1<<16-1 {
			r.fail(errType)
		}
		e.Kind = Kind(k)
	case keyBody:
		e.body = r.raw()
	case keyActor:
		e.actorRaw = r.raw()
	case keyContent:
		r.fixed(e.Content[:])
		e.hasContent = true
	case keyRequest:
		if r.array() != 2 {
			r.fail(errType)
			return
		}
		k := r.uint()
		if k > 1<<16-1 {
			r.fail(errType)
		}
		e.requestNum = RequestKind(k)
		e.requestRaw = r.raw()
	default:
		r.fail(errType)
	}
}

func (e *Entry) readPerson(r *reader, p *PersonLink) {
	if r.array() != 3 {
		r.fail(errType)
		return
	}
	r.fixed(p.Ref[:])
	p.N = r.uint()
	r.fixed(p.Prev[:])
	e.Person = p
}

func (e *Entry) readCommitments(r *reader, list []Commitment) {
	e.Commitments = list
	n := r.array()
	if n == 0 {
		r.fail(errType)
		return
	}
	for ; n > 0 && r.err == nil; n-- {
		if r.array() != 4 {
			r.fail(errType)
			return
		}
		p, h := r.uint(), r.uint()
		if p > 255 || h > 255 {
			r.fail(errType)
			return
		}
		c := Commitment{Payload: Payload(p), Holder: Holder(h)}
		r.fixed(c.Key[:])
		r.fixed(c.Digest[:])
		e.Commitments = append(e.Commitments, c)
	}
}
