package api

import (
	"encoding/json"
	"testing"

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
	w.forward(91 * day24)
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
