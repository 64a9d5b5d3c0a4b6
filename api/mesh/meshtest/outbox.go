package meshtest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// mostInOne is MESH's 100 MB for one request.
const mostInOne = 100_000_000

func (s *Server) send(w http.ResponseWriter, a *asked) {
	h := a.Header
	is, of, ok := chunks(h.Get("Mex-Chunk-Range"), 1)
	s.mu.Lock()
	_, known := s.boxes[h.Get("Mex-To")]
	s.mu.Unlock()
	switch {
	case h.Get("Mex-From") != "" && h.Get("Mex-From") != a.mailbox:
		refuse(w, http.StatusExpectationFailed, "07", "Invalid From Address")
		return
	case h.Get("Mex-To") == "":
		refuse(w, http.StatusExpectationFailed, "08", "TO_DTS missing")
		return
	case !known:
		refuse(w, http.StatusExpectationFailed, "12", "Unregistered to address")
		return
	case h.Get("Mex-WorkflowID") == "" || len(s.o.Workflows) > 0 && !slices.Contains(s.o.Workflows, h.Get("Mex-WorkflowID")):
		refuse(w, http.StatusExpectationFailed, "17", "Workflow ID not registered for mailbox")
		return
	case !ok || is != 1:
		refuse(w, http.StatusExpectationFailed, "06", "Invalid chunk values")
		return
	case h.Get("Content-Encoding") != "" && h.Get("Content-Encoding") != "gzip":
		refuse(w, http.StatusUnprocessableEntity, "06", "Unsupported content encoding")
		return
	}
	c, status := s.read(a)
	if status != 0 {
		refuse(w, status, "02", "Data file is missing or inaccessible")
		return
	}
	m := &Message{From: a.mailbox, To: h.Get("Mex-To"), Workflow: h.Get("Mex-WorkflowID"), LocalID: h.Get("Mex-LocalID"),
		Subject: h.Get("Mex-Subject"), FileName: h.Get("Mex-FileName"), ContentType: h.Get("Mex-Content-Type"),
		Checksum: h.Get("Mex-Content-Checksum"), Encoding: h.Get("Content-Encoding"), Chunks: make([]Chunk, of), State: "uploading"}
	m.Chunks[0] = c
	if of == 1 {
		m.State = "accepted"
	}
	s.mu.Lock()
	id := s.add(m)
	if a.fault != nil && a.fault.Do == Duplicate && of == 1 {
		twin := *m
		s.add(&twin)
	}
	s.mu.Unlock()
	answer(w, http.StatusAccepted, map[string]string{"message_id": id})
}

func (s *Server) sendChunk(w http.ResponseWriter, a *asked) {
	is, of, ok := chunks(a.Header.Get("Mex-Chunk-Range"), 0)
	s.mu.Lock()
	m := s.message(a.id)
	var state string
	if m != nil {
		state = m.State
	}
	s.mu.Unlock()
	switch {
	case m == nil || m.From != a.mailbox:
		refuse(w, http.StatusNotFound, "20", "Message does not exist")
		return
	case state != "uploading":
		refuse(w, http.StatusLocked, "", "")
		return
	case !ok || is != a.chunk || of != len(m.Chunks) || is < 2:
		refuse(w, http.StatusExpectationFailed, "06", "Invalid chunk values")
		return
	case a.Header.Get("Content-Encoding") != m.Encoding:
		refuse(w, http.StatusExpectationFailed, "06", "cannot change content encoding")
		return
	}
	c, status := s.read(a)
	if status != 0 {
		refuse(w, status, "02", "Data file is missing or inaccessible")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Chunks[is-1] = c
	if is == of {
		if slices.ContainsFunc(m.Chunks, func(c Chunk) bool { return c.Size == 0 }) {
			refuse(w, http.StatusExpectationFailed, "06", "a chunk is missing")
			return
		}
		m.State = "accepted"
	}
	answer(w, http.StatusAccepted, map[string]string{"message_id": m.ID})
}

// read takes a chunk in, and returns the status to refuse it with if it cannot.
func (s *Server) read(a *asked) (Chunk, int) {
	var kept bytes.Buffer
	size := &counter{}
	raw := io.TeeReader(http.MaxBytesReader(nil, a.Body, mostInOne), size)
	if !s.o.Forget {
		raw = io.TeeReader(raw, &kept)
	}
	plain := raw
	if a.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(raw)
		if err != nil {
			return Chunk{}, http.StatusExpectationFailed
		}
		plain = z
	}
	sum := sha256.New()
	n, err := io.Copy(sum, plain)
	if err == nil {
		_, err = io.Copy(io.Discard, raw)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return Chunk{}, http.StatusRequestEntityTooLarge
	case err != nil:
		panic(http.ErrAbortHandler) // the client is gone: it did not come whole
	case size.n == 0:
		return Chunk{}, http.StatusExpectationFailed
	}
	c := Chunk{Size: size.n, Plain: n, Sum: [32]byte(sum.Sum(nil))}
	if !s.o.Forget {
		c.Open = func() io.Reader { return bytes.NewReader(kept.Bytes()) }
	}
	return c, 0
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// chunks reads "i:n". Nothing is the one chunk of one where absent is 1.
func chunks(s string, absent int) (is, of int, ok bool) {
	if s == "" {
		return absent, absent, absent > 0
	}
	a, b, ok := strings.Cut(s, ":")
	is, of = number(a), number(b)
	return is, of, ok && is > 0 && is <= of && of < 100_000
}
