package ledger

// taleOfPolicy: a region before, while and after it is live; each item said, and
// taken back; the same lookups between.
func taleOfPolicy(w *world) {
	boss, today := named(as(RoleOperator, "CUSTOS", "policy")), w.now.Day()
	say := func(place string, from Day, p Policy) {
		w.grant(w.cmd(boss, &RecordPolicy{Place: place, From: from, Says: p}, PayloadReason))
	}
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{Code: "Y56", Name: "London", Sort: SortRegion}}))
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: Organisation{
		Code: "RLN", Name: "A clinic", Sort: SortService, Parent: "Y56", Setting: SettingUnscheduled}}))
	ended := Row{N: 2, Person: person(1), Type: LookedAfter, Start: today - 90, End: today - 9, Birth: tag("b"), Content: tag("c"), LastDay: today + 1000}
	w.load(authorityB, 1, ended)
	w.load(authorityA, 1, Row{N: 1, Person: person(1), Type: ChildProtection, Start: today - 9, Birth: tag("b"), Content: tag("c"), LastDay: today + 1000})
	doctor := named(as(RoleClinician, "RLN", "555001"))
	look := func(a Actor) *Command { return w.cmd(a, &LookUp{Person: person(1)}, PayloadAccess) }
	w.grant(look(doctor))
	say(Nation, today, Policy{Live: No, Roles: []Role{RoleClinician}})
	w.deny(RefusedNotLive, look(doctor))
	say("Y56", today+1, Policy{Live: Yes})
	w.deny(RefusedNotLive, look(doctor))
	w.now += 24 * Hour
	w.grant(look(doctor))
	w.deny(RefusedPolicyRole, look(as(RoleScheduledClinician, "RLN", "gp")))
	say("RLN", today+1, Policy{Unscheduled: No, Notify: No, History: No, Roles: []Role{RoleNone}})
	w.grant(w.cmd(doctor, &LookUp{Person: person(1), Declared: DeclaredUnscheduled}, PayloadAccess))
	say("RLN", today+1, Policy{Unscheduled: Inherited, Notify: Inherited, History: Yes})
	say(authorityB, today+1, Policy{Ended: Yes, Links: Yes, DPIA: "DPIA 7"})
	w.grant(look(doctor))
}
