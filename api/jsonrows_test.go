package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// readRows reads a whole file of rows.
func readRows(in io.Reader) (out []planRow, err error) {
	rows, err := newJSONRows(in)
	if err != nil {
		return nil, err
	}
	for {
		var r planRow
		switch err := rows.next(&r); {
		case err == io.EOF:
			return out, nil
		case err != nil:
			return out, err
		}
		out = append(out, r)
	}
}

func TestJSONRowsAccepts(t *testing.T) {
	brace := planRow{FamilyName: `a "quoted" {name} [with] \ and , é`, LocalID: "}{"}
	b, err := json.Marshal(object{"familyName": brace.FamilyName, "localId": brace.LocalID})
	require.NoError(t, err)
	for _, c := range []struct {
		in   string
		want []planRow
	}{
		{`[]`, nil}, {" [ ] \r\n\t", nil}, {`{"rows":[]}`, nil}, {" { \"rows\" : [ ] } \n", nil},
		{`[{}]`, []planRow{{}}},
		{`[{"nhsNumber":"1"},{"nhsNumber":"2"}]`, []planRow{{NHSNumber: "1"}, {NHSNumber: "2"}}},
		{` [ {"nhsNumber" : "1"} , {"nhsNumber":null} ] `, []planRow{{NHSNumber: "1"}, {}}},
		{`{"rows":[{"team":"t"}]}`, []planRow{{Team: "t"}}},
		{`[` + string(b) + `]`, []planRow{brace}},
		{`[{"localId":"\u007d\"\\"}]`, []planRow{{LocalID: `}"\`}}},
	} {
		for _, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
			got, err := readRows(in)
			require.NoError(t, err, c.in)
			require.Equal(t, c.want, got, c.in)
		}
	}
}

func TestJSONRowsRefuses(t *testing.T) {
	for in, code := range map[string]string{
		``: "json-syntax", ` `: "json-syntax", `[`: "json-syntax", `[{}`: "json-syntax", `[{},`: "json-syntax", `[{}]x`: "json-syntax", `[{}][]`: "json-syntax",
		`[{}{}]`: "json-syntax", `[{};{}]`: "json-syntax", `{"rows":[]`: "json-syntax", `{"rows":[]}}`: "json-syntax", `{"rows":[],"rows":[]}`: "json-syntax", `{"rows"[]}`: "json-syntax",
		`{"rows":{}}`: "json-type", `{}`: "json-unknown-field", `{"Rows":[]}`: "json-unknown-field", `{"row":[]}`: "json-unknown-field", `{"r\u006fws":[]}`: "json-unknown-field",
		`null`: "json-type", `"x"`: "json-type", `1`: "json-type", `[1]`: "json-type", `["x"]`: "json-type", `[[]]`: "json-type", `[{},null]`: "json-type", `[,{}]`: "json-type",
		`[{},]`: "json-type", `[{"a":1}]`: "json-unknown-field", `[{"fault":"x"}]`: "json-unknown-field", `[{"team":"a","team":"b"}]`: "json-duplicate-field", `[{"team":1}]`: "json-type",
		`[{"team":"a"]`: "json-syntax", `[{"team":"a}]`: "json-syntax", `[{"team":'a'}]`: "json-syntax", `[{team:"a"}]`: "json-syntax", `[{"team":"a",}]`: "json-syntax",
		"[{\"team\":\"a\nb\"}]": "json-syntax", "[{\"team\":\"\xff\"}]": "json-syntax", "\ufeff[]": "json-type", "\xff\xfe[": "json-type",
		`[{"team":"` + strings.Repeat("x", jsonRowMax) + `"}]`: "json-type", `[` + strings.Repeat(`{"team":`, jsonRowMax): "json-type",
	} {
		_, err := readRows(strings.NewReader(in))
		var p *Problem
		require.ErrorAs(t, err, &p, "%.60s", in)
		require.Equal(t, code, p.Code, "%.60s", in)
	}
	broken := errors.New("broken")
	for _, in := range []string{"", "[", `[{"team"`, `[{}`, `[{}]`, `{"ro`, `{"rows":[]`} {
		_, err := readRows(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken, in)
	}
}

func TestJSONRowsMemoryIsFlat(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	row := []byte(`{"nhsNumber":"9990000018","familyName":"Featherstonehaugh"},`)
	in := io.MultiReader(strings.NewReader("["), io.LimitReader(cycle(row), int64(len(row)*50_000)), strings.NewReader("{}]"))
	rows, err := newJSONRows(in)
	require.NoError(t, err)
	n := 0
	for {
		var r planRow
		if err := rows.next(&r); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
		n++
	}
	require.Equal(t, 50_001, n)
	require.LessOrEqual(t, cap(rows.row), jsonRowMax)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(4<<20))
}

// cycle repeats b without end.
func cycle(b []byte) io.Reader { return &cycled{b: b} }

type cycled struct {
	b []byte
	i int
}

func (c *cycled) Read(p []byte) (int, error) {
	n := copy(p, c.b[c.i:])
	c.i = (c.i + n) % len(c.b)
	return n, nil
}

// Whatever the rows' reader takes, encoding/json takes, and reads as the same;
// and it takes every array of strict rows that is split over no two fields.
func FuzzJSONRows(f *testing.F) {
	for _, s := range []string{`[]`, `[{}]`, `{"rows":[{"team":"a"}]}`, `[{"nhsNumber":"9990000018","familyName":"O\"B\u0072ien"},{"end":null}]`, `[{"team":"}"}]`, `[{},]`, `{"rows":[]}x`, `[{"team":"\ud800"}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readRows(bytes.NewReader(b))
		slow, slowErr := readRows(iotest.OneByteReader(bytes.NewReader(b)))
		require.Equal(t, got, slow)
		require.Equal(t, fmt.Sprint(err), fmt.Sprint(slowErr))
		if err != nil {
			var p *Problem
			require.ErrorAs(t, err, &p)
			require.Contains(t, problems, p.Code)
			return
		}
		var want []planRow
		if err := json.Unmarshal(b, &want); err != nil {
			var wrapped struct{ Rows []planRow }
			require.NoError(t, json.Unmarshal(b, &wrapped), "%q", b)
			want = wrapped.Rows
		}
		require.Len(t, want, len(got))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
	})
}
