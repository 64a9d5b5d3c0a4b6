package api

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus"
	"custos/ledger"
)

func TestDirectory(t *testing.T) {
	w := newWorld(t)
	for _, who := range everybody {
		size := w.size()
		out := w.call(who, "GET", "/v1/directory", nil).ok(200)
		require.Equal(t, size, w.size(), "it holds no child data")
		requireFields(t, out, "authorities", "unconfirmed", "sites", "asOf")
		require.Len(t, out["authorities"], 2)
		requireFields(t, list(out["authorities"])[0], "ods", "name", "officeHours", "emergencyDuty", "confirmed")
	}
	body := object{"officeHours": "+44 20 7946 0100", "emergencyDuty": "020 7946 0200", "hours": "Mon-Fri 9-17", "bankHolidays": []string{"2026-12-25", "2026-12-28"}}
	out, e := w.call(uploader, "PUT", "/v1/directory/"+authority1, body).recorded(200)
	requireFields(t, out, "ods", "seq", "receipt")
	require.Equal(t, ledger.KindDirectoryRecorded, e.Kind)
	w.call(uploader, "PUT", "/v1/directory/"+authority2, body).denied("other-authority")
	w.call(caller{"uploader", "u9", community, "Upton Wrong", ""}, "PUT", "/v1/directory/"+community, body).denied("organisation-unknown")
	got := list(w.call(doctor, "GET", "/v1/directory", nil).ok(200)["authorities"])[0].(object)
	require.Equal(t, "+44 20 7946 0100", got["officeHours"])
	require.Equal(t, []any{"2026-12-25", "2026-12-28"}, got["bankHolidays"])
	require.Equal(t, "Mon-Fri 9-17", got["hours"])
	require.Equal(t, "Northbank Council", got["name"])
	size := w.size()
	for _, change := range []object{{"officeHours": "ring me"}, {"emergencyDuty": "12"}, {"emergencyDuty": nil}, {"officeHours": "020+7946"}, {"bankHolidays": []string{"Christmas"}},
		{"hours": fmt.Sprintf("%201d", 1)}, {"name": "Other"}} {
		require.Equal(t, 400, w.call(uploader, "PUT", "/v1/directory/"+authority1, merged(merged(object{}, body), change)).status, "%v", change)
	}
	require.Equal(t, 404, w.call(uploader, "PUT", "/v1/directory/x", body).status)
	require.Equal(t, size, w.size())
	// A plan's answer shows the new numbers.
	w.plans(uploader, 1, ann(nil))
	found, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Equal(t, "020 7946 0200", list(found["plans"])[0].(object)["localAuthority"].(object)["emergencyDuty"])
}

// The directory answers whether or not a record can be made.
func TestDirectoryWithoutQuorum(t *testing.T) {
	w := newWorld(t)
	w.seam.Node = &notReady{Node: w.node}
	require.Equal(t, 503, w.call(nobody, "GET", "/readyz", nil).status)
	require.Equal(t, 200, w.call(nobody, "GET", "/livez", nil).status)
	require.Len(t, w.call(doctor, "GET", "/v1/directory", nil).ok(200)["authorities"], 2)
	require.Equal(t, 503, w.call(nobody, "GET", "/checkpoint", nil).status, "there is none yet")
	w.seam.Node = w.node
	require.Equal(t, "ready\n", string(w.call(nobody, "GET", "/readyz", nil).body))
	signed := w.call(nobody, "GET", "/checkpoint", nil)
	tree, err := ledger.OpenCheckpoint(signed.body, worldOrigin, note.VerifierList(worldKeys().verifier))
	require.NoError(t, err)
	require.Positive(t, tree.N)
}

// notReady is a node that has lost its majority.
type notReady struct{ Node }

func (*notReady) Ready() bool       { return false }
func (*notReady) Published() []byte { return nil }

// behind is a node that has started and does not know yet what the others know.
type behind struct{ Node }

func (*behind) CaughtUp() bool { return false }

// TestANodeThatIsBehindAnswersNothing: its views are of before it stopped. What it
// made of them would be incomplete, and a list from them would hide what is new.
func TestANodeThatIsBehindAnswersNothing(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	size := w.size()
	w.seam.Node = &behind{Node: w.node}
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).problem("unavailable")
	w.upload(uploader, 2, ann(nil)).problem("unavailable")
	w.call(socialWorker, "GET", "/v1/notifications", nil).problem("unavailable")
	require.Len(t, w.call(doctor, "GET", "/v1/directory", nil).ok(200)["authorities"], 2, "whom to ring is known all the same")
	require.Equal(t, size, w.size())
	w.seam.Node = w.node
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
}

func TestOrganisations(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	later := caller{"clinician", "walkin", "RWALK", "Dr Walker", ""}
	w.lookup(later, object{"nhsNumber": nhs(1)}).denied("organisation-unknown")
	body := object{"name": "Walk-in Centre", "sort": "trust", "setting": "unscheduled", "notify": true, "history": false, "liveFrom": "2026-01-01", "parent": "RXX", "officeHours": "020 7946 0300"}
	out, e := w.call(operator, "PUT", "/v1/organisations/RWALK", body).recorded(200)
	requireFields(t, out, "ods", "seq", "receipt")
	o := e.Event.(*ledger.OrganisationRecorded).Organisation
	require.Equal(t, []any{"Walk-in Centre", ledger.SettingUnscheduled, false, true, day(t, "2026-01-01"), "RXX"}, []any{o.Name, o.Setting, o.Silent, o.Hidden, o.Live, o.Parent})
	found, e := w.lookup(later, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Equal(t, "found", found["outcome"])
	require.False(t, w.disclosed(e, nhs(1), 1).Shown)
	require.Empty(t, found["accessHistory"])
	require.Len(t, found["notified"], 1)
	size := w.size()
	for _, change := range []object{{"name": nil}, {"name": ""}, {"sort": "hospital"}, {"sort": nil}, {"setting": "both"}, {"liveFrom": "soon"}, {"officeHours": "x"}, {"emergencyDuty": "y"},
		{"code": "X"}, {"notify": "yes"}, {"parent": "12345678901"}} {
		require.Equal(t, 400, w.call(operator, "PUT", "/v1/organisations/RWALK", merged(merged(object{}, body), change)).status, "%v", change)
	}
	for _, ods := range []string{"rwalk", "x", "RWALK-1", nhs(1)} {
		require.Equal(t, 404, w.call(operator, "PUT", "/v1/organisations/"+ods, body).status, ods)
	}
	require.Equal(t, size, w.size())
}

func TestReceiptsAndEntries(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	_, e := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	denial := w.lookup(nurse, object{"nhsNumber": nhs(1)}).denied("role-not-permitted")
	receipt := fmt.Sprintf("/v1/receipts/%d", e.Seq)
	for _, who := range []caller{doctor, officer, auditor} {
		r := w.call(who, "GET", receipt, nil)
		require.Equal(t, 200, r.status)
		require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
		w.proves(string(r.body), e.Seq)
	}
	require.Equal(t, 200, w.call(nurse, "GET", fmt.Sprintf("/v1/receipts/%d", denial.Seq), nil).status, "the receipt of an own denial")
	for _, who := range []caller{otherDoctor, socialWorker, nurse, siteOfficer, operator} {
		w.call(who, "GET", receipt, nil).denied("role-not-permitted")
	}
	for _, who := range everybody {
		var h header
		if who == officer {
			w.call(who, "GET", fmt.Sprintf("/v1/entries/%d", e.Seq), nil).turnedAway("assurance-too-low")
			h = w.signedIn(officer, "AAL3_ANY")
		}
		r := w.call(who, "GET", fmt.Sprintf("/v1/entries/%d", e.Seq), nil, h)
		if who == officer || who == auditor {
			require.Equal(t, 200, r.status)
			require.Equal(t, "application/cbor", r.header.Get("Content-Type"))
			require.Equal(t, e.Record(), r.body)
		} else {
			r.denied("role-not-permitted")
		}
	}
	size := w.size()
	for _, n := range []string{"999999", "x", "-1", "01", "1e3", "9223372036854775808"} {
		require.Equal(t, 404, w.call(auditor, "GET", "/v1/receipts/"+n, nil).status, n)
		require.Equal(t, 404, w.call(auditor, "GET", "/v1/entries/"+n, nil).status, n)
	}
	require.Equal(t, size, w.size())
}

func TestAdminListener(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(nurse, object{"nhsNumber": nhs(1)}).denied("role-not-permitted")
	w.call(nobody, "GET", "/v1/directory", nil).problem("token-missing")
	admin := httptest.NewServer(w.inner())
	defer admin.Close()
	get := func(path string) string {
		rec := httptest.NewRecorder()
		w.inner().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		require.Equal(t, 200, rec.Code, path)
		return rec.Body.String()
	}
	var s object
	require.NoError(t, json.Unmarshal([]byte(get("/statusz")), &s))
	for _, k := range []string{"node", "leader", "size", "root", "applied"} {
		require.Contains(t, s, k)
	}
	require.Equal(t, "n1", s["node"])
	require.Equal(t, "http://n1", s["leader"])
	require.EqualValues(t, w.size(), s["size"])
	metrics := get("/metrics")
	require.Contains(t, metrics, `custos_lookups_total{outcome="found"} 1`)
	require.Contains(t, metrics, "custos_refused_total 1")
	require.Contains(t, metrics, "custos_unauthenticated_total 1")
	for secret := range w.secrets {
		require.NotContains(t, metrics, secret)
	}
	require.Contains(t, get("/livez")+get("/readyz"), "ready")
	require.NotEmpty(t, get("/debug/pprof/"))
	// The public listener has none of it.
	for _, path := range []string{"/metrics", "/statusz", "/debug/pprof/"} {
		require.Equal(t, 404, w.call(operator, "GET", path, nil).status)
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	_, err := New(Config{})
	require.Error(t, err)
	var _ Node = (*consensus.Node)(nil)
}
