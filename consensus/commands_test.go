package consensus

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

func keyring(t *testing.T) *ledger.Keyring {
	t.Helper()
	k, err := ledger.NewKeyring(ledger.Secrets{
		Log: testLog, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)}, KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)},
	}, rand.Reader)
	require.NoError(t, err)
	return k
}

// TestTwoNodesSealANewPersonAtOnce: each makes a data key of its own for a person nobody knew. Both are kept, and what
// either sealed can be opened from either's outcome.
func TestTwoNodesSealANewPersonAtOnce(t *testing.T) {
	calmSim(t, func(s *sim) {
		keys := keyring(t)
		p := keys.Person("9990000018")
		sealed := func(n uint64) ledger.Command {
			c := command(n, doctor(), &ledger.LookUp{Person: p})
			key, err := keys.NewKey(ledger.HolderPerson, p[:])
			require.NoError(t, err)
			x, err := keys.Seal(key, ledger.PayloadAccess, c.ID, 0, ledger.AccessDetails{NHSNumber: "9990000018"})
			require.NoError(t, err)
			c.Sealed, c.Keys = []ledger.Sealed{x}, []ledger.WrappedKey{key.Wrapped}
			return c
		}
		cmds := []ledger.Command{sealed(500), sealed(501)}
		outs := make([]Outcome, 2)
		var all sync.WaitGroup
		for i := range cmds {
			all.Go(func() {
				var err error
				outs[i], err = s.nodes[i].current().node.Propose(context.Background(), cmds[i])
				require.NoError(t, err)
			})
		}
		all.Wait()
		s.agree(0, 0, 1, 2)
		for _, x := range s.nodes {
			db, release := x.current().node.Ledger()
			kept, err := store.Keys(db, ledger.HolderPerson, p[:])
			require.NoError(t, err)
			require.Len(t, kept, 2)
			for i, o := range outs {
				e, err := store.Entry(db, o.Answer.Seq)
				require.NoError(t, err)
				require.Equal(t, cmds[i].ID, e.Command)
				w, ok, err := store.Key(db, ledger.HolderPerson, p[:], e.Commitments[0].Key)
				require.NoError(t, err)
				require.True(t, ok)
				_, err = keys.Unwrap(w)
				require.NoError(t, err)
				b, err := store.Sealed(db, o.Answer.Seq, 0)
				require.NoError(t, err)
				require.Equal(t, cmds[i].Sealed[0].Ciphertext, b)
			}
			release()
		}
	})
}

// TestARefusedCommandInTheMiddle: what is wrong with one command of a batch is nobody else's business, and what is no command
// never gets into a batch.
func TestARefusedCommandInTheMiddle(t *testing.T) {
	calmSim(t, func(s *sim) {
		n := s.nodes[s.leader()].current().node
		var ws []*waiter
		for i := range uint64(5) {
			c := lookUp(600 + i)
			switch i {
			case 1:
				c.Actor.Role = ledger.RoleSocialWorker // denied, recorded
			case 2:
				c = command(600+i, operator(), &ledger.OpenLog{ID: testLog}) // refused
			case 3:
				c.ID, c.Content = lookUp(600).ID, ledger.Tag{1} // a reused key: refused, not recorded
			}
			data, err := c.Encode()
			require.NoError(t, err)
			w, err := parseWaiter(false, data)
			require.NoError(t, err)
			w.done = make(chan result, 1)
			ws = append(ws, w)
		}
		n.queue.mu.Lock() // so that they are one batch
		n.queue.first = append(n.queue.first, ws...)
		n.queue.mu.Unlock()
		n.queue.wake()
		var got []Outcome
		for _, w := range ws {
			r := <-w.done
			require.NoError(t, r.err)
			got = append(got, *r.out)
		}
		require.Nil(t, got[0].Answer.Refusal)
		require.Equal(t, ledger.RefusedRole, got[1].Answer.Refusal.Code)
		require.True(t, got[1].Recorded)
		require.NotNil(t, got[2].Answer.Refusal)
		require.NotNil(t, got[3].Answer.Refusal)
		require.Empty(t, got[3].Answer.Plans)
		require.Nil(t, got[4].Answer.Refusal)
		require.Equal(t, got[0].Tree, got[4].Tree)
		s.agree(0, 0, 1, 2)

		// Garbage from a member is refused at the door.
		follower := s.nodes[(s.leader()+1)%3].current().node
		_, err := follower.peers.link(n.id.Node).call(context.Background(), callPropose, []byte{0}, []byte("no command"))
		require.ErrorIs(t, err, ErrCommand)
		_, err = follower.peers.link(n.id.Node).call(context.Background(), callPropose)
		require.ErrorIs(t, err, ErrCommand)
	})
}

// TestARetryAcrossAChangeOfLeaders: the leader dies with the command committed and unanswered; the same command through
// another node is the same entry, once.
func TestARetryAcrossAChangeOfLeaders(t *testing.T) {
	calmSim(t, func(s *sim) {
		i := s.leader()
		follower := s.nodes[(i+1)%3].current().node
		done := make(chan Outcome)
		go func() {
			o, err := follower.Propose(context.Background(), lookUp(700))
			require.NoError(t, err)
			done <- o
		}()
		// Let it be replicated, but let no answer back: the leader hears the followers, and they hear it, only on Raft's
		// connections; the forwarded reply is on its way when the leader dies.
		time.Sleep(time.Millisecond)
		s.nodes[i].crash(s.nodes[i].current(), s.f.loss())
		s.nodes[i].bury(s.nodes[i].current())
		o := <-done
		again := s.must(lookUp(700))
		require.Equal(t, o.Answer.Seq, again.Answer.Seq)
		s.nodes[i].start()
		s.must(lookUp(701))
		s.agree(0, 0, 1, 2)
	})
}

// TestALeaderWithAWrongClockDoesNotPropose: one jump forward would be permanent.
func TestALeaderWithAWrongClockDoesNotPropose(t *testing.T) {
	calmSim(t, func(s *sim) {
		i := s.leader()
		time.Sleep(5 * time.Second)
		s.nodes[i].clock.Store(int64(time.Hour))
		time.Sleep(5 * time.Second)
		n := s.nodes[i].current().node
		require.True(t, n.Status().ClockOff)
		require.False(t, n.Ready())
		size := n.tree().N
		_, err := n.Propose(context.Background(), lookUp(800))
		require.ErrorIs(t, err, ErrReadOnly)
		_, err = s.nodes[(i+1)%3].current().node.Propose(context.Background(), lookUp(800))
		require.ErrorIs(t, err, ErrReadOnly)
		require.Equal(t, size, n.tree().N)
		s.nodes[i].clock.Store(0)
		time.Sleep(5 * time.Second)
		require.True(t, s.must(lookUp(800)).Recorded)
		// A follower's wrong clock stops nobody.
		s.nodes[(i+1)%3].clock.Store(int64(-time.Hour))
		time.Sleep(5 * time.Second)
		require.True(t, s.must(lookUp(801)).Recorded)
		require.True(t, s.nodes[(i+1)%3].current().node.Status().ClockOff)
	})
}

// TestLinearizable holds the history of a register, "how often was this person's record looked at", against porcupine: an
// answer shows every access that ended before it began, and itself.
func TestLinearizable(t *testing.T) {
	calmSim(t, func(s *sim) {
		type access struct{ seq ledger.Seq }
		var mu sync.Mutex
		var history []porcupine.Operation
		var all sync.WaitGroup
		for client := range 6 {
			all.Go(func() {
				for i := range uint64(40) {
					n := s.nodes[(uint64(client)+i)%3].current().node
					c := command(uint64(10_000*(client+1))+i, doctor(), &ledger.LookUp{Person: person(i % 3)})
					call := time.Now()
					o, err := n.Propose(context.Background(), c)
					require.NoError(t, err)
					mu.Lock()
					history = append(history, porcupine.Operation{
						ClientId: client, Input: struct{}{}, Call: call.UnixNano(), Output: access{o.Answer.Seq}, Return: time.Now().UnixNano(),
					})
					mu.Unlock()
				}
			})
		}
		all.Wait()
		// The ledger is an append-only counter: each operation must see a greater sequence number than all before it.
		model := porcupine.Model{
			Init: func() any { return ledger.Seq(0) },
			Step: func(state, _, output any) (bool, any) {
				seq := output.(access).seq
				return seq > state.(ledger.Seq), seq
			},
		}
		require.True(t, porcupine.CheckOperations(model, history))
	})
}
