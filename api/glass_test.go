package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// signedIn is a token of the caller's at a level of assurance.
func (w *world) signedIn(c caller, acr string) header {
	w.t.Helper()
	claims := object{"sub": c.subject, "custos_role": c.role, "org": c.org, "name": c.name, "jti": c.subject + "-" + c.role + "-" + acr}
	if acr != "" {
		claims["acr"] = acr
	}
	t := w.idp.token(w.t, "ed", w.idp.claims(claims))
	w.secret(t, c.name)
	return header{"Authorization": "Bearer " + t}
}

const canary = "not breathing, alone in resus"

func (w *world) emergency(who caller, acr string, more ...header) *reply {
	w.t.Helper()
	w.secret(nhs(1), canary)
	return w.call(who, http.MethodPost, "/v1/emergency-lookups", object{"nhsNumber": nhs(1), "reason": canary, "attendance": "ATT-4711"},
		append(more, w.signedIn(who, acr))...)
}

func (w *world) reviews(who caller, state string) []object {
	w.t.Helper()
	out := []object{}
	for _, r := range list(w.call(who, http.MethodGet, "/v1/reviews?state="+state, nil).ok(200)["reviews"]) {
		out = append(out, r.(object))
	}
	return out
}

// admin is what the admin listener says.
func (w *world) admin(path string) string {
	rec := httptest.NewRecorder()
	w.inner().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	require.Equal(w.t, 200, rec.Code)
	return rec.Body.String()
}

// Every row of the table of emergencies in docs/POLICY.md.
func TestTheEmergencyTable(t *testing.T) {
	text, err := os.ReadFile("../docs/POLICY.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "| any other lookup there is | signed in below AAL3 | with AAL3 |\n|---|---|---|\n")
	require.True(t, ok)
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.organisation("RNL", "service", "", "unscheduled")
	w.says("RNL", object{"live": "no"})
	w.organisation("RNR", "service", "", "unscheduled")
	w.says("RNR", object{"roles": []string{"scheduled-clinician"}})
	who := map[string]caller{
		"answered":                       doctor,
		"denied not-live":                {"clinician", "nl", "RNL", "Dr Notlive", ""},
		"denied role-not-permitted-here": {"clinician", "nr", "RNR", "Dr Norole", ""},
		"denied organisation-unknown":    {"clinician", "no", "NOWHERE", "Dr Nowhere", ""},
		"denied role-not-permitted":      socialWorker,
	}
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 {
			break
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		c, ok := who[cells[0]]
		require.True(t, ok, cells[0])
		delete(who, cells[0])
		if r := w.lookup(c, object{"nhsNumber": nhs(1)}); r.status == 200 {
			require.Equal(t, "answered", cells[0])
		} else {
			require.Equal(t, "denied "+r.code(), cells[0])
		}
		require.Equal(t, "assurance-too-low", w.emergency(c, "AAL1").code(), "turned away at the door, whatever is asked")
		for _, acr := range []string{"", "AAL2_ANY", "AAL3_ANY"} {
			want := cells[1]
			if acr == "AAL3_ANY" {
				want = cells[2]
			}
			before := w.size()
			r := w.emergency(c, acr)
			kinds := w.kinds(before)
			got := "answered"
			if r.status == 200 {
				out, e := r.recorded(200)
				require.Equal(t, ledger.KindAccessed, e.Kind)
				require.Equal(t, "found", out["outcome"])
				require.Len(t, out["notified"], 1, "the authority is told as of any lookup")
				if out["breakGlass"] != nil {
					require.Equal(t, cells[0], "denied "+out["breakGlass"].(object)["insteadOf"].(string))
					got += ", reviewed"
				}
				require.Equal(t, strings.Contains(got, "reviewed"), kinds[ledger.KindGlassBroken] == 1)
			} else {
				got = "denied " + r.code()
				r.denied(r.code())
			}
			require.Equal(t, want, got, "%s with %q", cells[0], acr)
		}
	}
	require.Empty(t, who, "rows that the table lost")
	require.Len(t, w.reviews(officer, ""), 2)
}

// An emergency where the service is not live: answered, told of by reference
// alone, opened and concluded by a second person, and all of it in the trail.
func TestBreakGlassAndItsReview(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.says(ledger.Nation, object{"live": "no"})
	out, e := w.emergency(doctor, "AAL3_ANY").recorded(200)
	broken := out["breakGlass"].(object)
	requireFields(t, broken, "review", "insteadOf", "reviewBy")
	require.Equal(t, "not-live", broken["insteadOf"])
	id := fmt.Sprint(broken["review"])
	by, err := time.Parse(time.RFC3339, broken["reviewBy"].(string))
	require.NoError(t, err)
	require.Equal(t, e.Time.Std().Add(24*time.Hour).Truncate(time.Millisecond), by.UTC())

	// The privacy officer is alarmed: a reference, and nobody's name.
	require.Contains(t, w.log.String(), `"alarm":"break-glass","review":`+id)
	require.Contains(t, w.admin("/metrics"), "\ncustos_break_glass_total 1\n")
	require.Contains(t, w.admin("/metrics"), "\ncustos_reviews_open 1\n")
	require.Contains(t, w.admin("/statusz"), `"reviews":{"open":1,"overdue":0}`)
	key := header{"Idempotency-Key": "0d6a3e5c-3f0a-4b7e-9d5c-0a1b2c3d4e5f"}
	first, _ := w.emergency(otherDoctor, "AAL3_ANY", key).recorded(200)
	again, _ := w.emergency(otherDoctor, "AAL3_ANY", key).recorded(200)
	require.Equal(t, first["breakGlass"], again["breakGlass"], "shown again, it is the same emergency")
	require.Contains(t, w.admin("/metrics"), "\ncustos_break_glass_total 2\n")
	second := fmt.Sprint(first["breakGlass"].(object)["review"])
	w.call(officer, http.MethodPost, "/v1/reviews/"+second, object{"finding": "not-justified", "note": "a drill"}).recorded(201)
	require.Len(t, w.reviews(officer, "not-justified"), 1)
	for _, who := range []caller{officer, siteOfficer} {
		all := w.reviews(who, "open")
		require.Len(t, all, 1)
		requireFields(t, all[0], "id", "state", "at", "access", "organisation", "insteadOf", "reviewBy")
		require.Equal(t, id, fmt.Sprint(all[0]["id"]))
	}
	elsewhere := caller{"site-ig", "ig-9", practice, "Petra Elsewhere", ""}
	require.Empty(t, w.reviews(elsewhere, ""), "another site's officer has nothing to review")
	w.call(elsewhere, http.MethodPost, "/v1/reviews/"+id+"/open", nil).denied("own-organisation-only")
	same := caller{"site-ig", doctor.subject, emergency, doctor.name, ""}
	w.call(same, http.MethodPost, "/v1/reviews/"+id+"/open", nil).denied("second-person-needed")
	w.call(same, http.MethodPost, "/v1/reviews/"+id, object{"finding": "justified", "note": "it was me"}).denied("second-person-needed")

	opened, entry := w.call(siteOfficer, http.MethodPost, "/v1/reviews/"+id+"/open", nil).recorded(200)
	require.Equal(t, ledger.KindReviewed, entry.Kind)
	require.Equal(t, w.keys.Person(nhs(1)), entry.Person.Ref)
	requireFields(t, opened, "id", "insteadOf", "reviewBy", "outcome", "nhsNumber", "reason", "attendance", "visit", "seq", "receipt")
	require.Equal(t, []any{nhs(1), canary, "ATT-4711", "found"}, []any{opened["nhsNumber"], opened["reason"], opened["attendance"], opened["outcome"]})
	require.Equal(t, doctor.name, opened["visit"].(object)["name"])

	// A day later it is overdue, and counted.
	w.forward(24*time.Hour - time.Minute)
	w.lookup(nurse, object{"nhsNumber": nhs(1)}).denied("role-not-permitted") // an entry of that time
	require.Empty(t, w.reviews(officer, "overdue"))
	w.forward(2 * time.Minute)
	w.lookup(nurse, object{"nhsNumber": nhs(1)}).denied("role-not-permitted")
	require.Len(t, w.reviews(officer, "overdue"), 1)
	require.Empty(t, w.reviews(officer, "open"))
	require.Contains(t, w.admin("/metrics"), "\ncustos_reviews_overdue 1\n")
	require.Contains(t, w.admin("/statusz"), `"reviews":{"open":1,"overdue":1}`)

	done, entry := w.call(officer, http.MethodPost, "/v1/reviews/"+id, object{"finding": "justified", "note": "seen in resus"}).recorded(201)
	require.Equal(t, "justified", done["state"])
	require.True(t, entry.Event.(*ledger.Reviewed).Late)
	require.Len(t, entry.Commitments, 1)
	w.call(siteOfficer, http.MethodPost, "/v1/reviews/"+id, object{"finding": "not-justified", "note": "I differ"}).problem("already-done")
	concluded := w.reviews(siteOfficer, "justified")
	require.Len(t, concluded, 1)
	require.Equal(t, true, concluded[0]["late"])
	require.NotEmpty(t, concluded[0]["reviewedAt"])
	require.Contains(t, w.admin("/statusz"), `"reviews":{"open":0,"overdue":0}`)

	entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
	require.Subset(t, column(entries, "kind"), []any{"accessed", "glass-broken", "notification-queued", "access-denied", "reviewed"})
	entries, _ = w.trail(siteOfficer, object{"organisation": emergency})
	require.Contains(t, column(entries, "kind"), "glass-broken")
}

// A restricted child's review shows the site's officer that there was one, and
// the national officer what it was.
func TestReviewOfARestrictedChild(t *testing.T) {
	w := newWorld(t)
	w.server.match = w.server.registerMatcher(w.register(nhs(1)+",Featherstonehaugh,Annunziata,2015-05-04,R,,"), false)
	w.plans(uploader, 1, ann(nil))
	w.says(ledger.Nation, object{"live": "no"})
	out, _ := w.emergency(doctor, "AAL3").recorded(200)
	id := fmt.Sprint(out["breakGlass"].(object)["review"])
	site, _ := w.call(siteOfficer, http.MethodPost, "/v1/reviews/"+id+"/open", nil).recorded(200)
	requireFields(t, site, "id", "insteadOf", "reviewBy", "restricted", "seq", "receipt")
	w.call(officer, http.MethodPost, "/v1/reviews/"+id+"/open", nil).denied("assurance-too-low")
	national, _ := w.call(officer, http.MethodPost, "/v1/reviews/"+id+"/open", nil, w.signedIn(officer, "AAL3_ANY")).recorded(200)
	require.Equal(t, nhs(1), national["nhsNumber"])
}

// What is wrong breaks nothing and reviews nothing.
func TestEmergenciesAndReviewsThatAreWrong(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.says(ledger.Nation, object{"live": "no"})
	strong := w.signedIn(doctor, "AAL3_ANY")
	w.emergency(doctor, "AAL3_ANY").recorded(200)
	open := w.reviews(officer, "open")
	id := fmt.Sprint(open[0]["id"])
	for _, who := range []caller{officer, siteOfficer} { // so that their names are known
		w.call(who, http.MethodPost, "/v1/reviews/"+id+"/open", nil).recorded(200)
	}
	size := w.size()
	for _, c := range []struct {
		code, pointer string
		body          any
	}{
		{"reason-missing", "/reason", object{"nhsNumber": nhs(1)}},
		{"reason-missing", "/reason", object{"nhsNumber": nhs(1), "reason": ""}},
		{"reason-missing", "/reason", object{"nhsNumber": nhs(1), "reason": " \t"}},
		{"field-value", "/reason", object{"nhsNumber": nhs(1), "reason": strings.Repeat("x", 1001)}},
		{"nhs-number-check-digit", "/nhsNumber", object{"nhsNumber": "9990000001", "reason": canary}},
		{"json-unknown-field", "", object{"nhsNumber": nhs(1), "reason": canary, "breakGlass": true}},
	} {
		r := w.call(doctor, http.MethodPost, "/v1/emergency-lookups", c.body, strong)
		require.Equal(t, c.pointer, r.problem(c.code).Pointer, "%v", c.body)
	}
	for _, c := range []struct {
		code, pointer string
		body          any
	}{
		{"json-missing-field", "/note", object{"finding": "justified"}},
		{"reason-missing", "/note", object{"finding": "justified", "note": ""}},
		{"field-value", "/finding", object{"finding": "opened", "note": canary}},
		{"field-value", "/finding", object{"finding": canary, "note": canary}},
	} {
		r := w.call(officer, http.MethodPost, "/v1/reviews/"+id, c.body)
		require.Equal(t, c.pointer, r.problem(c.code).Pointer, "%v", c.body)
	}
	for _, none := range []string{"0", "3", "x", "-1", "99999999999"} {
		w.call(officer, http.MethodPost, "/v1/reviews/"+none, object{"finding": "justified", "note": "n"}).problem("not-found")
		w.call(officer, http.MethodPost, "/v1/reviews/"+none+"/open", nil).problem("not-found")
	}
	for _, query := range []string{"?state=closed", "?after=3", "?state=open&state=open"} {
		w.call(officer, http.MethodGet, "/v1/reviews"+query, nil).problem("query-parameter")
	}
	require.Equal(t, size, w.size())
}
