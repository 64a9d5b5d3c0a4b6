package mesh

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Code says what kind of error something is. Codes are stable and never reused;
// errors.Is(err, mesh.Gone) asks for one.
type Code string

// Error makes a code something that errors.Is can look for.
func (c Code) Error() string { return string(c) }

// What can go wrong.
const (
	Misconfigured Code = "mesh-misconfigured"  // the configuration or a file it names is wrong
	Unreachable   Code = "mesh-unreachable"    // no connection came about; nothing was sent
	Untrusted     Code = "mesh-untrusted"      // TLS: one side does not accept the other's certificate
	Timeout       Code = "mesh-timeout"        // the other side was silent, or slow, for too long
	Cut           Code = "mesh-cut"            // the connection ended before the answer did
	Busy          Code = "mesh-busy"           // 429 or 5xx, also after waiting
	NotAuthorised Code = "mesh-not-authorised" // 401 or 403: mailbox, password, shared key or certificate
	ClockWrong    Code = "mesh-clock"          // 403, and our clock is more than an hour from theirs
	NotFound      Code = "mesh-not-found"      // 404: no such message
	Gone          Code = "mesh-gone"           // 410: already acknowledged, or expired
	Refused       Code = "mesh-refused"        // any other 4xx; Error.MESH has its code, where MESH gave one
	BadAnswer     Code = "mesh-bad-answer"     // an answer that is not as MESH documents it
	Changed       Code = "mesh-changed"        // a chunk fetched again is not what it was
	TooLarge      Code = "mesh-too-large"      // more than Config.MaxSize
	NotSendable   Code = "mesh-not-sendable"   // what is to be sent is empty, or a field of it is not allowed
	Source        Code = "mesh-source"         // what is to be sent could not be read; Unwrap has why
	Sink          Code = "mesh-sink"           // what was received could not be written; Unwrap has why
	Stopped       Code = "mesh-stopped"        // the context ended; Unwrap has its error
	Unknown       Code = "mesh-unknown"        // a message may have been taken or not: Find tells
	Unfinished    Code = "mesh-unfinished"     // some chunks were taken, the message was not: Send with Again goes on
	Undelivered   Code = "mesh-undelivered"    // MESH took it before and could not deliver it
	SentTwice     Code = "mesh-sent-twice"     // MESH knows several messages of one local id
)

// Error is every error of this package. Its text is made of our own words, a
// step we named and numbers; never of anything that a message, a partner or
// MESH itself put into it.
type Error struct {
	Code      Code
	Step      string // what was being done: "send", "download"
	Status    int    // HTTP status, 0 without an answer
	MESH      string // MESH's own error code, one of the documented forms, such as "12"; or ""
	MessageID string // MESH's id of the message concerned, where known
	detail    string // our words
	cause     error  // a context's error, or the caller's own: never one that names a URL

	after time.Duration // how long MESH asked us to wait
	sent  bool          // something of the request may have reached MESH
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Code, e.Step)
	if e.MessageID != "" {
		fmt.Fprintf(&b, " of message %s", e.MessageID)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.MESH != "" {
		fmt.Fprintf(&b, ": MESH code %s", e.MESH)
		if says, ok := meshCodes[e.MESH]; ok {
			fmt.Fprintf(&b, " (%s)", says)
		}
	}
	if e.detail != "" {
		fmt.Fprintf(&b, ": %s", e.detail)
	}
	return b.String()
}

// Unwrap returns a context's error, or that of the caller's own reader, writer
// or file.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is this error's code.
func (e *Error) Is(target error) bool { return target == e.Code }

// again reports whether the same request may succeed if it is made again.
func (e *Error) again() bool {
	switch e.Code {
	case Unreachable, Timeout, Cut, Busy:
		return true
	}
	return false
}

// meshCodes are the codes that MESH documents, in our words. "15" is CP-IS's own.
var meshCodes = map[string]string{
	"02": "the data is missing",
	"06": "a header is malformed",
	"07": "the sender is not this mailbox",
	"08": "there is no recipient",
	"11": "the message type is not DATA",
	"12": "the recipient is not registered",
	"14": "the message was not collected",
	"15": "MESH took it for a bad CP-IS file",
	"16": "this sender may not send messages of this kind",
	"17": "the workflow id is not registered for this mailbox",
	"20": "there is no such message",
}

// meshCode is the form of MESH's codes. Anything else in their place is left out.
var meshCode = regexp.MustCompile(`^(\d{2,3}|EPL-\d{3})$`)

// permanent marks what a handler will never be able to do.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks a handler's error as one that trying again will not mend.
// [Client.Poll] then leaves the message and does not hold up what follows it.
// Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent reports whether err came from [Permanent].
func IsPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

func stopped(step string, ctx context.Context) *Error {
	return &Error{Code: Stopped, Step: step, cause: ctx.Err()}
}

// of names the message that an error is about.
func of(err error, id string) error {
	var e *Error
	if errors.As(err, &e) {
		e.MessageID = id
	}
	return err
}
