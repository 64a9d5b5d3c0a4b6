package api

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

var updateTable = flag.Bool("update", false, "write docs/fhir-settings.md anew")

const settingsFile = "../docs/fhir-settings.md"

// Every cell of care setting, header and role: whether it is answered, whether
// it stands in the history that others are shown, whether the authority is
// told, and what entry records it. The table in the documents is what was seen.
func TestFHIRSettings(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	settings := []struct{ org, name string }{
		{emergency, "unscheduled: an emergency department"},
		{practice, "scheduled: a practice"},
		{"RSILENT", "unscheduled, tells nobody and is not shown"},
		{"RLATE", "not live yet"},
		{authority1, "no care setting: an authority"},
		{"RNONE", "not recorded here"},
	}
	declared := []string{"absent", "true", "false", "maybe"}
	addresses := []string{"CareTeam", "AuditEvent", "PatientFlag"}
	people, refused, cells := 0, map[string]bool{}, 0
	ask := func(role, org, address, header1 string) string {
		t.Helper()
		people++
		cells++
		who := caller{role, fmt.Sprintf("cell-%d", people), org, fmt.Sprintf("Dr Cellular %d", people), ""}
		var h header
		if header1 != "absent" {
			h = header{"IsUnscheduledAccessEvent": header1}
		}
		size := w.size()
		var r *reply
		if address == "PatientFlag" {
			r = w.flag(who, nhs(1), h)
		} else {
			r = w.fhir(who, address, nhs(1), h)
		}
		return w.seen(r, size)
	}
	text := map[string]string{} // settings, declared, address: what was seen
	for _, s := range settings {
		for _, d := range declared {
			for _, address := range addresses {
				var seen []string
				for _, role := range []string{"clinician", "scheduled-clinician"} {
					seen = append(seen, ask(role, s.org, address, d))
				}
				require.Equal(t, seen[0], seen[1], "%s %s %s: what care it is does not follow from the role", s.name, d, address)
				text[s.org+d+address] = seen[0]
			}
		}
	}
	// Any other role is denied wherever it asks and whatever it says, on the
	// record; but AuditEvent is another question of those who check who looked.
	for _, role := range ledger.Roles() {
		if ledger.May(role, ledger.ActLookUp) {
			continue
		}
		for _, s := range settings[:2] {
			for _, d := range declared {
				for _, address := range addresses {
					seen := ask(role.String(), s.org, address, d)
					if address == "AuditEvent" && ledger.May(role, ledger.ActReadSiteTrail) {
						require.Equal(t, "400 `reason-missing`, no entry", seen)
						continue
					}
					refused[seen] = true
				}
			}
		}
	}
	require.Equal(t, map[string]bool{"403 `role-not-permitted`; entry `access-denied`": true}, refused)

	var b strings.Builder
	b.WriteString("# FHIR by care setting, header and role\n\nWritten by `go test ./api -run TestFHIRSettings -update`, from what a running service answered about a child with a plan in force ([FHIR](FHIR.md)). " +
		"*Shown* is in the history that others are shown, *told* that the authority has a notification, *conflict* that what was declared contradicts the organisation's policy.\n\n" +
		"Clinicians and scheduled clinicians are answered alike: what care it is follows from the organisation and the header.\n\n" +
		"| care setting | `IsUnscheduledAccessEvent` | CareTeam and AuditEvent | PatientFlag |\n|---|---|---|---|\n")
	for _, s := range settings {
		for _, d := range declared {
			require.Equal(t, text[s.org+d+"CareTeam"], text[s.org+d+"AuditEvent"], "two ways to one lookup")
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.name, d, text[s.org+d+"CareTeam"], text[s.org+d+"PatientFlag"])
		}
	}
	b.WriteString("| anywhere, every other role | anything | 403 `role-not-permitted`; entry `access-denied` | 403 `role-not-permitted`; entry `access-denied` |\n\n" +
		"To the two roles of information governance AuditEvent is another question, and is answered with a reason: [For information governance](FHIR.md#for-information-governance).\n")
	if *updateTable {
		require.NoError(t, os.WriteFile(settingsFile, []byte(b.String()), 0o600))
	}
	have, err := os.ReadFile(settingsFile)
	require.NoError(t, err)
	require.Equal(t, string(have), b.String(), "written anew with -update")
	require.Greater(t, cells, 300)
}

// seen says in words what came of one question.
func (w *world) seen(r *reply, size ledger.Seq) string {
	w.t.Helper()
	kinds := w.kinds(size)
	delete(kinds, ledger.KindActorProfiled)
	if r.status != 200 {
		code := r.code()
		if len(kinds) == 0 {
			require.Equal(w.t, 400, r.status)
			return fmt.Sprintf("400 `%s`, no entry", code)
		}
		require.Equal(w.t, map[ledger.Kind]int{ledger.KindAccessDenied: 1}, kinds)
		denied := w.entry(w.size() - 1).Event.(*ledger.AccessDenied)
		require.Equal(w.t, code, denied.Code)
		return fmt.Sprintf("%d `%s`; entry `%s`", r.status, code, ledger.KindAccessDenied)
	}
	seq := r.seq()
	a := w.entry(seq).Event.(*ledger.Accessed)
	require.Equal(w.t, ledger.OutcomeFound, a.Outcome)
	words := "answered"
	history := w.fhir(planner, "AuditEvent", nhs(1), header{"IsUnscheduledAccessEvent": "false"}).bundle()
	shown := false
	for _, e := range resources(history, "AuditEvent") {
		shown = shown || e["id"] == fhirID(seq)
	}
	require.Equal(w.t, a.Shown, shown, "what the entry says and what the next one to look is shown")
	if shown {
		words += ", shown"
	}
	require.Len(w.t, a.Notifications, len(a.Told), "each of them by a notification, of this access or of the attendance")
	queued := 0
	for i, n := range a.Notifications {
		require.Equal(w.t, a.Told[i], w.entry(n).Event.(*ledger.NotificationQueued).Authority)
		if n > seq {
			queued++
		}
	}
	require.Equal(w.t, queued, kinds[ledger.KindNotificationQueued])
	if len(a.Told) > 0 {
		words += ", told"
	}
	if a.Conflict {
		words += ", conflict"
	}
	require.Equal(w.t, 1, kinds[ledger.KindAccessed])
	return words + "; entry `" + ledger.KindAccessed.String() + "`"
}
