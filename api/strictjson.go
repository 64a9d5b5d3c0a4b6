package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
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
	pooled := bodies.Get().(*[]byte)
	b, err := readBody(r, limit, (*pooled)[:0])
	if err == nil {
		err = decodeStrictBytes(b, dst)
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
		if err == io.EOF {
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

// shape is what the decoder knows of a Go type; it is worked out once per type.
type shape struct {
	kind     reflect.Kind
	elem     *shape // of a pointer or slice
	fields   []shapeField
	required uint64 // bit i: fields[i]
	open     bool
	single   bool // a slice that may be written as its one element
}

// oneOrMore is a list of strings that may be written as one string, as a token's aud.
type oneOrMore []string

type shapeField struct {
	name  string
	index int
	shape *shape
}

var shapes sync.Map // reflect.Type → *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{kind: t.Kind()}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
	case reflect.Pointer, reflect.Slice:
		s.elem = shapeOf(t.Elem())
		s.single = t == reflect.TypeFor[oneOrMore]()
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			tag := f.Tag.Get("strict")
			if f.Name == "_" {
				s.open = s.open || tag == "open"
				continue
			}
			if tag == "-" {
				continue // ours: no document can set it
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "" || name == "-" || len(s.fields) == 64 {
				panic("strict JSON: " + t.String() + "." + f.Name + " cannot be decoded")
			}
			if tag == "required" {
				s.required |= 1 << len(s.fields)
			}
			s.fields = append(s.fields, shapeField{name: name, index: i, shape: shapeOf(f.Type)})
		}
	default:
		panic("strict JSON: " + t.String() + " cannot be decoded")
	}
	shapes.Store(t, s)
	return s
}

// strictDecoder is a cursor over one document.
type strictDecoder struct {
	b     []byte
	i     int
	depth int
}

func syntax() *Problem { return problem("json-syntax") }

func (d *strictDecoder) space() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// next skips space and gives the byte that starts what follows; 0 at the end.
func (d *strictDecoder) next() byte {
	d.space()
	if d.i == len(d.b) {
		return 0
	}
	return d.b[d.i]
}

func (d *strictDecoder) word(w string) *Problem {
	if len(d.b)-d.i < len(w) || string(d.b[d.i:d.i+len(w)]) != w {
		return syntax()
	}
	d.i += len(w)
	return nil
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

func (s *shape) field(name []byte) int {
	for i := range s.fields {
		if s.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

// likeKnown tells whether name is a known field's in other letters: encoding/json, and with it many a
// reader after us, would take it for that field.
func (s *shape) likeKnown(name []byte) bool {
	for i := range s.fields {
		if bytes.EqualFold([]byte(s.fields[i].name), name) {
			return true
		}
	}
	return false
}

func likeAny(others [][]byte, name []byte) bool {
	for _, o := range others {
		if bytes.EqualFold(o, name) {
			return true
		}
	}
	return false
}

// text reads the string at the cursor. The result is part of the document, or a copy if it held escapes.
func (d *strictDecoder) text() ([]byte, *Problem) {
	d.i++
	start, ascii := d.i, true
	for ; d.i < len(d.b); d.i++ {
		switch c := d.b[d.i]; {
		case c == '"':
			t := d.b[start:d.i]
			d.i++
			if !ascii && !utf8.Valid(t) {
				return nil, problem("json-syntax").with("The text is not valid UTF-8.")
			}
			return t, nil
		case c == '\\':
			return d.escaped(start)
		case c < ' ':
			return nil, syntax()
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, syntax()
}

// escaped is text from the first backslash on.
func (d *strictDecoder) escaped(start int) ([]byte, *Problem) {
	out := append(make([]byte, 0, 2*(d.i-start)+32), d.b[start:d.i]...)
	for d.i < len(d.b) {
		c := d.b[d.i]
		d.i++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return nil, problem("json-syntax").with("The text is not valid UTF-8.")
			}
			return out, nil
		case c < ' ':
			return nil, syntax()
		case c != '\\':
			out = append(out, c)
			continue
		}
		if d.i == len(d.b) {
			return nil, syntax()
		}
		c = d.b[d.i]
		d.i++
		if c == 'u' {
			r := d.hex4()
			if utf16.IsSurrogate(r) {
				if p := d.word(`\u`); p != nil {
					return nil, p
				}
				r = utf16.DecodeRune(r, d.hex4())
				if r == utf8.RuneError {
					return nil, syntax()
				}
			}
			if r < 0 {
				return nil, syntax()
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		k := strings.IndexByte(`"\/bfnrt`, c)
		if k < 0 {
			return nil, syntax()
		}
		out = append(out, "\"\\/\b\f\n\r\t"[k])
	}
	return nil, syntax()
}

// hex4 reads four hexadecimal digits; -1 if they are not.
func (d *strictDecoder) hex4() rune {
	if len(d.b)-d.i < 4 {
		return -1
	}
	var r rune
	for range 4 {
		c := d.b[d.i]
		d.i++
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// number checks JSON's grammar and tells whether the number is a plain integer.
func (d *strictDecoder) number() (text []byte, plain bool, p *Problem) {
	start := d.i
	digits := func() int {
		n := d.i
		for d.i < len(d.b) && '0' <= d.b[d.i] && d.b[d.i] <= '9' {
			d.i++
		}
		return d.i - n
	}
	at := func(set string) bool {
		if d.i < len(d.b) && strings.IndexByte(set, d.b[d.i]) >= 0 {
			d.i++
			return true
		}
		return false
	}
	at("-")
	first := d.i
	if n := digits(); n == 0 || n > 1 && d.b[first] == '0' {
		return nil, false, syntax()
	}
	plain = true
	if at(".") {
		if plain = false; digits() == 0 {
			return nil, false, syntax()
		}
	}
	if at("eE") {
		plain = false
		at("+-")
		if digits() == 0 {
			return nil, false, syntax()
		}
	}
	return d.b[start:d.i], plain, nil
}

func (d *strictDecoder) integer(v reflect.Value) *Problem {
	t, plain, p := d.number()
	if p != nil {
		return p
	}
	if !plain || string(t) == "-0" || len(t) > 17 {
		return problem("json-type").with("A whole number is wanted, in digits.")
	}
	n, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil || n > jsonMaxInt || n < -jsonMaxInt {
		return problem("json-type").with("The number is out of range.")
	}
	if v.CanUint() {
		if n < 0 || v.OverflowUint(uint64(n)) {
			return problem("json-type").with("The number is out of range.")
		}
		v.SetUint(uint64(n))
		return nil
	}
	if v.OverflowInt(n) {
		return problem("json-type").with("The number is out of range.")
	}
	v.SetInt(n)
	return nil
}

// skip passes over one value of any type, checking that it is JSON.
func (d *strictDecoder) skip() *Problem {
	switch c := d.next(); {
	case c == '"':
		_, p := d.text()
		return p
	case c == 't':
		return d.word("true")
	case c == 'f':
		return d.word("false")
	case c == 'n':
		return d.word("null")
	case c == '-' || '0' <= c && c <= '9':
		_, _, p := d.number()
		return p
	case c != '{' && c != '[':
		return syntax()
	}
	object := d.b[d.i] == '{'
	closing := byte(']')
	if object {
		closing = '}'
	}
	if p := d.enter(); p != nil {
		return p
	}
	if d.next() == closing {
		d.i++
		d.depth--
		return nil
	}
	for {
		if object {
			if d.next() != '"' {
				return syntax()
			}
			if _, p := d.text(); p != nil {
				return p
			}
			if d.next() != ':' {
				return syntax()
			}
			d.i++
		}
		if p := d.skip(); p != nil {
			return p
		}
		c := d.next()
		if c != ',' && c != closing {
			return syntax()
		}
		d.i++
		if c == closing {
			d.depth--
			return nil
		}
	}
}

// printable tells whether t is free of control characters other than tab and line breaks.
func printable(t []byte) bool {
	for _, c := range t {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}
