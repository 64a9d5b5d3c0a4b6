package cpis

import "bytes"

// most of one start tag.
const (
	maxAttributes = 16
	maxBindings   = 64
)

var nameByte = func() (t [256]uint8) {
	for c := range 128 {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
			t[c] = 1 // may begin a name
		case c >= '0' && c <= '9' || c == '.' || c == '-':
			t[c] = 2 // may go on in one
		}
	}
	return t
}()

// word reads a name without a colon at i, nil if there is none, and where it ends.
func word(b []byte, i int) ([]byte, int) {
	if i >= len(b) || nameByte[b[i]] != 1 {
		return nil, i
	}
	from := i
	for i < len(b) && nameByte[b[i]] != 0 {
		i++
	}
	return b[from:i:i], i
}

// qualified reads a name with or without a prefix at i. ok is false for what is
// none; a name that reaches the end of b is read again with more bytes.
func qualified(b []byte, i int) (prefix, name []byte, end int, ok bool) {
	name, end = word(b, i)
	if end < len(b) && b[end] == ':' && name != nil {
		prefix = name
		name, end = word(b, end+1)
	}
	return prefix, name, end, name != nil
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// endTag reads </name>, which must be the innermost element's.
func (s *scanner) endTag(b []byte) error {
	d := len(s.ends)
	if d == 0 {
		return Malformed
	}
	open := s.names[s.nameStart(d-1):]
	if len(b) < 3+len(open) {
		if !bytes.HasPrefix(append(append([]byte("</"), open...), '>'), b) && bytes.IndexByte(b, '>') >= 0 {
			return Malformed
		}
		return errNeed
	}
	if string(b[2:2+len(open)]) != string(open) {
		return Malformed
	}
	i := skipBlank(b, 2+len(open))
	if i == len(b) {
		return errNeed
	}
	if b[i] != '>' {
		return Malformed
	}
	s.pos += i + 1
	s.leave()
	return nil
}

// startTag reads <name attribute="value" …> or the same with /> for an end.
func (s *scanner) startTag(b []byte) error {
	prefix, name, i, ok := qualified(b, 1)
	if i == len(b) {
		return errNeed
	}
	if !ok {
		return Malformed
	}
	qname := b[1:i]
	s.raw = s.raw[:0]
	empty := false
	for {
		from := i
		if i = skipBlank(b, i); i == len(b) {
			return errNeed
		}
		if b[i] == '>' {
			i++
			break
		}
		if b[i] == '/' {
			if i+1 == len(b) {
				return errNeed
			}
			if b[i+1] != '>' {
				return Malformed
			}
			i, empty = i+2, true
			break
		}
		if i == from {
			return Malformed // attributes stand apart
		}
		var a rawAttribute
		var err error
		if a, i, err = s.attribute(b, i); err != nil {
			return err
		}
		if len(s.raw) == maxAttributes {
			return TooManyElements
		}
		s.raw = append(s.raw, a)
	}
	if err := s.enter(qname); err != nil {
		return err
	}
	s.pos, s.tag = s.pos+i, i
	s.kind, s.closing = kindStart, empty
	return s.resolve(prefix, name)
}

// attribute reads name="value" at i.
func (s *scanner) attribute(b []byte, i int) (a rawAttribute, end int, err error) {
	var ok bool
	a.prefix, a.name, i, ok = qualified(b, i)
	if i == len(b) {
		return a, i, errNeed
	}
	if !ok {
		return a, i, Malformed
	}
	if i = skipBlank(b, i); i == len(b) {
		return a, i, errNeed
	}
	if b[i] != '=' {
		return a, i, Malformed
	}
	if i = skipBlank(b, i+1); i == len(b) {
		return a, i, errNeed
	}
	if b[i] != '"' && b[i] != '\'' {
		return a, i, Malformed
	}
	n := bytes.IndexByte(b[i+1:], b[i])
	if n < 0 {
		if bytes.IndexByte(b[i:], '<') >= 0 {
			return a, i, Malformed // a quotation mark was never closed: say so at once
		}
		return a, i, errNeed
	}
	if a.value, ok = s.chars(b[i+1:i+1+n], true); !ok {
		return a, i, Malformed
	}
	return a, i + n + 2, nil
}

// resolve turns prefixes into namespaces: the tag's own declarations first.
func (s *scanner) resolve(prefix, name []byte) error {
	s.attrs = s.attrs[:0]
	declared := len(s.bindings)
	for i := range s.raw {
		a := &s.raw[i]
		switch {
		case a.prefix == nil && string(a.name) == "xmlns":
			if err := s.bind("", a.value, declared); err != nil {
				return err
			}
		case string(a.prefix) == "xmlns":
			if err := s.bind(string(a.name), a.value, declared); err != nil {
				return err
			}
		}
	}
	for i := range s.raw {
		a := &s.raw[i]
		if a.prefix == nil && string(a.name) == "xmlns" || string(a.prefix) == "xmlns" {
			continue
		}
		at := attribute{name: a.name, value: a.value} // without a prefix: no namespace, whatever the default is
		if a.prefix != nil {
			var ok bool
			if at.space, ok = s.lookup(a.prefix); !ok {
				return Malformed
			}
		}
		for j := range s.attrs {
			// Two unknown namespaces may be one and the same: that is refused with them.
			if s.attrs[j].space == at.space && string(s.attrs[j].name) == string(at.name) {
				return Malformed
			}
		}
		s.attrs = append(s.attrs, at)
	}
	var ok bool
	s.name = name
	if s.space, ok = s.lookup(prefix); !ok && prefix != nil {
		return Malformed
	}
	return nil
}

// bind declares a prefix, or the default namespace, for the element just begun.
func (s *scanner) bind(prefix string, uri []byte, declared int) error {
	for _, b := range s.bindings[declared:] {
		if b.prefix == prefix {
			return Malformed
		}
	}
	b := binding{prefix: prefix, space: spaceOther, depth: len(s.ends)}
	switch string(uri) {
	case nsHL7:
		b.space = spaceHL7
	case nsLocal:
		b.space = spaceLocal
	case nsXSI:
		b.space = spaceXSI
	case nsXML:
		b.space = spaceXML
	case nsSOAP:
		b.space = spaceSOAP
	case nsAddressing:
		b.space = spaceAddressing
	case nsXMLNS:
		return Malformed
	case "":
		b.space = spaceNone
	}
	reserved := prefix == "xml" || prefix == "xmlns"
	if reserved != (b.space == spaceXML) || prefix == "xmlns" || prefix != "" && b.space == spaceNone {
		return Malformed
	}
	if len(s.bindings) >= maxBindings {
		return TooManyElements
	}
	s.bindings = append(s.bindings, b)
	return nil
}

func (s *scanner) lookup(prefix []byte) (space, bool) {
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].prefix == string(prefix) {
			return s.bindings[i].space, true
		}
	}
	return spaceNone, false
}
