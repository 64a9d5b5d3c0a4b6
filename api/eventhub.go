package api

import (
	"bytes"
	"context"
	"sync"

	"custos/ledger"
	"custos/projection"
)

// hubPage is how many entries are read at a time: the ledger is held meanwhile.
const hubPage = 1 << 10

// hub reads the end of this node's ledger once for all who listen to
// notifications, while anybody does. It waits for none of them: who falls behind
// what it keeps reads the ledger.
type hub struct {
	node  Node
	keep  int        // events of one authority that are kept ready
	reach ledger.Seq // entries read when the first listener comes, so that those who come back find theirs

	mu        sync.Mutex
	listeners map[string]int   // by authority
	all       int              // of every authority
	stop      func()           // ends the reading; nil: nobody listens
	from      ledger.Seq       // where the reading began
	next      ledger.Seq       // every entry before it is read
	rings     map[string]*ring // by authority
}

// ring keeps the newest events of one authority ready to be sent.
type ring struct {
	events []streamEvent
	from   ledger.Seq    // all events from this entry on are here
	more   chan struct{} // closed when another comes, or when nothing will
}

// streamEvent is what a listener is sent of one entry.
type streamEvent struct {
	seq  ledger.Seq
	text []byte
}

func newHub(n Node) *hub {
	return &hub{node: n, keep: 256, reach: 8 << 10, listeners: map[string]int{}, rings: map[string]*ring{}}
}

// join begins to listen, for an authority that may have so many listeners.
func (h *hub) join(authority string, most int) *Problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[authority] >= most {
		return problem("busy")
	}
	h.listeners[authority]++
	if h.all++; h.stop == nil {
		size := h.node.View().R.Head().Size
		h.from = size - min(size, h.reach)
		h.next = h.from
		ctx, stop := context.WithCancel(context.Background())
		h.stop = stop
		go h.run(ctx, h.next)
	}
	return nil
}

// leave ends it; with the last listener goes what was kept for them.
func (h *hub) leave(authority string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[authority]--; h.listeners[authority] == 0 {
		delete(h.listeners, authority)
	}
	if h.all--; h.all == 0 {
		h.stop()
		h.stop = nil
		clear(h.rings)
	}
}

// run reads what comes. An entry that cannot be read is not skipped: it is tried
// again, and those who listen stay where they are.
func (h *hub) run(ctx context.Context, next ledger.Seq) {
	for ctx.Err() == nil {
		grown := h.node.Grown()
		found, to, err := readNotices(h.node, next, next+hubPage)
		if err == nil && to > next {
			h.add(ctx, found, to)
			next = to
			continue
		}
		select {
		case <-ctx.Done():
		case <-grown:
		}
	}
}

// add keeps events and wakes those who wait for them.
func (h *hub) add(ctx context.Context, found []projection.Notices, next ledger.Seq) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return // another reading has begun
	}
	h.next = next
	for i := range found {
		r := h.ring(found[i].Authority)
		r.events = append(r.events, streamEvent{found[i].Seq, eventText(&found[i])})
		if drop := len(r.events) - h.keep; drop > 0 {
			r.from = r.events[drop-1].seq + 1
			r.events = r.events[drop:]
		}
		close(r.more)
		r.more = make(chan struct{})
	}
}

// ring returns an authority's ring; the caller holds mu.
func (h *hub) ring(authority string) *ring {
	r, ok := h.rings[authority]
	if !ok {
		r = &ring{from: h.from, more: make(chan struct{})}
		h.rings[authority] = r
	}
	return r
}

// after returns an authority's events from an entry on, up to which entry that
// is all, and a channel that is closed when there is more. Where the ring does
// not reach back so far, there is a gap before to.
func (h *hub) after(authority string, at ledger.Seq) (events []streamEvent, to, gap ledger.Seq, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.ring(authority)
	if at < r.from {
		return nil, at, r.from, r.more
	}
	n := len(r.events)
	for n > 0 && r.events[n-1].seq >= at {
		n--
	}
	return r.events[n:len(r.events):len(r.events)], max(at, h.next), 0, r.more
}

// readNotices reads what entries did to notifications, and up to where it read.
func readNotices(n Node, from, to ledger.Seq) ([]projection.Notices, ledger.Seq, error) {
	var entries []ledger.Entry
	next := from
	for record, err := range n.Records(from, to) {
		if err != nil {
			return nil, from, err
		}
		next++
		e, err := ledger.ParseHeader(record)
		if err != nil {
			return nil, from, err
		}
		if projection.Noticeable(e.Kind) {
			if e, err = ledger.ParseEntry(bytes.Clone(record)); err != nil {
				return nil, from, err
			}
			entries = append(entries, e)
		}
	}
	view := n.View()
	var out []projection.Notices
	for i := range entries {
		found, err := view.Notices(&entries[i])
		if err != nil {
			return nil, from, err
		}
		if len(found.Of) > 0 {
			out = append(out, found)
		}
	}
	return out, next, nil
}
