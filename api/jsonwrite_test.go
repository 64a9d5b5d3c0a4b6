package api

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"custos/ledger"
)

// requireSameText holds the writer against encoding/json, byte for byte.
func requireSameText(t require.TestingT, s string) {
	want, err := json.Marshal(s)
	require.NoError(t, err)
	require.Equal(t, string(want), string(appendText(nil, s)))
}

func TestJSONText(t *testing.T) {
	for _, s := range []string{"", "plain", "two\nlines", "\n", "a\n\nb\n", `quote " and \ back`, "<script>&amp;</script>", "tab\tcr\rbell\x07nul\x00del\x7f", "Zoë Ñandú 李 😀",
		"bad \xff\xfe utf8", "half \xe2\x82", "line\u2028and\u2029", "\ufeffBOM", "rtl \u202e override", "mixed\n\"é", strings.Repeat("x", 10000) + "\n"} {
		requireSameText(t, s)
	}
	for b := range 256 {
		requireSameText(t, string([]byte{'a', byte(b), 'z'}))
		requireSameText(t, string([]byte{byte(b)}))
	}
}

func FuzzJSONText(f *testing.F) {
	for _, s := range []string{"", "a\nb", "\"\\", "é\xff", "<&>\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { requireSameText(t, s) })
}

// A document of any shape is valid, and says what encoding/json would say.
func TestJSONDocuments(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("\"\\\n\r\t\x00\x1f<>&é\u2028😀\ufffd,:{}[]"))),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	var value func(t *rapid.T, j *jsonWriter, depth int) any
	value = func(t *rapid.T, j *jsonWriter, depth int) any {
		kinds := 5
		if depth == 0 {
			kinds = 4
		}
		switch rapid.IntRange(0, kinds).Draw(t, "kind") {
		case 0:
			s := text.Draw(t, "text")
			j.text(s)
			return s
		case 1:
			n := rapid.Int64().Draw(t, "number")
			j.number(n)
			return n
		case 2:
			b := rapid.Bool().Draw(t, "boolean")
			j.boolean(b)
			return b
		case 3:
			at := rapid.Int64Range(0, 4e15).Draw(t, "time")
			j.time(ledger.Time(at))
			return time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000Z07:00")
		case 4:
			r := ledger.Receipt{Seq: ledger.Seq(rapid.Uint32().Draw(t, "seq")), Checkpoint: []byte(text.Draw(t, "checkpoint"))}
			for range rapid.IntRange(0, 3).Draw(t, "path") {
				r.Path = append(r.Path, ledger.Hash{1, 2, byte(len(r.Path))})
			}
			j.receipt(r)
			return string(r.Format())
		}
		if rapid.Bool().Draw(t, "list") {
			out := []any{}
			j.open('[')
			for range rapid.IntRange(0, 4).Draw(t, "items") {
				out = append(out, value(t, j, depth-1))
			}
			j.close(']')
			return out
		}
		out := map[string]any{}
		j.open('{')
		for _, k := range []string{"a", "b", "c"} {
			if rapid.Bool().Draw(t, "has") {
				j.key(k)
				out[k] = value(t, j, depth-1)
			}
		}
		if s := text.Draw(t, "optional"); s != "" {
			out["o"] = s
			j.optional("o", s)
		}
		j.optional("empty", "")
		j.day("none", 0)
		j.close('}')
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		j := newJSONWriter()
		j.open('[')
		want := value(t, j, 3)
		j.close(']')
		require.True(t, json.Valid(j.b), "%s", j.b)
		expected, err := json.Marshal([]any{want})
		require.NoError(t, err)
		require.JSONEq(t, string(expected), string(j.b))
	})
}

// A buffer that is used again holds nothing of what was in it before.
func TestJSONWriterIsReused(t *testing.T) {
	for _, s := range []string{strings.Repeat("long", 5000), "short", strings.Repeat("x", 2<<20), ""} {
		j := newJSONWriter()
		j.open('{')
		j.field("text", s)
		j.close('}')
		w := httptest.NewRecorder()
		j.send(w, 201)
		require.Equal(t, 201, w.Code)
		var out struct{ Text string }
		d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
		require.NoError(t, d.Decode(&out))
		require.Equal(t, s, out.Text)
		require.False(t, d.More())
	}
}
