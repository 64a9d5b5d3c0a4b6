package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Figures by team: a manager names the teams; the others are told apart, and none
// is named. What is overdue is said by the authority's own ladder.
func TestFiguresByTeam(t *testing.T) {
	w := newWorld(t)
	var rows []planRow
	for n, team := range []string{"North", "north ", "South Locality", ""} {
		rows = append(rows, ann(func(p *planRow) {
			p.NHSNumber, p.FamilyName, p.Team, p.LocalID = nhs(10+n), fmt.Sprintf("Family%02d", n), team, fmt.Sprint("L-", n)
		}))
	}
	w.plans(uploader, 1, rows...)
	w.call(manager, "PUT", "/v1/ladder", object{"from": "2026-03-03", "worker": 30, "team": 20, "manager": 40, "emergencyDuty": 30, "opens": "08:00", "closes": "18:00"}).recorded(200)
	ids := make([]any, len(rows))
	for n := range rows {
		w.lookup(doctor, object{"nhsNumber": nhs(10 + n)}).recorded(200)
		all := w.notifications(manager, "")
		ids[n] = all[len(all)-1]["id"]
	}
	w.forward(10 * time.Minute)
	w.call(manager, "POST", fmt.Sprintf("/v1/notifications/%v/open", ids[0]), object{"reason": "the team is away"}).recorded(200)
	table := func(query string) map[string][]string {
		before := w.size()
		out := w.call(manager, http.MethodGet, "/v1/figures?"+query, nil).ok(200)
		require.Equal(t, before, w.size())
		lines := map[string][]string{}
		for _, x := range list(list(out["authorities"])[0].(object)["teams"]) {
			x := x.(object)
			var line []string
			for _, name := range []string{"queued", "unread", "overdue", "escalated", "opened", "acknowledged"} {
				line = append(line, string(x[name].(json.Number)))
			}
			lines[x["team"].(string)] = line
		}
		return lines
	}
	named := "team=NORTH&team=South+Locality&team=nobody"
	require.Equal(t, map[string][]string{
		"NORTH": {"2", "1", "0", "0", "1", "0"}, "South Locality": {"1", "1", "0", "0", "0", "0"}, "": {"1", "1", "0", "0", "0", "0"},
	}, table(named), "ten minutes are not late")
	w.forward(11 * time.Minute)
	w.lookup(doctor, object{"nhsNumber": nhs(30)}).recorded(200) // the ledger's time goes on
	require.Equal(t, []string{"2", "1", "1", "0", "1", "0"}, table(named)["NORTH"], "its team has twenty minutes")
	w.due()
	require.Equal(t, []string{"1", "1", "1", "1", "0", "0"}, table(named)["South Locality"], "it stays late when the next is told")
	unnamed := table("by=team")
	require.Len(t, unnamed, 3)
	for team := range unnamed {
		require.True(t, team == "" || strings.HasPrefix(team, "team-") && len(team) == 13, team)
	}
	require.Nil(t, list(w.call(manager, "GET", "/v1/figures", nil).ok(200)["authorities"])[0].(object)["teams"])

	lines := csvLines(t, w.call(manager, http.MethodGet, "/v1/figures?"+named, nil, header{"Accept": "text/csv"}).body)
	require.Equal(t, []string{"ods", "authority", "team", "queued"}, lines[0][:4])
	require.Equal(t, []string{authority1, "Northbank Council", "NORTH", "2", "1", "1"}, lines[1][:6])
	require.Equal(t, "", lines[3][2], "those without a team come last")
	page := string(w.call(manager, http.MethodGet, "/v1/figures?team=%3Cb%3E&"+named, nil, header{"Accept": "text/html"}).body)
	require.Contains(t, page, "South Locality")
	require.Contains(t, page, "no team")
	require.NotContains(t, page, "<b>")
	w.call(operator, http.MethodGet, "/v1/figures?by=team", nil).problem("query-parameter")
	w.call(manager, http.MethodGet, "/v1/figures?by=worker", nil).problem("query-parameter")
	w.call(manager, http.MethodGet, "/v1/figures?by=team&by=team", nil).problem("query-parameter")
	w.call(manager, http.MethodGet, "/v1/figures?"+strings.Repeat("team=a&", teamsNamed+1), nil).problem("query-parameter")
}

// The operator's alarms about what nobody takes on are counts of everybody's.
func TestUnopenedIsCounted(t *testing.T) {
	w := newWorld(t)
	later := func(d time.Duration) { // whatever is kept for a minute is read anew
		w.forward(d)
		w.dueIfAny()
		w.call(manager, "PUT", "/v1/ladder", object{"from": day(t, "2026-03-09").String(), "worker": 30, "team": 20, "manager": 40, "emergencyDuty": 30, "opens": "08:00", "closes": "18:00"}).recorded(200)
	}
	require.Equal(t, "0", w.metric("custos_notifications_unopened"))
	w.plans(uploader, 1, ann(nil))
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	id := w.notifications(manager, "")[0]["id"]
	later(61 * time.Minute)
	require.Equal(t, "1", w.metric("custos_notifications_unopened"))
	require.Equal(t, "1", w.metric("custos_notifications_escalated"))
	require.Equal(t, "0", w.metric("custos_notifications_exhausted"))
	require.Contains(t, w.metric("custos_notifications_oldest_unopened_seconds"), "36") // 61 minutes and some seconds
	later(121 * time.Minute)
	require.Equal(t, "0", w.metric("custos_notifications_exhausted"), "it is past five: the emergency duty team has it")
	later(61 * time.Minute)
	require.Equal(t, "1", w.metric("custos_notifications_exhausted"))
	w.call(manager, "POST", fmt.Sprintf("/v1/notifications/%v/open", id), nil).recorded(200)
	later(2 * time.Minute)
	require.Equal(t, "0", w.metric("custos_notifications_unopened"))
	require.Equal(t, "0", w.metric("custos_notifications_oldest_unopened_seconds"))
	require.Equal(t, "1", w.metric("custos_notifications_escalated"), "opened is not taken on")
	w.call(manager, "POST", fmt.Sprintf("/v1/notifications/%v/acknowledgements", id), object{"action": "visited"}).recorded(201)
	later(2 * time.Minute)
	require.Equal(t, "0", w.metric("custos_notifications_escalated"))
	require.Equal(t, "0", w.metric("custos_notifications_exhausted"))
}
