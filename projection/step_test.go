package projection

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

func TestMainJob(t *testing.T) {
	w := newWorld(t)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	gp := w.actor("gp", ledger.RoleScheduledClinician, "G81001")
	worker := w.actor("worker", ledger.RoleSocialWorker, "LA1")
	other := w.actor("other", ledger.RoleSocialWorker, "LA2")

	_, _, a := w.lookup(doctor, nhsChild, nil)
	require.Equal(t, ledger.OutcomeNotFound, a.Access.Outcome)
	require.Empty(t, a.Told)

	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""), w.row(2, nhsMother, ledger.UnbornChild, "2026-01-10", "2026-07-01"))

	c, _, a := w.lookup(doctor, nhsChild, nil)
	require.Equal(t, ledger.OutcomeFound, a.Access.Outcome)
	require.Len(t, a.Plans, 1)
	require.Len(t, a.Visits, 1)
	require.Equal(t, []Told{{Authority: "LA1", Notification: a.Seq + 1, State: ledger.NotificationIsQueued, At: a.At, Queued: a.At}}, a.Told)
	var d ledger.PlanDetails
	require.NoError(t, w.keys.Open(a.Plans[0].Details, &d))
	require.Equal(t, "Test", d.Family)
	var name ledger.ProfileDetails
	require.NoError(t, w.keys.Open(*a.Profiles[0], &name))
	require.Equal(t, "Name of doctor", name.Name)
	seq := a.Seq

	t.Run("the same attempt again is the same entries", func(t *testing.T) {
		r, again := w.step(c)
		require.Empty(t, r.Entries)
		require.Equal(t, seq, again.Seq)
		require.Len(t, again.Plans, 1)
	})
	t.Run("another attempt within five minutes is recorded as a second showing", func(t *testing.T) {
		retry := *c
		retry.Seed, retry.Time = w.id(), ledger.Of(w.now)
		r, again := w.step(&retry)
		require.Len(t, r.Entries, 1)
		require.Equal(t, ledger.KindReopened, r.Entries[0].Kind)
		require.Equal(t, seq, again.Seq)
		require.True(t, again.Again)
		require.Len(t, again.Plans, 1)
	})
	t.Run("later it is refused, with the entry to cite and no data", func(t *testing.T) {
		w.now = w.now.Add(6 * time.Minute)
		retry := *c
		retry.Seed, retry.Time = w.id(), ledger.Of(w.now)
		r, again := w.step(&retry)
		require.Empty(t, r.Entries)
		require.Equal(t, ledger.RefusedIdempotencyLate, again.Refusal.Code)
		require.Equal(t, seq, again.Seq)
		require.Empty(t, again.Plans)
	})
	t.Run("another actor, other content", func(t *testing.T) {
		retry := *c
		retry.Seed, retry.Content = w.id(), ledger.Tag{9}
		_, again := w.step(&retry)
		require.Equal(t, ledger.RefusedIdempotencyBody, again.Refusal.Code)
		theirs := w.command(gp, c.Request)
		theirs.ID, theirs.Content = c.ID, c.Content
		_, again = w.step(theirs)
		require.Equal(t, ledger.RefusedIdempotencyOther, again.Refusal.Code)
	})

	_, _, a = w.lookup(gp, nhsChild, nil)
	require.Empty(t, a.Told, "a scheduled lookup tells nobody")
	require.Len(t, a.Visits, 1, "and is not in the history")
	_, _, a = w.lookup(gp, nhsChild, func(q *ledger.LookUp) { q.Declared = ledger.DeclaredUnscheduled })
	require.Len(t, a.Told, 1, "what contradicts the policy is told")
	require.True(t, a.Access.Conflict)
	_, _, a = w.lookup(doctor, nhsChild, nil)
	require.Len(t, a.Visits, 2, "the same author within 24 hours is not shown again")

	_, n := w.do(worker, &ledger.OpenNotification{Notification: seq + 1})
	require.Nil(t, n.Refusal)
	require.Len(t, n.Plans, 1)
	require.Equal(t, "RXX01", n.Visit.Organisation)
	_, denied := w.do(other, &ledger.OpenNotification{Notification: seq + 1})
	require.Equal(t, ledger.RefusedOtherAuthority, denied.Refusal.Code)
	ack := w.command(worker, &ledger.Acknowledge{Notification: seq + 1})
	_, n = w.step(ack)
	require.Equal(t, ledger.NotificationIsAcknowledged, n.Notification.State)
	late := *ack
	late.Seed, late.Time = w.id(), ledger.Of(w.now.Add(6*time.Minute))
	_, n = w.step(&late)
	require.Equal(t, ledger.RefusedIdempotencyLate, n.Refusal.Code, "a late key is refused whether or not the answer holds child data")

	_, bad := w.do(worker, &ledger.LookUp{Person: w.keys.Person(nhsChild)})
	require.Equal(t, ledger.RefusedRole, bad.Refusal.Code)
	require.True(t, bad.Refusal.Recorded)
	_, _, bad = w.lookup(w.actor("early", ledger.RoleClinician, "RLATER"), nhsChild, nil)
	require.Equal(t, ledger.RefusedNotLive, bad.Refusal.Code)
	require.Equal(t, w.day("2026-06-01"), bad.Refusal.From)
	_, _, bad = w.lookup(w.actor("stranger", ledger.RoleClinician, "NOWHERE"), nhsChild, nil)
	require.Equal(t, ledger.RefusedOrganisation, bad.Refusal.Code)

	fix := w.command(doctor, &ledger.CorrectAccess{Access: seq})
	id := doctor.ID()
	w.seal(fix, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "wrong child"})
	_, a = w.step(fix)
	require.Nil(t, a.Refusal)
	require.Len(t, a.Told, 1)
	_, again := w.do(doctor, &ledger.CorrectAccess{Access: seq})
	require.Equal(t, ledger.RefusedAlready, again.Refusal.Code)
	_, again = w.do(gp, &ledger.CorrectAccess{Access: seq})
	require.Equal(t, ledger.RefusedNotOwn, again.Refusal.Code)

	ig := w.actor("ig", ledger.RoleIGOfficer, "NAT")
	trail := w.command(ig, &ledger.ReadTrail{Person: w.keys.Person(nhsChild)})
	igID := ig.ID()
	w.seal(trail, ledger.HolderActor, igID[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "asked by the family"})
	_, a = w.step(trail)
	require.Nil(t, a.Refusal)
	kinds := map[ledger.Kind]int{}
	for _, r := range a.Trail {
		kinds[r.Kind]++
	}
	require.Equal(t, 5, kinds[ledger.KindAccessed])
	require.Equal(t, 1, kinds[ledger.KindTrailRead], "the reading is in the trail itself")
	require.Equal(t, 1, kinds[ledger.KindAccessCorrected])
	require.Equal(t, 1, kinds[ledger.KindNotificationOpened])

	miss := w.command(gp, &ledger.MissAppointment{Person: w.keys.Person(nhsChild), At: ledger.Of(w.now)})
	_, a = w.step(miss)
	require.Len(t, a.Told, 1)
}

func TestMismatchShowsNothing(t *testing.T) {
	w := newWorld(t)
	doctor := w.actor("doctor", ledger.RoleClinician, "RXX01")
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""))
	wrong := func(q *ledger.LookUp) { q.Birth = w.birth(nhsChild, "2015-05-06") }
	_, _, a := w.lookup(doctor, nhsChild, wrong)
	require.Equal(t, ledger.OutcomeMismatch, a.Access.Outcome)
	require.Empty(t, a.Plans)
	require.Empty(t, a.Told)
	_, r, a := w.lookup(doctor, nhsChild, func(q *ledger.LookUp) { wrong(q); q.Confirmed, q.Reasoned = true, true })
	require.Equal(t, ledger.OutcomeFound, a.Access.Outcome)
	require.Len(t, a.Told, 1)
	require.Len(t, r.Entries, 3, "the access, the notification and the data-quality task")
	_, _, a = w.lookup(doctor, nhsChild, func(q *ledger.LookUp) { q.Birth = w.birth(nhsChild, "2015-05-05") })
	require.Equal(t, ledger.OutcomeFound, a.Access.Outcome)
}

func TestUploads(t *testing.T) {
	w := newWorld(t)
	statuses := func(a Answer) (out []string) {
		for _, b := range a.Records {
			e, err := ledger.ParseEntry(b)
			require.NoError(t, err)
			if s, code := ledger.RowStatus(e.Event); s != "" {
				out = append(out, s+code)
			}
		}
		return out
	}
	cpp := func(n int, start, end string) ledger.Row {
		return w.row(n, nhsChild, ledger.ChildProtection, start, end)
	}
	require.Equal(t, []string{"recorded", "unchanged"}, statuses(w.plan("LA1", 1, cpp(1, "2026-01-10", ""), cpp(2, "2026-01-10", ""))))
	require.Equal(t, []string{"ended"}, statuses(w.plan("LA1", 2, cpp(1, "2026-01-10", "2026-02-01"))))
	require.Equal(t, []string{"corrected"}, statuses(w.plan("LA1", 3, cpp(1, "2026-01-12", "2026-02-01"))))
	require.Equal(t, []string{"recorded"}, statuses(w.plan("LA2", 7, cpp(1, "2026-01-12", ""))), "two authorities may hold one child")
	require.Equal(t, []string{"rejectedend-before-start", "rejectedstart-in-future", "rejectedunborn-needs-end"},
		statuses(w.plan("LA1", 5, cpp(1, "2026-02-10", "2026-02-01"), cpp(2, "2026-08-01", ""), w.row(3, nhsMother, ledger.UnbornChild, "2026-01-01", ""))))
	gone := cpp(1, "2026-01-12", "")
	gone.Delete = w.day("2026-03-01")
	require.Equal(t, []string{"deleted"}, statuses(w.plan("LA1", 6, gone)))
	require.Equal(t, []string{"rejecteddelete-unknown"}, statuses(w.plan("LA1", 8, gone)))

	up := w.actor("uploader-LA1", ledger.RoleUploader, "LA1")
	_, a := w.do(up, &ledger.OpenUpload{Upload: w.id(), Sequence: 8, Content: ledger.Tag{1}})
	require.Equal(t, ledger.RefusedSequenceContent, a.Refusal.Code)
	_, a = w.do(up, &ledger.OpenUpload{Upload: w.id(), Sequence: 4, Content: ledger.Tag{1}})
	require.Equal(t, ledger.RefusedSequenceLower, a.Refusal.Code)
	id, ok, err := View{w.db}.UploadAt("LA1", 6)
	require.NoError(t, err)
	require.True(t, ok)
	_, a = w.do(up, &ledger.OpenUpload{Upload: id, Sequence: 6, Content: ledger.Tag(id)})
	require.Nil(t, a.Refusal)
	require.NotZero(t, a.Upload.Closed)
	_, a = w.do(up, &ledger.ReadAck{Upload: id})
	require.Nil(t, a.Refusal)
	shown := w.ackRows(&a)
	require.Len(t, shown, 1)
	var d ledger.PlanDetails
	require.NoError(t, w.keys.Open(withRow(t, shown[0]), &d))
	_, a = w.do(up, &ledger.CheckRows{Rows: []ledger.Row{cpp(1, "2026-03-01", "")}})
	require.Nil(t, a.Refusal)
	_, a = w.do(w.actor("uploader-LA2", ledger.RoleUploader, "LA2"), &ledger.ReadAck{Upload: id})
	require.Equal(t, ledger.RefusedOtherAuthority, a.Refusal.Code)
}

// withRow binds a row's details to its place in the file.
func withRow(t *testing.T, r RowShown) ledger.Shown {
	e, err := ledger.ParseEntry(r.Record)
	require.NoError(t, err)
	s := r.Details
	s.Row = e.Row()
	return s
}

func TestCaseload(t *testing.T) {
	w := newWorld(t)
	w.plan("LA1", 1, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", ""), w.row(2, nhsMother, ledger.UnbornChild, "2026-01-10", "2026-07-01"))
	nurse := w.actor("nurse", ledger.RoleSchoolNurse, "RYY")
	leader := w.actor("leader", ledger.RoleTeamLeader, "RYY")
	school, area := ledger.Place(ledger.PlaceSchool+"100001"), ledger.Place(ledger.PlaceArea+"E09000001")
	child, mother, nobody := w.keys.Person(nhsChild), w.keys.Person(nhsMother), w.keys.Person(nhsNobody)

	_, a := w.do(nurse, &ledger.ReadCaseload{Place: school})
	require.Equal(t, ledger.RefusedNotAssigned, a.Refusal.Code)
	_, a = w.do(leader, &ledger.Assign{Place: school, Subject: "nurse", From: w.day("2026-01-01")})
	require.Nil(t, a.Refusal)
	_, a = w.do(leader, &ledger.Assign{Place: area, Team: "east", From: w.day("2026-01-01"), To: w.day("2026-12-31"), Cover: true})
	require.Equal(t, ledger.RefusedReasonMissing, a.Refusal.Code)

	ch := w.actor("child-health", ledger.RoleChildHealth, "RYY")
	r, _ := w.do(ch, &ledger.Enrol{Rows: []ledger.EnrolmentRow{
		{N: 1, Person: child, Place: school, From: w.day("2025-09-01")},
		{N: 2, Person: nobody, Place: school, From: w.day("2025-09-01")},
		{N: 3, Person: mother, Place: area, From: w.day("2025-09-01")},
		{N: 4, Person: child, Place: "school:999999", From: w.day("2025-09-01")},
		{N: 5, Fault: "nhs-number-check-digit"},
		{N: 6, Person: child, Place: school, From: w.day("2025-09-01"), To: w.day("2025-08-01")},
	}})
	var kinds []ledger.Kind
	for _, e := range r.Entries[1:] {
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []ledger.Kind{ledger.KindEnrolmentsRecorded, ledger.KindEnrolled, ledger.KindEnrolmentNotKept, ledger.KindEnrolled,
		ledger.KindEnrolmentRejected, ledger.KindEnrolmentRejected, ledger.KindEnrolmentRejected}, kinds)

	_, a = w.do(nurse, &ledger.ReadCaseload{Place: school})
	require.Nil(t, a.Refusal)
	require.Len(t, a.People, 1)
	require.Equal(t, child, a.People[0].Person)
	require.Len(t, a.People[0].Plans, 1)
	require.Zero(t, a.Since)
	w.now = w.now.Add(24 * time.Hour)
	w.plan("LA1", 2, w.row(1, nhsChild, ledger.ChildProtection, "2026-01-10", "2026-03-03"))
	_, a = w.do(nurse, &ledger.ReadCaseload{Place: school})
	require.Equal(t, ledger.CaseloadEnded, a.People[0].Change)
	require.NotZero(t, a.Since)
	w.now = w.now.Add(24 * time.Hour)
	w.do(ch, &ledger.Enrol{Rows: []ledger.EnrolmentRow{{N: 1, Person: child, Place: school, From: w.day("2025-09-01"), To: w.day("2026-03-04")}}})
	_, a = w.do(nurse, &ledger.ReadCaseload{Place: school})
	require.Len(t, a.People, 1)
	require.Equal(t, ledger.CaseloadMovedOut, a.People[0].Change)
	w.now = w.now.Add(24 * time.Hour)
	_, a = w.do(nurse, &ledger.ReadCaseload{Place: school})
	require.Empty(t, a.People)
}

// A key is kept once something that it sealed is recorded, and then stays as it is.
func TestOnlyKeysOfWhatIsRecordedAreKept(t *testing.T) {
	w := newWorld(t)
	up := w.actor("uploader-LA1", ledger.RoleUploader, "LA1")
	child := w.keys.Person(nhsChild)
	rows := []ledger.Row{w.row(1, nhsChild, ledger.ChildProtection, "2026-01-01", ""), w.row(2, nhsNobody, ledger.ChildProtection, "2026-01-01", "")}
	w.plan("LA1", 1, rows...)
	kept := w.held[string(child[:])].Wrapped
	other, err := w.keys.NewKey(ledger.HolderPerson, child[:])
	require.NoError(t, err)

	upload := w.id()
	w.must(up, &ledger.OpenUpload{Upload: upload, Content: ledger.Tag(upload), Format: 1, Sequence: 2})
	rows[0].End, rows[0].Content = w.day("2026-02-01"), w.keys.Tag("row", "", "ended")
	c := w.command(up, &ledger.UploadChunk{Upload: upload, Rows: rows[:1]})
	w.seal(c, ledger.HolderPerson, child[:], ledger.PayloadPlan, 1, ledger.PlanDetails{NHSNumber: nhsChild})
	altered := kept
	altered.Wrapped = bytes.Repeat([]byte{7}, len(kept.Wrapped))
	c.Keys = []ledger.WrappedKey{other.Wrapped, altered}
	r, _ := w.step(c)
	require.Equal(t, ledger.KindPlanRecorded, r.Entries[len(r.Entries)-1].Kind)

	have, err := store.Keys(w.db, ledger.HolderPerson, child[:])
	require.NoError(t, err)
	require.Equal(t, []ledger.WrappedKey{kept}, have)
}
