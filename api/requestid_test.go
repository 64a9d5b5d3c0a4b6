package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func TestRequestIdentifiers(t *testing.T) {
	const a, b, c = "0d6a3e5c-3f0a-4b7e-9d5c-0a1b2c3d4e5f", "0D6A3E5C-3F0A-4B7E-9D5C-0A1B2C3D4E5F", "00000000-0000-0000-0000-000000000000"
	e := newEdge(slog.New(slog.DiscardHandler))
	var seen requestInfo
	e.handle(http.MethodGet, "/x", routePolicy{}, func(_ http.ResponseWriter, r *http.Request) { seen = *requestInfoOf(r) })
	ask := func(headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	w := ask("X-Request-ID", a, "X-Correlation-ID", b, "TraceID", c)
	require.Equal(t, 200, w.Code)
	require.Equal(t, []string{a, b, c}, []string{w.Header().Get("X-Request-ID"), w.Header().Get("X-Correlation-ID"), w.Header().Get("TraceID")})
	require.Equal(t, []string{a, b, c}, []string{seen.RequestID, seen.CorrelationID, seen.TraceID})

	w = ask()
	require.True(t, isUUID(w.Header().Get("X-Request-ID")))
	require.Empty(t, w.Header().Get("X-Correlation-ID"))
	require.NotEqual(t, ask().Header().Get("X-Request-ID"), w.Header().Get("X-Request-ID"))

	for _, h := range []string{"X-Request-ID", "X-Correlation-ID", "TraceID"} {
		for _, bad := range []string{"", "1", a + "0", a[:35], "{" + a + "}", "urn:uuid:" + a, strings.ReplaceAll(a, "-", ""), a[:35] + "g", a[:8] + "_" + a[9:], a[:35] + "\n",
			strings.Repeat("-", 36), strings.Repeat("a", 36), a[:35] + "\r"} {
			w := ask(h, bad)
			require.Equal(t, 400, w.Code, bad)
			require.Contains(t, w.Body.String(), "request-id-format")
			if bad != "" {
				require.NotContains(t, w.Header()[http.CanonicalHeaderKey(h)], bad)
			}
		}
		require.Equal(t, 400, ask(h, a, h, a).Code, "given twice")
	}
	require.Nil(t, requestInfoOf(httptest.NewRequest(http.MethodGet, "/", nil)))
}

func TestIdempotencyKey(t *testing.T) {
	const key = "0D6A3E5C-3f0a-4b7e-9d5c-0a1b2c3d4e5f"
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	ask := func(given ...string) (string, string, *Problem) {
		r, w := httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder()
		for _, g := range given {
			r.Header.Add("Idempotency-Key", g)
		}
		id, p := idempotencyKey(w, r, ledger.Of(now))
		return uuid.UUID(id).String(), w.Header().Get("Idempotency-Key"), p
	}
	for _, given := range []string{key, `"` + key + `"`} {
		id, echoed, p := ask(given)
		require.Nil(t, p)
		require.Equal(t, strings.ToLower(key), id)
		require.Equal(t, key, echoed)
	}
	id, echoed, p := ask()
	require.Nil(t, p)
	require.Equal(t, id, echoed)
	again, _, _ := ask()
	require.NotEqual(t, id, again)
	_, _, p = ask(again)
	require.Nil(t, p, "a key made here may come back")
	future := uuid.UUID(ledger.TimedID(ledger.Of(now.Add(6*time.Minute)), [8]byte{})).String()
	for _, bad := range [][]string{{future}, {""}, {"1"}, {`"` + key}, {"{" + key + "}"}, {key, key}, {"urn:uuid:" + key}} {
		_, echoed, p := ask(bad...)
		require.NotNil(t, p)
		require.Equal(t, "idempotency-key-format", p.Code)
		require.Empty(t, echoed)
	}
}
