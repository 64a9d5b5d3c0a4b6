package api

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"custos/api/cpis"
	"custos/ledger"
	"custos/projection"
)

// acknowledgement is what an authority gets back for a file.
type acknowledgement struct {
	id       ledger.ID
	sequence int64
	rows     ackRows
	seq      ledger.Seq
	at       ledger.Time // of that entry
	receipt  ledger.Receipt
	dryRun   bool
	gap      bool              // numbers before the file's never came
	snapshot *snapshotResult   // nil: the file was not declared one
	matched  string            // per cent of the accepted rows that do not stand on the worklist; "": not asked
	sender   cpis.Organisation // of a CP-IS message
}

// ackRow is one row of an acknowledgement.
type ackRow struct {
	status, code, localID string

	// Of a CP-IS message.
	record int    // from 1
	place  string // where it stands, or the fault in it
	whole  *cpis.Record
}

// ackRows goes through the rows of a file, in their order: the file that was
// sent, or what the ledger has of it.
type ackRows interface {
	each(func(*ackRow) error) error
	tally() (*tally, error) // of the records of a CP-IS message
}

// each reads the file again: only what became of each row was kept.
func (u *upload) each(f func(*ackRow) error) error {
	_, err := u.chunks(func(_ int, rows []planRow) error {
		u.giveWay()
		for i := range rows {
			r := &rows[i]
			out := ackRow{localID: r.LocalID, whole: r.record, place: r.place}
			out.status, out.code = u.results.at(r.at)
			out.record, _ = recordOf(r.n)
			if out.place == "" && u.ask.form == formXML {
				out.place = xpath(r.n, r.record)
			}
			if err := f(&out); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func (u *upload) tally() (*tally, error) { return &u.records, nil }

// count says how many rows were accepted and rejected.
func (a *acknowledgement) count() (accepted, rejected int, err error) {
	err = a.rows.each(func(r *ackRow) error {
		if r.status == "rejected" {
			rejected++
		} else {
			accepted++
		}
		return nil
	})
	return accepted, rejected, err
}

const (
	csvType = "text/csv; charset=utf-8"
	xmlType = "application/xml"
)

// send answers with the acknowledgement in one form. It is as long as the file
// was: it waits, until it is whole, where the file did.
func (a *acknowledgement) send(w http.ResponseWriter, form uint8) error {
	write, media := a.writeJSON, jsonType[0]
	switch form {
	case formCSV:
		write, media = a.writeCSV, csvType
	case formXML:
		write, media = a.writeXML, xmlType
	}
	h := w.Header()
	if form != formJSON {
		if !a.dryRun {
			h.Set("Custos-Upload", a.id.String())
		} else if form == formXML {
			h.Set("Custos-Dry-Run", "true")
		}
		if a.gap {
			h.Set("Custos-Upload-Gap", "true")
		}
		if a.matched != "" {
			h.Set("Custos-Matched-Percent", a.matched)
		}
		if a.snapshot != nil {
			h.Set("Custos-Snapshot", a.snapshot.header())
		}
	}
	return sendLong(w, media, write)
}

// sendLong sends what may be too long for memory, with its length.
func sendLong(w http.ResponseWriter, media string, write func(io.Writer) error) error {
	out, pipe := io.Pipe()
	go func() { _ = pipe.CloseWithError(write(pipe)) }()
	file, err := spool(out)
	_ = out.CloseWithError(errors.New("nobody reads the answer any more"))
	if err != nil {
		return err
	}
	defer file.close()
	body, err := file.reader()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.FormatInt(file.size, 10))
	_, _ = io.Copy(w, body) // who reads no more needs no error
	return nil
}

func (a *acknowledgement) writeJSON(w io.Writer) error {
	accepted, rejected, err := a.count()
	if err != nil {
		return err
	}
	j := newJSONWriter()
	defer j.free()
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
	n := 0
	if err := a.rows.each(func(r *ackRow) error {
		n++
		j.open('{')
		j.key("row")
		j.number(int64(n))
		j.field("status", r.status)
		j.field("code", r.code)
		j.field("message", rowMessage(r.code))
		j.field("localId", r.localID)
		j.close('}')
		return j.flush(w)
	}); err != nil {
		return err
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
	_, err = w.Write(j.b)
	return err
}

func (a *acknowledgement) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"row", "status", "code", "message", "local_id"}); err != nil {
		return err
	}
	n := 0
	if err := a.rows.each(func(r *ackRow) error {
		n++
		return out.Write([]string{strconv.Itoa(n), r.status, r.code, rowMessage(r.code), inert(r.localID)})
	}); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// matchedPercent says how many of a file's accepted rows do not stand on the
// worklist, in per cent with one digit; "" if none was asked about.
func matchedPercent(u *ledger.Upload) string {
	if u.Matched+u.Unmatched == 0 || u.Accepted == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(1000*(u.Accepted-u.Unmatched)/u.Accepted)/10, 'f', 1, 64)
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
	// This node's own copy has to have come as far; see [projection.View.AckRows].
	if _, err := s.receipt(r.Context(), out.Answer.Seq); err != nil {
		return err
	}
	shown := &shownRows{s: s, authority: who.Organisation, of: &out.Answer}
	a := &acknowledgement{id: id, sequence: out.Answer.Upload.Sequence, seq: out.Answer.Upload.Closed, rows: shown,
		gap: out.Answer.Upload.Gap, snapshot: snapshotOf(out.Answer.Upload), matched: matchedPercent(out.Answer.Upload)}
	if err := s.closing(r.Context(), a); err != nil {
		return err
	}
	form := formJSON
	switch accept := r.Header.Get("Accept"); {
	case strings.HasPrefix(accept, "text/csv"):
		form = formCSV
	case len(out.Answer.Details) > 0 && !strings.HasPrefix(accept, jsonType[0]): // it came as message 01
		form = formXML
		if a.sender, err = s.senderFrom(out.Answer.Details[0]); err != nil {
			return err
		}
	case strings.HasPrefix(accept, xmlType):
		return problem("not-acceptable")
	}
	cite(w, out.Answer.Seq)
	return a.send(w, form)
}

// shownRows are the rows of an upload as the ledger has them. They are read as
// the answer is written, a chunk at a time.
type shownRows struct {
	s         *Server
	authority string
	of        *projection.Answer
}

func (s *shownRows) each(f func(*ackRow) error) error {
	for row, err := range s.s.node.View().AckRows(s.of) {
		if err != nil {
			return err
		}
		r, err := s.open(&row)
		if err == nil {
			err = f(&r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *shownRows) tally() (*tally, error) {
	t := &tally{}
	for row, err := range s.s.node.View().AckRows(s.of) {
		if err != nil {
			return nil, err
		}
		e, err := ledger.ParseEntry(row.Record)
		if err != nil {
			return nil, err
		}
		status, code := ledger.RowStatus(e.Event)
		t.note(e.Row(), status, code)
	}
	return t, nil
}

func (s *shownRows) open(row *projection.RowShown) (out ackRow, err error) {
	e, err := ledger.ParseEntry(row.Record)
	if err != nil {
		return out, err
	}
	out.status, out.code = ledger.RowStatus(e.Event)
	out.record, _ = recordOf(e.Row())
	details := row.Details
	details.Row = e.Row()
	record := ""
	switch details.Payload {
	case ledger.PayloadPlan:
		var d ledger.PlanDetails
		if err = s.s.open(details, &d); err == nil {
			out.localID, record = d.LocalID, d.Record
			if record == "" {
				out.whole = s.rejected(&e, &d)
			}
		}
	case ledger.PayloadRow:
		var d ledger.RowDetails
		err = s.s.open(details, &d)
		out.localID, out.place, record = d.LocalID, d.Place, d.Record
	}
	if err == nil && record != "" {
		out.whole, err = recordFrom(record)
	}
	if out.place == "" {
		out.place = xpath(e.Row(), out.whole)
	}
	return out, err
}

// rejected makes the record of a rejected row whose columns say all of it; nil
// for other rows, and if its details were erased.
func (s *shownRows) rejected(e *ledger.Entry, d *ledger.PlanDetails) *cpis.Record {
	was, ok := e.Event.(*ledger.PlanRejected)
	if !ok {
		return nil
	}
	p := planRow{NHSNumber: d.NHSNumber, FamilyName: d.Family, GivenNames: d.Given, DateOfBirth: d.Birth, PlanType: planCodes[was.Row.Type],
		Start: was.Row.Start.String(), End: was.Row.End.String(), Delete: was.Row.Delete.String(), LocalID: d.LocalID}
	r, err := p.asRecord(s.authority)
	if err != nil {
		return nil
	}
	return &r
}
