package demographics

import (
	"fmt"
	"log/slog"
	"math/bits"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// Numbers of the range that is issued to nobody.
const (
	number1 = "9990000018"
	number2 = "9990000026"
	number3 = "9990000034"
	number4 = "9990000042"
	number5 = "9990000050"
	number6 = "9990000069"
)

const born Date = 20150304

func TestTheTestsNumbersAreValid(t *testing.T) {
	for _, n := range []string{number1, number2, number3, number4, number5, number6} {
		require.NotZero(t, numberOf(n))
		require.Equal(t, n, digits(numberOf(n)))
	}
	for _, n := range []string{"", "999000001", "99900000180", "9990000019", "999 000 0018", "999000001x", "٩٩٩٠٠٠٠٠١٨"} {
		require.Zero(t, numberOf(n), "%q", n)
	}
}

// Every case of the rule: surname, birth date, then the four given-name checks in order.
func TestTheRule(t *testing.T) {
	type held struct {
		family string
		given  []string
		others []name
		birth  Date
	}
	hope := held{family: "Otterwick", given: []string{"Ada", "Hope"}, birth: born}
	married := held{family: "Fernhollow", given: []string{"Ada"}, birth: born, others: []name{
		{"Otterwick", []string{"Ada", "Hope"}}, {"Fernhollow", []string{"Adie"}}}}
	for _, c := range []struct {
		about  string
		family string
		given  string
		birth  Date
		held   held
		why    Reason
		check  int
	}{
		// 1: all given names are the register's, in order.
		{"all given names", "Otterwick", "Ada Hope", born, hope, "", 1},
		{"one given name each", "Otterwick", "Ada", born, held{family: "Otterwick", given: []string{"Ada"}, birth: born}, "", 1},
		{"case", "OTTERWICK", "ada hOPE", born, hope, "", 1},
		{"spaces around and between", "  Otterwick ", " Ada   Hope ", born, hope, "", 1},
		{"given names that the register holds as one", "Otterwick", "Ada Hope", born, held{family: "Otterwick", given: []string{"Ada Hope"}, birth: born}, "", 1},
		{"a hyphen for a space", "Otterwick", "Ada-Hope", born, hope, "", 1},
		{"a hyphen that the register has", "Otterwick", "Anne Marie", born, held{family: "Otterwick", given: []string{"Anne-Marie"}, birth: born}, "", 1},
		// 2: the first given name is the register's first.
		{"only the first, the register has no more", "Otterwick", "Ada Rose", born, held{family: "Otterwick", given: []string{"Ada"}, birth: born}, "", 2},
		{"only the first, the register has others", "Otterwick", "Ada Rose", born, hope, "", 2},
		{"fewer than the register", "Otterwick", "Ada", born, hope, "", 2},
		{"the first of a compound", "Otterwick", "John", born, held{family: "Otterwick", given: []string{"John Paul", "James"}, birth: born}, "", 2},
		{"a compound and no more", "Otterwick", "Anne Marie", born, held{family: "Otterwick", given: []string{"Annemarie", "Joan"}, birth: born}, "", 2},
		{"a hyphenated first name without its hyphen", "Otterwick", "Annemarie", born, held{family: "Otterwick", given: []string{"Anne-Marie", "Joan"}, birth: born}, "", 2},
		// 3: the first given name is any of the register's.
		{"the other way round", "Otterwick", "Hope Ada", born, hope, "", 3},
		{"a middle name as first name", "Otterwick", "Hope", born, hope, "", 3},
		{"the last of five", "Otterwick", "Eve", born, held{family: "Otterwick", given: []string{"Ada", "Bea", "Cleo", "Dot", "Eve"}, birth: born}, "", 3},
		{"the second of a compound", "Otterwick", "Paul", born, held{family: "Otterwick", given: []string{"John Paul"}, birth: born}, "", 3},
		// 4: a later given name is the register's first.
		{"a later name is the register's first", "Otterwick", "Rose Ada", born, hope, "", 4},
		{"the third is the register's first", "Otterwick", "Rose Lily Ada", born, hope, "", 4},
		// None.
		{"twins with one middle name", "Otterwick", "Bea Hope", born, hope, ReasonGivenNames, 0},
		{"a shortened name", "Otterwick", "Ad", born, hope, ReasonGivenNames, 0},
		{"an initial", "Otterwick", "A", born, hope, ReasonGivenNames, 0},
		{"letters that run together", "Otterwick", "Adahope", born, hope, ReasonGivenNames, 0},
		{"half of a hyphenated name", "Otterwick", "Anne", born, held{family: "Otterwick", given: []string{"Anne-Marie"}, birth: born}, ReasonGivenNames, 0},
		// Surname and birth date.
		{"another surname", "Quillmore", "Ada Hope", born, hope, ReasonFamilyName, 1},
		{"half of a double surname", "Otterwick", "Ada", born, held{family: "Otterwick-Quillmore", given: []string{"Ada"}, birth: born}, ReasonFamilyName, 1},
		{"another day", "Otterwick", "Ada Hope", born + 1, hope, ReasonBirthDate, 1},
		{"another year", "Otterwick", "Ada Hope", born + 10000, hope, ReasonBirthDate, 1},
		{"surname and day", "Quillmore", "Ada Hope", born + 1, hope, ReasonSeveralDiffer, 1},
		{"surname and given names", "Quillmore", "Bea", born, hope, ReasonSeveralDiffer, 0},
		{"all of it", "Quillmore", "Bea", born + 1, hope, ReasonSeveralDiffer, 0},
		{"surname and given names exchanged", "Ada", "Otterwick", born, hope, ReasonSeveralDiffer, 0},
		// How surnames are written.
		{"straight and typographic apostrophe", "O'Brien", "Ada", born, held{family: "O’Brien", given: []string{"Ada"}, birth: born}, "", 1},
		{"no apostrophe", "Obrien", "Ada", born, held{family: "O'BRIEN", given: []string{"Ada"}, birth: born}, "", 1},
		{"a space for a hyphen", "Smith Jones", "Ada", born, held{family: "Smith-Jones", given: []string{"Ada"}, birth: born}, "", 1},
		{"a particle", "De La Cruz", "Ada", born, held{family: "DELACRUZ", given: []string{"Ada"}, birth: born}, "", 1},
		{"accents, composed and not", "Zo\u00eb", "Ren\u00e9e", born, held{family: "Zoe\u0308", given: []string{"Rene\u0301e"}, birth: born}, "", 1},
		{"no accents", "Kocinski", "Zoe", born, held{family: "Kociński", given: []string{"Zoë"}, birth: born}, "", 1},
		{"letters that Unicode does not take apart", "Lodz Oersted", "Aegir", born, held{family: "Łódź Œrsted", given: []string{"Ægir"}, birth: born}, "", 1},
		{"sharp s", "Strauss", "Ada", born, held{family: "Strauß", given: []string{"Ada"}, birth: born}, "", 1},
		{"ligature and full width", "ﬁnch", "Ａｄａ", born, held{family: "Finch", given: []string{"Ada"}, birth: born}, "", 1},
		// Other names of the same person.
		{"a former name", "Otterwick", "Ada Hope", born, married, ReasonOtherName, 0},
		{"a nickname", "Fernhollow", "Adie", born, married, ReasonOtherName, 0},
		{"a former name and another day", "Otterwick", "Ada Hope", born + 1, married, ReasonSeveralDiffer, 2},
		// Details that are not there.
		{"no surname", "", "Ada Hope", born, hope, ReasonDetailsAbsent, 0},
		{"a surname without a letter", "-", "Ada Hope", born, hope, ReasonDetailsAbsent, 0},
		{"no given name", "Otterwick", "", born, hope, ReasonDetailsAbsent, 0},
		{"no birth date", "Otterwick", "Ada Hope", 0, hope, ReasonDetailsAbsent, 0},
		{"the register has no birth date", "Otterwick", "Ada Hope", born, held{family: "Otterwick", given: []string{"Ada"}}, ReasonRegisterIncomplete, 0},
		{"the register has no given name", "Otterwick", "Ada Hope", born, held{family: "Otterwick", birth: born}, ReasonRegisterIncomplete, 0},
		{"the register has no surname", "Otterwick", "Ada Hope", born, held{given: []string{"Ada"}, birth: born}, ReasonRegisterIncomplete, 0},
		{"neither has anything", "", "", 0, held{}, ReasonDetailsAbsent, 0},
	} {
		t.Run(c.about, func(t *testing.T) {
			r := &record{number: number1, name: name{c.held.family, c.held.given}, others: c.held.others, birth: c.held.birth}
			why, check := compare(Query{number1, c.family, c.given, c.birth}, r)
			require.Equal(t, string(c.why), string(why))
			require.Equal(t, c.check, check)
		})
	}
}

var (
	drawLetter = rapid.SampledFrom([]rune("abcdefgzABZéÉïöñłŁßÆøşığçÇŽž'’-"))
	drawWord   = rapid.StringOfN(drawLetter, 1, 8, -1)
	drawGiven  = rapid.SliceOfN(drawWord, 1, 4)
	drawDate   = rapid.Custom(func(t *rapid.T) Date {
		return Date(rapid.IntRange(1990, 2026).Draw(t, "year")*10000 + rapid.IntRange(1, 12).Draw(t, "month")*100 + rapid.IntRange(1, 28).Draw(t, "day"))
	})
)

func drawRecord(t *rapid.T) *record {
	return &record{number: number1, name: name{drawWord.Draw(t, "family"), drawGiven.Draw(t, "given")}, birth: drawDate.Draw(t, "birth"),
		restricted: rapid.Bool().Draw(t, "restricted")}
}

func drawQuery(t *rapid.T, r *record) Query {
	q := Query{number1, r.name.family, strings.Join(r.name.given, " "), r.birth}
	if rapid.Bool().Draw(t, "other family") {
		q.Family = drawWord.Draw(t, "family")
	}
	if rapid.Bool().Draw(t, "other given") {
		q.Given = strings.Join(drawGiven.Draw(t, "given"), " ")
	}
	if rapid.IntRange(0, 3).Draw(t, "other birth") == 0 {
		q.Birth = drawDate.Draw(t, "birth")
	}
	return q
}

// However somebody writes a name, the answer is the same: case, composed or not, without accents that Unicode takes
// apart, and with other apostrophes.
func TestTheRuleDoesNotSeeHowNamesAreWritten(t *testing.T) {
	bare := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) {
				return -1
			}
			return r
		}, norm.NFD.String(s))
	}
	writings := map[string]func(string) string{
		"upper": strings.ToUpper, "lower": strings.ToLower, "title": strings.ToTitle, "composed": norm.NFC.String, "taken apart": norm.NFD.String,
		"bare": bare, "apostrophe": func(s string) string { return strings.ReplaceAll(s, "'", "\u2019") },
	}
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		q := drawQuery(t, r)
		why, check := compare(q, r)
		for how, write := range writings {
			again := Query{q.NHSNumber, write(q.Family), write(q.Given), q.Birth}
			w, c := compare(again, r)
			if w != why || c != check {
				t.Fatalf("%s: %q %d, not %q %d", how, w, c, why, check)
			}
			held := *r
			held.name.family = write(r.name.family)
			held.name.given = nil
			for _, g := range r.name.given {
				held.name.given = append(held.name.given, write(g))
			}
			if w, c = compare(q, &held); w != why || c != check {
				t.Fatalf("register %s: %q %d, not %q %d", how, w, c, why, check)
			}
		}
	})
}

// What must hold of every answer.
func TestWhatHoldsOfEveryAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		q := drawQuery(t, r)
		if rapid.Bool().Draw(t, "superseded") {
			r.number = number2
		}
		if rapid.Bool().Draw(t, "other names") {
			r.others = []name{{drawWord.Draw(t, "family"), drawGiven.Draw(t, "given")}}
		}
		res := answer(q, r)
		accepted := res.Outcome == Matched || res.Outcome == Superseded
		switch {
		case accepted && (q.Birth == 0 || q.Birth != r.birth || fold(q.Family) == "" || fold(q.Family) != fold(r.name.family)):
			t.Fatal("accepted with another surname or birth date")
		case accepted && (res.Check < 1 || res.Check > 4):
			t.Fatal("accepted without a check of given names")
		case accepted != (res.Reason == "" || res.Reason == ReasonNumberSuperseded):
			t.Fatal("outcome and reason differ")
		case (res.Outcome == Superseded) != (accepted && r.number != q.NHSNumber):
			t.Fatal("a superseded number taken for the one in force, or the other way round")
		case (res.SupersededBy != "") != (r.number != q.NHSNumber):
			t.Fatal("the number in force is not told")
		case res.Suggestion.NHSNumber != "" && (accepted || r.restricted || res.SupersededBy != ""):
			t.Fatal("suggested what nobody may be told")
		case res.Person.Restricted != r.restricted:
			t.Fatal("the restriction is lost")
		case r.restricted && !accepted && (res.Person.Family != "" || len(res.Person.Given) > 0 || res.Person.Birth != 0):
			t.Fatal("names of a restricted person for details that are not theirs")
		}
		// Giving all of the register's names back always matches, if they have a letter each.
		exact := Query{r.number, r.name.family, strings.Join(r.name.given, " "), r.birth}
		if why, check := compare(exact, r); why == "" && check != checkAll {
			t.Fatalf("the register's own names match by check %d", check)
		}
	})
}

// The lenient checks are lenient about order and number, never about letters.
func TestGivenNamesThatShareNoWordNeverMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ours, theirs := drawGiven.Draw(t, "ours"), drawGiven.Draw(t, "theirs")
		var a, b uint64
		for _, n := range parts(strings.Join(ours, " ")) {
			for _, r := range n {
				a |= 1 << (r % 61)
			}
		}
		for _, n := range parts(strings.Join(theirs, " ")) {
			for _, r := range n {
				b |= 1 << (r % 61)
			}
		}
		if bits.OnesCount64(a&b) == 0 && givenCheck(strings.Join(theirs, " "), ours) != 0 {
			t.Fatal("names without a letter in common match")
		}
	})
}

func TestDates(t *testing.T) {
	for _, s := range []string{"2015-03-04", "1870-01-01", "2199-12-31", "1970-01-01", "2024-02-29"} {
		d, err := ParseDate(s)
		require.NoError(t, err)
		require.Equal(t, s, d.Text())
		require.NotZero(t, int32(d))
	}
	for _, s := range []string{"", "2015", "2015-03", "2015-3-4", "2015-02-30", "2015-13-01", "1869-12-31", "2200-01-01", "20150304", "04/03/2015", "2015-03-04T00:00:00Z"} {
		_, err := ParseDate(s)
		require.ErrorIs(t, err, ErrDate, "%q", s)
	}
	require.Empty(t, Date(0).Text())
	require.Equal(t, 20150403, int(Date(20150304).swapped()))
	require.Zero(t, int(Date(20150313).swapped()))
	require.Zero(t, int(Date(20150303).swapped()))
}

func TestNothingPersonalIsFormatted(t *testing.T) {
	q := Query{number1, "Otterwick", "Ada", born}
	r := &record{number: number1, name: name{"Otterwick", []string{"Ada"}}, birth: born}
	for _, v := range []any{q, &q, answer(q, r), r.person(), TraceQuery{"Otterwick", "Ada", born, "ZZ99 3WZ"}, born, []Query{q}, []Result{answer(q, r)}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%q"} {
			text := fmt.Sprintf(verb, v)
			text += fmt.Sprint(slog.Any("v", v).Value.Resolve())
			for _, secret := range []string{number1, "Otterwick", "Ada", "20150304", "2015-03-04", "3WZ"} {
				require.NotContains(t, text, secret, "%s of a %T", verb, v)
			}
		}
	}
}
