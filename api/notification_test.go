package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func (w *world) notifications(who caller, query string) []object {
	w.t.Helper()
	r := w.call(who, "GET", "/v1/notifications"+query, nil)
	out := r.ok(200)
	requireFields(w.t, out, "notifications", "asOf")
	require.Empty(w.t, r.header.Get("Custos-Seq"), "a list of references is no disclosure")
	var items []object
	for _, n := range list(out["notifications"]) {
		items = append(items, n.(object))
	}
	for s := range w.secrets {
		require.NotContains(w.t, string(r.body), s, "a list shows no identity")
	}
	return items
}

func TestNotificationLife(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.plans(uploader2, 1, ann(func(p *planRow) { p.PlanType, p.LocalID = "LAC", "FAR-0001" }))
	require.Empty(t, w.notifications(socialWorker, ""))
	_, access := w.lookup(doctor, object{"nhsNumber": nhs(1), "attendance": "ATT-55021", "callBack": "bleep 70707", "reason": "fell from a swing"}).recorded(200)

	before := w.size()
	items := w.notifications(socialWorker, "")
	require.Len(t, items, 1)
	require.Equal(t, before, w.size(), "listing is not recorded")
	n := items[0]
	requireFields(t, n, "id", "type", "state", "urgency", "queuedAt", "for", "dueAt", "organisation")
	require.Equal(t, "access", n["type"])
	require.Equal(t, "queued", n["state"])
	require.Equal(t, object{"ods": emergency, "name": "Emergency Department"}, n["organisation"])
	require.Len(t, w.notifications(farWorker, ""), 1)
	require.NotEqual(t, n["id"], w.notifications(farWorker, "")[0]["id"])

	path := fmt.Sprintf("/v1/notifications/%v", n["id"])
	act := object{"action": "visited", "note": "strategy meeting on Friday"}
	w.secret("strategy meeting on Friday")
	w.call(socialWorker, "POST", path+"/acknowledgements", act).problem("notification-not-opened")
	require.Equal(t, before, w.size())

	// Another authority may neither open nor acknowledge it, and that is recorded.
	for _, way := range []string{"/open", "/acknowledgements"} {
		r := w.call(farWorker, "POST", path+way, act)
		if way == "/open" {
			r = w.call(farWorker, "POST", path+way, nil)
		}
		r.denied("other-authority")
	}

	// Opening reveals the person, the plans of the own authority, and the visit.
	opened, e := w.call(socialWorker, "POST", path+"/open", nil).recorded(200)
	requireFields(t, opened, "id", "type", "state", "nhsNumber", "localId", "person", "plans", "visit", "seq", "receipt")
	ev, ok := e.Event.(*ledger.NotificationOpened)
	require.True(t, ok)
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref)
	require.Len(t, ev.Disclosed, 2)
	require.Equal(t, access.Seq, ev.Disclosed[1])
	require.True(t, ev.First)
	require.Equal(t, nhs(1), opened["nhsNumber"])
	require.Equal(t, "LOCAL-0001", opened["localId"])
	require.Equal(t, "opened", opened["state"])
	require.Equal(t, "Featherstonehaugh", opened["person"].(object)["familyName"])
	plans := list(opened["plans"])
	require.Len(t, plans, 1, "another authority's plan is not theirs to see here")
	require.Equal(t, "child-protection-plan", plans[0].(object)["type"])
	visit := opened["visit"].(object)
	requireFields(t, visit, "at", "name", "role", "organisation", "ods", "attendance", "callBack")
	require.Equal(t, "Dr Quillfeather", visit["name"])
	require.Equal(t, "ATT-55021", visit["attendance"])
	require.Equal(t, "bleep 70707", visit["callBack"])

	// Again, by the manager and with a body: another recorded disclosure.
	_, e = w.call(manager, "POST", path+"/open", "{}").recorded(200)
	require.False(t, e.Event.(*ledger.NotificationOpened).First)
	n = w.notifications(socialWorker, "?state=opened")[0]
	requireFields(t, n, "id", "type", "state", "urgency", "queuedAt", "openedAt", "for", "dueAt", "organisation")

	done, e := w.call(socialWorker, "POST", path+"/acknowledgements", act).recorded(201)
	requireFields(t, done, "id", "state", "seq", "receipt")
	require.Equal(t, "acknowledged", done["state"])
	require.Equal(t, ledger.KindNotificationAcknowledged, e.Kind)
	db, release := w.node.Ledger()
	var note ledger.NoteDetails
	require.NoError(t, w.opened(db, &e, &note))
	release()
	require.Equal(t, ledger.NoteDetails{Action: "visited", Text: "strategy meeting on Friday"}, note)
	size := w.size()
	w.call(socialWorker, "POST", path+"/acknowledgements", act).problem("already-done")
	require.Equal(t, size, w.size())
	n = w.notifications(socialWorker, "?state=acknowledged")[0]
	requireFields(t, n, "id", "type", "state", "urgency", "queuedAt", "openedAt", "acknowledgedAt", "for", "organisation")

	// What came of it ends its life, and nothing comes after.
	w.secret("mother and child seen at home")
	actions := object{"action": "seen", "note": "mother and child seen at home"}
	w.call(farWorker, "POST", path+"/actions", actions).denied("other-authority")
	done, e = w.call(socialWorker, "POST", path+"/actions", actions).recorded(201)
	require.Equal(t, "actioned", done["state"])
	require.Equal(t, ledger.KindNotificationActioned, e.Kind)
	w.call(socialWorker, "POST", path+"/actions", actions).problem("already-done")
	w.call(socialWorker, "POST", path+"/acknowledgements", act).problem("already-done")
	require.NotEmpty(t, w.notifications(socialWorker, "?state=actioned")[0]["actionedAt"])

	// Whoever looks next is told how far the earlier one has come only by its own answer.
	require.Empty(t, w.notifications(socialWorker, "?state=queued"))
	require.Equal(t, "queued", w.notifications(farWorker, "")[0]["state"], "each authority has its own")
}

// Asked again with the same key, an answer shows how far its notification has come by then.
func TestNotifiedStateMovesOn(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	key := header{"Idempotency-Key": uuid.NewString()}
	w.lookup(doctor, object{"nhsNumber": nhs(1)}, key).recorded(200)
	id := w.notifications(socialWorker, "")[0]["id"]
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", id), nil).recorded(200)
	out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}, key).recorded(200)
	require.Equal(t, "opened", list(out["notified"])[0].(object)["state"])
}

func TestNotificationsList(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	for i := range 3 {
		w.lookup(doctor, object{"nhsNumber": nhs(1), "attendance": fmt.Sprint("ATT-2200", i)}).recorded(200)
	}
	all := w.notifications(socialWorker, "")
	require.Len(t, all, 3, "the history shows an author once a day; the authority is told of each attendance")
	require.Equal(t, all[1:], w.notifications(socialWorker, fmt.Sprintf("?after=%v", all[0]["id"])))
	require.Equal(t, all[2:], w.notifications(socialWorker, fmt.Sprintf("?state=queued&after=%v", all[1]["id"])))
	require.Empty(t, w.notifications(socialWorker, fmt.Sprintf("?after=%v", all[2]["id"])))
	require.Equal(t, all, w.notifications(socialWorker, "?state=&after="))
	require.Equal(t, all, w.notifications(socialWorker, "?after=0"))
	size := w.size()
	for _, q := range []string{"?state=new", "?after=x", "?after=-1", "?page=2", "?after=1&after=2", "?state=queued&state=opened"} {
		require.Equal(t, 400, w.call(socialWorker, "GET", "/v1/notifications"+q, nil).status, q)
	}
	for _, id := range []string{"0", "999999", "x", "01", "-1", "18446744073709551615"} {
		require.Equal(t, 404, w.call(socialWorker, "POST", "/v1/notifications/"+id+"/open", nil).status, id)
		require.Equal(t, 404, w.call(socialWorker, "POST", "/v1/notifications/"+id+"/acknowledgements", object{"action": "x"}).status, id)
	}
	path := fmt.Sprintf("/v1/notifications/%v/", all[0]["id"])
	for _, body := range []any{object{}, object{"action": ""}, object{"action": strings.Repeat("x", 65)}, object{"action": "x", "note": strings.Repeat("x", 4001)},
		object{"action": "x", "state": "acknowledged"}, "{", ""} {
		w.badly(socialWorker, path+"acknowledgements", body)
	}
	w.badly(socialWorker, path+"open", object{"identity": true})
	require.Equal(t, size, w.size())
}

// Delivery shows in the list and never takes away that somebody has acted.
func TestDeliveredNotificationsAreListed(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	key := header{"Idempotency-Key": uuid.NewString()}
	w.lookup(doctor, object{"nhsNumber": nhs(1)}, key).recorded(200)
	w.lookup(otherDoctor, object{"nhsNumber": nhs(1), "attendance": "ATT-33001"}).recorded(200)
	list1, err := w.node.View().Undelivered(authority1, ledger.NotifyAccess)
	require.NoError(t, err)
	require.Len(t, list1, 2)
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%d/open", list1[1].ID), nil).recorded(200)
	w.command(ledger.SystemActor("n1"), &ledger.AttemptDelivery{Authority: authority1, Type: ledger.NotifyAccess, Way: ledger.ByMESH,
		Notifications: []ledger.Seq{list1[0].ID, list1[1].ID}})
	attempt := w.size() - 1
	require.Len(t, w.notifications(socialWorker, "?state=queued"), 1, "an attempt is not known to have arrived")
	w.command(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: attempt, Message: "m"})
	all := w.notifications(socialWorker, "")
	requireFields(t, all[0], "id", "type", "state", "urgency", "queuedAt", "deliveredAt", "for", "dueAt", "organisation")
	require.Equal(t, "delivered", all[0]["state"])
	requireFields(t, all[1], "id", "type", "state", "urgency", "queuedAt", "deliveredAt", "openedAt", "for", "dueAt", "organisation", "reattended", "after")
	require.Equal(t, "opened", all[1]["state"])
	out, _ := w.lookup(doctor, object{"nhsNumber": nhs(1)}, key).recorded(200)
	require.Equal(t, "delivered", list(out["notified"])[0].(object)["state"])

	w.command(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: attempt, Code: "mesh-undelivered:14"})
	all = w.notifications(socialWorker, "?state=failed")
	require.Len(t, all, 1)
	require.NotEmpty(t, all[0]["failedAt"])
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", all[0]["id"]), nil).recorded(200)
	require.Len(t, w.notifications(socialWorker, "?state=opened"), 2)
}
