package projection

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// world is a ledger on one machine without consensus: commands go straight
// through Step. After each of them check proves everything again.
type world struct {
	t    *testing.T
	db   *store.DB
	keys *ledger.Keyring
	now  time.Time
	n    uint64
	asm  *Assembler
	held map[string]ledger.DataKey
}

var logID = ledger.DeriveID("test log")

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldUnder(t, ledger.CurrentRules)
}

// worldUnder is a world whose log opens under a rules version.
func worldUnder(t *testing.T, rules int) *world {
	t.Helper()
	o := store.Options{FS: vfs.NewMem()}
	require.NoError(t, store.Init("ledger", o))
	db, err := store.Open("ledger", o)
	require.NoError(t, err)
	keys, err := ledger.NewKeyring(ledger.Secrets{Log: logID,
		Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)}, KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}},
		rand.New(rand.NewSource(1)))
	require.NoError(t, err)
	w := &world{t: t, db: db, keys: keys, now: time.Date(2026, 3, 3, 14, 0, 0, 0, time.UTC), asm: NewAssembler(),
		held: map[string]ledger.DataKey{}}
	t.Cleanup(func() { w.check(); w.refold(); require.NoError(t, db.Close()) })
	w.must(ledger.SystemActor("n1"), &ledger.OpenLog{ID: logID, Origin: "custos.test/log", Verifier: "v", Synthetic: true, Rules: rules})
	for _, o := range []ledger.Organisation{
		{Code: "LA1", Name: "First Authority", Sort: ledger.SortAuthority, Directory: ledger.Directory{OfficeHours: "01", EmergencyDuty: "02"}},
		{Code: "LA2", Name: "Second Authority", Sort: ledger.SortAuthority},
		{Code: "RXX01", Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled},
		{Code: "G81001", Name: "Practice", Sort: ledger.SortPractice, Setting: ledger.SettingScheduled},
		{Code: "RLATER", Name: "Not yet", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled, Live: w.day("2026-06-01")},
		{Code: "100001", Name: "School", Sort: ledger.SortSchool},
		{Code: "E09000001", Name: "Area", Sort: ledger.SortArea},
		{Code: "RYY", Name: "Community Trust", Sort: ledger.SortTrust},
	} {
		w.must(w.actor("op", ledger.RoleOperator, "NAT"), &ledger.RecordOrganisation{Organisation: o})
	}
	return w
}

func (w *world) day(s string) ledger.Day {
	d, err := ledger.ParseDay(s)
	require.NoError(w.t, err)
	return d
}

func (w *world) id() ledger.ID {
	w.n++
	if w.n%2 == 0 { // as the edge makes them
		return ledger.TimedID(ledger.Of(w.now), [8]byte(binary.BigEndian.AppendUint64(nil, w.n*0x9e3779b97f4a7c15)))
	}
	return ledger.DeriveID("id", binary.BigEndian.AppendUint64(nil, w.n))
}

func (w *world) actor(subject string, r ledger.Role, org string) ledger.Actor {
	return ledger.Actor{Issuer: "https://issuer.test", Subject: subject, Role: r, Organisation: org, KeyID: "k", Node: "n1",
		Profile: w.keys.Tag("profile", subject, "Name of "+subject, r.String())}
}

// command makes a command with the actor's sealed profile.
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

// step decides a command that has crossed the wire, as consensus would.
func (w *world) step(c *ledger.Command) (Result, Answer) {
	w.t.Helper()
	b, err := c.Encode()
	require.NoError(w.t, err)
	wire, err := ledger.ParseCommand(b)
	require.NoError(w.t, err)
	wire.Time = c.Time
	txn := w.db.Begin()
	r, err := Step(txn, &wire)
	require.NoError(w.t, err)
	a, err := w.asm.Assemble(txn, r)
	require.NoError(w.t, err)
	require.NoError(w.t, txn.Commit())
	again, err := ledger.Marshal(a)
	require.NoError(w.t, err)
	var crossed Answer
	require.NoError(w.t, ledger.Unmarshal(again, &crossed), "an answer must cross to another node")
	w.now = w.now.Add(time.Second)
	return r, crossed
}

func (w *world) do(a ledger.Actor, q ledger.Request) (Result, Answer) {
	w.t.Helper()
	return w.step(w.command(a, q))
}

func (w *world) must(a ledger.Actor, q ledger.Request) Answer {
	w.t.Helper()
	c := &ledger.Command{ID: w.id(), Seed: w.id(), Actor: a, Request: q, Time: ledger.Of(w.now)}
	r, ans := w.step(c)
	require.Nil(w.t, r.Refusal)
	require.NotEmpty(w.t, r.Entries)
	return ans
}

// check proves the whole ledger again: the chain, every decision repeated from
// the entries alone, and the views as the fold of the entries: each command in a
// transaction of its own, and all of them in one, as a batch has several.
func (w *world) check() {
	w.t.Helper()
	w.again(false)
	w.again(true)
}

func (w *world) again(together bool) {
	w.t.Helper()
	o := store.Options{FS: vfs.NewMem(), Scratch: true}
	require.NoError(w.t, store.Init("again", o))
	again, err := store.Open("again", o)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, again.Close()) }()
	var group []ledger.Entry
	txn := again.Begin()
	for record, err := range w.db.Records(0, w.db.Head().Size) {
		require.NoError(w.t, err)
		e, err := ledger.ParseEntry(bytes.Clone(record))
		require.NoError(w.t, err)
		group = append(group, e)
		if len(group) < e.Of {
			continue
		}
		decided, err := Redecide(txn, group)
		require.NoError(w.t, err)
		require.Len(w.t, decided, len(group), "entry %d %s: decided again, it becomes another number of entries", e.Seq, e.Kind)
		for i := range decided {
			require.Equal(w.t, group[i].Record(), decided[i].Record(), "entry %d %s: decided again, it differs", group[i].Seq, group[i].Kind)
		}
		require.NoError(w.t, Replay(txn, group))
		if group = nil; together {
			continue
		}
		require.NoError(w.t, txn.Commit())
		txn = again.Begin()
	}
	require.NoError(w.t, txn.Commit())
	require.Empty(w.t, group)
	require.Equal(w.t, w.db.Tree(), again.Tree())
	views := rows(w.t, w.db)
	require.Equal(w.t, views, rows(w.t, again), "views differ from the fold of the entries")
	const ref = 2 + len(ledger.PersonRef{})
	for key := range views {
		if strings.HasPrefix(key, string(store.ViewKey(viewPerson))) {
			require.Contains(w.t, views, key[:ref]+string(partHead), "a person has rows and no entry: see planRow")
		}
	}
}

// refold has the views folded again as a node does that finds them in another
// layout, also one that died while it did.
func (w *world) refold() {
	w.t.Helper()
	before := rows(w.t, w.db)
	txn := w.db.Begin()
	require.NoError(w.t, txn.SetLayout(Layout-1))
	require.NoError(w.t, txn.Commit())
	require.NoError(w.t, w.db.DropViews())
	folded, err := Refold(w.db, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, w.db.Head().Size, folded)
	require.Equal(w.t, before, rows(w.t, w.db))
	folded, err = Refold(w.db, nil)
	require.NoError(w.t, err)
	require.Zero(w.t, folded, "once is enough")
	w.check()
}

func rows(t *testing.T, d *store.DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for r, err := range store.ViewRows(d) {
		require.NoError(t, err)
		out[string(r.Key)] = string(r.Value)
	}
	return out
}

var _ io.Reader = (*rand.Rand)(nil)

const (
	nhsChild  = "9990000018"
	nhsMother = "9990000026"
	nhsNobody = "9990000034"
)

// plan loads one plan by an upload of its own.
func (w *world) plan(authority string, sequence int64, rows ...ledger.Row) Answer {
	w.t.Helper()
	chunk, _ := w.file(authority, &ledger.OpenUpload{Sequence: sequence}, rows...)
	return chunk
}

// file loads rows by an upload of its own, opened as asked, and returns the
// answers to its chunk and to its close.
func (w *world) file(authority string, open *ledger.OpenUpload, rows ...ledger.Row) (chunk, closed Answer) {
	w.t.Helper()
	up := w.actor("uploader-"+authority, ledger.RoleUploader, authority)
	upload := w.id()
	open.Upload, open.Content, open.Format = upload, ledger.Tag(upload), 1
	_, a := w.do(up, open)
	require.Nil(w.t, a.Refusal)
	c := w.command(up, &ledger.UploadChunk{Upload: upload, No: 0, Rows: rows})
	for i := range rows {
		p := rows[i].Person
		w.seal(c, ledger.HolderPerson, p[:], ledger.PayloadPlan, rows[i].N, ledger.PlanDetails{NHSNumber: nhsChild, Family: "Test", Given: "Ann"})
	}
	r, chunk := w.step(c)
	require.Nil(w.t, r.Refusal)
	_, a = w.do(up, &ledger.CloseUpload{Upload: upload, Rows: len(rows), Chunks: 1})
	require.Nil(w.t, a.Refusal)
	return chunk, a
}

func (w *world) row(n int, nhs string, t ledger.PlanType, start, end string) ledger.Row {
	p := w.keys.Person(nhs)
	r := ledger.Row{N: n, Person: p, Type: t, Start: w.day(start), Birth: w.birth(nhs, "2015-05-05"),
		Content: w.keys.Tag("row", "", nhs, start, end)}
	if end != "" {
		r.End = w.day(end)
	}
	if t != ledger.UnbornChild {
		r.LastDay = w.day("2033-05-05")
	}
	return r
}

func (w *world) birth(nhs, date string) ledger.Tag {
	p := w.keys.Person(nhs)
	return w.keys.Tag("birth", p.String(), date)
}

func (w *world) lookup(a ledger.Actor, nhs string, change func(*ledger.LookUp)) (*ledger.Command, Result, Answer) {
	w.t.Helper()
	p := w.keys.Person(nhs)
	q := &ledger.LookUp{Person: p}
	if change != nil {
		change(q)
	}
	c := w.command(a, q)
	w.seal(c, ledger.HolderPerson, p[:], ledger.PayloadAccess, 0, ledger.AccessDetails{NHSNumber: nhs})
	r, ans := w.step(c)
	return c, r, ans
}
