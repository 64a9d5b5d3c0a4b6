package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"custos/ledger"
)

var enrolmentColumns = []string{"nhs_number", "school", "area", "practice", "from", "to", "change"}

// enrolmentRow is one row of an enrolment file as it was sent.
type enrolmentRow struct {
	NHSNumber string `json:"nhsNumber"`
	School    string `json:"school"`
	Area      string `json:"area"`
	Practice  string `json:"practice"`
	From      string `json:"from"`
	To        string `json:"to"`
	Change    string `json:"change"` // join (or nothing), move, leave, withdraw
	fault     string `strict:"-"`
}

func (s *Server) readEnrolment(in *enrolmentRow, n int) ledger.EnrolmentRow {
	bad := func(code string) ledger.EnrolmentRow { return ledger.EnrolmentRow{N: n, Fault: code} }
	if in.fault != "" {
		return bad(in.fault)
	}
	if in.NHSNumber == "" {
		return bad(ledger.RowPersonRequired)
	}
	number, err := ParseNHSNumber(in.NHSNumber)
	if err != nil {
		return bad(asProblem(err).Code)
	}
	out := ledger.EnrolmentRow{N: n, Person: s.keys.Person(number.Digits())}
	var fault string
	if out.Place, fault = place(in.School, in.Area, in.Practice); fault != "" {
		return bad(fault)
	}
	known := false
	if out.Change, known = ledger.ParseEnrolmentChange(in.Change); !known {
		return bad("change-format")
	}
	if in.From != "" || out.Change != ledger.EnrolmentLeaves { // who leaves was there from whenever
		if out.From, err = ledger.ParseDay(in.From); err != nil {
			return bad("from-format")
		}
	}
	if in.To != "" {
		if out.To, err = ledger.ParseDay(in.To); err != nil {
			return bad("to-format")
		}
	}
	return out
}

var enrolmentMessages = map[string]string{
	"nhs-number-format":      "the NHS number is not ten digits",
	"nhs-number-check-digit": "the NHS number's check digit is wrong",
	"nhs-number-missing":     "the NHS number is missing",
	"place-format":           "a school is a URN of six digits, an area or practice a code of 3 to 10 capitals and digits",
	"place-one":              "a row names one school, area or practice",
	"from-format":            "from is not a date of the form YYYY-MM-DD",
	"to-format":              "to is not a date of the form YYYY-MM-DD",
	"to-before-from":         "to is before from",
	"to-missing":             "a row that says who left needs the last day, to",
	"change-format":          "change is join, move, leave or withdraw, or left out",
	"enrolment-unknown":      "you have recorded no such enrolment to end or take back",
	"enrolment-overlaps":     "you have recorded another enrolment at the place that shares days with this one: end or correct that first",
	"place-closed":           "the place closed before that day",
	"place-unknown":          "the place is not recorded here",
	"not-kept":               "the person has no visible plan, so the enrolment is not kept; it is asked for again if one appears",
	"linked":                 "the person has no visible plan, so the row is kept sealed, as policy allows, and followed when one appears",
	"csv-row-columns":        "the row has too many or too few fields",
	"csv-row-quote":          "a quotation mark is out of place",
	"csv-row-encoding":       "the row is not valid UTF-8 text",
	"csv-row-control":        "the row holds a control character",
	"csv-row-too-long":       "the row is too long, or a quotation mark is never closed",
}

// postEnrolments takes rows of person and place. Which persons have a plan
// must not be learned from the results by anybody who may not look them up, so
// "not kept" is told only to child health and to authorities, who may enrol.
func (s *Server) postEnrolments(w http.ResponseWriter, r *http.Request, who *Identity) error {
	defer s.cfg.TakingIn()()
	file, err := spool(r.Body)
	if err != nil {
		return bodyProblem(err)
	}
	defer file.close()
	if file.size == 0 {
		return problem("body-empty")
	}
	return yielding(func() error { return s.takeEnrolments(w, r, who, file) })
}

func (s *Server) takeEnrolments(w http.ResponseWriter, r *http.Request, who *Identity, file *spooled) error {
	content := s.keys.ContentSum("enrolments", file.sum)
	asCSV := strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv")
	next, err := enrolmentSource(file, asCSV)
	version := 1
	for err == nil { // once through, so that a file that is wrong as a whole changes nothing
		var row enrolmentRow
		if row, err = next(); row.Change != "" {
			version = 3
		}
	}
	if !errors.Is(err, io.EOF) {
		return bodyProblem(err)
	}
	if err := s.needs(version); err != nil {
		return err
	}
	if next, err = enrolmentSource(file, asCSV); err != nil {
		return err
	}
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return p
	}
	links, err := s.mayLink(who.Organisation)
	if err != nil {
		return err
	}
	var became enrolmentResults
	if err := inOrder(func(put func(part func() error) error) error {
		return s.enrol(r.Context(), who, enrolling{key: key, content: content, links: links, next: next, became: &became}, put)
	}); err != nil {
		return err
	}
	if became.rows.len() == 0 {
		return problem("body-empty")
	}
	cite(w, became.last)
	return sendLong(w, jsonType[0], became.writeJSON)
}

// enrolling is a file of enrolments on its way into the ledger.
type enrolling struct {
	key     ledger.ID // the request's
	content ledger.Tag
	links   bool // rows of people without a plan are kept, sealed
	next    func() (enrolmentRow, error)
	became  *enrolmentResults
}

// enrol makes one command of so many rows after another ready.
func (s *Server) enrol(ctx context.Context, who *Identity, x enrolling, put func(part func() error) error) error {
	for count, done := 0, false; !done; {
		q := &ledger.Enrol{}
		for len(q.Rows) < uploadChunk && !done {
			row, err := x.next()
			switch {
			case errors.Is(err, io.EOF):
				done = true
				continue
			case err != nil:
				return bodyProblem(err)
			}
			q.Rows = append(q.Rows, s.readEnrolment(&row, count+len(q.Rows)+1))
		}
		if len(q.Rows) == 0 {
			break
		}
		d, err := s.draftAs(ledger.DeriveID("enrol", x.key[:], []byte(strconv.Itoa(count))), who, x.content)
		if err != nil {
			return err
		}
		count += len(q.Rows)
		d.command.Bulk = true
		for i := range q.Rows {
			if !x.links {
				break
			}
			if err := d.link(&q.Rows[i]); err != nil {
				return err
			}
		}
		if err := put(func() error {
			out, err := d.propose(ctx, q)
			if err != nil {
				return err
			}
			x.became.last, x.became.receipt = out.Answer.Seq, out.Receipt()
			return x.became.add(out.Answer.Records)
		}); err != nil {
			return err
		}
	}
	return nil
}

func enrolmentSource(file *spooled, asCSV bool) (func() (enrolmentRow, error), error) {
	in, err := file.reader()
	if err != nil {
		return nil, err
	}
	if !asCSV {
		rows, err := newJSONRows(in)
		return func() (row enrolmentRow, err error) { err = rows.next(&row); return row, err }, err
	}
	rows, err := newCSVRows(in, enrolmentColumns, []string{"nhs_number", "from"})
	return func() (enrolmentRow, error) {
		row, _, err := rows.Next()
		var bad *csvRowError
		if errors.As(err, &bad) {
			return enrolmentRow{fault: bad.Code}, nil
		}
		if err != nil {
			return enrolmentRow{}, err
		}
		return enrolmentRow{NHSNumber: row.get("nhs_number"), School: row.get("school"), Area: row.get("area"),
			Practice: row.get("practice"), From: row.get("from"), To: row.get("to"), Change: row.get("change")}, nil
	}, err
}
