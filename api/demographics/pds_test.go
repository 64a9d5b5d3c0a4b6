package demographics

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	adaHeld = held{number: number1, security: "U", birth: "2015-03-04", names: []map[string]any{usual("Otterwick", "Ada", "Hope")}}
	adaOf   = Query{number1, "Otterwick", "Ada Hope", born}
	ada     = Person{NHSNumber: number1, Family: "Otterwick", Given: []string{"Ada", "Hope"}, Birth: born}
)

// hold makes the service know somebody by a number.
func (s *service) hold(number string, h held) { s.people[number] = h.document() }

func TestPDSAnswers(t *testing.T) {
	s, p := newService(t)
	s.hold(number1, adaHeld)
	s.hold(number3, adaHeld) // superseded: the answer is about another number
	s.hold(number2, held{number: number2, security: "U", birth: "2015-03-04", names: []map[string]any{usual("Otterwick", "Bea", "Hope")}, births: 2})
	s.gone[number4] = true
	s.hold(number5, held{number: number5, security: "R", birth: "2012-11-10", names: []map[string]any{usual("Fernhollow", "Dot")}})
	s.hold(number6, held{number: number6, security: "U", birth: "1990-05-06", names: []map[string]any{
		use("old", usual("Puddleby", "Eve", "Ann")), use("nickname", usual("Larkby", "Evie")), usual("Larkby", "Eve")}})
	s.hold("9990000077", held{number: "9990000077", security: "V", birth: "2012-11-10", names: []map[string]any{usual("Fernhollow", "Dot")}})
	s.hold("9990000085", held{number: "9990000085", security: "REDACTED", birth: "2012-11-10", names: []map[string]any{usual("Fernhollow", "Dot")}})
	s.hold("9990000093", held{number: "9990000093", security: "U", birth: "2012", names: []map[string]any{usual("Fernhollow", "Dot")}})
	s.search = func(q url.Values) (int, string) {
		if q.Get("family") == "Otterwick" && q.Get("given") == "Ada" && q.Get("birthdate") == "eq2015-03-04" {
			return http.StatusOK, bundle(adaHeld.document())
		}
		return http.StatusOK, bundle()
	}
	eve := Person{NHSNumber: number6, Family: "Larkby", Given: []string{"Eve"}, Birth: 19900506}
	hidden := func(n string) Person {
		return Person{NHSNumber: n, Family: "Fernhollow", Given: []string{"Dot"}, Birth: 20121110, Restricted: true}
	}
	cases := []struct {
		about string
		q     Query
		want  Result
	}{
		{"matched", adaOf, Result{Outcome: Matched, Check: 1, Person: ada}},
		{"matched again, from one request", Query{number1, "Otterwick", "Hope", born}, Result{Outcome: Matched, Check: 3, Person: ada}},
		{"the twin's number", Query{number2, "Otterwick", "Ada", born}, Result{Outcome: NotMatched, Reason: ReasonGivenNames, Twin: true,
			Person:     Person{NHSNumber: number2, Family: "Otterwick", Given: []string{"Bea", "Hope"}, Birth: born},
			Suggestion: Suggestion{number1, SuggestSameDetails}}},
		{"of a multiple birth", Query{number2, "Otterwick", "Bea", born}, Result{Outcome: Matched, Check: 2, Twin: true,
			Person: Person{NHSNumber: number2, Family: "Otterwick", Given: []string{"Bea", "Hope"}, Birth: born}}},
		{"superseded", Query{number3, "Otterwick", "Ada", born}, Result{Outcome: Superseded, Reason: ReasonNumberSuperseded, Check: 2, Person: ada, SupersededBy: number1}},
		{"superseded, and other details", Query{number3, "Larkby", "Eve", 19900506}, Result{Outcome: NotMatched, Reason: ReasonSeveralDiffer, Person: ada, SupersededBy: number1}},
		{"invalidated, and nobody suggested", Query{number4, "Otterwick", "Ada", born}, Result{Outcome: Invalidated, Reason: ReasonNumberInvalidated}},
		{"redacted is invalidated", Query{"9990000085", "Fernhollow", "Dot", 20121110}, Result{Outcome: Invalidated, Reason: ReasonNumberInvalidated}},
		{"restricted", Query{number5, "Fernhollow", "Dot", 20121110}, Result{Outcome: Matched, Check: 1, Person: hidden(number5)}},
		{"very restricted", Query{"9990000077", "Fernhollow", "Dot", 20121110}, Result{Outcome: Matched, Check: 1, Person: hidden("9990000077")}},
		{"restricted, and wrong details", Query{number5, "Fernhollow", "Dora", 20121110}, Result{Outcome: NotMatched, Reason: ReasonGivenNames,
			Person: Person{NHSNumber: number5, Restricted: true}}},
		{"a former name", Query{number6, "Puddleby", "Eve", 19900506}, Result{Outcome: NotMatched, Reason: ReasonOtherName, Person: eve, Suggestion: Suggestion{number6, SuggestOtherName}}},
		{"a birth date known in part", Query{"9990000093", "Fernhollow", "Dot", 20121110}, Result{Outcome: NotMatched, Reason: ReasonRegisterIncomplete,
			Person: Person{NHSNumber: "9990000093", Family: "Fernhollow", Given: []string{"Dot"}}}},
		{"a number that nobody has", Query{"9990000107", "Otterwick", "Ada", born}, Result{Outcome: NotMatched, Reason: ReasonNumberUnknown, Suggestion: Suggestion{number1, SuggestSameDetails}}},
		{"no number", Query{"", "Otterwick", "Ada", born}, Result{Outcome: NotMatched, Reason: ReasonNumberAbsent, Suggestion: Suggestion{number1, SuggestSameDetails}}},
		{"a number that is none", Query{"9990000019", "Nobody", "Known", born}, Result{Outcome: NotMatched, Reason: ReasonNumberInvalid}},
	}
	var queries []Query
	for _, c := range cases {
		queries = append(queries, c.q)
	}
	out, err := p.Match(context.Background(), queries)
	require.NoError(t, err)
	for i, c := range cases {
		require.Equal(t, c.want, out[i], c.about)
	}
	asked := map[string]int{}
	ids := map[string]bool{}
	for _, r := range s.requests() {
		asked[r.PathValue("id")]++
		require.False(t, ids[r.Header.Get("X-Request-ID")], "one id for one request")
		ids[r.Header.Get("X-Request-ID")] = true
		require.Equal(t, "application/fhir+json", r.Header.Get("Accept"))
		require.Equal(t, "D9X1A", r.Header.Get("NHSD-End-User-Organisation-ODS"))
		require.True(t, r.Close, "of bytes on an idle connection net/http would write some to the log")
		for h := range r.Header {
			require.True(t, !strings.HasPrefix(h, "Nhsd-") || h == "Nhsd-End-User-Organisation-Ods", "%s is not documented for an application", h)
		}
	}
	require.Equal(t, 1, asked[number1], "one number, one request")
	require.Zero(t, asked["9990000019"], "no number, no request")
	require.Len(t, s.assertions, 1, "one token for all")
}

func TestPDSTraces(t *testing.T) {
	s, p := newService(t)
	eve := held{number: number6, security: "U", birth: "1990-05-06", names: []map[string]any{usual("Larkby", "Eve")}}
	full := eve
	full.names = append(full.names, use("maiden", usual("Puddleby", "Eve")))
	s.hold(number6, full)
	dot := held{number: number5, security: "R", birth: "2012-11-10", names: []map[string]any{usual("Fernhollow", "Dot")}}
	redacted := held{number: number4, security: "REDACTED", birth: "2012-11-10", names: []map[string]any{usual("Fernhollow", "Dot")}}
	trace := func(q TraceQuery, status int, body string) (string, url.Values, int) {
		t.Helper()
		var asked url.Values
		s.search = func(v url.Values) (int, string) { asked = v; return status, body }
		before := len(s.requests())
		found, ok, err := p.Trace(context.Background(), q)
		require.NoError(t, err)
		require.Equal(t, ok, found.NHSNumber != "")
		return found.NHSNumber, asked, len(s.requests()) - before
	}
	of := TraceQuery{"Larkby", "Eve Ann", 19900506, "ZZ99 4QQ"}

	found, asked, n := trace(of, 200, bundle(eve.document()))
	require.Equal(t, number6, found)
	require.Equal(t, 1, n)
	require.Equal(t, url.Values{"family": {"Larkby"}, "given": {"Eve"}, "birthdate": {"eq1990-05-06"}, "address-postalcode": {"ZZ99 4QQ"},
		"_history": {"true"}, "_max-results": {"1"}}, asked)

	found, asked, n = trace(TraceQuery{"Puddleby", "Eve", 19900506, ""}, 200, bundle(eve.document()))
	require.Equal(t, number6, found, "found by a former name, which the whole record confirms")
	require.Equal(t, 2, n)
	require.NotContains(t, asked, "address-postalcode")

	for about, c := range map[string]struct {
		q      TraceQuery
		status int
		body   string
	}{
		"nobody":                      {of, 200, bundle()},
		"several":                     {of, 200, outcome("multiple-matches", "TOO_MANY_MATCHES")},
		"several in the answer":       {of, 200, bundle(eve.document(), full.document())},
		"somebody of another day":     {TraceQuery{"Larkby", "Eve", 19900507, ""}, 200, bundle(eve.document())},
		"somebody of another surname": {TraceQuery{"Larkbee", "Eve", 19900506, ""}, 200, bundle(eve.document())},
		"restricted, with a postcode": {TraceQuery{"Fernhollow", "Dot", 20121110, "ZZ99 4QQ"}, 200, bundle(dot.document())},
		"redacted":                    {TraceQuery{"Fernhollow", "Dot", 20121110, ""}, 200, bundle(redacted.document())},
		"the service minds the names": {of, 400, outcome("value", "INVALID_SEARCH_DATA")},
	} {
		found, _, n := trace(c.q, c.status, c.body)
		require.Empty(t, found, about)
		require.Equal(t, map[bool]int{true: 2, false: 1}[about == "somebody of another surname"], n, about)
	}
	found, _, _ = trace(TraceQuery{"Fernhollow", "Dot", 20121110, ""}, 200, bundle(dot.document()))
	require.Equal(t, number5, found)

	for about, q := range map[string]TraceQuery{
		"a wildcard": {"Lark*", "Eve", 19900506, ""}, "no given name": {"Larkby", "-", 19900506, ""}, "no date": {"Larkby", "Eve", 0, ""},
		"a name that is too long to search for": {strings.Repeat("é", 36), "Eve", 19900506, ""},
	} {
		found, _, n := trace(q, 200, bundle(eve.document()))
		require.Empty(t, found, about)
		require.Zero(t, n, "%s: nothing is asked", about)
	}
}

// Which of several names is the person's name: a usual one in use, the latest; all others are other names.
func TestPDSChoosesTheNameInUse(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	period := func(n map[string]any, start, end string) map[string]any {
		n["period"] = map[string]string{"start": start, "end": end}
		return n
	}
	for about, names := range map[string][]map[string]any{
		"after others":              {use("old", usual("Old", "Ada")), use("temp", usual("Temp", "Ada")), usual("Now", "Ada")},
		"not one that has ended":    {period(usual("Old", "Ada"), "2020-01-01", "2021-12-31"), period(usual("Now", "Ada"), "2019-01-01", "")},
		"not one of the future":     {period(usual("Soon", "Ada"), "2027-01-01", ""), period(usual("Now", "Ada"), "2019-01-01", "")},
		"the latest":                {period(usual("Old", "Ada"), "2019-01-01", ""), period(usual("Now", "Ada"), "2020-01-01", "")},
		"an ended one if no other":  {use("nickname", usual("Nick", "Ada")), period(usual("Now", "Ada"), "2020-01-01", "2021-12-31")},
		"unusable names passed by":  {period(usual("Bad\x00", "Ada"), "2024-01-01", ""), usual(strings.Repeat("a", 201), "Ada"), period(usual("Now", "Ada"), "2010-01-01", "")},
		"alone":                     {usual("Now", "Ada")},
		"given names that are many": {usual("Many", strings.Split(strings.Repeat("a ", 21), " ")...), period(usual("Now", "Ada"), "2010-01-01", "")},
	} {
		got, err := decodePatient([]byte(held{number: number1, security: "U", birth: "2015-03-04", names: names}.document()), at)
		require.NoError(t, err, about)
		require.Equal(t, "Now", got.record.name.family, about)
	}
	got, err := decodePatient([]byte(held{number: number1, security: "U", names: []map[string]any{use("old", usual("Old", "Ada"))}}.document()), at)
	require.NoError(t, err)
	require.Empty(t, got.record.name.family, "a former name is no name in use")
	got, err = decodePatient([]byte(`{"resourceType":"Patient","id":"`+number1+`"}`), at)
	require.NoError(t, err)
	require.True(t, got.record.restricted, "no confidentiality code restricts")
	got, err = decodePatient([]byte(held{number: number1, security: "X"}.document()), at)
	require.NoError(t, err)
	require.True(t, got.record.restricted, "an unknown one too")
}

// FuzzPDSAnswer: whatever comes, there is a record with a valid number, an invalidated number, nobody, or
// an error without a word of it.
func FuzzPDSAnswer(f *testing.F) {
	f.Add(200, []byte(adaHeld.document()))
	f.Add(200, []byte(bundle(adaHeld.document())))
	f.Add(404, []byte(outcome("processing", "INVALIDATED_RESOURCE")))
	f.Add(200, []byte(outcome("multiple-matches", "TOO_MANY_MATCHES")))
	f.Add(400, []byte(`{"resourceType":"Patient","id":"9990000018","name":[{"use":"usual","family":"\u0000","given":[""]}],"birthDate":"2015"}`))
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		check := func(r *record, err error) {
			if err != nil {
				d := down(t, err)
				require.Empty(t, d.Hint)
				require.Nil(t, r)
				return
			}
			if r != nil {
				require.NotZero(t, numberOf(r.number))
				res := answer(adaOf, r)
				require.NotZero(t, res.Outcome)
				require.Equal(t, r.restricted, res.Person.Restricted)
			}
		}
		got, err := decodeRetrieval(status, body, at)
		check(got.record, err)
		require.False(t, got.invalid && got.record != nil)
		found, err := decodeSearch(status, body, at)
		check(found, err)
		_ = (&tokens{}).take(status, body, at)
	})
}
