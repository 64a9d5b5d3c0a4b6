package tools

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io/fs"
	mathrand "math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/consensus/raftlog"
	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

const (
	testOrigin = "custos.example/log"
	nhsChild   = "9990000018"
	nhsSister  = "9990000026"
	nhsNobody  = "9990000034"
)

// world is a node's data folder made without consensus: commands go straight
// through projection.Step, and each into a Raft entry of its own.
type world struct {
	t      testing.TB
	dir    string
	keyDir string
	db     *store.DB
	raft   *raftlog.Store
	keys   *ledger.Keyring
	signer note.Signer
	vkey   string
	now    time.Time
	n      uint64
	index  uint64
	held   map[string]ledger.DataKey

	signing bool
}

func newWorld(t testing.TB) *world { return newWorldOf(t, true) }

// newWorldOf makes a world; signing says whether it has the log's key.
func newWorldOf(t testing.TB, signing bool) *world {
	t.Helper()
	s, vkey := testSigner(t)
	return newWorldSigned(t, s, vkey, signing)
}

// newWorldSigned is a world with a log key of its own.
func newWorldSigned(t testing.TB, signer note.Signer, vkey string, signing bool) *world {
	t.Helper()
	w := &world{t: t, signing: signing, signer: signer, vkey: vkey, dir: t.TempDir(), keyDir: t.TempDir(), held: map[string]ledger.DataKey{}, now: time.Date(2026, 3, 3, 14, 0, 0, 0, time.UTC)}
	random := mathrand.New(mathrand.NewSource(1))
	var err error
	require.NoError(t, os.WriteFile(filepath.Join(w.keyDir, "log.vkey"), []byte(vkey+"\n"), 0o644))
	log := ledger.DeriveID("test log")
	w.keys, err = ledger.NewKeyring(ledger.Secrets{Log: log, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, random)
	require.NoError(t, err)
	require.NoError(t, store.Init(w.tables(), store.Options{}))
	require.NoError(t, raftlog.Init(filepath.Join(w.dir, raftlog.RaftFolder), raftlog.Options{}))
	w.open()
	w.system(&ledger.OpenLog{ID: log, Origin: testOrigin, Verifier: vkey, Synthetic: true, Rules: ledger.CurrentRules})
	for _, o := range []ledger.Organisation{
		{Code: "LA1", Name: "First Authority", Sort: ledger.SortAuthority, Directory: ledger.Directory{OfficeHours: "01", EmergencyDuty: "02"}},
		{Code: "RXX01", Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled},
		{Code: "100001", Name: "School", Sort: ledger.SortSchool},
	} {
		w.system(&ledger.RecordOrganisation{Organisation: o})
	}
	return w
}

// testKey is always the same. A fuzzer's workers are processes of their own: what
// one of them made must be of the log that the others have.
var testKey = sync.OnceValues(func() ([2]string, error) {
	seed := sha256.Sum256([]byte("the key of a log that is no log"))
	vkey, err := note.NewEd25519VerifierKey(testOrigin, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		return [2]string{}, err
	}
	hash := strings.Split(vkey, "+")[1]
	return [2]string{"PRIVATE+KEY+" + testOrigin + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...)), vkey}, nil
})

// testStranger is the verifier key of another signer under the log's own name.
func testStranger(t testing.TB) string {
	t.Helper()
	_, vkey, err := note.GenerateKey(rand.Reader, testOrigin)
	require.NoError(t, err)
	return vkey
}

// testSigner is the key of every test's log: two of them are two histories of one log.
func testSigner(t testing.TB) (note.Signer, string) {
	t.Helper()
	k, err := testKey()
	require.NoError(t, err)
	s, err := note.NewSigner(k[0])
	require.NoError(t, err)
	return s, k[1]
}

func (w *world) tables() string { return filepath.Join(w.dir, raftlog.LedgerFolder) }

func (w *world) open() {
	var err error
	w.db, err = store.Open(w.tables(), store.Options{})
	require.NoError(w.t, err)
	w.raft, err = raftlog.Open(filepath.Join(w.dir, raftlog.RaftFolder), raftlog.Options{})
	require.NoError(w.t, err)
}

// close stops the node cleanly: everything is flushed.
func (w *world) close() {
	w.t.Helper()
	require.NoError(w.t, w.db.Flush())
	require.NoError(w.t, w.db.Close())
	require.NoError(w.t, w.raft.Close())
	w.db = nil
}

func (w *world) id() ledger.ID {
	w.n++
	return ledger.DeriveID("id", binary.BigEndian.AppendUint64(nil, w.n))
}

func (w *world) actor(subject string, r ledger.Role, org string) ledger.Actor {
	return ledger.Actor{Issuer: "https://issuer.test", Subject: subject, Role: r, Organisation: org, KeyID: "k", Node: "n1",
		Profile: w.keys.Tag("profile", subject, "Name of "+subject)}
}

func (w *world) command(a ledger.Actor, q ledger.Request) *ledger.Command {
	c := &ledger.Command{ID: w.id(), Seed: w.id(), Actor: a, Request: q, Time: ledger.Of(w.now), Content: w.keys.Tag("content", "x", w.id().String())}
	if !a.Profile.IsZero() {
		id := a.ID()
		w.seal(c, ledger.HolderActor, id[:], ledger.PayloadProfile, 0, ledger.ProfileDetails{Name: "Name of " + a.Subject})
	}
	return c
}

func (w *world) seal(c *ledger.Command, h ledger.Holder, id []byte, p ledger.Payload, row int, details any) {
	key, ok := w.held[string(id)]
	if !ok {
		var err error
		key, err = w.keys.NewKey(h, id)
		require.NoError(w.t, err)
		w.held[string(id)] = key
	}
	c.Keys = append(c.Keys, key.Wrapped)
	s, err := w.keys.Seal(key, p, c.ID, row, details)
	require.NoError(w.t, err)
	c.Sealed = append(c.Sealed, s)
}

// batch is a Raft entry's data as docs/FORMAT.md lays it out.
func batch(now ledger.Time, tree tlog.Tree, signed []byte, commands ...[]byte) []byte {
	b := []byte{1, 1}
	b = binary.BigEndian.AppendUint64(b, uint64(now))
	b = binary.BigEndian.AppendUint64(b, uint64(tree.N))
	b = append(b, tree.Hash[:]...)
	b = append(b, 2, 'n', '1')
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(signed))), signed...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(commands)))
	for _, c := range commands {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(c))), c...)
	}
	return b
}

// log appends a command to Raft's log without applying it.
func (w *world) log(c *ledger.Command) {
	encoded, err := c.Encode()
	require.NoError(w.t, err)
	signed, err := w.db.LastSigned()
	require.NoError(w.t, err)
	w.index++
	require.NoError(w.t, w.raft.StoreLog(&raft.Log{Index: w.index, Term: 1, Type: raft.LogCommand,
		Data: batch(ledger.Of(w.now), w.db.Tree(), signed, encoded)}))
}

func (w *world) step(c *ledger.Command) projection.Result {
	w.t.Helper()
	w.log(c)
	txn := w.db.Begin()
	r, err := projection.Step(txn, c)
	require.NoError(w.t, err)
	txn.SetApplied(store.Applied{Index: w.index, Term: 1})
	require.NoError(w.t, txn.Commit())
	w.now = w.now.Add(time.Second)
	if len(r.Entries) > 0 {
		w.sign()
	}
	return r
}

func (w *world) sign() {
	if !w.signing {
		return
	}
	signed, err := ledger.SignCheckpoint(testOrigin, w.db.Tree(), w.signer)
	require.NoError(w.t, err)
	require.NoError(w.t, w.db.SetLastSigned(signed))
}

func (w *world) system(q ledger.Request) {
	w.t.Helper()
	r := w.step(&ledger.Command{ID: w.id(), Seed: w.id(), Actor: ledger.SystemActor("n1"), Request: q, Time: ledger.Of(w.now)})
	require.Nil(w.t, r.Refusal)
}

func (w *world) do(a ledger.Actor, q ledger.Request) projection.Result {
	w.t.Helper()
	return w.step(w.command(a, q))
}

func (w *world) day(s string) ledger.Day {
	d, err := ledger.ParseDay(s)
	require.NoError(w.t, err)
	return d
}

// upload loads one chunk of plans.
func (w *world) upload(sequence int64, nhs ...string) {
	w.t.Helper()
	up := w.actor("uploader", ledger.RoleUploader, "LA1")
	id := w.id()
	require.Nil(w.t, w.do(up, &ledger.OpenUpload{Upload: id, Sequence: sequence, Content: ledger.Tag(id), Format: 1}).Refusal)
	q := &ledger.UploadChunk{Upload: id}
	for i, n := range nhs {
		q.Rows = append(q.Rows, ledger.Row{N: i + 1, Person: w.keys.Person(n), Type: ledger.ChildProtection,
			Start: w.day("2026-01-05"), LastDay: w.day("2033-05-05"), Birth: w.keys.Tag("birth", n, "2015-05-05"), Content: w.keys.Tag("row", n, "x")})
	}
	c := w.command(up, q)
	for i, n := range nhs {
		p := w.keys.Person(n)
		w.seal(c, ledger.HolderPerson, p[:], ledger.PayloadPlan, i+1, ledger.PlanDetails{NHSNumber: n, Family: "Fablethorpe", Given: "Ada"})
	}
	require.Nil(w.t, w.step(c).Refusal)
	require.Nil(w.t, w.do(up, &ledger.CloseUpload{Upload: id, Rows: len(nhs), Chunks: 1}).Refusal)
}

func (w *world) lookup(subject, nhs string) projection.Result {
	w.t.Helper()
	c := w.lookupCommand(subject, nhs)
	return w.step(c)
}

func (w *world) lookupCommand(subject, nhs string) *ledger.Command {
	p := w.keys.Person(nhs)
	c := w.command(w.actor(subject, ledger.RoleClinician, "RXX01"), &ledger.LookUp{Person: p, Attendance: ledger.Tag(w.id())}) // each an attendance of its own
	w.seal(c, ledger.HolderPerson, p[:], ledger.PayloadAccess, 0, ledger.AccessDetails{NHSNumber: nhs})
	return c
}

// usual gives the ledger a day of the main job.
func (w *world) usual() {
	w.upload(1, nhsChild, nhsSister)
	w.lookup("nurse", nhsChild)
	w.lookup("nurse", nhsNobody)
	w.lookup("doctor", nhsSister)
	w.do(w.actor("clerk", ledger.RoleUploader, "LA1"), &ledger.LookUp{Person: w.keys.Person(nhsChild)}) // denied
	r := w.lookup("doctor", nhsChild)
	worker := w.actor("worker", ledger.RoleSocialWorker, "LA1")
	last := r.Entries[len(r.Entries)-1]
	w.do(worker, &ledger.OpenNotification{Notification: last.Seq})
	c := w.command(w.actor("ig", ledger.RoleIGOfficer, "NAT"), &ledger.ReadTrail{Person: w.keys.Person(nhsChild)})
	id := c.Actor.ID()
	w.seal(c, ledger.HolderActor, id[:], ledger.PayloadReason, 0, ledger.NoteDetails{Text: "audit"})
	w.step(c)
}

// usualFolder is a cleanly stopped node after the main job.
func usualFolder(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.usual()
	w.close()
	return w
}

// tamper changes the ledger's rows through the database itself, as somebody
// with the disk in hand would.
func (w *world) tamper(change func(b *pebble.Batch, get func(key []byte) []byte)) {
	w.t.Helper()
	db, err := pebble.Open(w.tables(), &pebble.Options{FormatMajorVersion: 24, Logger: quietLogger{}})
	require.NoError(w.t, err)
	b := db.NewBatch()
	change(b, func(key []byte) []byte {
		v, closer, err := db.Get(key)
		require.NoError(w.t, err)
		out := bytes.Clone(v)
		require.NoError(w.t, closer.Close())
		return out
	})
	require.NoError(w.t, b.Commit(pebble.Sync))
	require.NoError(w.t, db.Flush())
	require.NoError(w.t, db.Close())
}

type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}
func (quietLogger) Fatalf(string, ...any) {}

func rowKey(prefix byte, n ledger.Seq) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, uint64(n))
}

// record reads an entry's bytes from the stopped ledger.
func (w *world) record(n ledger.Seq) []byte {
	w.t.Helper()
	db, err := store.Open(w.tables(), store.Options{ReadOnly: true})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, db.Close()) }()
	b, err := store.Record(db, n)
	require.NoError(w.t, err)
	return b
}

func (w *world) size() ledger.Seq {
	w.t.Helper()
	db, err := store.Open(w.tables(), store.Options{ReadOnly: true})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, db.Close()) }()
	return db.Head().Size
}

// files lists a folder's files by extension.
func files(t testing.TB, dir, ext string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(p) == ext {
			out = append(out, p)
		}
		return err
	}))
	return out
}

// flip changes one bit of a file.
func flip(t testing.TB, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[at] ^= 0x10
	require.NoError(t, os.WriteFile(path, b, 0o644))
}

// folderSum is a digest of every file in a folder but the lock, to show that nothing was written.
func folderSum(t testing.TB, dir string) [32]byte {
	t.Helper()
	h := sha256.New()
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		h.Write([]byte(p))
		h.Write(b)
		return err
	}))
	return [32]byte(h.Sum(nil))
}
