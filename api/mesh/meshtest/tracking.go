package meshtest

import (
	"net/http"
	"strings"
)

// track answers by MESH's id, in version 2.
func (s *Server) track(w http.ResponseWriter, a *asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.message(a.URL.Query().Get("messageID"))
	if m == nil || m.From != a.mailbox || m.Report {
		refuse(w, http.StatusNotFound, "", "Not found")
		return
	}
	doc := map[string]any{"message_id": m.ID, "local_id": m.LocalID, "workflow_id": m.Workflow, "filename": m.FileName,
		"recipient": m.To, "status": m.State, "status_success": m.State != "error",
		"status_timestamp": m.At.Format("2006-01-02T15:04:05.000000")}
	if m.Code != "" {
		doc["status_code"] = m.Code
	}
	answer(w, http.StatusOK, doc)
}

// find answers by local id, which MESH does in version 1 alone.
func (s *Server) find(w http.ResponseWriter, a *asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Message
	for _, m := range s.messages {
		if m.From == a.mailbox && !m.Report && m.LocalID == a.PathValue("local") {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		refuse(w, http.StatusNotFound, "", "Not found")
		return
	case 1:
	default:
		refuse(w, http.StatusMultipleChoices, "", "")
		return
	}
	m := found[0]
	doc := map[string]any{"messageId": m.ID, "dtsId": m.ID, "localId": m.LocalID, "workflowId": m.Workflow, "fileName": m.FileName,
		"recipient": m.To, "status": strings.ToUpper(m.State[:1]) + m.State[1:], "statusCode": nil}
	if m.Code != "" {
		doc["statusCode"] = m.Code
	}
	if m.State == "acknowledged" {
		doc["downloadTimestamp"] = m.At.Format("20060102150405")
	}
	answer(w, http.StatusOK, doc)
}
