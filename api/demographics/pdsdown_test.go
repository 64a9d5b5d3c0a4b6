package demographics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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

func TestAServiceThatIsNotWhoItSays(t *testing.T) {
	_, p := newService(t)
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = log.New(io.Discard, "", 0)
	other.StartTLS()
	defer other.Close()
	p.cfg.Base = other.URL
	_, err := p.Match(context.Background(), []Query{adaOf})
	require.Equal(t, CauseTLS, down(t, err).Cause)
	tells(t, err)
}

func TestASearchThatIsNotAnswered(t *testing.T) {
	s, p := newService(t)
	for about, c := range map[string]struct {
		status int
		body   string
		cause  Cause
	}{
		"a Patient":               {200, adaHeld.document(), CauseAnswer},
		"another bundle":          {200, strings.Replace(bundle(), "searchset", "history", 1), CauseAnswer},
		"no total":                {200, `{"resourceType":"Bundle","type":"searchset","entry":[]}`, CauseAnswer},
		"a total and nobody":      {200, `{"resourceType":"Bundle","type":"searchset","total":1}`, CauseAnswer},
		"somebody without number": {200, bundle(`{"resourceType":"Patient"}`), CauseAnswer},
		"malformed":               {200, bundle(adaHeld.document())[1:], CauseAnswer},
		"another outcome":         {200, outcome("value", "INVALID_VALUE"), CauseAnswer},
		"refused":                 {400, outcome("value", "MISSING_VALUE"), CauseRefused},
		"404":                     {404, outcome("not-found", "RESOURCE_NOT_FOUND"), CauseAnswer},
	} {
		s.search = func(url.Values) (int, string) { return c.status, c.body }
		found, ok, err := p.Trace(context.Background(), TraceQuery{"Otterwick", "Ada", born, ""})
		require.Equal(t, c.cause, down(t, err).Cause, about)
		require.False(t, ok)
		require.Equal(t, Person{}, found)
		tells(t, err)

		out, err := p.Match(context.Background(), []Query{{number2, "Otterwick", "Ada", born}})
		require.Equal(t, c.cause, down(t, err).Cause, "%s: a suggestion that cannot be looked for is no answer either", about)
		require.Nil(t, out)
	}
}
