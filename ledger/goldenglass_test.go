package ledger

// taleOfGlass: an emergency where the service is not live, reviewed in time and
// too late, and one that was none.
func taleOfGlass(w *world) {
	today := w.now.Day()
	w.load(authorityA, 1, Row{N: 1, Person: person(1), Type: ChildProtection, Start: today - 9, Birth: tag("b"), Content: tag("c"), LastDay: today + 1000})
	doctor := named(strong(clinician()))
	ask := &BreakGlass{LookUp: LookUp{Person: person(1), Reasoned: true}}
	w.grant(w.cmd(doctor, ask, PayloadAccess))
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordPolicy{Place: Nation, From: today, Says: Policy{Live: No}}, PayloadReason))
	w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordPolicy{Place: Nation, From: today + 9, Says: Policy{Live: Yes}}, PayloadReason))
	w.deny(RefusedAssurance, w.cmd(clinician(), ask, PayloadAccess))
	first := glassOf(w.grant(w.cmd(doctor, ask, PayloadAccess)))
	second := glassOf(w.grant(w.cmd(doctor, &BreakGlass{LookUp: LookUp{Person: person(9), Reasoned: true}}, PayloadAccess)))
	officer := named(as(RoleSiteIG, emergency, "site"))
	w.grant(w.cmd(officer, &Review{Glass: first, Finding: FindingOpened}))
	w.grant(w.cmd(officer, &Review{Glass: first, Finding: FindingJustified}, PayloadReason))
	w.now += ReviewWithin + 1
	w.grant(w.cmd(as(RoleIGOfficer, "X26", "ig"), &Review{Glass: second, Finding: FindingNotJustified}, PayloadReason))
}
