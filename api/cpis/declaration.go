package cpis

import "bytes"

// declaration reads <?xml version="1.0" encoding="UTF-8"?>, which may be absent.
// Another encoding is known by its byte order mark, or by what it declares.
func (s *scanner) declaration() error {
	b := s.rest()
	if len(b) < 6 && s.ended == nil {
		return errNeed
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	for _, other := range []string{"\xfe\xff", "\xff\xfe", "\x00", "<\x00"} {
		if bytes.HasPrefix(b, []byte(other)) {
			return Encoding
		}
	}
	if !bytes.HasPrefix(b, []byte("<?xml")) || len(b) > 5 && nameByte[b[5]] != 0 {
		s.pos = s.end - len(b)
		return nil
	}
	n := bytes.Index(b, []byte("?>"))
	if n < 0 {
		return errNeed
	}
	i := 5
	for place, name := range []string{"version", "encoding", "standalone"} {
		from := i
		i = skipBlank(b, i)
		if i == n && place > 0 {
			break
		}
		a, end, err := s.attribute(b[:n], i)
		if err != nil || i == from || a.prefix != nil {
			return Malformed
		}
		if string(a.name) != name {
			if place == 0 {
				return Malformed
			}
			i = from
			continue
		}
		switch {
		case name == "version" && string(a.value) != "1.0":
			return Malformed
		case name == "encoding" && !bytes.EqualFold(a.value, []byte("UTF-8")):
			return Encoding
		case name == "standalone" && string(a.value) != "yes" && string(a.value) != "no":
			return Malformed
		}
		i = end
	}
	if skipBlank(b, i) != n {
		return Malformed
	}
	s.pos = s.end - len(b) + n + 2
	return nil
}
