package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestACommandAskedAgain(t *testing.T) {
	setUp := func(t *testing.T) (*world, *Command, Seq) {
		w := newWorld(t)
		w.load(authorityA, 1, row(1))
		c := w.cmd(clinician(), &LookUp{Person: person(1)}, PayloadAccess)
		return w, c, w.grant(c)[0].Seq
	}
	retry := func(c *Command, seed byte, change func(*Command)) *Command {
		again := *c
		again.Seed = ID{seed}
		if seed == 0 {
			again.Seed = c.Seed
		}
		again.actorRaw, again.requestRaw = nil, nil
		if change != nil {
			change(&again)
		}
		return &again
	}
	t.Run("the same attempt becomes the same entries", func(t *testing.T) {
		w, c, first := setUp(t)
		w.now += 20 * Minute
		d, group := w.do(retry(c, 0, nil))
		require.Nil(t, d.Refusal)
		require.Empty(t, group)
		require.Equal(t, first, d.Earlier.First)
		require.Equal(t, 2, d.Earlier.Of, "the access and its notification")
	})
	t.Run("another attempt is shown again and recorded", func(t *testing.T) {
		w, c, first := setUp(t)
		second := retry(c, 1, nil)
		d, group := w.do(second)
		require.Nil(t, d.Refusal)
		require.Equal(t, first, d.Earlier.First)
		require.Len(t, group, 1)
		require.Equal(t, first, group[0].Event.(*Reopened).Of)
		require.NotEqual(t, c.ID, group[0].Command)
		d, group = w.do(second)
		require.Equal(t, first, d.Earlier.First)
		require.Empty(t, group, "an internal retry of the second showing is recorded once")
		_, group = w.do(retry(c, 2, nil))
		require.Len(t, group, 1, "a third showing is another")
	})
	t.Run("five minutes and not a microsecond more", func(t *testing.T) {
		w, c, first := setUp(t)
		d, group := w.do(retry(c, 1, func(c *Command) { c.Time += repeatWindow }))
		require.Nil(t, d.Refusal)
		require.Len(t, group, 1)
		d = w.refuse(RefusedIdempotencyLate, retry(c, 2, func(c *Command) { c.Time += repeatWindow + 1 }))
		require.Equal(t, first, d.Earlier.First, "the receipt may still be given")
	})
	t.Run("by another actor", func(t *testing.T) {
		w, c, _ := setUp(t)
		d := w.refuse(RefusedIdempotencyOther, retry(c, 1, func(c *Command) { c.Actor.Subject = "other" }))
		require.Nil(t, d.Earlier, "nothing is told of somebody else's command")
		d = w.refuse(RefusedIdempotencyOther, retry(c, 0, func(c *Command) { c.Actor.Issuer = "https://other.example" }))
		require.Nil(t, d.Earlier)
	})
	t.Run("with other content", func(t *testing.T) {
		w, c, _ := setUp(t)
		for _, seed := range []byte{0, 1} {
			d := w.refuse(RefusedIdempotencyBody, retry(c, seed, func(c *Command) { c.Content = tag("other") }))
			require.Nil(t, d.Earlier)
		}
		w.refuse(RefusedIdempotencyBody, retry(c, 1, func(c *Command) { c.Actor.Role = RoleScheduledClinician }))
		w.refuse(RefusedIdempotencyBody, retry(c, 1, func(c *Command) { c.Actor.Organisation = practice }))
	})
	t.Run("an upload is gone on with by a colleague", func(t *testing.T) {
		w := newWorld(t)
		a := as(RoleUploader, authorityA, "a")
		open := w.cmd(a, &OpenUpload{Upload: ID{1}, Sequence: 1, Format: 1})
		w.grant(open)
		chunk := w.chunk(a, ID{1}, 1, Row{N: 1, Fault: "x"})
		w.grant(chunk)
		d, group := w.do(retry(chunk, 1, func(c *Command) { c.Actor.Subject = "b"; c.Time += Hour }))
		require.Nil(t, d.Refusal)
		require.NotNil(t, d.Earlier)
		require.Empty(t, group, "what discloses nothing is answered again without an entry")
		w.refuse(RefusedIdempotencyOther, retry(open, 1, func(c *Command) { c.Actor.Subject = "b" }))
		w.refuse(RefusedIdempotencyBody, retry(chunk, 1, func(c *Command) { c.Actor.Organisation = authorityB }))
	})
	t.Run("a recorded denial is answered again without an entry only to the same attempt", func(t *testing.T) {
		w := newWorld(t)
		c := w.cmd(as(RoleAuditor, emergency, "a"), &LookUp{Person: person(1)})
		first := w.deny(RefusedRole, c)[0].Seq
		d, group := w.do(retry(c, 0, nil))
		require.Empty(t, group)
		require.Equal(t, first, d.Earlier.First)
		_, group = w.do(retry(c, 1, nil))
		require.Equal(t, first, last[*Reopened](t, group).Of)
	})
}

// Any commands in any order: every one is decided once more from its entries,
// and the whole is checked as it grows (world.do).
func TestAnyLedgerIsDecidedAgainTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := worldUnder(rt, rapid.IntRange(1, CurrentRules).Draw(rt, "rules"))
		var asked []*Command
		uploads := []ID{{1}, {2}, {3}}
		for range rapid.IntRange(1, 60).Draw(rt, "commands") {
			w.now += Time(rapid.Int64Range(-int64(Hour), 40*24*int64(Hour)).Draw(rt, "later"))
			if len(asked) > 0 && rapid.IntRange(0, 7).Draw(rt, "again") == 0 {
				again := *rapid.SampledFrom(asked).Draw(rt, "which")
				again.Time = max(w.head.Time, again.Time) + Time(rapid.Int64Range(0, int64(10*Minute)).Draw(rt, "wait"))
				if rapid.Bool().Draw(rt, "another attempt") {
					again.Seed = DeriveID("again", again.Seed[:])
				}
				w.do(&again)
				continue
			}
			c := anyCommand(rt, w, uploads)
			asked = append(asked, c)
			w.do(c)
		}
		replayed(rt, w)
	})
}

// replayed folds the whole ledger from its records into a new view, deciding
// everything again, and wants the same end.
func replayed(t rapid.TB, w *world) {
	v, h := newFakeView(), Head{}
	people := map[PersonRef]PersonHead{}
	for _, group := range w.groups {
		parsed := make([]Entry, len(group))
		for i := range group {
			var err error
			parsed[i], err = ParseEntry(group[i].Record())
			require.NoError(t, err)
		}
		c, err := Rebuild(parsed)
		require.NoError(t, err)
		d, err := Decide(v, h, &c)
		require.NoError(t, err)
		sealed, after, err := Seal(h, d.As, d, func(p PersonRef) (PersonHead, error) { return people[p], nil })
		require.NoError(t, err)
		require.Len(t, sealed, len(group))
		for i := range sealed {
			require.Equal(t, group[i].Record(), sealed[i].Record())
			if p := sealed[i].Person; p != nil {
				people[p.Ref] = PersonHead{N: p.N, Last: sealed[i].Hash()}
			}
		}
		v.fold(parsed)
		h = after
	}
	require.Equal(t, w.head, h)
	require.Equal(t, w.view, v, "the views are the fold of the entries")
}

func anyCommand(t *rapid.T, w *world, uploads []ID) *Command {
	actors := []Actor{
		clinician(), named(clinician()), as(RoleScheduledClinician, practice, "gp"), as(RoleClinician, notLive, "later"),
		as(RoleUploader, authorityA, "ua"), named(as(RoleUploader, authorityA, "ua2")), as(RoleUploader, authorityB, "ub"),
		named(as(RoleSocialWorker, authorityA, "sw")), as(RoleSocialWorkManager, authorityB, "swm"), as(RoleSchoolNurse, nursing, "nurse"),
		as(RoleHealthVisitor, nursing, "hv"), named(as(RoleTeamLeader, nursing, "lead")), as(RoleChildHealth, nursing, "clerk"),
		named(as(RoleIGOfficer, "X26", "ig")), as(RoleSiteIG, emergency, "site"), as(RoleAuditor, emergency, "audit"), as(RoleOperator, "CUSTOS", "op"), system(),
	}
	actor := rapid.SampledFrom(actors).Draw(t, "actor")
	ref := person(rapid.ByteRange(0, 4).Draw(t, "person"))
	seq := Seq(rapid.Uint64Range(0, uint64(w.head.Size)).Draw(t, "seq"))
	place := rapid.SampledFrom([]Place{school, area, "school:999999"}).Draw(t, "place")
	day := func(label string) Day {
		return w.now.Day() + Day(rapid.IntRange(-400, 60).Draw(t, label))
	}
	maybe := func(label string) bool { return rapid.Bool().Draw(t, label) }
	upload := rapid.SampledFrom(uploads).Draw(t, "upload")
	if !maybe("anybody") {
		actor = as(RoleNone, "", "")
	}
	able := func(r Role, org, subject string) {
		if actor.Role == RoleNone {
			actor = as(r, org, subject)
		}
	}
	rows := func() []Row {
		out := make([]Row, rapid.IntRange(0, 4).Draw(t, "rows"))
		for i := range out {
			r := Row{N: i + 1, Person: person(rapid.ByteRange(0, 4).Draw(t, "row person")), Start: day("start"), Birth: tag("b"),
				Type: PlanType(rapid.IntRange(1, 3).Draw(t, "type")), Content: tag(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "content"))}
			if maybe("ends") {
				r.End = day("end")
			}
			if maybe("deleted") {
				r.Delete = day("delete")
			}
			if maybe("grown") {
				r.LastDay = day("last day")
			}
			if maybe("asked of a register") {
				r.Match = Matched
				if maybe("lost") {
					r.Match, r.Reason = Unmatched, rapid.SampledFrom([]string{"no-match", RowNumberMissing}).Draw(t, "why")
				}
				if maybe("local") {
					r.Local = tag(rapid.SampledFrom([]string{"l1", "l2"}).Draw(t, "local id"))
				}
				if maybe("allocated") {
					r.Worker = tag(rapid.SampledFrom([]string{"worker sw", "worker other"}).Draw(t, "worker"))
				}
				if maybe("trace") {
					r.Trace = tag("trace")
				}
			}
			if maybe("faulty") && maybe("really") {
				r = Row{N: i + 1, Fault: "x"}
			}
			out[i] = r
		}
		return out
	}
	switch rapid.IntRange(0, 28).Draw(t, "request") {
	case 0, 1, 2:
		able(RoleClinician, emergency, "555001")
		q := &LookUp{Person: ref, Declared: Declared(rapid.IntRange(0, 2).Draw(t, "declared")), Confirmed: maybe("confirmed"), Reasoned: maybe("reasoned")}
		if maybe("attendance") {
			q.Attendance = tag(rapid.SampledFrom([]string{"a1", "a2"}).Draw(t, "which attendance"))
		}
		if maybe("birth") {
			q.Birth = tag(rapid.SampledFrom([]string{"b", "c"}).Draw(t, "which birth"))
		}
		return w.cmd(actor, q, PayloadAccess)
	case 3:
		able(RoleClinician, emergency, "555001")
		return w.cmd(actor, &CorrectAccess{Access: seq}, PayloadReason)
	case 4:
		return w.cmd(actor, &Deny{Action: Action(rapid.IntRange(1, 19).Draw(t, "action"))})
	case 5:
		able(RoleSocialWorker, authorityA, "sw")
		return w.cmd(actor, opens(seq, actor), PayloadReason)
	case 6:
		able(RoleSocialWorker, authorityA, "sw")
		return w.cmd(actor, &Acknowledge{Notification: seq}, PayloadNote)
	case 7:
		able(RoleClinician, emergency, "555001")
		return w.cmd(actor, &MissAppointment{Person: ref, At: w.now}, PayloadAppointment)
	case 8:
		able(RoleUploader, authorityA, "ua")
		return w.cmd(actor, &OpenUpload{Upload: upload, Sequence: rapid.Int64Range(1, 5).Draw(t, "sequence"), Format: 1, Snapshot: maybe("snapshot")})
	case 9, 10, 11:
		able(RoleUploader, authorityA, "ua")
		return w.chunk(actor, upload, 1, rows()...)
	case 12:
		able(RoleUploader, authorityA, "ua")
		u := w.view.uploads[upload]
		return w.cmd(actor, &CloseUpload{Upload: upload, Rows: u.Accepted + u.Rejected, Chunks: u.Chunks})
	case 13:
		able(RoleUploader, authorityA, "ua")
		if maybe("check") {
			return w.cmd(actor, &CheckRows{Rows: rows()})
		}
		return w.cmd(actor, &ReadAck{Upload: upload})
	case 14:
		able(RoleChildHealth, nursing, "clerk")
		var list []EnrolmentRow
		for i := range rapid.IntRange(0, 3).Draw(t, "enrolments") {
			r := EnrolmentRow{N: i + 1, Person: person(rapid.ByteRange(0, 4).Draw(t, "enrolled")), Place: place, From: day("from")}
			if maybe("until") {
				r.To = day("to")
			}
			r.Change = EnrolmentChange(rapid.IntRange(0, 3).Draw(t, "enrolment change"))
			list = append(list, r)
		}
		return w.linkedRows(t, actor, list)
	case 15:
		able(RoleTeamLeader, nursing, "lead")
		if held := w.view.assignments[place]; len(held) > 0 && maybe("end") {
			return w.cmd(actor, &EndAssignment{Place: place, Of: held[0].Seq, To: day("last")}, PayloadReason)
		}
		q := &Assign{Place: place, Subject: "nurse", From: day("from")}
		if maybe("cover") {
			q.Cover, q.To = true, day("to")
			q.Subject, q.For = "covering", rapid.SampledFrom([]string{"", "nurse"}).Draw(t, "for")
		}
		return w.cmd(actor, q, PayloadReason)
	case 27:
		return w.cmd(system(), &TellDue{Until: w.now})
	case 28:
		return w.anyLinks(t, place, day("link from"))
	case 20:
		able(RoleClinician, emergency, "555001")
		return w.cmd(actor, &Trace{Trace: tag("trace")}, PayloadReason)
	case 21:
		actor = system()
		authority := rapid.SampledFrom([]string{authorityA, authorityB}).Draw(t, "authority")
		box := w.view.outboxes[outboxOf(authority, NotifyAccess)]
		switch {
		case box.Open != 0 && maybe("repeat"):
			return w.cmd(actor, &RepeatDelivery{Attempt: box.Open})
		case box.Open != 0:
			return w.cmd(actor, &SettleDelivery{Attempt: box.Open, Code: rapid.SampledFrom([]string{"", "mesh-refused"}).Draw(t, "code")})
		case len(box.Failed) > 0 && maybe("instead"):
			return w.cmd(actor, &AttemptDelivery{Authority: authority, Type: NotifyAccess, Way: ByMESH, Instead: box.Failed[0]})
		}
		return w.cmd(actor, &AttemptDelivery{Authority: authority, Type: NotifyAccess, Way: ByMESH, Notifications: w.waiting(authority, NotifyAccess)})
	case 26:
		return anyLetter(t, w, rapid.SampledFrom([]string{authorityA, authorityB}).Draw(t, "authority"))
	case 19:
		actor = system()
		other := person(rapid.ByteRange(0, 4).Draw(t, "other"))
		switch rapid.IntRange(0, 3).Draw(t, "number") {
		case 0:
			return w.cmd(actor, &InactivateNumber{Person: ref})
		case 1:
			return w.cmd(actor, &PartNumbers{Old: ref})
		}
		return w.cmd(actor, &SupersedeNumber{Old: ref, New: other, Birth: tag("b"), Was: tag("old")})
	case 18:
		able(RoleUploader, authorityA, "ua")
		return w.cmd(actor, &ReadHoldings{Part: HoldingsPart(rapid.IntRange(0, 3).Draw(t, "part")), Upload: upload, From: seq})
	case 17:
		able(RoleSocialWorkManager, authorityA, "second")
		return w.cmd(actor, &ApproveSnapshot{Upload: upload}, PayloadReason)
	case 25:
		able(RoleSiteIG, emergency, "site")
		return w.cmd(actor, &RecordCallBack{Code: rapid.SampledFrom([]string{emergency, practice}).Draw(t, "site"), Phone: "01234 000009"})
	case 23:
		able(RoleChildHealth, nursing, "clerk")
		return w.cmd(actor, &ReadWanted{After: ref})
	case 24:
		able(RoleOperator, "CUSTOS", "op")
		return w.cmd(actor, &RecordRegister{Rows: []RegisterRow{{Code: place.Code(), Name: "Another name", Sort: rapid.SampledFrom([]string{SortSchool, SortArea}).Draw(t, "sort"),
			Parent: rapid.SampledFrom([]string{"", authorityA, authorityB}).Draw(t, "parent"), Closed: day("closed")}}})
	case 22:
		able(RoleSocialWorkManager, authorityA, "manager")
		return w.cmd(actor, &ReadUnassigned{Authority: rapid.SampledFrom([]string{authorityA, authorityB}).Draw(t, "of"), After: ref})
	case 16:
		able(RoleSchoolNurse, nursing, "nurse")
		return w.cmd(actor, &ReadCaseload{Place: place})
	}
	able(RoleIGOfficer, "X26", "ig")
	return w.cmd(actor, &ReadTrail{Person: ref}, PayloadReason)
}
