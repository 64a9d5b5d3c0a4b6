package ledger

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// Format is the version of the envelope that this package writes.
	Format = 1
	// MaxRecord is the greatest length of a record in bytes.
	MaxRecord = 16 << 10
)

// The envelope's map keys. They are never reused.
const (
	keyFormat = iota + 1
	keyRules
	keyLog
	keySeq
	keyPrev
	keyTime
	keyRawTime
	keyCommand
	keyPlace // [nth, of]: the nth entry, from 0, of those the command became
	keySalt
	keyKind
	keyBody
	keyActor       // first entry of a command only
	keyContent     // first entry only: keyed digest of what was asked
	keyRequest     // first entry only: [kind, body]
	keyPerson      // [reference, count, previous hash]
	keyCommitments // [+ [payload, holder, key, digest]]
)

// Entry is an event in its place. Only [Seal] and [ParseEntry] make entries.
//
// The entries of one command stand together. The first of them (Nth 0) holds
// the actor, the keyed digest of what was asked and the request in its clear
// form, which is all that [Rebuild] needs to repeat the decision.
type Entry struct {
	Rules       int
	Log         ID
	Seq         Seq
	Prev        Hash // hash of entry Seq-1; zero for the first
	Time        Time // never earlier than entry Seq-1
	RawTime     Time // the leader's clock
	Command     ID
	Nth, Of     int
	Salt        ID
	Kind        Kind
	Event       Event // nil after [ParseHeader] until [Entry.Decode]
	Actor       *Actor
	Content     Tag
	Request     Request
	Person      *PersonLink
	Commitments []Commitment

	record     []byte
	hash       Hash
	body       []byte
	actorRaw   []byte
	requestRaw []byte
	requestNum RequestKind
	hasContent bool // whether the record has the key: all zeros is a digest like any other
}

// Record returns the exact bytes that are hashed and stored.
func (e *Entry) Record() []byte { return e.record }

// Hash returns the RFC 6962 leaf hash of the record.
func (e *Entry) Hash() Hash { return e.hash }

// ErrRecord marks a record that is not a well-formed entry of this format.
var ErrRecord = errors.New("not a record of this format")

// ErrUnknownKind marks an entry or request of a kind this program does not
// know. Whoever meets it stops: skipping would give another history.
var ErrUnknownKind = errors.New("unknown kind: a newer program wrote this")

// encode writes the envelope and sets the record and its hash.
func (e *Entry) encode() error { return e.encodeAs(nil) }

// encodeAs is encode of an entry that may have been recorded before, as this one:
// the hash of the same bytes is not made again.
func (e *Entry) encodeAs(before *Entry) error {
	var known [256]byte
	var body []byte
	if f, ok := e.Event.(fielded); ok {
		body = appendFields(known[:0], f)
	} else {
		var err error
		if body, err = Marshal(e.Event); err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
	}
	n := keyBody
	if e.Nth == 0 {
		n += 3
	}
	if e.Person != nil {
		n++
	}
	if len(e.Commitments) > 0 {
		n++
	}
	b := make([]byte, 0, 320+len(body)+len(e.actorRaw)+len(e.requestRaw)+72*len(e.Commitments))
	b = appendMap(b, n)
	b = appendUint(appendKey(b, keyFormat), Format)
	b = appendUint(appendKey(b, keyRules), uint64(e.Rules))
	b = appendBytes(appendKey(b, keyLog), e.Log[:])
	b = appendUint(appendKey(b, keySeq), uint64(e.Seq))
	b = appendBytes(appendKey(b, keyPrev), e.Prev[:])
	b = appendUint(appendKey(b, keyTime), uint64(e.Time))
	b = appendUint(appendKey(b, keyRawTime), uint64(e.RawTime))
	b = appendBytes(appendKey(b, keyCommand), e.Command[:])
	b = appendArray(appendKey(b, keyPlace), 2)
	b = appendUint(appendUint(b, uint64(e.Nth)), uint64(e.Of))
	b = appendBytes(appendKey(b, keySalt), e.Salt[:])
	b = appendUint(appendKey(b, keyKind), uint64(e.Kind))
	b = appendKey(b, keyBody)
	at := len(b)
	b = append(b, body...)
	if e.Nth == 0 {
		b = append(appendKey(b, keyActor), e.actorRaw...)
		b = appendBytes(appendKey(b, keyContent), e.Content[:])
		b = appendArray(appendKey(b, keyRequest), 2)
		b = append(appendUint(b, uint64(e.requestNum)), e.requestRaw...)
	}
	if p := e.Person; p != nil {
		b = appendArray(appendKey(b, keyPerson), 3)
		b = appendBytes(b, p.Ref[:])
		b = appendUint(b, p.N)
		b = appendBytes(b, p.Prev[:])
	}
	if len(e.Commitments) > 0 {
		b = appendArray(appendKey(b, keyCommitments), len(e.Commitments))
		for i := range e.Commitments {
			c := &e.Commitments[i]
			b = appendArray(b, 4)
			b = appendUint(appendUint(b, uint64(c.Payload)), uint64(c.Holder))
			b = appendBytes(appendBytes(b, c.Key[:]), c.Digest[:])
		}
	}
	if len(b) > MaxRecord {
		return fmt.Errorf("record of %d bytes is longer than %d", len(b), MaxRecord)
	}
	e.record, e.body = b, b[at:at+len(body):at+len(body)]
	if before != nil && bytes.Equal(before.record, b) {
		e.hash = before.hash
		return nil
	}
	e.hash = tlog.RecordHash(b)
	return nil
}

// Decode reads the event, and for the first entry of a command the actor and
// the request. A body that is not the one deterministic form of its kind is
// refused.
func (e *Entry) Decode() error {
	if e.Event != nil {
		return nil
	}
	fresh, ok := events[e.Kind]
	if !ok {
		return fmt.Errorf("%w: event %d", ErrUnknownKind, e.Kind)
	}
	ev := fresh()
	if err := unmarshalSame(e.body, ev); err != nil {
		return fmt.Errorf("%w: event: %w", ErrRecord, err)
	}
	if e.Nth == 0 {
		a := e.Actor
		if a == nil { // a [Decoder] may know it
			a = new(Actor)
			if err := unmarshalSame(e.actorRaw, a); err != nil {
				return fmt.Errorf("%w: actor: %w", ErrRecord, err)
			}
		}
		q, err := parseRequest(e.requestNum, e.requestRaw)
		if err != nil {
			return err
		}
		e.Actor, e.Request = a, q
	}
	e.Event = ev
	return nil
}

// ParseEntry reads a record whole.
func ParseEntry(record []byte) (Entry, error) {
	e, err := ParseHeader(record)
	if err != nil {
		return e, err
	}
	return e, e.Decode()
}

// unmarshalSame decodes strictly and refuses bytes that would not be written
// again in the same way, so that one fact has one encoding.
func unmarshalSame(b []byte, v any) error {
	if f, ok := v.(fielded); ok {
		if err := readSame(b, f); err != nil {
			return err
		}
		return nil
	}
	if err := Unmarshal(b, v); err != nil {
		return errType // the library's text may quote what it met
	}
	again, err := Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return errNotCanonical
	}
	return nil
}
