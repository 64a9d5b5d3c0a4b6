package demographics

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Columns are the columns of a register file, in any order. The first two and
// date_of_birth must be there; docs/DEMOGRAPHICS.md says what each holds.
var Columns = []string{"nhs_number", "family_name", "given_names", "date_of_birth", "postcode", "other_names", "restricted", "superseded_by", "invalid"}

var required = []string{"nhs_number", "family_name", "given_names", "date_of_birth"}

// Bounds of a register file.
const (
	maxPeople    = 2_000_000
	maxRow       = 8 << 10 // bytes of a row, give or take a buffer
	maxName      = 200     // bytes of one field of names
	maxRowErrors = 100     // row errors that are kept; the rest are counted
)

// FileError says why a register file was refused, by codes and rows alone. Nothing of a refused file is
// used.
type FileError struct {
	Code  FileCode
	Rows  []RowError // the first 100, in order, when Code is [FileRows]
	Count int        // of all rows refused
}

// RowError is one refused row: the line on which it begins, the header being line 1.
type RowError struct {
	Line int
	Code RowCode
}

// FileCode is a stable code for what is wrong with a register file.
type FileCode string

// Codes of files.
const (
	FileUnreadable      FileCode = "file-unreadable" // it is not there, or reading it failed
	FileChanging        FileCode = "file-changing"   // it was written to while it was read
	FileUnfinished      FileCode = "file-unfinished" // its last row has no line end: perhaps it is half copied
	FileTooLarge        FileCode = "file-too-large"  // more than 2,000,000 people
	FileShrunk          FileCode = "file-shrunk"     // fewer than half the people of the one in use
	FileEmpty           FileCode = "file-empty"      // no header, or no row
	FileRows            FileCode = "file-rows"       // see Rows
	HeaderUnknownColumn FileCode = "header-unknown-column"
	HeaderColumnTwice   FileCode = "header-column-twice"
	HeaderMissingColumn FileCode = "header-missing-column"
)

// RowCode is a stable code for what is wrong with one row.
type RowCode string

// Codes of rows.
const (
	RowSyntax               RowCode = "row-syntax"   // a misplaced quotation mark; nothing after it was read
	RowTooLong              RowCode = "row-too-long" // nothing after it was read
	RowColumns              RowCode = "row-columns"  // not as many fields as the header has
	RowEncoding             RowCode = "row-encoding" // not UTF-8
	RowControl              RowCode = "row-control"  // a control character, a line break in a field among them
	RowNumber               RowCode = "number-invalid"
	RowNumberTwice          RowCode = "number-twice"
	RowFamilyName           RowCode = "family-name-invalid" // absent, too long, or without a letter
	RowGivenNames           RowCode = "given-names-invalid" // too long, or without a letter; absent is allowed
	RowBirthDate            RowCode = "birth-date-invalid"  // absent, or not YYYY-MM-DD
	RowPostcode             RowCode = "postcode-invalid"
	RowOtherNames           RowCode = "other-names-invalid"
	RowRestricted           RowCode = "restricted-invalid"    // not empty, R or V
	RowInvalid              RowCode = "invalid-invalid"       // not empty or yes
	RowSupersededBy         RowCode = "superseded-by-invalid" // not an NHS number, or its own
	RowSupersededUnknown    RowCode = "superseded-by-unknown" // not in the file
	RowSupersededLoop       RowCode = "superseded-by-loop"    // leads round and round
	RowSupersededAndInvalid RowCode = "superseded-and-invalid"
)

// Error names the code and the first row.
func (e *FileError) Error() string {
	if len(e.Rows) == 0 {
		return "register file refused: " + string(e.Code)
	}
	return fmt.Sprintf("register file refused: %d rows, the first on line %d: %s", e.Count, e.Rows[0].Line, e.Rows[0].Code)
}

func (e *FileError) add(line int, code RowCode) {
	if e.Count++; len(e.Rows) < maxRowErrors {
		e.Rows = append(e.Rows, RowError{line, code})
	}
}

// watched hands reads on, and knows how much came since the last row ended and how the file ends.
type watched struct {
	r    io.Reader
	left int
	last byte
	err  error // of the reader below, other than the end
}

var errRowTooLong = errors.New("the row is too long")

// Read fails once a row is longer than any may be: an unclosed quotation mark must not take the rest of
// the file into memory.
func (w *watched) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := w.r.Read(p[:min(len(p), w.left)])
	w.left -= n
	if n > 0 {
		w.last = p[n-1]
	}
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// importCSV reads a register file whole. Its error is a *FileError, and then there is no table.
func importCSV(r io.Reader) (*table, error) {
	w := &watched{r: r, left: maxRow}
	c := csv.NewReader(w)
	c.ReuseRecord = true
	c.FieldsPerRecord = -1
	place, err := readHeader(c, w)
	if err != nil {
		return nil, err
	}
	b, wrong := newBuilder(), &FileError{Code: FileRows}
	fields := make([]string, len(Columns))
	for {
		w.left = maxRow
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if w.err != nil {
				return nil, &FileError{Code: FileUnreadable}
			}
			line, code := b.last+1, RowSyntax
			if errors.Is(err, errRowTooLong) {
				code = RowTooLong
			}
			var p *csv.ParseError
			if errors.As(err, &p) {
				line = p.StartLine
			}
			wrong.add(line, code)
			return nil, wrong
		}
		line, _ := c.FieldPos(0)
		b.last = line
		if len(cells) != len(place) {
			wrong.add(line, RowColumns)
			continue
		}
		clear(fields)
		for i, at := range place {
			fields[at] = strings.TrimSpace(cells[i])
		}
		if code := b.add(fields, line); code != "" {
			wrong.add(line, code)
		}
		if len(b.rows) > maxPeople {
			return nil, &FileError{Code: FileTooLarge}
		}
	}
	switch {
	case len(b.rows) == 0 && wrong.Count == 0:
		return nil, &FileError{Code: FileEmpty}
	case w.last != '\n':
		return nil, &FileError{Code: FileUnfinished}
	}
	t := b.finish(wrong)
	if wrong.Count > 0 {
		slices.SortStableFunc(wrong.Rows, func(a, b RowError) int { return a.Line - b.Line })
		return nil, wrong
	}
	return t, nil
}

// readHeader returns for each field of the file which column it is.
func readHeader(c *csv.Reader, w *watched) ([]int, error) {
	cells, err := c.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, &FileError{Code: FileEmpty}
	case w.err != nil:
		return nil, &FileError{Code: FileUnreadable}
	case err != nil:
		return nil, &FileError{Code: HeaderUnknownColumn}
	}
	var place []int
	for i, n := range cells {
		if i == 0 {
			n = strings.TrimPrefix(n, "\ufeff")
		}
		at := slices.Index(Columns, strings.TrimSpace(n))
		switch {
		case at < 0:
			return nil, &FileError{Code: HeaderUnknownColumn}
		case slices.Contains(place, at):
			return nil, &FileError{Code: HeaderColumnTwice}
		}
		place = append(place, at)
	}
	for _, n := range required {
		if !slices.Contains(place, slices.Index(Columns, n)) {
			return nil, &FileError{Code: HeaderMissingColumn}
		}
	}
	return place, nil
}
