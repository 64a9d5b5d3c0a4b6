package deliver

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/cpis"
	"custos/api/mesh/meshtest"
	"custos/ledger"
)

// Each authority gets one message for all that waits for it, with each access
// once, of its own plans only, and never an empty one.
func TestABatchForEachAuthority(t *testing.T) {
	w := newWorld(t, 1)
	w.pass()
	require.Empty(t, w.mesh.Messages(), "nothing waits, and nothing is sent")
	w.plan(authority1, nobody, false)
	w.plan(authority1, child, false)
	w.plan(authority2, child, false)
	w.plan(authority2, other, false)
	first, second := w.look("doc-1", child), w.look("doc-2", child)
	w.look("doc-1", other)
	w.look("doc-1", "9990000042")
	require.Equal(t, []string{"queued", "queued"}, w.states(authority1))
	w.pass()

	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 1)
	require.Equal(t, []string{"delivered", "delivered"}, w.states(authority1))
	n := notification(t, sent[0])
	require.Equal(t, cpis.Party{Code: authority1, Name: "Northbank Council"}, n.Recipient)
	require.Len(t, n.Accesses, 2)
	for i, out := range []ledger.Time{first.Answer.At, second.Answer.At} {
		a := n.Accesses[i]
		require.Equal(t, "2", a.UploadFile, "the file that supplied the plan")
		require.Len(t, a.Asked, 1)
		require.Equal(t, cpis.TimestampOf(out.Std()), a.Asked[0].Time)
		who := a.Asked[0].Author.Staff
		require.Equal(t, []string{"doc-1", "doc-2"}[i], who.UserID)
		require.Equal(t, "Dr "+who.UserID+" Quillfeather", who.Name.Full())
		require.Equal(t, "Consultant", who.Role.Words)
		require.Equal(t, cpis.Party{Code: emergency, Name: "Emergency Department"}, who.Employer)
		require.Equal(t, child, a.Asked[0].Person.NHSNumber)
		require.Equal(t, "LOCAL-301-0018", a.Asked[0].Person.LocalID)
		require.Equal(t, authority1, a.Asked[0].Person.Assigner)
	}
	require.NotEqual(t, n.Accesses[0].Asked[0].ID, n.Accesses[1].Asked[0].ID)
	sent = w.sent(mailbox2, access)
	require.Len(t, sent, 1)
	n = notification(t, sent[0])
	require.Len(t, n.Accesses, 3)
	require.Equal(t, "1", n.Accesses[0].UploadFile)
	require.Equal(t, "LOCAL-302-0018", n.Accesses[0].Asked[0].Person.LocalID)
	require.Equal(t, "2", n.Accesses[2].UploadFile)

	// What the message told is what its entry says, and it was an entry before.
	tries := events[*ledger.NotificationAttempted](w)
	require.Len(t, tries, 2)
	require.Len(t, tries[0].Notifications, 2)
	require.Equal(t, sent[0].ID, events[*ledger.NotificationDelivered](w)[1].Message)
}

// After a batch the next one of that authority waits for the interval; another
// authority's does not.
func TestABatchPerInterval(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.plan(authority2, other, false)
	w.look("doc-1", child)
	w.pass()
	w.look("doc-2", child)
	w.look("doc-3", child)
	w.look("doc-1", other)
	w.pass()
	require.Len(t, w.sent(mailbox1, access), 1)
	require.Len(t, w.sent(mailbox2, access), 1)
	w.forward(14 * time.Minute)
	w.pass()
	require.Len(t, w.sent(mailbox1, access), 1)
	w.forward(2 * time.Minute)
	w.pass()
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 2)
	require.Len(t, notification(t, sent[1]).Accesses, 2)
	w.forward(time.Hour)
	w.pass()
	require.Len(t, w.sent(mailbox1, access), 2, "each access once")
	require.Equal(t, []string{"delivered", "delivered", "delivered"}, w.states(authority1))
}

// Of a restricted person the message says that somebody looked, and when.
func TestARestrictedPersonsWhereaboutsAreNotTold(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, true)
	seen := w.look("doc-1", child)
	w.pass()
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 1)
	text := string(content(t, sent[0]))
	for _, hidden := range []string{"Quillfeather", "doc-1", emergency, "Emergency Department", "Consultant"} {
		require.NotContains(t, text, hidden)
	}
	a := notification(t, sent[0]).Accesses[0].Asked[0]
	require.Equal(t, "200000000001", a.Author.System.ID)
	require.Equal(t, child, a.Person.NHSNumber)
	require.Equal(t, cpis.TimestampOf(seen.Answer.At.Std()), a.Time)
}

// An inactive number is told to each authority that holds a plan under it, with
// nothing that could link it to another.
func TestInactiveNumbersAreTold(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.plan(authority2, child, false)
	w.must(&ledger.InactivateNumber{Person: w.keys.Person(child)})
	w.pass()
	for mailbox, authority := range map[string]string{mailbox1: authority1, mailbox2: authority2} {
		sent := w.sent(mailbox, inactive)
		require.Len(t, sent, 1)
		n := inactiveOf(t, sent[0])
		require.Equal(t, authority, n.Recipient.Code)
		require.Len(t, n.People, 1)
		require.Equal(t, cpis.Identity{NHSNumber: child, LocalID: "LOCAL-" + authority + "-0018", Assigner: authority}, n.People[0].Identity)
		require.Empty(t, n.People[0].ReplacedBy)
		require.Equal(t, "1", n.People[0].UploadFile)
		require.Equal(t, []string{"delivered"}, w.states(authority))
	}
	w.forward(time.Hour)
	w.pass()
	require.Len(t, w.sent(mailbox1, inactive), 1)
}

// MESH takes the message and its answer is lost: nobody knows, nothing is
// recorded, and it is found out and not sent again.
func TestMESHTookItAndDidNotSaySo(t *testing.T) {
	for name, f := range map[string]meshtest.Fault{
		"cut":    {Step: "send", Do: meshtest.CutAnswer},
		"silent": {Step: "send", Do: meshtest.HangAnswer},
		"garble": {Step: "send", Do: meshtest.Garble},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.plan(authority1, child, false)
			w.look("doc-1", child)
			w.mesh.Break(f)
			w.pass()
			require.Len(t, w.sent(mailbox1, access), 1, "MESH has it")
			require.Equal(t, []string{"queued"}, w.states(authority1), "but that is not known")
			w.pass()
			require.Equal(t, []string{"queued"}, w.states(authority1), "and not asked at once: MESH may not know it yet")
			w.forward(2 * time.Minute)
			w.pass()
			require.Equal(t, []string{"delivered"}, w.states(authority1))
			require.Len(t, w.sent(mailbox1, access), 1)
			require.Len(t, events[*ledger.NotificationAttempted](w), 1, "what MESH has is not opened again")
		})
	}
}

// MESH never saw the message, and nobody could know: it is sent again, under the
// same name and as the same bytes, and each opening is an entry.
func TestWhatMESHDoesNotHaveIsSentAgain(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.CutRequest, N: 100})
	w.pass()
	require.Empty(t, w.sent(mailbox1, access))
	w.look("doc-2", child) // meanwhile
	w.forward(2 * time.Minute)
	w.pass()
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 1, "the interval still holds for what came later")
	require.Len(t, notification(t, sent[0]).Accesses, 1)
	require.Equal(t, []string{"delivered", "queued"}, w.states(authority1))
	require.Len(t, events[*ledger.NotificationAttempted](w), 2)
	require.Equal(t, 1.0, value(t, w.leader().service.stats.repeats))
}

// MESH is down: the attempt stays open, no lookup notices, what waits is
// measured, and somebody is told.
func TestMESHIsDown(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	w.mesh.Break(meshtest.Fault{Times: -1, Do: meshtest.Status, N: 503})
	for range 3 {
		w.pass()
		w.forward(31 * time.Minute)
		w.look("doc-1", child)
	}
	s := w.leader().service
	s.watch()
	require.Equal(t, 4.0, value(t, s.stats.queued))
	require.Greater(t, value(t, s.stats.oldest), 3600.0)
	require.Equal(t, 1, w.logged("notifications do not reach an authority"))
	s.watch()
	require.Equal(t, 1, w.logged("notifications do not reach an authority"), "once an hour")
	require.Len(t, events[*ledger.NotificationAttempted](w), 1, "nothing is opened while MESH cannot be asked")
	require.Empty(t, events[*ledger.NotificationFailed](w))
	w.mesh.Mend()
	w.pass()
	require.Equal(t, []string{"delivered", "delivered", "delivered", "delivered"}, w.states(authority1))
	require.Len(t, w.sent(mailbox1, access), 2)
	s.watch()
	require.Zero(t, value(t, s.stats.queued))
}

// What has waited while nobody led, or before there was a mailbox, is sent by the
// first pass: that is no alarm. A MESH that keeps this pass waiting is one.
func TestALeaderTriesBeforeItAlarms(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		w := newWorld(t, 1)
		w.plan(authority1, child, false)
		w.look("doc-1", child)
		w.forward(5 * 24 * time.Hour)
		w.look("doc-2", child) // the ledger's clock goes with ours
		s := w.leader().service
		if hangs {
			w.mesh.Break(meshtest.Fault{Times: -1, Do: meshtest.Hang})
		} else {
			s.cfg.Look = time.Hour // the first look is the only one
		}
		s.stats.queued.Set(-1) // until it has looked
		ctx, end := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { s.Run(ctx) })
		require.Eventually(t, func() bool { return value(t, s.stats.queued) >= 0 }, 20*time.Second, time.Millisecond)
		end()
		all.Wait()
		if hangs {
			require.Equal(t, 1, w.logged("notifications do not reach an authority"))
			continue
		}
		require.Equal(t, []string{"delivered", "delivered"}, w.states(authority1))
		require.Zero(t, w.logged("notifications do not reach an authority"))
	}
}

// What MESH refuses has failed, on the record, and is tried anew as another
// message, later and later; what comes after it does not wait.
func TestWhatMESHRefusesIsTriedAnew(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.Status, N: 417, Times: 2})
	w.pass()
	require.Equal(t, []string{"failed"}, w.states(authority1))
	require.Contains(t, events[*ledger.NotificationFailed](w)[0].Code, "mesh-refused")
	w.look("doc-2", child)
	w.forward(16 * time.Minute)
	w.pass()
	require.Equal(t, []string{"failed", "delivered"}, w.states(authority1), "refused again, and the next one not")
	w.forward(16 * time.Minute)
	w.pass()
	require.Equal(t, []string{"failed", "delivered"}, w.states(authority1), "the pause is longer now")
	w.forward(16 * time.Minute)
	w.pass()
	require.Equal(t, []string{"delivered", "delivered"}, w.states(authority1))
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 2)
	require.NotEqual(t, sent[0].LocalID, sent[1].LocalID)
}

// One authority's message that never gets through does not keep another's from it.
func TestNobodyWaitsBehindAnothersMessage(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.plan(authority2, other, false)
	w.look("doc-1", child)
	w.look("doc-1", other)
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.CutRequest, N: 100}) // the first authority's
	w.pass()
	require.Equal(t, []string{"queued"}, w.states(authority2))
	w.forward(2 * time.Minute)
	w.mesh.Break(meshtest.Fault{Step: "find", Times: -1, Do: meshtest.Status, N: 503})
	w.pass()
	require.Equal(t, []string{"queued"}, w.states(authority1))
	require.Equal(t, []string{"delivered"}, w.states(authority2))
}

// More than one batch holds goes as several, in order, with nothing twice.
func TestABacklog(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	for range ledger.MaxDelivery + 3 {
		w.look("doc-1", child)
	}
	w.pass()
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 2)
	require.Len(t, notification(t, sent[0]).Accesses, ledger.MaxDelivery)
	require.Len(t, notification(t, sent[1]).Accesses, 3)
	seen := map[string]bool{}
	for _, m := range sent {
		for _, a := range notification(t, m).Accesses {
			require.False(t, seen[a.Asked[0].ID])
			seen[a.Asked[0].ID] = true
		}
	}
}

// The leader dies at each place: between the attempt's entry and sending,
// between sending and recording, and after it. The next one finds out: sent
// once in the end, never lost, and nothing recorded that is not so.
func TestTheLeaderDies(t *testing.T) {
	for _, c := range []struct {
		name      string
		kill      func(w *world, m *member)
		attempted int
	}{
		{"after the attempt, before sending", func(w *world, m *member) {
			m.after = func(q ledger.Request) error {
				if _, ok := q.(*ledger.AttemptDelivery); ok {
					return w.kill(m)
				}
				return nil
			}
		}, 2},
		{"after sending, before recording", func(w *world, m *member) {
			m.before = func(q ledger.Request) error {
				if _, ok := q.(*ledger.SettleDelivery); ok {
					return w.kill(m)
				}
				return nil
			}
		}, 1},
		{"after recording", func(w *world, m *member) {
			m.after = func(q ledger.Request) error {
				if _, ok := q.(*ledger.SettleDelivery); ok {
					return w.kill(m)
				}
				return nil
			}
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 3)
			w.plan(authority1, child, false)
			w.look("doc-1", child)
			w.look("doc-2", child)
			dying := w.leader()
			c.kill(w, dying)
			dying.service.pass(t.Context())
			require.True(t, dying.gone)
			w.forward(2 * time.Minute)
			w.pass()
			w.pass()
			require.Equal(t, []string{"delivered", "delivered"}, w.states(authority1))
			sent := w.sent(mailbox1, access)
			require.Len(t, sent, 1)
			require.Len(t, notification(t, sent[0]).Accesses, 2)
			require.Len(t, events[*ledger.NotificationAttempted](w), c.attempted)
			require.Len(t, events[*ledger.NotificationDelivered](w), 1)
			require.Empty(t, events[*ledger.NotificationFailed](w))
		})
	}
}

// Each node makes the same bytes of one attempt, whatever happened since.
func TestTheSameBytesOnEachNode(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.CutRequest, N: 100})
	m := w.leader()
	w.pass()
	box, err := m.View().Outbox(authority1, ledger.NotifyAccess)
	require.NoError(t, err)
	text := func() []byte {
		out := w.must(&ledger.RepeatDelivery{Attempt: box.Open})
		b, err := m.service.message(logID, out.Answer.Delivery, out.Answer.Profiles)
		require.NoError(t, err)
		return b
	}
	first := text()
	w.forward(48 * time.Hour)
	w.plan(authority1, child, true) // corrected, and restricted by now
	w.must(&ledger.RecordOrganisation{Organisation: ledger.Organisation{Code: authority1, Name: "Renamed", Sort: ledger.SortAuthority}})
	require.Equal(t, string(first), string(text()))
}

// Delivery runs by itself on the leader, and on nobody else.
func TestTheLeaderDeliversWhileOthersWait(t *testing.T) {
	w := newWorld(t, 3)
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, m := range w.nodes {
		all.Go(func() { m.service.Run(ctx) })
	}
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	require.Eventually(t, func() bool { return w.states(authority1)[0] == "delivered" }, 20*time.Second, 10*time.Millisecond)
	end()
	all.Wait()
	require.Len(t, w.sent(mailbox1, access), 1)
	acted := 0
	for _, m := range w.nodes {
		if value(t, m.service.stats.attempts) > 0 {
			acted++
		}
	}
	require.Equal(t, 1, acted)
}
