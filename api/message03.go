package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"custos/api/cpis"
	"custos/ledger"
)

// CP-IS message 03 as one more form of a lookup. The answer is message 04, or the
// generic acknowledgement, in what was around the question.

// queryTypes are the media types of message 03; SOAP 1.1 has the second.
var queryTypes = []string{xmlType, "text/xml"}

const soapType = "text/xml; charset=utf-8"

func (s *Server) postQuery(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var q *cpis.Request
	var content ledger.Tag
	err := withBody(r.Body, jsonBody, func(raw []byte) (err error) {
		content = s.keys.Content("queries", raw)
		q, err = cpis.DecodeRequest(bytes.NewReader(raw), cpis.Limits{Total: jsonBody})
		return queryProblem(err)
	})
	if q == nil {
		return err // not read: in which form it would be answered is not known
	}
	var reply *cpis.Reply
	if err == nil {
		reply, err = s.query(w, r, who, q, content)
	}
	if err != nil {
		reply = s.refuseQuery(w, r, who, err)
	}
	return sendQuery(w, q, reply)
}

// queryProblem is what is wrong with a query that cannot be read.
func queryProblem(err error) error {
	var broken *cpis.FileError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &broken):
		return err
	case broken.Detail == cpis.NHSNumberFormat, broken.Detail == cpis.NHSNumberCheckDigit:
		return problem(string(broken.Detail))
	}
	return problem("query-unreadable").with(broken.Detail.Meaning() + ", at " + broken.Place + ".")
}

// query has a query decided and recorded, and gives what its outcome disclosed.
func (s *Server) query(w http.ResponseWriter, r *http.Request, who *Identity, q *cpis.Request, content ledger.Tag) (*cpis.Reply, error) {
	if err := s.needs(3); err != nil {
		return nil, err
	}
	number, err := ParseNHSNumber(q.Query.NHSNumber)
	if err != nil {
		return nil, err
	}
	l := s.newLookup(number, who, "")
	l.query.Declared = ledger.DeclaredUnscheduled
	if q.Query.Event == cpis.EventScheduled {
		l.query.Declared = ledger.DeclaredScheduled
	}
	by, differs := stated(who, &q.Query.Author)
	l.query.Differs = differs
	if by != nil {
		l.query.System = true
		who, l.query.Responsible = s.inName(who, by)
	}
	if l.details.Stated, err = statement(&q.Query); err != nil {
		return nil, err
	}
	out, err := s.lookUp(w, r, who, content, l)
	if err != nil {
		return nil, err
	}
	cite(w, out.Answer.Seq)
	reply := &cpis.Reply{Time: cpis.TimestampOf(out.Answer.At.Std()), ID: replyID(r)}
	if out.Answer.Access.Outcome == ledger.OutcomeFound {
		reply.Answer, err = s.answer(r, out, number)
	}
	return reply, err
}

// statement is what a message says of itself and its author, as it is kept
// beside the access: JSON, sealed.
func statement(q *cpis.Query) (string, error) {
	b, err := json.Marshal(struct {
		Time   cpis.Timestamp
		ID     string
		Author cpis.Author
		Event  cpis.AccessEvent
	}{q.Time, q.ID, q.Author, q.Event})
	return string(b), err
}

// refuseQuery is the reply to a query that is not answered, and sets the headers
// that go with it.
func (s *Server) refuseQuery(w http.ResponseWriter, r *http.Request, who *Identity, err error) *cpis.Reply {
	b := problemHead(w, r, s.settle(r, who, ledger.ActLookUp, err))
	words := b.Title
	if b.Detail != "" {
		words += ". " + b.Detail
	}
	return &cpis.Reply{Time: cpis.TimestampOf(s.moment().Std()), ID: replyID(r),
		Refusal: &cpis.Refusal{Code: b.Code, Words: words, Client: b.Status < http.StatusInternalServerError, Status: b.Status}}
}

// replyID is what our interaction is called: as the request is.
func replyID(r *http.Request) string {
	if i := requestInfoOf(r); i != nil {
		return strings.ToUpper(i.RequestID)
	}
	return cpis.UUID(ledger.ID{})
}

// sendQuery sends a reply in the form that its query came in. SOAP 1.1 wants 500
// with every fault; what it would be otherwise is in the fault's detail.
func sendQuery(w http.ResponseWriter, q *cpis.Request, reply *cpis.Reply) error {
	body, err := reply.Append(nil, q)
	if err != nil {
		return err
	}
	status, media := http.StatusOK, xmlType
	if reply.Refusal != nil {
		status = reply.Refusal.Status
	}
	if q.Enveloped {
		media = soapType
		if reply.Refusal != nil {
			status = http.StatusInternalServerError
		}
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.Copy(w, bytes.NewReader(body)) // who reads no more needs no error
	return nil
}
