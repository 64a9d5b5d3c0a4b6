package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usualWeek is an office that is open late on Thursdays and on Sunday mornings.
func usualWeek() []Opening {
	day := Opening{9 * 60, 17 * 60}
	return []Opening{day, day, day, {9 * 60, 20 * 60}, day, {}, {0, 12 * 60}}
}

// taleOfHours: an authority says when it is open, and what climbs goes by that.
func taleOfHours(w *world) {
	manager := named(as(RoleSocialWorkManager, authorityA, "m"))
	w.grant(w.cmd(manager, &RecordDirectory{Code: authorityA, Directory: Directory{OfficeHours: "01234 567890", EmergencyDuty: "01234 567891", Week: usualWeek(), BankHolidays: []string{"2026-01-02"}}}))
	w.load(authorityA, 1, row(1))
	w.grant(w.cmd(named(clinician()), &LookUp{Person: person(1)}, PayloadAccess))
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{
		Code: authorityA, Name: "Aldershire", Sort: SortAuthority, Directory: Directory{OfficeHours: "01234 567892", EmergencyDuty: "01234 567891"}}}))
	for range 2 {
		w.now += 3 * Hour
		w.grant(w.cmd(system(), &TellDue{Until: w.now}))
	}
}

// The number that is answered follows the week, the holidays and London's clock.
func TestNumberAt(t *testing.T) {
	d := Directory{OfficeHours: "office", EmergencyDuty: "duty", Week: usualWeek(), BankHolidays: []string{"2026-12-25"}}
	require.Empty(t, (&Directory{OfficeHours: "office", EmergencyDuty: "duty"}).NumberAt(0), "nobody has said anything of hours")
	withLadder := Directory{OfficeHours: "office", EmergencyDuty: "duty", Ladders: []Ladder{{From: 1, Opens: 10 * 60, Closes: 11 * 60}}}
	for at, want := range map[string][2]string{
		"2026-11-26T08:59:59Z": {"duty", "duty"}, // a Thursday in winter
		"2026-11-26T09:00:00Z": {"office", "duty"},
		"2026-11-26T10:30:00Z": {"office", "office"},
		"2026-11-26T19:59:59Z": {"office", "duty"},
		"2026-11-26T20:00:00Z": {"duty", "duty"},
		"2026-11-27T17:00:00Z": {"duty", "duty"},   // a Friday
		"2026-11-28T12:00:00Z": {"duty", "duty"},   // a Saturday
		"2026-07-06T08:00:00Z": {"office", "duty"}, // a Monday in summer, nine o'clock
		"2026-07-06T16:00:00Z": {"duty", "duty"},
		"2026-12-25T10:30:00Z": {"duty", "office"}, // a holiday of the one, and the other has none
		"2026-03-29T10:59:00Z": {"office", "duty"}, // the Sunday that loses an hour: 11:59
		"2026-03-29T11:00:00Z": {"duty", "duty"},
		"2026-10-25T11:59:00Z": {"office", "duty"}, // and the one that gains it
		"2026-10-25T12:00:00Z": {"duty", "duty"},
		"2026-10-24T23:30:00Z": {"office", "duty"}, // half past midnight on that Sunday
	} {
		moment, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{d.NumberAt(Of(moment)), withLadder.NumberAt(Of(moment))}, at)
	}
}

// A week has seven days, each open once or not at all; version 3 knows none.
func TestWeeksAreRecorded(t *testing.T) {
	ask := func(w *world, week []Opening) *Command {
		return w.cmd(as(RoleSocialWorkManager, authorityA, "m"), &RecordDirectory{Code: authorityA, Directory: Directory{OfficeHours: "1", EmergencyDuty: "2", Week: week}})
	}
	w := goldenWorld(t, 3)
	w.refuse(RefusedRules, ask(w, usualWeek()))
	w = goldenWorld(t, 4)
	for _, o := range []Opening{{60, 60}, {61, 60}, {-1, 60}, {60, 24*60 + 1}, {0, -1}, {9 * 60, 0}} {
		bad := usualWeek()
		bad[6] = o
		w.refuse(RefusedState, ask(w, bad))
	}
	w.refuse(RefusedState, ask(w, usualWeek()[:6]))
	w.refuse(RefusedState, ask(w, append(usualWeek(), Opening{})))
	w.grant(ask(w, usualWeek()))
	// An operator who records the organisation takes no hours away.
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{Code: authorityA, Sort: SortAuthority, Directory: Directory{OfficeHours: "3", EmergencyDuty: "2"}}}))
	o, _, err := w.view.Organisation(authorityA)
	require.NoError(t, err)
	require.Equal(t, usualWeek(), o.Directory.Week)
	require.Equal(t, "3", o.Directory.OfficeHours)
}
