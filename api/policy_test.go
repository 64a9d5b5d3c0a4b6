package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// says records a policy from today and wants it taken.
func (w *world) says(place string, items object) *reply {
	w.t.Helper()
	body := object{"from": ledger.Of(w.now()).Day().String(), "reason": "agreed by the board"}
	for k, v := range items {
		body[k] = v
	}
	w.secret("agreed by the board")
	r := w.call(operator, http.MethodPut, "/v1/policies/"+place, body)
	r.recorded(200)
	return r
}

func (w *world) organisation(code, sort, parent, setting string) {
	w.t.Helper()
	w.call(operator, http.MethodPut, "/v1/organisations/"+code, object{"name": "Place " + code, "sort": sort, "parent": parent, "setting": setting}).recorded(200)
}

// policyRow is one line of the table of docs/POLICY.md.
type policyRow struct {
	says, setting, role string
	cells               [3]string // declared: nothing, scheduled, unscheduled
}

func policyTable(t *testing.T) []policyRow {
	text, err := os.ReadFile("../docs/POLICY.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "| declares nothing | declares scheduled | declares unscheduled |\n|---|---|---|---|---|---|\n")
	require.True(t, ok)
	var out []policyRow
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 6 {
			break
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out = append(out, policyRow{cells[0], cells[1], cells[2], [3]string(cells[3:])})
	}
	return out
}

// Every cell of care setting, declaration, role and policy: answered or denied,
// in the history or not, the authority told or not, and recorded either way.
func TestThePolicyTable(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	seen := map[string]int{}
	cells := 0
	for n, row := range policyTable(t) {
		place := fmt.Sprintf("RT%03d", n)
		w.organisation(place, "service", "", row.setting)
		items := object{}
		for _, item := range strings.Split(row.says, ", ") {
			name, value, ok := strings.Cut(item, " ")
			switch {
			case !ok:
				require.Equal(t, "nothing", item)
			case name == "roles":
				items[name] = []string{value}
			default:
				items[name] = value
			}
		}
		if len(items) > 0 {
			w.says(place, items)
		}
		roles := []string{"clinician", "scheduled-clinician"}
		if row.role != "either" {
			roles = []string{row.role}
		}
		for _, role := range roles {
			seen[row.says+"/"+row.setting+"/"+role]++
			for declared, want := range row.cells {
				cells++
				who := caller{role, fmt.Sprintf("t-%d-%d-%s", n, declared, role), place, fmt.Sprintf("Somebody %s %d-%d", role, n, declared), ""}
				require.Equal(t, want, w.cell(who, declared), "%+v as %s, declared %d", row, role, declared)
			}
		}
	}
	for key, times := range seen {
		require.Equal(t, 1, times, key)
		says, _, _ := strings.Cut(key, "/")
		for _, setting := range []string{"scheduled", "unscheduled"} {
			for _, role := range []string{"clinician", "scheduled-clinician"} {
				require.Contains(t, seen, says+"/"+setting+"/"+role, "the table is whole")
			}
		}
	}
	require.Equal(t, 8*2*2*3, cells)
}

// cell looks the child up and says what came of it, in the table's words.
func (w *world) cell(who caller, declared int) string {
	w.t.Helper()
	body := object{"nhsNumber": nhs(1), "attendance": who.subject} // each its own: else they are told as one
	if declared > 0 {
		body["unscheduled"] = declared == 2
	}
	before := w.size()
	r := w.lookup(who, body)
	kinds := w.kinds(before)
	delete(kinds, ledger.KindActorProfiled)
	if r.status != http.StatusOK {
		code := r.code()
		r.denied(code)
		require.Equal(w.t, map[ledger.Kind]int{ledger.KindAccessDenied: 1}, kinds)
		return "denied " + code
	}
	out, e := r.recorded(200)
	require.Equal(w.t, "found", out["outcome"])
	require.Len(w.t, list(out["plans"]), 1)
	was := e.Event.(*ledger.Accessed)
	told := list(out["notified"])
	require.Len(w.t, told, kinds[ledger.KindNotificationQueued])
	require.Equal(w.t, 1, kinds[ledger.KindAccessed])
	cell := []string{"answered"}
	newest := ""
	if history := list(out["accessHistory"]); len(history) > 0 {
		newest, _ = history[0].(object)["name"].(string)
	}
	require.Equal(w.t, was.Shown, newest == who.name)
	if was.Shown {
		cell = append(cell, "shown")
	}
	if len(told) > 0 {
		cell = append(cell, "told")
	}
	require.Equal(w.t, was.Conflict, out["conflict"] == true)
	if was.Conflict {
		cell = append(cell, "conflict")
	}
	return strings.Join(cell, ", ")
}

// A roll-out by region: one dated entry for the nation, one for London.
func TestARollOut(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.organisation("Y56", "region", "", "")
	w.organisation("RLN", "trust", "Y56", "")
	w.organisation("RLN01", "service", "RLN", "unscheduled")
	london := caller{"clinician", "doc-3", "RLN01", "Dr Southwark", ""}
	w.says(ledger.Nation, object{"live": "no"})
	r := w.lookup(doctor, object{"nhsNumber": nhs(1)})
	r.denied("not-live")
	require.Empty(t, r.problem("not-live").From, "no day is set")
	start := ledger.Of(w.now()).Day() + 7
	w.says("Y56", object{"live": "yes", "from": start.String()})
	r = w.lookup(london, object{"nhsNumber": nhs(1)})
	r.denied("not-live")
	p := r.problem("not-live")
	require.Equal(t, start.String(), p.From)
	require.Contains(t, p.Detail, `not "no plan"`)
	held := w.call(nurse, http.MethodGet, "/v1/policies/RLN01", nil).ok(200)
	require.Equal(t, start.String(), held["liveFrom"])
	require.Equal(t, "no", held["holds"].(object)["live"])
	w.forward(7 * 24 * time.Hour)
	w.lookup(london, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).denied("not-live")

	held = w.call(nurse, http.MethodGet, "/v1/policies/RLN01?on="+start.String(), nil).ok(200)
	require.Equal(t, object{"live": "yes", "setting": "unscheduled", "notify": "yes", "history": "yes", "ended": "no", "links": "no"}, held["holds"])
	of := map[string]object{}
	for _, x := range list(held["of"]) {
		of[x.(object)["item"].(string)] = x.(object)
	}
	require.Equal(t, "Y56", of["live"]["ods"])
	require.Equal(t, start.String(), of["live"]["since"])
	require.Equal(t, object{"item": "setting", "ods": "RLN01", "name": "Place RLN01"}, of["setting"], "its own record")
	require.Equal(t, object{"item": "notify"}, of["notify"], "the default")
	before := w.call(nurse, http.MethodGet, "/v1/policies/RLN01?on="+(start-1).String(), nil).ok(200)
	require.Equal(t, "no", before["holds"].(object)["live"])
	england := w.call(nurse, http.MethodGet, "/v1/policies/"+ledger.Nation, nil).ok(200)
	require.Equal(t, object{"ods": ledger.Nation, "name": "England"}, england["place"])

	all := w.call(auditor, http.MethodGet, "/v1/policies", nil).ok(200)
	var codes []string
	for _, p := range list(all["places"]) {
		codes = append(codes, p.(object)["ods"].(string))
	}
	require.Equal(t, []string{ledger.Nation, "Y56"}, codes)
	entry := list(list(all["places"])[1].(object)["entries"])[0].(object)
	require.Equal(t, object{"live": "yes"}, entry["says"])
	require.Equal(t, start.String(), entry["from"])
}

// What is wrong is named, records nothing, and changes nothing.
func TestPoliciesThatAreWrong(t *testing.T) {
	w := newWorld(t)
	today := ledger.Of(w.now()).Day()
	size := w.size()
	w.secret("nineteen-canary")
	good := func(change object) object {
		body := object{"from": today.String(), "live": "no", "reason": "nineteen-canary"}
		for k, v := range change {
			if v == nil {
				delete(body, k)
			} else {
				body[k] = v
			}
		}
		return body
	}
	for _, c := range []struct {
		code, pointer string
		change        object
	}{
		{"json-missing-field", "/from", object{"from": nil}},
		{"date-format", "/from", object{"from": "01/06/2026"}},
		{"policy-in-the-past", "", object{"from": (today - 1).String()}},
		{"json-missing-field", "/reason", object{"reason": nil}},
		{"reason-missing", "/reason", object{"reason": ""}},
		{"json-unknown-field", "", object{"nineteen-canary": "yes"}},
		{"json-type", "/live", object{"live": true}},
		{"field-value", "/live", object{"live": "nineteen-canary"}},
		{"field-value", "/live", object{"live": "unscheduled"}},
		{"field-value", "/setting", object{"setting": "yes"}},
		{"field-value", "/notify", object{"notify": "maybe"}},
		{"field-value", "/history", object{"history": "Yes"}},
		{"field-value", "/ended", object{"ended": "nineteen-canary"}},
		{"field-value", "/links", object{"links": "nineteen-canary"}},
		{"json-missing-field", "/dpia", object{"links": "yes"}},
		{"field-value", "/dpia", object{"links": "yes", "dpia": "9"}},
		{"field-value", "/dpia", object{"links": "no", "dpia": "DPIA 7"}},
		{"field-value", "/dpia", object{"dpia": "DPIA 7"}},
		{"field-value", "/linkDays", object{"linkDays": 90}},
		{"field-value", "/linkDays", object{"links": "no", "linkDays": 90}},
		{"field-value", "/linkDays", object{"links": "yes", "dpia": "DPIA 7", "linkDays": ledger.MinLinkDays - 1}},
		{"field-value", "/linkDays", object{"links": "yes", "dpia": "DPIA 7", "linkDays": ledger.MaxLinkDays + 1}},
		{"field-value", "/linkDays", object{"links": "yes", "dpia": "DPIA 7", "linkDays": -1}},
		{"json-type", "/linkDays", object{"links": "yes", "dpia": "DPIA 7", "linkDays": "90"}},
		{"field-value", "/roles", object{"roles": []string{}}},
		{"field-value", "/roles", object{"roles": []string{"auditor"}}},
		{"field-value", "/roles", object{"roles": []string{"nineteen-canary"}}},
		{"field-value", "/roles", object{"roles": []string{"clinician", "clinician"}}},
		{"field-value", "/roles", object{"roles": []string{"inherit", "clinician"}}},
		{"field-value", "", object{"live": nil}},
	} {
		r := w.call(operator, http.MethodPut, "/v1/policies/"+emergency, good(c.change))
		require.Equal(t, c.pointer, r.problem(c.code).Pointer, "%v", c.change)
	}
	for _, place := range []string{"NOWHERE", "x", nhs(1)} {
		for _, method := range []string{http.MethodPut, http.MethodGet} {
			body := any(nil)
			if method == http.MethodPut {
				body = good(nil)
			}
			require.Contains(t, w.call(operator, method, "/v1/policies/"+place, body).problem("not-found").Detail, "PUT /v1/organisations/")
		}
	}
	for _, query := range []string{"?on=today", "?on=2026-02-30", "?at=2026-02-03", "?on=2026-03-03&on=2026-03-04", "?on="} {
		w.call(operator, http.MethodGet, "/v1/policies/"+emergency+query, nil).problem("query-parameter")
	}
	w.call(operator, http.MethodGet, "/v1/policies?on=2026-03-03", nil).problem("query-parameter")
	for _, e := range w.since(size) {
		require.Equal(t, ledger.KindActorProfiled, e.Kind)
	}
	require.Empty(t, list(w.call(operator, http.MethodGet, "/v1/policies", nil).ok(200)["places"]))

	// Roles come in any order and are held in one.
	w.says(emergency, object{"roles": []string{"scheduled-clinician", "clinician"}, "links": "yes", "dpia": "DPIA 2026/7"})
	held := w.call(operator, http.MethodGet, "/v1/policies/"+emergency, nil).ok(200)["holds"].(object)
	require.Equal(t, []any{"clinician", "scheduled-clinician"}, held["roles"])
	require.Equal(t, []any{"DPIA 2026/7", json.Number("400")}, []any{held["dpia"], held["linkDays"]}, "what holds has a number where none was said")
	w.says(emergency, object{"links": "yes", "dpia": "DPIA 2026/8", "linkDays": 90})
	held = w.call(operator, http.MethodGet, "/v1/policies/"+emergency, nil).ok(200)["holds"].(object)
	require.Equal(t, []any{"DPIA 2026/8", json.Number("90")}, []any{held["dpia"], held["linkDays"]})
	w.says(emergency, object{"roles": []string{"inherit"}, "links": "inherit", "live": "no", "notify": "no", "history": "no", "setting": "scheduled", "ended": "yes"})
	held = w.call(operator, http.MethodGet, "/v1/policies/"+emergency, nil).ok(200)["holds"].(object)
	require.Equal(t, object{"live": "no", "setting": "scheduled", "notify": "no", "history": "no", "ended": "yes", "links": "no"}, held)
	entries := list(list(w.call(operator, http.MethodGet, "/v1/policies", nil).ok(200)["places"])[0].(object)["entries"])
	require.True(t, slices.ContainsFunc(entries, func(e any) bool {
		says := e.(object)["says"].(object)
		return says["links"] == "inherit" && fmt.Sprint(says["roles"]) == "[inherit]"
	}))
}

// Before the rules are raised there is no policy, and nobody is let believe so.
func TestNoPolicyBeforeVersion3(t *testing.T) {
	w := worldUnder(t, 2)
	w.call(operator, http.MethodPut, "/v1/policies/"+emergency, object{"from": "2030-01-01", "live": "no", "reason": "pilot"}).problem("rules-not-raised")
}
