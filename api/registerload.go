package api

import (
	"errors"
	"io"
	"net/http"

	"custos/ledger"
)

// registerRejected is a row of a register that was not taken.
type registerRejected struct {
	Row     int    `json:"row"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

var registerMessages = map[string]string{
	"urn-format":        "a school's URN has six digits",
	"code-format":       "an organisation's code has 3 to 10 capitals and digits",
	"name-format":       "the name is missing, too long, or holds what cannot be shown",
	"close-date-format": "the closing date is not one of this register's form",
	"other-sort":        "the code is recorded here as another sort of organisation",
	"csv-row-columns":   "the row has too many or too few fields",
	"csv-row-quote":     "a quotation mark is out of place",
	"csv-row-encoding":  "the row is not valid text",
	"csv-row-control":   "the row holds a control character",
}

// registerSorts are the sorts of organisation that an ODS file may hold.
var registerSorts = map[string]bool{ledger.SortPractice: true, ledger.SortTrust: true, ledger.SortAuthority: true}

// postSchools takes the register of schools in the shape of GIAS.
func (s *Server) postSchools(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.loadRegister(w, r, who, "schools", newSchools)
}

// postOrganisations takes a register of organisations in the shape of ODS. They
// are no care settings by it: that is policy, and ours.
func (s *Server) postOrganisations(w http.ResponseWriter, r *http.Request, who *Identity) error {
	q := r.URL.Query()
	sort := q.Get("sort")
	if len(q) != 1 || len(q["sort"]) != 1 || !registerSorts[sort] {
		return problem("query-parameter").with("sort is practice, trust or authority.")
	}
	return s.loadRegister(w, r, who, "organisations?sort="+sort, func(in io.Reader) (*registerFile, error) { return newOrganisations(in, sort), nil })
}

// registerLoad is one file of a register on its way.
type registerLoad struct {
	s       *Server
	r       *http.Request
	who     *Identity
	key     ledger.ID
	content ledger.Tag

	changed  []ledger.RegisterRow
	recorded int
	last     ledger.Seq
	receipt  ledger.Receipt
}

// loadRegister reads a file twice: whole before anything is recorded, so that
// one which is none of its register's changes nothing, and again to record what
// differs from what is known. The same file again records nothing.
func (s *Server) loadRegister(w http.ResponseWriter, r *http.Request, who *Identity, route string, open func(io.Reader) (*registerFile, error)) error {
	if err := s.needs(3); err != nil {
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
	key, p := idempotencyKey(w, r, ledger.Of(s.cfg.Now()))
	if p != nil {
		return p
	}
	l := &registerLoad{s: s, r: r, who: who, key: ledger.ID(key), content: s.keys.ContentSum(route, file.sum)}
	rows := 0
	err = eachRegisterRow(file, open, func(registerRow) error { rows++; return nil })
	if err != nil {
		return err
	}
	if rows == 0 {
		return problem("body-empty")
	}
	rejected, homeless, n := []registerRejected{}, 0, 0
	view := s.node.View()
	err = eachRegisterRow(file, open, func(row registerRow) error {
		n++
		if row.code == "" {
			was, known, err := view.Organisation(row.row.Code)
			if err != nil {
				return err
			}
			if row.within == nil && was.Parent != "" {
				row.row.Parent = was.Parent // where an organisation lies was said here: ODS has its commissioner
			}
			if row.within != nil {
				if row.row.Parent, err = authorityOf(view, row.within); err != nil {
					return err
				}
				if row.row.Parent == "" {
					homeless++
				}
			}
			switch {
			case known && was.Sort != row.row.Sort:
				row.code = "other-sort"
			case !known, row.row != ledger.RegisterRow{Code: was.Code, Name: was.Name, Sort: was.Sort, Parent: was.Parent, Closed: was.Closed}:
				return l.add(row.row)
			default:
				return nil
			}
		}
		rejected = append(rejected, registerRejected{n, row.code, registerMessages[row.code]})
		return nil
	})
	if err == nil {
		err = l.flush()
	}
	if err != nil {
		return err
	}
	out := struct {
		Rows             int                `json:"rows"`
		Recorded         int                `json:"recorded"`
		Unchanged        int                `json:"unchanged"`
		WithoutAuthority int                `json:"withoutAuthority"`
		Rejected         []registerRejected `json:"rejected"`
		Seq              *ledger.Seq        `json:"seq,omitempty"`
		Receipt          string             `json:"receipt,omitempty"`
	}{rows, l.recorded, rows - l.recorded - len(rejected), homeless, rejected, nil, ""}
	if l.recorded > 0 {
		cite(w, l.last)
		out.Seq, out.Receipt = &l.last, string(l.receipt.Format())
	}
	return sendJSON(w, out)
}

func eachRegisterRow(file *spooled, open func(io.Reader) (*registerFile, error), each func(registerRow) error) error {
	in, err := registerText(file)
	if err != nil {
		return err
	}
	rows, err := open(in)
	if err != nil {
		return err
	}
	for {
		row, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = each(row)
		}
		if err != nil {
			return err
		}
	}
}

func (l *registerLoad) add(row ledger.RegisterRow) error {
	if l.changed = append(l.changed, row); len(l.changed) < ledger.MaxRegisterRows {
		return nil
	}
	return l.flush()
}

// flush records rows that have changed. The command's id comes from the rows:
// when a file is sent again after it broke off, what is left of it is another command.
func (l *registerLoad) flush() error {
	if len(l.changed) == 0 {
		return nil
	}
	rows, err := ledger.Marshal(l.changed)
	if err != nil {
		return err
	}
	d, err := l.s.draftAs(ledger.DeriveID("register", l.key[:], rows), l.who, l.content)
	if err != nil {
		return err
	}
	d.command.Bulk = true
	out, err := d.propose(l.r.Context(), &ledger.RecordRegister{Rows: l.changed})
	if err != nil {
		return err
	}
	l.recorded += len(l.changed)
	l.last, l.receipt = out.Answer.Seq, out.Receipt()
	l.changed = nil
	return nil
}
