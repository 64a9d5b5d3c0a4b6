package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Managers see how their notifications fare; the operator sees every
// authority's, without counts small enough to tell of somebody.
func TestFigures(t *testing.T) {
	w := newWorld(t)
	const people = 8
	var rows []planRow
	for n := range people {
		rows = append(rows, ann(func(p *planRow) { p.NHSNumber, p.FamilyName = nhs(10+n), fmt.Sprintf("Family%02d", n) }))
	}
	w.plans(uploader, 1, rows...)
	look := func(n int) string {
		out, _ := w.lookup(doctor, object{"nhsNumber": nhs(10 + n)}).recorded(200)
		require.NotEmpty(t, out["notified"])
		ids := list(w.call(socialWorker, "GET", "/v1/notifications", nil).ok(200)["notifications"])
		return ids[len(ids)-1].(object)["id"].(json.Number).String()
	}
	figures := func(who caller, query string) object {
		before := w.size()
		out := w.call(who, http.MethodGet, "/v1/figures"+query, nil).ok(200)
		requireFields(t, out, "from", "to", "authorities", "asOf")
		require.Equal(t, before, w.size(), "figures are of nobody, so nothing is recorded")
		return list(out["authorities"])[0].(object)
	}
	ids := make([]string, people)
	for n := range people {
		ids[n] = look(n)
	}
	for n, wait := range []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour, 5 * time.Hour, 10 * time.Hour} {
		w.forward(wait)
		w.call(socialWorker, "POST", "/v1/notifications/"+ids[n]+"/open", nil).recorded(200)
	}
	w.call(socialWorker, "POST", "/v1/notifications/"+ids[0]+"/acknowledgements", object{"action": "visited"}).recorded(201)
	w.forward(6 * time.Hour)
	w.plans(uploader, 2, rows[0])
	got := figures(manager, "")
	number := func(n int) json.Number { return json.Number(fmt.Sprint(n)) }
	require.Equal(t, object{"ods": authority1, "name": "Northbank Council"}, got["authority"])
	require.Equal(t, []any{number(8), number(2), number(2), number(6), number(1)}, []any{got["queued"], got["unread"], got["overdue"], got["opened"], got["acknowledged"]})
	near := func(v any, want time.Duration) {
		n, err := v.(json.Number).Int64()
		require.NoError(t, err)
		require.InDelta(t, want.Seconds(), n, 120)
	}
	near(got["secondsToOpen"].(object)["median"], 3*time.Hour)
	near(got["secondsToOpen"].(object)["ninetieth"], 19*time.Hour)
	near(got["secondsToAct"].(object)["median"], 19*time.Hour)

	small := figures(operator, "")
	require.Equal(t, []any{nil, nil, nil, number(6), nil, true}, []any{small["queued"], small["unread"], small["overdue"], small["opened"], small["acknowledged"], small["suppressed"]})
	require.NotNil(t, small["secondsToOpen"])
	require.Nil(t, small["secondsToAct"])
	require.Len(t, list(w.call(operator, http.MethodGet, "/v1/figures", nil).ok(200)["authorities"]), 2)

	before := figures(manager, "?from=2026-01-01&to=2026-02-01")
	require.Equal(t, number(0), before["queued"])
	for _, bad := range []string{"?from=soon", "?from=2026-02-01&to=2026-01-01", "?from=2024-01-01&to=2026-01-01", "?x=1", "?to=2026-01-01&to=2026-01-02"} {
		w.call(manager, http.MethodGet, "/v1/figures"+bad, nil).problem("query-parameter")
	}
	w.call(socialWorker, http.MethodGet, "/v1/figures", nil).denied("role-not-permitted")

	r := w.call(manager, http.MethodGet, "/v1/figures", nil, header{"Accept": "text/csv"})
	lines := csvLines(t, r.body)
	require.Equal(t, figuresColumns, lines[0])
	require.Equal(t, []string{authority1, "Northbank Council", "8", "2", "2", "6", "1"}, lines[1][:7])
	w.call(operator, "PUT", "/v1/organisations/"+authority2, object{"name": "Less <than>", "sort": "authority"}).recorded(200)
	r = w.call(operator, http.MethodGet, "/v1/figures", nil, header{"Accept": "text/html"})
	page := string(r.body)
	require.Equal(t, "text/html; charset=utf-8", r.header.Get("Content-Type"))
	require.Contains(t, page, "Less &lt;than&gt;")
	require.NotContains(t, page, "<script")
	page = string(w.call(manager, http.MethodGet, "/v1/figures", nil, header{"Accept": "text/html"}).body)
	require.Equal(t, 2, strings.Count(page, "<rect"), "unread and overdue are drawn")
}

func TestTimesByNearestRank(t *testing.T) {
	require.Nil(t, timesOf(nil))
	require.Equal(t, &waitTimes{7, 7}, timesOf([]ledger.Time{7 * ledger.Second}))
	var ten []ledger.Time
	for n := 10; n > 0; n-- {
		ten = append(ten, ledger.Time(n)*ledger.Second)
	}
	require.Equal(t, &waitTimes{5, 9}, timesOf(ten))
}
