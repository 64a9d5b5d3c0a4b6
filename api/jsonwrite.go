package api

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"custos/ledger"
)

// jsonWriter appends JSON. A lookup's answer is written with it rather than
// with encoding/json, which costs several times as much for the same bytes.
type jsonWriter struct {
	b     []byte
	comma bool
}

var jsonBuffers = sync.Pool{New: func() any { return &jsonWriter{b: make([]byte, 0, 8<<10)} }}

func newJSONWriter() *jsonWriter {
	j := jsonBuffers.Get().(*jsonWriter)
	j.b, j.comma = j.b[:0], false
	return j
}

func (j *jsonWriter) sep() {
	if j.comma {
		j.b = append(j.b, ',')
	}
	j.comma = true
}

func (j *jsonWriter) open(c byte) {
	j.sep()
	j.b = append(j.b, c)
	j.comma = false
}

func (j *jsonWriter) close(c byte) {
	j.b = append(j.b, c)
	j.comma = true
}

// key appends an object's key, which is ours and needs no escaping.
func (j *jsonWriter) key(k string) {
	j.sep()
	j.b = append(j.b, '"')
	j.b = append(j.b, k...)
	j.b = append(j.b, '"', ':')
	j.comma = false
}

func (j *jsonWriter) text(s string) {
	j.sep()
	j.b = appendText(j.b, s)
}

func (j *jsonWriter) number(n int64) {
	j.sep()
	j.b = strconv.AppendInt(j.b, n, 10)
}

func (j *jsonWriter) boolean(v bool) {
	j.sep()
	j.b = strconv.AppendBool(j.b, v)
}

func (j *jsonWriter) time(t ledger.Time) {
	j.sep()
	j.b = append(j.b, '"')
	std := t.Std() // UTC; this one form is written by the library without reading its layout first
	j.b = std.AppendFormat(j.b, time.RFC3339)
	ms := std.Nanosecond() / 1_000_000
	j.b = append(j.b[:len(j.b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', '"')
}

// value appends what encoding/json makes of a value.
func (j *jsonWriter) value(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	j.sep()
	j.b = append(j.b, b...)
	return nil
}

// field and its kin append a key and its value.
func (j *jsonWriter) field(k, v string) { j.key(k); j.text(v) }

func (j *jsonWriter) optional(k, v string) {
	if v != "" {
		j.field(k, v)
	}
}

func (j *jsonWriter) day(k string, d ledger.Day) { j.optional(k, d.String()) }

// receipt appends a tlog-proof as a JSON string, straight from its parts: only
// its line ends need escaping.
func (j *jsonWriter) receipt(r ledger.Receipt) {
	j.sep()
	b := append(j.b, `"c2sp.org/tlog-proof@v1\n`...)
	if r.Leaf != (ledger.Hash{}) {
		b = append(b, `extra `...)
		b = base64.StdEncoding.AppendEncode(b, r.Leaf[:])
		b = append(b, `\n`...)
	}
	b = append(b, `index `...)
	b = strconv.AppendUint(b, uint64(r.Seq), 10)
	b = append(b, `\n`...)
	for i := range r.Path {
		b = base64.StdEncoding.AppendEncode(b, r.Path[i][:])
		b = append(b, `\n`...)
	}
	b = append(b, `\n`...)
	quoted := appendText(b, string(r.Checkpoint))
	// appendText put its own quotation mark first: take it out again.
	at := len(b)
	copy(quoted[at:], quoted[at+1:])
	j.b = quoted[:len(quoted)-1]
}

// appendText appends a JSON string. Nearly all are plain; a checkpoint has line
// ends and one dash.
func appendText(b []byte, s string) []byte {
	mark, start, wide := len(b), 0, false
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			b = append(append(b, s[start:i]...), '\\', 'n')
			start = i + 1
		case c < 0x20, c == '"', c == '\\', c == '<', c == '>', c == '&', c == 0xe2 && separator(s[i:]):
			return appendSlow(b[:mark], s)
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	if wide && !utf8.ValidString(s) {
		return appendSlow(b[:mark], s)
	}
	return append(append(b, s[start:]...), '"')
}

// separator reports whether s begins with one of the two line separators that
// are no part of JavaScript's strings.
func separator(s string) bool {
	return strings.HasPrefix(s, "\u2028") || strings.HasPrefix(s, "\u2029")
}

func appendSlow(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always encodes
		panic(err)
	}
	return append(b, quoted...)
}

// send writes the answer and gives the buffer back.
// flush writes what there is once it is long.
func (j *jsonWriter) flush(w io.Writer) error {
	if len(j.b) < 32<<10 {
		return nil
	}
	_, err := w.Write(j.b)
	j.b = j.b[:0]
	return err
}

// free gives the writer back.
func (j *jsonWriter) free() {
	if cap(j.b) <= 1<<20 {
		jsonBuffers.Put(j)
	}
}

func (j *jsonWriter) send(w http.ResponseWriter, status int) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(j.b))}
	w.WriteHeader(status)
	_, _ = w.Write(j.b) // who reads no more needs no error
	j.free()
}

// sendJSON writes an answer that is not worth a writer of its own.
func sendJSON(w http.ResponseWriter, v any) error { return sendStatus(w, http.StatusOK, v) }

// sendStatus is sendJSON under another status.
func sendStatus(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	_, _ = w.Write(b) // who reads no more needs no error
	return nil
}
