package api

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"custos/ledger"
	"custos/projection"
)

var (
	enrolmentColumns = []string{"nhs_number", "school", "area", "practice", "from", "to"}
	urn              = regexp.MustCompile(`^[0-9]{6}$`)
	code             = regexp.MustCompile(`^[A-Z0-9]{3,10}$`)
)

// isCode reports whether s is an organisation's or a place's code, which stands
// in the ledger in clear. A person's number in its place, as from two columns
// exchanged, is none.
func isCode(s string) bool { return code.MatchString(s) && !isNHSNumber(s) }

func isNHSNumber(s string) bool {
	_, err := ParseNHSNumber(s)
	return err == nil
}

// enrolmentRow is one row of an enrolment file as it was sent.
type enrolmentRow struct {
	NHSNumber string `json:"nhsNumber"`
	School    string `json:"school"`
	Area      string `json:"area"`
	Practice  string `json:"practice"`
	From      string `json:"from"`
	To        string `json:"to"`
	fault     string `strict:"-"`
}

// place reads the one place that a row or a request names.
func place(school, area, practice string) (ledger.Place, string) {
	given := 0
	var p ledger.Place
	for _, x := range []struct {
		value, prefix string
		form          func(string) bool
	}{{school, ledger.PlaceSchool, urn.MatchString}, {area, ledger.PlaceArea, isCode}, {practice, ledger.PlacePractice, isCode}} {
		if x.value == "" {
			continue
		}
		if given++; !x.form(x.value) {
			return "", "place-format"
		}
		p = ledger.Place(x.prefix + x.value)
	}
	if given != 1 {
		return "", "place-one"
	}
	return p, ""
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
	if out.From, err = ledger.ParseDay(in.From); err != nil {
		return bad("from-format")
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
	"place-unknown":          "the place is not recorded here",
	"not-kept":               "the person has no visible plan, so the enrolment is not kept",
	"csv-row-columns":        "the row has too many or too few fields",
	"csv-row-quote":          "a quotation mark is out of place",
	"csv-row-encoding":       "the row is not valid UTF-8 text",
	"csv-row-control":        "the row holds a control character",
	"csv-row-too-long":       "the row is too long, or a quotation mark is never closed",
}

type enrolmentResult struct {
	Row     int    `json:"row"`
	Status  string `json:"status"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// postEnrolments takes rows of person and place. Which persons have a plan
// must not be learned from the results by anybody who may not look them up, so
// "not kept" is told only to child health and to authorities, who may enrol.
func (s *Server) postEnrolments(w http.ResponseWriter, r *http.Request, who *Identity) error {
	file, err := spool(r.Body)
	if err != nil {
		return bodyProblem(err)
	}
	defer file.close()
	if file.size == 0 {
		return problem("body-empty")
	}
	content := s.keys.ContentSum("enrolments", file.sum)
	asCSV := strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv")
	next, err := enrolmentSource(file, asCSV)
	for err == nil { // once through, so that a file that is wrong as a whole changes nothing
		_, err = next()
	}
	if !errors.Is(err, io.EOF) {
		return bodyProblem(err)
	}
	if next, err = enrolmentSource(file, asCSV); err != nil {
		return err
	}
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return p
	}
	var results []enrolmentResult
	var last ledger.Seq
	var receipt ledger.Receipt
	for done := false; !done; {
		q := &ledger.Enrol{}
		first := len(results)
		for len(q.Rows) < uploadChunk && !done {
			row, err := next()
			switch {
			case errors.Is(err, io.EOF):
				done = true
				continue
			case err != nil:
				return bodyProblem(err)
			}
			q.Rows = append(q.Rows, s.readEnrolment(&row, first+len(q.Rows)+1))
		}
		if len(q.Rows) == 0 {
			break
		}
		d, err := s.draftAs(ledger.DeriveID("enrol", key[:], []byte(strconv.Itoa(first))), who, content)
		if err != nil {
			return err
		}
		d.command.Bulk = true
		out, err := d.propose(r.Context(), q)
		if err != nil {
			return err
		}
		if results, err = enrolmentResults(results, out.Answer.Records); err != nil {
			return err
		}
		last, receipt = out.Answer.Seq, out.Receipt()
	}
	if len(results) == 0 {
		return problem("body-empty")
	}
	cite(w, last)
	accepted := 0
	for i := range results {
		if results[i].Status == "recorded" {
			accepted++
		}
	}
	return sendJSON(w, struct {
		Recorded int               `json:"recorded"`
		Results  []enrolmentResult `json:"results"`
		Seq      ledger.Seq        `json:"seq"`
		Receipt  string            `json:"receipt"`
	}{accepted, results, last, string(receipt.Format())})
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
			Practice: row.get("practice"), From: row.get("from"), To: row.get("to")}, nil
	}, err
}

func enrolmentResults(results []enrolmentResult, records [][]byte) ([]enrolmentResult, error) {
	for _, b := range records {
		e, err := ledger.ParseEntry(b)
		if err != nil {
			return nil, err
		}
		out := enrolmentResult{Row: len(results) + 1}
		switch ev := e.Event.(type) {
		case *ledger.Enrolled:
			out.Status = "recorded"
		case *ledger.EnrolmentNotKept:
			out.Status, out.Code = "not-kept", "not-kept"
		case *ledger.EnrolmentRejected:
			out.Status, out.Code = "rejected", ev.Code
		default:
			continue
		}
		out.Message = enrolmentMessages[out.Code]
		results = append(results, out)
	}
	return results, nil
}

// assignmentBody makes a place somebody's caseload.
type assignmentBody struct {
	Person string `json:"person"`
	Team   string `json:"team"`
	School string `json:"school"`
	Area   string `json:"area"`
	From   string `json:"from" strict:"required"`
	To     string `json:"to"`
	Type   string `json:"type" strict:"required"`
	Reason string `json:"reason"`
}

func (s *Server) postAssignment(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in assignmentBody
	content, err := s.body(r, "assignments", &in)
	if err != nil {
		return err
	}
	q := &ledger.Assign{Subject: in.Person, Team: in.Team, Cover: in.Type == "cover"}
	if (in.Person == "") == (in.Team == "") {
		return &Problem{Code: "field-value", Detail: "An assignment names a person or a team.", Pointer: "/person"}
	}
	// Both stand in the ledger in clear: they are a token's sub or team, never a name.
	if !within(in.Person, 0, 128) || !madeOf(in.Person, "._:@|~+/=-") || isNHSNumber(in.Person) {
		return &Problem{Code: "field-value", Detail: "person is the subject of a token.", Pointer: "/person"}
	}
	if !within(in.Team, 0, 64) || !madeOf(in.Team, "._:-") || isNHSNumber(in.Team) {
		return &Problem{Code: "field-value", Detail: "team is the team of a token.", Pointer: "/team"}
	}
	if in.Type != "own" && in.Type != "cover" {
		return &Problem{Code: "field-value", Detail: "type is own or cover.", Pointer: "/type"}
	}
	var fault string
	if q.Place, fault = place(in.School, in.Area, ""); fault != "" {
		return &Problem{Code: "field-value", Detail: enrolmentMessages[fault], Pointer: "/school"}
	}
	if q.From, err = parseDate(in.From, "from"); err != nil {
		return err
	}
	if in.To != "" {
		if q.To, err = parseDate(in.To, "to"); err != nil {
			return err
		}
		if q.To < q.From {
			return &Problem{Code: "date-order", Pointer: "/to"}
		}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	if in.Reason != "" {
		if err := d.reason(in.Reason); err != nil {
			return err
		}
	}
	out, err := d.propose(r.Context(), q)
	if err != nil {
		return err
	}
	j := newJSONWriter()
	j.open('{')
	j.field("type", in.Type)
	j.finish(w, out, http.StatusCreated)
	return nil
}

type caseloadBody struct {
	School string `json:"school"`
	Area   string `json:"area"`
}

// postCaseload shows the people of a place. Each of them has an entry of their
// own, and none is shown before the last is committed.
func (s *Server) postCaseload(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in caseloadBody
	content, err := s.body(r, "caseloads", &in)
	if err != nil {
		return err
	}
	at, fault := place(in.School, in.Area, "")
	if fault != "" {
		return &Problem{Code: "field-value", Detail: enrolmentMessages[fault], Pointer: "/school"}
	}
	d, err := s.draft(w, r, who, content)
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.ReadCaseload{Place: at})
	if err != nil {
		return err
	}
	a := &out.Answer
	j := newJSONWriter()
	j.open('{')
	j.key("people")
	j.open('[')
	for i := range a.People {
		if a.People[i].Change == ledger.CaseloadMovedOut {
			continue
		}
		if err := s.writeSubject(j, a, &a.People[i]); err != nil {
			return err
		}
	}
	j.close(']')
	j.key("changes")
	j.open('{')
	for _, c := range []struct {
		name   string
		change ledger.CaseloadChange
	}{{"new", ledger.CaseloadNew}, {"ended", ledger.CaseloadEnded}, {"movedIn", ledger.CaseloadMovedIn}, {"movedOut", ledger.CaseloadMovedOut}} {
		j.key(c.name)
		j.open('[')
		for i := range a.People {
			if a.People[i].Change == c.change {
				if err := s.writeSubject(j, a, &a.People[i]); err != nil {
					return err
				}
			}
		}
		j.close(']')
	}
	j.close('}')
	if a.Since != 0 {
		j.key("since")
		j.time(a.Since)
	}
	j.finish(w, out, http.StatusOK)
	return nil
}

func (s *Server) writeSubject(j *jsonWriter, a *projection.Answer, p *projection.Subject) error {
	var d ledger.PlanDetails
	if len(p.Plans) > 0 {
		if err := s.open(p.Plans[0].Details, &d); err != nil {
			return err
		}
	}
	j.open('{')
	j.field("nhsNumber", d.NHSNumber)
	writePerson(j, &d)
	if err := s.writePlans(j, p.Plans, a.At.Day(), false); err != nil {
		return err
	}
	if a.Since != 0 {
		j.key("since")
		j.time(a.Since)
	}
	j.close('}')
	return nil
}
