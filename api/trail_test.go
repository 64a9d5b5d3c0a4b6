package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func (w *world) trail(who caller, body object) ([]object, ledger.Entry) {
	w.t.Helper()
	if body["reason"] == nil {
		body["reason"] = "complaint ref 5521"
	}
	w.secret(body["reason"].(string))
	out, e := w.call(who, "POST", "/v1/trails", body).recorded(200)
	requireFields(w.t, out, "entries", "count", "seq", "receipt")
	require.Equal(w.t, ledger.KindTrailRead, e.Kind, "reading a trail is itself recorded")
	var entries []object
	for _, x := range list(out["entries"]) {
		entries = append(entries, x.(object))
	}
	require.EqualValues(w.t, fmt.Sprint(len(entries)), out["count"])
	return entries, e
}

func column(entries []object, name string) []any {
	var out []any
	for _, e := range entries {
		out = append(out, e[name])
	}
	return out
}

func TestTrails(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(planner, object{"nhsNumber": nhs(1)}).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(1), "dateOfBirth": "2015-05-05"}).recorded(200)
	w.lookup(caller{"clinician", "late", "RLATE", "Dr Tardy", ""}, object{"nhsNumber": nhs(1)}).denied("not-live")
	id := w.notifications(socialWorker, "")[0]["id"]
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", id), nil).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(3)}).recorded(200)

	// The whole trail of a child, for the national officer.
	entries, e := w.trail(officer, object{"nhsNumber": nhs(1)})
	require.Equal(t, []any{"plan-recorded", "accessed", "notification-queued", "accessed", "accessed", "access-denied", "notification-opened", "trail-read"}, column(entries, "kind"))
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref, "and stands in the trail it shows")
	require.False(t, e.Event.(*ledger.TrailRead).Own)
	require.Equal(t, []any{uploader.name, doctor.name, doctor.name, planner.name, doctor.name, "Dr Tardy", socialWorker.name, officer.name}, column(entries, "name"))
	require.Equal(t, []any{nil, "found", nil, "found", "mismatch", nil, nil, nil}, column(entries, "outcome"))
	require.Equal(t, []any{authority1}, entries[1]["told"])
	require.Equal(t, emergency, entries[1]["ods"])
	require.Equal(t, "Emergency Department", entries[1]["organisation"])
	require.Equal(t, true, entries[1]["unscheduled"])
	require.Equal(t, false, entries[3]["unscheduled"])
	require.Equal(t, "not-live", entries[5]["code"])
	for _, x := range entries {
		for _, k := range []string{"seq", "at", "kind", "role"} {
			require.Contains(t, x, k)
		}
	}

	// A site's officer sees the own organisation's accesses only.
	own, e := w.trail(siteOfficer, object{"nhsNumber": nhs(1)})
	require.True(t, e.Event.(*ledger.TrailRead).Own)
	for _, x := range own {
		require.Equal(t, emergency, x["ods"])
	}
	require.Equal(t, []any{"accessed", "notification-queued", "accessed", "trail-read"}, column(own, "kind"))
	byOrg, _ := w.trail(siteOfficer, object{"organisation": emergency})
	require.NotEmpty(t, byOrg)
	w.call(siteOfficer, "POST", "/v1/trails", object{"organisation": practice, "reason": "curious"}).denied("own-organisation-only")
	byActor, _ := w.trail(siteOfficer, object{"actor": planner.subject})
	require.Empty(t, byActor, "another organisation's person")

	// By actor, by organisation, and within times.
	byActor, _ = w.trail(officer, object{"actor": doctor.subject})
	require.Equal(t, []any{"found", "mismatch", "not-found"}, column(byActor, "outcome"))
	byActor, _ = w.trail(officer, object{"actor": doctor.subject, "issuer": "https://elsewhere.example"})
	require.Empty(t, byActor)
	byOrg, _ = w.trail(officer, object{"organisation": practice})
	require.Equal(t, []any{"found"}, column(byOrg, "outcome"))
	some, _ := w.trail(officer, object{"actor": doctor.subject, "from": "2026-03-04"})
	require.Empty(t, some)
	some, _ = w.trail(officer, object{"actor": doctor.subject, "from": "2026-03-03", "to": "2026-03-03T14:30:00Z"})
	require.Len(t, some, 3)
	w.forward(48 * time.Hour)
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	some, _ = w.trail(officer, object{"actor": doctor.subject, "from": "2026-03-04"})
	require.Len(t, some, 1)

	// The reason is kept, sealed.
	_, e = w.trail(officer, object{"nhsNumber": nhs(1), "reason": "ombudsman case 33817"})
	db, release := w.node.Ledger()
	defer release()
	var d ledger.NoteDetails
	require.NoError(t, w.opened(db, &e, &d))
	require.Equal(t, "ombudsman case 33817", d.Text)
}

func TestTrailMarksErrors(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	_, e := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	w.call(doctor, "POST", fmt.Sprintf("/v1/lookups/%d/corrections", e.Seq), object{"reason": "other twin"}).recorded(201)
	key := header{"Idempotency-Key": uuid.NewString()}
	w.lookup(doctor, object{"nhsNumber": nhs(1)}, key).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(1)}, key).recorded(200)
	entries, _ := w.trail(officer, object{"actor": doctor.subject})
	require.Equal(t, []any{"accessed", "access-corrected", "accessed", "reopened"}, column(entries, "kind"))
	require.Equal(t, []any{true, nil, nil, nil}, column(entries, "inError"))
}

func TestBadTrails(t *testing.T) {
	w := newWorld(t)
	w.secret(nhs(1), "Featherstonehaugh")
	for _, body := range []any{
		object{"nhsNumber": nhs(1)}, object{"reason": "x"}, object{"nhsNumber": nhs(1), "reason": ""}, object{"nhsNumber": nhs(1), "actor": "a", "reason": "x"},
		object{"nhsNumber": nhs(1)[:9], "reason": "x"}, object{"nhsNumber": nhs(1), "from": "yesterday", "reason": "x"}, object{"nhsNumber": nhs(1), "to": "2026-02-30", "reason": "x"},
		object{"organisation": nhs(1), "reason": "x"}, object{"organisation": "Featherstonehaugh", "reason": "x"}, object{"organisation": strings.Repeat("X", 33), "reason": "x"},
		object{"actor": strings.Repeat("x", 257), "reason": "x"}, object{"nhsNumber": nhs(1), "reason": strings.Repeat("x", 2001)}, object{"nhsNumber": nhs(1), "reason": "x", "whole": true}, "", "{",
	} {
		w.badly(officer, "/v1/trails", body)
	}
}
