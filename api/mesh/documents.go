package mesh

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// messageID is the form of MESH's message ids. It is also what keeps them safe
// as a step of a path: real ones are like 20200529155357895317_3573F8.
var messageID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// Page is one page of an inbox.
type Page struct {
	IDs  []string // message ids, in MESH's order
	Next string   // what to ask for the next page with; empty: there is none
	Rest int      // MESH's estimate of all that lies there; -1 where it gave none
}

// parsePage reads an inbox. Version 1 has no links. Of a link only the marker is
// taken: where to ask is ours to know.
func parsePage(b []byte) (Page, error) {
	var doc struct {
		Messages []string          `json:"messages"`
		Links    map[string]string `json:"links"`
		Count    *int              `json:"approx_inbox_count"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || doc.Messages == nil {
		return Page{}, badAnswer("inbox", "it is not a list of messages")
	}
	p := Page{IDs: doc.Messages, Rest: -1}
	for _, id := range p.IDs {
		if !messageID.MatchString(id) {
			return Page{}, badAnswer("inbox", "a message id has not the form of one")
		}
	}
	if doc.Count != nil && *doc.Count >= 0 {
		p.Rest = *doc.Count
	}
	if next := doc.Links["next"]; next != "" {
		u, err := url.Parse(next)
		if err != nil {
			return Page{}, badAnswer("inbox", "the link to the next page is no link")
		}
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil || q.Get("continue_from") == "" || len(q.Get("continue_from")) > 1000 {
			return Page{}, badAnswer("inbox", "the link to the next page has no marker")
		}
		p.Next = q.Get("continue_from")
	}
	return p, nil
}

// parseSent reads what MESH answers to a message that it took.
func parseSent(b []byte) (id string, err error) {
	var doc struct {
		V2 string `json:"message_id"`
		V1 string `json:"messageID"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return "", badAnswer("send", "it is not a message id")
	}
	if id = doc.V2; id == "" {
		id = doc.V1
	}
	if !messageID.MatchString(id) {
		return "", badAnswer("send", "it is not a message id")
	}
	return id, nil
}

// parseRefusal reads MESH's error document of either version. What does not have
// the form of a code or an id counts as not given.
func parseRefusal(b []byte) (code, id string) {
	var doc struct {
		V1   string `json:"errorCode"`
		ID   string `json:"message_id"`
		ID1  string `json:"messageID"`
		List []struct {
			Code string `json:"code"`
		} `json:"detail"`
	}
	// An error elsewhere in the document, as in a list of validation errors, leaves what was read.
	_ = json.Unmarshal(b, &doc)
	code = doc.V1
	if code == "" && len(doc.List) > 0 {
		code = doc.List[0].Code
	}
	if !meshCode.MatchString(code) {
		code = ""
	}
	if id = doc.ID; id == "" {
		id = doc.ID1
	}
	if !messageID.MatchString(id) {
		id = ""
	}
	return code, id
}

// parseCount reads the deprecated count.
func parseCount(b []byte) (int, error) {
	var doc struct {
		Count *int `json:"count"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || doc.Count == nil || *doc.Count < 0 {
		return 0, badAnswer("count", "it is not a count")
	}
	return *doc.Count, nil
}

// parseTracking reads what became of a message, of either version: MESH answers
// by message id in version 2 and by local id in version 1 alone.
func parseTracking(b []byte) (Tracking, error) {
	var doc struct {
		ID2        string `json:"message_id"`
		ID1        string `json:"messageId"`
		Local2     string `json:"local_id"`
		Local1     string `json:"localId"`
		Status     string `json:"status"`
		Code2      string `json:"status_code"`
		Code1      string `json:"statusCode"`
		At2        string `json:"status_timestamp"`
		At1        string `json:"statusTimestamp"`
		Downloaded string `json:"downloadTimestamp"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return Tracking{}, badAnswer("track", "it is not a tracking document")
	}
	t := Tracking{MessageID: first(doc.ID2, doc.ID1), LocalID: first(doc.Local2, doc.Local1), Code: first(doc.Code2, doc.Code1)}
	if !messageID.MatchString(t.MessageID) {
		return Tracking{}, badAnswer("track", "it names no message")
	}
	if !localID(t.LocalID) {
		t.LocalID = ""
	}
	if !meshCode.MatchString(t.Code) {
		t.Code = ""
	}
	switch strings.ToLower(doc.Status) {
	case "uploading":
		t.State = Uploading
	case "accepted":
		t.State = Accepted
	case "acknowledged":
		t.State = Acknowledged
	case "undeliverable", "error":
		t.State = Failed
	default:
		return Tracking{}, badAnswer("track", "its status is none that is known")
	}
	t.At = meshTime(first(doc.Downloaded, doc.At2, doc.At1))
	return t, nil
}

// meshTime reads the forms of time that MESH uses, in UTC; zero for anything else.
func meshTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "20060102150405"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

func first(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

func badAnswer(step, detail string) *Error {
	return &Error{Code: BadAnswer, Step: step, detail: detail}
}
