package tools

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/projection"
)

// Every row says what the line of CSV says, under the same flags; twice the same
// ledger gives the same bytes.
func TestExportParquet(t *testing.T) {
	t.Parallel()
	w := usualFolder(t)
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, bytes.Repeat([]byte{'k'}, 32), 0o600))
	for _, flags := range [][]string{nil, {"--redact"}, {"--pseudonyms", key}} {
		export := func(format string) []byte {
			code, out, errs := run(t, append([]string{"export", "--data", w.dir, "--format", format}, flags...)...)
			require.Zero(t, code, errs)
			return []byte(out)
		}
		b := export("parquet")
		require.Equal(t, b, export("parquet"))
		rows, err := parquet.Read[parquetRow](bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		lines, err := csv.NewReader(bytes.NewReader(export("csv"))).ReadAll()
		require.NoError(t, err)
		require.Equal(t, trailColumns, lines[0])
		require.Len(t, rows, len(lines)-1)
		told := 0
		for i, r := range rows {
			of := ""
			if r.Of != 0 {
				of = strconv.FormatInt(r.Of, 10)
			}
			told += len(r.Told)
			require.Equal(t, lines[i+1], []string{strconv.FormatInt(r.Seq, 10), time.UnixMicro(r.At).UTC().Format("2006-01-02T15:04:05.000000Z"),
				r.Kind, r.Outcome, r.Code, strconv.FormatBool(r.Unscheduled), strconv.FormatBool(r.InError), r.Role, r.Organisation,
				r.Issuer, r.Subject, r.Person, strings.Join(r.Told, " "), r.Authority, of, r.Place})
		}
		require.Positive(t, told)
		file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
		require.NoError(t, err)
		var columns []string
		for _, f := range file.Schema().Fields() {
			columns = append(columns, f.Name())
		}
		require.Equal(t, trailColumns, columns)
		if len(flags) > 0 {
			for _, secret := range []string{"issuer.test", "nurse", "doctor", w.keys.Person(nhsChild).String()} {
				require.NotContains(t, string(b), secret)
			}
		}
		require.False(t, slices.ContainsFunc(rows, func(r parquetRow) bool { return len(flags) == 1 && r.Person+r.Issuer+r.Subject != "" }))
	}
}

// A table of more rows than a group has is written as it comes: when the writer has
// had so many, they are in the file, and not in memory.
func TestExportParquetInGroups(t *testing.T) {
	t.Parallel()
	w := usualFolder(t)
	f, err := openFolder(w.dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.close()) }()
	var out bytes.Buffer
	each, end := exportParquet(&out, f, func(_, name string) string { return name })
	var some []ledger.Entry
	require.NoError(t, f.entries(f.db.Head().Size, func(group []ledger.Entry) (bool, error) {
		some = append(some, group...)
		return true, nil
	}))
	const groups = 3
	for i := range groups*parquetGroup + 1 {
		require.NoError(t, each(&some[i%len(some)]))
	}
	require.Positive(t, out.Len(), "whole groups are written before the end")
	require.NoError(t, end())
	file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	require.EqualValues(t, groups*parquetGroup+1, file.NumRows())
	require.Len(t, file.RowGroups(), groups+1)
	r := parquet.NewGenericReader[parquetRow](bytes.NewReader(out.Bytes()))
	defer func() { require.NoError(t, r.Close()) }()
	row := make([]parquetRow, 1)
	view := projection.View{R: f.db}
	for i := range some {
		n, err := r.Read(row)
		require.True(t, n == 1 && (err == nil || err == io.EOF))
		want, err := view.TrailRow(some[i].Seq)
		require.NoError(t, err)
		require.Equal(t, want.Kind.String(), row[0].Kind)
	}
}
