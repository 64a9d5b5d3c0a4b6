package tools

import (
	"bytes"
	"errors"
	"strconv"
)

// answer is one HTTP/1.1 answer as its bytes come in.
type answer struct {
	in     []byte
	status int
	body   int // where the body begins; 0 until the head is there
	total  int // length of head and body
}

var errNotHTTP = errors.New("the answer is not HTTP/1.1 with a Content-Length")

// maxAnswer bounds what one answer may take.
const maxAnswer = 64 << 20

func (a *answer) reset() { *a = answer{in: a.in[:0]} }

// whole reads what is there and reports whether the answer is complete.
func (a *answer) whole() (bool, error) {
	if a.body == 0 {
		end := bytes.Index(a.in, []byte("\r\n\r\n"))
		if end < 0 {
			if len(a.in) > 64<<10 {
				return false, errNotHTTP
			}
			return false, nil
		}
		if err := a.head(a.in[:end]); err != nil {
			return false, err
		}
		a.body = end + 4
		a.total += a.body
	}
	switch {
	case len(a.in) > a.total:
		return false, errNotHTTP // nothing was asked that could answer this
	case len(a.in) < a.total:
		return false, nil
	}
	return true, nil
}

// head reads the status and the body's length.
func (a *answer) head(b []byte) error {
	if len(b) < 12 || !bytes.HasPrefix(b, []byte("HTTP/1.1 ")) {
		return errNotHTTP
	}
	a.status = int(b[9]-'0')*100 + int(b[10]-'0')*10 + int(b[11]-'0')
	const name = "content-length:"
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\r\n"))
		b = rest
		if len(line) <= len(name) || line[7] != '-' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
			continue
		}
		n, err := strconv.Atoi(string(bytes.TrimSpace(line[len(name):])))
		if err != nil || n < 0 || n > maxAnswer {
			return errNotHTTP
		}
		a.total = n
		return nil
	}
	return errNotHTTP
}
