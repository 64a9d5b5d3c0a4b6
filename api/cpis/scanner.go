package cpis

import (
	"bytes"
	"errors"
	"io"
)

// space is a namespace, as far as it matters here.
type space uint8

const (
	spaceNone  space = iota
	spaceHL7         // urn:hl7-org:v3
	spaceLocal       // NPFIT:HL7:Localisation
	spaceXSI         // the schema language's own attributes
	spaceXML
	spaceSOAP       // of version 1.1
	spaceAddressing // WS-Addressing, as Spine has it
	spaceOther
)

const (
	nsHL7   = "urn:hl7-org:v3"
	nsLocal = "NPFIT:HL7:Localisation"
	nsXSI   = "http://www.w3.org/2001/XMLSchema-instance"
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"

	nsSOAP       = "http://schemas.xmlsoap.org/soap/envelope/"
	nsAddressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
)

type kind uint8

const (
	kindStart kind = iota
	kindEnd
	kindText
	kindEOF
)

// attribute is one of a start tag, namespace declarations left out.
type attribute struct {
	space space
	name  []byte
	value []byte
}

// binding is what a prefix means, from the element at depth inwards.
type binding struct {
	prefix string
	space  space
	depth  int
}

// scanner reads XML 1.0 with namespaces: a well-formed document, in UTF-8,
// without a document type, names in ASCII. Comments and processing instructions
// are passed over. What a token holds is good until the next one.
//
// It is our own because encoding/xml bounds neither a name nor a value nor the
// depth, takes double attributes and document types, and at 58,000 records a
// second without looking at any leaves nothing for the looking. The fuzz target
// FuzzScanner holds it against encoding/xml: what is accepted here is accepted
// there, with the same names and text.
type scanner struct {
	window
	limits Limits

	kind  kind
	space space
	name  []byte
	attrs []attribute
	text  []byte
	bad   bool // the token holds bytes that are no text
	tag   int  // bytes of the start tag

	begun    bool // the document's element has begun
	started  bool // the declaration, if there is one, is behind us
	closing  bool // an empty element's end is due
	elements int  // since the count was last set back
	scratch  []byte
	names    []byte // of the elements that are open, prefixes included
	ends     []int  // where each of them ends
	bindings []binding
	raw      []rawAttribute
}

type rawAttribute struct{ prefix, name, value []byte }

func newScanner(r io.Reader, l Limits) *scanner {
	return &scanner{window: newWindow(r, l.Item, l.Total), limits: l, bindings: []binding{{prefix: "xml", space: spaceXML}}}
}

// errNeed says that a token is not yet in memory as a whole.
var errNeed = errors.New("more bytes are needed")

// next reads one token. Its error is a Detail, or what the source said.
func (s *scanner) next() error {
	for {
		done, err := s.token()
		if errors.Is(err, errNeed) {
			err = s.window.more()
			if err == nil {
				continue
			}
			done, err = s.atEnd(err)
		}
		if done || err != nil {
			return err
		}
	}
}

// atEnd says what it means that no more bytes come.
func (s *scanner) atEnd(err error) (bool, error) {
	switch {
	case errors.Is(err, errWindow) || errors.Is(err, errTotal):
		return false, TooLarge
	case !errors.Is(err, io.EOF):
		return false, err
	case s.begun && len(s.ends) == 0 && blank(s.rest()):
		s.kind = kindEOF
		return true, nil
	}
	return false, Truncated
}

// token reads what comes next; done is false for what is passed over.
func (s *scanner) token() (done bool, err error) {
	s.bad, s.scratch = false, s.scratch[:0]
	if s.closing {
		s.closing = false
		s.leave()
		return true, nil
	}
	if !s.started {
		if err := s.declaration(); err != nil {
			return false, err
		}
		s.started = true
	}
	b := s.rest()
	if len(b) == 0 {
		return false, errNeed
	}
	if b[0] != '<' {
		return s.textToken(b)
	}
	if len(b) < 2 {
		return false, errNeed
	}
	switch b[1] {
	case '/':
		return true, s.endTag(b)
	case '!':
		return s.bang(b)
	case '?':
		return false, s.instruction(b)
	}
	return true, s.startTag(b)
}

func (s *scanner) textToken(b []byte) (bool, error) {
	n := bytes.IndexByte(b, '<')
	if n < 0 {
		return false, errNeed
	}
	if len(s.ends) == 0 {
		if !blank(b[:n]) {
			return false, Malformed
		}
		s.pos += n
		return false, nil
	}
	text, ok := s.chars(b[:n], false)
	if !ok {
		return false, Malformed
	}
	s.kind, s.text = kindText, text
	s.pos += n
	return true, nil
}

// bang reads a comment or a CDATA section; a document type is refused.
func (s *scanner) bang(b []byte) (bool, error) {
	const comment, cdata = "<!--", "<![CDATA["
	switch {
	case bytes.HasPrefix(b, []byte(comment)):
		n := bytes.Index(b[len(comment):], []byte("--"))
		if n < 0 || len(comment)+n+2 == len(b) {
			return false, errNeed
		}
		if b[len(comment)+n+2] != '>' {
			return false, Malformed
		}
		s.pos += len(comment) + n + 3
		return false, nil
	case bytes.HasPrefix(b, []byte(cdata)) && len(s.ends) > 0:
		n := bytes.Index(b[len(cdata):], []byte("]]>"))
		if n < 0 {
			return false, errNeed
		}
		s.kind, s.text = kindText, s.section(b[len(cdata):len(cdata)+n])
		s.pos += len(cdata) + n + 3
		return true, nil
	case len(b) < len(cdata) && (bytes.HasPrefix([]byte(comment), b) || bytes.HasPrefix([]byte(cdata), b)):
		return false, errNeed
	case bytes.HasPrefix(b, []byte("<!DOCTYPE")):
		return false, DocumentType
	case bytes.HasPrefix([]byte("<!DOCTYPE"), b):
		return false, errNeed
	}
	return false, Malformed
}

// section is the text of a CDATA section, in which only line breaks change.
func (s *scanner) section(b []byte) []byte {
	for _, c := range b {
		if c == '&' || c == '<' || c == ']' {
			// Written as references, it is text like any other.
			var quoted []byte
			for _, c := range b {
				switch c {
				case '&':
					quoted = append(quoted, "&amp;"...)
				case '<':
					quoted = append(quoted, "&lt;"...)
				case ']':
					quoted = append(quoted, "&#93;"...)
				default:
					quoted = append(quoted, c)
				}
			}
			b = quoted
			break
		}
	}
	text, _ := s.chars(b, false) // nothing is left in it that is not text
	return text
}

// instruction passes a processing instruction over.
func (s *scanner) instruction(b []byte) error {
	n := bytes.Index(b, []byte("?>"))
	if n < 0 {
		return errNeed
	}
	name, _ := word(b, 2)
	if name == nil || bytes.EqualFold(name, []byte("xml")) || 2+len(name) != n && !blank(b[2+len(name):3+len(name)]) {
		return Malformed
	}
	s.pos += n + 2
	return nil
}

// enter goes into an element that has begun.
func (s *scanner) enter(qname []byte) error {
	if s.begun && len(s.ends) == 0 {
		return Malformed // a second root
	}
	if s.begun = true; len(s.ends) >= s.limits.Depth {
		return TooDeep
	}
	if s.elements++; s.elements > s.limits.Elements {
		return TooManyElements
	}
	s.names = append(s.names, qname...)
	s.ends = append(s.ends, len(s.names))
	return nil
}

// leave ends the innermost element.
func (s *scanner) leave() {
	d := len(s.ends)
	for len(s.bindings) > 0 && s.bindings[len(s.bindings)-1].depth >= d {
		s.bindings = s.bindings[:len(s.bindings)-1]
	}
	s.ends = s.ends[:d-1]
	s.names = s.names[:s.nameStart(d-1)]
	s.kind, s.attrs = kindEnd, s.attrs[:0]
}

// nameStart is where the name of the open element i begins.
func (s *scanner) nameStart(i int) int {
	if i == 0 {
		return 0
	}
	return s.ends[i-1]
}

// depth is how many elements are open.
func (s *scanner) depth() int { return len(s.ends) }
