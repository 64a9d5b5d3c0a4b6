package tools

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"custos/api/cpis"
)

// A family is how a file of plans is written.
type family uint8

const (
	familyCSV family = iota
	familyJSON
	familyXML // message 01
)

func (f family) String() string { return []string{"csv", "json", "xml"}[f] }

// media is the family's media type, in which its acknowledgement comes too.
func (f family) media() string { return []string{"text/csv", "application/json", "application/xml"}[f] }

// familyOf tells a file's family by its first character, and reads nothing.
func familyOf(in *bufio.Reader) (family, error) {
	first, err := in.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if len(first) == 0 {
		return 0, errors.New("the file is empty")
	}
	switch first = bytes.TrimLeft(bytes.TrimPrefix(first, []byte("\ufeff")), " \t\r\n"); {
	case bytes.HasPrefix(first, []byte("<")):
		return familyXML, nil
	case bytes.HasPrefix(first, []byte("[")), bytes.HasPrefix(first, []byte("{")):
		return familyJSON, nil
	}
	return familyCSV, nil
}

// rowReader reads an authority's own file row by row, whatever its family; its
// memory does not grow with the file.
type rowReader struct {
	family family
	file   *os.File
	n      int // the row, or the record of message 01, that was read last

	csv     *csv.Reader
	columns []string // of a CSV file, as it has them

	json    *json.Decoder
	wrapped bool // the rows are an object's one field

	xml    *cpis.Reader
	record cpis.Record
	rest   []cpis.Row // of a record with several plans
}

// rowError says that one row cannot be read; the rows after it can. row is what
// is known of it, if anything.
type rowError struct {
	defect
	row cpis.Row
}

func (e *rowError) Error() string { return e.String() }

func openRows(path string) (*rowReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := newRows(f)
	if err != nil {
		_ = f.Close() // only read
		return nil, err
	}
	r.file = f
	return r, nil
}

func newRows(from io.Reader) (*rowReader, error) {
	r := &rowReader{}
	in := bufio.NewReaderSize(from, 256<<10)
	var err error
	if r.family, err = familyOf(in); err != nil {
		return nil, err
	}
	switch r.family {
	case familyXML:
		if r.xml, err = cpis.NewReader(in, cpis.Options{}); err != nil {
			err = r.broken(err)
		}
	case familyJSON:
		err = r.openJSON(in)
	case familyCSV:
		err = r.openCSV(in)
	}
	return r, err
}

// all reads the rest of the rows; one that is lost ends it.
func (r *rowReader) all() (rows []cpis.Row, err error) {
	for {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

func (r *rowReader) close() { _ = r.file.Close() } // only read

func (r *rowReader) openCSV(in io.Reader) error {
	r.csv = csv.NewReader(skipMark(in))
	head, err := r.csv.Read()
	switch {
	case err != nil:
		return errors.New("the file has no line of column names")
	case strings.HasPrefix(head[0], "PK\x03\x04"):
		return errors.New("the file is a spreadsheet's own, or an archive: save it as CSV, in UTF-8")
	case len(head) == 1 && strings.Count(head[0], ";")+strings.Count(head[0], "\t") > 1:
		return errors.New("the columns of the file are separated by semicolons or tabs: save it as CSV with commas")
	}
	for i, name := range head {
		name = strings.TrimSpace(name)
		if !slices.Contains(cpis.Columns, name) {
			return fmt.Errorf("column %d is unknown; known are %s", i+1, strings.Join(cpis.Columns, ", "))
		}
		r.columns = append(r.columns, name)
	}
	return nil
}

// errNotRows replaces the decoder's own words, which would repeat what was sent.
var errNotRows = errors.New("the file is not JSON of rows whose fields are known")

// openJSON reads up to the first row: of an array, or of an object whose one
// field rows is one.
func (r *rowReader) openJSON(in io.Reader) error {
	r.json = json.NewDecoder(skipMark(in))
	r.json.DisallowUnknownFields()
	t, err := r.json.Token()
	if err == nil && t == json.Delim('{') {
		r.wrapped = true
		if t, err = r.json.Token(); err == nil && t == "rows" {
			t, err = r.json.Token()
		}
	}
	if err != nil || t != json.Delim('[') {
		return errNotRows
	}
	return nil
}

// next reads a row; io.EOF after the last, a *rowError if only this one is lost.
func (r *rowReader) next() (cpis.Row, error) {
	switch r.family {
	case familyXML:
		return r.nextXML()
	case familyJSON:
		return r.nextJSON()
	}
	fields, err := r.csv.Read()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return cpis.Row{}, fmt.Errorf("line %d is not CSV: %w", bad.Line, bad.Err)
	case err != nil:
		return cpis.Row{}, err
	}
	r.n++
	var row cpis.Row
	for i, f := range fields {
		row.Set(r.columns[i], f)
	}
	return row, nil
}

func (r *rowReader) nextJSON() (row cpis.Row, err error) {
	if r.json.More() {
		r.n++
		if r.json.Decode(&row) != nil {
			err = errNotRows
		}
		return row, err
	}
	for range map[bool]int{false: 1, true: 2}[r.wrapped] {
		if _, err := r.json.Token(); err != nil {
			return row, errNotRows
		}
	}
	if _, err := r.json.Token(); !errors.Is(err, io.EOF) {
		return row, errNotRows
	}
	return row, io.EOF
}

func (r *rowReader) nextXML() (cpis.Row, error) {
	if len(r.rest) == 0 {
		err := r.xml.Next(&r.record)
		if errors.Is(err, io.EOF) {
			return cpis.Row{}, err
		}
		r.n = r.xml.Read()
		if err != nil {
			return cpis.Row{}, r.broken(err)
		}
		r.rest = r.record.Rows()
	}
	row := r.rest[0]
	r.rest = r.rest[1:]
	return row, nil
}

// broken is what a reader of message 01 said, without its type.
func (r *rowReader) broken(err error) error {
	d, ok := defectOf(err)
	switch {
	case ok && d.Record == 0:
		return errors.New(d.String())
	case !ok:
		return err
	}
	lost := &rowError{defect: d}
	var of *cpis.RecordError
	if errors.As(err, &of) && of.Echo { // the record has its form, and breaks a rule
		if rows := r.record.Rows(); len(rows) > 0 {
			lost.row = rows[0]
		}
	}
	return lost
}
