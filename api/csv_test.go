package api

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

var (
	knownColumns    = []string{"nhs_number", "family_name", "start", "end"}
	requiredColumns = []string{"nhs_number", "family_name"}
)

func TestCSVHeader(t *testing.T) {
	for _, c := range []struct{ name, in, code, says, not string }{
		{"empty", "", "body-empty", "", ""},
		{"only a byte order mark", "\ufeff", "body-empty", "", ""},
		{"blank lines", "\n\r\n", "body-empty", "", ""},
		{"no header", "smith,9990000018\n", "csv-header-absent", "Known columns", "smith"},
		{"missing", "nhs_number,start\n", "csv-header-missing-column", `"family_name"`, ""},
		{"unknown", "nhs_number,family_name,shoe_size\n", "csv-header-unknown-column", `Column 3, "shoe_size",`, ""},
		{"unknown, not a name", "nhs_number,family_name,9990000018\n", "csv-header-unknown-column", "Column 3 is", "999"},
		{"unknown, long", "nhs_number,family_name," + strings.Repeat("a", 33) + "\n", "csv-header-unknown-column", "Column 3 is", "aaa"},
		{"empty name", "nhs_number,,family_name\n", "csv-header-unknown-column", "Column 2 is", ""},
		{"other case", "nhs_number,Family_Name\n", "csv-header-unknown-column", "Column 2 is", "Family"},
		{"doubled", "nhs_number,family_name,nhs_number\n", "csv-header-duplicate-column", `Column 3, "nhs_number"`, ""},
		{"UTF-16", "\xff\xfen\x00h\x00s\x00\n\x00", "csv-encoding", "", ""},
		{"not text", "nhs_number,\xff\n", "csv-encoding", "", ""},
		{"misquoted", "nhs_number,fam\"ily_name\n", "csv-header-absent", "", ""},
		{"endless", strings.Repeat("nhs_number,", 5000), "csv-row-too-long", "Line 1.", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newCSVRows(strings.NewReader(c.in), knownColumns, requiredColumns)
			require.EqualError(t, err, c.code)
			p := asProblem(err)
			require.Contains(t, p.Detail, c.says)
			if c.not != "" {
				require.NotContains(t, p.Detail, c.not)
			}
		})
	}
}

// readCSV reads in to its end: each row as "line:field|field…", each lost row as "line!code".
func readCSV(t *testing.T, in io.Reader) []string {
	t.Helper()
	rows, err := newCSVRows(in, knownColumns, requiredColumns)
	require.NoError(t, err)
	var got []string
	for {
		row, line, err := rows.Next()
		var lost *csvRowError
		switch {
		case err == io.EOF:
			return got
		case errors.As(err, &lost):
			require.Contains(t, problems, lost.Code)
			got = append(got, fmt.Sprintf("%d!%s", line, lost.Code))
		case err != nil:
			_, _, again := rows.Next()
			require.Equal(t, err, again, "the end is the end")
			return append(got, fmt.Sprintf("%d!!%s", line, asProblem(err).Code))
		default:
			got = append(got, fmt.Sprintf("%d:%s", line, strings.Join(row.fields, "|")))
			require.Equal(t, row.fields[1], row.get("family_name"))
		}
	}
}

func TestCSVRows(t *testing.T) {
	const h = "nhs_number,family_name\n"
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", h + "1,a\n2,b\n", []string{"2:1|a||", "3:2|b||"}},
		{"no last line break", h + "1,a", []string{"2:1|a||"}},
		{"byte order mark and CRLF", "\ufeffnhs_number,family_name\r\n1,a\r\n\r\n2,b\r\n", []string{"2:1|a||", "4:2|b||"}},
		{"CRLF cut short", h + "1,a\r", []string{"2:1|a||"}},
		{"any order", "end,family_name,nhs_number\n2026-01-01,a,1\n", []string{"2:1|a||2026-01-01"}},
		{"spaces", h + " 1 ,\u00a0a\t\n", []string{"2:1|a||"}},
		{"quotes", h + "\"1\",\"a, \"\"b\"\"\"\r\n\"2\",\"\"\n", []string{`2:1|a, "b"||`, "3:2|||"}},
		{"line break in quotes", h + "1,\"a\nb\"\n2,c\n", []string{"2:1|a\nb||", "4:2|c||"}},
		{"short and long rows", h + "1\n1,a,b\n2,b\n", []string{"2!csv-row-columns", "3!csv-row-columns", "4:2|b||"}},
		{"quote inside", h + "1,O\"Neill\n2,b\n", []string{"2!csv-row-quote", "3:2|b||"}},
		{"after a quote", h + "1,\"a\"b\n2,b\n", []string{"2!csv-row-quote", "3:2|b||"}},
		{"quote inside, at the end", h + "1,O\"Neill", []string{"2!csv-row-quote"}},
		{"invalid UTF-8", h + "1,\xff\n2,b\n", []string{"2!csv-row-encoding", "3:2|b||"}},
		{"NUL", h + "1,a\x00\n2,b\n", []string{"2!csv-row-control", "3:2|b||"}},
		{"unclosed quote", h + "1,\"a\n2,b\n", []string{"2!!csv-row-too-long"}},
		{"huge row", h + "1," + strings.Repeat("a", csvMaxRow) + "\n2,b\n", []string{"2!!csv-row-too-long"}},
		{"largest row", h + "1," + strings.Repeat("a", csvMaxRow-3) + "\n2,b\n", []string{"2:1|" + strings.Repeat("a", csvMaxRow-3) + "||", "3:2|b||"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, readCSV(t, strings.NewReader(c.in)))
			require.Equal(t, c.want, readCSV(t, iotest.OneByteReader(strings.NewReader(c.in))))
		})
	}
}

func TestCSVReadFailure(t *testing.T) {
	in := io.MultiReader(strings.NewReader("nhs_number,family_name\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := newCSVRows(in, knownColumns, requiredColumns)
	require.EqualError(t, err, "body-incomplete")
}

// repeated gives the header once and then n rows, without holding them.
func repeated(n int) io.Reader {
	row := []byte("9990000018,\"O'Neill, of somewhere\",2026-01-01,\r\n")
	return io.MultiReader(strings.NewReader("nhs_number,family_name,start,end\r\n"), &rowSource{row: row, left: n * len(row)})
}

type rowSource struct {
	row      []byte
	at, left int
}

func (s *rowSource) Read(b []byte) (n int, err error) {
	for n < len(b) && s.left > 0 {
		k := min(copy(b[n:], s.row[s.at:]), s.left)
		n, s.left, s.at = n+k, s.left-k, (s.at+k)%len(s.row)
	}
	if n == 0 {
		err = io.EOF
	}
	return n, err
}

func TestCSVMemoryIsFlat(t *testing.T) {
	rows, err := newCSVRows(repeated(100_000), knownColumns, requiredColumns)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for {
		row, line, err := rows.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		n++
		if line != n+1 || row.get("family_name") != "O'Neill, of somewhere" {
			t.Fatalf("row %d: line %d", n, line)
		}
	}
	require.Equal(t, 100_000, n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
	runtime.KeepAlive(rows)
}

// What we accept whole, encoding/csv reads the same.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"1,a\n2,b\n", "1,\"a\nb\"\r\n", "1,\"a\"\"\"", "1,\"a", "1,a\"b\n", "\xff,\x00\n", "\r\r\n,", "1,\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		in = "nhs_number,family_name\n" + in
		rows, err := newCSVRows(strings.NewReader(in), knownColumns, requiredColumns)
		require.NoError(t, err)
		var got [][]string
		for {
			row, _, err := rows.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			got = append(got, slices.Clone(row.fields[:2]))
		}
		if bytes.Contains([]byte(in), []byte("\r")) {
			return // encoding/csv drops carriage returns within quotes
		}
		want, err := csv.NewReader(strings.NewReader(in)).ReadAll()
		require.NoError(t, err)
		require.Len(t, got, len(want)-1)
		for i, w := range want[1:] {
			require.Equal(t, strings.Trim(w[0], " \t\u00a0"), got[i][0])
			require.Equal(t, strings.Trim(w[1], " \t\u00a0"), got[i][1])
		}
	})
}

func BenchmarkCSVRow(b *testing.B) {
	rows, err := newCSVRows(repeated(1<<40), knownColumns, requiredColumns)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := rows.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
