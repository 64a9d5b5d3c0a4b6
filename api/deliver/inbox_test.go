package deliver

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/api"
	"custos/api/cpis"
	"custos/api/mesh"
	"custos/api/mesh/meshtest"
	"custos/ledger"
)

// edge makes the leader's edge, whose upload engine takes what MESH brings.
func (w *world) edge() {
	w.t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(w.t, err)
	keys := filepath.Join(w.t.TempDir(), "keys.json")
	require.NoError(w.t, os.WriteFile(keys, fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"k","x":%q}]}`,
		base64.RawURLEncoding.EncodeToString(public)), 0o600))
	tokens, err := api.NewVerifier(api.VerifierConfig{Audience: "a", Poll: -1, Logger: w.leader().service.cfg.Logger, Issuers: []api.IssuerConfig{
		{Issuer: "https://issuer.test", Methods: []string{"EdDSA"}, Keys: keys, Roles: api.Roles}}})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, tokens.Close()) })
	m := w.leader()
	server, err := api.New(api.Config{Node: m.Node, NodeID: m.name, Keyring: w.keys, Tokens: tokens, Logger: m.service.cfg.Logger, Now: w.now})
	require.NoError(w.t, err)
	w.loads = func(ctx context.Context, authority, mailbox string, file io.Reader, answer io.Writer) error {
		_, err := server.LoadMessage(ctx, api.MailboxIdentity("mesh", authority, mailbox), file, answer)
		var p *api.Problem
		if errors.As(err, &p) && p.Denied() {
			return mesh.Permanent(err)
		}
		return err
	}
}

// message01 is a file of one authority's with one plan.
func (w *world) message01(authority string, sequence int64, nhs string) []byte {
	w.t.Helper()
	var b bytes.Buffer
	out, err := cpis.NewWriter(&b, cpis.Header{Created: cpis.TimestampOf(w.now()), Sequence: sequence, Quantity: 1,
		Sender: cpis.Organisation{Code: authority, Name: "Northbank Council", EmergencyDuty: "02079460002"}})
	require.NoError(w.t, err)
	who := cpis.Person{Identity: cpis.Identity{NHSNumber: nhs, LocalID: "LOCAL-BY-MESH", Assigner: authority}, Given: "Annunziata", Family: "Featherstonehaugh", Birth: 20150504}
	w.personal = append(w.personal, nhs, who.LocalID, who.Given, who.Family)
	require.NoError(w.t, out.Write(&cpis.Record{Plans: []cpis.Plan{{Type: cpis.ChildProtection, Start: 202501100000}}, Subjects: []cpis.Subject{{Person: who}}}))
	require.NoError(w.t, out.Close())
	return b.Bytes()
}

// put lays a message into our inbox.
func (w *world) put(from, workflow string, b []byte) string {
	m := meshtest.Message{From: from, To: ourMailbox, Workflow: workflow}
	if len(b) > 0 {
		m.Chunks = []meshtest.Chunk{meshtest.Bytes(b)}
	}
	return w.mesh.Put(m)
}

// drain has the leader look once at its inbox, as it does by itself.
func (w *world) drain() mesh.Pass {
	w.t.Helper()
	s := w.leader().service
	pass, err := s.cfg.MESH.Drain(w.t.Context(), s.handle)
	require.NoError(w.t, err)
	s.polled(pass, nil)
	return pass
}

// answers are the messages 02 of a mailbox, as they came.
func (w *world) answers(mailbox string) (out [][]byte) {
	for _, m := range w.sent(mailbox, upload+"_ACK") {
		out = append(out, content(w.t, m))
	}
	return out
}

// All the way round: message 01 comes by MESH and is answered with 02; somebody
// looks the child up; message 05 goes back with the number of the file.
func TestAFileByMESHAndItsNotification(t *testing.T) {
	w := newWorld(t, 1)
	w.edge()
	w.put(mailbox1, upload, w.message01(authority1, 41, child))
	pass := w.drain()
	require.Equal(t, 1, pass.Handled)
	require.Empty(t, w.mesh.Waiting(ourMailbox))
	answers := w.answers(mailbox1)
	require.Len(t, answers, 1)
	r, err := cpis.DecodeResponse(bytes.NewReader(answers[0]), cpis.Limits{})
	require.NoError(t, err)
	require.Equal(t, int64(41), r.Sequence)
	require.Equal(t, []cpis.FileCode{cpis.FileLoaded}, r.Codes)
	require.Equal(t, 1, r.Successful)

	require.Equal(t, ledger.OutcomeFound, w.look("doc-1", child).Answer.Access.Outcome)
	w.pass()
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 1)
	a := notification(t, sent[0]).Accesses[0]
	require.Equal(t, "41", a.UploadFile)
	require.Equal(t, "LOCAL-BY-MESH", a.Asked[0].Person.LocalID)
	valid(t, "REPC_MT000004GB01.xsd", content(t, sent[0]))
	valid(t, "REPC_MT000003GB01.xsd", answers[0])
}

// A message that comes again is loaded once and answered once, wherever the
// first time ended; and the answer is the same.
func TestAFileThatComesAgain(t *testing.T) {
	for name, f := range map[string]meshtest.Fault{
		"the acknowledgement was forgotten":    {Step: "acknowledge", Do: meshtest.Redeliver},
		"the answer did not get out":           {Step: "send", Do: meshtest.CutRequest, N: 50},
		"nobody knew whether the answer did":   {Step: "send", Do: meshtest.CutAnswer},
		"MESH could not be asked of an answer": {Step: "find", Do: meshtest.Status, N: 503},
		"the connection was cut":               {Step: "download", Do: meshtest.CutAnswer, N: 700},
		"it was delivered twice at once":       {Step: "inbox", Do: meshtest.Duplicate},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.edge()
			file := w.message01(authority1, 1, child)
			w.put(mailbox1, upload, file)
			w.mesh.Break(f)
			w.drain()
			w.drain()
			require.Empty(t, w.mesh.Waiting(ourMailbox))
			require.Len(t, w.answers(mailbox1), 1)
			require.Len(t, events[*ledger.UploadClosed](w), 1)
			require.Len(t, events[*ledger.PlanRecorded](w), 1)

			// The sender, in doubt, sends the file again: another message, the same answer.
			w.put(mailbox1, upload, file)
			w.drain()
			answers := w.answers(mailbox1)
			require.Len(t, answers, 2)
			require.Equal(t, string(answers[0]), string(answers[1]))
			require.Len(t, events[*ledger.PlanRecorded](w), 1)
		})
	}
}

// A file that is bad is answered, and handled; files of one sender are taken in order.
func TestABadFileIsAnswered(t *testing.T) {
	w := newWorld(t, 1)
	w.edge()
	w.put(mailbox1, upload, []byte("<File>not so"))
	w.put(mailbox1, upload, w.message01(authority2, 5, child)) // somebody else's, by its own words
	w.put(mailbox2, upload, w.message01(authority2, 5, other))
	require.Equal(t, 3, w.drain().Handled)
	answers := w.answers(mailbox1)
	require.Len(t, answers, 2)
	for _, b := range answers {
		r, err := cpis.DecodeResponse(bytes.NewReader(b), cpis.Limits{})
		require.NoError(t, err)
		require.Equal(t, []cpis.FileCode{cpis.FileBroken}, r.Codes)
	}
	require.Len(t, w.answers(mailbox2), 1)
	for _, p := range events[*ledger.PlanRecorded](w) {
		require.Equal(t, authority2, p.Authority)
	}
}

// What has no answer stays where it is, and somebody is told.
func TestWhatIsNoneOfOursStays(t *testing.T) {
	w := newWorld(t, 1)
	w.edge()
	w.put(stranger, upload, w.message01(authority1, 1, child))
	w.put(mailbox1, "OTHER", []byte("Annunziata Featherstonehaugh"))
	before := w.leader().View().R.Head().Size
	pass := w.drain()
	require.Zero(t, pass.Handled)
	require.Len(t, pass.Failures, 2)
	require.Len(t, w.mesh.Waiting(ourMailbox), 2)
	require.Equal(t, before, w.leader().View().R.Head().Size)
	require.Equal(t, 2, w.logged("a message stays in the inbox"))
	require.Equal(t, 2.0, value(t, w.leader().service.stats.left))
	require.Empty(t, w.answers(stranger))

	// The authority's other mail is not held up by it.
	w.put(mailbox1, upload, w.message01(authority1, 1, child))
	require.Equal(t, 1, w.drain().Handled)
}

// Nothing can be recorded: the file stays, and is loaded when it can be.
func TestNothingIsAcknowledgedThatIsNotLoaded(t *testing.T) {
	w := newWorld(t, 1)
	w.edge()
	load, down := w.loads, true
	w.loads = func(ctx context.Context, authority, mailbox string, file io.Reader, answer io.Writer) error {
		if down {
			return errors.New("no majority")
		}
		return load(ctx, authority, mailbox, file, answer)
	}
	w.put(mailbox1, upload, w.message01(authority1, 1, child))
	w.put(mailbox1, upload, w.message01(authority1, 2, child))
	pass := w.drain()
	require.Equal(t, 1, len(pass.Failures))
	require.Equal(t, 1, pass.Waiting, "files are taken in order")
	require.Empty(t, w.answers(mailbox1))
	down = false
	require.Equal(t, 2, w.drain().Handled)
	require.Len(t, w.answers(mailbox1), 2)
}

// A message that is larger than may be is left for MESH to return.
func TestAFileThatIsTooLarge(t *testing.T) {
	w := newWorld(t, 1)
	w.edge()
	c := w.client
	c.MaxSize = 200
	w.leader().service.cfg.MESH = w.meshClient(c)
	w.put(mailbox1, upload, w.message01(authority1, 1, child))
	pass := w.drain()
	require.Len(t, pass.Failures, 1)
	require.True(t, pass.Failures[0].Permanent)
	require.Empty(t, events[*ledger.UploadOpened](w))
}

// What nobody collected in five days comes back: it has failed, and goes out
// again as another message.
func TestAReportThatNobodyCollected(t *testing.T) {
	w := newWorld(t, 1)
	w.edge()
	w.plan(authority1, child, false)
	w.look("doc-1", child)
	w.pass()
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 1)
	w.mesh.Expire(sent[0].ID)
	require.Equal(t, 1, w.drain().Handled)
	require.Equal(t, []string{"failed"}, w.states(authority1))
	failed := events[*ledger.NotificationFailed](w)
	require.Equal(t, "mesh-undelivered:14", failed[0].Code)
	require.Equal(t, sent[0].ID, failed[0].Message)
	w.forward(16 * time.Minute)
	w.pass()
	require.Equal(t, []string{"delivered"}, w.states(authority1))
	again := w.sent(mailbox1, access)
	require.Len(t, again, 2)
	require.NotEqual(t, again[0].LocalID, again[1].LocalID)

	// The same report again changes nothing; one of somebody else's message stays.
	w.mesh.Put(meshtest.Message{To: ourMailbox, Report: true, Linked: sent[0].ID, Code: "14"})
	require.Equal(t, 1, w.drain().Handled)
	require.Len(t, events[*ledger.NotificationFailed](w), 1)
	w.mesh.Put(meshtest.Message{To: ourMailbox, Report: true, Linked: "20260101000000000000_000000", Code: "14"})
	require.Len(t, w.drain().Failures, 1)
}

// An answer that nobody collected is told to whoever runs the node; the file
// was loaded, and its sender may send it again.
func TestAnAnswerThatNobodyCollected(t *testing.T) {
	w := newWorld(t, 1)
	w.edge()
	w.put(mailbox1, upload, w.message01(authority1, 1, child))
	w.drain()
	w.mesh.Expire(w.sent(mailbox1, upload+"_ACK")[0].ID)
	require.Equal(t, 1, w.drain().Handled)
	require.Equal(t, 1, w.logged("an acknowledgement was not collected"))
}

// An answer of any length is read as it was written, from any place.
func TestAnswerFile(t *testing.T) {
	a, err := newAnswerFile()
	require.NoError(t, err)
	defer a.close()
	want := make([]byte, 100_003)
	_, _ = rand.Read(want)
	for from := 0; from < len(want); from += 777 {
		_, err := a.Write(want[from:min(from+777, len(want))])
		require.NoError(t, err)
	}
	require.EqualValues(t, len(want), a.size)
	for _, off := range []int{0, 1, 15, 16, 17, 4096, 99_999, len(want) - 1} {
		got := make([]byte, min(1000, len(want)-off))
		_, err := a.ReadAt(got, int64(off))
		require.NoError(t, err)
		require.Equal(t, want[off:off+len(got)], got)
	}
	_, err = a.ReadAt(make([]byte, 1), a.size)
	require.ErrorIs(t, err, io.EOF)
	got, err := io.ReadAll(io.NewSectionReader(a, 0, a.size))
	require.NoError(t, err)
	require.Equal(t, want, got)
	raw := make([]byte, len(want))
	_, err = a.file.ReadAt(raw, 0)
	require.NoError(t, err)
	require.NotContains(t, string(raw), string(want[:64]), "it is encrypted")
}
