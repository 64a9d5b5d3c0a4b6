package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"custos/api/cpis"
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

// Forms of files, as the ledger numbers them.
const (
	formCSV uint8 = iota + 1
	formJSON
	formXML // CP-IS message 01; answered with message 02
)

var mediaForms = map[string]uint8{"text/csv": formCSV, "application/json": formJSON, "application/xml": formXML, "text/xml": formXML}

// postUpload takes a file of plans.
func (s *Server) postUpload(w http.ResponseWriter, r *http.Request, who *Identity) error {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	ask, err := readUploadQuery(r, mediaForms[media])
	if err != nil {
		return err
	}
	if ask.snapshot {
		if err := s.needsTwo(); err != nil {
			return err
		}
	}
	defer s.cfg.TakingIn()()
	file, err := spool(r.Body)
	if err != nil {
		return bodyProblem(err)
	}
	defer file.close()
	if file.size == 0 && ask.form != formXML {
		return problem("body-empty")
	}
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return p
	}
	u := s.newUpload(r.Context(), who, key, ask, file)
	a, err := u.take()
	if err != nil {
		if ask.form == formXML {
			return u.sendRefusal(w, err)
		}
		return err
	}
	cite(w, a.seq)
	return a.send(w, ask.form)
}

// take has the file decided and recorded, or tried in a dry run. The file was
// read whole before anything is recorded, kept outside the ledger only
// encrypted; its digest and number make it the same upload when it comes again.
func (u *upload) take() (a *acknowledgement, err error) {
	err = yielding(func() (err error) {
		a, err = u.takeIn()
		return err
	})
	return a, err
}

func (u *upload) takeIn() (*acknowledgement, error) {
	l, err := u.s.node.View().Log()
	if err != nil {
		return nil, err
	}
	u.rules = l.Rules
	if err := u.wellFormed(); err != nil {
		return nil, err
	}
	if u.ask.form == formXML && u.rules < 2 {
		return nil, problem("rules-not-raised")
	}
	if u.ask.dryRun {
		return u.check()
	}
	if err := u.recordChanges(); err != nil {
		return nil, err
	}
	return u.load()
}

// needsTwo refuses what came with rules version 2 while it is not in force, here:
// a request that an older program cannot read must not reach it.
func (s *Server) needsTwo() error { return s.needs(2) }

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
	form             uint8
	sequence         int64
	dryRun, snapshot bool
}

func readUploadQuery(r *http.Request, form uint8) (q uploadQuery, err error) {
	q.form = form
	for name, values := range r.URL.Query() {
		if len(values) != 1 {
			return q, problem("query-parameter")
		}
		switch name {
		case "sequence":
			if form == formXML {
				return q, problem("query-parameter").with("A CP-IS message has its sequence number in itself.")
			}
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
	if q.sequence == 0 && !q.dryRun && form != formXML {
		return q, problem("query-parameter").with("sequence is required: the authority's own incrementing number of this file.")
	}
	return q, nil
}

// upload is one file on its way into the ledger.
type upload struct {
	s       *Server
	ctx     context.Context
	who     *Identity
	key     ledger.ID // of the command that opens it: the request's
	id      ledger.ID
	ask     uploadQuery
	file    *spooled
	content ledger.Tag
	head    cpis.Header // of a CP-IS message
	rules   int
	changes []ledger.Request // what the register said of numbers
	matched *matchings       // nil: the register is not asked
	results results
	records tally // of a CP-IS message
	rested  time.Time
}

func (s *Server) newUpload(ctx context.Context, who *Identity, key ledger.ID, ask uploadQuery, file *spooled) *upload {
	return &upload{s: s, ctx: ctx, who: who, key: key, ask: ask, file: file, content: s.keys.ContentSum("uploads", file.sum)}
}

func (u *upload) open() (planSource, error) {
	in, err := u.file.reader()
	if err != nil {
		return nil, err
	}
	switch u.ask.form {
	case formXML:
		source, err := newXMLSource(in)
		u.head = source.r.Header()
		return source, err
	case formJSON:
		rows, err := newJSONRows(in)
		return jsonSource{rows}, err
	}
	rows, err := newCSVRows(in, uploadColumns, uploadNeeds)
	return csvSource{rows}, err
}

// wellFormed goes through the file once. What is wrong with it as a whole is
// found before anything is recorded, or half of it would be loaded and its
// number used up. The register is asked on the way, about every row: one that
// fails halfway leaves no half of a file behind either, but what is wrong with
// the file is said first.
func (u *upload) wellFormed() error {
	rows := 0
	var unasked error
	_, err := u.chunks(func(_ int, some []planRow) error {
		if rows == 0 {
			if unasked = u.begin(); unasked != nil {
				u.matched = nil
			}
		}
		rows += len(some)
		u.giveWay()
		if u.matched != nil && unasked == nil {
			unasked = u.match(some)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if rows == 0 {
		if u.ask.form != formXML && !u.ask.snapshot { // it says nothing, and would use its number up
			return problem("body-empty")
		}
		return u.begin()
	}
	return unasked
}

// begin settles which upload the file is, as soon as its header is read, and
// whether the register is asked about it.
func (u *upload) begin() error {
	if u.ask.form == formXML {
		u.ask.sequence = u.head.Sequence
		if u.head.Sender.Code != u.who.Organisation {
			return &messageProblem{cpis.FileBroken, cpis.SenderOther, "/File/communicationFunctionSnd/organisation/id/@extension"}
		}
	}
	u.id = u.identity()
	if u.s.match == nil || u.rules < 2 {
		return nil
	}
	was, ok, err := u.s.node.View().Upload(u.id)
	if err == nil && !(ok && was.Closed != 0) { // or its rows were decided, with what the register said then
		u.matched = &matchings{}
	}
	return err
}

// giveWay lets those who look up go first while a long file is only read: what
// is proposed waits for them anyway, but reading would take a core for itself.
// It rests as long as it worked.
func (u *upload) giveWay() {
	const turn = time.Millisecond
	if time.Since(u.rested) < turn {
		return
	}
	if u.s.slots.now.Load() > 0 {
		time.Sleep(turn)
	}
	u.rested = time.Now()
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

func (u *upload) load() (*acknowledgement, error) {
	opening, err := u.s.draftAs(u.key, u.who, u.content)
	if err != nil {
		return nil, err
	}
	if u.ask.form == formXML {
		if err := opening.sealSender(u.who.Organisation, &u.head.Sender); err != nil {
			return nil, err
		}
	}
	out, err := opening.propose(u.ctx, &ledger.OpenUpload{Upload: u.id, Sequence: u.ask.sequence, Content: u.content,
		Format: u.ask.form, Snapshot: u.ask.snapshot})
	if err != nil {
		return nil, u.numbered(err)
	}
	u.noticeGap(out)
	closed := out.Answer.Upload.Closed
	chunks := 0
	err = inOrder(func(put func(part func() error) error) (err error) {
		chunks, err = u.chunks(func(no int, rows []planRow) error {
			d, err := u.command("chunk", no)
			if err != nil {
				return err
			}
			q := &ledger.UploadChunk{Upload: u.id, No: no}
			if q.Rows, err = u.rows(d, rows); err != nil {
				return err
			}
			numbers := make([]int, len(rows))
			for i := range rows {
				numbers[i] = rows[i].n
			}
			return put(func() error {
				out, err := d.propose(u.ctx, q)
				if err != nil {
					return err
				}
				return u.keep(out, numbers)
			})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	if closed == 0 {
		d, err := u.command("close", 0)
		if err != nil {
			return nil, err
		}
		if out, err = d.propose(u.ctx, &ledger.CloseUpload{Upload: u.id, Rows: u.results.len(), Chunks: chunks}); err != nil {
			return nil, err
		}
		closed = out.Answer.Upload.Closed
	}
	a := &acknowledgement{id: u.id, sequence: u.ask.sequence, rows: u, seq: closed, at: out.Answer.At, receipt: out.Receipt(),
		sender: u.head.Sender, gap: out.Answer.Upload.Gap, snapshot: snapshotOf(out.Answer.Upload), matched: matchedPercent(out.Answer.Upload)}
	if out.Answer.Seq != closed {
		return a, u.s.closing(u.ctx, a)
	}
	return a, nil
}

// numbered adds to the refusal of a file for its number which number the
// authority's next file has: its own, and never the one that was sent. The
// refusal is recorded before what is read here, so that no copy behind the
// leader's says a number that is taken.
func (u *upload) numbered(err error) error {
	var p *Problem
	if !errors.As(err, &p) || p.Seq == nil || (p.Code != ledger.RefusedSequenceLower && p.Code != ledger.RefusedSequenceContent) {
		return err
	}
	if _, late := u.s.receipt(u.ctx, ledger.Seq(*p.Seq)); late != nil {
		return err // the refusal stands without it
	}
	last, unread := u.s.node.View().LastUpload(u.who.Organisation)
	if unread != nil {
		return err
	}
	return p.with("Your authority's next file is number " + strconv.FormatInt(last.Sequence+1, 10) + ".")
}

// closing adds to an acknowledgement what the entry that closed the upload says.
func (s *Server) closing(ctx context.Context, a *acknowledgement) (err error) {
	e, err := s.entry(ctx, a.seq)
	if err != nil {
		return err
	}
	a.at = e.Time
	a.receipt, err = s.receipt(ctx, a.seq)
	return err
}

// entry reads one entry of this node's own copy, which may be a moment behind
// the leader's.
func (s *Server) entry(ctx context.Context, n ledger.Seq) (ledger.Entry, error) {
	if _, err := s.receipt(ctx, n); err != nil {
		return ledger.Entry{}, err
	}
	record, err := s.node.Record(n)
	if err != nil {
		return ledger.Entry{}, err
	}
	return ledger.ParseEntry(record)
}

// chunks hands the rows of the file on, uploadChunk at a time.
func (u *upload) chunks(each func(no int, rows []planRow) error) (int, error) {
	source, err := u.open()
	if err != nil {
		return 0, fileProblem(err)
	}
	no, count := 0, 0
	rows := make([]planRow, 0, uploadChunk)
	for {
		row, err := source.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return no, fileProblem(err)
		}
		if err == nil {
			row.at = count
			count++
			if row.n == 0 {
				row.n = count
			}
			rows = append(rows, row)
		}
		if len(rows) == uploadChunk || (errors.Is(err, io.EOF) && len(rows) > 0) {
			if err := each(no, rows); err != nil {
				return no, err
			}
			no, rows = no+1, rows[:0]
		}
		if errors.Is(err, io.EOF) {
			return no, nil
		}
	}
}

// rows seals what is personal in the rows of one chunk.
func (u *upload) rows(d *draft, rows []planRow) ([]ledger.Row, error) {
	out, details := make([]ledger.Row, len(rows)), make([]ledger.PlanDetails, len(rows))
	people := make([]ledger.PersonRef, 0, len(rows))
	for i := range rows {
		out[i], details[i] = u.s.readRow(&rows[i], rows[i].n, u.who.Organisation, u.rules, u.matched.at(rows[i].at))
		if !out[i].Person.IsZero() {
			people = append(people, out[i].Person)
		}
	}
	if d == nil {
		return out, nil
	}
	if err := u.s.node.Expect(people); err != nil {
		return nil, err
	}
	for i, row := range out {
		m := u.matched.at(rows[i].at)
		var err error
		if row.Fault != "" || row.Match == ledger.Unmatched {
			held := ledger.RowDetails{LocalID: rows[i].LocalID, Fields: rows[i].fields(), Record: rows[i].whole(), Place: rows[i].place}
			if m != nil && row.Match == ledger.Unmatched {
				held.Suggestion = m.suggestion
			}
			err = d.seal(ledger.HolderAuthority, []byte(u.who.Organisation), ledger.PayloadRow, row.N, held)
		} else {
			details[i].Record = rows[i].beyond(u.who.Organisation)
			err = d.seal(ledger.HolderPerson, row.Person[:], ledger.PayloadPlan, row.N, &details[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// keep notes what became of a chunk's rows, by their numbers in the file.
func (u *upload) keep(out *consensus.Outcome, rows []int) error {
	n := 0
	var one ledger.HeaderReader // what each record says of its row, and no hash of it
	for _, b := range out.Answer.Records {
		e, err := one.ReadUnhashed(b)
		if err == nil {
			err = e.Decode()
		}
		if err != nil {
			return err
		}
		if status, code := ledger.RowStatus(e.Event); status != "" {
			if n == len(rows) {
				return fmt.Errorf("a chunk of %d rows has more outcomes", len(rows))
			}
			u.became(rows[n], status, code)
			n++
		}
	}
	if n != len(rows) {
		return fmt.Errorf("a chunk of %d rows has %d outcomes", len(rows), n)
	}
	return nil
}

// became notes what became of the next row.
func (u *upload) became(n int, status, code string) {
	u.results.add(status, code)
	if u.ask.form == formXML {
		u.records.note(n, status, code)
	}
}
