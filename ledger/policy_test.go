package ledger

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAnOrganisationsPolicySilencesAndHides(t *testing.T) {
	for _, c := range []struct{ silent, hidden bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		w := newWorld(t)
		w.load(authorityA, 1, row(1))
		w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{
			Code: emergency, Sort: SortTrust, Setting: SettingUnscheduled, Silent: c.silent, Hidden: c.hidden}}))
		group := w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess))
		e := only[*Accessed](group)[0]
		require.Equal(t, OutcomeFound, e.Outcome)
		require.Equal(t, c.silent, len(e.Told) == 0)
		require.Equal(t, c.silent, len(only[*NotificationQueued](group)) == 0)
		require.Equal(t, !c.hidden, e.Shown)
	}
}

// Somebody who left before there was a plan was never on the list, and is not
// reported as having moved away.
func TestWhoWasNeverOnTheListDoesNotLeaveIt(t *testing.T) {
	w := newWorld(t)
	nurse := as(RoleSchoolNurse, nursing, "nurse")
	w.grant(w.cmd(as(RoleTeamLeader, nursing, "l"), &Assign{Place: school, Subject: "nurse", From: w.now.Day()}))
	past := row(1)
	past.End = begin.Day() + 1 // so that the place is kept
	w.load(authorityA, 1, past)
	w.grant(w.cmd(as(RoleChildHealth, nursing, "c"), &Enrol{Rows: []EnrolmentRow{{N: 1, Person: person(1), Place: school, From: begin.Day(), To: begin.Day() + 500}}}))
	w.now += 400 * 24 * Hour // no longer visible, still enrolled
	require.Zero(t, w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))[0].Event.(*CaseloadAccessed).Count)
	w.now += 200 * 24 * Hour // gone from the school
	fresh := row(1)
	fresh.Type, fresh.Start, fresh.LastDay = LookedAfter, w.now.Day()-1, 0
	w.load(authorityA, 2, fresh)
	require.Zero(t, w.grant(w.cmd(nurse, &ReadCaseload{Place: school}))[0].Event.(*CaseloadAccessed).Count)
}

var boss = as(RoleOperator, "CUSTOS", "boss")

// says records a policy of a place and wants it taken.
func (w *world) says(place string, from Day, p Policy) *PolicyRecorded {
	w.t.Helper()
	return last[*PolicyRecorded](w.t, w.grant(w.cmd(boss, &RecordPolicy{Place: place, From: from, Says: p}, PayloadReason)))
}

func (w *world) organisation(code, parent string, setting Setting) {
	w.t.Helper()
	w.grant(w.cmd(boss, &RecordOrganisation{Organisation: Organisation{Code: code, Name: code, Sort: SortService, Parent: parent, Setting: setting}}))
}

// lookedUp has somebody look a person with a plan up and says what came of it.
func (w *world) lookedUp(a Actor) *Accessed {
	w.t.Helper()
	return only[*Accessed](w.grant(w.cmd(a, &LookUp{Person: person(1)}, PayloadAccess)))[0]
}

// Five levels, each of which says something else: the nearest is believed, item
// by item, and silence lets the one above speak again.
func TestTheNearestPlaceIsBelieved(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	w.organisation("LONDON", "", SettingNone)
	w.organisation("BOROUGH", "LONDON", SettingNone)
	w.organisation("TRUST", "BOROUGH", SettingUnscheduled)
	w.organisation("CLINIC", "TRUST", SettingUnscheduled)
	today := w.now.Day()
	held := func(place string) HeldPolicy {
		h, err := PolicyOn(w.view, place, w.now.Day())
		require.NoError(t, err)
		return h
	}
	require.Equal(t, Policy{Unscheduled: Yes, Notify: Yes, History: Yes, Live: Yes, Ended: No, Links: No}, held("CLINIC").Policy, "nobody says anything")
	nation := w.says(Nation, today, Policy{Live: No, Notify: Yes, Roles: []Role{RoleClinician}})
	require.Equal(t, No, held("CLINIC").Live)
	w.says("LONDON", today, Policy{Live: Yes, History: No})
	w.says("TRUST", today, Policy{Notify: No, Roles: []Role{RoleClinician, RoleScheduledClinician}})
	w.says("CLINIC", today, Policy{Unscheduled: No})
	h := held("CLINIC")
	require.Equal(t, Policy{Unscheduled: No, Notify: No, History: No, Live: Yes, Roles: []Role{RoleClinician, RoleScheduledClinician}, Ended: No, Links: No}, h.Policy)
	for item, place := range map[PolicyItem]string{ItemSetting: "CLINIC", ItemNotify: "TRUST", ItemRoles: "TRUST", ItemHistory: "LONDON", ItemLive: "LONDON", ItemEnded: "", ItemLinks: ""} {
		require.Equal(t, place, h.Of[item].Place, item)
	}
	require.Equal(t, Yes, held("TRUST").Unscheduled, "what is below says nothing of what is above")
	require.Equal(t, No, held(emergency).Live, "outside London")

	w.says("TRUST", today, Policy{Notify: Inherited, Roles: []Role{RoleNone}})
	h = held("CLINIC")
	require.Equal(t, Yes, h.Notify, "the nation's word again")
	require.Equal(t, []Role{RoleClinician}, h.Roles)
	require.Equal(t, Nation, h.Of[ItemRoles].Place)
	require.Equal(t, nation.From, h.Of[ItemRoles].From)
	require.False(t, w.lookedUp(as(RoleClinician, "CLINIC", "c")).Unscheduled)
	require.Equal(t, []string{authorityA}, w.lookedUp(as(RoleClinician, "TRUST", "c")).Told)
	w.deny(RefusedPolicyRole, w.cmd(as(RoleScheduledClinician, "TRUST", "c"), &LookUp{Person: person(1)}, PayloadAccess))
	w.deny(RefusedPolicyRole, w.cmd(as(RoleScheduledClinician, "TRUST", "c"), &Trace{Trace: tag("t")}, PayloadReason))
	missed := w.grant(w.cmd(as(RoleHealthVisitor, "TRUST", "h"), &MissAppointment{Person: person(1), At: w.now}, PayloadAppointment))
	require.Equal(t, []string{authorityA}, only[*AppointmentMissed](missed)[0].Told, "telling an authority takes no permission to look")
}

// London is switched on by one dated entry, and off by another; before, between
// and after it is denied with the day on which it is on again.
func TestARegionIsSwitchedOnAndOff(t *testing.T) {
	w := newWorld(t)
	w.load(authorityA, 1, row(1))
	w.organisation("LONDON", "", SettingNone)
	w.organisation("TRUST", "LONDON", SettingUnscheduled)
	who, today := as(RoleClinician, "TRUST", "c"), w.now.Day()
	w.says(Nation, today, Policy{Live: No})
	notLive := func(from Day) {
		t.Helper()
		e := last[*AccessDenied](t, w.deny(RefusedNotLive, w.cmd(who, &LookUp{Person: person(1)}, PayloadAccess)))
		require.Equal(t, from, e.From)
		w.deny(RefusedNotLive, w.cmd(who, &MissAppointment{Person: person(1)}, PayloadAppointment))
	}
	notLive(0)
	w.says("LONDON", today+10, Policy{Live: Yes})
	w.says("LONDON", today+20, Policy{Live: No})
	w.says("LONDON", today+30, Policy{Live: Inherited})
	w.says(Nation, today+40, Policy{Live: Yes})
	notLive(today + 10)
	w.now = (today + 10).Start() - 1
	notLive(today + 10)
	w.now = (today + 10).Start()
	require.Equal(t, OutcomeFound, w.lookedUp(who).Outcome)
	w.now = (today + 20).Start()
	notLive(today + 40)
	w.says("LONDON", today+35, Policy{Live: Yes}) // brought forward, by a later entry for an earlier day
	notLive(today + 35)
	w.says("LONDON", today+35, Policy{Live: Inherited}) // and taken back: of one day the newest entry counts
	notLive(today + 40)
	w.now = (today + 40).Start()
	require.Equal(t, OutcomeFound, w.lookedUp(who).Outcome)
}

// Policies are recorded for places that are known and days that are not over,
// and say something that can be held.
func TestPoliciesThatAreNone(t *testing.T) {
	w := newWorld(t)
	today := w.now.Day()
	try := func(code, place string, from Day, p Policy) {
		t.Helper()
		w.refuse(code, w.cmd(boss, &RecordPolicy{Place: place, From: from, Says: p}, PayloadReason))
	}
	try(RefusedNotFound, "NOWHERE", today, Policy{Live: Yes})
	try(RefusedNotFound, "", today, Policy{Live: Yes})
	try(RefusedPast, Nation, today-1, Policy{Live: Yes})
	for name, p := range map[string]Policy{
		"nothing":               {},
		"no choice":             {Notify: 4},
		"a role that may not":   {Roles: []Role{RoleAuditor}},
		"no role there is":      {Roles: []Role{200}},
		"roles out of order":    {Roles: []Role{RoleScheduledClinician, RoleClinician}},
		"a role twice":          {Roles: []Role{RoleClinician, RoleClinician}},
		"inherited and a role":  {Roles: []Role{RoleNone, RoleClinician}},
		"links without leave":   {Links: Yes},
		"leave without links":   {Live: Yes, DPIA: "DPIA 7"},
		"leave for no links":    {Links: No, DPIA: "DPIA 7"},
		"only an assessment":    {DPIA: "DPIA 7"},
		"days without links":    {Live: Yes, LinkDays: 90},
		"links for ever":        {Links: Yes, DPIA: "DPIA 7", LinkDays: MaxLinkDays + 1},
		"links for no time":     {Links: Yes, DPIA: "DPIA 7", LinkDays: MinLinkDays - 1},
		"links for less":        {Links: Yes, DPIA: "DPIA 7", LinkDays: -1},
		"another of many items": {Live: Yes, Ended: 9},
	} {
		t.Run(name, func(t *testing.T) { try(RefusedState, emergency, today, p) })
	}
	w.refuse(RefusedReasonMissing, w.cmd(boss, &RecordPolicy{Place: Nation, From: today, Says: Policy{Live: Yes}}))
	w.says(Nation, today, Policy{Links: Yes, DPIA: "DPIA 7"})
	h, err := PolicyOn(w.view, emergency, today)
	require.NoError(t, err)
	require.Equal(t, []any{"DPIA 7", LinkDays}, []any{h.DPIA, h.LinkDays})
	w.says(Nation, today, Policy{Links: Yes, DPIA: "DPIA 8", LinkDays: MaxLinkDays})
	h, err = PolicyOn(w.view, emergency, today)
	require.NoError(t, err)
	require.Equal(t, []any{"DPIA 8", MaxLinkDays}, []any{h.DPIA, h.LinkDays})
}

// An organisation's own record speaks for it where it is not zero; its own
// policy comes before, and its parents after it.
func TestARecordSpeaksForItsOrganisation(t *testing.T) {
	w := newWorld(t)
	today := w.now.Day()
	silent := Organisation{Code: emergency, Name: "x", Sort: SortTrust, Parent: "LONDON", Setting: SettingUnscheduled, Silent: true, Hidden: true, Live: today + 5}
	w.organisation("LONDON", "", SettingNone)
	w.grant(w.cmd(boss, &RecordOrganisation{Organisation: silent}))
	w.says("LONDON", today, Policy{Notify: Yes, History: Yes, Live: Yes, Unscheduled: No})
	h, err := PolicyOn(w.view, emergency, today)
	require.NoError(t, err)
	require.Equal(t, Policy{Unscheduled: No, Notify: No, History: No, Live: No, Ended: No, Links: No}, h.Policy, "a setting alone speaks last")
	from, err := LiveFrom(w.view, emergency, today)
	require.NoError(t, err)
	require.Equal(t, today+5, from)
	w.says(emergency, today, Policy{Notify: Yes, Live: Yes})
	h, err = PolicyOn(w.view, emergency, today)
	require.NoError(t, err)
	require.Equal(t, []Choice{Yes, No, Yes}, []Choice{h.Notify, h.History, h.Live})
}

// Parents in a circle, or endlessly deep, end at the nation.
func TestParentsInACircle(t *testing.T) {
	w := newWorld(t)
	w.organisation("P0", "P0", SettingUnscheduled)
	w.organisation("P1", "P2", SettingUnscheduled)
	w.organisation("P2", "P1", SettingUnscheduled)
	for i := range 20 {
		w.organisation(fmt.Sprint("D", i), fmt.Sprint("D", i+1), SettingUnscheduled)
	}
	w.organisation("LOST", "NOWHERE", SettingUnscheduled)
	w.says(Nation, w.now.Day(), Policy{Live: No})
	for _, place := range []string{"P0", "P1", "P2", "D0", "D12", "D19", "LOST", Nation} {
		h, err := PolicyOn(w.view, place, w.now.Day())
		require.NoError(t, err)
		require.Equal(t, Source{Nation, h.Of[ItemLive].Seq, w.now.Day()}, h.Of[ItemLive], place)
		require.NotZero(t, h.Of[ItemLive].Seq)
	}
	w.says("D6", w.now.Day(), Policy{Live: Yes})
	for place, want := range map[string]Choice{"D6": Yes, "D1": Yes, "D0": Yes} {
		h, err := PolicyOn(w.view, place, w.now.Day())
		require.NoError(t, err)
		require.Equal(t, want, h.Live, place)
	}
}

// What was set under versions 1 and 2 decides as it did when policy comes, and
// a policy decides nothing before.
func TestPolicyComesWithVersion3(t *testing.T) {
	w := worldUnder(t, 2)
	w.load(authorityA, 1, row(1))
	before := w.lookedUp(clinician())
	w.view.policies[Nation] = []DatedPolicy{{Says: Policy{Live: No}}}
	require.Equal(t, before.Outcome, w.lookedUp(clinician()).Outcome)
	delete(w.view.policies, Nation)
	w.deny(RefusedNotLive, w.cmd(as(RoleClinician, notLive, "x"), &LookUp{Person: person(1)}, PayloadAccess))
	w.grant(w.cmd(system(), &RaiseRules{To: 3}))
	after := w.lookedUp(as(RoleClinician, emergency, "another"))
	after.Profile = before.Profile
	require.Len(t, after.Notifications, 1)
	after.Notifications = nil // before, none was named
	require.Equal(t, before, after)
	e := last[*AccessDenied](t, w.deny(RefusedNotLive, w.cmd(as(RoleClinician, notLive, "x"), &LookUp{Person: person(1)}, PayloadAccess)))
	require.Equal(t, begin.Day()+30, e.From)
}

// An authority whose plan has ended is told only where its policy says so; one
// with another plan in force is, and so is one whose unborn plan is still shown.
func TestAnAuthorityWhosePlanHasEnded(t *testing.T) {
	w := newWorld(t)
	ended := row(1)
	ended.Start, ended.End = w.now.Day()-200, w.now.Day()-100
	unborn := Row{Person: person(2), Type: UnbornChild, Start: w.now.Day() - 90, End: w.now.Day() - 9, Birth: tag("b"), Content: tag("c")}
	w.load(authorityA, 1, ended, unborn)
	w.load(authorityB, 1, row(1))
	group := w.grant(w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess))
	e := only[*Accessed](group)[0]
	require.Equal(t, []string{authorityB}, e.Told)
	require.Len(t, e.Disclosed, 2, "both plans are shown")
	require.Len(t, only[*NotificationQueued](group), 1)
	require.Equal(t, []string{authorityA}, only[*Accessed](w.grant(w.cmd(clinician(), &LookUp{Person: person(2)}, PayloadAccess)))[0].Told)
	w.says(authorityA, w.now.Day(), Policy{Ended: Yes})
	require.Equal(t, []string{authorityA, authorityB}, w.lookedUp(clinician()).Told)

	before := worldUnder(t, 2)
	before.load(authorityA, 1, ended)
	require.Equal(t, []string{authorityA}, before.lookedUp(clinician()).Told, "as it was decided before")
}

// However policies are written, what holds is what a plain reading gives: of
// each place, of each item, the entry of the latest day, the later of two.
func TestAnyPoliciesAreHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := newFakeView()
		places := []string{"A", "B", "C", Nation}
		for i, p := range places[:3] {
			v.organisations[p] = Organisation{Code: p, Parent: places[i+1], Setting: Setting(rapid.IntRange(1, 2).Draw(t, "setting"))}
		}
		var all []PolicyRecorded
		for n := range rapid.IntRange(0, 12).Draw(t, "entries") {
			e := PolicyRecorded{Place: rapid.SampledFrom(places).Draw(t, "place"), From: Day(rapid.IntRange(1, 5).Draw(t, "from"))}
			for _, c := range []*Choice{&e.Says.Live, &e.Says.Unscheduled, &e.Says.Notify, &e.Says.History, &e.Says.Ended} {
				*c = Choice(rapid.IntRange(0, 3).Draw(t, "choice"))
			}
			all = append(all, e)
			v.policies[e.Place] = AddPolicy(v.policies[e.Place], &e, Seq(n), 0)
		}
		on := Day(rapid.IntRange(0, 6).Draw(t, "on"))
		h, err := PolicyOn(v, "A", on)
		require.NoError(t, err)
		for i := range policyItems {
			if i == ItemRoles {
				continue
			}
			want := map[PolicyItem]Choice{ItemLive: Yes, ItemNotify: Yes, ItemHistory: Yes, ItemEnded: No, ItemLinks: No, ItemSetting: choose(v.organisations["A"].Setting == SettingUnscheduled)}[i]
			for _, p := range places {
				at, said := Day(0), NotSaid
				for n := range all {
					if e := &all[n]; e.Place == p && e.From <= on && e.From >= at && e.Says.choice(i) != NotSaid {
						at, said = e.From, e.Says.choice(i)
					}
				}
				if said == Yes || said == No {
					want = said
					break
				}
			}
			require.Equal(t, want, h.choice(i), "%s on day %d of %v", i, on, all)
		}
	})
}
