package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"custos/ledger"
	"custos/projection"
)

// The routes whose answers have no end.
const (
	eventsPath       = "/v1/notifications/stream"
	reviewEventsPath = "/v1/emergencies/stream"
)

func endless(path string) bool { return path == eventsPath || path == reviewEventsPath }

// streams is what the streams of one server share.
type streams struct {
	hub    *hub
	slots  *inFlight     // listeners of this node
	each   int           // of them of one authority: one that never hangs up leaves room for the others
	past   chan struct{} // places for those who read the ledger's past
	reach  ledger.Seq    // entries that one who comes back is read at most; beyond it, the list is shorter
	beat   time.Duration // between two heartbeats
	write  time.Duration // how long a reader may keep a write waiting
	ending chan struct{} // closed when streams are to end
}

func newStreams(n Node) *streams {
	return &streams{hub: newHub(n), slots: newInFlight(1200), each: 600, past: make(chan struct{}, 4), reach: 1 << 20,
		beat: 15 * time.Second, write: 10 * time.Second, ending: make(chan struct{})}
}

// EndStreams ends every stream, and each one that begins later. It is called
// once, before the listeners are shut, which would wait for them.
func (s *Server) EndStreams() { close(s.streams.ending) }

// noticeItem is one notification of an event: a reference, and nothing by which
// a person or a place could be told.
type noticeItem struct {
	ID       ledger.Seq `json:"id"`
	Type     string     `json:"type"`
	State    string     `json:"state"`
	At       string     `json:"at"`
	QueuedAt string     `json:"queuedAt"`
}

// noticeText is an event as it is sent: the same for all who listen for one authority.
func noticeText(n *projection.Notices) []byte {
	items := make([]noticeItem, len(n.Of))
	for i := range n.Of {
		o := &n.Of[i]
		items[i] = noticeItem{o.Notification, o.Type.String(), o.State.String(), n.At.String(), o.Queued.String()}
	}
	data, err := json.Marshal(items)
	if err != nil { // strings and integers always encode
		panic(err)
	}
	return fmt.Appendf(nil, "id: %d\nevent: notifications\ndata: %s\n\n", n.Seq, data)
}

// lastEventID reads from which entry a client that comes back wants to go on;
// nil: from now.
func lastEventID(r *http.Request) (*ledger.Seq, *Problem) {
	given := r.Header["Last-Event-Id"]
	if len(given) == 0 || len(given) == 1 && given[0] == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(given[0], 10, 63)
	if err != nil || len(given) > 1 {
		return nil, problem("last-event-id")
	}
	at := ledger.Seq(n) + 1
	return &at, nil
}

// stream is one listener.
type stream struct {
	s    *Server
	w    http.ResponseWriter
	rc   *http.ResponseController
	r    *http.Request
	who  *Identity
	of   topic
	at   ledger.Seq // what entries before it did has been sent
	said ledger.Seq // the newest id that was sent, and one
}

// getEvents sends what becomes of the authority's notifications as it does, by
// reference. Nothing in it is child data, so listening is no disclosure: opening
// a notification is one, and recorded.
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request, who *Identity) error {
	return s.listen(w, r, who, noticesOf(who.Organisation))
}

// listen sends what is told of a topic for as long as the caller's token is good.
func (s *Server) listen(w http.ResponseWriter, r *http.Request, who *Identity, of topic) error {
	from, p := lastEventID(r)
	if p != nil {
		return p
	}
	if p := s.streams.hub.join(of, s.streams.each); p != nil {
		s.stats.busy.Inc()
		return p
	}
	defer s.streams.hub.leave(of)
	s.stats.streams.Inc()
	defer s.stats.streams.Dec()
	size := s.node.View().R.Head().Size
	l := &stream{s: s, w: w, rc: http.NewResponseController(w), r: r, who: who, of: of, at: size}
	if from != nil {
		l.at = min(*from, size) // a node that is behind tells some of it twice, and leaves nothing out
	}
	if i := requestInfoOf(r); i != nil {
		i.paced = false // each write has a limit of our own
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	reset := size-l.at > s.streams.reach
	if reset {
		l.at = size
	}
	if err := l.begin(reset); err == nil {
		l.run()
	}
	return nil // an answer that has begun has no other end
}

// begin tells from where the stream tells, so that whoever lists the
// notifications after it misses none.
func (l *stream) begin(reset bool) error {
	text := "retry: 2000\n"
	if l.at > 0 {
		text += fmt.Sprintf("id: %d\n", l.at-1)
	}
	l.said = l.at
	name := "ready"
	if reset { // too much has happened: the list is to be read anew
		name = "reset"
	}
	return l.send(fmt.Appendf(nil, "%sevent: %s\ndata: {\"asOf\":%d}\n\n", text, name, l.at))
}

// run sends events until the client goes, its token does, or the server.
func (l *stream) run() {
	next := time.NewTimer(l.rest())
	defer next.Stop()
	for l.r.Context().Err() == nil {
		events, to, gap, more := l.s.streams.hub.after(l.of, l.at)
		if gap > 0 {
			var err error
			if events, to, err = l.s.pastEvents(l.r.Context(), l.of, l.at, gap); err != nil {
				return
			}
		}
		for i := range events {
			if l.send(events[i].text) != nil {
				return
			}
			l.said = events[i].seq + 1
		}
		if l.at = to; gap > 0 {
			more = ready
		}
		select {
		case <-l.s.streams.ending:
			l.end("server-stopping")
			return
		case <-l.r.Context().Done():
			return
		case <-next.C: // a token that ran out, or whose key was taken back, hears no more
			if _, p := l.s.cfg.Tokens.Verify(l.r.Header["Authorization"]); p != nil {
				l.end(p.Code)
				return
			}
			if l.heartbeat() != nil {
				return
			}
			next.Reset(l.rest())
		case <-more:
		}
	}
}

// ready never keeps anybody waiting.
var ready = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// rest is how long to the next heartbeat: it is due, too, when the token has run out.
func (l *stream) rest() time.Duration {
	return max(10*time.Millisecond, min(l.s.streams.beat, l.s.cfg.Tokens.left(l.who)))
}

// heartbeat tells the client that the connection lives, and up to where it has
// been told everything: an id without data is remembered and is no event.
func (l *stream) heartbeat() error {
	if l.at == l.said {
		return l.send([]byte(":\n\n"))
	}
	l.said = l.at
	return l.send(fmt.Appendf(nil, "id: %d\n\n", l.at-1))
}

// end says why a stream ends. The client may come back, with a token that is good.
func (l *stream) end(code string) {
	_ = l.send(fmt.Appendf(nil, "event: end\ndata: {\"code\":%q}\n\n", code)) // who does not read it will not miss it
}

// send writes to the client at once. A reader that is too slow is cut off, and
// comes back with the last id that it read.
func (l *stream) send(text []byte) error {
	_ = l.rc.SetWriteDeadline(time.Now().Add(l.s.streams.write)) // a test's writer has none
	_, err := l.w.Write(text)
	if err == nil {
		err = l.rc.Flush()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.s.stats.cutOff.Inc()
	}
	return err
}

// pastEvents reads a topic's events from the ledger itself, a page at a time.
// They are written when nothing is held any more.
func (s *Server) pastEvents(ctx context.Context, of topic, from, to ledger.Seq) ([]streamEvent, ledger.Seq, error) {
	select {
	case s.streams.past <- struct{}{}:
	case <-ctx.Done():
		return nil, from, ctx.Err()
	}
	defer func() { <-s.streams.past }()
	found, next, err := readEvents(s.node, from, min(to, from+hubPage))
	if err != nil {
		return nil, from, err
	}
	var out []streamEvent
	for _, e := range found {
		if e.of == of {
			out = append(out, e.streamEvent)
		}
	}
	return out, next, nil
}
