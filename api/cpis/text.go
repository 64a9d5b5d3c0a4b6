package cpis

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// plainByte marks the bytes of text and attribute values that stand for
// themselves and need no second look.
var plainByte = func() (t [256]bool) {
	for c := ' '; c < 0x80; c++ {
		t[c] = c != '&' && c != ']' && c != '<' && c != 0x7f
	}
	t['\n'] = true
	return t
}()

// chars decodes character data, or an attribute's value, whose line breaks and
// tabs are spaces. ok is false where the text is not XML at all; bad text is
// what is no UTF-8, or holds what no XML may: only the record it stands in is
// lost, since markup is ASCII and was read.
func (s *scanner) chars(b []byte, attribute bool) (out []byte, ok bool) {
	i := 0
	for i < len(b) && plainByte[b[i]] && !(attribute && b[i] == '\n') {
		i++
	}
	if i == len(b) {
		return b, true
	}
	// The scratch grows within one tag: values before this one stay where they are.
	from := len(s.scratch)
	s.scratch = append(s.scratch, b[:i]...)
	for i < len(b) {
		switch c := b[i]; {
		case c == '&':
			end := bytes.IndexByte(b[i:min(len(b), i+12)], ';')
			if end < 0 {
				return nil, false
			}
			r, known := reference(b[i+1 : i+end])
			if !known {
				return nil, false
			}
			s.scratch = utf8.AppendRune(s.scratch, r)
			i += end + 1
		case c == '<':
			return nil, false
		case c == ']' && !attribute && bytes.HasPrefix(b[i:], []byte("]]>")):
			return nil, false
		case c == '\r':
			if i+1 == len(b) || b[i+1] != '\n' {
				s.scratch = append(s.scratch, lineBreak(attribute))
			}
			i++
		case c == '\n' || c == '\t' && attribute:
			s.scratch = append(s.scratch, lineBreak(attribute))
			i++
		case c < utf8.RuneSelf:
			s.bad = s.bad || !xmlChar(rune(c))
			s.scratch = append(s.scratch, c)
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			s.bad = s.bad || r == utf8.RuneError && n == 1 || !xmlChar(r)
			s.scratch = append(s.scratch, b[i:i+n]...)
			i += n
		}
	}
	return s.scratch[from:], true
}

func lineBreak(attribute bool) byte {
	if attribute {
		return ' '
	}
	return '\n'
}

// reference resolves what stands between & and ;: a number, or one of XML's own
// five names. A document can declare no others, for it can declare nothing.
func reference(name []byte) (rune, bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if len(digits) == 0 || digits[0] == '+' || digits[0] == '-' || digits[0] == '_' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune || !xmlChar(rune(n)) {
		return 0, false
	}
	return rune(n), true
}

// xmlChar tells whether XML 1.0 has the character at all.
func xmlChar(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xd800:
		return true
	}
	return r >= 0xe000 && r != 0xfffe && r != 0xffff && r <= utf8.MaxRune
}

// sound tells whether text may be written at all: UTF-8, of characters that XML has.
func sound(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !xmlChar(r) {
			return false
		}
	}
	return true
}

// plain tells whether an element's text comes back as it was: spaces around it
// are left out in reading, and those within are one.
func plain(s string) bool { return sound(s) && collapse(s) == s }

// collapse makes one space of every run of XML's spaces, and none at the ends.
func collapse(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' })
	return strings.TrimSpace(strings.Join(words, " "))
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// escape writes text, or an attribute's value, as XML.
func escape(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\t', '\n', '\r':
			dst = append(dst, "&#"...)
			dst = strconv.AppendInt(dst, int64(c), 10)
			dst = append(dst, ';')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
