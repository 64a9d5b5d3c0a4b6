package meshtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Message is a message in this MESH.
type Message struct {
	ID          string
	From, To    string
	Workflow    string
	LocalID     string
	Subject     string
	FileName    string
	ContentType string
	Checksum    string
	Encoding    string // "" or "gzip": how the chunks are compressed, each by itself
	Chunks      []Chunk

	State string // uploading, accepted, acknowledged, error
	At    time.Time

	// Of a report, which MESH itself writes.
	Report bool
	Linked string // the message it is about
	Code   string
}

// Chunk is a piece of a message as it was sent, or as it is to be received.
type Chunk struct {
	Size  int64            // of what Open reads, as it goes over the wire
	Open  func() io.Reader // nil: it was forgotten, or has not come
	Plain int64            // decompressed
	Sum   [32]byte         // SHA-256 of it decompressed
}

// Bytes is a chunk of b.
func Bytes(b []byte) Chunk {
	return Chunk{Size: int64(len(b)), Open: func() io.Reader { return bytes.NewReader(b) }, Plain: int64(len(b)), Sum: sha256.Sum256(b)}
}

// Put puts a message into the inbox of its recipient and returns its id. Without
// chunks it is empty.
func (s *Server) Put(m Message) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(m.Chunks) == 0 {
		m.Chunks = []Chunk{Bytes(nil)}
	}
	m.State = "accepted"
	return s.add(&m)
}

// add gives a message its id, in the form of MESH's own. s.mu is held.
func (s *Server) add(m *Message) string {
	s.count++
	m.At = s.o.Now().UTC()
	m.ID = fmt.Sprintf("%s%06d_%06X", m.At.Format("20060102150405"), m.At.Nanosecond()/1000, s.count)
	s.messages = append(s.messages, m)
	return m.ID
}

// Messages returns all messages there ever were, in the order they came.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Message, 0, len(s.messages))
	for _, m := range s.messages {
		c := *m
		c.Chunks = slices.Clone(m.Chunks)
		out = append(out, c)
	}
	return out
}

// Waiting returns the ids that lie in a mailbox's inbox.
func (s *Server) Waiting(mailbox string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting(mailbox)
}

func (s *Server) waiting(mailbox string) []string {
	var ids []string
	for _, m := range s.messages {
		if m.To == mailbox && m.State == "accepted" {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// Expire does to a message what MESH does after five days: it leaves the inbox,
// and its sender gets a report.
func (s *Server) Expire(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.message(id)
	if m == nil || m.State != "accepted" {
		return
	}
	m.State, m.Code = "error", "14"
	s.add(&Message{To: m.From, Workflow: m.Workflow, LocalID: m.LocalID, Subject: m.Subject, Report: true, Linked: m.ID, Code: "14",
		Chunks: []Chunk{Bytes(nil)}, State: "accepted"})
}

func (s *Server) message(id string) *Message {
	i := slices.IndexFunc(s.messages, func(m *Message) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return s.messages[i]
}

// headers are what MESH says of a message with a chunk of it.
func (m *Message) headers(h http.Header, chunk int) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("Mex-MessageID", m.ID)
	set("Mex-From", m.From)
	set("Mex-To", m.To)
	set("Mex-WorkflowID", m.Workflow)
	set("Mex-LocalID", m.LocalID)
	set("Mex-Subject", m.Subject)
	set("Mex-FileName", m.FileName)
	set("Mex-Content-Type", m.ContentType)
	set("Mex-Content-Checksum", m.Checksum)
	set("Mex-Version", "1.0")
	set("Mex-AddressType", "ALL")
	set("Mex-Chunk-Range", strconv.Itoa(chunk)+":"+strconv.Itoa(len(m.Chunks)))
	set("Mex-StatusTimestamp", m.At.Format("20060102150405"))
	if m.Report {
		set("Mex-MessageType", "REPORT")
		set("Mex-LinkedMsgID", m.Linked)
		set("Mex-StatusCode", m.Code)
		set("Mex-StatusSuccess", "ERROR")
		set("Mex-StatusEvent", "SEND")
		return
	}
	set("Mex-MessageType", "DATA")
	set("Mex-StatusCode", "00")
	set("Mex-StatusSuccess", "SUCCESS")
	set("Mex-StatusEvent", "TRANSFER")
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
