package meshtest

import (
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

func (s *Server) inbox(w http.ResponseWriter, a *asked) {
	q := a.URL.Query()
	most := 500
	if v := q.Get("max_results"); v != "" {
		if most = number(v); most < 10 || most > 5000 {
			refuse(w, http.StatusBadRequest, "", "max_results is from 10 to 5000")
			return
		}
	}
	after := ""
	if v := q.Get("continue_from"); v != "" {
		b, err := base64.URLEncoding.DecodeString(v)
		if err != nil || len(v) < 24 {
			refuse(w, http.StatusBadRequest, "", "continue_from is none of ours")
			return
		}
		after = string(b)
	}
	s.mu.Lock()
	var ids []string
	for _, id := range s.waiting(a.mailbox) {
		if id > after && matches(s.message(id).Workflow, q.Get("workflow_filter")) {
			ids = append(ids, id)
			if a.fault != nil && a.fault.Do == Duplicate {
				ids = append(ids, id)
			}
		}
	}
	s.mu.Unlock()
	self := "/messageexchange/" + a.mailbox + "/inbox"
	doc := map[string]any{"approx_inbox_count": len(ids)}
	links := map[string]string{"self": self}
	if len(ids) > most {
		ids = ids[:most]
		q.Set("continue_from", base64.URLEncoding.EncodeToString([]byte(ids[most-1])))
		links["next"] = self + "?" + url.Values(q).Encode()
	}
	doc["messages"], doc["links"] = append([]string{}, ids...), links
	answer(w, http.StatusOK, doc)
}

// matches is MESH's workflow filter: X, !X, X*, !X*, *X*, !*X*.
func matches(workflow, filter string) bool {
	f, not := strings.CutPrefix(filter, "!")
	starts := strings.HasSuffix(f, "*")
	f = strings.TrimSuffix(f, "*")
	in, contains := strings.CutPrefix(f, "*")
	var is bool
	switch {
	case filter == "":
		return true
	case contains:
		is = strings.Contains(workflow, in)
	case starts:
		is = strings.HasPrefix(workflow, f)
	default:
		is = workflow == f
	}
	return is != not
}

func (s *Server) inboxCount(w http.ResponseWriter, a *asked) {
	answer(w, http.StatusOK, map[string]int{"count": len(s.Waiting(a.mailbox))})
}

// received finds a message in the caller's inbox, or refuses.
func (s *Server) received(w http.ResponseWriter, a *asked) *Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.message(a.id)
	switch {
	case m == nil:
		refuse(w, http.StatusNotFound, "20", "Message does not exist")
	case m.To != a.mailbox:
		refuse(w, http.StatusForbidden, "", "Forbidden")
	case m.State == "uploading":
		refuse(w, http.StatusNotFound, "20", "Message does not exist")
	default:
		return m
	}
	return nil
}

func (s *Server) download(w http.ResponseWriter, a *asked) {
	m := s.received(w, a)
	if m == nil {
		return
	}
	s.mu.Lock()
	now := *m // as it is at this moment: another poller may acknowledge it meanwhile
	s.mu.Unlock()
	m = &now
	if m.State != "accepted" {
		refuse(w, http.StatusGone, "", "Message already accepted")
		return
	}
	if a.chunk < 1 || a.chunk > len(m.Chunks) || m.Chunks[a.chunk-1].Open == nil {
		refuse(w, http.StatusNotFound, "20", "Message does not exist")
		return
	}
	c := m.Chunks[a.chunk-1]
	h := w.Header()
	m.headers(h, a.chunk)
	h.Set("Content-Type", "application/octet-stream")
	squeeze := s.o.Squeeze && m.Encoding == "" && !m.Report
	switch {
	case squeeze:
		h.Set("Content-Encoding", "gzip")
	case m.Encoding != "":
		h.Set("Content-Encoding", m.Encoding)
		fallthrough
	default:
		h.Set("Content-Length", strconv.FormatInt(c.Size, 10))
	}
	if a.chunk < len(m.Chunks) {
		w.WriteHeader(http.StatusPartialContent)
	}
	if !squeeze {
		_, _ = io.Copy(w, c.Open()) // the client is gone
		return
	}
	z := gzip.NewWriter(w)
	_, _ = io.Copy(z, c.Open())
	_ = z.Close()
}

func (s *Server) acknowledge(w http.ResponseWriter, a *asked) {
	m := s.received(w, a)
	if m == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.State == "accepted" && (a.fault == nil || a.fault.Do != Redeliver) {
		m.State, m.At = "acknowledged", s.o.Now().UTC()
	}
	w.WriteHeader(http.StatusOK)
}
