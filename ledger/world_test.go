package ledger

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// begin is when the tests' ledgers open: a winter morning, so that London days
// and UTC days are the same unless a test moves on.
var begin = Of(time.Date(2026, time.January, 12, 9, 0, 0, 0, time.UTC))

// world is a small ledger in memory. Every command that goes through it is
// encoded, decided, sealed, read back, checked, and decided once more from the
// entries alone: the property that an audit rests on is tested by every test.
type world struct {
	t      rapid.TB
	view   *fakeView
	head   Head
	people map[PersonRef]PersonHead
	check  Checker
	groups [][]Entry
	now    Time
	n      int
	// what was seen, for tests of completeness
	granted, denied, refused map[RequestKind]int
	kinds                    map[Kind]int
}

// blankWorld has no entries, not even the log's opening.
func blankWorld(t rapid.TB) *world {
	return &world{t: t, view: newFakeView(), people: map[PersonRef]PersonHead{}, now: begin,
		granted: map[RequestKind]int{}, denied: map[RequestKind]int{}, refused: map[RequestKind]int{}, kinds: map[Kind]int{}}
}

// Organisations of every test world.
const (
	authorityA = "E10000001"
	authorityB = "E10000002"
	emergency  = "RX1"
	practice   = "GP1"
	notLive    = "RX9"
	school     = Place(PlaceSchool + "100001")
	area       = Place(PlaceArea + "W05000001")
	nursing    = "RY1"
)

func newWorld(t rapid.TB) *world { return worldUnder(t, CurrentRules) }

// worldUnder is a world whose log opens under a rules version.
func worldUnder(t rapid.TB, version int) *world {
	w := blankWorld(t)
	w.grant(w.cmd(system(), &OpenLog{ID: ID{0xc0}, Origin: "log.example/custos", Verifier: "log.example/custos+00000000+AA==", Synthetic: true, Rules: version}))
	for _, o := range []Organisation{
		{Code: authorityA, Name: "Aldershire", Sort: SortAuthority, Directory: Directory{OfficeHours: "01234 000001"}},
		{Code: authorityB, Name: "Borchester", Sort: SortAuthority},
		{Code: emergency, Name: "Felpersham General", Sort: SortTrust, Setting: SettingUnscheduled},
		{Code: practice, Name: "Ambridge Surgery", Sort: SortPractice, Setting: SettingScheduled},
		{Code: notLive, Name: "Later Trust", Sort: SortTrust, Setting: SettingUnscheduled, Live: begin.Day() + 30},
		{Code: nursing, Name: "School Nursing", Sort: SortTrust, Setting: SettingScheduled},
		{Code: school.Code(), Name: "Loxley Barratt", Sort: SortSchool},
		{Code: area.Code(), Name: "Ambridge ward", Sort: SortArea},
	} {
		w.grant(w.cmd(as(RoleOperator, "CUSTOS", "op"), &RecordOrganisation{Organisation: o}))
	}
	return w
}

func system() Actor { return SystemActor("n1") }

// as makes an actor with the evidence that an edge records.
func as(r Role, org, subject string) Actor {
	return Actor{Issuer: "https://id.example", Subject: subject, Role: r, Organisation: org, KeyID: "k1",
		Expires: begin.Std().Unix() + 3600, Token: sha256.Sum256([]byte(subject)), Node: "n1"}
}

// named gives an actor a profile, which its first command must carry sealed.
func named(a Actor) Actor {
	a.Profile = Tag(DeriveID("profile", []byte(a.Subject), []byte{byte(a.Role)}))
	return a
}

func person(n byte) PersonRef {
	p := PersonRef{1}
	h := sha256.Sum256([]byte{n})
	copy(p[1:], h[:])
	return p
}

func tag(s string) Tag { return Tag(DeriveID("tag", []byte(s))) }

// cmd makes a command with its own id and seed at the world's time. payloads
// are sealed with it; a profile is, whenever the actor has one.
func (w *world) cmd(a Actor, q Request, payloads ...Payload) *Command {
	w.n++
	n := fmt.Append(nil, w.n)
	c := &Command{ID: DeriveID("command", n), Seed: DeriveID("seed", n), Content: Tag(DeriveID("content", n)),
		Actor: a, Request: q, Time: w.now}
	for _, p := range payloads {
		c.Sealed = append(c.Sealed, w.sealed(p, 0))
	}
	if !a.Profile.IsZero() {
		c.Sealed = append(c.Sealed, w.sealed(PayloadProfile, 0))
	}
	return c
}

func (w *world) sealed(p Payload, row int) Sealed {
	w.n++
	holder := map[Payload]Holder{PayloadPlan: HolderPerson, PayloadAccess: HolderPerson, PayloadProfile: HolderActor,
		PayloadRow: HolderAuthority, PayloadNote: HolderAuthority, PayloadReason: HolderActor, PayloadAppointment: HolderPerson, PayloadLink: HolderPerson}[p]
	return Sealed{Payload: p, Holder: holder, Key: DeriveID("key", []byte{byte(holder)}), Row: row,
		Ciphertext: fmt.Appendf(nil, "ciphertext %d", w.n)}
}

// chunk makes an upload's chunk with one sealed payload per row.
func (w *world) chunk(a Actor, upload ID, no int, rows ...Row) *Command {
	c := w.cmd(a, &UploadChunk{Upload: upload, No: no, Rows: rows})
	for _, r := range rows {
		p := PayloadPlan
		if r.Person.IsZero() {
			p = PayloadRow
		}
		c.Sealed = append(c.Sealed, w.sealed(p, r.N))
	}
	return c
}

func snapshotID(authority string, sequence int64) ID {
	return DeriveID("upload", []byte(authority), fmt.Append(nil, sequence))
}

// snapshot opens, fills and closes an upload that is declared a full snapshot,
// and returns the entries of its close.
func (w *world) snapshot(a Actor, sequence int64, rows ...Row) []Entry {
	w.t.Helper()
	id := snapshotID(a.Organisation, sequence)
	w.grant(w.cmd(a, &OpenUpload{Upload: id, Sequence: sequence, Content: tag("file"), Format: 1, Snapshot: true}))
	for i := range rows {
		if rows[i].N == 0 {
			rows[i].N = i + 1
		}
	}
	w.grant(w.chunk(a, id, 1, rows...))
	return w.grant(w.cmd(a, &CloseUpload{Upload: id, Rows: len(rows), Chunks: 1}))
}

// load opens, fills and closes an upload.
func (w *world) load(authority string, sequence int64, rows ...Row) []Entry {
	a := as(RoleUploader, authority, "up-"+authority)
	id := DeriveID("upload", []byte(authority), fmt.Append(nil, sequence))
	w.grant(w.cmd(a, &OpenUpload{Upload: id, Sequence: sequence, Content: tag("file"), Format: 1}))
	for i := range rows {
		if rows[i].N == 0 {
			rows[i].N = i + 1
		}
	}
	group := w.grant(w.chunk(a, id, 1, rows...))
	w.grant(w.cmd(a, &CloseUpload{Upload: id, Rows: len(rows), Chunks: 1}))
	return group
}

// row is a child protection plan that began ten days ago.
func row(n byte) Row {
	return Row{Person: person(n), Type: ChildProtection, Start: begin.Day() - 10, LastDay: begin.Day() + 3000,
		Birth: tag(fmt.Sprint("birth", n)), Content: tag(fmt.Sprint("content", n))}
}

// do puts a command through the whole path and proves it at each step.
func (w *world) do(c *Command) (Decision, []Entry) {
	w.t.Helper()
	encoded, err := c.Encode()
	require.NoError(w.t, err)
	received, err := ParseCommand(encoded)
	require.NoError(w.t, err)
	again, err := received.Encode()
	require.NoError(w.t, err)
	require.Equal(w.t, encoded, again, "a command has one encoding")
	received.Time = c.Time

	d, err := Decide(w.view, w.head, &received)
	require.NoError(w.t, err)
	w.count(received.Request.Number(), d)
	sealed, after, err := Seal(w.head, d.As, d, w.personHead)
	require.NoError(w.t, err)
	require.Len(w.t, sealed, len(d.Happened))
	group := make([]Entry, len(sealed))
	for i := range sealed {
		record := bytes.Clone(sealed[i].Record())
		group[i], err = ParseEntry(record)
		require.NoError(w.t, err, "a node must be able to read what it wrote")
		require.NoError(w.t, w.check.Add(record))
		same := group[i]
		require.NoError(w.t, same.encode())
		require.Equal(w.t, record, same.Record())
		w.kinds[group[i].Kind]++
	}
	require.NoError(w.t, w.check.End())
	w.sealedAgain(d, group)
	w.audit(d, group)
	if len(group) > 0 {
		require.Equal(w.t, after, w.check.Head())
		for i := range group {
			if p := group[i].Person; p != nil {
				w.people[p.Ref] = PersonHead{N: p.N, Last: group[i].Hash()}
			}
		}
		w.view.fold(group)
		w.groups = append(w.groups, group)
	}
	w.head = after
	return d, group
}

func (w *world) personHead(p PersonRef) (PersonHead, error) { return w.people[p], nil }

func (w *world) count(k RequestKind, d Decision) {
	switch {
	case d.Refusal == nil:
		w.granted[k]++
	case d.Refusal.Recorded:
		w.denied[k]++
	default:
		w.refused[k]++
	}
}

// audit repeats the decision from the entries alone, as an auditor without
// keys does years later, and wants the same bytes.
func (w *world) audit(d Decision, group []Entry) {
	w.t.Helper()
	if len(group) == 0 {
		return
	}
	parsed := make([]Entry, len(group))
	for i := range group {
		e, err := ParseHeader(group[i].Record())
		require.NoError(w.t, err)
		parsed[i] = e
	}
	rebuilt, err := Rebuild(parsed)
	require.NoError(w.t, err)
	repeated, err := Decide(w.view, w.head, &rebuilt)
	require.NoError(w.t, err)
	require.Equal(w.t, d.Refusal, repeated.Refusal)
	sealed, _, err := Seal(w.head, repeated.As, repeated, w.personHead)
	require.NoError(w.t, err)
	require.Len(w.t, sealed, len(group), "%T decided again has another number of entries", rebuilt.Request)
	for i := range sealed {
		require.Equal(w.t, group[i].Record(), sealed[i].Record(), "%T decided again: entry %d (%s)", rebuilt.Request, i, group[i].Kind)
	}
}

// grant wants the command granted, with entries unless its answer is shown again.
func (w *world) grant(c *Command) []Entry {
	w.t.Helper()
	d, group := w.do(c)
	require.Nil(w.t, d.Refusal, "%T", c.Request)
	return group
}

// deny wants a recorded denial.
func (w *world) deny(code string, c *Command) []Entry {
	w.t.Helper()
	d, group := w.do(c)
	require.NotNil(w.t, d.Refusal, "%T", c.Request)
	require.Equal(w.t, code, d.Refusal.Code)
	require.True(w.t, d.Refusal.Recorded)
	require.NotEmpty(w.t, group)
	return group
}

// refuse wants a refusal that leaves no trace.
func (w *world) refuse(code string, c *Command) Decision {
	w.t.Helper()
	before := w.head
	d, group := w.do(c)
	require.NotNil(w.t, d.Refusal, "%T", c.Request)
	require.Equal(w.t, code, d.Refusal.Code)
	require.False(w.t, d.Refusal.Recorded)
	require.Empty(w.t, group)
	require.Equal(w.t, before, w.head)
	return d
}

// last is the event of a group's last entry.
func last[E Event](t rapid.TB, group []Entry) E {
	t.Helper()
	require.NotEmpty(t, group)
	e, ok := group[len(group)-1].Event.(E)
	require.True(t, ok, "the last event is a %T", group[len(group)-1].Event)
	return e
}

// only returns a group's events of one type.
func only[E Event](group []Entry) []E {
	var out []E
	for i := range group {
		if e, ok := group[i].Event.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// sealedAgain: what is sealed beside entries that may be the same has its own
// hashes, also where the entries beside it are others.
func (w *world) sealedAgain(d Decision, group []Entry) {
	again, err := Reseal(w.head, d.As, d, w.personHead, group)
	require.NoError(w.t, err)
	altered := slices.Clone(group)
	for i := range altered {
		altered[i].record = append(bytes.Clone(altered[i].record), 0)
		altered[i].hash = Hash{1}
	}
	beside, err := Reseal(w.head, d.As, d, w.personHead, altered)
	require.NoError(w.t, err)
	require.Len(w.t, again, len(group))
	for i := range group {
		require.Equal(w.t, group[i].Record(), again[i].Record())
		require.Equal(w.t, tlog.RecordHash(group[i].Record()), again[i].Hash())
		require.Equal(w.t, again[i].Hash(), beside[i].Hash())
	}
}
