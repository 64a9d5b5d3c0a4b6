package api

import (
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

// postUpload takes a file of plans. The file is read whole before anything is
// recorded, kept outside the ledger only encrypted; its digest and number make
// it the same upload when it comes again.
func (s *Server) postUpload(w http.ResponseWriter, r *http.Request, who *Identity) error {
	ask, err := readUploadQuery(r)
	if err != nil {
		return err
	}
	if ask.snapshot {
		if err := s.needsTwo(); err != nil {
			return err
		}
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
	u := &upload{s: s, r: r, who: who, ask: ask, content: s.keys.ContentSum("uploads", file.sum), csv: media == "text/csv"}
	u.id = u.identity()
	if err := u.wellFormed(file); err != nil {
		return err
	}
	l, err := s.node.View().Log()
	if err != nil {
		return err
	}
	u.rules = l.Rules
	if err := u.matchAll(file); err != nil {
		return err
	}
	if u.source, err = u.open(file); err != nil {
		return err
	}
	if ask.dryRun {
		return u.check(w)
	}
	return u.load(w)
}

// needsTwo refuses what came with rules version 2 while it is not in force, here:
// a request that an older program cannot read must not reach it.
func (s *Server) needsTwo() error {
	l, err := s.node.View().Log()
	if err == nil && l.Rules < 2 {
		err = problem("rules-not-raised")
	}
	return err
}

// identity makes the upload's id: the same file under the same number, declared
// alike, is the same upload.
func (u *upload) identity() ledger.ID {
	parts := [][]byte{[]byte(u.who.Organisation), []byte(strconv.FormatInt(u.ask.sequence, 10)), u.content[:]}
	if u.ask.snapshot {
		parts = append(parts, []byte("snapshot"))
	}
	return ledger.DeriveID("upload", parts...)
}

// uploadQuery is what the query says of a file.
type uploadQuery struct {
	sequence         int64
	dryRun, snapshot bool
}

func readUploadQuery(r *http.Request) (q uploadQuery, err error) {
	for name, values := range r.URL.Query() {
		if len(values) != 1 {
			return q, problem("query-parameter")
		}
		switch name {
		case "sequence":
			n, err := strconv.ParseInt(values[0], 10, 64)
			if err != nil || n <= 0 || n > 1<<53 || strconv.FormatInt(n, 10) != values[0] {
				return q, problem("query-parameter").with("sequence is a whole number from 1.")
			}
			q.sequence = n
		case "dry-run", "snapshot":
			if values[0] != "true" && values[0] != "false" {
				return q, problem("query-parameter").with(name + " is true or false.")
			}
			if name == "snapshot" {
				q.snapshot = values[0] == "true"
			} else {
				q.dryRun = values[0] == "true"
			}
		default:
			return q, problem("query-parameter")
		}
	}
	if q.sequence == 0 && !q.dryRun {
		return q, problem("query-parameter").with("sequence is required: the authority's own incrementing number of this file.")
	}
	return q, nil
}

// upload is one file on its way into the ledger.
type upload struct {
	s       *Server
	r       *http.Request
	who     *Identity
	id      ledger.ID
	ask     uploadQuery
	content ledger.Tag
	csv     bool
	rules   int
	matched []matching // of each row; nil: the register is not asked
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

func (u *upload) load(w http.ResponseWriter) error {
	opening, err := u.s.draft(w, u.r, u.who, u.content)
	if err != nil {
		return err
	}
	format := uint8(2)
	if u.csv {
		format = 1
	}
	out, err := opening.propose(u.r.Context(), &ledger.OpenUpload{Upload: u.id, Sequence: u.ask.sequence, Content: u.content,
		Format: format, Snapshot: u.ask.snapshot})
	if err != nil {
		return err
	}
	u.noticeGap(out)
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
	return writeAcknowledgement(w, u.csv, &acknowledgement{id: u.id, sequence: u.ask.sequence, results: u.results,
		seq: closed, receipt: receipt, gap: out.Answer.Upload.Gap, snapshot: snapshotOf(out.Answer.Upload), matched: matchedPercent(out.Answer.Upload)})
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
		var m *matching
		if u.matched != nil {
			m = &u.matched[first+i-1]
		}
		row, details := u.s.readRow(&rows[i], first+i, u.who.Organisation, u.rules, m)
		out[i] = row
		if d == nil {
			continue
		}
		var err error
		if row.Fault != "" || row.Match == ledger.Unmatched {
			held := ledger.RowDetails{LocalID: rows[i].LocalID, Fields: rows[i].fields()}
			if m != nil && row.Match == ledger.Unmatched {
				held.Suggestion = m.suggestion
			}
			err = d.seal(ledger.HolderAuthority, []byte(u.who.Organisation), ledger.PayloadRow, row.N, held)
		} else {
			err = d.seal(ledger.HolderPerson, row.Person[:], ledger.PayloadPlan, row.N, details)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
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
	var dry simulation
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
		if err := u.keepChecked(last, rows); err != nil {
			return err
		}
		dry.add(q.Rows, u.results[first-1:])
		return nil
	})
	if err != nil {
		return err
	}
	if last == nil {
		return problem("body-empty")
	}
	cite(w, last.Answer.Seq)
	a := &acknowledgement{results: u.results, seq: last.Answer.Seq, receipt: last.Receipt(), dryRun: true}
	if u.ask.snapshot {
		if a.snapshot, err = dry.count(u); err != nil {
			return err
		}
	}
	return writeAcknowledgement(w, u.csv, a)
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
			status, reason, _ := strings.Cut(code, "/")
			if status == "unmatched" {
				code = reason
			} else if _, known := rowMessages[code]; known {
				status = "rejected"
			} else {
				code = ""
			}
			u.results = append(u.results, rowResult{status, code, rows[i].LocalID})
		}
	}
	return nil
}
