package api

import (
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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
