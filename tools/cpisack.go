package tools

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"custos/api/cpis"
)

// ackRow is a row that did not simply go in.
type ackRow struct {
	Row     int    `json:"row"` // of message 01 the record, 0 if its place names none
	Status  string `json:"status"`
	Code    string `json:"code"`
	Detail  string `json:"detail,omitempty"` // of message 02, which has CP-IS's codes
	Message string `json:"message"`
	LocalID string `json:"localId"`
	Place   string `json:"place,omitempty"` // of message 02
}

// ackSnapshot is what a full file ended, or would end.
type ackSnapshot struct {
	Ended     int    `json:"ended,omitempty"`
	Held      bool   `json:"held,omitempty"` // it waits for a second person
	WouldEnd  int    `json:"wouldEnd,omitempty"`
	InForce   int    `json:"inForce,omitempty"`
	ApproveBy string `json:"approveBy,omitempty"`
}

// acknowledgement is what an upload was answered, of any family: counts, and
// the rows that somebody has to look at.
type acknowledgement struct {
	upload   string // its id; empty for a dry run
	entry    uint64 // of the ledger, that closed it; 0 if the service does not say
	sequence int64
	statuses map[string]int // rows by status
	accepted int            // among them unmatched ones
	rejected int
	matched  string // per cent; empty if nobody was asked
	snapshot *ackSnapshot
	codes    []cpis.FileCode // of message 02
	rows     []ackRow
}

// readAcknowledgement reads an answer as it comes. Of CSV and message 02, what is
// said of the whole file stands in the header.
func readAcknowledgement(f family, h http.Header, body io.Reader) (*acknowledgement, error) {
	a := &acknowledgement{statuses: map[string]int{}, upload: h.Get("Custos-Upload"), matched: h.Get("Custos-Matched-Percent"),
		snapshot: parseSnapshot(h.Get("Custos-Snapshot"))}
	a.entry, _ = strconv.ParseUint(h.Get("Custos-Seq"), 10, 64) // what is no number is not shown
	var err error
	switch f {
	case familyCSV:
		err = a.readCSV(body)
	case familyJSON:
		err = a.readJSON(body)
	case familyXML:
		err = a.readXML(body)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body) // to its end: a copy of it is being kept
	}
	return a, err
}

func (a *acknowledgement) add(r ackRow) {
	a.statuses[r.Status]++
	if r.Status == "rejected" {
		a.rejected++
	} else {
		a.accepted++
	}
	if r.Status == "rejected" || r.Status == "unmatched" {
		a.rows = append(a.rows, r)
	}
}

var errAcknowledgement = errors.New("the acknowledgement does not read, or is not whole")

func (a *acknowledgement) readCSV(body io.Reader) error {
	r := csv.NewReader(body)
	head, err := r.Read()
	if err != nil || !slices.Equal(head, []string{"row", "status", "code", "message", "local_id"}) {
		return errAcknowledgement
	}
	for {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errAcknowledgement
		}
		n, err := strconv.Atoi(f[0])
		if err != nil {
			return errAcknowledgement
		}
		a.add(ackRow{Row: n, Status: f[1], Code: f[2], Message: f[3], LocalID: f[4]})
	}
}

// readJSON reads member by member, so that a long list of results is never held.
func (a *acknowledgement) readJSON(body io.Reader) error {
	d := json.NewDecoder(body)
	var rest struct {
		Snapshot *ackSnapshot
		Matched  json.Number
		Accepted int
		Rejected int
		Skipped  json.RawMessage
	}
	members := map[string]any{"uploadId": &a.upload, "sequence": &a.sequence, "matchedPercent": &rest.Matched, "snapshot": &rest.Snapshot,
		"accepted": &rest.Accepted, "rejected": &rest.Rejected}
	err := eachMember(d, func(name string) error {
		if name == "results" {
			return eachElement(d, func() error {
				var r ackRow
				err := d.Decode(&r)
				a.add(r)
				return err
			})
		}
		if to, ok := members[name]; ok {
			return d.Decode(to)
		}
		return d.Decode(&rest.Skipped)
	})
	if err != nil || rest.Accepted != a.accepted || rest.Rejected != a.rejected {
		return errAcknowledgement
	}
	a.matched, a.snapshot = rest.Matched.String(), rest.Snapshot
	return nil
}

// eachMember walks the members of a document that is one object; each reads one
// value.
func eachMember(d *json.Decoder, each func(name string) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(err, errors.New("no object"))
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if name, ok := t.(string); ok {
			err = each(name)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows")
	}
	return nil
}

// eachElement walks an array; each reads one value.
func eachElement(d *json.Decoder, each func() error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(err, errors.New("no array"))
	}
	for d.More() {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

var recordPlace = regexp.MustCompile(`^/File/record\[(\d+)\]`)

// readXML reads message 02, which names what was rejected by code and place.
func (a *acknowledgement) readXML(body io.Reader) error {
	m, err := cpis.DecodeResponse(body, cpis.Limits{Total: 1 << 30, Elements: 1 << 30})
	if err != nil {
		return errAcknowledgement
	}
	a.sequence, a.codes, a.accepted, a.rejected = m.Sequence, m.Codes, m.Successful, m.Failed
	for _, o := range m.Outcomes {
		if o.Code == cpis.RecordLoaded {
			continue
		}
		r := ackRow{Status: "rejected", Code: string(o.Code), Message: o.Code.Name(), Place: o.Place}
		if o.Detail != "" {
			r.Detail, r.Message = string(o.Detail), o.Detail.Meaning()
		}
		if at := recordPlace.FindStringSubmatch(o.Place); at != nil {
			r.Row, _ = strconv.Atoi(at[1]) // digits
		}
		a.rows = append(a.rows, r)
	}
	return nil
}

// parseSnapshot reads the header Custos-Snapshot: ended=N, or
// held=true; would-end=N; in-force=N; approve-by=TIME. Nil if there is none.
func parseSnapshot(h string) *ackSnapshot {
	if h == "" {
		return nil
	}
	s := &ackSnapshot{}
	for _, part := range strings.Split(h, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, _ := strconv.Atoi(value) // not every value is a number
		switch name {
		case "ended":
			s.Ended = n
		case "held":
			s.Held = value == "true"
		case "would-end":
			s.WouldEnd = n
		case "in-force":
			s.InForce = n
		case "approve-by":
			s.ApproveBy = value
		}
	}
	return s
}
