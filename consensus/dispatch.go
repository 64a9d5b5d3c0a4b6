package consensus

import (
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

const (
	// maxWaiting and maxWaitingBulk bound how many commands queue on the leader.
	maxWaiting     = 8192
	maxWaitingBulk = 256
)

// waiter is one command on its way through the leader, and who waits for its outcome.
type waiter struct {
	command ledger.Command // parsed from data, so every node decides the same
	data    []byte
	bulk    bool

	done    chan result // for a caller on this node; holds one
	replies *replies    // or for a peer, under its own number
	id      uint64
}

type result struct {
	out *Outcome // nil with an error
	err error
}

func (w *waiter) finish(out *Outcome, err error) {
	if w.replies != nil {
		w.replies.put(w.id, result{out, err})
		return
	}
	w.done <- result{out, err}
}

// queue holds the commands that wait for the dispatcher, lookups apart from those that can wait longer.
type queue struct {
	mu      sync.Mutex
	first   []*waiter
	bulk    []*waiter
	closed  bool
	waiting chan struct{} // holds one token when there is something to take
}

func newQueue() *queue { return &queue{waiting: make(chan struct{}, 1)} }

func (q *queue) put(w *waiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case w.bulk && len(q.bulk) >= maxWaitingBulk, !w.bulk && len(q.first) >= maxWaiting:
		return ErrBusy
	case w.bulk:
		q.bulk = append(q.bulk, w)
	default:
		q.first = append(q.first, w)
	}
	q.wake()
	return nil
}

func (q *queue) wake() {
	select {
	case q.waiting <- struct{}{}:
	default:
	}
}

// take removes what fits into one entry: lookups first, and bulk work up to its share of the entry. Of bulk work at
// least one command goes along, so that uploads never starve either.
func (q *queue) take() []*waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	bulk, size := 0, 0
	for bulk < len(q.bulk) && bulk < maxCommands/2 && (bulk == 0 || size+len(q.bulk[bulk].data) <= maxBulk) {
		size += len(q.bulk[bulk].data)
		bulk++
	}
	first := 0
	for first < len(q.first) && first+bulk < maxCommands && (first == 0 || size+len(q.first[first].data) <= maxBatch) {
		size += len(q.first[first].data)
		first++
	}
	out := make([]*waiter, 0, first+bulk)
	out = append(append(out, q.first[:first]...), q.bulk[:bulk]...)
	q.first, q.bulk = cut(q.first, first), cut(q.bulk, bulk)
	if len(q.first)+len(q.bulk) > 0 {
		q.wake()
	}
	return out
}

// cut removes the first n from ws and lets go of them.
func cut(ws []*waiter, n int) []*waiter {
	clear(ws[:n])
	if n == len(ws) {
		return ws[:0]
	}
	return ws[n:]
}

// drain removes everything and, for good, refuses more if closing.
func (q *queue) drain(closing bool) []*waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := append(q.first, q.bulk...)
	q.first, q.bulk = nil, nil
	q.closed = q.closed || closing
	return out
}

// flight is a batch between its proposal and its Apply on this node.
type flight struct {
	data    []byte
	waiters []*waiter
	// Apply fills in these, then closes applied.
	index   uint64 // of the Raft entry
	outs    []Outcome
	tree    tlog.Tree // after the batch
	voided  bool      // this node and its proposer are the same, so only a damaged node sees this
	applied chan struct{}
}

// flights finds a batch again by the memory it is in: Raft hands Apply the very bytes that were proposed. Bytes
// that come from the disk or from another node are never taken for this process's own proposal.
type flights struct {
	mu sync.Mutex
	m  map[*byte]*flight
}

func (f *flights) add(x *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.m == nil {
		f.m = map[*byte]*flight{}
	}
	f.m[&x.data[0]] = x
}

func (f *flights) remove(x *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.m, &x.data[0])
}

func (f *flights) find(data []byte) *flight {
	if len(data) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.m[&data[0]]
}

// dispatch is the one loop that proposes commands: take whatever waits, propose it as one Raft entry, wait until it is
// applied here, sign, answer, repeat. No timer delays anything: while one entry is in flight the next one gathers.
func (n *Node) dispatch() {
	defer n.wait.Done()
	var idle <-chan time.Time
	for {
		select {
		case <-n.closing:
			n.failAll(n.queue.drain(true), ErrClosed)
			return
		case <-n.queue.waiting:
		case <-idle:
		}
		idle = nil
		if n.refusal.Load() != nil {
			n.failAll(n.queue.drain(false), ErrBehind)
			continue
		}
		t := n.leading.Load()
		if t == nil {
			// Nothing of it was proposed: whoever waits may go to the new leader.
			n.failAll(n.queue.drain(false), ErrNoLeader)
			continue
		}
		if n.peers.clockOff() || n.doubts.Load() > 0 {
			n.failAll(n.queue.drain(false), ErrReadOnly)
			continue
		}
		n.one(t, n.queue.take())
		idle = n.idle()
	}
}

func (n *Node) failAll(ws []*waiter, err error) {
	for _, w := range ws {
		w.finish(nil, err)
	}
}

// one proposes one batch, with a state entry where one is due, and answers everyone in it.
func (n *Node) one(t *term, ws []*waiter) {
	now := n.now()
	if state, err := n.stateDue(now, ws); err != nil {
		n.log.Error("no state entry is made", "error", err)
	} else if state != nil {
		ws = append([]*waiter{state}, ws...)
	}
	if len(ws) == 0 {
		return
	}
	x := &batch{
		Proposer: n.id.Node, Time: now, HasTree: true, Tree: n.tree(), Note: n.Checkpoint(),
		Commands: make([][]byte, len(ws)),
	}
	for i, w := range ws {
		x.Commands[i] = w.data
	}
	f, err := n.propose(t, x, ws)
	if err != nil {
		n.failAll(ws, err)
		return
	}
	if n.leading.Load() != t || f.voided || n.refusal.Load() != nil {
		// It is recorded, but a node that no longer leads, or must not, does not sign. The new leader answers a retry.
		n.failAll(ws, ErrUnknown)
		return
	}
	note, err := n.sign(f.tree)
	if err != nil {
		n.failAll(ws, ErrUnknown)
		n.stop(err)
		return
	}
	for i, w := range ws {
		f.outs[i].Tree, f.outs[i].Note = f.tree, note
		w.finish(&f.outs[i], nil)
	}
}

// propose puts a batch through Raft and waits until this node has applied it. If the term ends first the error is
// ErrUnknown: the batch may be in somebody's log and may still be committed.
//
// The future that Raft returns is not waited for. It is answered after Apply has answered, and never if the node
// stops in between; that a term has ended is known without it.
func (n *Node) propose(t *term, x *batch, ws []*waiter) (*flight, error) {
	f := &flight{
		data:    x.encode(make([]byte, 0, x.size())),
		waiters: ws,
		outs:    make([]Outcome, len(ws)),
		applied: make(chan struct{}),
	}
	n.flights.add(f)
	defer n.flights.remove(f)
	n.raft.Apply(f.data, 0)
	select {
	case <-f.applied:
		return f, nil
	case <-t.over:
		return nil, ErrUnknown
	case <-n.closing:
		return nil, ErrUnknown
	}
}
