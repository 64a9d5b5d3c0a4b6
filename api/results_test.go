package api

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"custos/api/cpis"
	"custos/api/demographics"
	"custos/ledger"
)

// Results and matchings give back what was put in, and take a byte a row.
func TestResultsTakeAByte(t *testing.T) {
	var r results
	var m matchings
	code := func(i int) (string, string) {
		if i%7 == 0 {
			return "rejected", "code-" + strconv.Itoa(i%56)
		}
		return "recorded", ""
	}
	said := func(i int) matching {
		return []matching{{}, {state: ledger.Matched}, {state: ledger.Matched, restricted: true}, {restricted: true},
			{state: ledger.Unmatched, reason: "no-match", twin: true, suggestion: map[string]string{"nhs_number": strconv.Itoa(i)}}}[i%5]
	}
	const n = 1000
	for i := range n {
		r.add(code(i))
		m.add([]matching{said(i)})
	}
	for i := range n {
		status, c := r.at(i)
		wantStatus, wantCode := code(i)
		require.Equal(t, []string{wantStatus, wantCode}, []string{status, c})
		require.Equal(t, said(i), *m.at(i))
	}
	require.Len(t, r.rows, n)
	require.Len(t, m.rows, n)
	require.LessOrEqual(t, len(r.kinds), 9)
	require.Len(t, m.odd, n/5, "only what matches nobody takes more")
	require.Nil(t, (*matchings)(nil).at(3))
}

// Every reason of the register is a code of rows; every code that a sound CP-IS
// record can come to is a detail of message 02, and both lists call it the same.
func TestReasonsAreWords(t *testing.T) {
	for _, r := range []demographics.Reason{demographics.ReasonNumberAbsent, demographics.ReasonNumberInvalid, demographics.ReasonNumberUnknown,
		demographics.ReasonNumberSuperseded, demographics.ReasonNumberInvalidated, demographics.ReasonDetailsAbsent, demographics.ReasonRegisterIncomplete,
		demographics.ReasonFamilyName, demographics.ReasonGivenNames, demographics.ReasonBirthDate, demographics.ReasonOtherName, demographics.ReasonSeveralDiffer} {
		require.Contains(t, rowMessages, reasonCodes[r], "%s", r)
	}
	for code := range rowMessages {
		if strings.HasPrefix(code, "csv-") {
			continue // of another form
		}
		require.NotEmpty(t, cpis.Detail(code).Meaning(), code)
		require.Equal(t, recordCode(code), string(cpis.Detail(code).RecordCode()), code)
	}
	for code, detail := range problemDetails {
		require.Contains(t, fileCodes, code)
		require.NotEmpty(t, detail.Meaning())
	}
}

// A record is rejected as soon as one of its plans is, in whatever order.
func TestTally(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all tally
		failed := 0
		n := rapid.IntRange(1, 40).Draw(t, "records")
		for record := 1; record <= n; record++ {
			bad := ""
			for row := range rapid.IntRange(1, 3).Draw(t, "plans") {
				status := rapid.SampledFrom([]string{"recorded", "unchanged", "ended", "rejected", "unmatched", "deleted"}).Draw(t, "status")
				code := ""
				if !loaded(status) {
					code = "code-" + strconv.Itoa(row)
					if bad == "" {
						bad = code
					}
				}
				no, at := recordOf(rowNumber(record, row))
				require.Equal(t, []int{record, row}, []int{no, at})
				all.note(rowNumber(record, row), status, code)
			}
			if bad != "" {
				failed++
			}
			_, code := all.records.at(record - 1)
			require.Equal(t, bad, code)
		}
		require.Equal(t, n, all.records.len())
		require.Equal(t, failed, all.failed)
	})
}

// Whatever comes, rows are numbered upwards, each tells its record, and nothing
// submitted stands in an error.
func FuzzXMLSource(f *testing.F) {
	f.Add(`<File xmlns="urn:hl7-org:v3"><creationTime value="2026"/><id extension="1"/></File>`)
	var b strings.Builder
	out, err := cpis.NewWriter(&b, cpis.Header{Created: "2026", Sequence: 1, Quantity: 3, Sender: northbank})
	require.NoError(f, err)
	for _, r := range []cpis.Record{plan(1), plan(2), plan(1)} {
		require.NoError(f, out.Write(&r))
	}
	require.NoError(f, out.Close())
	f.Add(b.String())
	f.Fuzz(func(t *testing.T, text string) {
		source, err := newXMLSource(strings.NewReader(text))
		last := 0
		for err == nil {
			var row planRow
			if row, err = source.next(); err != nil {
				break
			}
			require.Greater(t, row.n, last)
			last = row.n
			record, _ := recordOf(row.n)
			require.Equal(t, source.r.Read(), record)
			if whole := row.whole(); whole != "" {
				again, err := recordFrom(whole)
				require.NoError(t, err)
				require.Equal(t, row.record, again)
			}
		}
		var wrong *messageProblem
		if !errors.Is(err, io.EOF) {
			require.ErrorAs(t, fileProblem(err), &wrong)
			require.NotEmpty(t, wrong.detail.Meaning())
		}
	})
}
