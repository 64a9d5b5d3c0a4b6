package deliver

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/api/cpis"
	"custos/api/mesh"
	"custos/api/mesh/meshtest"
	"custos/consensus"
	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

const (
	origin     = "custos.test/deliver"
	authority1 = "301"
	authority2 = "302"
	emergency  = "RXX01"
	ourMailbox = "X26HC001"
	mailbox1   = "X26LA001"
	mailbox2   = "X26LA002"
	stranger   = "X26LA999"
	password   = "correct horse"
	sharedKey  = "BackBone"

	access, inactive, upload = "TEST_ASN", "TEST_INN", "TEST_UPLOAD"
)

var logID = ledger.DeriveID("delivery test log")

var logKey = sync.OnceValue(func() (k struct {
	signer   note.Signer
	verifier note.Verifier
	text     string
},
) {
	s, v, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		panic(err)
	}
	k.text = v
	if k.signer, err = note.NewSigner(s); err != nil {
		panic(err)
	}
	if k.verifier, err = note.NewVerifier(v); err != nil {
		panic(err)
	}
	return k
})

// world is a cluster of real nodes, each with delivery, and a MESH. When a test
// ends, every decision is repeated from the entries and the log is searched for
// what is personal.
type world struct {
	t        testing.TB
	mesh     *meshtest.Server
	nodes    []*member
	keys     *ledger.Keyring
	log      *logBuffer
	client   mesh.Config
	began    time.Time
	ahead    atomic.Int64
	sequence map[string]int64
	loads    func(ctx context.Context, authority, mailbox string, file io.Reader, answer io.Writer) error
	personal []string
}

// member is a node with what runs on it.
type member struct {
	*consensus.Node
	name    string
	service *Service
	// before is asked of each request that delivery proposes here; after is told
	// of what was committed. An error of either is what delivery sees.
	before, after func(ledger.Request) error
	gone          bool
}

func (m *member) Propose(ctx context.Context, c ledger.Command) (consensus.Outcome, error) {
	if m.gone {
		return consensus.Outcome{}, consensus.ErrClosed
	}
	if m.before != nil {
		if err := m.before(c.Request); err != nil {
			return consensus.Outcome{}, err
		}
	}
	out, err := m.Node.Propose(ctx, c)
	if err == nil && m.after != nil {
		err = m.after(c.Request)
	}
	return out, err
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB, size int) *world {
	t.Helper()
	w := &world{t: t, log: &logBuffer{}, began: time.Now(), sequence: map[string]int64{}}
	var err error
	w.keys, err = ledger.NewKeyring(ledger.Secrets{Log: logID, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, rand.Reader)
	require.NoError(t, err)
	w.startMESH()
	w.startNodes(size)
	w.must(&ledger.OpenLog{ID: logID, Origin: origin, Verifier: logKey().text, Synthetic: true, Rules: ledger.CurrentRules})
	for _, o := range []ledger.Organisation{
		{Code: authority1, Name: "Northbank Council", Sort: ledger.SortAuthority, Directory: ledger.Directory{EmergencyDuty: "020 7946 0002"}},
		{Code: authority2, Name: "Southmoor Council", Sort: ledger.SortAuthority, Directory: ledger.Directory{EmergencyDuty: "020 7946 0004"}},
		{Code: emergency, Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled},
	} {
		w.must(&ledger.RecordOrganisation{Organisation: o})
	}
	t.Cleanup(w.close)
	return w
}

func (w *world) startMESH() {
	var err error
	w.mesh, err = meshtest.Start(meshtest.Options{SharedKey: sharedKey, Workflows: []string{access, inactive, upload, upload + "_ACK", "OTHER"}})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = w.mesh.Close() })
	for _, m := range []string{ourMailbox, mailbox1, mailbox2, stranger} {
		w.mesh.AddMailbox(m, password)
	}
	dir := w.t.TempDir()
	for name, secret := range map[string]string{"password": password, "key": sharedKey} {
		require.NoError(w.t, os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600))
	}
	w.client = mesh.Config{URL: w.mesh.URL(), Mailbox: ourMailbox, PasswordFile: filepath.Join(dir, "password"), SharedKeyFile: filepath.Join(dir, "key"),
		Workflows: mesh.Workflows{Upload: upload, Acknowledgement: upload + "_ACK", AccessNotification: access, InactiveNumber: inactive},
		Every:     mesh.Duration(10 * time.Millisecond), Silence: mesh.Duration(150 * time.Millisecond), Limit: mesh.Duration(2 * time.Second), Attempts: 1}
}

func (w *world) startNodes(size int) {
	ca, err := consensus.MakeCA(time.Now(), time.Hour)
	require.NoError(w.t, err)
	logger := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var members []consensus.Member
	var ports []*consensus.TLS
	for i := range size {
		name := fmt.Sprintf("n%d", i+1)
		credentials, err := ca.IssueNode(consensus.Identity{Log: logID, Node: name}, time.Now(), time.Hour)
		require.NoError(w.t, err)
		port, err := consensus.Listen(consensus.ListenConfig{Address: "127.0.0.1:0", Credentials: credentials, Logger: logger})
		require.NoError(w.t, err)
		ports, members = append(ports, port), append(members, consensus.Member{Node: name, Address: port.Address()})
	}
	timing := 20 * time.Millisecond
	if size > 1 {
		timing = 300 * time.Millisecond
	}
	for i := range size {
		cfg := consensus.Config{
			Dir: filepath.Join(w.t.TempDir(), members[i].Node), Identity: consensus.Identity{Log: logID, Node: members[i].Node}, Network: ports[i], Members: members,
			PublicURL: "http://" + members[i].Node, Origin: origin, Signer: logKey().signer, Verifier: logKey().verifier, Clock: w.now, Logger: logger,
			LedgerCache: 8 << 20, HeartbeatTimeout: timing, ElectionTimeout: timing, LeaderLease: timing / 2,
		}
		require.NoError(w.t, consensus.Init(cfg))
		n, err := consensus.Open(cfg)
		require.NoError(w.t, err)
		m := &member{Node: n, name: members[i].Node}
		w.nodes = append(w.nodes, m)
		m.service = w.service(m, logger)
	}
}

// service makes delivery on a node. Nothing in it waits for a clock that the
// test does not move.
func (w *world) service(m *member, logger *slog.Logger) *Service {
	w.t.Helper()
	s, err := New(Config{
		Node: m, NodeID: m.name, Keyring: w.keys, MESH: w.meshClient(w.client), Mailboxes: map[string]string{authority1: mailbox1, authority2: mailbox2},
		Service: cpis.Party{Code: "X26", Name: "Custos"}, System: "200000000001", Logger: logger, Now: w.now, Look: 10 * time.Millisecond,
		Load: func(ctx context.Context, authority, mailbox string, file io.Reader, answer io.Writer) error {
			return w.loads(ctx, authority, mailbox, file, answer)
		},
	})
	require.NoError(w.t, err)
	return s
}

func (w *world) meshClient(c mesh.Config) *mesh.Client {
	w.t.Helper()
	client, err := mesh.New(c)
	require.NoError(w.t, err)
	return client
}

func (w *world) now() time.Time {
	return w.began.Add(time.Since(w.began) + time.Duration(w.ahead.Load()))
}

func (w *world) forward(d time.Duration) { w.ahead.Add(int64(d)) }

// leader waits for the node that acts.
func (w *world) leader() *member {
	w.t.Helper()
	var m *member
	require.Eventually(w.t, func() bool {
		for _, n := range w.nodes {
			if !n.gone && leads(n) {
				m = n
				return true
			}
		}
		return false
	}, 20*time.Second, time.Millisecond)
	return m
}

// kill ends a node as a crash does: nothing that it was about is finished.
func (w *world) kill(m *member) error {
	m.gone = true
	require.NoError(w.t, m.Close())
	return consensus.ErrClosed
}

// pass has the leader look once at what waits, as it does by itself.
func (w *world) pass() { w.leader().service.pass(w.t.Context()) }

func (w *world) propose(c ledger.Command) consensus.Outcome {
	w.t.Helper()
	for _, id := range []*ledger.ID{&c.ID, &c.Seed} {
		if *id == (ledger.ID{}) {
			_, _ = rand.Read(id[:])
		}
	}
	out, err := w.leader().Node.Propose(w.t.Context(), c)
	require.NoError(w.t, err)
	require.Nil(w.t, out.Answer.Refusal)
	return out
}

func (w *world) must(q ledger.Request) consensus.Outcome {
	w.t.Helper()
	return w.propose(ledger.Command{Actor: ledger.SystemActor("n1"), Request: q})
}

// sealed is a command with a sealed payload, and its holder's key.
func (w *world) sealed(a ledger.Actor, q ledger.Request, h ledger.Holder, holder []byte, p ledger.Payload, row int, details any) ledger.Command {
	w.t.Helper()
	c := ledger.Command{Actor: a, Request: q}
	_, _ = rand.Read(c.ID[:])
	w.seal(&c, h, holder, p, row, details)
	return c
}

func (w *world) seal(c *ledger.Command, h ledger.Holder, holder []byte, p ledger.Payload, row int, details any) {
	w.t.Helper()
	key, err := w.keys.NewKey(h, holder)
	require.NoError(w.t, err)
	s, err := w.keys.Seal(key, p, c.ID, row, details)
	require.NoError(w.t, err)
	c.Keys, c.Sealed = append(c.Keys, key.Wrapped), append(c.Sealed, s)
}

// plan loads one plan by a file of its own, the authority's next.
func (w *world) plan(authority, nhs string, restricted bool) {
	w.t.Helper()
	w.sequence[authority]++
	n := w.sequence[authority]
	a := ledger.Actor{Issuer: "test", Subject: "up", Role: ledger.RoleUploader, Organisation: authority, Node: "n1"}
	id := ledger.DeriveID("upload", []byte(authority), fmt.Append(nil, n))
	w.propose(ledger.Command{Actor: a, Request: &ledger.OpenUpload{Upload: id, Sequence: n, Content: ledger.Tag(id), Format: 3}})
	p := w.keys.Person(nhs)
	today := ledger.Of(w.now()).Day()
	q := &ledger.UploadChunk{Upload: id, Rows: []ledger.Row{{N: 1, Person: p, Type: ledger.ChildProtection, Start: today - 100, LastDay: today + 1000,
		Birth: w.keys.Tag("birth", string(p[:]), "2015-05-04"), Content: w.keys.Tag("row", "", nhs, fmt.Sprint(n)), Restricted: restricted}}}
	d := ledger.PlanDetails{NHSNumber: nhs, Family: "Featherstonehaugh", Given: "Annunziata", Birth: "2015-05-04", LocalID: "LOCAL-" + authority + "-" + nhs[6:]}
	w.personal = append(w.personal, nhs, d.Family, d.Given, d.LocalID)
	w.propose(w.sealed(a, q, ledger.HolderPerson, p[:], ledger.PayloadPlan, 1, d))
	w.propose(ledger.Command{Actor: a, Request: &ledger.CloseUpload{Upload: id, Rows: 1, Chunks: 1}})
}

// look has somebody in unscheduled care look a person up, and returns the access.
func (w *world) look(subject, nhs string) consensus.Outcome {
	w.t.Helper()
	p := w.keys.Person(nhs)
	a := ledger.Actor{Issuer: "test", Subject: subject, Role: ledger.RoleClinician, Organisation: emergency, Node: "n1", Profile: w.keys.Tag("profile", subject, subject)}
	c := w.sealed(a, &ledger.LookUp{Person: p, Attendance: w.keys.Tag("attendance", "test", rand.Text())}, ledger.HolderPerson, p[:], ledger.PayloadAccess, 0, ledger.AccessDetails{NHSNumber: nhs})
	id := a.ID()
	w.seal(&c, ledger.HolderActor, id[:], ledger.PayloadProfile, 0, ledger.ProfileDetails{Name: "Dr " + subject + " Quillfeather", RoleName: "Consultant"})
	w.personal = append(w.personal, "Quillfeather")
	return w.propose(c)
}

// states are how far an authority's notifications have come, in order.
func (w *world) states(authority string) []string {
	w.t.Helper()
	list, err := w.leader().View().Notifications(authority, 0, nil, 1000)
	require.NoError(w.t, err)
	var out []string
	for i := range list {
		out = append(out, list[i].State.String())
	}
	return out
}

// sent are the messages of a workflow that lie in a mailbox, or lay there.
func (w *world) sent(mailbox, workflow string) []meshtest.Message {
	var out []meshtest.Message
	for _, m := range w.mesh.Messages() {
		if m.To == mailbox && m.Workflow == workflow && !m.Report {
			out = append(out, m)
		}
	}
	return out
}

func content(t testing.TB, m meshtest.Message) []byte {
	t.Helper()
	var out []byte
	for _, c := range m.Chunks {
		b, err := io.ReadAll(c.Open())
		require.NoError(t, err)
		out = append(out, b...)
	}
	return out
}

// notification reads message 05.
func notification(t testing.TB, m meshtest.Message) *cpis.Notification {
	t.Helper()
	n, err := cpis.DecodeNotification(bytes.NewReader(content(t, m)), cpis.Limits{})
	require.NoError(t, err)
	return n
}

// events lists the events of one type, in order.
func events[E ledger.Event](w *world) []E {
	w.t.Helper()
	n := w.leader()
	var out []E
	for seq := ledger.Seq(0); seq < n.View().R.Head().Size; seq++ {
		record, err := n.Record(seq)
		require.NoError(w.t, err)
		e, err := ledger.ParseEntry(record)
		require.NoError(w.t, err)
		if ev, ok := e.Event.(E); ok {
			out = append(out, ev)
		}
	}
	return out
}

// close repeats every decision from the entries alone, folds the views again,
// and looks for what is personal.
func (w *world) close() {
	leader := w.leader()
	w.reprove(leader.Node)
	for _, n := range w.nodes {
		if !n.gone {
			require.NoError(w.t, n.Close())
		}
	}
	text := w.log.String()
	for _, p := range w.personal {
		require.NotContains(w.t, text, p, "something personal is in the log")
	}
	for _, m := range w.mesh.Messages() {
		for _, p := range w.personal {
			require.NotContains(w.t, m.LocalID+m.Subject+m.FileName, p)
		}
	}
}

func (w *world) reprove(n *consensus.Node) {
	w.t.Helper()
	o := store.Options{FS: vfs.NewMem(), Scratch: true}
	require.NoError(w.t, store.Init("again", o))
	again, err := store.Open("again", o)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, again.Close()) }()
	db, release := n.Ledger()
	defer release()
	var group []ledger.Entry
	for record, err := range db.Records(0, db.Head().Size) {
		require.NoError(w.t, err)
		e, err := ledger.ParseEntry(bytes.Clone(record))
		require.NoError(w.t, err)
		if group = append(group, e); len(group) < e.Of {
			continue
		}
		txn := again.Begin()
		decided, err := projection.Redecide(txn, group)
		require.NoError(w.t, err)
		require.Len(w.t, decided, len(group))
		for i := range decided {
			require.Equal(w.t, group[i].Record(), decided[i].Record(), "entry %d %s: decided again, it differs", group[i].Seq, group[i].Kind)
		}
		require.NoError(w.t, projection.Replay(txn, group))
		require.NoError(w.t, txn.Commit())
		group = nil
	}
	rows := func(r store.Reader) map[string]string {
		out := map[string]string{}
		for row, err := range store.ViewRows(r) {
			require.NoError(w.t, err)
			out[string(row.Key)] = string(row.Value)
		}
		return out
	}
	require.Equal(w.t, rows(db), rows(again), "views differ from the fold of the entries")
}

// logged counts the lines of the log that hold a text.
func (w *world) logged(text string) int { return strings.Count(w.log.String(), text) }

const (
	child  = "9990000018"
	other  = "9990000026"
	nobody = "9990000034"
)

// inactiveOf reads message 06.
func inactiveOf(t testing.TB, m meshtest.Message) *cpis.Inactive {
	t.Helper()
	n, err := cpis.DecodeInactive(bytes.NewReader(content(t, m)), cpis.Limits{})
	require.NoError(t, err)
	return n
}

// value reads a metric.
func value(t testing.TB, c prometheus.Collector) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	require.NoError(t, r.Register(c))
	all, err := r.Gather()
	require.NoError(t, err)
	require.Len(t, all, 1)
	m := all[0].GetMetric()[0]
	return m.GetGauge().GetValue() + m.GetCounter().GetValue()
}
