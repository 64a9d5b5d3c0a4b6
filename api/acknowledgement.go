package api

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"

	"custos/ledger"
)

// rowResult is what became of one row.
type rowResult struct{ status, code, localID string }

// acknowledgement is what an authority gets back for a file.
type acknowledgement struct {
	id       ledger.ID
	sequence int64
	results  []rowResult
	seq      ledger.Seq
	receipt  ledger.Receipt
	dryRun   bool
	gap      bool            // numbers before the file's never came
	snapshot *snapshotResult // nil: the file was not declared one
	matched  string          // per cent of the accepted rows that do not stand on the worklist; "": not asked
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
	if a.gap {
		j.key("gap")
		j.boolean(true)
	}
	if a.matched != "" {
		j.key("matchedPercent")
		j.b = append(j.b, a.matched...)
		j.comma = true
	}
	a.snapshot.writeJSON(j)
	j.key("seq")
	j.number(int64(a.seq))
	j.key("receipt")
	j.receipt(a.receipt)
	j.close('}')
	j.send(w, http.StatusOK)
	return nil
}

// matchedPercent says how many of a file's accepted rows do not stand on the
// worklist, in per cent with one digit; "" if none was asked about.
func matchedPercent(u *ledger.Upload) string {
	if u.Matched+u.Unmatched == 0 || u.Accepted == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(1000*(u.Accepted-u.Unmatched)/u.Accepted)/10, 'f', 1, 64)
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
	if a.gap {
		w.Header().Set("Custos-Upload-Gap", "true")
	}
	if a.matched != "" {
		w.Header().Set("Custos-Matched-Percent", a.matched)
	}
	if a.snapshot != nil {
		w.Header().Set("Custos-Snapshot", a.snapshot.header())
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
	a := &acknowledgement{id: id, sequence: out.Answer.Upload.Sequence, seq: out.Answer.Upload.Closed,
		gap: out.Answer.Upload.Gap, snapshot: snapshotOf(out.Answer.Upload), matched: matchedPercent(out.Answer.Upload)}
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
