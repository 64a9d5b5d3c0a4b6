package api

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"custos/ledger"
)

// registerRow is one row of a register's file; code says what is wrong with it.
type registerRow struct {
	row  ledger.RegisterRow
	code string

	// Where a school lies, as its register says it: codes, of which one may be an authority's here.
	within []string
}

// registerFile reads the rows of a register's file one by one; io.EOF ends
// them. Its other columns, of which there are many, are passed over.
type registerFile struct {
	rows  *csvRows
	read  func([]string) registerRow
	began bool
}

// registerText is a register's file as UTF-8. GIAS is published in the code
// page of Windows, in which every byte is some character.
func registerText(f *spooled) (io.Reader, error) {
	in, err := f.reader()
	if err != nil {
		return nil, err
	}
	runes := bufio.NewReaderSize(in, 64<<10)
	for {
		r, n, err := runes.ReadRune()
		if errors.Is(err, io.EOF) {
			return f.reader()
		}
		if err != nil {
			return nil, err
		}
		if r == utf8.RuneError && n == 1 {
			in, err := f.reader()
			return charmap.Windows1252.NewDecoder().Reader(in), err
		}
	}
}

func newRegisterFile(in io.Reader) *registerFile {
	r := &registerFile{rows: &csvRows{r: bufio.NewReaderSize(in, 4*csvMaxRow), line: 1}}
	if bom, err := r.rows.r.Peek(3); err == nil && string(bom) == "\ufeff" {
		_, _ = r.rows.r.Discard(3)
	}
	return r
}

// next returns a row. A whole file that is none of its register's is a *Problem.
func (f *registerFile) next() (registerRow, error) {
	cells, _, err := f.rows.record()
	var bad *csvRowError
	if errors.As(err, &bad) && f.began {
		return registerRow{code: bad.Code}, nil
	}
	if errors.As(err, &bad) {
		return registerRow{}, problem("csv-header-absent")
	}
	if err != nil {
		return registerRow{}, err
	}
	f.began = true
	return f.read(cells), nil
}

// The columns of GIAS that are read, as it spells them.
const (
	giasURN    = "URN"
	giasName   = "EstablishmentName"
	giasClosed = "CloseDate"
	giasLA     = "LA (code)"
	giasGSS    = "GSSLACode (name)"
)

// newSchools reads a file of the shape of GIAS, "Get information about schools":
// columns by name in any order, dates day first.
func newSchools(in io.Reader) (*registerFile, error) {
	f := newRegisterFile(in)
	header, _, err := f.rows.record()
	if errors.Is(err, io.EOF) {
		return nil, problem("body-empty")
	}
	if err != nil {
		return nil, problem("csv-header-absent")
	}
	at := map[string]int{}
	for i, name := range header {
		if _, twice := at[name]; !twice {
			at[name] = i
		}
	}
	for _, name := range []string{giasURN, giasName} {
		if _, ok := at[name]; !ok {
			return nil, problem("csv-header-missing-column").with(`Column "` + name + `" is missing.`)
		}
	}
	f.began = true
	width := len(header)
	f.read = func(cells []string) registerRow {
		get := func(name string) string {
			if i, ok := at[name]; ok {
				return cells[i]
			}
			return ""
		}
		if len(cells) != width {
			return registerRow{code: "csv-row-columns"}
		}
		out := registerRow{row: ledger.RegisterRow{Code: get(giasURN), Name: get(giasName), Sort: ledger.SortSchool},
			within: []string{get(giasGSS), get(giasLA)}}
		if !urn.MatchString(out.row.Code) {
			out.code = "urn-format"
		}
		return out.closing(get(giasClosed), "02-01-2006")
	}
	return f, nil
}

// The columns of an ODS file that are read: they have places, not names.
const (
	odsCode, odsName, odsClosed, odsParent = 0, 1, 11, 14
	odsLeast                               = 12
)

// newOrganisations reads a file of the shape of ODS: no header, columns by
// place, dates without marks.
func newOrganisations(in io.Reader, sort string) *registerFile {
	f := newRegisterFile(in)
	f.read = func(cells []string) registerRow {
		if len(cells) < odsLeast {
			return registerRow{code: "csv-row-columns"}
		}
		out := registerRow{row: ledger.RegisterRow{Code: cells[odsCode], Name: cells[odsName], Sort: sort}}
		if len(cells) > odsParent && isCode(cells[odsParent]) {
			out.row.Parent = cells[odsParent]
		}
		if !isCode(out.row.Code) {
			out.code = "code-format"
		}
		return out.closing(cells[odsClosed], "20060102")
	}
	return f
}

// closing reads a row's last day, and finds what is wrong with its name.
func (r registerRow) closing(text, layout string) registerRow {
	if text != "" {
		t, err := time.Parse(layout, text)
		day, bad := ledger.ParseDay(t.Format(time.DateOnly))
		if err != nil || bad != nil {
			if r.code == "" {
				r.code = "close-date-format"
			}
			return r
		}
		r.row.Closed = day
	}
	r.row.Name = strings.Join(strings.Fields(r.row.Name), " ")
	if r.code == "" && (!readable(r.row.Name, 1) || isNHSNumber(r.row.Name)) {
		r.code = "name-format"
	}
	return r
}

// authorityOf finds the authority among codes that say where a school lies: one
// that is an authority's here, or an area's that lies in one.
func authorityOf(view interface {
	Organisation(string) (ledger.Organisation, bool, error)
}, within []string) (string, error) {
	for _, code := range slices.DeleteFunc(slices.Clone(within), func(s string) bool { return !isCode(s) }) {
		o, ok, err := view.Organisation(code)
		if err != nil {
			return "", err
		}
		if ok && o.Sort == ledger.SortArea && o.Parent != "" {
			if o, ok, err = view.Organisation(o.Parent); err != nil {
				return "", err
			}
		}
		if ok && o.Sort == ledger.SortAuthority {
			return o.Code, nil
		}
	}
	return "", nil
}
