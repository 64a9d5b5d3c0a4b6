package mesh

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

// Outgoing is a message to send.
type Outgoing struct {
	To       string // mailbox of the recipient
	Workflow string
	// LocalID is the caller's own name for this message and must be nobody else's:
	// 1 to 100 letters, digits, hyphens, underscores and dots. It is seen by MESH
	// and by the recipient, and must say nothing of a person.
	LocalID string
	// Again is set where the same message may have been sent before, as after
	// Unknown or a crash: MESH is then asked first, and what it has is not sent twice.
	// The content must be the same, and so must ChunkSize.
	Again bool

	Subject     string // optional, at most 500 characters
	FileName    string // optional, at most 300
	ContentType string // optional, at most 100
	Checksum    string // optional, at most 100; passed on to the recipient as it is

	Body     io.ReaderAt // read piece by piece, and again where a piece must be sent again
	Size     int64       // of Body; MESH takes no empty message
	Compress bool        // each chunk by itself, as MESH wants it
}

// Sent is a message that MESH has taken. That says nothing yet of the recipient: see [Client.Track].
type Sent struct {
	MessageID string
	Chunks    int
	Before    bool // it was there already: Again found it
}

var localForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)

// localID reports whether s can be a local id. It is a step of a path, too, and
// so does not begin with a dot.
func localID(s string) bool { return localForm.MatchString(s) }

func notSendable(detail string) *Error {
	return &Error{Code: NotSendable, Step: "send", detail: detail}
}

func (o *Outgoing) check() error {
	switch {
	case !mailboxForm.MatchString(o.To):
		return notSendable("the recipient is not a mailbox id")
	case !workflowForm.MatchString(o.Workflow):
		return notSendable("the workflow id is not one")
	case !localID(o.LocalID):
		return notSendable("the local id is not 1 to 100 letters, digits, hyphens, underscores and dots")
	case !headerText(o.Subject, 500), !headerText(o.FileName, 300), !headerText(o.ContentType, 100), !headerText(o.Checksum, 100):
		return notSendable("a header is too long or holds a character that is not printable ASCII")
	case o.Body == nil || o.Size < 1:
		return notSendable("MESH takes no empty message")
	}
	return nil
}

// headerText reports whether s may be a header's value.
func headerText(s string, most int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= most
}

// Send puts a message into the outbox, in chunks where it is longer than one.
//
// The first request to MESH is made once: no failure after MESH was connected
// lets us know whether it was taken, and the error is then [Unknown]. The later
// chunks are made again as often as needed, for a chunk in its place is the same
// chunk. Where they fail in the end, the message is [Unfinished] and MESH does
// not deliver it, or, of the last chunk, Unknown. Then, or after a crash, Send
// with Again finds out and goes on. Any other error: it was not taken.
func (c *Client) Send(ctx context.Context, o Outgoing) (Sent, error) {
	if err := o.check(); err != nil {
		return Sent{}, err
	}
	n := (o.Size + c.c.ChunkSize - 1) / c.c.ChunkSize
	if n > 99_999 {
		return Sent{}, notSendable("the message has too many chunks")
	}
	s := Sent{Chunks: int(n)}
	if o.Again {
		t, err := c.Find(ctx, o.LocalID)
		switch {
		case errors.Is(err, NotFound):
		case err != nil:
			return Sent{}, err
		case t.State == Uploading:
			s.MessageID = t.MessageID
		case t.State == Failed:
			return Sent{}, &Error{Code: Undelivered, Step: "send", MESH: t.Code, MessageID: t.MessageID, detail: "it was sent before; to send it again is to send a new message"}
		default:
			return Sent{MessageID: t.MessageID, Chunks: s.Chunks, Before: true}, nil
		}
	}
	if s.MessageID == "" {
		b, err := c.document(ctx, c.chunk(&o, "", 1, s.Chunks))
		if err != nil {
			return Sent{}, err
		}
		if s.MessageID, err = parseSent(b); err != nil {
			// It was taken, under an id that we could not read.
			return Sent{}, &Error{Code: Unknown, Step: "send", detail: "the answer has no message id"}
		}
	}
	for i := 2; i <= s.Chunks; i++ {
		if err := c.sendChunk(ctx, &o, s, i); err != nil {
			return Sent{}, err
		}
	}
	return s, nil
}

// sendChunk sends a chunk after the first.
func (c *Client) sendChunk(ctx context.Context, o *Outgoing, s Sent, i int) error {
	a, err := c.do(ctx, c.chunk(o, s.MessageID, i, s.Chunks))
	if err == nil {
		a.close()
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	e.MessageID = s.MessageID
	if e.Status == http.StatusLocked {
		// All chunks are there: an earlier attempt at the last one got through.
		if t, err := c.Track(ctx, s.MessageID); err == nil && (t.State == Accepted || t.State == Acknowledged) {
			return nil
		}
	}
	if !e.again() && e.Code != Stopped {
		return e
	}
	code := Unfinished
	if i == s.Chunks {
		code = Unknown
	}
	return &Error{Code: code, Step: "send", Status: e.Status, MessageID: s.MessageID, detail: string(e.Code), cause: e.cause}
}

// chunk is the request with chunk i of n of a message.
func (c *Client) chunk(o *Outgoing, id string, i, n int) *call {
	h := http.Header{}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	k := &call{step: "send", method: http.MethodPost, path: []string{"outbox"}, header: h, once: i == 1}
	set("Content-Type", "application/octet-stream")
	set("Mex-Chunk-Range", strconv.Itoa(i)+":"+strconv.Itoa(n))
	if i == 1 {
		set("Mex-From", c.c.Mailbox)
		set("Mex-To", o.To)
		set("Mex-WorkflowID", o.Workflow)
		set("Mex-LocalID", o.LocalID)
		set("Mex-Subject", o.Subject)
		set("Mex-FileName", o.FileName)
		set("Mex-Content-Type", o.ContentType)
		set("Mex-Content-Checksum", o.Checksum)
	} else {
		k.path = append(k.path, id, strconv.Itoa(i))
	}
	from := int64(i-1) * c.c.ChunkSize
	k.body = &content{source: o.Body, from: from, size: min(c.c.ChunkSize, o.Size-from), compress: o.Compress}
	if o.Compress {
		set("Content-Encoding", "gzip")
	}
	return k
}
