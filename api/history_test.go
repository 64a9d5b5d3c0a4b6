package api

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// Who looks, how they declare it, and whether it is told, shown, and in the
// trail: the rules of the access history, each by JSON and by message 03.
func TestTheRulesOfTheHistory(t *testing.T) {
	hidden := caller{"clinician", "doc-h", "RSILENT", "Dr Hiddenham", ""}
	for _, form := range []string{"json", "message 03"} {
		w := newWorld(t)
		w.plans(uploader, 1, ann(nil))
		// ask looks the child up and lists who the answer's history shows, newest first.
		ask := func(who caller, declared ledger.Declared) ([]string, *reply) {
			w.t.Helper()
			var names []string
			if form == "json" {
				body := object{"nhsNumber": nhs(1)}
				if declared != ledger.DeclaredNothing {
					body["unscheduled"] = declared == ledger.DeclaredUnscheduled
				}
				r := w.lookup(who, body)
				out, _ := r.recorded(200)
				for _, v := range objects(out["accessHistory"]) {
					name := v["name"].(string)
					if v["inError"] == true {
						name += inError
					}
					names = append(names, name)
				}
				return names, r
			}
			message := message03(nhs(1), who)
			if declared == ledger.DeclaredScheduled {
				message = scheduled(message)
			}
			r := w.query(who, message)
			return askers(r.answered()), r
		}
		var accesses []ledger.Seq
		step := func(name string, who caller, declared ledger.Declared, told bool, history ...string) {
			t.Helper()
			names, r := ask(who, declared)
			require.Equal(t, history, names, "%s, %s", form, name)
			e, _ := r.accessed()
			require.Equal(t, told, len(e.Told) == 1, "%s, %s", form, name)
			accesses = append(accesses, r.seq())
		}
		d, o, p := doctor.name, otherDoctor.name, planner.name
		step("unscheduled care: told, and shown with itself", doctor, ledger.DeclaredUnscheduled, true, d)
		step("the same author within 24 hours: told, and not shown twice", doctor, ledger.DeclaredUnscheduled, true, d)
		step("another author", otherDoctor, ledger.DeclaredUnscheduled, true, o, d)
		step("scheduled care: not told, never shown", planner, ledger.DeclaredScheduled, false, o, d)
		step("a policy that silences and hides", hidden, ledger.DeclaredUnscheduled, false, o, d)
		w.forward(23*time.Hour + 59*time.Minute)
		step("the same author, a minute less than 24 hours", doctor, ledger.DeclaredUnscheduled, true, o, d)
		w.forward(2 * time.Minute)
		step("the same author after 24 hours", doctor, ledger.DeclaredUnscheduled, true, d, o, d)
		step("unscheduled care that says scheduled: its policy counts", otherDoctor, ledger.DeclaredScheduled, true, o, d, o, d)
		step("scheduled care that says unscheduled: told and shown", planner, ledger.DeclaredUnscheduled, true, p, o, d, o, d)
		w.call(doctor, "POST", fmt.Sprintf("/v1/lookups/%d/corrections", accesses[0]), object{"reason": "the sister was meant"}).recorded(201)
		step("a correction removes nothing, and is shown as such", planner, ledger.DeclaredScheduled, false, p, o, d, o, d+inError)
		// Whatever the history shows, the trail has every one of them.
		entries, _ := w.trail(officer, object{"nhsNumber": nhs(1)})
		var trailed []ledger.Seq
		for _, e := range entries {
			if e["kind"] == "accessed" {
				n, err := e["seq"].(json.Number).Int64()
				require.NoError(t, err)
				trailed = append(trailed, ledger.Seq(n))
			}
		}
		require.Equal(t, accesses, trailed, form)
	}
}

// Of more than 25 the newest are shown, this one among them.
func TestTheHistoryIsTwentyFiveLong(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	for i := range 27 {
		who := caller{"clinician", fmt.Sprintf("doc-%d", i), emergency, fmt.Sprintf("Dr Number %d", i), ""}
		a := w.query(who, message03(nhs(1), who)).answered()
		require.Len(t, a.Accesses, min(i+1, 25))
		require.Equal(t, who.name, askers(a)[0])
	}
}

// Where one authority's record is of a restricted child, who looked is told to
// nobody who may look up, and to the IG officer in the trail.
func TestTheHistoryOfARestrictedChildIsSealed(t *testing.T) {
	w := newWorld(t)
	w.server.match = w.server.registerMatcher(w.register(nhs(1)+",Featherstonehaugh,Annunziata,2015-05-04,R,,"), false)
	w.plans(uploader, 1, ann(nil))
	lookers := 0
	for _, who := range everybody {
		role, _ := ledger.ParseRole(who.role)
		if !ledger.May(role, ledger.ActLookUp) {
			w.query(who, message03(nhs(1), who)).denied("role-not-permitted")
			continue
		}
		lookers++
		a := w.query(who, message03(nhs(1), who)).answered()
		require.Len(t, a.Holdings, 1, "the plan is shown")
		require.Empty(t, a.Accesses)
		out, _ := w.lookup(who, object{"nhsNumber": nhs(1)}).recorded(200)
		require.Empty(t, out["accessHistory"])
	}
	require.Positive(t, lookers)
	strong := w.signedIn(officer, "AAL3_ANY")
	for path, body := range map[string]object{
		"/v1/trails":         {"nhsNumber": nhs(1), "reason": "complaint ref 5521"},
		"/v1/subject-copies": {"nhsNumber": nhs(1), "for": "representative", "harmConsidered": true, "competent": true, "reason": "seen by the panel"},
		"/v1/key-releases":   {"nhsNumber": nhs(1), "auditor": "aud-1", "days": 3, "reason": "complaint ref 5521"},
	} {
		w.call(officer, "POST", path, body).denied("assurance-too-low")
		w.call(officer, "POST", path, body, w.signedIn(officer, "AAL2_ANY")).denied("assurance-too-low")
		out, _ := w.call(officer, "POST", path, body, strong).recorded(map[bool]int{false: 200, true: 201}[path == "/v1/key-releases"])
		if path == "/v1/trails" {
			var entries []object
			for _, x := range list(out["entries"]) {
				entries = append(entries, x.(object))
			}
			require.Contains(t, column(entries, "name"), doctor.name)
			require.Contains(t, column(entries, "code"), "assurance-too-low", "who tried is in the child's own trail")
		}
	}
}
