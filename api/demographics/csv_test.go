package demographics

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

const header = "nhs_number,family_name,given_names,date_of_birth,postcode,other_names,restricted,superseded_by,invalid\n"

func file(rows ...string) string { return header + strings.Join(rows, "\n") + "\n" }

func refusal(t *testing.T, text string) *FileError {
	t.Helper()
	table, err := importCSV(strings.NewReader(text))
	require.Nil(t, table, "a refused file must leave nothing behind")
	var refused *FileError
	require.ErrorAs(t, err, &refused)
	return refused
}

func TestEachWrongRowHasItsCodeAndLine(t *testing.T) {
	good := number1 + ",Otterwick,Ada,2015-03-04,,,,,"
	for _, c := range []struct {
		about, row string
		code       RowCode
	}{
		{"too few fields", number2 + ",Otterwick", RowColumns},
		{"too many fields", number2 + ",Otterwick,Ada,2015-03-04,,,,,,", RowColumns},
		{"a quotation mark", number2 + `,Ot"ter,Ada,2015-03-04,,,,,`, RowSyntax},
		{"a quotation mark that never ends", number2 + `,"Otterwick,Ada,2015-03-04,,,,,`, RowSyntax},
		{"a very long row", number2 + `,"` + strings.Repeat("a\n", 20000) + `",Ada,2015-03-04,,,,,`, RowTooLong},
		{"not UTF-8", number2 + ",Zo\xeb,Ada,2015-03-04,,,,,", RowEncoding},
		{"a control character", number2 + ",Otter\x1fwick,Ada,2015-03-04,,,,,", RowControl},
		{"a line break", number2 + ",\"Otter\nwick\",Ada,2015-03-04,,,,,", RowControl},
		{"no number", ",Otterwick,Ada,2015-03-04,,,,,", RowNumber},
		{"a wrong check digit", "9990000019,Otterwick,Ada,2015-03-04,,,,,", RowNumber},
		{"a number with spaces", "999 000 0026,Otterwick,Ada,2015-03-04,,,,,", RowNumber},
		{"a number twice", number1 + ",Quillmore,Bea,2015-03-04,,,,,", RowNumberTwice},
		{"no surname", number2 + ",,Ada,2015-03-04,,,,,", RowFamilyName},
		{"a surname without a letter", number2 + ",--,Ada,2015-03-04,,,,,", RowFamilyName},
		{"a long surname", number2 + "," + strings.Repeat("a", 201) + ",Ada,2015-03-04,,,,,", RowFamilyName},
		{"given names without a letter", number2 + ",Otterwick,'-',2015-03-04,,,,,", RowGivenNames},
		{"no birth date", number2 + ",Otterwick,Ada,,,,,,", RowBirthDate},
		{"half a birth date", number2 + ",Otterwick,Ada,2015-03,,,,,", RowBirthDate},
		{"a day that is none", number2 + ",Otterwick,Ada,2015-02-30,,,,,", RowBirthDate},
		{"a long postcode", number2 + ",Otterwick,Ada,2015-03-04,ZZ99 3WZ ZZ99,,,,", RowPostcode},
		{"a postcode without a letter", number2 + ",Otterwick,Ada,2015-03-04,-,,,,", RowPostcode},
		{"another name without a surname", number2 + ",Otterwick,Ada,2015-03-04,,Ada,,,", RowOtherNames},
		{"another name without a given name", number2 + ",Otterwick,Ada,2015-03-04,,Quill/,,,", RowOtherNames},
		{"another name with two strokes", number2 + ",Otterwick,Ada,2015-03-04,,Quill/Ada/Bea,,,", RowOtherNames},
		{"an unknown restriction", number2 + ",Otterwick,Ada,2015-03-04,,,U,,", RowRestricted},
		{"an unknown mark", number2 + ",Otterwick,Ada,2015-03-04,,,,,true", RowInvalid},
		{"superseded by no number", number2 + ",,,,,,,123,", RowSupersededBy},
		{"superseded by itself", number2 + ",,,,,,," + number2 + ",", RowSupersededBy},
		{"superseded by a number that is not there", number2 + ",,,,,,," + number5 + ",", RowSupersededUnknown},
		{"superseded and invalid", number2 + ",,,,,,," + number1 + ",yes", RowSupersededAndInvalid},
	} {
		t.Run(c.about, func(t *testing.T) {
			refused := refusal(t, file(good, c.row))
			require.Equal(t, FileRows, refused.Code)
			require.Equal(t, []RowError{{3, c.code}}, refused.Rows)
			require.Equal(t, 1, refused.Count)
			require.NotContains(t, refused.Error(), "Otter")
			require.NotContains(t, refused.Error(), "999")
		})
	}
	loop := refusal(t, file(good, number2+",,,,,,,"+number3+",", number3+",,,,,,,"+number2+","))
	require.Equal(t, []RowError{{3, RowSupersededLoop}, {4, RowSupersededLoop}}, loop.Rows)
}

func TestManyWrongRowsAreCounted(t *testing.T) {
	var rows []string
	for range 250 {
		rows = append(rows, "1,Otterwick,Ada,2015-03-04,,,,,")
	}
	refused := refusal(t, file(rows...))
	require.Equal(t, 250, refused.Count)
	require.Len(t, refused.Rows, 100)
	require.Equal(t, "register file refused: 250 rows, the first on line 2: number-invalid", refused.Error())
}

func TestWrongFiles(t *testing.T) {
	row := number1 + ",Otterwick,Ada,2015-03-04"
	for code, text := range map[FileCode]string{
		FileEmpty:           "",
		FileUnfinished:      "nhs_number,family_name,given_names,date_of_birth\n" + row,
		HeaderUnknownColumn: "nhs_number,family_name,given_names,date_of_birth,sex\n" + row + ",\n",
		HeaderColumnTwice:   "nhs_number,family_name,given_names,date_of_birth,family_name\n" + row + ",\n",
		HeaderMissingColumn: "nhs_number,family_name,given_names\n",
	} {
		require.Equal(t, code, refusal(t, text).Code)
	}
	require.Equal(t, FileEmpty, refusal(t, header).Code)
	require.Equal(t, HeaderUnknownColumn, refusal(t, row+"\n").Code, "a file without a header")
	require.Equal(t, HeaderUnknownColumn, refusal(t, `"`+strings.Repeat("a", 100000)).Code)

	for _, text := range []string{"", header, file(row)} {
		broken := iotest.ErrReader(errors.New("the disk says " + number1))
		_, err := importCSV(iotest.OneByteReader(readers{strings.NewReader(text), broken}.all()))
		var refused *FileError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, FileUnreadable, refused.Code)
		require.NotContains(t, err.Error(), number1)
	}
}

// Columns may come in any order, with a byte order mark, CRLF, and without those that need not be there.
func TestFilesThatAreTaken(t *testing.T) {
	text := "\ufeffdate_of_birth,given_names,family_name,nhs_number\r\n\r\n2015-03-04, Ada  Hope ,\"O'Brien\"," + number1 + "\r\n"
	table, err := importCSV(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, 1, table.people)
	require.Equal(t, Matched, table.match(Query{number1, "Obrien", "ada hope", born}).Outcome)

	people := file(
		number1+",Otterwick,Ada,2015-03-04,zz99 3wz,Fern/Ada; Fern / Adie,R,,",
		number2+",,,,,,,"+number3+",", number3+",Late,Name,2015-03-04,,,,"+number1+",", number4+",,,,,,,,yes", number5+",Otterwick,,2015-03-04,,,V,,")
	table, err = importCSV(strings.NewReader(people))
	require.NoError(t, err)
	require.Equal(t, 2, table.people)
	require.Len(t, table.rows, 5)
}

func TestARegisterFileIsReadToTheLastNumber(t *testing.T) {
	var b strings.Builder
	b.WriteString(header)
	n := uint64(0)
	for i := uint64(999_000_000); n < 500; i++ {
		for d := range uint64(10) {
			if s := fmt.Sprint(i*10 + d); numberOf(s) != 0 {
				fmt.Fprintf(&b, "%s,Otter%d,Ada,2015-03-04,,,,,\n", s, n)
				n++
			}
		}
	}
	table, err := importCSV(strings.NewReader(b.String()))
	require.NoError(t, err)
	for i, line := range strings.Split(b.String(), "\n")[1:501] {
		f := strings.Split(line, ",")
		require.Equal(t, Result{Outcome: Matched, Check: 1, Person: Person{NHSNumber: f[0], Family: f[1], Given: []string{"Ada"}, Birth: born}},
			table.match(Query{f[0], f[1], "Ada", born}), "row %d", i)
	}
}

// FuzzImport: whatever the bytes, there is either a table in which every number is found and every chain
// ends, or a refusal that holds none of them.
func FuzzImport(f *testing.F) {
	f.Add(file(number1 + ",Otterwick,Ada,2015-03-04,ZZ99 3WZ,Fern/Ada,R,,"))
	f.Add(file(number2+",,,,,,,"+number1+",", number1+",Zoë,Ada,2015-03-04,,,,,yes"))
	f.Add("nhs_number,\"family_name\",given_names,date_of_birth\r\n" + number1 + ",\"a\"\"b\",,2015-03-04\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := importCSV(strings.NewReader(text))
		var refused *FileError
		if err != nil {
			require.ErrorAs(t, err, &refused)
			require.Nil(t, table)
			require.LessOrEqual(t, len(refused.Rows), maxRowErrors)
			for _, r := range refused.Rows {
				require.Positive(t, r.Line)
				require.NotEmpty(t, r.Code)
			}
			return
		}
		require.NotEmpty(t, table.rows)
		for _, r := range table.rows {
			now, ok := table.current(r.number)
			require.True(t, ok)
			require.Zero(t, now.state&superseded)
			rec, _ := table.record(r)
			res := table.match(Query{rec.number, rec.name.family, strings.Join(rec.name.given, " "), rec.birth})
			require.NotZero(t, res.Outcome)
			require.Equal(t, now.state&invalid != 0, res.Outcome == Invalidated)
		}
	})
}
