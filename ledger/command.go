package ledger

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// RequestKind is a request's number on disk and on the wire; never reused.
type RequestKind uint16

// The requests of version 1.
const (
	RequestOpenLog            RequestKind = 1
	RequestRaiseRules         RequestKind = 2
	RequestRecordKey          RequestKind = 3
	RequestVoidBatch          RequestKind = 4
	RequestRecordOrganisation RequestKind = 16
	RequestRecordDirectory    RequestKind = 17
	RequestOpenUpload         RequestKind = 32
	RequestUploadChunk        RequestKind = 33
	RequestCloseUpload        RequestKind = 34
	RequestReadAck            RequestKind = 35
	RequestCheckRows          RequestKind = 36
	RequestApproveSnapshot    RequestKind = 37
	RequestReadHoldings       RequestKind = 38
	RequestSupersedeNumber    RequestKind = 39
	RequestPartNumbers        RequestKind = 40
	RequestInactivateNumber   RequestKind = 41
	RequestLookUp             RequestKind = 64
	RequestCorrectAccess      RequestKind = 65
	RequestDeny               RequestKind = 66
	RequestReopen             RequestKind = 67
	RequestTrace              RequestKind = 68
	RequestOpenNotification   RequestKind = 80
	RequestAcknowledge        RequestKind = 81
	RequestMissAppointment    RequestKind = 82
	RequestEnrol              RequestKind = 96
	RequestAssign             RequestKind = 97
	RequestReadCaseload       RequestKind = 98
	RequestReadTrail          RequestKind = 112
)

// Request asks for something, in the imperative. It holds nothing personal in
// clear: what is personal travels sealed in the command.
type Request interface {
	Number() RequestKind
	// Discloses reports whether the answer holds child data, so that a second
	// showing must be recorded.
	Discloses() bool
	action() Action
	decide(d *decider) error
}

var requests = map[RequestKind]func() Request{
	RequestOpenLog:            func() Request { return new(OpenLog) },
	RequestRaiseRules:         func() Request { return new(RaiseRules) },
	RequestRecordKey:          func() Request { return new(RecordKey) },
	RequestVoidBatch:          func() Request { return new(VoidBatch) },
	RequestRecordOrganisation: func() Request { return new(RecordOrganisation) },
	RequestRecordDirectory:    func() Request { return new(RecordDirectory) },
	RequestOpenUpload:         func() Request { return new(OpenUpload) },
	RequestUploadChunk:        func() Request { return new(UploadChunk) },
	RequestCloseUpload:        func() Request { return new(CloseUpload) },
	RequestReadAck:            func() Request { return new(ReadAck) },
	RequestCheckRows:          func() Request { return new(CheckRows) },
	RequestApproveSnapshot:    func() Request { return new(ApproveSnapshot) },
	RequestReadHoldings:       func() Request { return new(ReadHoldings) },
	RequestSupersedeNumber:    func() Request { return new(SupersedeNumber) },
	RequestPartNumbers:        func() Request { return new(PartNumbers) },
	RequestInactivateNumber:   func() Request { return new(InactivateNumber) },
	RequestLookUp:             func() Request { return new(LookUp) },
	RequestCorrectAccess:      func() Request { return new(CorrectAccess) },
	RequestDeny:               func() Request { return new(Deny) },
	RequestReopen:             func() Request { return new(Reopen) },
	RequestTrace:              func() Request { return new(Trace) },
	RequestOpenNotification:   func() Request { return new(OpenNotification) },
	RequestAcknowledge:        func() Request { return new(Acknowledge) },
	RequestMissAppointment:    func() Request { return new(MissAppointment) },
	RequestEnrol:              func() Request { return new(Enrol) },
	RequestAssign:             func() Request { return new(Assign) },
	RequestReadCaseload:       func() Request { return new(ReadCaseload) },
	RequestReadTrail:          func() Request { return new(ReadTrail) },
}

func parseRequest(k RequestKind, b []byte) (Request, error) {
	fresh, ok := requests[k]
	if !ok {
		return nil, fmt.Errorf("%w: request %d", ErrUnknownKind, k)
	}
	q := fresh()
	if err := unmarshalSame(b, q); err != nil {
		return nil, fmt.Errorf("%w: request: %w", ErrRecord, err)
	}
	return q, nil
}

// Command asks for something to be decided. It is what consensus replicates.
type Command struct {
	ID      ID  // chosen by the caller: a retry is the same command
	Seed    ID  // random, of this attempt: its entries' salts come from it
	Content Tag // keyed digest of what was asked, to tell a retry from a reuse
	Actor   Actor
	Request Request
	Sealed  []Sealed
	Keys    []WrappedKey

	// Time is the proposer's clock, the only clock a decision may see. It is
	// stamped by the leader on the whole batch, so it is not encoded here.
	Time Time
	// Bulk marks work that waits behind lookups. It does not travel.
	Bulk bool

	actorRaw   []byte
	requestRaw []byte
}

const commandVersion = 1

type wireCommand struct {
	_       struct{} `cbor:",toarray"`
	Version int
	ID      ID
	Seed    ID
	Content Tag
	Actor   cbor.RawMessage
	Number  RequestKind
	Request cbor.RawMessage
	Sealed  []Sealed
	Keys    []WrappedKey
}

// ErrCommand marks bytes that are not a command of this version.
var ErrCommand = errors.New("not a command of this version")

// Encode returns the command as it is replicated, without its time.
func (c *Command) Encode() ([]byte, error) {
	if err := c.encodeParts(); err != nil {
		return nil, err
	}
	return Marshal(wireCommand{
		Version: commandVersion, ID: c.ID, Seed: c.Seed, Content: c.Content,
		Actor: c.actorRaw, Number: c.Request.Number(), Request: c.requestRaw,
		Sealed: c.Sealed, Keys: c.Keys,
	})
}

func (c *Command) encodeParts() error {
	var err error
	if c.actorRaw == nil {
		if c.actorRaw, err = Marshal(c.Actor); err != nil {
			return fmt.Errorf("encode actor: %w", err)
		}
	}
	if c.requestRaw == nil {
		if c.requestRaw, err = Marshal(c.Request); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	return nil
}

// ParseCommand reads what [Command.Encode] wrote. An unknown request or
// version is [ErrUnknownKind]: the node must stop rather than skip it.
func ParseCommand(b []byte) (Command, error) {
	var w wireCommand
	if err := Unmarshal(b, &w); err != nil {
		return Command{}, fmt.Errorf("%w: %w", ErrCommand, errType)
	}
	if w.Version != commandVersion {
		return Command{}, fmt.Errorf("%w: command version %d", ErrUnknownKind, w.Version)
	}
	c := Command{ID: w.ID, Seed: w.Seed, Content: w.Content, Sealed: w.Sealed, Keys: w.Keys,
		actorRaw: w.Actor, requestRaw: w.Request}
	// What is recorded is these very bytes: another encoding of the same actor
	// or request would give a record that nobody can read, or decide again.
	if err := unmarshalSame(w.Actor, &c.Actor); err != nil {
		return Command{}, fmt.Errorf("%w: actor: %w", ErrCommand, err)
	}
	q, err := parseRequest(w.Number, w.Request)
	if err != nil {
		return Command{}, err
	}
	c.Request = q
	return c, nil
}
