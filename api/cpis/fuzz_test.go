package cpis

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

var uris = map[space]string{spaceNone: "", spaceHL7: nsHL7, spaceLocal: nsLocal, spaceXSI: nsXSI, spaceXML: nsXML, spaceOther: "other"}

var flat = strings.NewReplacer("\n", " ", "\t", " ")

// ours is a document as the scanner reads it, one line a token; ok is false for
// what it refuses, or finds bad text in.
func ours(doc []byte) (lines []string, ok bool) {
	s := newScanner(iotest.OneByteReader(bytes.NewReader(doc)), Limits{Item: 4 << 10}.or(defaultTotal, defaultElements))
	text := ""
	for {
		if s.next() != nil || s.bad {
			return nil, false
		}
		if s.kind == kindText {
			text += string(s.text)
			continue
		}
		lines, text = append(lines, "text "+text), ""
		switch s.kind {
		case kindStart:
			var attrs []string
			for _, a := range s.attrs {
				attrs = append(attrs, fmt.Sprintf("{%s}%s=%q", uris[a.space], a.name, flat.Replace(string(a.value))))
			}
			slices.Sort(attrs)
			lines = append(lines, fmt.Sprintf("start {%s}%s %v", uris[s.space], s.name, attrs))
		case kindEnd:
			lines = append(lines, "end")
		case kindEOF:
			return lines, true
		}
	}
}

// theirs is the same by encoding/xml.
func theirs(doc []byte) (lines []string, err error) {
	known := func(uri string) string {
		for _, u := range uris {
			if u == uri {
				return u
			}
		}
		return "other"
	}
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(doc, []byte("\ufeff"))))
	text, depth := "", 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return append(lines, "text "), nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.CharData:
			if depth > 0 {
				text += string(t)
			}
		case xml.StartElement:
			depth++
			var attrs []string
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					attrs = append(attrs, fmt.Sprintf("{%s}%s=%q", known(a.Name.Space), a.Name.Local, flat.Replace(a.Value)))
				}
			}
			slices.Sort(attrs)
			lines, text = append(lines, "text "+text, fmt.Sprintf("start {%s}%s %v", known(t.Name.Space), t.Name.Local, attrs)), ""
		case xml.EndElement:
			depth--
			lines, text = append(lines, "text "+text, "end"), ""
		case xml.Directive:
			return nil, errors.New("a directive")
		}
	}
}

// What the scanner accepts, encoding/xml accepts, and reads the same.
func FuzzScanner(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(m)
	}
	for _, r := range brokenRules {
		f.Add(r.file(f))
	}
	for _, s := range tolerated {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if lines, ok := ours(doc); ok {
			want, err := theirs(doc)
			require.NoError(t, err)
			require.Equal(t, want, lines)
		}
	})
}

// tolerated are documents with everything that XML may hold and HL7 does not.
var tolerated = []string{
	"<a/>      ",
	"<?xml version='1.0'   encoding='utf-8' standalone=\"yes\" ?>\r\n<!-- a -->\r\n<?pi?><a\r\nb = '\"&#9;&#xA;x' c=\"'\t\n'\">&lt;<![CDATA[<&]]]]>&amp;&#x1F600;\r\n\r</a >\n<!-- b --><?pi x?>",
	"\ufeff<p:a xmlns:p='urn:hl7-org:v3' xmlns='x'><b xmlns=''/><p:c p:d='' d=''/><x xmlns:p='y'><p:e/></x></p:a>",
	"<a xml:lang='en' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
}

func TestTheScannerReadsWhatXMLMayHold(t *testing.T) {
	for _, doc := range tolerated {
		got, ok := ours([]byte(doc))
		require.Truef(t, ok, "%q", doc)
		want, err := theirs([]byte(doc))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// quiet wants an error to hold nothing that was submitted: but for the schema's
// names, a place is made of punctuation and numbers.
func quiet(t *testing.T, err error) {
	var file *FileError
	var record *RecordError
	place := ""
	switch {
	case errors.Is(err, io.EOF) || err == nil:
		return
	case errors.As(err, &file):
		require.NotEmpty(t, file.Detail.Meaning())
		place = file.Place
	case errors.As(err, &record):
		require.NotEmpty(t, record.Detail.Meaning())
		place = record.Place
	default:
		t.Fatalf("an error of no kind: %T", err)
	}
	for _, name := range strings.FieldsFunc(place, func(r rune) bool { return strings.ContainsRune("/[]@*0123456789", r) }) {
		require.Containsf(t, schemaNames, name, "%s", place)
	}
}

// schemaNames are the words that places are made of.
var schemaNames = func() map[string]bool {
	out := map[string]bool{"npfitlc:contentId": true, "contentId": true, "xsi:nil": true}
	for _, doc := range messages(&testing.T{}) {
		for _, w := range strings.FieldsFunc(string(doc), func(r rune) bool { return strings.ContainsRune("<>/= \"\n", r) }) {
			for _, part := range strings.FieldsFunc(w, func(r rune) bool { return r >= '0' && r <= '9' }) {
				out[part] = true
			}
		}
	}
	for _, w := range []string{"templateId", "typeId", "realmCode", "suffix", "translation", "updateMode", "nullFlavor", "lACDeleteDate", "uCPDeleteDate",
		envelopeElement, "Header", "Body", "MessageID", askInteraction, "QUPC_IN", "GB", eventName, "creationTime", "versionCode", "interactionId", "processingCode",
		"processingModeCode", "acceptAckCode", "communicationFunctionRcv", "communicationFunctionSnd", "device", "ControlActEvent"} {
		out[w] = true
	}
	return out
}()

// acknowledge wants a message 02 to be writable for whatever was read, with every
// outcome and every record that can be returned.
func acknowledge(t require.TestingT, got reading) *Response {
	r := &Response{Successful: len(got.records), ResponseHeader: ResponseHeader{Created: "20260302140500+0000", Sequence: got.header.Sequence, Quantity: got.header.Quantity,
		Receiver: fable, Codes: []FileCode{FileCodeOf(len(got.records), len(got.rejected))}, Failed: len(got.rejected)}}
	for _, bad := range got.rejected {
		r.Outcomes = append(r.Outcomes, Outcome{bad.Code, bad.Detail, bad.Place})
	}
	for _, rec := range got.records {
		r.Returned = append(r.Returned, Returned{true, Record{Subjects: rec.Subjects}})
	}
	for _, rec := range got.echoes {
		r.Returned = append(r.Returned, Returned{false, rec})
	}
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	read, err := DecodeResponse(&b, Limits{})
	require.NoError(t, err)
	require.Equal(t, r, read)
	return r
}

// A file that was read and is written again reads the same.
func FuzzReader(f *testing.F) {
	f.Add(messages(f)[Upload])
	for _, r := range slices.Concat(formRules, ruleRules, brokenRules) {
		f.Add(r.file(f))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		got := readAll(bytes.NewReader(doc), Options{})
		quiet(t, got.err)
		for _, bad := range got.rejected {
			quiet(t, bad)
			require.Contains(t, string(doc), string(bad.Raw))
		}
		acknowledge(t, got)
		if !errors.Is(got.err, io.EOF) || len(got.records) == 0 {
			return
		}
		got.header.Quantity = len(got.records)
		var b bytes.Buffer
		w, err := NewWriter(&b, got.header)
		require.NoError(t, err)
		for i := range got.records {
			require.NoError(t, w.Write(&got.records[i]))
		}
		require.NoError(t, w.Close())
		again := readAll(bytes.NewReader(b.Bytes()), Options{})
		require.Equal(t, got.records, again.records)
		require.Equal(t, got.header, again.header)
	})
}

// fuzz is the same for a message that is read whole.
func fuzz[T any](f *testing.F, k Kind, read func(io.Reader, Limits) (*T, error), write func(*T) ([]byte, error)) {
	f.Add(messages(f)[k])
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := read(bytes.NewReader(doc), Limits{})
		quiet(t, err)
		if err != nil {
			return
		}
		b, err := write(m)
		require.NoError(t, err)
		again, err := read(bytes.NewReader(b), Limits{})
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func FuzzResponse(f *testing.F) {
	fuzz(f, Acknowledgement, DecodeResponse, func(r *Response) ([]byte, error) {
		var b bytes.Buffer
		// More may be said than was returned, never less: reading does not count.
		for _, m := range r.Returned {
			if m.Valid {
				r.Successful = max(r.Successful, len(r.Returned))
			} else {
				r.Failed = max(r.Failed, len(r.Returned))
			}
		}
		err := r.Write(&b)
		return b.Bytes(), err
	})
}

func FuzzQuery(f *testing.F) {
	fuzz(f, QueryMessage, DecodeQuery, func(m *Query) ([]byte, error) {
		m.Event = EventNotSaid // it is never written
		return m.Append(nil)
	})
}

func FuzzAnswer(f *testing.F) {
	fuzz(f, AnswerMessage, DecodeAnswer, func(m *Answer) ([]byte, error) { return m.Append(nil) })
}

func FuzzNotification(f *testing.F) {
	fuzz(f, AccessMessage, DecodeNotification, func(m *Notification) ([]byte, error) { return m.Append(nil) })
}

func FuzzInactive(f *testing.F) {
	fuzz(f, InactiveMessage, DecodeInactive, func(m *Inactive) ([]byte, error) { return m.Append(nil) })
}
