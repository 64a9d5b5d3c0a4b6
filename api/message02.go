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

// CP-IS message 02: what became of a file, as whoever speaks CP-IS is told.
// Nothing in it comes from the clock of the answer, so that the same file has
// the same acknowledgement, byte for byte.

// tally counts a file's records, and knows what became of each: a record is
// rejected as soon as one of its plans is.
type tally struct {
	records results
	failed  int
}

// loaded tells whether message 02 counts a row as loaded. It has no word for a
// row that is held on the worklist: such a record comes back, as one that
// nobody can be matched to.
func loaded(status string) bool { return status != "rejected" && status != "unmatched" }

func (t *tally) note(n int, status, code string) {
	record, _ := recordOf(n)
	if record > t.records.len() {
		t.records.add(status, code)
	} else if was, _ := t.records.at(record - 1); !loaded(was) || loaded(status) {
		return
	} else {
		t.records.set(record-1, status, code)
	}
	if !loaded(status) {
		t.failed++
	}
}

// writeXML writes message 02. Rows are gone through twice if a record was
// rejected, and otherwise not at all.
func (a *acknowledgement) writeXML(to io.Writer) error {
	t, err := a.rows.tally()
	if err != nil {
		return err
	}
	records := t.records.len()
	w, err := cpis.NewResponseWriter(to, cpis.ResponseHeader{Created: cpis.TimestampOf(a.at.Std()), Sequence: a.sequence, Quantity: records,
		Receiver: a.sender, Codes: []cpis.FileCode{cpis.FileCodeOf(records-t.failed, t.failed)}, Failed: t.failed})
	if err != nil {
		return err
	}
	if t.failed == 0 {
		for i := range records {
			if err := w.Outcome(cpis.Outcome{Code: cpis.RecordLoaded, Place: xpath(rowNumber(i+1, 0), nil)}); err != nil {
				return err
			}
		}
		return w.Close(records)
	}
	if err := a.eachRecord(t, func(r *ackRow) error {
		o := cpis.Outcome{Code: cpis.RecordLoaded, Place: xpath(rowNumber(r.record, 0), nil)}
		if !loaded(r.status) {
			o = cpis.Outcome{Code: cpis.Detail(r.code).RecordCode(), Detail: cpis.Detail(r.code), Place: r.place}
		}
		return w.Outcome(o)
	}); err != nil {
		return err
	}
	if err := a.eachRecord(t, func(r *ackRow) error {
		if loaded(r.status) || r.whole == nil {
			return nil
		}
		return w.Invalid(r.whole)
	}); err != nil {
		return err
	}
	return w.Close(records - t.failed)
}

// eachRecord gives the row that decided what became of each record.
func (a *acknowledgement) eachRecord(t *tally, each func(*ackRow) error) error {
	last := 0
	return a.rows.each(func(r *ackRow) error {
		if r.record <= last {
			return nil
		}
		if status, _ := t.records.at(r.record - 1); !loaded(status) && loaded(r.status) {
			return nil // another plan of the record was rejected
		}
		last = r.record
		return each(r)
	})
}

// messageProblem is what is wrong with a CP-IS file as a whole.
type messageProblem struct {
	code   cpis.FileCode
	detail cpis.Detail // may be empty
	place  string
}

// Error is the code and the detail, which hold nothing submitted.
func (m *messageProblem) Error() string { return string(m.code) + " " + string(m.detail) }

// problemDetails has what message 02 says of problems with whole files.
var problemDetails = map[string]cpis.Detail{
	"sequence-lower":   cpis.SequenceLower,
	"sequence-content": cpis.SequenceReused,
	"upload-overtaken": cpis.Overtaken,
	"upload-not-open":  cpis.Overtaken,
}

const sequencePlace = "/File/id/@extension"

// fileProblem is what is wrong with a file that cannot be read.
func fileProblem(err error) error {
	var broken *cpis.FileError
	if errors.As(err, &broken) {
		return &messageProblem{broken.Code, broken.Detail, broken.Place}
	}
	return bodyProblem(err)
}

// refusal is the message 02 of a file that was not taken, and the status that
// goes with it. The error comes back if message 02 has no word for it: who may
// send, and whether we are there to take it.
func (u *upload) refusal(err error) (message []byte, status int, code cpis.FileCode, out error) {
	status = http.StatusBadRequest
	at := u.head.Created
	var wrong *messageProblem
	var p *Problem
	switch {
	case errors.As(err, &wrong):
	case errors.As(err, &p):
		known, ok := fileCodes[p.Code]
		if !ok || p.Code == "content-type" {
			return nil, 0, "", err
		}
		wrong = &messageProblem{cpis.FileCode(known), problemDetails[p.Code], sequencePlace}
		status = problems[p.Code].status
		if p.Seq != nil {
			e, err := u.s.entry(u.ctx, ledger.Seq(*p.Seq))
			if err != nil {
				return nil, 0, "", err
			}
			at = cpis.TimestampOf(e.Time.Std())
		}
	default:
		return nil, 0, "", err
	}
	if _, ok := cpis.ParseTimestamp(string(at)); !ok {
		at = cpis.TimestampOf(u.s.moment().Std())
	}
	r := cpis.Response{ResponseHeader: cpis.ResponseHeader{Created: at, Sequence: u.head.Sequence, Quantity: u.head.Quantity,
		Receiver: u.head.Sender, Codes: []cpis.FileCode{wrong.code}}}
	if u.head.Sequence == 0 {
		r.Sequence, r.Quantity = cpis.Undetermined, cpis.Undetermined
	}
	if wrong.detail != "" {
		r.Outcomes = []cpis.Outcome{{Code: cpis.RecordRejected, Detail: wrong.detail, Place: wrong.place}}
	}
	var b strings.Builder
	var refused *cpis.ValueError
	if err := r.Write(&b); errors.As(err, &refused) || wrong.detail == cpis.SenderOther {
		// The head does not tell who sent it: the directory tells who should have.
		b.Reset()
		if r.Receiver, err = u.s.receiver(u.who.Organisation); err != nil {
			return nil, 0, "", err
		}
		if err := r.Write(&b); err != nil {
			return nil, 0, "", problem("cpis-message").with(wrong.detail.Meaning() + ", at " + wrong.place + ".")
		}
	} else if err != nil {
		return nil, 0, "", err
	}
	return []byte(b.String()), status, wrong.code, nil
}

// sendRefusal answers a file that was not taken.
func (u *upload) sendRefusal(w http.ResponseWriter, err error) error {
	body, status, _, err := u.refusal(err)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", xmlType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "60")
	}
	w.WriteHeader(status)
	_, _ = io.Copy(w, bytes.NewReader(body)) // who reads no more needs no error
	return nil
}

// receiver is an authority as the directory has it.
func (s *Server) receiver(code string) (cpis.Organisation, error) {
	o, _, err := s.node.View().Organisation(code)
	if err != nil {
		return cpis.Organisation{}, err
	}
	return cpis.Organisation{Code: code, Name: o.Name, EmergencyDuty: cpis.Telephone(o.Directory.EmergencyDuty), OfficeHours: cpis.Telephone(o.Directory.OfficeHours)}, nil
}

// sealSender keeps who sent a CP-IS file, for its acknowledgement to be written
// again: names and telephone numbers are free text, and stay out of the entries.
func (d *draft) sealSender(authority string, o *cpis.Organisation) error {
	b, err := json.Marshal(o)
	if err != nil { // strings always encode
		panic(err)
	}
	return d.seal(ledger.HolderAuthority, []byte(authority), ledger.PayloadRow, 0, ledger.RowDetails{Record: string(b)})
}

// senderFrom opens it.
func (s *Server) senderFrom(shown ledger.Shown) (o cpis.Organisation, err error) {
	var d ledger.RowDetails
	if err = s.open(shown, &d); err == nil && d.Record != "" {
		err = json.Unmarshal([]byte(d.Record), &o)
	}
	return o, err
}
