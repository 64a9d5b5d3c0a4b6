package api

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// An operator sees how letters stand, has one that was given up tried again, and
// tries a way; nothing in it is about a person, and each act is recorded.
func TestTheRoutesOfLetters(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	require.Equal(t, object{"letterboxes": []any{}, "dead": []any{}}, w.call(operator, "GET", "/v1/letters", nil).ok(200))
	waiting, err := w.node.View().Unsent(authority1, ledger.ByWebhook)
	require.NoError(t, err)
	w.command(ledger.SystemActor("n1"), &ledger.AttemptLetter{Authority: authority1, Way: ledger.ByWebhook, Notifications: []ledger.Seq{waiting[0].ID}})
	letter := w.size() - 1
	w.command(ledger.SystemActor("n1"), &ledger.SettleLetter{Letter: letter, Code: "http-500"})
	again := fmt.Sprintf("/v1/letters/%d/redeliveries", letter)
	w.call(operator, "POST", again, nil).problem("not-in-this-state")
	out := w.call(operator, "GET", "/v1/letters", nil).ok(200)
	box := list(out["letterboxes"])[0].(object)
	requireFields(t, box, "authority", "way", "waiting", "failing", "lastAt")
	requireFields(t, list(box["waiting"])[0], "letter", "authority", "way", "notifications", "attempts", "firstAt", "lastAt", "code")
	w.command(ledger.SystemActor("n1"), &ledger.AttemptLetter{Letter: letter})
	w.command(ledger.SystemActor("n1"), &ledger.SettleLetter{Letter: letter, Code: "http-500", Final: true})
	out = w.call(operator, "GET", "/v1/letters", nil).ok(200)
	require.Len(t, out["dead"], 1)
	require.Empty(t, list(out["letterboxes"])[0].(object)["waiting"])

	done, e := w.call(operator, "POST", again, nil).recorded(201)
	requireFields(t, done, "letter", "seq", "receipt")
	require.Equal(t, letter, e.Event.(*ledger.LetterAsked).Letter)
	require.Empty(t, w.call(operator, "GET", "/v1/letters", nil).ok(200)["dead"])
	w.call(operator, "POST", "/v1/letters/3/redeliveries", nil).problem("not-found")
	w.call(socialWorker, "POST", again, nil).denied("role-not-permitted")
	w.call(operator, "GET", "/v1/letters?authority=301", nil).problem("query-parameter")
}

func TestATrialOfAWay(t *testing.T) {
	w := newWorld(t)
	try := object{"authority": authority1, "way": "webhook"}
	out, _ := w.call(operator, "POST", "/v1/letters/trials", try).recorded(200)
	require.Equal(t, "no-address", out["code"])
	code, tried := "", ledger.Seq(0)
	w.server.cfg.TryLetter = func(_ context.Context, authority string, way ledger.Way, entry ledger.Seq) string {
		require.Equal(t, authority1, authority)
		require.Equal(t, ledger.ByWebhook, way)
		tried = entry
		return code
	}
	out, e := w.call(operator, "POST", "/v1/letters/trials", try).recorded(200)
	requireFields(t, out, "authority", "way", "accepted", "seq", "receipt")
	require.Equal(t, true, out["accepted"])
	require.Equal(t, e.Seq, tried, "what was recorded is what is tried")
	require.Equal(t, &ledger.LetterAsked{Authority: authority1, Way: ledger.ByWebhook, Profile: e.Event.(*ledger.LetterAsked).Profile}, e.Event)
	code = "http-500"
	out, _ = w.call(operator, "POST", "/v1/letters/trials", try).recorded(200)
	require.Equal(t, false, out["accepted"])
	require.Equal(t, "http-500", out["code"])

	tried = 0
	for pointer, bad := range map[string]object{"/way": {"authority": authority1, "way": "mesh"}, "/authority": {"authority": "x y", "way": "email"}} {
		require.Equal(t, pointer, w.call(operator, "POST", "/v1/letters/trials", bad).problem("field-value").Pointer)
	}
	w.call(operator, "POST", "/v1/letters/trials", object{"authority": emergency, "way": "email"}).problem("not-found")
	w.call(manager, "POST", "/v1/letters/trials", try).denied("role-not-permitted")
	require.Zero(t, tried, "nothing is sent for who may not ask")
}
