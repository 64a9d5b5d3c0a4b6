package demographics

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// patient is what we read of a FHIR R4 Patient as PDS gives it. Address, telecom and practice are not read
// at all.
type patient struct {
	Type string `json:"resourceType"`
	ID   string `json:"id"`
	Meta struct {
		Security []coding `json:"security"`
	} `json:"meta"`
	Names  []humanName `json:"name"`
	Birth  string      `json:"birthDate"`
	Births int         `json:"multipleBirthInteger"`
}

type coding struct {
	Code string `json:"code"`
}

type humanName struct {
	Use    string   `json:"use"`
	Family string   `json:"family"`
	Given  []string `json:"given"`
	Period struct {
		Start string `json:"start"`
		End   string `json:"end"`
	} `json:"period"`
}

// retrieved is the answer to a retrieval: a record, an invalidated number, or neither.
type retrieved struct {
	record  *record
	invalid bool
}

// decodeRetrieval reads the answer to GET /Patient/{id}. That a number is unknown is believed of the
// service's own words only: a 404 of something in between says nothing about a child.
func decodeRetrieval(status int, body []byte, now time.Time) (retrieved, error) {
	if status == http.StatusOK {
		return decodePatient(body, now)
	}
	switch code := outcomeCode(body); {
	case status == http.StatusNotFound && code == "RESOURCE_NOT_FOUND":
		return retrieved{}, nil
	case status == http.StatusNotFound && code == "INVALIDATED_RESOURCE":
		return retrieved{invalid: true}, nil
	case status == http.StatusBadRequest && code != "":
		return retrieved{}, &Down{Cause: CauseRefused, Status: status}
	}
	return retrieved{}, &Down{Cause: CauseAnswer, Status: status}
}

// decodePatient reads a whole document that must be a Patient.
func decodePatient(body []byte, now time.Time) (retrieved, error) {
	var p patient
	if err := decodeJSON(body, &p); err != nil || p.Type != "Patient" || numberOf(p.ID) == 0 {
		return retrieved{}, &Down{Cause: CauseAnswer, Status: http.StatusOK}
	}
	if p.redacted() {
		return retrieved{invalid: true}, nil
	}
	return retrieved{record: p.record(now)}, nil
}

// decodeSearch reads the answer to GET /Patient?…: the one person found, or nil.
func decodeSearch(status int, body []byte, now time.Time) (*record, error) {
	malformed := &Down{Cause: CauseAnswer, Status: status}
	switch code := outcomeCode(body); {
	case status == http.StatusOK && code == "TOO_MANY_MATCHES",
		status == http.StatusBadRequest && (code == "INVALID_SEARCH_DATA" || code == "INVALID_VALUE"):
		return nil, nil
	case status == http.StatusBadRequest && code != "":
		return nil, &Down{Cause: CauseRefused, Status: status}
	case status != http.StatusOK:
		return nil, malformed
	}
	var b struct {
		Type  string `json:"resourceType"`
		Kind  string `json:"type"`
		Total *int   `json:"total"`
		Entry []struct {
			Resource patient `json:"resource"`
		} `json:"entry"`
	}
	if err := decodeJSON(body, &b); err != nil || b.Type != "Bundle" || b.Kind != "searchset" || b.Total == nil || *b.Total < 0 {
		return nil, malformed
	}
	if *b.Total != 1 || len(b.Entry) != 1 {
		if *b.Total == 0 && len(b.Entry) == 0 || *b.Total > 1 {
			return nil, nil
		}
		return nil, malformed
	}
	p := &b.Entry[0].Resource
	if p.Type != "Patient" || numberOf(p.ID) == 0 {
		return nil, malformed
	}
	if p.redacted() {
		return nil, nil
	}
	return p.record(now), nil
}

// outcomeCode returns the first code of an OperationOutcome, "" if it is none.
func outcomeCode(body []byte) string {
	var o struct {
		Type  string `json:"resourceType"`
		Issue []struct {
			Details struct {
				Coding []coding `json:"coding"`
			} `json:"details"`
		} `json:"issue"`
	}
	if decodeJSON(body, &o) != nil || o.Type != "OperationOutcome" {
		return ""
	}
	for _, i := range o.Issue {
		for _, c := range i.Details.Coding {
			return c.Code
		}
	}
	return ""
}

// decodeJSON decodes one document with nothing after it. Its error is not for passing on: it holds values.
func decodeJSON(body []byte, dst any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(dst); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

func (p *patient) redacted() bool { return slices.Contains(p.Meta.Security, coding{"REDACTED"}) }

// record takes from a Patient what the rule compares. A confidentiality code that we do not know, or none,
// restricts: showing too little can be mended.
func (p *patient) record(now time.Time) *record {
	r := &record{number: p.ID, births: p.Births, restricted: len(p.Meta.Security) == 0}
	for _, c := range p.Meta.Security {
		r.restricted = r.restricted || c.Code != "U"
	}
	r.birth, _ = ParseDate(p.Birth) // YYYY-MM and YYYY, which exist, are no date
	names := slices.DeleteFunc(slices.Clone(p.Names), func(n humanName) bool { return !n.usable() })
	today := now.UTC().Format(time.DateOnly)
	slices.SortStableFunc(names, func(a, b humanName) int {
		return cmp.Or(cmp.Compare(a.rank(today), b.rank(today)), cmp.Compare(b.Period.Start, a.Period.Start))
	})
	for i, n := range names {
		if i == 0 && n.Use == "usual" {
			r.name = name{n.Family, n.Given}
			continue
		}
		r.others = append(r.others, name{n.Family, n.Given})
	}
	return r
}

// rank orders names: usual ones in use, usual ones that are not, all others.
func (n humanName) rank(today string) int {
	switch {
	case n.Use != "usual":
		return 2
	case n.Period.End != "" && n.Period.End < today, n.Period.Start > today:
		return 1
	}
	return 0
}

// usable passes over a name that no register should hold, rather than refuse the whole record.
func (n humanName) usable() bool {
	if len(n.Given) > 20 {
		return false
	}
	for _, s := range append([]string{n.Family}, n.Given...) {
		if len(s) > maxName || strings.ContainsFunc(s, unicode.IsControl) {
			return false
		}
	}
	return true
}
