package deliver

import (
	"context"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api/mesh"
	"custos/api/mesh/meshtest"
	"custos/consensus"
	"custos/ledger"
)

// Whatever breaks, and wherever: each access reaches its authority in exactly
// one message, and the ledger says of each what is so.
func TestWhateverBreaks(t *testing.T) {
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 1))
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.plan(authority2, child, false)
	m := w.leader()
	looked := 0
	for range 40 {
		for range random.IntN(3) {
			w.look("doc-1", child)
			looked++
		}
		w.mesh.Mend()
		for range random.IntN(3) {
			step := []string{"send", "send", "find"}[random.IntN(3)]
			do := []meshtest.Action{meshtest.CutRequest, meshtest.CutAnswer, meshtest.Garble, meshtest.Status}[random.IntN(4)]
			n := int64(random.IntN(300))
			if do == meshtest.Status {
				n = []int64{417, 503, 429, 403}[random.IntN(4)]
				if step == "find" && n == 417 {
					n = 500
				}
			}
			w.mesh.Break(meshtest.Fault{Step: step, Skip: random.IntN(2), Do: do, N: n})
		}
		// Consensus may lose the word that something was recorded, or not record it.
		fail := func(q ledger.Request) error {
			if random.IntN(8) == 0 {
				return consensus.ErrUnknown
			}
			return nil
		}
		m.before, m.after = fail, fail
		m.service.pass(t.Context())
		m.before, m.after = nil, nil
		w.forward([]time.Duration{0, 2 * time.Minute, 20 * time.Minute}[random.IntN(3)])
	}
	w.mesh.Mend()
	for range 200 {
		w.forward(25 * time.Hour)
		w.pass()
	}
	for mailbox, authority := range map[string]string{mailbox1: authority1, mailbox2: authority2} {
		seen := map[string]int{}
		names := map[string]bool{}
		for _, x := range w.sent(mailbox, access) {
			require.False(t, names[x.LocalID], "one message has one name")
			names[x.LocalID] = true
			for _, a := range notification(t, x).Accesses {
				seen[a.Asked[0].ID]++
			}
		}
		require.Len(t, seen, looked)
		for id, n := range seen {
			require.Equal(t, 1, n, id)
		}
		for _, state := range w.states(authority) {
			require.Equal(t, "delivered", state)
		}
	}
}

// While MESH says nothing, lookups are answered as ever.
func TestASlowMESHSlowsNoLookup(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	hung := make(chan struct{})
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.Hang, Hung: func() { close(hung) }})
	client := w.client
	client.Silence = 0 // a minute
	s := w.leader().service
	s.cfg.MESH = w.meshClient(client)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.pass(ctx)
	}()
	<-hung
	began := time.Now()
	for range 50 {
		w.look("doc-2", child)
	}
	require.Less(t, time.Since(began), 20*time.Second)
	select {
	case <-done:
		require.Fail(t, "MESH has answered")
	default:
	}
	end()
	<-done
	require.Equal(t, "queued", w.states(authority1)[0], "given up, and nobody knows")
}

// The leader dies after it has loaded a file and before it has answered: the
// next one loads nothing and answers.
func TestTheLeaderDiesBetweenLoadingAndAnswering(t *testing.T) {
	w := newWorld(t, 3)
	w.edge()
	load, dying := w.loads, w.leader()
	w.loads = func(ctx context.Context, authority, mailbox string, file io.Reader, answer io.Writer) error {
		if err := load(ctx, authority, mailbox, file, answer); err != nil {
			return err
		}
		return errors.Join(errors.New("dead"), w.kill(dying))
	}
	w.put(mailbox1, upload, w.message01(authority1, 1, child))
	require.Len(t, w.drain().Failures, 1)
	require.Empty(t, w.answers(mailbox1))
	w.edge()
	require.Equal(t, 1, w.drain().Handled)
	require.Len(t, w.answers(mailbox1), 1)
	require.Len(t, events[*ledger.PlanRecorded](w), 1)
	require.Len(t, events[*ledger.UploadClosed](w), 1)
}

// A leader that was deposed sends while the next one finds out: what came in
// between the asking and the sending is seen, and not sent twice.
func TestSomebodySentItMeanwhile(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.CutRequest, N: 100})
	w.pass()
	w.forward(2 * time.Minute)
	m := w.leader()
	old := w.meshClient(w.client)
	m.after = func(q ledger.Request) error {
		if q, ok := q.(*ledger.RepeatDelivery); ok {
			_, err := old.Send(t.Context(), mesh.Outgoing{To: mailbox1, Workflow: access, LocalID: localID(logID, ledger.NotifyAccess, q.Attempt),
				Body: strings.NewReader("the same"), Size: 8})
			return err
		}
		return nil
	}
	w.pass()
	require.Equal(t, []string{"delivered"}, w.states(authority1))
	require.Len(t, w.sent(mailbox1, access), 1)
}
