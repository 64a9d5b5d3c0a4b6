package api

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
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
	j.b = t.Std().AppendFormat(j.b, "2006-01-02T15:04:05.000Z07:00")
	j.b = append(j.b, '"')
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

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\n' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= utf8.RuneSelf {
			return appendSlow(b, s)
		}
	}
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		if s[i] == '\n' {
			b = append(append(b, s[start:i]...), '\\', 'n')
			start = i + 1
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
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
func sendJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	_, _ = w.Write(b) // who reads no more needs no error
	return nil
}
