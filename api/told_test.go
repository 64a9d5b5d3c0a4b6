package api

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Whoever looks again in the same attendance makes no second notification, and
// sees how far the first has come and who acknowledged it.
func TestASettingThatLooksAgainSeesWhatBecameOfIt(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	visit := object{"nhsNumber": nhs(1), "attendance": "ATT-10101"}
	first, _ := w.lookup(doctor, visit).recorded(200)
	id := w.notifications(socialWorker, "")[0]["id"]
	told := func(who caller) object {
		out, e := w.lookup(who, visit).recorded(200)
		require.Len(t, w.notifications(socialWorker, ""), 1)
		a := e.Event.(*ledger.Accessed)
		require.Equal(t, []string{authority1}, a.Told)
		require.Equal(t, fmt.Sprint(id), fmt.Sprint(a.Notifications[0]))
		require.Contains(t, out["notice"], "ring")
		return list(out["notified"])[0].(object)
	}
	n := told(otherDoctor)
	requireFields(t, n, "ods", "name", "state", "at", "sameAttendance")
	require.Equal(t, "queued", n["state"])
	require.Equal(t, first["asOf"], n["at"], "told when the first of them looked")

	path := fmt.Sprintf("/v1/notifications/%v", id)
	opened, _ := w.call(socialWorker, "POST", path+"/open", nil).recorded(200)
	require.EqualValues(t, "2", opened["accesses"])
	require.NotEmpty(t, opened["latestAt"])
	w.call(socialWorker, "POST", path+"/acknowledgements", object{"action": "visited"}).recorded(201)
	n = told(otherDoctor)
	requireFields(t, n, "ods", "name", "state", "at", "toldAt", "sameAttendance", "acknowledged")
	require.Equal(t, "acknowledged", n["state"])
	require.Equal(t, first["asOf"], n["toldAt"])
	require.Equal(t, object{"at": n["at"], "name": "Sorrel Workington", "role": "social-worker"}, n["acknowledged"])
	item := w.notifications(socialWorker, "")[0]
	require.EqualValues(t, "3", item["accesses"])
	require.Nil(t, item["reattended"])

	// The next attendance is another, and says so.
	visit["attendance"] = "ATT-20202"
	w.lookup(doctor, visit).recorded(200)
	item = w.notifications(socialWorker, "")[1]
	require.Equal(t, true, item["reattended"])
	require.Equal(t, id, item["after"])
	opened, _ = w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", item["id"]), nil).recorded(200)
	require.Equal(t, id, opened["after"])
}

// Of a restricted person it is told that somebody acknowledged, and not who.
func TestWhoActsForARestrictedPersonIsNotTold(t *testing.T) {
	w := newWorld(t)
	w.server.match = func(context.Context, []planRow) ([]matching, error) {
		return []matching{{state: ledger.Matched, restricted: true}}, nil
	}
	w.plans(uploader, 1, ann(nil))
	visit := object{"nhsNumber": nhs(1), "attendance": "ATT-10101"}
	w.lookup(doctor, visit).recorded(200)
	path := fmt.Sprintf("/v1/notifications/%v", w.notifications(socialWorker, "")[0]["id"])
	w.call(socialWorker, "POST", path+"/open", nil).recorded(200)
	w.call(socialWorker, "POST", path+"/acknowledgements", object{"action": "visited"}).recorded(201)
	out, _ := w.lookup(doctor, visit).recorded(200)
	n := list(out["notified"])[0].(object)
	require.Equal(t, object{"at": n["at"]}, n["acknowledged"])
}

// A correction takes back what told of the wrong person, and of nothing else.
func TestACorrectionWithdraws(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	visit := object{"nhsNumber": nhs(1), "attendance": "ATT-10101"}
	wrong, _ := w.lookup(doctor, visit).recorded(200)
	right, _ := w.lookup(otherDoctor, visit).recorded(200)
	correct := func(who caller, seq any) {
		w.call(who, "POST", fmt.Sprintf("/v1/lookups/%v/corrections", seq), object{"reason": "another child was meant"}).recorded(201)
	}
	w.secret("another child was meant")
	correct(doctor, wrong["seq"])
	require.Empty(t, w.notifications(socialWorker, "?state=withdrawn"), "the colleague's look still stands")
	require.Len(t, w.notifications(socialWorker, "?state=queued"), 2, "the notification, and the correction")
	id := w.notifications(socialWorker, "")[0]["id"]
	path := fmt.Sprintf("/v1/notifications/%v", id)
	opened, _ := w.call(socialWorker, "POST", path+"/open", nil).recorded(200)
	require.Equal(t, true, opened["visit"].(object)["inError"], "the first look of it was wrong")
	correct(otherDoctor, right["seq"])
	n := w.notifications(socialWorker, "?state=withdrawn")
	require.Len(t, n, 1)
	require.Equal(t, id, n[0]["id"])
	require.NotEmpty(t, n[0]["withdrawnAt"])
	require.NotEmpty(t, n[0]["openedAt"], "that it was opened stays")
	w.call(socialWorker, "POST", path+"/acknowledgements", object{"action": "visited"}).problem("not-in-this-state")
	list1, err := w.node.View().Undelivered(authority1, ledger.NotifyAccess)
	require.NoError(t, err)
	require.Empty(t, list1, "what was taken back is sent to nobody")
}

// An authority whose plan has ended is not told.
func TestAnEndedPlansAuthorityIsNotTold(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(func(p *planRow) { p.End = "2026-03-02" }))
	w.plans(uploader2, 1, ann(func(p *planRow) { p.PlanType = "LAC" }))
	out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Len(t, out["plans"], 2)
	require.Len(t, out["notified"], 1)
	require.Equal(t, authority2, list(out["notified"])[0].(object)["ods"])
	require.Empty(t, w.notifications(socialWorker, ""))
}
