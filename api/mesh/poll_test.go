package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"custos/api/mesh/meshtest"

	"github.com/stretchr/testify/require"
)

// handled is a handler that notes what it was given.
type handled struct {
	mu    sync.Mutex
	all   []string
	fails map[string]error // by content
}

func (h *handled) handle(_ context.Context, m *Message) error {
	b, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, string(b))
	return h.fails[string(b)]
}

func TestHandleThenAcknowledge(t *testing.T) {
	w := start(t, meshtest.Options{})
	for i := range 3 {
		w.put(fmt.Appendf(nil, "message %d", i))
	}
	h := &handled{}
	pass, err := w.us.Drain(context.Background(), func(ctx context.Context, m *Message) error {
		require.Contains(t, w.mesh.Waiting(service), m.ID, "not acknowledged yet")
		return h.handle(ctx, m)
	})
	require.NoError(t, err)
	require.Equal(t, Pass{Listed: 3, Handled: 3}, pass)
	require.Equal(t, []string{"message 0", "message 1", "message 2"}, h.all)
	require.Empty(t, w.mesh.Waiting(service))
	n, err := w.us.Count(context.Background())
	require.NoError(t, err)
	require.Zero(t, n)
}

// Dying after handling and before acknowledging delivers again.
func TestDyingBetweenHandleAndAcknowledge(t *testing.T) {
	w := start(t, meshtest.Options{})
	w.put([]byte("one"))
	w.put([]byte("two"))
	h := &handled{}
	ctx, die := context.WithCancel(context.Background())
	_, err := w.us.Drain(ctx, func(ctx context.Context, m *Message) error {
		defer die()
		return h.handle(ctx, m)
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, w.mesh.Waiting(service), 2)

	pass, err := w.client(service, nil).Drain(context.Background(), h.handle)
	require.NoError(t, err)
	require.Equal(t, Pass{Listed: 2, Handled: 2}, pass)
	require.Equal(t, []string{"one", "one", "two"}, h.all)
}

// A lost acknowledgement is made again; one that MESH forgets brings the message again.
func TestAcknowledging(t *testing.T) {
	for name, f := range map[string]meshtest.Fault{
		"lost": {Do: meshtest.CutAnswer}, "503": {Do: meshtest.Status, N: 503}, "not heard": {Do: meshtest.CutRequest}} {
		w := start(t, meshtest.Options{})
		w.put([]byte("one"))
		f.Step = "acknowledge"
		w.mesh.Break(f)
		h := &handled{}
		pass, err := w.us.Drain(context.Background(), h.handle)
		require.NoError(t, err)
		require.Equal(t, 1, pass.Handled, name)
		require.Empty(t, w.mesh.Waiting(service))
	}
	w := start(t, meshtest.Options{})
	w.put([]byte("one"))
	w.mesh.Break(meshtest.Fault{Step: "acknowledge", Do: meshtest.Redeliver})
	w.mesh.Break(meshtest.Fault{Step: "inbox", Do: meshtest.Duplicate})
	h := &handled{}
	for range 2 {
		pass, err := w.us.Drain(context.Background(), h.handle)
		require.NoError(t, err)
		require.Equal(t, Pass{Listed: 1, Handled: 1}, pass, "a message listed twice is one message")
	}
	require.Equal(t, []string{"one", "one"}, h.all)
}

// What cannot be acknowledged was handled all the same, and comes again.
func TestAnAcknowledgementThatFails(t *testing.T) {
	w := start(t, meshtest.Options{})
	id := w.put([]byte("one"))
	w.mesh.Break(meshtest.Fault{Step: "acknowledge", Do: meshtest.Status, N: 503, Times: -1})
	h := &handled{}
	pass, err := w.us.Drain(context.Background(), h.handle)
	require.NoError(t, err)
	require.Zero(t, pass.Handled)
	require.Equal(t, id, pass.Failures[0].MessageID)
	require.ErrorIs(t, pass.Failures[0].Err, Busy)
	require.False(t, pass.Failures[0].Permanent)
	require.Equal(t, [][]byte{[]byte("one")}, w.received())
}

// What one sender sent stays in order; what another sent does not wait for it.
func TestAFailureHoldsUpItsSenderAlone(t *testing.T) {
	w := start(t, meshtest.Options{})
	other := func(b string) {
		w.mesh.Put(meshtest.Message{From: "X26LA002", To: service, Workflow: upload, Chunks: []meshtest.Chunk{meshtest.Bytes([]byte(b))}})
	}
	w.put([]byte("a1"))
	w.put([]byte("a2"))
	other("b1")
	w.put([]byte("a3"))
	other("b2")
	down := errors.New("the register is down")
	h := &handled{fails: map[string]error{"a2": down}}
	pass, err := w.us.Drain(context.Background(), h.handle)
	require.NoError(t, err)
	require.Equal(t, []string{"a1", "a2", "b1", "b2"}, h.all)
	require.Equal(t, 3, pass.Handled)
	require.Equal(t, 1, pass.Waiting)
	require.Len(t, pass.Failures, 1)
	require.ErrorIs(t, pass.Failures[0].Err, down)
	require.Equal(t, upload, pass.Failures[0].Workflow)

	h.fails = nil
	_, err = w.us.Drain(context.Background(), h.handle)
	require.NoError(t, err)
	require.Equal(t, []string{"a1", "a2", "b1", "b2", "a2", "a3"}, h.all)
}

// What will never be handled stays in the inbox, holds nothing up, and is not
// fetched again at each look.
func TestAPermanentFailureIsLeft(t *testing.T) {
	w := start(t, meshtest.Options{})
	now := time.Now()
	w.us.now = func() time.Time { return now }
	id := w.put([]byte("bad"))
	w.put([]byte("good"))
	why := errors.New("a workflow that is none of ours")
	h := &handled{fails: map[string]error{"bad": fmt.Errorf("handle: %w", Permanent(why))}}
	pass, err := w.us.Drain(context.Background(), h.handle)
	require.NoError(t, err)
	require.Equal(t, 1, pass.Handled)
	require.True(t, pass.Failures[0].Permanent)
	require.ErrorIs(t, pass.Failures[0].Err, why)
	require.Equal(t, []string{id}, w.mesh.Waiting(service))

	now = now.Add(lookAgain - time.Second)
	w.mesh.Requests()
	pass, err = w.us.Drain(context.Background(), h.handle)
	require.NoError(t, err)
	require.Equal(t, Pass{Listed: 1, Left: 1}, pass)
	require.Len(t, w.mesh.Requests(), 1)

	now = now.Add(time.Second)
	pass, err = w.us.Drain(context.Background(), h.handle)
	require.NoError(t, err)
	require.Len(t, pass.Failures, 1)
	require.Equal(t, []string{"bad", "good", "bad"}, h.all)

	// MESH returns it to its sender in the end.
	w.mesh.Expire(id)
	pass, err = w.la.Drain(context.Background(), func(_ context.Context, m *Message) error {
		require.Equal(t, id, m.Report.MessageID)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, pass.Handled)
}

func TestIsPermanent(t *testing.T) {
	require.NoError(t, Permanent(nil))
	require.False(t, IsPermanent(nil))
	require.False(t, IsPermanent(errors.New("x")))
	require.True(t, IsPermanent(fmt.Errorf("y: %w", Permanent(errors.New("x")))))
}

// A handler that did not see its message's last byte cannot have dealt with it.
func TestOnlyAWholeMessageIsAcknowledged(t *testing.T) {
	w := start(t, meshtest.Options{})
	id := w.put(bytesOf(3 * piece))
	w.mesh.Break(meshtest.Fault{Step: "download", Chunk: 3, Do: meshtest.CutAnswer, N: 10, Times: -1})
	careless := func(_ context.Context, m *Message) error {
		_, _ = io.ReadFull(m.Body, make([]byte, 100))
		return nil
	}
	pass, err := w.us.Drain(context.Background(), careless)
	require.NoError(t, err)
	require.ErrorIs(t, pass.Failures[0].Err, Cut)
	require.Equal(t, []string{id}, w.mesh.Waiting(service))
	w.mesh.Mend()
	pass, err = w.us.Drain(context.Background(), careless)
	require.NoError(t, err)
	require.Equal(t, 1, pass.Handled)
}

// A message that is too large can be refused by its handler, and then goes.
func TestAHandlerRefusesWhatIsTooLarge(t *testing.T) {
	w := start(t, meshtest.Options{})
	us := w.client(service, func(c *Config) { c.MaxSize = 100 })
	w.put(bytesOf(101))
	pass, err := us.Drain(context.Background(), func(_ context.Context, m *Message) error {
		_, err := io.Copy(io.Discard, m.Body)
		require.ErrorIs(t, err, TooLarge)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, pass.Handled)
}

// Two pollers of one mailbox do each other no harm.
func TestTwoPollersAtOnce(t *testing.T) {
	w := start(t, meshtest.Options{})
	want := map[string]bool{}
	for i := range 40 {
		b := fmt.Sprintf("message %d", i)
		want[b] = true
		w.put([]byte(b))
	}
	h := &handled{}
	var wg sync.WaitGroup
	for _, c := range []*Client{w.us, w.us, w.client(service, nil)} {
		wg.Go(func() {
			pass, err := c.Drain(context.Background(), h.handle)
			if err != nil || len(pass.Failures) > 0 {
				t.Errorf("%+v, %v", pass, err)
			}
		})
	}
	wg.Wait()
	got := map[string]bool{}
	for _, b := range h.all {
		got[b] = true
	}
	require.Equal(t, want, got)
	require.Empty(t, w.mesh.Waiting(service))
}

// Another poller acknowledges between two chunks: there is nothing more to do.
func TestGoneWhileReading(t *testing.T) {
	w := start(t, meshtest.Options{})
	w.put(bytesOf(2 * piece))
	pass, err := w.us.Drain(context.Background(), func(ctx context.Context, m *Message) error {
		require.NoError(t, w.client(service, nil).Acknowledge(ctx, m.ID))
		_, err := io.Copy(io.Discard, m.Body)
		require.ErrorIs(t, err, Gone)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, Pass{Listed: 1, Gone: 1}, pass)
}

// MESH out of reach ends a pass, and what was done until then is told.
func TestAPassThatEnds(t *testing.T) {
	w := start(t, meshtest.Options{})
	for i := range 3 {
		w.put(fmt.Appendf(nil, "%d", i))
	}
	w.mesh.Break(meshtest.Fault{Step: "download", Skip: 1, Do: meshtest.Status, N: 503, Times: -1})
	h := &handled{}
	pass, err := w.us.Drain(context.Background(), h.handle)
	require.ErrorIs(t, err, Busy)
	require.Equal(t, Pass{Listed: 2, Handled: 1}, pass)
}

func TestPagesOfAnInbox(t *testing.T) {
	w := start(t, meshtest.Options{})
	var want []string
	for range 1001 {
		id := w.put([]byte("x"))
		w.us.leave(id)
		want = append(want, id)
	}
	w.mesh.Put(meshtest.Message{From: authority, To: service, Workflow: "OTHER"})
	ctx := context.Background()
	var got []string
	page := Page{}
	for range 21 {
		var err error
		page, err = w.us.Inbox(ctx, Ask{Max: 50, From: page.Next, Workflow: upload})
		require.NoError(t, err)
		got = append(got, page.IDs...)
	}
	require.Equal(t, want, got)
	require.Empty(t, page.Next)
	_, err := w.us.Inbox(ctx, Ask{Max: 5})
	require.Equal(t, Misconfigured, code(err))

	w.mesh.Requests()
	pass, err := w.us.Drain(ctx, (&handled{}).handle)
	require.NoError(t, err)
	require.Equal(t, 1002, pass.Listed)
	require.Equal(t, 1001, pass.Left)
	require.Equal(t, 1, pass.Handled)
	require.Len(t, w.mesh.Requests(), 3+2)
}

func TestInOrder(t *testing.T) {
	require.Equal(t, []string{"20200529155357895317_3573F8", "20220228174323222000_ABCDEF"}, inOrder([]string{"20220228174323222000_ABCDEF", "20200529155357895317_3573F8"}))
	require.Equal(t, []string{"B", "A"}, inOrder([]string{"B", "A"}), "ids that bear no time stay as they are")
}

// Poll shakes hands once a day, waits between two passes, tells of each, and
// goes on after an error.
func TestPoll(t *testing.T) {
	const every = time.Hour
	var clock atomic.Int64 // hours since the start
	base := time.Now()
	now := func() time.Time { return base.Add(time.Duration(clock.Load()) * every) }
	w := start(t, meshtest.Options{Now: now})
	us := w.client(service, func(c *Config) { c.Every = Duration(every) })
	us.now = now
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	w.mesh.Break(meshtest.Fault{Step: "inbox", Skip: 2, Do: meshtest.Status, N: 400})
	w.put([]byte("one"))
	h := &handled{}
	us.sleep = func(ctx context.Context, d time.Duration) error {
		require.GreaterOrEqual(t, d, every)
		require.LessOrEqual(t, d, every+every/10)
		switch clock.Add(1) {
		case 3:
			w.put([]byte("two"))
		case 26:
			stop()
		}
		return ctx.Err()
	}
	var passes []Pass
	var errs []error
	err := us.Poll(ctx, h.handle, func(p Pass, err error) { passes, errs = append(passes, p), append(errs, err) })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []string{"one", "two"}, h.all)
	require.Len(t, passes, 26)
	require.ErrorIs(t, errs[2], Refused)
	require.NoError(t, errs[3])
	var shaken []int
	asked := 0
	for _, r := range w.mesh.Requests() {
		switch r.Step {
		case "inbox":
			asked++
		case "handshake":
			shaken = append(shaken, asked)
		}
	}
	require.Equal(t, []int{0, 24}, shaken)
}
