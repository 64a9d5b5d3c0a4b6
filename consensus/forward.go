package consensus

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"custos/ledger"
)

// proposeFor is how long Propose tries, at most, if the caller's context allows longer. It bounds the wait itself, so
// that callers need no context with a deadline of their own: one costs more than queueing the command.
const proposeFor = 10 * time.Second

func joinNoLeader(err error) error { return fmt.Errorf("%w: %w", ErrNoLeader, err) }

// Propose has a command decided and recorded, on whichever node leads, and returns its outcome with the parts of a receipt. The
// error, within proposeFor, is ErrUnknown, ErrBusy, ErrNoLeader, ErrReadOnly, ErrBehind, ErrCommand or ErrClosed.
//
// Across a change of leaders, and after a connection broke, the same command is proposed again until ctx ends: the
// same id and seed are decided once, and an answer that was never shown is then shown for the first time.
func (n *Node) Propose(ctx context.Context, c ledger.Command) (Outcome, error) {
	data, err := c.Encode()
	if err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", ErrCommand, err)
	}
	if len(data) > maxCommand {
		return Outcome{}, fmt.Errorf("%w: %d bytes are too many", ErrCommand, len(data))
	}
	deadline := time.Now().Add(proposeFor)
	unknown := false // once it was, it is never certain again that nothing was recorded
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		out, err := n.try(ctx, c.Bulk, data, deadline)
		unknown = unknown || errors.Is(err, ErrUnknown)
		switch {
		case err == nil:
			return *out, nil
		case !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrNoLeader), ctx.Err() != nil, time.Now().After(deadline):
			if unknown {
				err = ErrUnknown
			}
			return Outcome{}, err
		}
		select {
		case <-ctx.Done():
		case <-n.closing:
			if unknown {
				return Outcome{}, ErrUnknown
			}
			return Outcome{}, ErrClosed
		case <-time.After(wait):
		}
	}
}

// try proposes once, here or on the leader.
func (n *Node) try(ctx context.Context, bulk bool, data []byte, deadline time.Time) (*Outcome, error) {
	if n.refusal.Load() != nil {
		return nil, ErrBehind
	}
	if n.leading.Load() != nil {
		w, err := parseWaiter(bulk, data)
		if err != nil {
			return nil, err
		}
		w.done = make(chan result, 1)
		if err := n.queue.put(w); err != nil {
			return nil, err
		}
		late := time.NewTimer(time.Until(deadline))
		defer late.Stop()
		select {
		case r := <-w.done:
			if r.err != nil {
				return nil, r.err
			}
			return r.out, n.prove(r.out)
		case <-ctx.Done():
			return nil, ErrUnknown
		case <-late.C:
			return nil, ErrUnknown
		}
	}
	leader := n.leader()
	if leader == "" || leader == n.id.Node {
		return nil, ErrNoLeader
	}
	var flags [1]byte
	if bulk {
		flags[0] = flagBulk
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	b, err := n.peers.link(leader).call(ctx, callPropose, flags[:], data)
	if err != nil {
		return nil, err
	}
	out := new(Outcome)
	if err := ledger.Unmarshal(b, out); err != nil {
		return nil, ErrUnknown
	}
	return out, nil
}

// parseWaiter parses the command once, outside Apply, from the very bytes that are proposed.
func parseWaiter(bulk bool, data []byte) (*waiter, error) {
	c, err := ledger.ParseCommand(data)
	if err != nil || len(data) > maxCommand {
		return nil, ErrCommand
	}
	return &waiter{command: c, data: data, bulk: bulk}, nil
}

// prove adds the inclusion proof to an outcome of this node.
func (n *Node) prove(o *Outcome) error {
	if !o.Recorded {
		return nil
	}
	db, release := n.Ledger()
	defer release()
	var err error
	if o.Proof, err = db.Prove(o.Answer.Seq, o.Tree.N); err == nil {
		o.Leaf, err = db.Leaf(o.Answer.Seq)
	}
	if err != nil {
		n.log.Error("prove an answered entry", "seq", uint64(o.Answer.Seq), "error", err)
		return ErrUnknown
	}
	return nil
}

// appendReply appends the frame of one reply.
func (n *Node) appendReply(b []byte, x reply) []byte {
	if x.isRaw {
		return appendFrame(b, x.id, x.status, x.raw)
	}
	err := x.result.err
	var payload []byte
	if err == nil {
		err = n.prove(x.result.out)
	}
	if err == nil {
		payload, err = ledger.Marshal(x.result.out)
	}
	return appendFrame(b, x.id, statusOf(err), payload)
}

// serve answers the requests of one peer until its connection breaks. Proposals go into the dispatcher's queue and are
// answered from there, so that any number of them is in flight without a goroutine each.
func (n *Node) serve(peer string, c net.Conn) {
	done := make(chan struct{})
	defer close(done)
	rep := &replies{n: n, c: c, more: make(chan struct{}, 1)}
	n.spawn(func() { rep.run(done) })
	n.inbound.Store(c, struct{}{})
	defer n.inbound.Delete(c)
	r := bufio.NewReaderSize(c, 64<<10)
	for !n.isClosing() {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		switch f.kind {
		case callPropose:
			n.accept(rep, f)
		case callPing:
			p, err := parsePing(f.payload)
			if err != nil {
				return
			}
			n.peers.heard(peer, p)
			rep.putRaw(f.id, statusOK, n.pingNow().encode())
		case callTree, callCheck:
			if len(f.payload) != 8 {
				return
			}
			index := binary.BigEndian.Uint64(f.payload)
			if f.kind == callCheck {
				n.spawn(func() { n.examine(index) })
				rep.putRaw(f.id, statusOK, nil)
			} else if tree, ok := n.trees.before(index); !ok {
				rep.putRaw(f.id, statusNoTree, nil)
			} else {
				rep.putRaw(f.id, statusOK, append(binary.BigEndian.AppendUint64(nil, uint64(tree.N)), tree.Hash[:]...))
			}
		default:
			return
		}
	}
}

// accept queues a forwarded command, or refuses it at once.
func (n *Node) accept(rep *replies, f frame) {
	if len(f.payload) < 1 || f.payload[0]&^flagBulk != 0 {
		rep.putRaw(f.id, statusCommand, nil)
		return
	}
	if n.refusal.Load() != nil {
		rep.putRaw(f.id, statusBehind, nil)
		return
	}
	if n.leading.Load() == nil {
		rep.putRaw(f.id, statusNoLeader, nil)
		return
	}
	w, err := parseWaiter(f.payload[0] == flagBulk, f.payload[1:])
	if err == nil {
		w.replies, w.id = rep, f.id
		err = n.queue.put(w)
	}
	if err != nil {
		rep.putRaw(f.id, statusOf(err), nil)
	}
}
