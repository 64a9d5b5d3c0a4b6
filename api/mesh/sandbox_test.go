package mesh

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// NHS England publishes a MESH of its own for developers, mesh-sandbox. Where one
// runs, with AUTH_MODE=full, STORE_MODE=memory and SHARED_KEY=Banana, this test
// holds the client against it: docs/MESH.md says how.
func TestAgainstNHSEnglandsSandbox(t *testing.T) {
	url := os.Getenv("CUSTOS_MESH_SANDBOX")
	if url == "" {
		t.Skip("SKIPPED: CUSTOS_MESH_SANDBOX names no running mesh-sandbox; the client was tested against meshtest alone")
	}
	client := func(mailbox string) *Client {
		c := config(t, url, mailbox)
		rewrite(t, c.PasswordFile, "password")
		rewrite(t, c.SharedKeyFile, "Banana")
		cl, err := New(c)
		require.NoError(t, err)
		cl.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
		return cl
	}
	const from, to, workflow = "X26ABC1", "X26ABC2", "TEST_WORKFLOW"
	la, us, ctx := client(from), client(to), context.Background()
	require.NoError(t, la.Handshake(ctx))
	wrong, err := New(config(t, url, from))
	require.NoError(t, err)
	require.Equal(t, NotAuthorised, code(wrong.Handshake(ctx)))

	h := &handled{}
	_, err = us.Drain(ctx, h.handle) // what was left there
	require.NoError(t, err)
	h.all = nil
	var want []string
	for i, size := range []int{1, piece, 3*piece + piece/2} {
		for _, compress := range []bool{false, true} {
			o := Outgoing{To: to, Workflow: workflow, LocalID: fmt.Sprintf("custos-%d-%d-%t", time.Now().UnixNano(), i, compress), Subject: "s", FileName: "f.xml",
				ContentType: "application/xml", Body: pattern(size), Size: int64(size), Compress: compress}
			sent, err := la.Send(ctx, o)
			require.NoError(t, err)
			want = append(want, string(bytesOf(size)))
			track, err := la.Track(ctx, sent.MessageID)
			require.NoError(t, err)
			require.Equal(t, Accepted, track.State)
			require.Equal(t, o.LocalID, track.LocalID)
			track, err = la.Find(ctx, o.LocalID)
			require.NoError(t, err)
			require.Equal(t, sent.MessageID, track.MessageID)
			o.Again = true
			again, err := la.Send(ctx, o)
			require.NoError(t, err)
			require.True(t, again.Before)

			var got bytes.Buffer
			m, err := us.Download(ctx, sent.MessageID, &got)
			require.NoError(t, err)
			require.Equal(t, from, m.From)
			require.Equal(t, workflow, m.Workflow)
			require.Equal(t, "f.xml", m.FileName)
			require.Equal(t, want[len(want)-1], got.String())
		}
	}
	n, err := us.Count(ctx)
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, 0)
	pass, err := us.Drain(ctx, h.handle)
	require.NoError(t, err)
	require.Equal(t, len(want), pass.Handled)
	require.ElementsMatch(t, want, h.all)
	pass, err = us.Drain(ctx, h.handle)
	require.NoError(t, err)
	require.Zero(t, pass.Listed)

	_, err = la.Find(ctx, "no-such-local-id")
	require.Equal(t, NotFound, code(err))
	_, err = us.Open(ctx, "NO_SUCH_MESSAGE")
	require.Equal(t, NotFound, code(err))
	o := outgoing([]byte("x"))
	o.To = "NOBODY"
	_, err = la.Send(ctx, o)
	require.Equal(t, Refused, code(err))
	_, err = la.do(ctx, la.chunk(&Outgoing{To: to, Workflow: workflow, LocalID: "x", Body: pattern(0)}, "", 1, 1))
	require.Equal(t, Refused, code(err), "an empty message")
}
