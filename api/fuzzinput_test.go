package api

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/signin"
	"custos/ledger"
)

// Smaller things that come with requests, and files of keys.

// FuzzKeySet: a set of keys that is taken has keys for the algorithms that were
// asked for alone, each under an id that a token may have; no refusal repeats it.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","use":"sig","alg":"EdDSA","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"a","use":"sig","alg":"HS256","k":"c2VjcmV0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","use":"sig","alg":"ES256","x":"AA","y":"AA"},{"kty":"EC","kid":"a","use":"enc"}]}`))
	methods := []string{"EdDSA", "ES256", "RS512"}
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeys(b, methods)
		if err != nil {
			require.Nil(t, keys)
			return
		}
		require.NotEmpty(t, keys)
		for id, k := range keys {
			require.True(t, validKeyID(id))
			require.Contains(t, methods, k.algorithm)
			require.NotNil(t, k.public)
		}
	})
}

// FuzzAttempt: of whatever a browser sends as its sign-in under way, only what was
// sealed for this log is opened, and only until its time is over.
func FuzzAttempt(f *testing.F) {
	keys, err := ledger.NewKeyring(ledger.Secrets{Log: worldLog, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, rand.Reader)
	require.NoError(f, err)
	a, err := newAttempts(keys)
	require.NoError(f, err)
	mine := attempt{Attempt: signin.Attempt{State: "s"}, Provider: "p", To: "/", Until: 100}
	sealed, err := a.seal(mine)
	require.NoError(f, err)
	f.Add(sealed, int64(50))
	f.Add(sealed+"A", int64(50))
	f.Add("", int64(0))
	f.Fuzz(func(t *testing.T, cookie string, now int64) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", attemptCookie+"="+cookie)
		x, ok := a.open(r, time.Unix(now, 0))
		if !ok {
			require.Equal(t, attempt{}, x)
			return
		}
		require.Equal(t, mine, x)
		require.Less(t, now, mine.Until)
	})
}

// FuzzQueries: whatever stands in a query or a header is one of the things that
// are known, or is refused with a code; hours that are read are written the same.
func FuzzQueries(f *testing.F) {
	for _, s := range []string{"sequence=7&dry-run=true", "sequence=07", "state=queued&after=9&for=team&mine=yes", "from=2026-01-01&to=2026-02-01&by=team&team=a",
		"patient:identifier=https://fhir.nhs.uk/Id/nhs-number|9990000018&_format=json", "agent:identifier=a|b&date=ge2026-01-01&date=lt2026-02-01", "09:00-17:30", "%zz", "a=1&a=2"} {
		f.Add(s)
	}
	today := ledger.Day(20000)
	f.Fuzz(func(t *testing.T, s string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: s},
			Header: http.Header{"Last-Event-Id": {s}, "Isunscheduledaccessevent": {s}, "Accept": {s}}}
		refused := func(err error) bool {
			if err == nil {
				return false
			}
			require.Contains(t, problems, asProblem(err).Code)
			require.NotEqual(t, "internal", asProblem(err).Code)
			return true
		}
		for _, form := range []uint8{formCSV, formXML} {
			if q, err := readUploadQuery(r, form); !refused(err) {
				require.GreaterOrEqual(t, q.sequence, int64(0))
				require.True(t, q.sequence > 0 || q.dryRun || form == formXML)
			}
		}
		if q, err := parseListed(r); !refused(err) {
			require.NotEqual(t, "", q.state.String())
		}
		if a, err := readFigures(r, today); !refused(err) {
			require.LessOrEqual(t, a.from, a.to)
			require.Less(t, a.to-a.from, ledger.Day(figuresMax))
		}
		if values, err := fhirValues(r, "patient:identifier", "agent:identifier", "date"); !refused(err) {
			if n, err := fhirPerson(values); !refused(err) {
				require.Len(t, n.Digits(), 10)
			}
			var q auditSearch
			refused(q.agent(values, "issuer"))
			for _, d := range values["date"] {
				refused(q.date(d))
			}
			fhirTakes(r, values, takenForJSON)
		}
		if at, p := lastEventID(r); p == nil && at != nil {
			require.Equal(t, s != "", true)
			n, err := strconv.ParseUint(s, 10, 63)
			require.NoError(t, err)
			require.Equal(t, ledger.Seq(n)+1, *at)
		}
		_, err := fhirDeclared(r, ledger.DeclaredScheduled)
		refused(err)
		hours := weekBody{Monday: s}
		if week, err := hours.week(); err == nil && s != "" {
			require.Equal(t, s, weekOf(&ledger.Directory{Week: week}).Monday)
		}
	})
}
