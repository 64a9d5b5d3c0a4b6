package api

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"custos/consensus"
	"custos/ledger"
)

// uploadChunk is how many rows go into one command: few enough that a chunk
// does not hold lookups up, many enough that a file is not all overhead.
const uploadChunk = 64

var (
	uploadColumns = []string{"nhs_number", "family_name", "given_names", "date_of_birth", "plan_type", "start", "end", "delete", "local_id", "team", "worker"}
	uploadNeeds   = uploadColumns[:9]
)

// planRow is one row of an upload as it was sent.
type planRow struct {
	NHSNumber   string `json:"nhsNumber"`
	FamilyName  string `json:"familyName"`
	GivenNames  string `json:"givenNames"`
	DateOfBirth string `json:"dateOfBirth"`
	PlanType    string `json:"planType"`
	Start       string `json:"start"`
	End         string `json:"end"`
	Delete      string `json:"delete"`
	LocalID     string `json:"localId"`
	Team        string `json:"team"`
	Worker      string `json:"worker"`
	fault       string `strict:"-"`
}

// planSource gives the rows of a file one by one; io.EOF ends them.
type planSource interface{ next() (planRow, error) }

type csvSource struct{ rows *csvRows }

func (c csvSource) next() (planRow, error) {
	row, _, err := c.rows.Next()
	var bad *csvRowError
	if errors.As(err, &bad) {
		return planRow{fault: bad.Code}, nil
	}
	if err != nil {
		return planRow{}, err
	}
	return planRow{
		NHSNumber: row.get("nhs_number"), FamilyName: row.get("family_name"), GivenNames: row.get("given_names"),
		DateOfBirth: row.get("date_of_birth"), PlanType: row.get("plan_type"), Start: row.get("start"), End: row.get("end"),
		Delete: row.get("delete"), LocalID: row.get("local_id"), Team: row.get("team"), Worker: row.get("worker"),
	}, nil
}

type jsonSource struct{ rows *jsonRows }

func (j jsonSource) next() (planRow, error) {
	var row planRow
	return row, j.rows.next(&row)
}

// rowResult is what became of one row.
type rowResult struct{ status, code, localID string }

// postUpload takes a file of plans. The file is read whole before anything is
// recorded, kept outside the ledger only encrypted; its digest and number make
// it the same upload when it comes again.
func (s *Server) postUpload(w http.ResponseWriter, r *http.Request, who *Identity) error {
	sequence, dryRun, err := uploadQuery(r)
	if err != nil {
		return err
	}
	file, err := spool(r.Body)
	if err != nil {
		return bodyProblem(err)
	}
	defer file.close()
	if file.size == 0 {
		return problem("body-empty")
	}
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	u := &upload{s: s, r: r, who: who, content: s.keys.ContentSum("uploads", file.sum), csv: media == "text/csv"}
	u.id = ledger.DeriveID("upload", []byte(who.Organisation), []byte(strconv.FormatInt(sequence, 10)), u.content[:])
	if err := u.wellFormed(file); err != nil {
		return err
	}
	if u.source, err = u.open(file); err != nil {
		return err
	}
	if dryRun {
		return u.check(w)
	}
	return u.load(w, sequence)
}

func uploadQuery(r *http.Request) (sequence int64, dryRun bool, err error) {
	for name, values := range r.URL.Query() {
		if len(values) != 1 {
			return 0, false, problem("query-parameter")
		}
		switch name {
		case "sequence":
			n, err := strconv.ParseInt(values[0], 10, 64)
			if err != nil || n <= 0 || n > 1<<53 || strconv.FormatInt(n, 10) != values[0] {
				return 0, false, problem("query-parameter").with("sequence is a whole number from 1.")
			}
			sequence = n
		case "dry-run":
			if values[0] != "true" && values[0] != "false" {
				return 0, false, problem("query-parameter")
			}
			dryRun = values[0] == "true"
		default:
			return 0, false, problem("query-parameter")
		}
	}
	if sequence == 0 && !dryRun {
		return 0, false, problem("query-parameter").with("sequence is required: the authority's own incrementing number of this file.")
	}
	return sequence, dryRun, nil
}

// upload is one file on its way into the ledger.
type upload struct {
	s       *Server
	r       *http.Request
	who     *Identity
	id      ledger.ID
	content ledger.Tag
	csv     bool
	source  planSource
	results []rowResult
}

func (u *upload) open(file *spooled) (planSource, error) {
	in, err := file.reader()
	if err != nil {
		return nil, err
	}
	if !u.csv {
		rows, err := newJSONRows(in)
		return jsonSource{rows}, err
	}
	rows, err := newCSVRows(in, uploadColumns, uploadNeeds)
	return csvSource{rows}, err
}

// wellFormed goes through the file once. What is wrong with it as a whole is
// found before anything is recorded, or half of it would be loaded and its
// number used up.
func (u *upload) wellFormed(file *spooled) error {
	source, err := u.open(file)
	for err == nil {
		_, err = source.next()
	}
	if !errors.Is(err, io.EOF) {
		return bodyProblem(err)
	}
	return nil
}

// command proposes one part of the upload. Its id comes from the upload, so
// that after a crash the same file goes on where it stopped.
func (u *upload) command(part string, no int) (*draft, error) {
	id := ledger.DeriveID("upload "+part, u.id[:], []byte(strconv.Itoa(no)))
	d, err := u.s.draftAs(id, u.who, u.content)
	if err == nil {
		d.command.Bulk = true
	}
	return d, err
}

func (u *upload) load(w http.ResponseWriter, sequence int64) error {
	opening, err := u.s.draft(w, u.r, u.who, u.content)
	if err != nil {
		return err
	}
	format := uint8(2)
	if u.csv {
		format = 1
	}
	out, err := opening.propose(u.r.Context(), &ledger.OpenUpload{Upload: u.id, Sequence: sequence, Content: u.content, Format: format})
	if err != nil {
		return err
	}
	closed := out.Answer.Upload.Closed
	chunks, err := u.chunks(func(no int, rows []planRow, first int) error {
		d, err := u.command("chunk", no)
		if err != nil {
			return err
		}
		q := &ledger.UploadChunk{Upload: u.id, No: no}
		if q.Rows, err = u.rows(d, rows, first); err != nil {
			return err
		}
		out, err := d.propose(u.r.Context(), q)
		if err != nil {
			return err
		}
		return u.keep(out, rows)
	})
	if err != nil {
		return err
	}
	if closed == 0 {
		d, err := u.command("close", 0)
		if err != nil {
			return err
		}
		if out, err = d.propose(u.r.Context(), &ledger.CloseUpload{Upload: u.id, Rows: len(u.results), Chunks: chunks}); err != nil {
			return err
		}
		closed = out.Answer.Upload.Closed
	}
	receipt := out.Receipt()
	if out.Answer.Seq != closed {
		if receipt, err = u.s.receipt(u.r.Context(), closed); err != nil {
			return err
		}
	}
	cite(w, closed)
	return writeAcknowledgement(w, u.csv, &acknowledgement{id: u.id, sequence: sequence, results: u.results, seq: closed, receipt: receipt})
}

// chunks hands the rows of the file on, uploadChunk at a time.
func (u *upload) chunks(each func(no int, rows []planRow, first int) error) (int, error) {
	no, first := 0, 1
	rows := make([]planRow, 0, uploadChunk)
	for {
		row, err := u.source.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return no, bodyProblem(err)
		}
		if err == nil {
			rows = append(rows, row)
		}
		if len(rows) == uploadChunk || (errors.Is(err, io.EOF) && len(rows) > 0) {
			if err := each(no, rows, first); err != nil {
				return no, err
			}
			no, first, rows = no+1, first+len(rows), rows[:0]
		}
		if errors.Is(err, io.EOF) {
			return no, nil
		}
	}
}

// rows seals what is personal in the rows of one chunk.
func (u *upload) rows(d *draft, rows []planRow, first int) ([]ledger.Row, error) {
	out := make([]ledger.Row, len(rows))
	for i := range rows {
		row, details := u.s.readRow(&rows[i], first+i, u.who.Organisation)
		out[i] = row
		if d == nil {
			continue
		}
		var err error
		if row.Fault != "" {
			err = d.seal(ledger.HolderAuthority, []byte(u.who.Organisation), ledger.PayloadRow, row.N,
				ledger.RowDetails{LocalID: rows[i].LocalID, Fields: rows[i].fields()})
		} else {
			err = d.seal(ledger.HolderPerson, row.Person[:], ledger.PayloadPlan, row.N, details)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *planRow) fields() map[string]string {
	out := make(map[string]string)
	for _, f := range []struct{ name, value string }{{"nhs_number", p.NHSNumber}, {"family_name", p.FamilyName}, {"given_names", p.GivenNames},
		{"date_of_birth", p.DateOfBirth}, {"plan_type", p.PlanType}, {"start", p.Start}, {"end", p.End}, {"delete", p.Delete}} {
		if f.value != "" && len(f.value) <= 200 {
			out[f.name] = f.value
		}
	}
	return out
}

// keep notes what became of a chunk's rows, in their order.
func (u *upload) keep(out *consensus.Outcome, rows []planRow) error {
	n := 0
	for _, b := range out.Answer.Records {
		e, err := ledger.ParseEntry(b)
		if err != nil {
			return err
		}
		status, code := ledger.RowStatus(e.Event)
		if status == "" {
			continue
		}
		if n == len(rows) {
			return fmt.Errorf("a chunk of %d rows has more outcomes", len(rows))
		}
		u.results = append(u.results, rowResult{status, code, rows[n].LocalID})
		n++
	}
	if n != len(rows) {
		return fmt.Errorf("a chunk of %d rows has %d outcomes", len(rows), n)
	}
	return nil
}

// check is a dry run: it says what each row would do, and changes no plan.
func (u *upload) check(w http.ResponseWriter) error {
	var last *consensus.Outcome
	_, err := u.chunks(func(_ int, rows []planRow, first int) error {
		d, err := u.s.draft(w, u.r, u.who, u.content)
		if err != nil {
			return err
		}
		d.command.ID = ledger.DeriveID("check", d.command.ID[:], []byte(strconv.Itoa(first)))
		d.command.Bulk = true
		q := &ledger.CheckRows{}
		if q.Rows, err = u.rows(nil, rows, first); err != nil {
			return err
		}
		if last, err = d.propose(u.r.Context(), q); err != nil {
			return err
		}
		return u.keepChecked(last, rows)
	})
	if err != nil {
		return err
	}
	if last == nil {
		return problem("body-empty")
	}
	cite(w, last.Answer.Seq)
	return writeAcknowledgement(w, u.csv, &acknowledgement{results: u.results, seq: last.Answer.Seq, receipt: last.Receipt(), dryRun: true})
}

func (u *upload) keepChecked(out *consensus.Outcome, rows []planRow) error {
	for _, b := range out.Answer.Records {
		e, err := ledger.ParseEntry(b)
		if err != nil {
			return err
		}
		checked, ok := e.Event.(*ledger.RowsChecked)
		if !ok {
			continue
		}
		for i, code := range checked.Codes {
			status := code
			if _, known := rowMessages[code]; known {
				status = "rejected"
			} else {
				code = ""
			}
			u.results = append(u.results, rowResult{status, code, rows[i].LocalID})
		}
	}
	return nil
}

// readRow reads one row: what of it may be in clear, and the details to seal.
// The first thing wrong becomes the row's fault.
func (s *Server) readRow(p *planRow, n int, authority string) (ledger.Row, ledger.PlanDetails) {
	bad := func(code string) (ledger.Row, ledger.PlanDetails) {
		return ledger.Row{N: n, Fault: code}, ledger.PlanDetails{}
	}
	if p.fault != "" {
		return bad(p.fault)
	}
	if p.NHSNumber == "" {
		return bad(ledger.RowPersonRequired)
	}
	number, err := ParseNHSNumber(p.NHSNumber)
	if err != nil {
		return bad(asProblem(err).Code)
	}
	if !name(p.FamilyName) || !name(p.GivenNames) {
		return bad("name-missing")
	}
	if len(p.LocalID) > 64 || len(p.Team) > 64 || len(p.Worker) > 64 {
		return bad("field-too-long")
	}
	birth, err := ledger.ParseDay(p.DateOfBirth)
	if err != nil {
		return bad("date-of-birth-format")
	}
	kind, ok := ledger.ParsePlanType(p.PlanType)
	if !ok {
		return bad("plan-type")
	}
	row := ledger.Row{N: n, Type: kind}
	if row.Start, err = ledger.ParseDay(p.Start); err != nil {
		return bad("start-format")
	}
	if p.End != "" {
		if row.End, err = ledger.ParseDay(p.End); err != nil {
			return bad("end-format")
		}
	}
	if p.Delete != "" {
		if row.Delete, err = ledger.ParseDay(p.Delete); err != nil {
			return bad("delete-format")
		}
	}
	if row.End != 0 && row.End < row.Start {
		return bad(ledger.RowEndBeforeStart)
	}
	if kind != ledger.UnbornChild {
		if birth > row.Start {
			return bad("start-before-birth")
		}
		row.LastDay = birth.AddYears(18)
	}
	row.Person = s.keys.Person(number.Digits())
	row.Birth = s.birthTag(row.Person, birth)
	if p.LocalID != "" {
		row.Local = s.keys.Tag("local", authority, p.LocalID)
	}
	row.Content = s.keys.Tag("row", authority, number.Digits(), p.FamilyName, p.GivenNames, p.DateOfBirth, p.PlanType,
		p.Start, p.End, p.LocalID, p.Team, p.Worker)
	return row, ledger.PlanDetails{NHSNumber: number.Digits(), Family: p.FamilyName, Given: p.GivenNames, Birth: birth,
		LocalID: p.LocalID, Team: p.Team, Worker: p.Worker}
}

func name(s string) bool { return s != "" && len(s) <= 100 }

// rowMessages says what each row code means. Codes are part of the interface.
var rowMessages = map[string]string{
	"nhs-number-format":      "the NHS number is not ten digits",
	"nhs-number-check-digit": "the NHS number's check digit is wrong",
	"nhs-number-missing":     "the NHS number is missing",
	"name-missing":           "the family name or the given names are missing, or too long",
	"field-too-long":         "the local id, team or worker is too long",
	"date-of-birth-format":   "the date of birth is not a date of the form YYYY-MM-DD",
	"plan-type":              "the plan type is not CPP, LAC or UCPP",
	"start-format":           "the start is not a date of the form YYYY-MM-DD",
	"end-format":             "the end is not a date of the form YYYY-MM-DD",
	"delete-format":          "the delete date is not a date of the form YYYY-MM-DD",
	"end-before-start":       "the end is before the start",
	"start-before-birth":     "the start is before the birth",
	"start-in-future":        "the start is in the future",
	"over-18":                "the person is over 18; an own plan ended on the 18th birthday",
	"unborn-needs-end":       "an unborn child's plan needs its expected end",
	"delete-unknown":         "there is no such plan of this authority to delete",
	"csv-row-columns":        "the row has too many or too few fields",
	"csv-row-quote":          "a quotation mark is out of place",
	"csv-row-encoding":       "the row is not valid UTF-8 text",
	"csv-row-control":        "the row holds a control character",
	"csv-row-too-long":       "the row is too long, or a quotation mark is never closed",
}

// acknowledgement is what an authority gets back for a file.
type acknowledgement struct {
	id       ledger.ID
	sequence int64
	results  []rowResult
	seq      ledger.Seq
	receipt  ledger.Receipt
	dryRun   bool
}

func writeAcknowledgement(w http.ResponseWriter, asCSV bool, a *acknowledgement) error {
	if asCSV {
		return a.writeCSV(w)
	}
	accepted, rejected := a.count()
	j := newJSONWriter()
	j.open('{')
	if a.dryRun {
		j.key("dryRun")
		j.boolean(true)
	} else {
		j.field("uploadId", a.id.String())
		j.key("sequence")
		j.number(a.sequence)
	}
	j.key("accepted")
	j.number(int64(accepted))
	j.key("rejected")
	j.number(int64(rejected))
	j.key("results")
	j.open('[')
	for i := range a.results {
		r := &a.results[i]
		j.open('{')
		j.key("row")
		j.number(int64(i + 1))
		j.field("status", r.status)
		j.field("code", r.code)
		j.field("message", rowMessages[r.code])
		j.field("localId", r.localID)
		j.close('}')
	}
	j.close(']')
	j.key("seq")
	j.number(int64(a.seq))
	j.key("receipt")
	j.receipt(a.receipt)
	j.close('}')
	j.send(w, http.StatusOK)
	return nil
}

func (a *acknowledgement) count() (accepted, rejected int) {
	for i := range a.results {
		if a.results[i].status == "rejected" {
			rejected++
		} else {
			accepted++
		}
	}
	return accepted, rejected
}

func (a *acknowledgement) writeCSV(w http.ResponseWriter) error {
	lines := [][]string{{"row", "status", "code", "message", "local_id"}}
	for i := range a.results {
		r := &a.results[i]
		lines = append(lines, []string{strconv.Itoa(i + 1), r.status, r.code, rowMessages[r.code], inert(r.localID)})
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(lines); err != nil {
		return err
	}
	if !a.dryRun {
		w.Header().Set("Custos-Upload", a.id.String())
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = w.Write(b.Bytes()) // who reads no more needs no error
	return nil
}

// inert keeps a spreadsheet from running a cell that begins like a formula.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// getUpload shows an acknowledgement again. The authority's own local ids are
// opened for it, so it is recorded like any other disclosure.
func (s *Server) getUpload(w http.ResponseWriter, r *http.Request, who *Identity) error {
	id, err := ledger.ParseID(pathVar(r, "id"))
	if err != nil {
		return problem("not-found")
	}
	d, err := s.draft(w, r, who, s.keys.Content("uploads/"+id.String(), nil))
	if err != nil {
		return err
	}
	out, err := d.propose(r.Context(), &ledger.ReadAck{Upload: id})
	if err != nil {
		return err
	}
	a := &acknowledgement{id: id, sequence: out.Answer.Upload.Sequence, seq: out.Answer.Upload.Closed}
	for i := range out.Answer.Rows {
		row, err := s.openRow(&out.Answer.Rows[i].Details, out.Answer.Rows[i].Record)
		if err != nil {
			return err
		}
		a.results = append(a.results, row)
	}
	if a.receipt, err = s.receipt(r.Context(), a.seq); err != nil {
		return err
	}
	cite(w, out.Answer.Seq)
	return writeAcknowledgement(w, strings.HasPrefix(r.Header.Get("Accept"), "text/csv"), a)
}

func (s *Server) openRow(details *ledger.Shown, record []byte) (rowResult, error) {
	e, err := ledger.ParseEntry(record)
	if err != nil {
		return rowResult{}, err
	}
	var out rowResult
	out.status, out.code = ledger.RowStatus(e.Event)
	details.Row = e.Row()
	switch details.Payload {
	case ledger.PayloadPlan:
		var d ledger.PlanDetails
		err = s.open(*details, &d)
		out.localID = d.LocalID
	case ledger.PayloadRow:
		var d ledger.RowDetails
		err = s.open(*details, &d)
		out.localID = d.LocalID
	}
	return out, err
}
