package demographics

import (
	"context"
	"errors"
	"fmt"
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

func down(t *testing.T, err error) *Down {
	t.Helper()
	require.ErrorIs(t, err, ErrDown)
	var d *Down
	require.ErrorAs(t, err, &d)
	return d
}

func TestPDSIsBusyAndThenAnswers(t *testing.T) {
	for _, c := range []struct {
		status  int
		headers map[string]string
		waits   []time.Duration
	}{
		{429, nil, []time.Duration{500*time.Millisecond - 1, time.Second - 1}},
		{429, map[string]string{"Retry-After": "5"}, []time.Duration{5 * time.Second, 5 * time.Second}},
		{503, map[string]string{"Retry-After": "Thu, 26 Nov 2026 09:00:05 GMT"}, []time.Duration{5 * time.Second, time.Second - 1}},
		{408, nil, []time.Duration{500*time.Millisecond - 1, time.Second - 1}},
		{500, nil, []time.Duration{500*time.Millisecond - 1, time.Second - 1}},
		{502, nil, []time.Duration{500*time.Millisecond - 1, time.Second - 1}},
		{504, nil, []time.Duration{500*time.Millisecond - 1, time.Second - 1}},
	} {
		t.Run(fmt.Sprint(c.status, c.headers), func(t *testing.T) {
			s, p := newService(t)
			s.hold(number1, adaHeld)
			left := 2
			s.before = func(w http.ResponseWriter, _ *http.Request) bool {
				if left--; left < 0 {
					return true
				}
				for k, v := range c.headers {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				return false
			}
			require.Equal(t, Matched, one(t, p, adaOf).Outcome)
			all := s.requests()
			require.Len(t, all, 3)
			for _, r := range all[1:] {
				require.Equal(t, all[0].Header.Get("X-Request-ID"), r.Header.Get("X-Request-ID"), "a repeated request keeps its id")
			}
			require.Equal(t, c.waits, s.waits)
		})
	}
}

func TestPDSIsDown(t *testing.T) {
	status := func(n int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "application/fhir+json")
			w.WriteHeader(n)
			fmt.Fprint(w, outcome("value", r.PathValue("id")))
			return false
		}
	}
	body := func(n int, kind, text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(n)
			fmt.Fprint(w, strings.ReplaceAll(text, "NUMBER", r.PathValue("id")))
			return false
		}
	}
	const fhir = "application/fhir+json; charset=utf-8"
	for _, c := range []struct {
		about    string
		before   func(http.ResponseWriter, *http.Request) bool
		cause    Cause
		status   int
		requests int
	}{
		{"503 for ever", status(503), CauseServer, 503, 5},
		{"429 for ever", status(429), CauseBusy, 429, 5},
		{"408 for ever", status(408), CauseTimeout, 408, 5},
		{"come back in an hour", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
			return false
		}, CauseBusy, 429, 1},
		{"403", status(403), CauseRefused, 403, 1},
		{"400", status(400), CauseRefused, 400, 1},
		{"a redirect is not followed", func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere"+r.URL.Path, http.StatusTemporaryRedirect)
			return false
		}, CauseAnswer, 307, 1},
		{"204", status(204), CauseAnswer, 204, 1},
		{"a page instead of an answer", body(200, "text/html", "<p>NUMBER</p>"), CauseAnswer, 200, 1},
		{"no content type", body(200, "", adaHeld.document()), CauseAnswer, 200, 1},
		{"malformed JSON", body(200, fhir, `{"resourceType":"Patient","id":"NUMBER"`), CauseAnswer, 200, 1},
		{"something after the document", body(200, fhir, adaHeld.document()+"{}"), CauseAnswer, 200, 1},
		{"another resource", body(200, fhir, `{"resourceType":"Bundle","id":"NUMBER"}`), CauseAnswer, 200, 1},
		{"no number", body(200, fhir, `{"resourceType":"Patient","id":"NUMBER0"}`), CauseAnswer, 200, 1},
		{"a wrong type inside", body(200, fhir, `{"resourceType":"Patient","id":"NUMBER","name":"NUMBER"}`), CauseAnswer, 200, 1},
		{"an endless answer", body(200, fhir, `{"resourceType":"Patient","id":"NUMBER","x":"`+strings.Repeat("x", 2<<20)+`"}`), CauseAnswer, 200, 1},
		{"an endless answer that begins well", body(200, fhir, adaHeld.document()+strings.Repeat(" ", 2<<20)), CauseAnswer, 200, 1},
		{"a 404 of somebody else", body(404, "text/html", "no such page"), CauseAnswer, 404, 1},
		{"a 404 without a code", body(404, fhir, `{"resourceType":"OperationOutcome","issue":[]}`), CauseAnswer, 404, 1},
		{"a 404 with another code", body(404, fhir, outcome("not-found", "NUMBER")), CauseAnswer, 404, 1},
		{"bytes that are not HTTP", func(w http.ResponseWriter, r *http.Request) bool {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				fmt.Fprintf(c, "%s\r\n\r\n", r.URL.Path)
				c.Close()
			}
			return false
		}, CauseAnswer, 0, 5},
		{"nothing, and the connection is closed", func(w http.ResponseWriter, _ *http.Request) bool { panic(http.ErrAbortHandler) }, CauseAnswer, 0, 5},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", fhir)
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, adaHeld.document())
			return false
		}, CauseAnswer, 0, 5},
	} {
		t.Run(c.about, func(t *testing.T) {
			s, p := newService(t)
			s.hold(number1, adaHeld)
			s.before = c.before
			out, err := p.Match(context.Background(), []Query{adaOf, {number2, "Otterwick", "Bea", born}})
			require.Nil(t, out, "nothing half-done")
			d := down(t, err)
			require.Equal(t, c.cause, d.Cause, d)
			require.Equal(t, c.status, d.Status)

			tells(t, err)

			s, p = newService(t) // another one: what was cancelled above may still come in there
			s.hold(number1, adaHeld)
			s.before = c.before
			_, err = p.Match(context.Background(), []Query{adaOf})
			require.ErrorIs(t, err, ErrDown)
			require.Len(t, s.requests(), c.requests)
			tells(t, err)
		})
	}
}

// tells fails if an error, printed in any way or at any depth, holds what is personal or an address.
func tells(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%v", e), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
			for _, secret := range []string{number1, number2, "Otterwick", "Ada", "2015-03-04", "/Patient", "127.0.0.1"} {
				require.NotContains(t, text, secret)
			}
		}
		var u *url.Error
		require.False(t, errors.As(e, &u), "a url.Error holds the address")
	}
}

func TestPDSDoesNotAnswerInTime(t *testing.T) {
	s, p := newService(t, func(c *PDSConfig) { c.Timeout, c.Attempts = 30*time.Millisecond, 2 })
	s.before = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return false }
	_, err := p.Match(context.Background(), []Query{adaOf})
	require.Equal(t, CauseTimeout, down(t, err).Cause)
	require.Len(t, s.requests(), 2)
	tells(t, err)

	// An answer whose end does not come.
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/fhir+json")
		fmt.Fprint(w, `{"resourceType":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return false
	}
	_, err = p.Match(context.Background(), []Query{adaOf})
	require.Equal(t, CauseTimeout, down(t, err).Cause)
	tells(t, err)
}

func TestPDSIsNotThere(t *testing.T) {
	s, p := newService(t)
	s.hold(number1, adaHeld)
	require.Equal(t, Matched, one(t, p, adaOf).Outcome) // a token is there
	s.server.Close()
	_, err := p.Match(context.Background(), []Query{adaOf})
	require.Equal(t, CauseUnreachable, down(t, err).Cause)
	tells(t, err)
	_, _, err = p.Trace(context.Background(), TraceQuery{"Otterwick", "Ada", born, ""})
	require.Equal(t, CauseUnreachable, down(t, err).Cause)
	tells(t, err)
}

func TestWhoGivesUpOnPDS(t *testing.T) {
	s, p := newService(t)
	ctx, cancel := context.WithCancel(context.Background())
	s.before = func(_ http.ResponseWriter, r *http.Request) bool { cancel(); <-r.Context().Done(); return false }
	out, err := p.Match(ctx, []Query{adaOf, {number2, "Otterwick", "Bea", born}})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrDown, "a caller's wish says nothing about the register")
	require.Nil(t, out)
	tells(t, err)

	late, end := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer end()
	_, err = p.Match(late, []Query{adaOf})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, CauseTimeout, down(t, err).Cause)
	_, _, err = p.Trace(late, TraceQuery{"Otterwick", "Ada", born, ""})
	require.Equal(t, CauseTimeout, down(t, err).Cause)
}

// However many callers there are, the service is asked by no more at once than configured.
func TestPDSIsAskedByAFewAtOnce(t *testing.T) {
	s, p := newService(t, func(c *PDSConfig) { c.InFlight = 3 })
	var queries []Query
	for i := uint64(9_990_000_000); len(queries) < 40; i++ {
		if n := fmt.Sprint(i); numberOf(n) != 0 {
			s.hold(n, held{number: n, security: "U", birth: "2015-03-04", names: []map[string]any{usual("Otterwick", "Ada")}})
			queries = append(queries, Query{n, "Otterwick", "Ada", born})
		}
	}
	full := make(chan struct{})
	s.before = func(http.ResponseWriter, *http.Request) bool {
		s.mu.Lock()
		enough := s.inFlight == 3
		if len(p.slots) < s.inFlight {
			t.Error("a request without a place")
		}
		s.mu.Unlock()
		if enough {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		<-full // the first ones wait until three are there
		return true
	}
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			out, err := p.Match(context.Background(), queries)
			for i := range out {
				if out[i].Outcome != Matched || out[i].Person.NHSNumber != queries[i].NHSNumber {
					err = errors.New("an answer at the wrong place")
				}
			}
			errs <- err
		}()
	}
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.Equal(t, 3, s.most)
}

// The first failure ends a file: nobody asks on behalf of rows whose answers are not wanted any more.
func TestAFailureEndsTheFile(t *testing.T) {
	s, p := newService(t, func(c *PDSConfig) { c.InFlight = 1 })
	s.before = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return false }
	_, err := p.Match(context.Background(), []Query{adaOf, {number2, "Otterwick", "Bea", born}, {"", "Otterwick", "Bea", born}, {number5, "Otterwick", "Bea", born}})
	require.ErrorIs(t, err, ErrDown)
	require.Len(t, s.requests(), 1)
}

// What Retry-After tells one caller holds for all.
func TestWhenTheServiceWantsToBeLeftAlone(t *testing.T) {
	s, p := newService(t)
	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		return false
	}
	p.wait = func(_ context.Context, d time.Duration) error {
		if d >= 30*time.Second {
			return context.Canceled // this caller goes away; the clock stands still
		}
		return nil
	}
	_, err := p.Match(context.Background(), []Query{adaOf})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 30*time.Second, p.pace.turn(p.now()))
}

func TestPacer(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	p := &pacer{every: 200 * time.Millisecond}
	require.Zero(t, p.turn(at))
	require.Equal(t, 200*time.Millisecond, p.turn(at))
	require.Equal(t, 100*time.Millisecond, p.turn(at.Add(300*time.Millisecond)))
	at = at.Add(time.Hour)
	require.Zero(t, p.turn(at), "nothing is saved up")
	p.hold(at, 5*time.Second)
	require.Equal(t, 5*time.Second, p.turn(at))
	p.hold(at, time.Second)
	require.Equal(t, 5200*time.Millisecond, p.turn(at), "a shorter hold does not shorten a longer one")
}

func TestWaiting(t *testing.T) {
	require.NoError(t, waitFor(context.Background(), time.Microsecond))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, waitFor(ctx, time.Hour), context.Canceled)
	require.ErrorIs(t, waitFor(ctx, 0), context.Canceled)
}

func TestRetryAfter(t *testing.T) {
	at := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": 0, "5": 5 * time.Second, "0": 0, "-1": 0, "soon": 0, "99999999": 24 * time.Hour,
		"Thu, 26 Nov 2026 09:01:00 GMT": time.Minute, "Thu, 26 Nov 2026 08:00:00 GMT": 0} {
		require.Equal(t, want, retryAfter(text, at), text)
	}
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
