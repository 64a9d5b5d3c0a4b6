package mesh

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"custos/api/mesh/meshtest"

	"github.com/stretchr/testify/require"
)

// Whatever happens to the first request once MESH is connected, the answer is
// "unknown", and MESH is asked once. What became of it is then found, and
// sending again leaves one message there, never two.
func TestAnUnknownOutcome(t *testing.T) {
	for name, f := range map[string]struct {
		fault meshtest.Fault
		there bool // it was taken
	}{
		"cut in the middle":     {meshtest.Fault{Do: meshtest.CutRequest, N: piece / 2}, false},
		"cut at once":           {meshtest.Fault{Do: meshtest.CutRequest, N: 0}, false},
		"no answer":             {meshtest.Fault{Do: meshtest.Hang}, false},
		"503":                   {meshtest.Fault{Do: meshtest.Status, N: 503}, false},
		"500":                   {meshtest.Fault{Do: meshtest.Status, N: 500}, false},
		"taken, answer lost":    {meshtest.Fault{Do: meshtest.CutAnswer, N: 0}, true},
		"taken, answer cut":     {meshtest.Fault{Do: meshtest.CutAnswer, N: 5}, true},
		"taken, answer hangs":   {meshtest.Fault{Do: meshtest.HangAnswer, N: 5}, true},
		"taken, answer garbled": {meshtest.Fault{Do: meshtest.Garble}, true},
	} {
		for _, size := range []int{1000, piece + 10} {
			t.Run(name, func(t *testing.T) {
				w := start(t, meshtest.Options{})
				f.fault.Hung = impatient(w.la)
				want, ctx := bytesOf(size), context.Background()
				f.fault.Step = "send"
				w.mesh.Break(f.fault)
				o := outgoing(want)
				sent, err := w.la.Send(ctx, o)
				require.Equal(t, Unknown, code(err))
				require.Zero(t, sent)
				require.Len(t, w.mesh.Requests(), 1)

				w.la = w.client(authority, nil)
				track, err := w.la.Find(ctx, o.LocalID)
				switch {
				case !f.there:
					require.Equal(t, NotFound, code(err))
				case size < piece:
					require.NoError(t, err)
					require.Equal(t, Accepted, track.State)
				default:
					require.NoError(t, err)
					require.Equal(t, Uploading, track.State)
				}
				o.Again = true
				sent, err = w.la.Send(ctx, o)
				require.NoError(t, err)
				require.Equal(t, f.there && size < piece, sent.Before)
				require.NotEmpty(t, sent.MessageID)
				again, err := w.la.Send(ctx, o)
				require.NoError(t, err)
				require.Equal(t, Sent{MessageID: sent.MessageID, Chunks: sent.Chunks, Before: true}, again)
				require.Equal(t, [][]byte{want}, w.received())
			})
		}
	}
}

// A context that ends while MESH is being asked leaves the outcome unknown too.
func TestStoppedWhileSending(t *testing.T) {
	w := start(t, meshtest.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.Hang})
	o := outgoing([]byte("x"))
	o.Body = stopper{o.Body, cancel}
	_, err := w.la.Send(ctx, o)
	require.Equal(t, Unknown, code(err))
	require.ErrorIs(t, err, context.Canceled)

	_, err = w.la.Send(ctx, outgoing([]byte("x")))
	require.Equal(t, Stopped, code(err), "a context that ended before sends nothing, and that is known")
}

type stopper struct {
	in interface {
		ReadAt([]byte, int64) (int, error)
	}
	stop func()
}

func (s stopper) ReadAt(b []byte, off int64) (int, error) {
	s.stop()
	return s.in.ReadAt(b, off)
}

// A chunk in its place is the same chunk however often it is sent.
func TestChunksAreSentAgain(t *testing.T) {
	want := bytesOf(3*piece + piece/2)
	for name, f := range map[string]meshtest.Fault{
		"cut in the middle": {Do: meshtest.CutRequest, N: piece / 2},
		"503":               {Do: meshtest.Status, N: 503},
		"answer lost":       {Do: meshtest.CutAnswer, N: 0},
		"answer cut":        {Do: meshtest.CutAnswer, N: 5},
	} {
		for chunk := 2; chunk <= 4; chunk++ {
			for _, compress := range []bool{false, true} {
				w := start(t, meshtest.Options{})
				f.Step, f.Chunk, f.Times = "chunk", chunk, 2
				w.mesh.Break(f)
				o := outgoing(want)
				o.Compress = compress
				_, err := w.la.Send(context.Background(), o)
				require.NoError(t, err, "%s, chunk %d", name, chunk)
				require.Equal(t, [][]byte{want}, w.received())
			}
		}
	}
}

// Chunks that cannot be sent leave a message that MESH does not deliver, or, of
// the last, one that it may have; Again goes on with it.
func TestAnUnfinishedMessage(t *testing.T) {
	want := bytesOf(3*piece + piece/2)
	for chunk, want1 := range map[int]Code{2: Unfinished, 3: Unfinished, 4: Unknown} {
		w := start(t, meshtest.Options{})
		w.mesh.Break(meshtest.Fault{Step: "chunk", Chunk: chunk, Do: meshtest.Status, N: 503, Times: -1})
		o := outgoing(want)
		_, err := w.la.Send(context.Background(), o)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want1, e.Code)
		require.NotEmpty(t, e.MessageID)
		require.Empty(t, w.mesh.Waiting(service))
		w.mesh.Mend()
		o.Again = true
		sent, err := w.la.Send(context.Background(), o)
		require.NoError(t, err)
		require.Equal(t, e.MessageID, sent.MessageID)
		require.Equal(t, [][]byte{want}, w.received())
	}
}

// 429 is said before anything is done.
func TestTooManyRequests(t *testing.T) {
	w := start(t, meshtest.Options{})
	slept := sleeps(w.la)
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.Status, N: 429, After: 7})
	_, err := w.la.Send(context.Background(), outgoing([]byte("x")))
	require.NoError(t, err)
	require.Len(t, slept(), 1)
	require.GreaterOrEqual(t, slept()[0], 7*time.Second)

	w.mesh.Break(meshtest.Fault{Step: "inbox", Do: meshtest.Status, N: 429, After: 3600})
	_, err = w.la.Inbox(context.Background(), Ask{})
	require.Equal(t, Busy, code(err), "nobody waits for an hour")
	require.Len(t, slept(), 1)
}

func TestRefusalsOfSending(t *testing.T) {
	w := start(t, meshtest.Options{Workflows: []string{upload}})
	for mesh, change := range map[string]func(*Outgoing){
		"12": func(o *Outgoing) { o.To = "NOBODY" },
		"17": func(o *Outgoing) { o.Workflow = "OTHER" },
	} {
		o := outgoing([]byte("x"))
		change(&o)
		_, err := w.la.Send(context.Background(), o)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, Refused, e.Code)
		require.Equal(t, mesh, e.MESH)
	}
	require.Len(t, w.mesh.Requests(), 2)
	for name, change := range map[string]func(*Outgoing){
		"no recipient":      func(o *Outgoing) { o.To = "" },
		"a path":            func(o *Outgoing) { o.To = "X/../Y" },
		"no workflow":       func(o *Outgoing) { o.Workflow = "" },
		"no local id":       func(o *Outgoing) { o.LocalID = "" },
		"a local id's path": func(o *Outgoing) { o.LocalID = ".." },
		"a new line":        func(o *Outgoing) { o.Subject = "a\r\nMex-To: X" },
		"a long name":       func(o *Outgoing) { o.FileName = strings.Repeat("x", 301) },
		"nothing":           func(o *Outgoing) { o.Size = 0 },
		"no body":           func(o *Outgoing) { o.Body = nil },
	} {
		o := outgoing([]byte("x"))
		change(&o)
		_, err := w.la.Send(context.Background(), o)
		require.Equal(t, NotSendable, code(err), name)
	}
	require.Empty(t, w.mesh.Requests())
}

// A local id that MESH has twice is not sent a third time.
func TestSentTwice(t *testing.T) {
	w := start(t, meshtest.Options{})
	w.mesh.Break(meshtest.Fault{Step: "send", Do: meshtest.Duplicate})
	o := outgoing([]byte("x"))
	_, err := w.la.Send(context.Background(), o)
	require.NoError(t, err)
	o.Again = true
	_, err = w.la.Send(context.Background(), o)
	require.Equal(t, SentTwice, code(err))
	require.Len(t, w.mesh.Messages(), 2)
}

// Where MESH cannot be asked whether it has a message, it is not sent.
func TestAgainNeedsAnAnswer(t *testing.T) {
	w := start(t, meshtest.Options{})
	for _, f := range []meshtest.Fault{{Do: meshtest.Status, N: 503, Times: -1}, {Do: meshtest.Garble, Times: -1}, {Do: meshtest.CutAnswer, Times: -1}} {
		f.Step = "find"
		w.mesh.Break(f)
		o := outgoing([]byte("x"))
		o.Again = true
		_, err := w.la.Send(context.Background(), o)
		require.Error(t, err)
		require.NotEqual(t, NotFound, code(err))
		w.mesh.Mend()
	}
	require.Empty(t, w.mesh.Messages())
}

// MESH redirects nobody; who does is not followed, with our credentials.
func TestRedirectsAreNotFollowed(t *testing.T) {
	asked := 0
	c := raw(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := c.Send(context.Background(), outgoing([]byte("x")))
	require.Equal(t, BadAnswer, code(err))
	_, err = c.Inbox(context.Background(), Ask{})
	require.Equal(t, BadAnswer, code(err))
	require.Equal(t, 2, asked)
}

// Each chunk is compressed by itself, so that each can be opened by itself.
func TestDeflater(t *testing.T) {
	for _, size := range []int{1, 100, 100_000} {
		want := bytes.Repeat([]byte("abc"), size)
		s := (&content{source: bytes.NewReader(want), size: int64(len(want)), compress: true}).open(&patience{silence: time.Hour, left: time.Hour, cancel: func(error) {}, after: time.AfterFunc})
		var got bytes.Buffer
		_, err := got.ReadFrom(&inflater{from: s})
		require.NoError(t, err)
		require.Equal(t, want, got.Bytes())
		s.p.rest()
	}
}
