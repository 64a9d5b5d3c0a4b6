package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// What an authority holds comes in pages, each recorded, everybody on it with an
// entry of their own; nothing of it is another authority's.
func TestHoldings(t *testing.T) {
	w := newWorld(t)
	rows := many(2*ledger.MaxHoldings + 10)
	rows[0].End, rows[1].End, rows[2].LocalID = "2026-01-01", "2025-03-04", "=cmd"
	wrong := ann(func(p *planRow) { p.NHSNumber, p.LocalID = nhs(4000)[:9], "WRONG-1" })
	slip := ann(func(p *planRow) { p.NHSNumber, p.LocalID, p.Start = rows[5].NHSNumber, "SLIP-1", "2027-01-01" })
	provisional := ann(func(p *planRow) { p.NHSNumber, p.FamilyName, p.LocalID = "", "Nonumberson", "PROV-1" })
	w.keep(append([]planRow{wrong, slip, provisional}, rows...)...)
	w.plans(uploader2, 1, ann(func(p *planRow) { p.NHSNumber, p.FamilyName = nhs(4001), "Elsewhereby" }))
	r := w.upload(uploader, 1, append(rows, wrong, slip, provisional)...)
	require.Equal(t, 200, r.status)
	w.forward(24 * time.Hour) // the second child's plan ended 365 days ago

	before := w.size()
	key := header{"Idempotency-Key": uuid.NewString()}
	r = w.call(manager, "POST", "/v1/holdings", object{}, key)
	out := r.ok(200)
	requireFields(t, out, "holdings", "count", "pages")
	lines := objects(out["holdings"])
	require.Len(t, lines, len(rows)+3)
	states := map[any]int{}
	byNumber := map[any]object{}
	for _, l := range lines {
		states[l["state"]]++
		if l["state"] != "rejected" {
			byNumber[l["nhsNumber"]] = l
		}
	}
	require.Equal(t, map[any]int{"in-force": len(rows) - 2, "visible": 1, "ended": 1, "unmatched": 1, "rejected": 2}, states)
	require.Equal(t, "visible", byNumber[rows[0].NHSNumber]["state"])
	require.Equal(t, object{"state": "ended", "nhsNumber": rows[1].NHSNumber, "familyName": "Familyname0001", "givenNames": "Annunziata", "dateOfBirth": "2015-05-04",
		"planType": "CPP", "start": "2025-01-10", "end": "2025-03-04", "localId": "LOCAL-0001"}, byNumber[rows[1].NHSNumber])
	require.Equal(t, "PROV-1", lines[len(rows)]["localId"])
	require.Equal(t, []any{"nhs-number-missing", "nhs-number-format", "start-in-future"}, column(lines[len(rows):], "code"))
	require.Equal(t, json.Number("523"), lines[len(rows)+1]["row"])
	require.NotContains(t, string(r.body), "Elsewhereby")
	kinds := w.kinds(before)
	require.Equal(t, len(rows)+1, kinds[ledger.KindSubjectAccessed], "everybody, and once more whom a rejected row names")
	require.Equal(t, 5, kinds[ledger.KindHoldingsRead], "three pages of people, one of each kind of row")
	for _, p := range objects(out["pages"]) {
		n, err := p["seq"].(json.Number).Int64()
		require.NoError(t, err)
		w.proves(p["receipt"].(string), ledger.Seq(n))
		require.Equal(t, ledger.KindHoldingsRead, w.entry(ledger.Seq(n)).Kind)
	}

	// The same request again shows the same, and that is recorded.
	before = w.size()
	again := w.call(manager, "POST", "/v1/holdings", object{}, key)
	require.Equal(t, out["holdings"], again.ok(200)["holdings"])
	require.Equal(t, map[ledger.Kind]int{ledger.KindReopened: 5}, w.kinds(before))

	csv := w.call(uploader, "POST", "/v1/holdings", object{}, header{"Accept": "text/csv"})
	require.Equal(t, 200, csv.status)
	table := csvLines(t, csv.body)
	require.Equal(t, heldColumns, table[0])
	require.Len(t, table, len(rows)+4)
	for _, l := range table[1:] {
		if l[1] == rows[2].NHSNumber {
			require.Equal(t, "'=cmd", l[8], "a cell must not be a formula")
		}
	}
	entries, _ := w.trail(officer, object{"nhsNumber": rows[7].NHSNumber})
	require.Equal(t, []any{"plan-recorded", "subject-accessed", "subject-accessed", "trail-read"}, column(entries, "kind"))
	require.Equal(t, []any{manager.name, authority1}, []any{entries[1]["name"], entries[1]["authority"]})
	w.call(doctor, "POST", "/v1/holdings", object{}).denied("role-not-permitted")
	require.Equal(t, 400, w.call(uploader, "POST", "/v1/holdings", object{"all": true}).status)
	empty := w.call(caller{"uploader", "u9", community, "Upton Wrong", ""}, "POST", "/v1/holdings", object{})
	empty.denied("organisation-unknown")
}

// The register's word is a fact of the row. Who matches nobody is on the
// worklist and unseen by care; a restricted person is accepted, sealed.
func TestRowsThatMatchNobody(t *testing.T) {
	w := newWorld(t)
	rows := many(uploadChunk + 2)
	w.keep(rows...)
	said := map[string]matching{
		rows[1].NHSNumber:           {state: ledger.Unmatched, reason: "family-name-differs", twin: true, suggestion: map[string]string{"family_name": "Suggestionby"}},
		rows[uploadChunk].NHSNumber: {state: ledger.Matched, restricted: true},
	}
	w.secret("Suggestionby")
	asked := 0
	w.server.match = func(_ context.Context, rows []planRow) ([]matching, error) {
		var out []matching
		for _, r := range rows {
			asked++
			m, ok := said[r.NHSNumber]
			if !ok {
				m.state = ledger.Matched
			}
			out = append(out, m)
		}
		return out, nil
	}
	r := w.upload(uploader, 1, rows...)
	require.Equal(t, 200, r.status, "%s", r.body)
	require.Equal(t, len(rows), asked)
	require.Equal(t, []string{"2", "unmatched", "family-name-differs", rowMessages["family-name-differs"], "LOCAL-0001"}, csvLines(t, r.body)[2])
	require.Equal(t, "98.4", r.header.Get("Custos-Matched-Percent"))
	again := w.upload(colleague, 1, rows...)
	require.Equal(t, []string{string(r.body), "98.4"}, []string{string(again.body), again.header.Get("Custos-Matched-Percent")})
	require.Equal(t, len(rows), asked, "a repeated acknowledgement asks nobody")
	look := func(row planRow) object {
		out, _ := w.lookup(doctor, object{"nhsNumber": row.NHSNumber}).recorded(200)
		return out
	}
	require.Equal(t, "not-found", look(rows[1])["outcome"])
	require.Equal(t, "found", look(rows[2])["outcome"])
	require.NotEmpty(t, look(rows[2])["accessHistory"])
	look(rows[uploadChunk])
	sealed := look(rows[uploadChunk])
	require.Equal(t, "found", sealed["outcome"], "the flag is visible")
	require.Empty(t, sealed["accessHistory"], "who looked, and where, is not")
	told := objects(w.call(socialWorker, "GET", "/v1/notifications", nil).ok(200)["notifications"])
	require.Contains(t, told[0], "organisation")
	require.NotContains(t, told[len(told)-1], "organisation", "the list does not tell it either")

	mine := func(who caller) object {
		return objects(w.call(who, "GET", "/v1/unmatched", nil).ok(200)["authorities"])[0]
	}
	one := mine(manager)
	item := objects(one["rows"])[0]
	requireFields(t, item, "id", "planType", "reason", "message", "since", "ageHours", "inForce", "raised", "possibleTwin")
	require.Equal(t, []any{"family-name-differs", true, false, true}, []any{item["reason"], item["inForce"], item["raised"], item["possibleTwin"]})
	held := w.call(uploader, "POST", "/v1/holdings", object{}).ok(200)
	require.Equal(t, object{"family_name": "Suggestionby"}, objects(held["holdings"])[len(rows)-1]["suggestion"])
	require.Equal(t, item["id"], objects(held["holdings"])[len(rows)-1]["id"], "the worklist, which names nobody, and holdings are of one row")
	w.forward(24*time.Hour - 10*time.Minute)
	look(rows[2])
	require.Equal(t, json.Number("0"), mine(manager)["raised"])
	w.forward(10 * time.Minute)
	look(rows[2])
	require.Equal(t, json.Number("1"), mine(manager)["raised"])
	require.NotContains(t, mine(operator), "rows")
	rec := httptest.NewRecorder()
	w.inner().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	require.Contains(t, rec.Body.String(), "custos_unmatched_raised 1")

	// It comes again and matches.
	delete(said, rows[1].NHSNumber)
	out, _ := w.uploadJSON(uploader, "?sequence=2", asJSON(rows[1])).recorded(200)
	require.EqualValues(t, "100.0", out["matchedPercent"])
	require.Equal(t, "found", look(rows[1])["outcome"])
	require.Equal(t, json.Number("0"), mine(manager)["unmatched"])

	// A register that fails in the middle leaves nothing of the file behind.
	w.server.match = func(context.Context, []planRow) ([]matching, error) {
		if asked++; asked%2 == 0 {
			return nil, errors.New("down")
		}
		return make([]matching, uploadChunk), nil
	}
	asked = 0
	before := w.size()
	w.upload(uploader, 3, rows...).problem("register-unavailable")
	require.Equal(t, before, w.size())
	w.server.match = nil
	dry, _ := w.uploadJSON(uploader, "?dry-run=true", asJSON(ann(func(p *planRow) { p.NHSNumber = "" }))).recorded(200)
	require.Equal(t, []any{"unmatched", "nhs-number-missing"}, []any{objects(dry["results"])[0]["status"], objects(dry["results"])[0]["code"]})
	w.plans(uploader, 3, rows...)
}
