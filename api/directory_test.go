package api

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Numbers that nobody has confirmed for 90 days are flagged wherever they are
// shown, until their authority sends them again.
func TestUnconfirmedNumbersAreFlagged(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	shown := func() any {
		found, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
		return list(found["plans"])[0].(object)["localAuthority"].(object)["unconfirmed"]
	}
	overdue := func() any { return w.call(doctor, "GET", "/v1/directory", nil).ok(200)["unconfirmed"] }
	require.Nil(t, shown())
	require.Empty(t, overdue())
	w.forward(90*day24 - time.Hour)
	require.Nil(t, shown())
	require.Empty(t, overdue())
	w.forward(2 * time.Hour)
	require.Equal(t, true, shown())
	require.Equal(t, []any{authority1, authority2}, overdue())
	require.Equal(t, "2", w.metric("custos_directory_unconfirmed"))
	w.call(uploader, "PUT", "/v1/directory/"+authority1, object{"officeHours": "020 7946 0001", "emergencyDuty": "020 7946 0002"}).recorded(200)
	require.Nil(t, shown())
	require.Equal(t, []any{authority2}, overdue())
	entry := list(w.call(doctor, "GET", "/v1/directory", nil).ok(200)["authorities"])[1].(object)
	require.Equal(t, true, entry["unconfirmed"])
}

// A care site's call-back number is what a notification shows, unless the lookup
// gave another, and nobody else may change it.
func TestASitesCallBackNumber(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	path := "/v1/directory/" + emergency + "/call-back"
	out, e := w.call(siteOfficer, "PUT", path, object{"callBack": "020 7946 0700"}).recorded(200)
	requireFields(t, out, "ods", "seq", "receipt")
	require.Equal(t, ledger.KindCallBackRecorded, e.Kind)
	require.Equal(t, []any{object{"ods": emergency, "name": "Emergency Department", "callBack": "020 7946 0700"}}, w.call(doctor, "GET", "/v1/directory", nil).ok(200)["sites"])
	opened := func(body object) any {
		found, _ := w.lookup(doctor, body).recorded(200)
		id := list(w.call(socialWorker, "GET", "/v1/notifications?state=queued", nil).ok(200)["notifications"])
		require.NotEmpty(t, id)
		n := id[len(id)-1].(object)["id"]
		require.NotNil(t, found)
		seen, _ := w.call(socialWorker, "POST", "/v1/notifications/"+n.(json.Number).String()+"/open", nil).recorded(200)
		return seen["visit"].(object)["callBack"]
	}
	require.Equal(t, "020 7946 0700", opened(object{"nhsNumber": nhs(1)}))
	require.Equal(t, "bleep 42", opened(object{"nhsNumber": nhs(1), "callBack": "bleep 42", "attendance": "A-2"}))
	for _, bad := range []object{{}, {"callBack": "ring us"}, {"callBack": nhs(1)}, {"callBack": "020 7946 0700", "x": 1}} {
		require.Equal(t, 400, w.call(siteOfficer, "PUT", path, bad).status, "%v", bad)
	}
	w.call(siteOfficer, "PUT", "/v1/directory/"+practice+"/call-back", object{"callBack": "020 7946 0700"}).denied("own-organisation-only")
	w.call(operator, "PUT", "/v1/directory/"+authority1+"/call-back", object{"callBack": "020 7946 0700"}).problem("not-found")
	w.call(operator, "PUT", "/v1/directory/x/call-back", object{"callBack": "020 7946 0700"}).problem("not-found")
	w.call(operator, "PUT", path, object{"callBack": ""}).recorded(200)
	require.Empty(t, w.call(doctor, "GET", "/v1/directory", nil).ok(200)["sites"])
}

// The number that is answered at the moment stands beside the two, wherever they
// are shown, once the authority has said when its office is open.
func TestTheNumberThatIsAnsweredNow(t *testing.T) {
	w := newWorld(t) // two in the afternoon on a Tuesday
	w.plans(uploader, 1, ann(nil))
	shown := func() any {
		found, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
		now := list(found["plans"])[0].(object)["localAuthority"].(object)["ringNow"]
		for _, e := range list(w.call(doctor, "GET", "/v1/directory", nil).ok(200)["authorities"]) {
			if e.(object)["ods"] == authority1 {
				require.Equal(t, now, e.(object)["ringNow"])
			}
		}
		return now
	}
	require.Nil(t, shown(), "nobody knows")
	numbers := object{"officeHours": "020 7946 0001", "emergencyDuty": "020 7946 0002"}
	week := object{"monday": "09:00-17:00", "tuesday": "09:00-17:00", "saturday": "10:00-12:00"}
	path := "/v1/directory/" + authority1
	w.call(uploader, "PUT", path, merged(object{"week": week, "bankHolidays": []any{ledger.Of(w.now().Add(7 * day24)).Day().String()}}, numbers)).recorded(200)
	require.Equal(t, "020 7946 0001", shown())
	w.forward(4 * time.Hour)
	require.Equal(t, "020 7946 0002", shown(), "in the evening")
	w.forward(20 * time.Hour)
	require.Equal(t, "020 7946 0002", shown(), "on a day that is not named the office is shut")
	w.forward(6 * day24)
	require.Equal(t, "020 7946 0002", shown(), "on a bank holiday")
	for _, e := range list(w.call(doctor, "GET", "/v1/directory", nil).ok(200)["authorities"]) {
		if e.(object)["ods"] == authority1 {
			require.Equal(t, week, e.(object)["week"])
		}
	}
	size := w.size()
	for day, bad := range map[string]string{"monday": "9-17", "tuesday": "17:00-09:00", "wednesday": "09:00", "sunday": "09:00-24:01", "friday": "09:00-17:00-18:00", "saturday": "09:00-09:00"} {
		require.Equal(t, "/week/"+day, w.call(uploader, "PUT", path, merged(object{"week": object{day: bad}}, numbers)).problem("field-value").Pointer)
	}
	w.call(uploader, "PUT", path, merged(object{"week": object{"someday": "09:00-17:00"}}, numbers)).problem("json-unknown-field")
	require.Equal(t, size, w.size())
}

// A site is told on the day that a policy begins which holds there, its own or
// that of a place above it, and need not have been told by anybody.
func TestSitesAreToldWhenAPolicyBegins(t *testing.T) {
	w := newWorld(t)
	tomorrow := ledger.Of(w.now().Add(day24)).Day().String()
	w.says(emergency, object{"notify": "no"})
	w.says(emergency, object{"from": tomorrow, "notify": "yes"})
	w.says(ledger.Nation, object{"from": tomorrow, "ended": "yes"})
	w.says(authority1, object{"from": tomorrow, "ended": "no"})
	notices := func(who caller, query string) (out []object) {
		for _, n := range list(w.call(who, "GET", "/v1/site-notices"+query, nil).ok(200)["notices"]) {
			out = append(out, n.(object))
		}
		return out
	}
	require.Empty(t, notices(siteOfficer, ""))
	w.forward(day24)
	w.due()
	have := notices(siteOfficer, "?state=queued")
	require.Len(t, have, 2)
	own, above := have[0], have[1]
	requireFields(t, own, "id", "type", "state", "queuedAt", "policy")
	require.Equal(t, "policy-start", own["type"])
	requireFields(t, own["policy"].(object), "ods", "name", "from", "seq", "recordedAt", "says")
	require.Equal(t, object{"notify": "yes"}, own["policy"].(object)["says"])
	require.Equal(t, tomorrow, own["policy"].(object)["from"])
	require.Equal(t, ledger.Nation, above["policy"].(object)["ods"])
	require.Len(t, notices(planner, ""), 1, "what the nation says holds everywhere; another site's is its own")
	require.Empty(t, notices(siteOfficer, "?state=opened"))
	at := fmt.Sprintf("/v1/site-notices/%v", own["id"])
	opened, e := w.call(siteOfficer, "POST", at+"/open", nil).recorded(200)
	require.Equal(t, own["policy"], opened["policy"])
	require.Empty(t, opened["plans"])
	require.Nil(t, e.Person, "it is of nobody")
	w.call(siteOfficer, "POST", at+"/acknowledgements", object{"action": "told the department"}).recorded(201)
	require.Len(t, notices(siteOfficer, "?state=acknowledged"), 1)
	w.call(siteOfficer, "POST", fmt.Sprintf("/v1/site-notices/%v/open", above["id"]), nil).denied("other-authority")

	// An authority reads of its own among its notifications.
	mine := w.notifications(socialWorker, "")
	require.Len(t, mine, 1)
	require.Equal(t, "policy-start", mine[0]["type"])
	opened, _ = w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", mine[0]["id"]), nil).recorded(200)
	require.Equal(t, authority1, opened["policy"].(object)["ods"])
	w.forward(day24)
	due, err := w.node.View().AnyDue(ledger.Of(w.now()))
	require.NoError(t, err)
	require.False(t, due, "nobody is told twice")
}
