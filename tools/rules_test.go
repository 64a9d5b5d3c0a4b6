package tools

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// rulesOf returns what level 5 says of a command that an insider recorded
// otherwise than it was decided. Level 4 finds each of them out as well: level 5
// must not need it for that.
func rulesOf(t *testing.T, prepare func(w *world) *ledger.Command, change func(d *ledger.Decision)) (levelReport, *badEntry) {
	t.Helper()
	w := newWorld(t)
	w.usual()
	c := prepare(w)
	w.close()
	w.insiderOf(c, change)
	code, r := w.verify()
	require.Len(t, r.Levels, 6)
	l := r.Levels[levelRules]
	if l.OK {
		require.Zero(t, code, r)
	} else {
		require.Equal(t, ExitIntegrity, code, r)
	}
	return l, r.FirstBad
}

func aLookup(w *world) *ledger.Command { return w.lookupCommand("nurse", nhsSister) }

func TestRulesNameTheEntry(t *testing.T) {
	correction := func(w *world) *ledger.Command {
		seq := w.lookup("nurse", nhsSister).Entries[0].Seq
		return w.command(w.actor("nurse", ledger.RoleClinician, "RXX01"), &ledger.CorrectAccess{Access: seq})
	}
	missed := func(w *world) *ledger.Command {
		return w.command(w.actor("nurse", ledger.RoleClinician, "RXX01"), &ledger.MissAppointment{Person: w.keys.Person(nhsSister), At: ledger.Of(w.now)})
	}
	due := func(w *world) *ledger.Command {
		w.now = w.now.Add(2 * time.Hour)
		return &ledger.Command{ID: w.id(), Seed: w.id(), Actor: ledger.SystemActor("n1"), Request: &ledger.TellDue{Until: ledger.Of(w.now)}, Time: ledger.Of(w.now)}
	}
	accessed := func(change func(*ledger.Accessed)) func(d *ledger.Decision) {
		return func(d *ledger.Decision) {
			for i := range d.Happened {
				if a, ok := d.Happened[i].Event.(*ledger.Accessed); ok {
					b := *a
					change(&b)
					d.Happened[i].Event = &b
				}
			}
		}
	}
	drop := func(k ledger.Kind) func(d *ledger.Decision) {
		return func(d *ledger.Decision) {
			for i := range d.Happened {
				if d.Happened[i].Event.Kind() == k {
					d.Happened = append(d.Happened[:i:i], d.Happened[i+1:]...)
					return
				}
			}
		}
	}
	for name, c := range map[string]struct {
		prepare func(w *world) *ledger.Command
		change  func(d *ledger.Decision)
		says    string
	}{
		"nothing is wrong":          {aLookup, func(*ledger.Decision) {}, ""},
		"a notification is missing": {aLookup, drop(ledger.KindNotificationQueued), "entry 25: it says that LA1 is told by notification 26, which is no such one"},
		"nobody is told": {aLookup, func(d *ledger.Decision) {
			accessed(func(a *ledger.Accessed) { a.Told, a.Notifications = nil, nil })(d)
			drop(ledger.KindNotificationQueued)(d)
		}, "entry 25: LA1 has a plan and was not told"},
		"a plan is not found": {aLookup, func(d *ledger.Decision) {
			accessed(func(a *ledger.Accessed) {
				*a = ledger.Accessed{Outcome: ledger.OutcomeNotFound, Unscheduled: true, Profile: a.Profile}
			})(d)
			drop(ledger.KindNotificationQueued)(d)
		}, "entry 25: it found nothing, and there was a plan to find"},
		"another notification is named": {aLookup, accessed(func(a *ledger.Accessed) { a.Notifications = []ledger.Seq{3} }),
			"entry 25: it says that LA1 is told by notification 3, which is no such one"},
		"another care setting": {aLookup, accessed(func(a *ledger.Accessed) { a.Unscheduled = false }),
			"entry 25: it counts as another care setting than the policy of its day and what was declared say"},
		"a notification of nothing": {func(w *world) *ledger.Command { return w.lookupCommand("nurse", nhsNobody) }, func(d *ledger.Decision) {
			d.Happened = append(d.Happened, ledger.Happened{Event: &ledger.NotificationQueued{Type: ledger.NotifyAccess, Authority: "LA1", Of: 25, Organisation: "RXX01"},
				Person: d.Happened[0].Person})
		}, "entry 26: it tells of an access that does not name it"},
		"a correction tells nobody": {correction, drop(ledger.KindNotificationQueued), "entry 27: it says that LA1 is told, and no notification of correction is made"},
		"a missed appointment tells nobody": {missed, func(d *ledger.Decision) {
			drop(ledger.KindNotificationQueued)(d)
			d.Happened[0].Event = &ledger.AppointmentMissed{}
		}, "entry 25: LA1 has a plan and was not told"},
		"a policy begins and its place is not told": {func(w *world) *ledger.Command {
			w.policyFor(1)
			w.now = w.now.Add(24 * time.Hour)
			return w.command(ledger.SystemActor("n1"), &ledger.TellDue{Until: ledger.Of(w.now)})
		}, func(d *ledger.Decision) {
			d.Happened[0].Event.(*ledger.TransitionsDue).Begun = append(d.Happened[0].Event.(*ledger.TransitionsDue).Begun, 3)
		}, "entry 27: it says that 2 policies begin, and their places are not told of just those"},
		"one notification does not climb": {due, drop(ledger.KindNotificationEscalated), "entry 25: it says that 3 notifications climb and 0 tasks are given, and there are 2 and 0"},
	} {
		t.Run(name, func(t *testing.T) {
			l, bad := rulesOf(t, c.prepare, c.change)
			if c.says == "" {
				require.True(t, l.OK, l)
				return
			}
			require.Equal(t, c.says, l.Detail)
			require.False(t, l.OK)
			require.NotNil(t, bad)
		})
	}
}

// What is late is counted, and fails nothing.
func TestWhatIsLateIsAFinding(t *testing.T) {
	w := newWorld(t)
	w.usual()
	began := w.now
	at := func(after time.Duration, q ledger.Request) {
		w.now = began.Add(after)
		if q == nil {
			w.lookup("nurse", nhsNobody)
			return
		}
		w.system(q)
	}
	find := func() map[string]lateRule {
		w.close()
		defer w.open()
		code, r := w.verify()
		require.Zero(t, code, r)
		out := map[string]lateRule{}
		for _, f := range r.Findings {
			f.Seq = nil
			out[f.Rule] = f
		}
		return out
	}
	require.Zero(t, find()[ruleClimb].Checked, "three notifications wait, and their time has not come")

	at(90*time.Minute, nil) // the first entry after they were due
	require.Zero(t, find()[ruleClimb].Open, "nothing was recorded meanwhile")
	at(92*time.Minute, nil)
	require.Equal(t, int64(3), find()[ruleClimb].Open, "now a leader was there, and did not look")

	at(93*time.Minute, &ledger.TellDue{Until: ledger.Of(w.now.Add(time.Hour))})
	f := find()[ruleClimb]
	require.Equal(t, int64(3), f.Late)
	require.Zero(t, f.Open)
	require.InDelta(t, 33*60, f.Worst, 15)

	// The next rung, in a silence: whoever comes back tells at once.
	at(6*time.Hour, nil)
	at(6*time.Hour+10*time.Second, &ledger.TellDue{Until: ledger.Of(w.now.Add(time.Hour))})
	f = find()[ruleClimb]
	require.Equal(t, [2]int64{3, 3}, [2]int64{f.Late, f.Silent})

	require.NotZero(t, find()[ruleState].Late, "this world has no leader, and no state entries")
	w.close()
}

// policyFor records that a policy begins some days from now.
func (w *world) policyFor(days int) {
	w.t.Helper()
	operator := w.actor("operator", ledger.RoleOperator, "OPS")
	c := w.command(operator, &ledger.RecordPolicy{Place: "RXX01", From: ledger.Of(w.now).Day() + ledger.Day(days), Says: ledger.Policy{Notify: ledger.Yes}})
	id := operator.ID()
	w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "agreed"})
	require.Nil(w.t, w.step(c).Refusal)
}

// A place that is told late of a policy that begins, or not at all, is a finding too.
func TestAPolicyThatIsToldLateIsAFinding(t *testing.T) {
	w := newWorld(t)
	w.policyFor(1)
	w.policyFor(2)
	find := func() lateRule {
		w.close()
		defer w.open()
		code, r := w.verify()
		require.Zero(t, code, r)
		for _, f := range r.Findings {
			if f.Rule == ruleTask {
				f.Seq = nil
				return f
			}
		}
		return lateRule{}
	}
	midnight := ledger.Of(w.now).Day() + 1
	w.now = midnight.Start().Std().Add(time.Second)
	w.lookup("nurse", nhsNobody)
	require.Zero(t, find().Open, "it has only just begun")
	w.now = w.now.Add(10 * time.Minute)
	w.lookup("nurse", nhsNobody)
	require.EqualValues(t, 1, find().Open)
	w.system(&ledger.TellDue{Until: ledger.Of(w.now)})
	f := find()
	require.Equal(t, [3]int64{1, 1, 0}, [3]int64{f.Checked, f.Late, f.Open})
	w.now = (midnight + 1).Start().Std().Add(time.Second)
	w.system(&ledger.TellDue{Until: ledger.Of(w.now)})
	f = find()
	require.Equal(t, [3]int64{2, 1, 0}, [3]int64{f.Checked, f.Late, f.Open}, "the second was told in time")
	w.close()
	// It is a notification of nobody, which no tool stumbles over.
	for _, args := range [][]string{{"stats"}, {"report", "--keys", w.keyDir, "--out", filepath.Join(t.TempDir(), "page.html")}, {"trail", "--organisation", "RXX01"},
		{"export", "--format", "ndjson"}, {"export", "--format", "csv"}, {"export", "--format", "fhir"}, {"replay", "--at", "2030-01-01T00:00:00Z"}} {
		code, _, errs := run(t, append(args, "--data", w.dir)...)
		require.Zero(t, code, "%v: %s", args, errs)
	}
}

// A leader begins a batch with a state entry when a second is over.
func TestStateEntriesInTime(t *testing.T) {
	w := newWorld(t)
	w.system(&ledger.RecordState{})
	w.lookup("nurse", nhsNobody)
	for range 5 {
		w.system(&ledger.RecordState{})
		w.now = w.now.Add(-500 * time.Millisecond) // step has moved it on by a second
		w.lookup("nurse", nhsNobody)
	}
	w.close()
	_, r := w.verify()
	for _, f := range r.Findings {
		if f.Rule == ruleState {
			require.Equal(t, int64(3), f.Late, "of the organisations at the beginning alone: %v", f)
			require.Equal(t, int64(9), f.Checked)
		}
	}
}
