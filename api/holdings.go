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

	"custos/ledger"
	"custos/projection"
)

// heldColumns are the columns of holdings as CSV: those of an upload, and
// before them how each line stands, after them what is wrong with it.
var heldColumns = []string{"state", "nhs_number", "family_name", "given_names", "date_of_birth", "plan_type", "start", "end",
	"local_id", "team", "worker", "row", "code"}

// heldLine is one line of holdings: a plan that is held, or a row that is not.
type heldLine struct {
	state, nhs, family, given, birth, kind, start, end, local, team, worker, row, code string

	id         ledger.Seq // of a row that became no plan: its entry, and its id on the worklist
	restricted bool
	suggestion map[string]string
}

// heldWriter writes holdings line by line, in one form.
type heldWriter interface {
	line(*heldLine) error
	end([]heldPage) error
}

// heldPage names the entry of one page: each is a recorded access of its own.
type heldPage struct {
	seq     ledger.Seq
	receipt ledger.Receipt
}

type holdingsBody struct{}

// postHoldings shows what is held for the caller's authority: plans in force,
// visible and ended, rows that match nobody, rows that the newest file could not
// load. It is read page by page, each page a recorded access with an entry for
// everybody on it, and sent when the last is committed; what waits meanwhile is
// encrypted as an uploaded file is, so memory does not grow with it.
func (s *Server) postHoldings(w http.ResponseWriter, r *http.Request, who *Identity) error {
	var in holdingsBody
	content, err := s.body(r, "holdings", &in)
	if err != nil {
		return err
	}
	if err := s.needsTwo(); err != nil {
		return err
	}
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return p
	}
	asCSV := strings.HasPrefix(r.Header.Get("Accept"), "text/csv")
	h := &holdings{s: s, r: r, who: who, key: ledger.ID(key), content: content}
	out, pipe := io.Pipe()
	go func() {
		var form heldWriter = &heldJSON{w: pipe}
		if asCSV {
			form = newHeldCSV(pipe)
		}
		pipe.CloseWithError(h.write(form))
	}()
	file, err := spool(out)
	_ = out.CloseWithError(errors.New("nobody reads holdings any more"))
	if err != nil {
		return err
	}
	defer file.close()
	body, err := file.reader()
	if err != nil {
		return err
	}
	cite(w, h.pages[0].seq)
	w.Header().Set("Content-Type", "application/json")
	if asCSV {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	}
	w.Header().Set("Content-Length", strconv.FormatInt(file.size, 10))
	_, _ = io.Copy(w, body) // who reads no more needs no error
	return nil
}

// holdings is one reading on its way.
type holdings struct {
	s       *Server
	r       *http.Request
	who     *Identity
	key     ledger.ID
	content ledger.Tag
	pages   []heldPage
}

func (h *holdings) write(form heldWriter) error {
	if err := h.people(form); err != nil {
		return err
	}
	if err := h.rows(form, &ledger.ReadHoldings{Part: ledger.HoldingsUnmatched}); err != nil {
		return err
	}
	newest, err := h.s.node.View().Uploads(h.who.Organisation, 1)
	if err != nil {
		return err
	}
	if len(newest) > 0 {
		if err := h.rows(form, &ledger.ReadHoldings{Part: ledger.HoldingsRejected, Upload: newest[0].ID}); err != nil {
			return err
		}
	}
	return form.end(h.pages)
}

// page proposes one page. Its id comes from the request's, so that the same
// request again is the same reading.
func (h *holdings) page(q ledger.ReadHoldings) (*projection.Answer, error) {
	d, err := h.s.draftAs(ledger.DeriveID("holdings", h.key[:], []byte(strconv.Itoa(len(h.pages)))), h.who, h.content)
	if err != nil {
		return nil, err
	}
	d.command.Bulk = true
	out, err := d.propose(h.r.Context(), &q)
	if err != nil {
		return nil, err
	}
	if out.Answer.Holdings == nil {
		return nil, fmt.Errorf("entry %d is no page of holdings", out.Answer.Seq)
	}
	h.pages = append(h.pages, heldPage{out.Answer.Seq, out.Receipt()})
	return &out.Answer, nil
}

func (h *holdings) people(form heldWriter) error {
	q := ledger.ReadHoldings{Part: ledger.HoldingsPlans}
	for {
		a, err := h.page(q)
		if err != nil {
			return err
		}
		for i := range a.People {
			p := &a.People[i]
			for j := range p.Plans {
				line, err := h.s.heldPlan(&p.Plans[j], a.At.Day())
				if err != nil {
					return err
				}
				if err := form.line(line); err != nil {
					return err
				}
			}
			q.After = p.Person
		}
		if !a.Holdings.More {
			return nil
		}
	}
}

func (h *holdings) rows(form heldWriter, q *ledger.ReadHoldings) error {
	for {
		a, err := h.page(*q)
		if err != nil {
			return err
		}
		for i := range a.Rows {
			line, err := h.s.heldRow(&a.Rows[i])
			if err != nil {
				return err
			}
			if err := form.line(line); err != nil {
				return err
			}
		}
		if !a.Holdings.More {
			return nil
		}
		q.From = a.Holdings.Rows[len(a.Holdings.Rows)-1]
	}
}

// heldCSV writes holdings as CSV.
type heldCSV struct{ w *csv.Writer }

func newHeldCSV(w io.Writer) *heldCSV {
	h := &heldCSV{csv.NewWriter(w)}
	_ = h.w.Write(heldColumns) // a pipe's error comes back with the next line
	return h
}

func (h *heldCSV) line(l *heldLine) error {
	return h.w.Write([]string{l.state, inert(l.nhs), inert(l.family), inert(l.given), inert(l.birth), inert(l.kind), inert(l.start), inert(l.end),
		inert(l.local), inert(l.team), inert(l.worker), l.row, l.code})
}

func (h *heldCSV) end([]heldPage) error {
	h.w.Flush()
	return h.w.Error()
}

// heldJSON writes holdings as one JSON object; only a line at a time is in memory.
type heldJSON struct {
	w     io.Writer
	lines int
}

func (h *heldJSON) line(l *heldLine) error {
	j := newJSONWriter()
	j.open('{')
	j.field("state", l.state)
	for _, f := range []struct{ name, value string }{{"nhsNumber", l.nhs}, {"familyName", l.family}, {"givenNames", l.given}, {"dateOfBirth", l.birth},
		{"planType", l.kind}, {"start", l.start}, {"end", l.end}, {"localId", l.local}, {"team", l.team}, {"worker", l.worker}, {"code", l.code},
		{"message", rowMessage(l.code)}} {
		j.optional(f.name, f.value)
	}
	if l.row != "" {
		j.key("row")
		j.b = append(j.b, l.row...)
		j.comma = true
	}
	if l.id != 0 {
		j.key("id")
		j.number(int64(l.id))
	}
	if l.restricted {
		j.key("restricted")
		j.boolean(true)
	}
	if len(l.suggestion) > 0 {
		j.key("suggestion")
		j.open('{')
		for _, name := range uploadColumns {
			j.optional(name, l.suggestion[name])
		}
		j.close('}')
	}
	j.close('}')
	before := `,`
	if h.lines == 0 {
		before = `{"holdings":[`
	}
	h.lines++
	_, err := h.w.Write(append([]byte(before), j.b...))
	return err
}

func (h *heldJSON) end(pages []heldPage) error {
	var b bytes.Buffer
	if h.lines == 0 {
		b.WriteString(`{"holdings":[`)
	}
	j := newJSONWriter()
	j.open('[')
	for i := range pages {
		j.open('{')
		j.key("seq")
		j.number(int64(pages[i].seq))
		j.key("receipt")
		j.receipt(pages[i].receipt)
		j.close('}')
	}
	j.close(']')
	fmt.Fprintf(&b, `],"count":%d,"pages":%s}`, h.lines, j.b)
	_, err := h.w.Write(b.Bytes())
	return err
}
