package ledger

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Every request kind is decided every way it can be: granted, denied with a
// record, refused without one. world.do repeats each decision from the entries
// and wants the same bytes, so these tables are also the proof that an audit
// can repeat every decision.

func clinician() Actor { return as(RoleClinician, emergency, "555001") }

func TestDecideEveryRequestEveryWay(t *testing.T) {
	w := newWorld(t)
	everyRequest(w)
	first := worldUnder(t, 1)
	everyRequest(first)
	for k := range requests {
		if k != RequestDeny { // to be told of a denial is never a grant
			require.NotZero(t, w.granted[k], "request %d was never granted", k)
		}
		if k == RequestReopen {
			continue // made by Decide itself, of a request that was allowed
		}
		require.NotZero(t, w.denied[k], "request %d was never denied", k)
	}
	for k := range events {
		require.NotZero(t, w.kinds[k], "kind %s was never recorded", k)
	}
}

// everyRequest runs a small story through every request kind and outcome.
func everyRequest(w *world) {
	t := w.t
	nobody := as(RoleAuditor, emergency, "auditor") // may do almost nothing
	auditor := named(nobody)

	// System.
	w.deny(RefusedRole, w.cmd(nobody, &OpenLog{ID: ID{9}}))
	w.refuse(RefusedState, w.cmd(system(), &OpenLog{ID: ID{9}}))
	w.refuse(RefusedState, w.cmd(system(), &RaiseRules{To: 1}))
	const next = CurrentRules + 1
	w.deny(RefusedRole, w.cmd(nobody, &RaiseRules{To: next}))
	if w.view.log.Rules == 1 {
		restOfStory(w, auditor)
		return
	}
	withRules(t, next, decideV3, func() { w.grant(w.cmd(system(), &RaiseRules{To: next})) })
	withRules(t, next, decideV3, func() { restOfStory(w, auditor) })
}

// withRules releases another rules version while f runs.
func withRules(t rapid.TB, version int, decide func(*decider) error, f func()) {
	t.Helper()
	rules[version] = decide
	defer delete(rules, version)
	f()
}

func restOfStory(w *world, auditor Actor) {
	t := w.t
	w.grant(w.cmd(system(), &RecordKey{Purpose: "log", Name: "2026", Digest: Hash{1}}))
	w.deny(RefusedRole, w.cmd(auditor, &RecordKey{Purpose: "log"}, PayloadReason))
	w.grant(w.cmd(system(), &VoidBatch{Proposer: "n3", Size: 4, Root: Hash{1}, Batch: Hash{2}}))
	w.deny(RefusedRole, w.cmd(auditor, &VoidBatch{Proposer: "n3"}))
	w.deny(RefusedRole, w.cmd(auditor, &RecordOrganisation{Organisation: Organisation{Code: "X"}}))

	// State entries.
	w.deny(RefusedRole, w.cmd(auditor, &RecordState{}))
	if w.view.log.Rules < 3 {
		w.refuse(RefusedRules, w.cmd(system(), &RecordState{}))
	} else {
		early, _, err := w.view.Root(3)
		require.NoError(t, err)
		w.refuse(RefusedState, w.cmd(system(), &RecordState{Cosigned: 4, CosignedRoot: early}))
		w.refuse(RefusedState, w.cmd(system(), &RecordState{Cosigned: 1 << 40, CosignedRoot: early}))
		w.refuse(RefusedState, w.cmd(system(), &RecordState{CosignedRoot: early}))
		s := last[*StateRecorded](t, w.grant(w.cmd(system(), &RecordState{Cosigned: 3, CosignedRoot: early})))
		require.Equal(t, early, s.CosignedRoot)
		require.NotZero(t, s.State.Views)
		w.refuse(RefusedAlready, w.cmd(system(), &RecordState{}))
	}

	// Directory.
	uploader := as(RoleUploader, authorityA, "up1")
	dir := Directory{OfficeHours: "01234 567890", EmergencyDuty: "01234 999999", BankHolidays: []string{"2026-04-03"}}
	w.grant(w.cmd(named(uploader), &RecordDirectory{Code: authorityA, Directory: dir}))
	require.Equal(t, "01234 567890", w.view.organisations[authorityA].Directory.OfficeHours)
	require.Equal(t, w.now, w.view.organisations[authorityA].Directory.Confirmed)
	w.deny(RefusedOtherAuthority, w.cmd(uploader, &RecordDirectory{Code: authorityB, Directory: dir}))
	w.deny(RefusedOrganisation, w.cmd(as(RoleUploader, emergency, "x"), &RecordDirectory{Code: emergency, Directory: dir}))
	w.deny(RefusedOrganisation, w.cmd(as(RoleUploader, "NOWHERE", "x"), &RecordDirectory{Code: "NOWHERE", Directory: dir}))

	policies(w, auditor)
	uploads(w, uploader, auditor)
	accesses(w, auditor)
	notifications(w, auditor)
	if w.view.log.Rules > 2 {
		attendances(w)
		lives(w)
		births(w)
	}
	caseloads(w, auditor)
	letters(w, auditor)
	trails(w)
	releases(w)
	if w.view.log.Rules >= 3 {
		caseloads3(w, auditor)
		links4(w, auditor)
	} else {
		w.refuse(RefusedRules, w.cmd(as(RoleTeamLeader, nursing, "leader"), &EndAssignment{Place: school, Of: 1, To: w.now.Day()}))
		w.refuse(RefusedRules, w.cmd(as(RoleSocialWorkManager, authorityA, "manager"), &ReadUnassigned{Authority: authorityA}))
		w.refuse(RefusedRules, w.cmd(as(RoleChildHealth, nursing, "clerk"), &ReadWanted{}))
		w.refuse(RefusedRules, w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordRegister{}))
		w.refuse(RefusedRules, w.cmd(as(RoleSiteIG, emergency, "site"), &RecordCallBack{Code: emergency, Phone: "01234 000009"}))
	}
}

func policies(w *world, auditor Actor) {
	boss := named(as(RoleOperator, "CUSTOS", "policy"))
	q := &RecordPolicy{Place: emergency, From: w.now.Day() + 9, Says: Policy{Live: Inherited}}
	w.deny(RefusedRole, w.cmd(auditor, q, PayloadReason))
	if w.view.log.Rules < 3 {
		w.refuse(RefusedRules, w.cmd(boss, q, PayloadReason))
		w.refuse(RefusedRules, w.cmd(strong(clinician()), emergencyOf(1), PayloadAccess))
		w.refuse(RefusedRules, w.cmd(as(RoleSiteIG, emergency, "site"), &Review{Finding: FindingOpened}))
		return
	}
	w.grant(w.cmd(boss, q, PayloadReason))
	w.refuse(RefusedReasonMissing, w.cmd(boss, q))

	w.deny(RefusedRole, w.cmd(auditor, emergencyOf(98), PayloadAccess))
	w.grant(w.cmd(boss, &RecordPolicy{Place: nursing, From: w.now.Day(), Says: Policy{Live: No}}, PayloadReason))
	g := glassOf(w.grant(w.cmd(named(strong(as(RoleClinician, nursing, "far"))), emergencyOf(98), PayloadAccess)))
	w.deny(RefusedRole, w.cmd(auditor, &Review{Glass: g, Finding: FindingOpened}))
	w.grant(w.cmd(named(as(RoleIGOfficer, "X26", "reviewer")), &Review{Glass: g, Finding: FindingJustified}, PayloadReason))
}

func uploads(w *world, uploader, auditor Actor) {
	t := w.t
	first := DeriveID("upload", []byte("A1"))
	open := &OpenUpload{Upload: first, Sequence: 10, Content: tag("f1"), Format: 1}
	w.deny(RefusedRole, w.cmd(auditor, open))
	w.deny(RefusedOrganisation, w.cmd(as(RoleUploader, emergency, "x"), open))
	require.False(t, last[*UploadOpened](t, w.grant(w.cmd(uploader, open))).Gap)
	require.False(t, last[*UploadResumed](t, w.grant(w.cmd(uploader, open))).Closed)
	w.deny(RefusedSequenceContent, w.cmd(uploader, &OpenUpload{Upload: ID{7}, Sequence: 10}))
	w.deny(RefusedSequenceLower, w.cmd(uploader, &OpenUpload{Upload: ID{7}, Sequence: 9}))

	today := w.now.Day()
	plan := row(1)
	plan.N = 1
	unborn := Row{N: 2, Person: person(2), Type: UnbornChild, Start: today - 5, End: today + 60, Local: tag("twin-a"), Birth: tag("birth2"), Content: tag("c2")}
	twin := unborn
	twin.N, twin.Local = 3, tag("twin-b")
	faulty := Row{N: 4, Fault: "nhs-number-check-digit"}
	backwards := Row{N: 5, Person: person(3), Type: LookedAfter, Start: today, End: today - 1}
	future := Row{N: 6, Person: person(3), Type: LookedAfter, Start: today + 1}
	endless := Row{N: 7, Person: person(3), Type: UnbornChild, Start: today}
	grown := Row{N: 8, Person: person(3), Type: LookedAfter, Start: today - 9, LastDay: today - 1}
	unknown := Row{N: 9, Person: person(3), Type: LookedAfter, Start: today - 9, Delete: today}
	sameAgain := plan
	sameAgain.N = 10
	ended := plan
	ended.N, ended.End, ended.Content = 11, today-1, tag("ended")
	corrected := ended
	corrected.N, corrected.Start, corrected.Content = 12, plan.Start-2, tag("corrected")
	other := Row{N: 13, Person: person(5), Type: LookedAfter, Start: today - 30, Birth: tag("birth5"), Content: tag("c5")}

	w.refuse(RefusedUploadState, w.chunk(uploader, ID{0xee}, 1, plan))
	w.refuse(RefusedUploadState, w.chunk(as(RoleUploader, authorityB, "b"), first, 1, plan))
	w.deny(RefusedRole, w.chunk(auditor, first, 1, plan))
	w.refuse(RefusedUploadState, w.chunk(named(as(RoleUploader, authorityA, "new")), first, 1, numberedRows(MaxChunk+1)...))
	w.refuse(RefusedUploadState, w.chunk(uploader, first, 1, plan, plan)) // two rows of one number
	w.refuse(RefusedUploadState, w.chunk(uploader, first, 1, Row{Person: person(1)}))

	chunk := w.chunk(named(uploader), first, 1, plan, unborn, twin, faulty, backwards, future, endless, grown, unknown, sameAgain, ended, corrected, other)
	group := w.grant(chunk)
	statuses := []string{}
	for i := range group {
		if s, code := RowStatus(group[i].Event); s != "" {
			statuses = append(statuses, s+" "+code)
		}
	}
	sameFile := []string{"ended ", "corrected "}
	if w.view.log.Rules >= 2 { // what one file says twice is not believed twice
		sameFile = []string{"rejected " + RowTwice, "recorded "}
	}
	require.Equal(t, append(append([]string{"recorded ", "recorded ", "recorded ", "rejected nhs-number-check-digit",
		"rejected " + RowEndBeforeStart, "rejected " + RowStartInFuture, "rejected " + RowUnbornNeedsEnd, "rejected " + RowOver18,
		"rejected " + RowDeleteUnknown, "unchanged "}, sameFile...), "recorded "), statuses)
	for i := range group {
		if s, _ := RowStatus(group[i].Event); s != "" {
			require.Len(t, group[i].Commitments, 1, "each row commits to its own payload")
		}
	}
	gone := other
	gone.N, gone.Delete = 14, today
	w.grant(w.chunk(uploader, first, 2, gone))
	require.Empty(t, w.view.plans[person(5)])
	w.grant(w.chunk(uploader, first, 3)) // no rows at all

	rows := []Row{plan, backwards, unborn}
	w.deny(RefusedRole, w.cmd(auditor, &CheckRows{Rows: rows}))
	w.refuse(RefusedUploadState, w.cmd(uploader, &CheckRows{Rows: make([]Row, MaxCheck+1)}))
	checked := last[*RowsChecked](t, w.grant(w.cmd(uploader, &CheckRows{Rows: rows})))
	require.Equal(t, []string{map[bool]string{true: "corrected", false: "unchanged"}[w.view.log.Rules < 2], RowEndBeforeStart, "unchanged"}, checked.Codes)
	require.Empty(t, last[*RowsChecked](t, w.grant(w.cmd(uploader, &CheckRows{}))).Codes)

	w.deny(RefusedRole, w.cmd(auditor, &CloseUpload{Upload: first, Rows: 14, Chunks: 3}))
	w.refuse(RefusedUploadState, w.cmd(uploader, &CloseUpload{Upload: first, Rows: 13, Chunks: 3}))
	w.refuse(RefusedUploadState, w.cmd(uploader, &CloseUpload{Upload: first, Rows: 14, Chunks: 2}))
	w.refuse(RefusedUploadState, w.cmd(uploader, &CloseUpload{Upload: ID{0xee}, Rows: 14, Chunks: 3}))
	w.refuse(RefusedNotFound, w.cmd(uploader, &ReadAck{Upload: first}))
	closed := last[*UploadClosed](t, w.grant(w.cmd(uploader, &CloseUpload{Upload: first, Rows: 14, Chunks: 3})))
	rejected := 6
	if w.view.log.Rules >= 2 {
		rejected = 7
	}
	require.Equal(t, [2]int{14 - rejected, rejected}, [2]int{closed.Accepted, closed.Rejected})
	w.refuse(RefusedUploadState, w.cmd(uploader, &CloseUpload{Upload: first, Rows: 14, Chunks: 3}))
	w.refuse(RefusedUploadState, w.chunk(uploader, first, 4, plan))
	require.True(t, last[*UploadResumed](t, w.grant(w.cmd(uploader, open))).Closed)

	w.grant(w.cmd(uploader, &ReadAck{Upload: first}))
	w.refuse(RefusedNotFound, w.cmd(uploader, &ReadAck{Upload: ID{0xee}}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleUploader, authorityB, "b"), &ReadAck{Upload: first}))
	w.deny(RefusedRole, w.cmd(auditor, &ReadAck{Upload: first}))
	second := w.cmd(uploader, &OpenUpload{Upload: ID{0xa2}, Sequence: 12, Content: tag("f2"), Format: 1})
	require.True(t, last[*UploadOpened](t, w.grant(second)).Gap)
	if w.view.log.Rules >= 2 {
		snapshots(w, uploader, auditor)
		holdings(w, uploader, auditor)
		numbers(w, auditor)
		traces(w, auditor)
		deliveries(w, auditor)
	} else {
		w.refuse(RefusedRules, w.cmd(clinician(), &Trace{Trace: tag("t")}, PayloadReason))
		w.refuse(RefusedRules, w.cmd(system(), &SupersedeNumber{Old: person(1), New: person(2), Birth: tag("b"), Was: tag("old")}))
		w.refuse(RefusedRules, w.cmd(system(), &PartNumbers{Old: person(1)}))
		w.refuse(RefusedRules, w.cmd(system(), &InactivateNumber{Person: person(1)}))
		w.refuse(RefusedRules, w.cmd(system(), &AttemptDelivery{Authority: authorityA, Type: NotifyAccess, Way: ByMESH}))
		w.refuse(RefusedRules, w.cmd(system(), &RepeatDelivery{}))
		w.refuse(RefusedRules, w.cmd(system(), &SettleDelivery{}))
		w.refuse(RefusedRules, w.cmd(uploader, &ReadHoldings{Part: HoldingsPlans}))
		w.refuse(RefusedRules, w.cmd(uploader, &OpenUpload{Upload: ID{0xa3}, Sequence: 13, Snapshot: true}))
		w.refuse(RefusedRules, w.cmd(uploader, &ApproveSnapshot{Upload: first}))
	}
}

func holdings(w *world, uploader, auditor Actor) {
	t := w.t
	w.load(authorityA, 15, Row{N: 1, Person: person(60), Type: LookedAfter, Start: w.now.Day() - 9, Local: tag("l60"), Match: Unmatched, Reason: "no-match"},
		Row{N: 2, Person: person(61), Fault: "x"}, Row{N: 3, Fault: "y"})
	id := DeriveID("upload", []byte(authorityA), []byte("15"))
	for part, want := range map[HoldingsPart][2]int{HoldingsUnmatched: {1, 1}, HoldingsRejected: {2, 1}} {
		head := only[*HoldingsRead](w.grant(w.cmd(named(uploader), &ReadHoldings{Part: part, Upload: id})))[0]
		require.Equal(t, want, [2]int{len(head.Rows), head.Count})
	}
	group := w.grant(w.cmd(uploader, &ReadHoldings{Part: HoldingsPlans}))
	require.Len(t, only[*SubjectAccessed](group), only[*HoldingsRead](group)[0].Count)
	w.deny(RefusedRole, w.cmd(auditor, &ReadHoldings{Part: HoldingsPlans}))
	w.deny(RefusedOrganisation, w.cmd(as(RoleUploader, emergency, "x"), &ReadHoldings{Part: HoldingsPlans}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleUploader, authorityB, "b"), &ReadHoldings{Part: HoldingsRejected, Upload: id}))
	w.refuse(RefusedNotFound, w.cmd(uploader, &ReadHoldings{Part: HoldingsRejected, Upload: ID{0xee}}))
	w.refuse(RefusedState, w.cmd(uploader, &ReadHoldings{Part: 9}))
	found := Row{N: 1, Person: person(60), Type: LookedAfter, Start: w.now.Day() - 9, Local: tag("l60"), Match: Matched}
	require.Len(t, only[*PersonMatched](w.load(authorityA, 16, found)), 1)
}

func numbers(w *world, auditor Actor) {
	officer := named(as(RoleIGOfficer, "X26", "numbers"))
	link := &SupersedeNumber{Old: person(60), New: person(62), Birth: tag("b62"), Was: tag("old")}
	w.deny(RefusedRole, w.cmd(auditor, link, PayloadReason))
	w.deny(RefusedRole, w.cmd(auditor, &PartNumbers{Old: person(60)}))
	w.deny(RefusedRole, w.cmd(auditor, &InactivateNumber{Person: person(60)}))
	w.refuse(RefusedState, w.cmd(system(), &SupersedeNumber{Old: person(60), New: person(62)})) // no birth date
	w.refuse(RefusedState, w.cmd(system(), &SupersedeNumber{Old: person(60), New: person(60), Birth: tag("b"), Was: tag("old")}))
	w.refuse(RefusedState, w.cmd(officer, &PartNumbers{Old: person(60)}, PayloadReason))
	w.grant(w.cmd(officer, link, PayloadReason))
	w.refuse(RefusedState, w.cmd(system(), link))
	w.refuse(RefusedState, w.cmd(system(), &SupersedeNumber{Old: person(62), New: person(60), Birth: tag("b"), Was: tag("old")})) // a circle
	w.grant(w.cmd(officer, &PartNumbers{Old: person(60)}, PayloadReason))
	group := w.grant(w.cmd(system(), &InactivateNumber{Person: person(60)}))
	require.Equal(w.t, []string{authorityA}, only[*NumberInactivated](group)[0].Tasks)
	w.refuse(RefusedState, w.cmd(system(), &InactivateNumber{Person: person(60)}))
	w.refuse(RefusedState, w.cmd(system(), link)) // what is inactive is never linked
}

func traces(w *world, auditor Actor) {
	w.load(authorityA, 17, Row{N: 1, Type: LookedAfter, Start: w.now.Day() - 9, Trace: tag("names"), Match: Unmatched, Reason: RowNumberMissing})
	q := &Trace{Trace: tag("names")}
	require.Equal(w.t, []string{authorityA}, last[*Traced](w.t, w.grant(w.cmd(named(as(RoleClinician, emergency, "555009")), q, PayloadReason))).Authorities)
	last[*NotTraced](w.t, w.grant(w.cmd(clinician(), &Trace{Trace: tag("others")}, PayloadReason)))
	w.deny(RefusedRole, w.cmd(auditor, q, PayloadReason))
	w.deny(RefusedNotLive, w.cmd(as(RoleClinician, notLive, "x"), q, PayloadReason))
	w.refuse(RefusedState, w.cmd(clinician(), &Trace{}, PayloadReason))
	w.refuse(RefusedReasonMissing, w.cmd(clinician(), q))
}

func deliveries(w *world, auditor Actor) {
	var queued []Seq
	for id, n := range w.view.notifications {
		if n.Authority == authorityA && n.Type == NotifyInactive {
			queued = append(queued, id)
		}
	}
	try := &AttemptDelivery{Authority: authorityA, Type: NotifyInactive, Way: ByMESH, Notifications: queued}
	w.deny(RefusedRole, w.cmd(auditor, try))
	first := w.grant(w.cmd(system(), try))[0].Seq
	w.deny(RefusedRole, w.cmd(auditor, &RepeatDelivery{Attempt: first}))
	w.grant(w.cmd(system(), &RepeatDelivery{Attempt: first}))
	w.deny(RefusedRole, w.cmd(auditor, &SettleDelivery{Attempt: first}))
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: first}))
	w.refuse(RefusedState, w.cmd(system(), &RepeatDelivery{Attempt: first}))
	w.refuse(RefusedState, w.cmd(system(), &SettleDelivery{Attempt: first}))
	w.grant(w.cmd(system(), &SettleDelivery{Attempt: first, Code: "mesh-14"})) // nobody collected it
}

func snapshots(w *world, uploader, auditor Actor) {
	t := w.t
	var rows []Row
	for n := byte(50); n < 57; n++ {
		rows = append(rows, Row{N: int(n), Person: person(n), Type: LookedAfter, Start: w.now.Day() - 9, Birth: tag("b"), Content: tag("c")})
	}
	w.load(authorityA, 13, rows...)
	held := last[*SnapshotHeld](t, w.snapshot(uploader, 14, rows[:1]...))
	require.Equal(t, 9, held.Ends, "six of these, and the two unborn plans and the one of the first file")
	id := snapshotID(authorityA, 14)
	w.deny(RefusedRole, w.cmd(auditor, &ApproveSnapshot{Upload: id}, PayloadReason))
	w.deny(RefusedSecondPerson, w.cmd(uploader, &ApproveSnapshot{Upload: id}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleUploader, authorityB, "b"), &ApproveSnapshot{Upload: id}))
	w.refuse(RefusedNotFound, w.cmd(uploader, &ApproveSnapshot{Upload: ID{0xee}}))
	second := named(as(RoleSocialWorkManager, authorityA, "second"))
	group := w.grant(w.cmd(second, &ApproveSnapshot{Upload: id}, PayloadReason))
	require.Equal(t, 9, only[*SnapshotApproved](group)[0].Ended)
	require.Len(t, only[*PlanLapsed](group), 9)
	w.refuse(RefusedState, w.cmd(second, &ApproveSnapshot{Upload: id}))
}

func numberedRows(n int) []Row {
	out := make([]Row, n)
	for i := range out {
		out[i].N = i + 1
	}
	return out
}

func accesses(w *world, auditor Actor) {
	t := w.t
	w.load(authorityA, 20, row(20), row(21))
	w.load(authorityB, 1, row(20))
	nurse := named(clinician())

	group := w.grant(w.cmd(nurse, &LookUp{Person: person(20), Birth: tag("birth20")}, PayloadAccess))
	found := only[*Accessed](group)[0]
	require.Equal(t, OutcomeFound, found.Outcome)
	require.Equal(t, []string{authorityA, authorityB}, found.Told)
	require.True(t, found.Shown)
	require.Len(t, only[*ActorProfiled](group), 1)
	require.Len(t, only[*NotificationQueued](group), 2)
	again := w.grant(w.cmd(nurse, &LookUp{Person: person(20)}, PayloadAccess))
	require.Empty(t, only[*ActorProfiled](again), "a profile is recorded once")
	require.False(t, only[*Accessed](again)[0].Shown, "the same author within a day")
	require.NotZero(t, only[*Accessed](again)[0].Profile)

	mismatch := last[*Accessed](t, w.grant(w.cmd(nurse, &LookUp{Person: person(20), Birth: tag("other")}, PayloadAccess)))
	require.Equal(t, OutcomeMismatch, mismatch.Outcome)
	require.Empty(t, mismatch.Disclosed)
	confirmed := w.grant(w.cmd(nurse, &LookUp{Person: person(20), Birth: tag("other"), Attendance: tag("next"), Confirmed: true, Reasoned: true}, PayloadAccess))
	require.Equal(t, OutcomeFound, only[*Accessed](confirmed)[0].Outcome)
	require.Len(t, only[*NotificationQueued](confirmed), 4, "both are told of the access and of the birth date")
	require.Equal(t, OutcomeMismatch, last[*Accessed](t, w.grant(w.cmd(nurse,
		&LookUp{Person: person(20), Birth: tag("other"), Confirmed: true}, PayloadAccess))).Outcome, "no reason")
	require.Equal(t, OutcomeNotFound, last[*Accessed](t, w.grant(w.cmd(nurse, &LookUp{Person: person(99)}, PayloadAccess))).Outcome)

	gp := as(RoleScheduledClinician, practice, "gp")
	scheduled := w.grant(w.cmd(gp, &LookUp{Person: person(20)}, PayloadAccess))
	require.Len(t, scheduled, 1, "scheduled care tells nobody")
	require.Equal(t, OutcomeFound, last[*Accessed](t, scheduled).Outcome)
	require.True(t, only[*Accessed](w.grant(w.cmd(gp, &LookUp{Person: person(21), Declared: DeclaredUnscheduled}, PayloadAccess)))[0].Conflict)
	require.True(t, only[*Accessed](w.grant(w.cmd(nurse, &LookUp{Person: person(21), Declared: DeclaredScheduled}, PayloadAccess)))[0].Unscheduled)

	w.deny(RefusedRole, w.cmd(auditor, &LookUp{Person: person(20)}, PayloadAccess))
	w.deny(RefusedOrganisation, w.cmd(as(RoleClinician, "NOWHERE", "x"), &LookUp{Person: person(20)}, PayloadAccess))
	w.deny(RefusedOrganisation, w.cmd(as(RoleClinician, authorityA, "x"), &LookUp{Person: person(20)}, PayloadAccess))
	denied := last[*AccessDenied](t, w.deny(RefusedNotLive, w.cmd(as(RoleClinician, notLive, "x"), &LookUp{Person: person(20)}, PayloadAccess)))
	require.Equal(t, begin.Day()+30, denied.From)

	seq := group[1].Seq
	w.refuse(RefusedNotFound, w.cmd(nurse, &CorrectAccess{Access: 0}, PayloadReason))
	w.deny(RefusedNotOwn, w.cmd(gp, &CorrectAccess{Access: seq}, PayloadReason))
	w.deny(RefusedRole, w.cmd(auditor, &CorrectAccess{Access: seq}, PayloadReason))
	correction := w.grant(w.cmd(nurse, &CorrectAccess{Access: seq}, PayloadReason))
	require.Equal(t, []string{authorityA, authorityB}, only[*AccessCorrected](correction)[0].Told)
	require.Len(t, only[*NotificationQueued](correction), 2)
	w.refuse(RefusedAlready, w.cmd(nurse, &CorrectAccess{Access: seq}, PayloadReason))

	w.deny(RefusedRole, w.cmd(auditor, &Deny{Action: ActReadDirectory + 1}))
	w.refuse(RefusedState, w.cmd(auditor, &Deny{Action: ActReadEntry}))
	w.refuse(RefusedState, w.cmd(named(as(RoleAuditor, emergency, "never seen")), &Deny{Action: ActReadEntry}))

	missed := w.grant(w.cmd(gp, &MissAppointment{Person: person(20), At: w.now - Hour}, PayloadAppointment))
	require.Equal(t, []string{authorityA, authorityB}, only[*AppointmentMissed](missed)[0].Told)
	w.grant(w.cmd(gp, &MissAppointment{Person: person(99), At: w.now}, PayloadAppointment))
	w.deny(RefusedRole, w.cmd(auditor, &MissAppointment{Person: person(20)}, PayloadAppointment))
	w.deny(RefusedNotLive, w.cmd(as(RoleClinician, notLive, "x"), &MissAppointment{Person: person(20)}, PayloadAppointment))

	// A second showing.
	asked := w.cmd(nurse, &LookUp{Person: person(21)}, PayloadAccess)
	shown := w.grant(asked)
	retry := *asked
	retry.Seed = ID{0x5e}
	require.Equal(t, shown[0].Seq, last[*Reopened](t, w.grant(&retry)).Of)
	w.granted[RequestReopen]++ // it was decided as one: world.audit rebuilt it
}

func notifications(w *world, auditor Actor) {
	t := w.t
	var queued Seq
	for id, n := range w.view.notifications {
		if n.Authority == authorityA && n.Type == NotifyAccess && n.State == NotificationIsQueued && (queued == 0 || id < queued) {
			queued = id
		}
	}
	worker := named(as(RoleSocialWorker, authorityA, "sw"))
	w.refuse(RefusedNotOpened, w.cmd(worker, &Acknowledge{Notification: queued}, PayloadNote))
	w.deny(RefusedRole, w.cmd(auditor, &OpenNotification{Notification: queued}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleSocialWorker, authorityB, "sw2"), &OpenNotification{Notification: queued}))
	w.refuse(RefusedNotFound, w.cmd(worker, &OpenNotification{Notification: 0}))
	opened := last[*NotificationOpened](t, w.grant(w.cmd(worker, &OpenNotification{Notification: queued})))
	require.True(t, opened.First)
	require.NotEmpty(t, opened.Disclosed)
	require.False(t, last[*NotificationOpened](t, w.grant(w.cmd(worker, &OpenNotification{Notification: queued}))).First)

	w.deny(RefusedRole, w.cmd(auditor, &Acknowledge{Notification: queued}))
	w.deny(RefusedOtherAuthority, w.cmd(as(RoleSocialWorker, authorityB, "sw2"), &Acknowledge{Notification: queued}, PayloadNote))
	group := w.grant(w.cmd(worker, &Acknowledge{Notification: queued}, PayloadNote))
	require.Len(t, group[0].Commitments, 1)
	w.refuse(RefusedAlready, w.cmd(worker, &Acknowledge{Notification: queued}, PayloadNote))
	w.refuse(RefusedNotFound, w.cmd(worker, &Acknowledge{Notification: 0}))
}

func caseloads(w *world, auditor Actor) {
	t := w.t
	today := w.now.Day()
	clerk := named(as(RoleChildHealth, nursing, "clerk"))
	rows := []EnrolmentRow{
		{N: 1, Person: person(20), Place: school, From: today - 5},
		{N: 2, Person: person(99), Place: school, From: today - 5}, // no plan: the place is not kept
		{N: 3, Person: person(21), Place: "school:999999", From: today - 5},
		{N: 4, Place: school, From: today},
		{N: 5, Person: person(21), Place: school, From: today, To: today - 1},
		{N: 6, Fault: "nhs-number-check-digit"},
		{N: 7, Person: person(21), Place: area, From: today - 1, To: today},
		{N: 8, Person: person(99), Place: "school:999999", From: today},
	}
	w.deny(RefusedRole, w.cmd(auditor, &Enrol{Rows: rows}))
	w.refuse(RefusedState, w.cmd(clerk, &Enrol{Rows: make([]EnrolmentRow, MaxEnrolmentRows+1)}))
	group := w.grant(w.cmd(clerk, &Enrol{Rows: rows}))
	require.Len(t, only[*Enrolled](group), 2)
	require.Len(t, only[*EnrolmentNotKept](group), 2)
	require.Len(t, only[*EnrolmentRejected](group), 4)
	for _, e := range only[*EnrolmentNotKept](group) {
		require.NotZero(t, e.N)
	}
	changed := w.grant(w.cmd(clerk, &Enrol{Rows: []EnrolmentRow{{N: 1, Person: person(21), Place: area, From: today - 1, To: today + 9}}}))
	require.NotZero(t, last[*Enrolled](t, changed).Of)
	w.grant(w.cmd(clerk, &Enrol{}))

	leader := named(as(RoleTeamLeader, nursing, "leader"))
	nurse := as(RoleSchoolNurse, nursing, "nurse")
	nurse.Team = "north"
	w.deny(RefusedRole, w.cmd(auditor, &Assign{Place: school, Subject: "nurse"}))
	w.refuse(RefusedNotFound, w.cmd(leader, &Assign{Place: "school:999999", Subject: "nurse", From: today}))
	w.refuse(RefusedReasonMissing, w.cmd(leader, &Assign{Place: school, Subject: "nurse", From: today, To: today + 1, Cover: true}))
	w.refuse(RefusedReasonMissing, w.cmd(leader, &Assign{Place: school, Subject: "nurse", From: today, Cover: true}, PayloadReason))
	w.deny(RefusedNotAssigned, w.cmd(nurse, &ReadCaseload{Place: school}))
	w.grant(w.cmd(leader, &Assign{Place: school, Subject: "nurse", From: today, To: today + 1, Cover: true}, PayloadReason))
	w.grant(w.cmd(leader, &Assign{Place: area, Team: "north", From: today}))

	w.deny(RefusedRole, w.cmd(auditor, &ReadCaseload{Place: school}))
	for _, place := range []Place{school, area} {
		group = w.grant(w.cmd(named(nurse), &ReadCaseload{Place: place}))
		header := only[*CaseloadAccessed](group)[0]
		require.Equal(t, 1, header.Count)
		require.Len(t, only[*SubjectAccessed](group), header.Count)
	}
}

func trails(w *world) {
	ig := named(as(RoleIGOfficer, "X26", "ig"))
	site := as(RoleSiteIG, emergency, "site")
	w.refuse(RefusedReasonMissing, w.cmd(ig, &ReadTrail{Person: person(20)}))
	require.False(w.t, last[*TrailRead](w.t, w.grant(w.cmd(ig, &ReadTrail{Person: person(20)}, PayloadReason))).Own)
	require.True(w.t, last[*TrailRead](w.t, w.grant(w.cmd(site, &ReadTrail{Organisation: emergency}, PayloadReason))).Own)
	w.deny(RefusedOwnOrganisation, w.cmd(site, &ReadTrail{Organisation: practice}, PayloadReason))
	w.grant(w.cmd(ig, &ReadTrail{Actor: clinician().ID(), From: begin, To: begin + Hour}, PayloadReason))
	w.deny(RefusedRole, w.cmd(as(RoleAuditor, emergency, "a"), &ReadTrail{Person: person(20)}, PayloadReason))

	copying := &CopySubject{Person: person(20), For: ToParent, Harm: true}
	w.deny(RefusedRole, w.cmd(site, copying, PayloadReason))
	if w.view.log.Rules < 3 {
		w.refuse(RefusedRules, w.cmd(ig, copying, PayloadReason))
		return
	}
	w.grant(w.cmd(ig, copying, PayloadReason))
}

func TestDecideStopsWhenItCannotRead(t *testing.T) {
	w := newWorld(t)
	w.view.err = errors.New("disk")
	for k, fresh := range requests {
		_, err := Decide(w.view, w.head, w.cmd(clinician(), fresh()))
		require.ErrorIs(t, err, w.view.err, "request %d", k)
	}
}

func TestDecideStopsAtUnknownRules(t *testing.T) {
	w := newWorld(t)
	w.view.log.Rules = 7
	_, err := Decide(w.view, w.head, w.cmd(clinician(), &LookUp{Person: person(1)}))
	require.ErrorIs(t, err, ErrUnknownKind)
}

func TestNothingBeforeTheLogIsOpen(t *testing.T) {
	w := blankWorld(t)
	w.refuse(RefusedState, w.cmd(system(), &RecordKey{Purpose: "log"}))
	w.refuse(RefusedState, w.cmd(clinician(), &LookUp{Person: person(1)}))
}
