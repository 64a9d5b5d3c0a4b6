package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// heard is one event of a stream, as a browser would take it.
type heard struct {
	id, event, data string
}

// ear is somebody who listens.
type ear struct {
	w      *world
	events chan heard // closed when the stream ends
	stop   func()
}

func (w *world) streamRequest(path, token, last string) *http.Request {
	r, err := http.NewRequestWithContext(w.t.Context(), "GET", w.http.URL+path, nil)
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	return r
}

func (w *world) listen(who caller, last string) *ear {
	w.t.Helper()
	return w.listenWith(w.token(who), last)
}

func (w *world) listenWith(token, last string) *ear {
	w.t.Helper()
	return w.listenTo(eventsPath, token, last)
}

func (w *world) listenTo(path, token, last string) *ear {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	res, err := w.client.Do(w.streamRequest(path, token, last).WithContext(ctx))
	require.NoError(w.t, err)
	require.Equal(w.t, 200, res.StatusCode)
	require.Equal(w.t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(w.t, "no-store", res.Header.Get("Cache-Control"))
	l := &ear{w: w, events: make(chan heard, 1000)}
	var all sync.WaitGroup
	l.stop = func() { stop(); all.Wait() }
	w.t.Cleanup(l.stop)
	all.Go(func() {
		defer close(l.events)
		defer func() { _ = res.Body.Close() }()
		var now heard
		last := ""
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				last = value
			case "event":
				now.event = value
			case "data":
				now.data = value
			case "":
				if now.data == "" { // an id alone is remembered
					now.event = "beat"
				}
				now.id = last
				l.events <- now
				now = heard{}
			}
		}
	})
	return l
}

// next is the next event that is no heartbeat.
func (l *ear) next() heard {
	l.w.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case h, ok := <-l.events:
			require.True(l.w.t, ok, "the stream has ended")
			if h.event != "beat" {
				return h
			}
		case <-late:
			require.FailNow(l.w.t, "nothing is heard")
		}
	}
}

// notices are the items of the next event.
func (l *ear) notices() (string, []object) {
	l.w.t.Helper()
	h := l.next()
	require.Equal(l.w.t, "notifications", h.event)
	var items []object
	require.NoError(l.w.t, json.Unmarshal([]byte(h.data), &items))
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for s := range l.w.secrets {
		require.NotContains(l.w.t, h.data, s)
	}
	return h.id, items
}

// What becomes of an authority's notifications is told as it does, by reference:
// no person, no place, nobody's name, and nothing of another authority's.
func TestEventsTellWhatBecomesOfNotifications(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.plans(uploader2, 1, ann(func(p *planRow) { p.NHSNumber, p.LocalID = nhs(2), "LOCAL-0002" }))
	l, far := w.listen(socialWorker, ""), w.listen(farWorker, "")
	h := l.next()
	require.Equal(t, heard{fmt.Sprint(w.size() - 1), "ready", fmt.Sprintf(`{"asOf":%d}`, w.size())}, h)
	require.Equal(t, "ready", far.next().event)

	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	id, items := l.notices()
	require.Len(t, items, 1)
	requireFields(t, items[0], "id", "type", "state", "at", "queuedAt")
	n := items[0]["id"]
	require.Equal(t, fmt.Sprint(n), id, "an event has the number of its entry")
	require.Equal(t, "queued", items[0]["state"])
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/open", n), nil).recorded(200)
	w.call(manager, "POST", fmt.Sprintf("/v1/notifications/%v/open", n), nil).recorded(200) // changes nothing
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/acknowledgements", n), object{"action": "visited"}).recorded(201)
	w.call(socialWorker, "POST", fmt.Sprintf("/v1/notifications/%v/actions", n), object{"action": "visited"}).recorded(201)
	for _, state := range []string{"opened", "acknowledged", "actioned"} {
		_, items = l.notices()
		require.Equal(t, state, items[0]["state"])
		require.Equal(t, n, items[0]["id"])
	}
	w.lookup(doctor, object{"nhsNumber": nhs(2)}).recorded(200)
	_, items = far.notices()
	require.NotEqual(t, n, items[0]["id"], "the first thing that another authority hears is its own")
}

// Whoever comes back with the last id hears all that came after it, in the same
// words, whether the node still has it ready or reads its ledger for it.
func TestAListenerComesBack(t *testing.T) {
	for name, keep := range map[string]int{"ready": 256, "from the ledger": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.streams.hub.keep, w.server.streams.hub.reach = keep, 0
			w.plans(uploader, 1, ann(nil))
			l := w.listen(socialWorker, "")
			l.next()
			for i := range 6 {
				w.lookup(caller{"clinician", fmt.Sprint("d", i), emergency, "Dr Quillfeather", ""}, object{"nhsNumber": nhs(1), "attendance": fmt.Sprint("a", i)}).recorded(200)
			}
			var all []heard
			for range 6 {
				all = append(all, l.next())
			}
			for i, h := range all[:5] {
				back := w.listen(manager, h.id)
				require.Equal(t, heard{h.id, "ready", back.readyData(h.id)}, back.next())
				for _, want := range all[i+1:] {
					require.Equal(t, want, back.next())
				}
				back.stop()
			}
			l.stop()
			require.Eventually(t, func() bool { return w.server.streams.slots.now.Load() == 0 }, 10*time.Second, time.Millisecond)
			back := w.listen(socialWorker, all[0].id) // the first of all: nothing is ready
			back.next()
			for _, want := range all[1:] {
				require.Equal(t, want, back.next())
			}
			// One who was away for too long reads the list; one who knows more than this node hears it again.
			w.server.streams.reach = 2
			reset := w.listen(socialWorker, all[0].id).next()
			require.Equal(t, "reset", reset.event)
			ahead := w.listen(socialWorker, "9007199254740991").next()
			require.Equal(t, heard{fmt.Sprint(w.size() - 1), "ready", fmt.Sprintf(`{"asOf":%d}`, w.size())}, ahead)
		})
	}
}

func (l *ear) readyData(last string) string {
	var n int
	_, err := fmt.Sscan(last, &n)
	require.NoError(l.w.t, err)
	return fmt.Sprintf(`{"asOf":%d}`, n+1)
}

func TestEventsAskedForBadly(t *testing.T) {
	w := newWorld(t)
	size := w.size()
	for _, last := range []string{"x", "-1", "1.5", "99999999999999999999", nhs(1) + "0000000000"} {
		r := w.call(socialWorker, "GET", eventsPath, nil, header{"Last-Event-ID": last})
		r.problem("last-event-id")
	}
	w.call(socialWorker, "GET", eventsPath+"?after=3", nil).problem("query-parameter")
	require.Equal(t, size, w.size())
	w.call(doctor, "GET", eventsPath, nil).denied("role-not-permitted")
}

// pipes is a listener whose connections hold nothing back: what is not read is not written.
type pipes struct{ made chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.made
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// One who does not read is cut off, keeps nobody waiting meanwhile, and finds
// everything when coming back.
func TestASlowListenerIsCutOff(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	w.server.streams.write = 500 * time.Millisecond
	p := pipes{make(chan net.Conn)}
	srv := w.server.PublicServer("")
	srv.Handler = asDescribed(t, srv.Handler)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(p) }()
	here, there := net.Pipe()
	p.made <- there
	require.NoError(t, w.streamRequest(eventsPath, w.token(socialWorker), "").Write(here))
	in := bufio.NewReader(here)
	for line := ""; !strings.HasPrefix(line, "data: "); {
		var err error
		line, err = in.ReadString('\n')
		require.NoError(t, err)
	}
	last := fmt.Sprint(w.size() - 1)
	quick := w.listen(manager, "")
	quick.next()
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	want := quick.next()
	require.Eventually(t, func() bool { return w.metric("custos_streams_cut_off_total") == "1" }, 10*time.Second, time.Millisecond)
	back := w.listen(socialWorker, last)
	back.next()
	require.Equal(t, want, back.next())
	require.NoError(t, here.Close())
	close(p.made)
	require.ErrorIs(t, <-done, net.ErrClosed)
	require.NoError(t, srv.Close())
}

// A stream ends with the token that began it, when that runs out or its key is
// taken back, and says why.
func TestAStreamEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	claims := object{"sub": "sw-9", "custos_role": "social-worker", "org": authority1, "name": "Sorrel Workington", "exp": time.Now().Unix() - 8} // ten seconds are forgiven
	l := w.listenWith(w.idp.token(t, "ed", w.idp.claims(claims)), "")
	l.next()
	require.Equal(t, heard{fmt.Sprint(w.size() - 1), "end", `{"code":"token-expired"}`}, l.next())
	_, ok := <-l.events
	require.False(t, ok)

	w.server.streams.beat = time.Millisecond
	l = w.listen(socialWorker, "")
	l.next()
	require.Equal(t, "beat", (<-l.events).event)
	w.idp.publish(t, "trust", "ec")
	require.NoError(t, w.server.cfg.Tokens.Reload())
	require.Equal(t, `{"code":"token-key-unknown"}`, l.next().data)
	w.idp.publish(t, "trust", "ec", "ed")
	require.NoError(t, w.server.cfg.Tokens.Reload())
}

// A quiet stream tells up to where all is told, so that whoever comes back does
// not have the whole time read again.
func TestHeartbeatsTellHowFarItIsTold(t *testing.T) {
	w := newWorld(t)
	w.server.streams.beat = time.Millisecond
	w.plans(uploader2, 1, ann(nil))
	l := w.listen(socialWorker, "")
	l.next()
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200) // nothing of this authority's
	want := fmt.Sprint(w.size() - 1)
	for h := range l.events {
		require.Equal(t, "beat", h.event)
		if h.id == want {
			return
		}
	}
	t.Fatal("the stream has ended")
}

// Streams take no places of other requests, one authority does not take all of
// them, and each place is given back.
func TestStreamsHavePlacesOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.server.uploads.most.Store(0)
	w.server.streams.each = 2
	w.server.streams.slots.most.Store(3)
	a, b, c := w.listen(socialWorker, ""), w.listen(manager, ""), w.listen(farWorker, "")
	w.call(farWorker, "GET", eventsPath, nil).problem("busy")
	c.stop()
	require.Eventually(t, func() bool { return w.server.streams.slots.now.Load() == 2 }, 10*time.Second, time.Millisecond)
	w.call(socialWorker, "GET", eventsPath, nil).problem("busy")
	w.listen(farWorker, "").stop()
	a.stop()
	b.stop()
	require.Eventually(t, func() bool { return w.server.streams.slots.now.Load() == 0 }, 10*time.Second, time.Millisecond)
	w.server.streams.hub.mu.Lock()
	defer w.server.streams.hub.mu.Unlock()
	require.Nil(t, w.server.streams.hub.stop, "nobody listens, nothing is read")
	require.Empty(t, w.server.streams.hub.rings)
}

// Many listeners hear of one lookup, all the same; and a server that stops ends
// their streams rather than wait for them.
func TestManyListeners(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	var all []*ear
	for i := range 120 {
		l := w.listen(caller{"social-worker", fmt.Sprint("sw-", i), authority1, "Sorrel Workington", ""}, "")
		l.next()
		all = append(all, l)
	}
	require.Equal(t, "120", w.metric("custos_streams"))
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	want := all[0].next()
	for _, l := range all[1:] {
		require.Equal(t, want, l.next())
	}
	w.server.EndStreams()
	for _, l := range all {
		require.Equal(t, `{"code":"server-stopping"}`, l.next().data)
	}
	require.NoError(t, w.http.Config.Shutdown(t.Context()))
	require.Equal(t, "0", w.metric("custos_streams"))
}

// Which entries make events is said twice, for the one who reads headers alone.
func TestEveryEventHasItsKind(t *testing.T) {
	w := newWorld(t)
	w.plans(uploader, 1, ann(nil))
	l := w.listen(socialWorker, "")
	l.next()
	w.lookup(doctor, object{"nhsNumber": nhs(1)}).recorded(200)
	_, items := l.notices()
	n := ledger.Seq(items[0]["id"].(float64))
	w.command(ledger.SystemActor("n1"), &ledger.AttemptDelivery{Authority: authority1, Type: ledger.NotifyAccess, Way: ledger.ByMESH, Notifications: []ledger.Seq{n}})
	attempt := w.size() - 1
	w.command(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: attempt, Message: "m"})
	w.command(ledger.SystemActor("n1"), &ledger.SettleDelivery{Attempt: attempt, Code: "mesh-undelivered:14"})
	for _, state := range []string{"delivered", "failed"} {
		_, items = l.notices()
		require.Equal(t, state, items[0]["state"])
	}
}
