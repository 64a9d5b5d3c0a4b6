package api

import (
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"sync"
)

const (
	jsonDepth   = 32
	jsonMaxInt  = 1<<53 - 1 // beyond it, readers of JSON disagree about integers
	jsonUnknown = 64        // unknown fields of one open object
	pooledBody  = 64 << 10
)

// bodies holds buffers for small request bodies. A buffer is wiped before it goes back.
var bodies = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// decodeStrict reads the one JSON document in r, of at most limit bytes, into the struct that dst
// points at. Its error is a *Problem whose pointer is made of dst's field names and of indexes.
//
// Refused besides what JSON itself refuses: a byte order mark, invalid UTF-8, lone surrogates, control
// characters other than tab and line breaks, a field that is unknown (names are case-sensitive) or
// given twice, a missing field tagged `strict:"required"`, more than 32 levels, an integer that is
// written with a fraction or an exponent, as -0, or that exceeds 2^53-1. null counts as absent.
//
// dst may hold strings, booleans, integers, pointers, slices and structs of these; a field tagged
// `strict:"-"` is ours and passed over. A struct with a
// field `_ struct{} `+"`strict:\"open\"`"+` skips unknown fields, but none that differs from a known
// one, or from another unknown one, by case alone.
func decodeStrict(r io.Reader, limit int64, dst any) error {
	return withBody(r, limit, func(b []byte) error { return decodeStrictBytes(b, dst) })
}

// withBody hands a body of at most limit bytes to use, which must not keep it: the buffer is wiped.
func withBody(r io.Reader, limit int64, use func([]byte) error) error {
	pooled := bodies.Get().(*[]byte)
	b, err := readBody(r, limit, (*pooled)[:0])
	if err == nil {
		err = use(b)
	}
	if cap(b) <= pooledBody {
		clear(b)
		*pooled = b[:0]
		bodies.Put(pooled)
	}
	return err
}

// readBody appends all of r to b, and says as a *Problem why it could not.
func readBody(r io.Reader, limit int64, b []byte) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			old := b
			b = append(b, 0)[:len(b)]
			clear(old)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if int64(len(b)) > limit {
			return b, problem("body-too-large")
		}
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, bodyProblem(err)
		}
	}
}

// bodyProblem says why a request body could not be read.
func bodyProblem(err error) *Problem {
	var p *Problem
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return problem("body-too-large")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem("body-too-slow")
	}
	return problem("body-incomplete")
}

// decodeStrictBytes is decodeStrict for a document that is already in memory. dst keeps no part of b.
func decodeStrictBytes(b []byte, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	d := strictDecoder{b: b}
	d.space()
	if len(b) == d.i {
		return problem("body-empty")
	}
	if p := d.value(v, shapeOf(v.Type())); p != nil {
		return p
	}
	d.space()
	if d.i != len(b) {
		return problem("json-syntax").with("Something follows the document.")
	}
	return nil
}

var shapes sync.Map // reflect.Type → *shape

// strictDecoder is a cursor over one document.
type strictDecoder struct {
	b     []byte
	i     int
	depth int
}

// value decodes what is at the cursor into v. A null there is a type error: the caller, who knows
// whether absence is allowed, looks for it first.
func (d *strictDecoder) value(v reflect.Value, s *shape) *Problem {
	c := d.next()
	switch s.kind {
	case reflect.Pointer:
		e := reflect.New(v.Type().Elem())
		v.Set(e)
		return d.value(e.Elem(), s.elem)
	case reflect.Struct:
		if c == '{' {
			return d.object(v, s)
		}
	case reflect.Slice:
		if c == '[' {
			return d.array(v, s)
		}
		if c == '"' && s.single {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			return d.value(v.Index(0), s.elem)
		}
	case reflect.String:
		if c == '"' {
			t, p := d.text()
			if p == nil {
				if !printable(t) {
					return problem("field-value").with("A control character is not allowed.")
				}
				v.SetString(string(t))
			}
			return p
		}
	case reflect.Bool:
		if c == 't' {
			v.SetBool(true)
			return d.word("true")
		}
		if c == 'f' {
			v.SetBool(false)
			return d.word("false")
		}
	default:
		if c == '-' || '0' <= c && c <= '9' {
			return d.integer(v)
		}
	}
	// The wrong type; but what is no JSON at all is told apart from it.
	if p := d.skip(); p != nil {
		return p
	}
	return problem("json-type")
}

// object decodes members until the closing brace.
func (d *strictDecoder) object(v reflect.Value, s *shape) *Problem {
	if p := d.enter(); p != nil {
		return p
	}
	var seen, present uint64
	var others [][]byte
	if d.next() == '}' {
		d.i++
	} else {
		for {
			if d.next() != '"' {
				return syntax()
			}
			name, p := d.text()
			if p != nil {
				return p
			}
			if d.next() != ':' {
				return syntax()
			}
			d.i++
			f := s.field(name)
			switch {
			case f < 0 && !s.open:
				return problem("json-unknown-field")
			case f < 0:
				if len(others) == jsonUnknown {
					return problem("json-unknown-field")
				}
				if s.likeKnown(name) || likeAny(others, name) {
					return problem("json-duplicate-field")
				}
				others = append(others, name)
				if p := d.skip(); p != nil {
					return p
				}
			case seen&(1<<f) != 0:
				return problem("json-duplicate-field").within(s.fields[f].name)
			default:
				seen |= 1 << f
				if d.next() == 'n' {
					if p := d.word("null"); p != nil {
						return p.within(s.fields[f].name)
					}
					break
				}
				present |= 1 << f
				if p := d.value(v.Field(s.fields[f].index), s.fields[f].shape); p != nil {
					return p.within(s.fields[f].name)
				}
			}
			c := d.next()
			if c != ',' && c != '}' {
				return syntax()
			}
			d.i++
			if c == '}' {
				break
			}
		}
	}
	d.depth--
	if missing := s.required &^ present; missing != 0 {
		for i, f := range s.fields {
			if missing&(1<<i) != 0 {
				return problem("json-missing-field").within(f.name)
			}
		}
	}
	return nil
}

func (d *strictDecoder) array(v reflect.Value, s *shape) *Problem {
	if p := d.enter(); p != nil {
		return p
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	if d.next() == ']' {
		d.i++
		d.depth--
		return nil
	}
	for n := 0; ; n++ {
		if n >= v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		v.Index(n).SetZero()
		if p := d.value(v.Index(n), s.elem); p != nil {
			return p.within(strconv.Itoa(n))
		}
		c := d.next()
		if c != ',' && c != ']' {
			return syntax()
		}
		d.i++
		if c == ']' {
			d.depth--
			return nil
		}
	}
}

// enter goes one level down, past the bracket at the cursor.
func (d *strictDecoder) enter() *Problem {
	d.i++
	if d.depth++; d.depth > jsonDepth {
		return problem("json-syntax").with("The document is nested too deeply.")
	}
	return nil
}
