package ledger

import "testing"

// sinceRules2 are the kinds that came with rules version 2.
var sinceRules2 = map[Kind]bool{KindSnapshotHeld: true, KindSnapshotApproved: true, KindPlanLapsed: true,
	KindHoldingsRead: true, KindPlanUnmatched: true, KindPersonMatched: true,
	KindNumberSuperseded: true, KindNumberInactivated: true, KindNumbersParted: true, KindNumberFollowed: true,
	KindTraced: true, KindNotTraced: true,
	KindNotificationAttempted: true, KindNotificationDelivered: true, KindNotificationFailed: true}

// goldenStory2 is the fixed input of the golden files of rules version 2: what
// it decides otherwise, and every kind that came with it. Commands are added at
// its end and nowhere else.
func goldenStory2(t testing.TB) *world {
	w := blankWorld(t)
	w.grant(w.cmd(system(), &OpenLog{ID: ID{0xc1}, Origin: "log.example/two", Verifier: "log.example/two+00000000+AA==", Synthetic: true, Rules: 2}))
	for _, o := range []Organisation{
		{Code: authorityA, Name: "Aldershire", Sort: SortAuthority},
		{Code: authorityB, Name: "Borchester", Sort: SortAuthority},
		{Code: emergency, Name: "Felpersham General", Sort: SortTrust, Setting: SettingUnscheduled},
	} {
		w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: o}))
	}
	uploader := as(RoleUploader, authorityA, "up1")
	today := w.now.Day()
	own := func(n int, start, end Day) Row {
		return Row{N: n, Person: person(1), Type: ChildProtection, Start: start, End: end, Birth: tag("b"), Content: tag("c"), LastDay: today + 1000}
	}
	deleted := own(6, today-9, 0)
	deleted.Delete = today + 1
	w.load(authorityA, 1, own(1, today-9, 0), own(2, today-5, 0), own(3, today-5, today), own(4, today-500, today-400), own(5, today-5, 0), deleted)
	w.grant(w.cmd(uploader, &CheckRows{Rows: []Row{own(1, today-9, today), own(2, today-9, today-1)}}))
	overtaken := &OpenUpload{Upload: ID{0xa2}, Sequence: 2, Content: tag("f2"), Format: 1}
	w.grant(w.cmd(uploader, overtaken))
	w.load(authorityA, 4, own(1, today-9, 0))
	w.deny(RefusedSequenceLower, w.cmd(uploader, overtaken))
	// Seven people in force; a snapshot that names two of them waits.
	var rows []Row
	for n := byte(11); n < 18; n++ {
		rows = append(rows, Row{N: int(n), Person: person(n), Type: LookedAfter, Start: today - 9, Birth: tag("b"), Content: tag("c")})
	}
	w.load(authorityA, 5, rows...)
	w.snapshot(uploader, 6, rows[:2]...)
	w.grant(w.cmd(as(RoleSocialWorkManager, authorityA, "swm"), &ApproveSnapshot{Upload: snapshotID(authorityA, 6)}, PayloadReason))
	w.snapshot(uploader, 7, rows[1])
	// Rows that match nobody, one of which matches later.
	lost := Row{N: 1, Person: person(21), Type: LookedAfter, Start: today - 9, Birth: tag("b"), Content: tag("c"), Local: tag("l1"),
		Match: Unmatched, Reason: "family-name-differs", Twin: true}
	nameless := Row{N: 2, Type: UnbornChild, Start: today - 9, End: today + 90, Trace: tag("t"), Match: Unmatched, Reason: RowNumberMissing}
	w.load(authorityA, 8, lost, nameless, Row{N: 3, Fault: "x"})
	found := lost
	found.Match, found.Reason, found.Twin, found.Restricted = Matched, "", false, true
	w.snapshot(uploader, 9, found, rows[1])
	for part := HoldingsPlans; part <= HoldingsUnmatched; part++ {
		w.grant(w.cmd(uploader, &ReadHoldings{Part: part, Upload: snapshotID(authorityA, 8)}))
	}
	doctor := as(RoleClinician, emergency, "555001")
	w.load(authorityA, 20, nameless)
	w.grant(w.cmd(doctor, &Trace{Trace: tag("t")}, PayloadReason))
	w.grant(w.cmd(doctor, &Trace{Trace: tag("other")}, PayloadReason))
	// Numbers that change.
	officer := as(RoleIGOfficer, "X26", "ig")
	w.grant(w.cmd(system(), &SupersedeNumber{Old: person(21), New: person(22), Birth: tag("b22"), Was: tag("old")}))
	w.load(authorityA, 21, Row{N: 1, Person: person(21), Type: LookedAfter, Start: today - 9, Content: tag("c")})
	w.grant(w.cmd(officer, &PartNumbers{Old: person(21)}, PayloadReason))
	w.grant(w.cmd(officer, &InactivateNumber{Person: person(21)}, PayloadReason))
	// Delivery: of three accesses, one of a restricted person; a failure, and another attempt.
	var queued []Seq
	for _, p := range []PersonRef{person(11), person(12), person(21)} {
		for _, e := range w.grant(w.cmd(clinician(), &LookUp{Person: p}, PayloadAccess)) {
			if q, ok := e.Event.(*NotificationQueued); ok && q.Authority == authorityA {
				queued = append(queued, e.Seq)
			}
		}
	}
	first := w.grant(w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Notifications: queued}))[0].Seq
	w.grant(w.cmd(system(), &RepeatDelivery{Attempt: first}))
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: first, Code: "mesh-undelivered", Message: "20260112090000000000_A"}))
	second := w.grant(w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH, Instead: first}))[0].Seq
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: second, Message: "20260112090000000000_B"}))
	return w
}
