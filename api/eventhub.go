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

// topic is what somebody listens to: the notifications of one authority, the
// emergencies that a site's officer reviews, or all of them.
type topic string

func noticesOf(authority string) topic { return topic("notifications " + authority) }

// hub reads the end of this node's ledger once for all who listen, while anybody does. It
// waits for none of them: who falls behind what it keeps reads the ledger.
type hub struct {
	node  Node
	keep  int        // events of one topic that are kept ready
	reach ledger.Seq // entries read when the first listener comes, so that those who come back find theirs

	mu        sync.Mutex
	listeners map[topic]int
	all       int        // of every topic
	stop      func()     // ends the reading; nil: nobody listens
	from      ledger.Seq // where the reading began
	next      ledger.Seq // every entry before it is read
	rings     map[topic]*ring
}

// ring keeps the newest events of one topic ready to be sent.
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

// topicEvent is one that is sent to all who listen to a topic.
type topicEvent struct {
	of topic
	streamEvent
}

func newHub(n Node) *hub {
	return &hub{node: n, keep: 256, reach: 8 << 10, listeners: map[topic]int{}, rings: map[topic]*ring{}}
}

// join begins to listen to a topic, which may have so many listeners.
func (h *hub) join(of topic, most int) *Problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[of] >= most {
		return problem("busy")
	}
	h.listeners[of]++
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
func (h *hub) leave(of topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[of]--; h.listeners[of] == 0 {
		delete(h.listeners, of)
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
		found, to, err := readEvents(h.node, next, next+hubPage)
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
func (h *hub) add(ctx context.Context, found []topicEvent, next ledger.Seq) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return // another reading has begun
	}
	h.next = next
	for _, e := range found {
		r := h.ring(e.of)
		r.events = append(r.events, e.streamEvent)
		if drop := len(r.events) - h.keep; drop > 0 {
			r.from = r.events[drop-1].seq + 1
			r.events = r.events[drop:]
		}
		close(r.more)
		r.more = make(chan struct{})
	}
}

// ring returns a topic's ring; the caller holds mu.
func (h *hub) ring(of topic) *ring {
	r, ok := h.rings[of]
	if !ok {
		r = &ring{from: h.from, more: make(chan struct{})}
		h.rings[of] = r
	}
	return r
}

// after returns a topic's events from an entry on, up to which entry that
// is all, and a channel that is closed when there is more. Where the ring does
// not reach back so far, there is a gap before to.
func (h *hub) after(of topic, at ledger.Seq) (events []streamEvent, to, gap ledger.Seq, more <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.ring(of)
	if at < r.from {
		return nil, at, r.from, r.more
	}
	n := len(r.events)
	for n > 0 && r.events[n-1].seq >= at {
		n--
	}
	return r.events[n:len(r.events):len(r.events)], max(at, h.next), 0, r.more
}

// readEvents reads what is told of entries, and up to where it read.
func readEvents(n Node, from, to ledger.Seq) ([]topicEvent, ledger.Seq, error) {
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
		if projection.Noticeable(e.Kind) || e.Kind == ledger.KindGlassBroken {
			if e, err = ledger.ParseEntry(bytes.Clone(record)); err != nil {
				return nil, from, err
			}
			entries = append(entries, e)
		}
	}
	view := n.View()
	var out []topicEvent
	for i := range entries {
		e := &entries[i]
		if e.Kind == ledger.KindGlassBroken {
			broken, err := glassEvents(view, e.Seq)
			if err != nil {
				return nil, from, err
			}
			out = append(out, broken...)
			continue
		}
		found, err := view.Notices(e)
		if err != nil {
			return nil, from, err
		}
		if len(found.Of) > 0 {
			out = append(out, topicEvent{noticesOf(found.Authority), streamEvent{e.Seq, noticeText(&found)}})
		}
	}
	return out, next, nil
}
