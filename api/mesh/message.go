package mesh

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Message is a message in our inbox: what its headers say, and its content as a
// stream. Sender, subject, file name, local id and content type are the
// sender's words, and may hold anything; formatting a Message shows only its
// id, type and workflow.
type Message struct {
	ID          string
	From        string // mailbox of the sender; MESH sees to it
	To          string
	Workflow    string
	LocalID     string // the sender's
	Subject     string
	FileName    string
	ContentType string
	Checksum    string // the sender's, of no agreed form: passed on, not checked
	Compressed  bool   // the sender says that the content is itself a compressed file
	Encrypted   bool
	Chunks      int

	// Report is set where MESH itself writes, of a message of ours that was not
	// delivered; the content is then empty.
	Report *Report

	// Body is the content, decompressed where MESH compressed it. It is read once;
	// a connection that is cut is taken up again where it was, without the reader
	// noticing. Its errors are of this package.
	Body io.Reader

	download *download
}

// Report is MESH's word on a message of ours that nobody collected.
type Report struct {
	MessageID string    // of our message
	Code      string    // MESH's, such as "14"; "" where it was none
	At        time.Time // zero where it was not said
}

// Format shows a message without its sender's words.
func (m *Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %s (workflow %s, report %t)", m.ID, m.Workflow, m.Report != nil)
}

// LogValue is what a log may know of a message.
func (m *Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", m.ID), slog.String("workflow", m.Workflow), slog.Bool("report", m.Report != nil))
}

// parseMessage reads the headers of a message's first chunk.
func parseMessage(id string, status int, h http.Header) (*Message, error) {
	n, err := parseChunk(id, status, h, 1)
	if err != nil {
		return nil, err
	}
	m := &Message{
		ID: id, From: h.Get("Mex-From"), To: h.Get("Mex-To"), Workflow: h.Get("Mex-WorkflowID"),
		LocalID: h.Get("Mex-LocalID"), Subject: h.Get("Mex-Subject"), FileName: h.Get("Mex-FileName"),
		ContentType: first(h.Get("Mex-Content-Type"), h.Get("Content-Type")), Checksum: h.Get("Mex-Content-Checksum"),
		Compressed: yes(h.Get("Mex-Content-Compressed")), Encrypted: yes(h.Get("Mex-Content-Encrypted")), Chunks: n,
	}
	if !mailboxForm.MatchString(m.From) && h.Get("Mex-MessageType") != "REPORT" {
		return nil, badMessage(id, "it has no sender")
	}
	if !workflowForm.MatchString(m.Workflow) {
		m.Workflow = "" // such an id is nobody's; it may not reach a log
	}
	switch h.Get("Mex-MessageType") {
	case "DATA", "":
	case "REPORT":
		m.Report = &Report{MessageID: h.Get("Mex-LinkedMsgID"), Code: h.Get("Mex-StatusCode"), At: meshTime(h.Get("Mex-StatusTimestamp"))}
		if !messageID.MatchString(m.Report.MessageID) {
			m.Report.MessageID = ""
		}
		if !meshCode.MatchString(m.Report.Code) {
			m.Report.Code = ""
		}
	default:
		return nil, badMessage(id, "its type is neither DATA nor REPORT")
	}
	return m, nil
}

// parseChunk checks that an answer is chunk number of message id, and returns
// how many chunks there are.
func parseChunk(id string, status int, h http.Header, number int) (int, error) {
	if of := h.Get("Mex-MessageID"); of != "" && of != id {
		return 0, badMessage(id, "another message came")
	}
	is, of := 1, 1
	if r := h.Get("Mex-Chunk-Range"); r != "" {
		var ok bool
		if is, of, ok = parseRange(r); !ok {
			return 0, badMessage(id, "its chunk range is none")
		}
	}
	if is != number {
		return 0, badMessage(id, "another chunk came")
	}
	if more := status == http.StatusPartialContent; more != (is < of) {
		return 0, badMessage(id, "its status and its chunk range do not agree")
	}
	return of, nil
}

var chunkRange = regexp.MustCompile(`^([1-9]\d{0,4}):([1-9]\d{0,4})$`)

// parseRange reads "2:3", the second of three. There are at most 99,999.
func parseRange(s string) (is, of int, ok bool) {
	m := chunkRange.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, 0, false
	}
	is, _ = strconv.Atoi(m[1]) // the expression lets only small numbers through
	of, _ = strconv.Atoi(m[2])
	return is, of, is <= of
}

func yes(s string) bool {
	switch strings.ToUpper(s) {
	case "Y", "YES", "TRUE", "T", "1":
		return true
	}
	return false
}

func badMessage(id, detail string) *Error {
	return &Error{Code: BadAnswer, Step: "download", MessageID: id, detail: detail}
}
