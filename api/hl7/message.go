package hl7

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxSegments = 200
	maxControl  = 50
)

// Message is one message taken apart: segments, in order.
type Message struct {
	segments []segment
	marks    marks
}

// marks are the characters between the parts of a message: fields, components,
// repetitions, what escapes, and subcomponents.
type marks struct{ field, component, repetition, escape, sub byte }

type segment struct {
	name   string
	fields []string // the first is the name
}

// Fault is why a message is not taken: our code, and HL7's own (table 0357). It
// holds nothing of the message.
type Fault struct {
	Code   string
	Number string
	Place  string // segment and field, as PID-3; may be empty
}

// Error is the code and the place.
func (f *Fault) Error() string {
	if f.Place == "" {
		return f.Code
	}
	return f.Code + " at " + f.Place
}

// HL7's numbers for what is wrong.
const (
	numberSequence  = "100" // segment sequence error
	numberRequired  = "101"
	numberType      = "102" // data type error
	numberValue     = "103" // table value not found
	numberMessage   = "200" // unsupported message type
	numberEvent     = "201"
	numberMode      = "202" // unsupported processing id
	numberOurs      = "207" // application internal error
	codeSyntax      = "hl7-syntax"
	codeEncoding    = "hl7-encoding"
	codeTooMany     = "hl7-too-many-segments"
	codeEvent       = "hl7-event"
	codeMode        = "hl7-processing-id"
	codeControl     = "hl7-control-id"
	codeMissing     = "hl7-field-missing"
	codeDate        = "date-format"
	codeFieldLength = "hl7-field-too-long"
)

// Parse takes a message apart. With an error too the message tells its control
// id, if that could be read. Its error is a *[Fault].
func Parse(b []byte) (*Message, error) {
	m := &Message{}
	text := string(b)
	if len(text) < 9 || text[:3] != "MSH" {
		return m, &Fault{codeSyntax, numberSequence, "MSH"}
	}
	m.marks = marks{text[3], text[4], text[5], text[6], text[7]}
	if !m.marks.distinct() || text[8] != m.marks.field {
		return m, &Fault{codeSyntax, numberSequence, "MSH-2"}
	}
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if len(m.segments) == maxSegments {
			return m, &Fault{codeTooMany, numberSequence, ""}
		}
		fields := strings.Split(line, string(m.marks.field))
		if !segmentName(fields[0]) {
			return m, &Fault{codeSyntax, numberSequence, ""}
		}
		if fields[0] == "MSH" { // the mark between fields is itself the first
			if len(m.segments) > 0 {
				return m, &Fault{codeSyntax, numberSequence, "MSH"}
			}
			fields = append([]string{fields[0], string(m.marks.field)}, fields[1:]...)
		}
		m.segments = append(m.segments, segment{fields[0], fields})
	}
	if set := m.Value("MSH", 18, 0, 1); strings.HasPrefix(set, "8859") {
		m.latin()
	}
	for i := range m.segments {
		for _, f := range m.segments[i].fields {
			if !utf8.ValidString(f) || strings.ContainsFunc(f, unicode.IsControl) {
				return m, &Fault{codeEncoding, numberType, m.segments[i].name}
			}
		}
	}
	return m, nil
}

// latin makes UTF-8 of a message that says it is of ISO 8859-1.
func (m *Message) latin() {
	for i := range m.segments {
		for n, f := range m.segments[i].fields {
			runes := make([]rune, len(f))
			for k := range len(f) {
				runes[k] = rune(f[k])
			}
			m.segments[i].fields[n] = string(runes)
		}
	}
}

// distinct tells whether the marks can be told apart, and are none of what
// values are made of.
func (k marks) distinct() bool {
	all := []byte{k.field, k.component, k.repetition, k.escape, k.sub}
	for i, c := range all {
		if c <= ' ' || c >= 0x7f || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return false
		}
		for _, other := range all[:i] {
			if other == c {
				return false
			}
		}
	}
	return true
}

func segmentName(s string) bool {
	if len(s) != 3 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Value is a component (from 1) of a repetition (from 0) of a field, of the first
// segment of a name; empty if it is not there. Of subcomponents it is the first.
func (m *Message) Value(name string, field, repetition, component int) string {
	repetitions := m.repetitions(name, field)
	if repetition >= len(repetitions) {
		return ""
	}
	parts := strings.Split(repetitions[repetition], string(m.marks.component))
	if component > len(parts) {
		return ""
	}
	part, _, _ := strings.Cut(parts[component-1], string(m.marks.sub))
	if part == `""` { // HL7's word for a value that was taken away
		return ""
	}
	return strings.TrimSpace(m.unescape(part))
}

func (m *Message) repetitions(name string, field int) []string {
	for i := range m.segments {
		if m.segments[i].name == name && field < len(m.segments[i].fields) {
			return strings.Split(m.segments[i].fields[field], string(m.marks.repetition))
		}
	}
	return nil
}

// unescape puts the marks back that stand in a value. Other escapes say how a
// text looks, and are left out.
func (m *Message) unescape(s string) string {
	mark := string(m.marks.escape)
	if !strings.Contains(s, mark) {
		return s
	}
	parts := strings.Split(s, mark)
	var b strings.Builder
	for i, p := range parts {
		if i%2 == 0 || i == len(parts)-1 {
			b.WriteString(p)
			continue
		}
		switch p {
		case "F":
			b.WriteByte(m.marks.field)
		case "S":
			b.WriteByte(m.marks.component)
		case "R":
			b.WriteByte(m.marks.repetition)
		case "E":
			b.WriteByte(m.marks.escape)
		case "T":
			b.WriteByte(m.marks.sub)
		}
	}
	return b.String()
}

// Control is the message's control id, which an answer repeats; empty for one
// that is not made of letters, digits and marks between them.
func (m *Message) Control() string {
	id := m.Value("MSH", 10, 0, 1)
	if len(id) > maxControl || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:") != "" {
		return ""
	}
	return id
}
