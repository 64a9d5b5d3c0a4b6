package mesh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"custos/api/mesh/meshtest"

	"github.com/stretchr/testify/require"
)

// What is sent is what is received, whatever its size and however it is compressed.
func TestSendAndReceive(t *testing.T) {
	for _, squeeze := range []bool{false, true} {
		w := start(t, meshtest.Options{Squeeze: squeeze})
		for _, compress := range []bool{false, true} {
			for _, size := range []int{1, 1000, piece - 1, piece, piece + 1, 2 * piece, 3*piece + piece/2} {
				t.Run(fmt.Sprintf("%d compressed %t squeezed %t", size, compress, squeeze), func(t *testing.T) {
					want := bytesOf(size)
					o := outgoing(want)
					o.LocalID = fmt.Sprintf("upload-%d-%t", size, compress)
					o.Subject, o.FileName, o.ContentType, o.Checksum, o.Compress = "a subject", "file.xml", "application/xml", "abc", compress
					sent, err := w.la.Send(context.Background(), o)
					require.NoError(t, err)
					require.Equal(t, (size+piece-1)/piece, sent.Chunks)

					var got bytes.Buffer
					m, err := w.us.Download(context.Background(), sent.MessageID, &got)
					require.NoError(t, err)
					require.True(t, bytes.Equal(want, got.Bytes()))
					require.Equal(t, Message{ID: sent.MessageID, From: authority, To: service, Workflow: upload, LocalID: o.LocalID, Subject: "a subject",
						FileName: "file.xml", ContentType: "application/xml", Checksum: "abc", Chunks: sent.Chunks, Body: m.Body, download: m.download}, *m)

					require.NoError(t, w.us.Acknowledge(context.Background(), sent.MessageID))
					require.NoError(t, w.us.Acknowledge(context.Background(), sent.MessageID), "again is no error")
					_, err = w.us.Open(context.Background(), sent.MessageID)
					require.Equal(t, Gone, code(err))
					track, err := w.la.Track(context.Background(), sent.MessageID)
					require.NoError(t, err)
					require.Equal(t, Acknowledged, track.State)
				})
			}
		}
	}
}

// MESH takes no empty message, and has one all the same: a report.
func TestEmptyMessages(t *testing.T) {
	for _, squeeze := range []bool{false, true} {
		w := start(t, meshtest.Options{Squeeze: squeeze})
		ctx := context.Background()
		_, err := w.la.Send(ctx, outgoing(nil))
		require.Equal(t, NotSendable, code(err))
		require.Empty(t, w.mesh.Requests(), "MESH was not asked")

		k := w.la.chunk(&Outgoing{To: service, Workflow: upload, LocalID: "x", Body: pattern(0)}, "", 1, 1)
		_, err = w.la.do(ctx, k)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, Refused, e.Code)
		require.Equal(t, "02", e.MESH)

		var got bytes.Buffer
		_, err = w.us.Download(ctx, w.put(nil), &got)
		require.NoError(t, err)
		require.Zero(t, got.Len())

		sent, err := w.la.Send(ctx, outgoing([]byte("x")))
		require.NoError(t, err)
		w.mesh.Expire(sent.MessageID)
		page, err := w.la.Inbox(ctx, Ask{})
		require.NoError(t, err)
		require.Len(t, page.IDs, 1)
		m, err := w.la.Download(ctx, page.IDs[0], &got)
		require.NoError(t, err)
		require.Zero(t, got.Len())
		require.Equal(t, sent.MessageID, m.Report.MessageID)
		require.Equal(t, "14", m.Report.Code)
		require.WithinDuration(t, time.Now(), m.Report.At, time.Minute)
		track, err := w.la.Track(ctx, sent.MessageID)
		require.NoError(t, err)
		require.Equal(t, Failed, track.State)
		again := outgoing([]byte("x"))
		again.Again = true
		_, err = w.la.Send(ctx, again)
		require.Equal(t, Undelivered, code(err))
	}
}

// watcher notes how much memory is in use while something passes through it.
type watcher struct {
	most, last uint64
	passed     int64
}

func (w *watcher) see(n int) {
	if w.passed += int64(n); w.passed-int64(w.last) < 1<<20 {
		return
	}
	w.last = uint64(w.passed)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.most = max(w.most, m.HeapAlloc)
}

type watchedSource struct {
	io.ReaderAt
	w *watcher
}

func (s watchedSource) ReadAt(b []byte, off int64) (int, error) {
	n, err := s.ReaderAt.ReadAt(b, off)
	s.w.see(n)
	return n, err
}

type watchedSink struct {
	io.Writer
	w *watcher
}

func (s watchedSink) Write(b []byte) (int, error) {
	s.w.see(len(b))
	return s.Writer.Write(b)
}

// 50 MB go out and come in, compressed and not, with no more than a few MB in memory.
func TestMuchInLittleMemory(t *testing.T) {
	const size, chunk, bound = 50 << 20, 8 << 20, 16 << 20
	whole := sha256.New()
	var parts []meshtest.Chunk
	for off := int64(0); off < size; off += chunk {
		n := min(chunk, size-off)
		open := func() io.Reader { return io.NewSectionReader(pattern(size), off, n) }
		part := sha256.New()
		_, err := io.Copy(io.MultiWriter(part, whole), open())
		require.NoError(t, err)
		parts = append(parts, meshtest.Chunk{Size: n, Plain: n, Open: open, Sum: [32]byte(part.Sum(nil))})
	}
	for _, compress := range []bool{false, true} {
		w := start(t, meshtest.Options{Forget: true})
		la := w.client(authority, func(c *Config) { c.ChunkSize = chunk })
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)

		out := &watcher{}
		o := Outgoing{To: service, Workflow: upload, LocalID: "much", Body: watchedSource{pattern(size), out}, Size: size, Compress: compress}
		sent, err := la.Send(context.Background(), o)
		require.NoError(t, err)
		require.Equal(t, len(parts), sent.Chunks)
		for i, c := range w.mesh.Messages()[0].Chunks {
			require.Equal(t, parts[i].Sum, c.Sum, "chunk %d", i+1)
			require.Equal(t, parts[i].Plain, c.Plain)
		}

		in, got := &watcher{}, sha256.New()
		id := w.mesh.Put(meshtest.Message{From: authority, To: service, Workflow: upload, Chunks: parts})
		_, err = w.us.Download(context.Background(), id, watchedSink{got, in})
		require.NoError(t, err)
		require.Equal(t, whole.Sum(nil), got.Sum(nil))
		for _, w := range []*watcher{out, in} {
			require.Less(t, w.most, before.HeapAlloc+bound, "compressed %t", compress)
			require.NotZero(t, w.most)
		}
	}
}

// A connection cut in the middle of any chunk is taken up again where it was.
func TestCutInEachChunk(t *testing.T) {
	want := bytesOf(3*piece + piece/2)
	for _, squeeze := range []bool{false, true} {
		for chunk := 1; chunk <= 4; chunk++ {
			for _, at := range []int64{0, 1, piece / 4, piece/2 - 1} {
				for _, times := range []int{1, 3} {
					w := start(t, meshtest.Options{Squeeze: squeeze})
					w.mesh.Break(meshtest.Fault{Step: "download", Chunk: chunk, Do: meshtest.CutAnswer, N: at, Times: times})
					var got bytes.Buffer
					_, err := w.us.Download(context.Background(), w.put(want), &got)
					require.NoError(t, err, "chunk %d at %d", chunk, at)
					require.True(t, bytes.Equal(want, got.Bytes()), "chunk %d at %d", chunk, at)
					require.Len(t, w.mesh.Requests(), 4+times)
				}
			}
		}
	}
}

// Where it never comes whole, what was passed on is its beginning, and the error says so.
func TestCutForEver(t *testing.T) {
	want := bytesOf(3 * piece)
	for kind, code := range map[meshtest.Action]Code{meshtest.CutAnswer: Cut, meshtest.HangAnswer: Timeout} {
		w := start(t, meshtest.Options{})
		us := w.client(service, nil)
		w.mesh.Break(meshtest.Fault{Step: "download", Chunk: 2, Do: kind, N: piece / 2, Times: -1, Hung: impatient(us)})
		var got bytes.Buffer
		_, err := us.Download(context.Background(), w.put(want), &got)
		require.ErrorIs(t, err, code)
		require.True(t, bytes.HasPrefix(want, got.Bytes()))
		require.GreaterOrEqual(t, got.Len(), piece)
		asked := len(w.mesh.Requests())
		require.GreaterOrEqual(t, asked, 1+us.c.Attempts)
		if code == Cut { // silence may fall before or after what was sent last
			require.Equal(t, piece+piece/2, got.Len())
			require.Equal(t, 1+us.c.Attempts, asked)
		}
	}
}

func TestAHangIsTakenUpAgain(t *testing.T) {
	want := bytesOf(2 * piece)
	w := start(t, meshtest.Options{})
	us := w.client(service, nil)
	expire := impatient(us)
	w.mesh.Break(meshtest.Fault{Step: "download", Chunk: 2, Do: meshtest.HangAnswer, N: piece / 2, Hung: expire})
	w.mesh.Break(meshtest.Fault{Step: "download", Chunk: 2, Do: meshtest.Hang, Hung: expire})
	var got bytes.Buffer
	_, err := us.Download(context.Background(), w.put(want), &got)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got.Bytes()))
}

// A chunk that is another when it is fetched again is no continuation.
func TestAChunkThatChanged(t *testing.T) {
	for _, second := range [][]byte{bytes.Repeat([]byte("b"), piece), bytes.Repeat([]byte("a"), piece/4)} {
		w := start(t, meshtest.Options{})
		opened := 0
		c := meshtest.Bytes(bytes.Repeat([]byte("a"), piece))
		first := c.Open
		c.Open = func() io.Reader {
			if opened++; opened > 1 {
				return bytes.NewReader(second)
			}
			return first()
		}
		id := w.mesh.Put(meshtest.Message{From: authority, To: service, Workflow: upload, Chunks: []meshtest.Chunk{c}})
		w.mesh.Break(meshtest.Fault{Step: "download", Do: meshtest.CutAnswer, N: piece / 2})
		_, err := w.us.Download(context.Background(), id, io.Discard)
		if len(second) == piece {
			require.Equal(t, Changed, code(err))
		} else {
			require.Equal(t, Cut, code(err), "it was announced longer than it is, each time")
		}
	}
}

func TestTooLarge(t *testing.T) {
	w := start(t, meshtest.Options{Squeeze: true})
	us := w.client(service, func(c *Config) { c.MaxSize = piece + 1 })
	_, err := us.Download(context.Background(), w.put(bytesOf(piece+1)), io.Discard)
	require.NoError(t, err)
	var got bytes.Buffer
	_, err = us.Download(context.Background(), w.put(make([]byte, 2*piece)), &got) // a few bytes on the wire
	require.Equal(t, TooLarge, code(err))
	require.LessOrEqual(t, got.Len(), piece+1)
}

// An error of the caller's own writer or reader is passed on as such.
func TestTheCallersOwnErrors(t *testing.T) {
	w := start(t, meshtest.Options{})
	full := errors.New("disk full")
	_, err := w.us.Download(context.Background(), w.put(bytesOf(10)), failing{full})
	require.Equal(t, Sink, code(err))
	require.ErrorIs(t, err, full)

	for _, compress := range []bool{false, true} {
		o := outgoing([]byte("x"))
		o.Body, o.Size, o.Compress = failing{full}, 10, compress
		_, err = w.la.Send(context.Background(), o)
		require.Equal(t, Source, code(err))
		require.ErrorIs(t, err, full)
		o.Body, o.Size = strings.NewReader("123456789"), 10
		_, err = w.la.Send(context.Background(), o)
		require.Equal(t, Source, code(err), "shorter than was said")
		require.Empty(t, w.mesh.Waiting(service)[1:])
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error)         { return 0, f.error }
func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.error }

// An answer whose end cannot be told from a cut is not taken.
func TestAnAnswerWithoutALength(t *testing.T) {
	s := raw(t, func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		require.NoError(t, err)
		defer c.Close()
		rw.WriteString("HTTP/1.1 200 OK\r\nMex-From: " + authority + "\r\nConnection: close\r\n\r\nhalf of it")
		require.NoError(t, rw.Flush())
	})
	_, err := s.Download(context.Background(), "20200529155357895317_3573F8", io.Discard)
	require.Equal(t, BadAnswer, code(err))
}
