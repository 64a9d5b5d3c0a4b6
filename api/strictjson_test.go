package api

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

type probe struct {
	Number string     `json:"nhsNumber" strict:"required"`
	Reason *string    `json:"reason"`
	Yes    *bool      `json:"unscheduled"`
	Count  int64      `json:"count"`
	Small  uint32     `json:"small"`
	Names  []string   `json:"names"`
	Trace  *probeIn   `json:"trace"`
	Rows   []*probeIn `json:"rows"`
}

type probeIn struct {
	Family string `json:"family" strict:"required"`
	Given  string `json:"given"`
}

type openProbe struct {
	_   struct{} `strict:"open"`
	Sub string   `json:"sub"`
}

func TestDecodeStrictRefuses(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for _, c := range []struct{ name, in, code, pointer string }{
		{"empty", "", "body-empty", ""},
		{"spaces", " \n", "body-empty", ""},
		{"byte order mark", "\xef\xbb\xbf{}", "json-syntax", ""},
		{"not JSON", "nhsNumber=1", "json-syntax", ""},
		{"cut", `{"nhsNumber":"1"`, "json-syntax", ""},
		{"null", "null", "json-type", ""},
		{"array", "[]", "json-type", ""},
		{"string", `"x"`, "json-type", ""},
		{"trailing", `{"nhsNumber":"1"}x`, "json-syntax", ""},
		{"two documents", `{"nhsNumber":"1"}{"nhsNumber":"2"}`, "json-syntax", ""},
		{"trailing comma", `{"nhsNumber":"1",}`, "json-syntax", ""},
		{"single quotes", `{'nhsNumber':"1"}`, "json-syntax", ""},
		{"comment", `{/**/"nhsNumber":"1"}`, "json-syntax", ""},
		{"duplicate", `{"nhsNumber":"1","nhsNumber":"2"}`, "json-duplicate-field", "/nhsNumber"},
		{"duplicate null", `{"nhsNumber":"1","reason":null,"reason":null}`, "json-duplicate-field", "/reason"},
		{"duplicate by escape", `{"nhsNumber":"1","nhsN\u0075mber":"2"}`, "json-duplicate-field", "/nhsNumber"},
		{"other case", `{"nhsNumber":"1","NHSNumber":"2"}`, "json-unknown-field", ""},
		{"other case alone", `{"NHSNUMBER":"1"}`, "json-unknown-field", ""},
		{"mass assignment", `{"nhsNumber":"1","role":"admin"}`, "json-unknown-field", ""},
		{"unknown inside", `{"nhsNumber":"1","trace":{"family":"a","secretname":1}}`, "json-unknown-field", "/trace"},
		{"unknown in row", `{"nhsNumber":"1","rows":[{"family":"a"},{"family":"b","x":1}]}`, "json-unknown-field", "/rows/1"},
		{"missing", `{}`, "json-missing-field", "/nhsNumber"},
		{"missing by null", `{"nhsNumber":null}`, "json-missing-field", "/nhsNumber"},
		{"missing inside", `{"nhsNumber":"1","trace":{}}`, "json-missing-field", "/trace/family"},
		{"number for string", `{"nhsNumber":9990000018}`, "json-type", "/nhsNumber"},
		{"string for bool", `{"nhsNumber":"1","unscheduled":"true"}`, "json-type", "/unscheduled"},
		{"object for array", `{"nhsNumber":"1","names":{}}`, "json-type", "/names"},
		{"null in array", `{"nhsNumber":"1","names":[null]}`, "json-type", "/names/0"},
		{"number in array", `{"nhsNumber":"1","names":["a",2]}`, "json-type", "/names/1"},
		{"fraction", `{"nhsNumber":"1","count":1.0}`, "json-type", "/count"},
		{"exponent", `{"nhsNumber":"1","count":1e3}`, "json-type", "/count"},
		{"huge exponent", `{"nhsNumber":"1","count":1e999}`, "json-type", "/count"},
		{"minus zero", `{"nhsNumber":"1","count":-0}`, "json-type", "/count"},
		{"beyond 2^53", `{"nhsNumber":"1","count":9007199254740993}`, "json-type", "/count"},
		{"very long", `{"nhsNumber":"1","count":` + strings.Repeat("9", 400) + `}`, "json-type", "/count"},
		{"negative unsigned", `{"nhsNumber":"1","small":-1}`, "json-type", "/small"},
		{"over 32 bits", `{"nhsNumber":"1","small":4294967296}`, "json-type", "/small"},
		{"leading zero", `{"nhsNumber":"1","count":01}`, "json-syntax", "/count"},
		{"NaN", `{"nhsNumber":"1","count":NaN}`, "json-syntax", "/count"},
		{"plus", `{"nhsNumber":"1","count":+1}`, "json-syntax", "/count"},
		{"invalid UTF-8", "{\"nhsNumber\":\"\xff\"}", "json-syntax", "/nhsNumber"},
		{"overlong UTF-8", "{\"nhsNumber\":\"\xc0\xaf\"}", "json-syntax", "/nhsNumber"},
		{"surrogate as UTF-8", "{\"nhsNumber\":\"\xed\xa0\x80\"}", "json-syntax", "/nhsNumber"},
		{"invalid UTF-8 and escape", "{\"nhsNumber\":\"\\n\xff\"}", "json-syntax", "/nhsNumber"},
		{"lone high surrogate", `{"nhsNumber":"\ud800"}`, "json-syntax", "/nhsNumber"},
		{"lone low surrogate", `{"nhsNumber":"\udc00"}`, "json-syntax", "/nhsNumber"},
		{"half a pair", `{"nhsNumber":"\ud83dx"}`, "json-syntax", "/nhsNumber"},
		{"high and a letter", `{"nhsNumber":"\ud800\u0041"}`, "json-syntax", "/nhsNumber"},
		{"two high", `{"nhsNumber":"\ud800\ud800"}`, "json-syntax", "/nhsNumber"},
		{"low before high", `{"nhsNumber":"\udc00\ud800"}`, "json-syntax", "/nhsNumber"},
		{"bad escape", `{"nhsNumber":"\x41"}`, "json-syntax", "/nhsNumber"},
		{"bad hex", `{"nhsNumber":"\u00g0"}`, "json-syntax", "/nhsNumber"},
		{"cut escape", `{"nhsNumber":"\u00`, "json-syntax", "/nhsNumber"},
		{"raw newline", "{\"nhsNumber\":\"a\nb\"}", "json-syntax", "/nhsNumber"},
		{"NUL", `{"nhsNumber":"a\u0000"}`, "field-value", "/nhsNumber"},
		{"escape character", `{"nhsNumber":"\u001b[2J"}`, "field-value", "/nhsNumber"},
		{"deep", deep, "json-syntax", ""},
		{"deep inside", `{"nhsNumber":"1","count":` + deep, "json-syntax", "/count"},
		{"too large", `{"nhsNumber":"` + strings.Repeat("1", 1<<20) + `"}`, "body-too-large", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var dst probe
			err := decodeStrict(strings.NewReader(c.in), 512<<10, &dst)
			require.EqualError(t, err, c.code)
			p := asProblem(err)
			require.Equal(t, c.code, p.Code)
			require.Equal(t, c.pointer, p.Pointer)
			require.NotContains(t, p.Detail+p.Pointer, "secretname")
		})
	}
}

func TestDecodeStrictAccepts(t *testing.T) {
	for _, in := range []string{
		`{"nhsNumber":"999 000 0018","reason":"caf\u00e9 \ud83d\ude00\n","unscheduled":true,"count":9007199254740991}`,
		" {\r\n\t\"nhsNumber\" : \"é\" , \"names\" : [ \"a\" , \"b\" ] , \"rows\" : [ ] } \n",
		`{"nhsNumber":"\"\\\/\t\r"}`,
		`{"nhsNumber":"1","trace":{"family":"a","given":"b"},"rows":[{"family":"c"},{"family":"d"}],"count":-5,"small":4294967295}`,
		`{"nhsNumber":"1","reason":null,"names":null,"trace":null,"unscheduled":false}`,
	} {
		var got, want probe
		require.NoError(t, decodeStrict(strings.NewReader(in), 1<<10, &got), in)
		require.NoError(t, json.Unmarshal([]byte(in), &want))
		require.Equal(t, want, got)
	}
	var got probe
	in := `{"nhsNumber":"` + strings.Repeat("é", 40_000) + `"}`
	require.NoError(t, decodeStrict(iotest.OneByteReader(strings.NewReader(in)), 1<<20, &got))
	require.Len(t, got.Number, 80_000)
}

// An open object skips what it does not know, but nothing that a laxer reader would take for a known field.
func TestDecodeStrictOpen(t *testing.T) {
	for in, code := range map[string]string{
		`{"sub":"a","x":{"y":[1,2.5e3,null,true,"z"]},"X2":{}}`: "",
		`{"SUB":"a"}`:                         "json-duplicate-field",
		`{"sub":"a","Sub":"b"}`:               "json-duplicate-field",
		`{"sub":"a","sub":"b"}`:               "json-duplicate-field",
		`{"sub":"a","\u017fub":"b"}`:          "json-duplicate-field", // long s folds to s
		`{"x":1,"x":2}`:                       "json-duplicate-field",
		`{"x":1,"X":2}`:                       "json-duplicate-field",
		`{"x":[}`:                             "json-syntax",
		`{"x":` + strings.Repeat(`{"a":`, 99): "json-syntax",
	} {
		var o openProbe
		err := decodeStrictBytes([]byte(in), &o)
		if code == "" {
			require.NoError(t, err)
			require.Equal(t, "a", o.Sub)
		} else {
			require.EqualError(t, err, code, in)
		}
	}
}

func TestDecodeStrictBodyFailures(t *testing.T) {
	for code, err := range map[string]error{
		"body-too-slow":   os.ErrDeadlineExceeded,
		"body-incomplete": io.ErrUnexpectedEOF,
		"body-too-large":  problem("body-too-large"),
	} {
		r := io.MultiReader(strings.NewReader(`{"nhsNumber":`), iotest.ErrReader(err))
		require.EqualError(t, decodeStrict(r, 1<<10, &probe{}), code)
	}
}

// What is accepted is what encoding/json would accept in its strictest setting, and decodes to the same.
func FuzzDecodeStrict(f *testing.F) {
	for _, s := range []string{`{"nhsNumber":"1"}`, `{"nhsNumber":"\ud83d\ude00","rows":[{"family":"x"}],"count":-1}`,
		`{"nhsNumber":"1","nhsNumber":"2"}`, `[[[[`, "{\"nhsNumber\":\"\xff\"}", `{"NHSNUMBER":"1"}`, `{"nhsNumber":"1","count":1e9}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var got, want probe
		if err := decodeStrict(bytes.NewReader(in), 1<<16, &got); err != nil {
			p := asProblem(err)
			require.Contains(t, problems, p.Code)
			require.NotEqual(t, "internal", p.Code)
			return
		}
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.DisallowUnknownFields()
		require.NoError(t, dec.Decode(&want))
		require.Equal(t, want, got)
		var o openProbe
		_ = decodeStrictBytes(in, &o)
	})
}

func BenchmarkDecodeStrict(b *testing.B) {
	in := []byte(`{"nhsNumber":"9990000018","unscheduled":true,"reason":"attended emergency department","count":1700000000}`)
	r := bytes.NewReader(in)
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(in)
		var p probe
		if err := decodeStrict(r, 64<<10, &p); err != nil {
			b.Fatal(err)
		}
	}
}
