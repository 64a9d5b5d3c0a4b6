package api

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// csvMaxRow bounds a row with its line breaks. It is what keeps a file with one unclosed quotation mark
// from being read into memory whole.
const csvMaxRow = 16 << 10

// csvRows reads an uploaded CSV file (RFC 4180, with or without a byte order mark, LF or CRLF) row by
// row; its memory does not grow with the file. Columns come in any order; a column left out reads as "".
type csvRows struct {
	r      *bufio.Reader
	known  []string
	place  []int // the known column of each field of the file
	line   int   // the line that starts next
	fields []string
	cells  []string
	ends   []int
	text   []byte
	failed error
}

// csvRow is one row. It is good until the next call of Next.
type csvRow struct {
	known  []string
	fields []string // in the order of known
}

// get is the field of a known column, without surrounding spaces.
func (r csvRow) get(column string) string {
	return r.fields[slices.Index(r.known, column)]
}

// csvRowError says what is wrong with one row; the rows after it can still be read.
type csvRowError struct{ Code string }

// Error returns the code alone.
func (e *csvRowError) Error() string { return e.Code }

// newCSVRows reads the header. Its error is a *Problem. A column's name is repeated only when it is
// made of a-z and _ and stands beside a column that we know: otherwise the first line may be a person.
func newCSVRows(r io.Reader, known, required []string) (*csvRows, error) {
	c := &csvRows{r: bufio.NewReaderSize(r, 4*csvMaxRow), known: known, line: 1, fields: make([]string, len(known))}
	if bom, err := c.r.Peek(3); err == nil && string(bom) == "\ufeff" {
		_, _ = c.r.Discard(3)
	}
	names, _, err := c.record()
	var row *csvRowError
	switch {
	case errors.Is(err, io.EOF):
		return nil, problem("body-empty")
	case errors.As(err, &row) && row.Code == "csv-row-encoding":
		return nil, problem("csv-encoding")
	case errors.As(err, &row):
		return nil, problem("csv-header-absent")
	case err != nil:
		return nil, asProblem(err)
	}
	header := false
	for _, n := range names {
		header = header || slices.Contains(known, n)
	}
	if !header {
		return nil, problem("csv-header-absent").with("Known columns: " + strings.Join(known, ", ") + ".")
	}
	for i, n := range names {
		k := slices.Index(known, n)
		if k < 0 {
			return nil, problem("csv-header-unknown-column").with("Column " + strconv.Itoa(i+1) + quotedColumn(n) + " is unknown.")
		}
		if slices.Contains(c.place, k) {
			return nil, problem("csv-header-duplicate-column").with("Column " + strconv.Itoa(i+1) + `, "` + known[k] + `", is named twice.`)
		}
		c.place = append(c.place, k)
	}
	for _, n := range required {
		if !slices.Contains(names, n) {
			return nil, problem("csv-header-missing-column").with(`Column "` + n + `" is missing.`)
		}
	}
	return c, nil
}

func quotedColumn(n string) string {
	if len(n) == 0 || len(n) > 32 || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return `, "` + n + `",`
}

// Next gives the next row and the line it starts on. The error is io.EOF at the end; a *csvRowError if
// only this row is lost; a *Problem if the file cannot be read further.
func (c *csvRows) Next() (csvRow, int, error) {
	fields, line, err := c.record()
	if err != nil {
		return csvRow{}, line, err
	}
	if len(fields) != len(c.place) {
		return csvRow{}, line, &csvRowError{"csv-row-columns"}
	}
	row := csvRow{known: c.known, fields: c.fields}
	clear(c.fields)
	for i, f := range fields {
		c.fields[c.place[i]] = f
	}
	return row, line, nil
}

// record reads one row, blank lines passed over. A misplaced quotation mark or a control character costs
// the row and reading goes on at the next line; a row that does not end within csvMaxRow ends the
// reading, since what follows may be the inside of a quoted field.
func (c *csvRows) record() ([]string, int, error) {
	if c.failed != nil {
		return nil, c.line, c.failed
	}
	for {
		window, err := c.r.Peek(csvMaxRow)
		if err != nil && !errors.Is(err, io.EOF) {
			c.failed = bodyProblem(err)
			return nil, c.line, c.failed
		}
		if len(window) == 0 {
			c.failed = io.EOF
			return nil, c.line, c.failed
		}
		if n := blankLine(window); n > 0 {
			_, _ = c.r.Discard(n)
			c.line++
			continue
		}
		line := c.line
		n, code := c.split(window, errors.Is(err, io.EOF))
		if code == "csv-row-too-long" {
			c.failed = problem(code).with("Line " + strconv.Itoa(line) + ". Rows after it were not read.")
			return nil, line, c.failed
		}
		c.line += bytes.Count(window[:n], []byte{'\n'})
		text := string(c.text)
		_, _ = c.r.Discard(n)
		if !utf8.ValidString(text) {
			code = "csv-row-encoding"
		}
		if code != "" {
			return nil, line, &csvRowError{code}
		}
		c.cells = c.cells[:0]
		from := 0
		for _, to := range c.ends {
			c.cells = append(c.cells, strings.Trim(text[from:to], " \t\u00a0"))
			from = to
		}
		return c.cells, line, nil
	}
}

// blankLine is the length of the line break at the start of b, 0 if there is none.
func blankLine(b []byte) int {
	switch {
	case b[0] == '\n':
		return 1
	case len(b) > 1 && b[0] == '\r' && b[1] == '\n':
		return 2
	}
	return 0
}

// split takes the row at the start of b apart into c.text and c.ends, and gives its length with its line
// break. With a code other than csv-row-too-long, the length is where reading goes on.
func (c *csvRows) split(b []byte, last bool) (n int, code string) {
	c.text, c.ends = c.text[:0], c.ends[:0]
	i := 0
	for {
		if i < len(b) && b[i] == '"' {
			i++
			for {
				q := bytes.IndexByte(b[i:], '"')
				if q < 0 {
					return 0, "csv-row-too-long"
				}
				c.text = append(c.text, b[i:i+q]...)
				i += q + 1
				if i == len(b) || b[i] != '"' {
					break
				}
				c.text = append(c.text, '"')
				i++
			}
		} else {
			start := i
			for i < len(b) && b[i] != ',' && b[i] != '\n' && b[i] != '"' {
				i++
			}
			end := i
			if i < len(b) && b[i] == '\n' && i > start && b[i-1] == '\r' {
				i, end = i-1, i-1
			} else if i == len(b) && last && i > start && b[i-1] == '\r' {
				end--
			}
			c.text = append(c.text, b[start:end]...)
		}
		c.ends = append(c.ends, len(c.text))
		switch {
		case i == len(b) && last:
			n = i
		case i == len(b):
			return 0, "csv-row-too-long"
		case b[i] == ',':
			i++
			continue
		case b[i] == '\n':
			n = i + 1
		case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
			n = i + 2
		case b[i] == '\r' && i+1 == len(b) && last:
			n = i + 1
		default:
			// A quotation mark inside an unquoted field, or something after a closing one.
			q := bytes.IndexByte(b[i:], '\n')
			if q < 0 && !last {
				return 0, "csv-row-too-long"
			}
			if q < 0 {
				return len(b), "csv-row-quote"
			}
			return i + q + 1, "csv-row-quote"
		}
		for _, x := range c.text {
			if x < ' ' && x != '\t' && x != '\n' && x != '\r' || x == 0x7f {
				return n, "csv-row-control"
			}
		}
		return n, ""
	}
}
