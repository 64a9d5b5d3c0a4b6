package api

import (
	"bufio"
	"errors"
	"io"
	"strconv"
)

// jsonRows reads the rows of a JSON file one by one: an array of objects, or
// an object whose one field "rows" is that array. Each row is read as strictly
// as any other body; memory does not grow with the file.
type jsonRows struct {
	r       *bufio.Reader
	wrapped bool
	started bool
	row     []byte
	n       int
}

// jsonRowMax bounds one row.
const jsonRowMax = 16 << 10

func newJSONRows(in io.Reader) (*jsonRows, error) {
	j := &jsonRows{r: bufio.NewReaderSize(in, 64<<10)}
	c, err := j.token()
	if err == nil && c == '{' {
		j.wrapped = true
		if err = j.name(); err == nil {
			c, err = j.token()
		}
	}
	if err == nil && c != '[' {
		err = problem("json-type").with("The file is an array of rows, or an object whose field rows is one.")
	}
	return j, soft(err)
}

// name reads the one field name that the outer object may have.
func (j *jsonRows) name() error {
	for _, want := range []byte(`"rows"`) {
		c, err := j.token()
		if err != nil {
			return err
		}
		if c != want {
			return problem("json-unknown-field")
		}
	}
	c, err := j.token()
	if err == nil && c != ':' {
		err = problem("json-syntax")
	}
	return err
}

// token returns the next byte that is not space.
func (j *jsonRows) token() (byte, error) {
	for {
		c, err := j.r.ReadByte()
		if err != nil || (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
			return c, err
		}
	}
}

// soft turns an end in the middle into what it is: an incomplete document.
func soft(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem("json-syntax")
	}
	return err
}

// next reads one row into dst; io.EOF after the last.
func (j *jsonRows) next(dst any) error {
	c, err := j.token()
	if err != nil {
		return soft(err)
	}
	if c == ']' {
		return j.end()
	}
	if j.started {
		if c != ',' {
			return problem("json-syntax")
		}
		if c, err = j.token(); err != nil {
			return soft(err)
		}
	}
	j.started = true
	if c != '{' {
		return problem("json-type").with("Each row is an object.")
	}
	if err := j.object(); err != nil {
		return err
	}
	j.n++
	return at(decodeStrictBytes(j.row, dst), j.place())
}

// place is where the row that was read last stands, as a JSON pointer has it.
func (j *jsonRows) place() string {
	if j.wrapped {
		return "rows/" + strconv.Itoa(j.n-1)
	}
	return strconv.Itoa(j.n - 1)
}

// object collects the bytes of one object, whose brace has been read.
func (j *jsonRows) object() error {
	j.row = append(j.row[:0], '{')
	depth, quoted, escaped := 1, false, false
	for depth > 0 {
		c, err := j.r.ReadByte()
		if err != nil {
			return soft(err)
		}
		if j.row = append(j.row, c); len(j.row) > jsonRowMax {
			return problem("json-type").with("A row is too long.")
		}
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// end checks that nothing follows the rows.
func (j *jsonRows) end() error {
	c, err := j.token()
	if j.wrapped {
		if err != nil {
			return soft(err)
		}
		if c != '}' {
			return problem("json-syntax")
		}
		c, err = j.token()
	}
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return err
	}
	_ = c
	return problem("json-syntax")
}
