package ledger

import (
	"errors"
	"fmt"
)

// RequestKind is a request's number on disk and on the wire; never reused.
type RequestKind uint16

// The requests of version 1.
const (
	RequestOpenLog            RequestKind = 1
	RequestRaiseRules         RequestKind = 2
	RequestRecordKey          RequestKind = 3
	RequestVoidBatch          RequestKind = 4
	RequestRecordState        RequestKind = 5
	RequestTellDue            RequestKind = 8
	RequestRecordOrganisation RequestKind = 16
	RequestRecordDirectory    RequestKind = 17
	RequestRecordPolicy       RequestKind = 18
	RequestRecordRegister     RequestKind = 20
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
	RequestBreakGlass         RequestKind = 69
	RequestReview             RequestKind = 70
	RequestOpenNotification   RequestKind = 80
	RequestAcknowledge        RequestKind = 81
	RequestMissAppointment    RequestKind = 82
	RequestAttemptDelivery    RequestKind = 83
	RequestRepeatDelivery     RequestKind = 84
	RequestSettleDelivery     RequestKind = 85
	RequestAttemptLetter      RequestKind = 93
	RequestSettleLetter       RequestKind = 94
	RequestAskLetter          RequestKind = 95
	RequestActOnNotification  RequestKind = 86
	RequestRecordLadder       RequestKind = 87
	RequestRecordBirth        RequestKind = 88
	RequestEndPregnancy       RequestKind = 89
	RequestLookUpMother       RequestKind = 90
	RequestTakeBackBirth      RequestKind = 91
	RequestEnrol              RequestKind = 96
	RequestAssign             RequestKind = 97
	RequestReadCaseload       RequestKind = 98
	RequestEndAssignment      RequestKind = 99
	RequestReadUnassigned     RequestKind = 100
	RequestReadWanted         RequestKind = 101
	RequestRecordCallBack     RequestKind = 102
	RequestOpenLinks          RequestKind = 104
	RequestFollowLinks        RequestKind = 105
	RequestReadTrail          RequestKind = 112
	RequestCopySubject        RequestKind = 114
	RequestReleaseKey         RequestKind = 113
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
	RequestRecordState:        func() Request { return new(RecordState) },
	RequestRecordOrganisation: func() Request { return new(RecordOrganisation) },
	RequestRecordDirectory:    func() Request { return new(RecordDirectory) },
	RequestRecordPolicy:       func() Request { return new(RecordPolicy) },
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
	RequestBreakGlass:         func() Request { return new(BreakGlass) },
	RequestReview:             func() Request { return new(Review) },
	RequestOpenNotification:   func() Request { return new(OpenNotification) },
	RequestAcknowledge:        func() Request { return new(Acknowledge) },
	RequestMissAppointment:    func() Request { return new(MissAppointment) },
	RequestAttemptDelivery:    func() Request { return new(AttemptDelivery) },
	RequestRepeatDelivery:     func() Request { return new(RepeatDelivery) },
	RequestSettleDelivery:     func() Request { return new(SettleDelivery) },
	RequestAttemptLetter:      func() Request { return new(AttemptLetter) },
	RequestSettleLetter:       func() Request { return new(SettleLetter) },
	RequestAskLetter:          func() Request { return new(AskLetter) },
	RequestTellDue:            func() Request { return new(TellDue) },
	RequestRecordBirth:        func() Request { return new(RecordBirth) },
	RequestEndPregnancy:       func() Request { return new(EndPregnancy) },
	RequestLookUpMother:       func() Request { return new(LookUpMother) },
	RequestTakeBackBirth:      func() Request { return new(TakeBackBirth) },
	RequestRecordLadder:       func() Request { return new(RecordLadder) },
	RequestActOnNotification:  func() Request { return new(ActOnNotification) },
	RequestEnrol:              func() Request { return new(Enrol) },
	RequestAssign:             func() Request { return new(Assign) },
	RequestReadCaseload:       func() Request { return new(ReadCaseload) },
	RequestEndAssignment:      func() Request { return new(EndAssignment) },
	RequestReadUnassigned:     func() Request { return new(ReadUnassigned) },
	RequestReadWanted:         func() Request { return new(ReadWanted) },
	RequestRecordRegister:     func() Request { return new(RecordRegister) },
	RequestRecordCallBack:     func() Request { return new(RecordCallBack) },
	RequestOpenLinks:          func() Request { return new(OpenLinks) },
	RequestFollowLinks:        func() Request { return new(FollowLinks) },
	RequestReadTrail:          func() Request { return new(ReadTrail) },
	RequestCopySubject:        func() Request { return new(CopySubject) },
	RequestReleaseKey:         func() Request { return new(ReleaseKey) },
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

const (
	commandVersion = 1
	commandParts   = 9 // version, id, seed, content, actor, request's number, request, [*sealed], [*keys]
)

// ErrCommand marks bytes that are not a command of this version.
var ErrCommand = errors.New("not a command of this version")

// Encode returns the command as it is replicated, without its time.
func (c *Command) Encode() ([]byte, error) {
	if err := c.encodeParts(); err != nil {
		return nil, err
	}
	n := 128 + len(c.actorRaw) + len(c.requestRaw)
	for i := range c.Sealed {
		n += 48 + len(c.Sealed[i].Ciphertext)
	}
	for i := range c.Keys {
		n += 48 + len(c.Keys[i].ID) + len(c.Keys[i].Wrapped)
	}
	b := appendArray(make([]byte, 0, n), commandParts)
	b = appendUint(b, commandVersion)
	b = appendBytes(b, c.ID[:])
	b = appendBytes(b, c.Seed[:])
	b = appendBytes(b, c.Content[:])
	b = append(b, c.actorRaw...)
	b = appendUint(b, uint64(c.Request.Number()))
	b = append(b, c.requestRaw...)
	w := codec{b: b}
	listOf(&w, &c.Sealed, leastSealed)
	listOf(&w, &c.Keys, leastSealed)
	return w.b, nil
}

func (c *Command) encodeParts() error {
	var err error
	if c.actorRaw == nil {
		if c.actorRaw, err = Marshal(&c.Actor); err != nil {
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
	r := &reader{b: b}
	if r.array() != commandParts {
		r.fail(errType)
	}
	if v := r.uint(); r.err == nil && v != commandVersion {
		return Command{}, fmt.Errorf("%w: command version %d", ErrUnknownKind, v)
	}
	var c Command
	r.fixed(c.ID[:])
	r.fixed(c.Seed[:])
	r.fixed(c.Content[:])
	c.actorRaw = r.raw()
	number := r.uint()
	if number > 1<<16-1 {
		r.fail(errType)
	}
	c.requestRaw = r.raw()
	in := codec{r: r}
	listOf(&in, &c.Sealed, leastSealed)
	listOf(&in, &c.Keys, leastSealed)
	if r.err == nil && len(r.b) > 0 {
		r.fail(errTrailing)
	}
	if r.err != nil {
		return Command{}, fmt.Errorf("%w: %w", ErrCommand, r.err)
	}
	// What is recorded is these very bytes: another encoding of the same actor
	// or request would give a record that nobody can read, or decide again.
	if err := unmarshalSame(c.actorRaw, &c.Actor); err != nil {
		return Command{}, fmt.Errorf("%w: actor: %w", ErrCommand, err)
	}
	q, err := parseRequest(RequestKind(number), c.requestRaw)
	if err != nil {
		return Command{}, err
	}
	c.Request = q
	return c, nil
}
