package api

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// due has the system tell what has fallen due.
func (w *world) due() {
	w.t.Helper()
	w.command(ledger.SystemActor("n1"), &ledger.TellDue{Until: ledger.Of(w.now())})
}

// Nobody acknowledges: from the worker to the team, to the manager, and at last
// the site is told, with whom to ring.
func TestANotificationThatNobodyReads(t *testing.T) {
	w := newWorld(t)
	mine := caller{"social-worker", "sw-9", authority1, "Wilhelmina Allocate", ""}
	teammate := caller{"social-worker", "sw-8", authority1, "Tamsin Teammate", "north"}
	w.plans(uploader, 1, ann(func(p *planRow) { p.Worker, p.Team = " wilhelmina allocate", "North" }))
	w.call(manager, "PUT", "/v1/ladder", object{"from": "2026-03-03", "worker": 30, "team": 20, "manager": 40, "emergencyDuty": 30, "opens": "08:00", "closes": "18:00"}).recorded(200)
	_, access := w.lookup(doctor, object{"nhsNumber": nhs(1), "attendance": "ATT-10101", "callBack": "bleep 70707"}).recorded(200)
	n := w.notifications(mine, "?mine=yes")[0]
	require.Equal(t, "worker", n["for"])
	require.NotEmpty(t, n["dueAt"])
	require.Len(t, w.notifications(teammate, "?mine=yes"), 1)
	require.Empty(t, w.notifications(socialWorker, "?mine=yes"))
	require.Len(t, w.notifications(socialWorker, "?for=worker"), 1, "the whole authority sees that it waits")
	path := fmt.Sprintf("/v1/notifications/%v", n["id"])

	// A colleague opens it only with a reason, which is recorded.
	size := w.size()
	w.call(socialWorker, "POST", path+"/open", nil).problem("reason-missing")
	require.Equal(t, size, w.size())
	w.secret("Wilhelmina is ill today")
	_, e := w.call(socialWorker, "POST", path+"/open", object{"reason": "Wilhelmina is ill today"}).recorded(200)
	require.True(t, e.Event.(*ledger.NotificationOpened).Cover)
	db, release := w.node.Ledger()
	var note ledger.NoteDetails
	require.NoError(t, w.opened(db, &e, &note))
	release()
	require.Equal(t, "Wilhelmina is ill today", note.Text)
	_, e = w.call(mine, "POST", path+"/open", nil).recorded(200)
	require.False(t, e.Event.(*ledger.NotificationOpened).Cover)

	// It climbs though it was opened: nobody has taken it on.
	for _, to := range []struct {
		after time.Duration
		rung  string
	}{{30 * time.Minute, "team"}, {20 * time.Minute, "manager"}} {
		w.forward(to.after + time.Second)
		w.due()
		n = w.notifications(manager, "?state=escalated")[0]
		require.Equal(t, to.rung, n["for"])
		require.NotEmpty(t, n["escalatedAt"])
	}
	_, e = w.call(manager, "POST", path+"/open", nil).recorded(200)
	require.False(t, e.Event.(*ledger.NotificationOpened).Cover)
	w.forward(40*time.Minute + time.Second)
	w.due()
	n = w.notifications(manager, "?for=site")[0]
	require.Nil(t, n["dueAt"])

	notices := list(w.call(siteOfficer, "GET", "/v1/site-notices", nil).ok(200)["notices"])
	require.Len(t, notices, 1)
	notice := notices[0].(object)
	requireFields(t, notice, "id", "type", "state", "queuedAt", "lookup", "localAuthority")
	require.Equal(t, fmt.Sprint(access.Seq), fmt.Sprint(notice["lookup"]))
	require.Equal(t, "020 7946 0002", notice["localAuthority"].(object)["emergencyDuty"])
	require.Empty(t, list(w.call(planner, "GET", "/v1/site-notices", nil).ok(200)["notices"]), "another site's are its own")
	at := fmt.Sprintf("/v1/site-notices/%v", notice["id"])
	w.call(planner, "POST", at+"/open", nil).denied("other-authority")
	opened, e := w.call(siteOfficer, "POST", at+"/open", nil).recorded(200)
	require.Equal(t, "ATT-10101", opened["visit"].(object)["attendance"])
	require.Equal(t, nhs(1), opened["visit"].(object)["nhsNumber"])
	require.Equal(t, w.keys.Person(nhs(1)), e.Person.Ref, "it is in the child's trail")
	w.call(siteOfficer, "POST", at+"/acknowledgements", object{"action": "rang the emergency duty team"}).recorded(201)

	w.call(mine, "POST", path+"/acknowledgements", object{"action": "visited"}).recorded(201)
	require.Empty(t, w.notifications(manager, "?state=escalated"))
}

// Out of hours nobody but the emergency duty team is asked; what was
// acknowledged climbs no more.
func TestOutOfHoursTheEmergencyDutyTeamIsTold(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.forward(6 * time.Hour) // eight in the evening
	w.lookup(doctor, object{"nhsNumber": nhs(1), "attendance": "ATT-10101"}).recorded(200)
	w.lookup(doctor, object{"nhsNumber": nhs(1), "attendance": "ATT-20202"}).recorded(200)
	first := fmt.Sprintf("/v1/notifications/%v", w.notifications(socialWorker, "")[0]["id"])
	w.call(socialWorker, "POST", first+"/open", nil).recorded(200)
	w.call(socialWorker, "POST", first+"/acknowledgements", object{"action": "visited"}).recorded(201)
	w.forward(61 * time.Minute)
	w.due()
	require.Len(t, w.notifications(socialWorker, "?for=emergency-duty"), 1)
	w.forward(61 * time.Minute)
	w.due()
	require.Len(t, w.notifications(socialWorker, "?for=site"), 1)
	require.Len(t, list(w.call(doctor, "GET", "/v1/site-notices?state=queued", nil).ok(200)["notices"]), 1)
}

// Tasks that come by time alone: a plan that lapses with nothing after it, and a
// birthday.
func TestTasksThatComeByTime(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1,
		ann(func(p *planRow) { p.DateOfBirth = "2008-03-10" }),
		ann(func(p *planRow) {
			p.NHSNumber, p.PlanType, p.DateOfBirth, p.End, p.LocalID = nhs(2), "UCPP", "1999-01-01", "2026-03-25", "LOCAL-0002"
		}))
	w.forward(7 * 24 * time.Hour)
	w.due()
	require.Equal(t, []any{"coming-of-age"}, column(w.notifications(socialWorker, ""), "type"), "on the birthday, and fifteen days before the plan's end")
	w.forward(24 * time.Hour)
	w.due()
	all := w.notifications(socialWorker, "")
	require.Len(t, all, 2)
	types := []any{all[0]["type"], all[1]["type"]}
	require.ElementsMatch(t, []any{"coming-of-age", "plan-lapsing"}, types)
	for _, n := range all {
		require.Nil(t, n["dueAt"], "a task does not climb")
		opened, _ := w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", n["id"]), nil).recorded(200)
		require.Nil(t, opened["visit"])
		require.Len(t, opened["plans"], 1)
	}
}

func TestLadders(t *testing.T) {
	w := newWorld(t)
	usual := list(w.call(uploader, "GET", "/v1/ladder", nil).ok(200)["ladders"])[0].(object)
	require.Equal(t, "map[closes:17:00 emergencyDuty:60 from: manager:120 opens:09:00 team:60 worker:60]", fmt.Sprint(usual))
	good := object{"from": "2026-03-05", "worker": 5, "team": 10, "manager": 15, "emergencyDuty": 1440, "opens": "00:00", "closes": "24:00"}
	out, e := w.call(uploader, "PUT", "/v1/ladder", good).recorded(200)
	requireFields(t, out, "ods", "from", "seq", "receipt")
	require.Equal(t, ledger.KindDirectoryRecorded, e.Kind)
	require.Len(t, list(w.call(manager, "GET", "/v1/ladder", nil).ok(200)["ladders"]), 2)
	w.call(uploader, "PUT", "/v1/directory/301", object{"officeHours": "020 7946 0009", "emergencyDuty": "020 7946 0002"}).recorded(200)
	require.Len(t, list(w.call(manager, "GET", "/v1/ladder", nil).ok(200)["ladders"]), 2, "the directory leaves it as it is")
	size := w.size()
	for pointer, change := range map[string]object{
		"/from": {"from": "5 March"}, "/worker": {"worker": 4}, "/team": {"team": 1441}, "/manager": {"manager": -1}, "/emergencyDuty": {"emergencyDuty": 0},
		"/opens": {"opens": "9:00"}, "/closes": {"closes": "24:01"},
	} {
		require.Equal(t, pointer, w.badlyBy("PUT", uploader, "/v1/ladder", merged(maps.Clone(good), change)).Pointer)
	}
	for _, closes := range []string{"00:00", "12:60", "1x:00", "12.00"} {
		require.Equal(t, "/closes", w.badlyBy("PUT", uploader, "/v1/ladder", merged(maps.Clone(good), object{"closes": closes})).Pointer)
	}
	w.call(uploader, "PUT", "/v1/ladder", merged(maps.Clone(good), object{"from": "2026-03-02"})).problem("policy-in-the-past")
	require.Equal(t, size, w.size())
}
