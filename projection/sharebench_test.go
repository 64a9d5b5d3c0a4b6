package projection

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// shareEvery is how many lookups make the 4,096 entries after which a node at
// full load records a state entry: each is an access and a notification of it.
const shareEvery = 2048

// BenchmarkStateShare measures how much of a lookup's processor time its part of
// the state entries is: two ledgers of the same people are asked the same, in
// turn, and one of them records state entries as a node at full load does. A
// lookup is sealed, encoded, read, decided, folded and committed here; it is
// without HTTP, the caller's token, Raft and the checkpoint's signature, which
// cost as much again: of a whole lookup the share is less. What is more with them
// swings with what the stores compact meanwhile: many rounds, or what is used in
// the state entries alone.
func BenchmarkStateShare(b *testing.B) {
	for _, people := range []int{400, 100_000} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			with, without := newShare(b, people), newShare(b, people)
			with.lookups(b, shareEvery, true) // what the people's plans changed goes into the index once
			without.lookups(b, shareEvery, false)
			with.used, without.used, with.states = 0, 0, 0
			rounds := 0
			for b.Loop() {
				if rounds++; rounds%2 == 0 {
					with.lookups(b, shareEvery, true)
					without.lookups(b, shareEvery, false)
				} else {
					without.lookups(b, shareEvery, false)
					with.lookups(b, shareEvery, true)
				}
			}
			lookups := float64(rounds * shareEvery)
			on, off := float64(with.used.Nanoseconds())/lookups/1000, float64(without.used.Nanoseconds())/lookups/1000
			b.ReportMetric(off, "us-without")
			b.ReportMetric(on-off, "us-more-with")
			b.ReportMetric(100*(on-off)/off, "percent-more")
			own := float64(with.states.Nanoseconds()) / lookups / 1000
			b.ReportMetric(own, "us-in-states")
			b.ReportMetric(100*own/off, "percent-in-states")
		})
	}
}

// share is a ledger of people with a plan each.
type share struct {
	*world
	people []ledger.PersonRef
	rng    *rand.Rand
	used   time.Duration
	states time.Duration // of it in state entries and in writing them, without what the store does later
	batch  int           // lookups committed at once
	prove  func(seqs []ledger.Seq)
}

func newShare(b *testing.B, people int) *share {
	dir := b.TempDir()
	require.NoError(b, store.Init(dir, store.Options{}))
	db, err := store.Open(dir, store.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	keys, err := ledger.NewKeyring(ledger.Secrets{Log: logID, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, rand.New(rand.NewSource(1)))
	require.NoError(b, err)
	s := &share{world: &world{db: db, keys: keys, now: time.Date(2026, 3, 3, 14, 0, 0, 0, time.UTC), asm: NewAssembler(), held: map[string]ledger.DataKey{}},
		rng: rand.New(rand.NewSource(2)), batch: 64, prove: func([]ledger.Seq) {}}
	txn := db.Begin()
	s.step(b, txn, s.ask(ledger.SystemActor("n1"), &ledger.OpenLog{ID: logID, Origin: "custos.test/log", Verifier: "v", Synthetic: true, Rules: ledger.CurrentRules}))
	for _, o := range []ledger.Organisation{{Code: "LA1", Name: "Authority", Sort: ledger.SortAuthority},
		{Code: "RXX01", Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled}} {
		s.step(b, txn, s.ask(s.actor("op", ledger.RoleOperator, "NAT"), &ledger.RecordOrganisation{Organisation: o}))
	}
	up, upload := s.actor("uploader", ledger.RoleUploader, "LA1"), s.id()
	s.step(b, txn, s.ask(up, &ledger.OpenUpload{Sequence: 1, Upload: upload, Content: ledger.Tag(upload), Format: 1}))
	const each = 100
	for no := range people / each {
		q := &ledger.UploadChunk{Upload: upload, No: no}
		c := s.ask(up, q)
		for n := range each {
			p := keys.Person(fmt.Sprintf("%010d", no*each+n))
			s.people = append(s.people, p)
			row := ledger.Row{N: no*each + n + 1, Person: p, Type: ledger.ChildProtection, Start: 20000, Birth: keys.Tag("birth", p.String(), "2015-05-05"),
				Content: keys.Tag("row", "", p.String()), LastDay: 23000}
			q.Rows = append(q.Rows, row)
			s.seal(b, c, p, ledger.PayloadPlan, row.N, ledger.PlanDetails{NHSNumber: nhsChild, Family: "Test", Given: "Ann"})
		}
		s.step(b, txn, c)
		if no%50 == 49 {
			s.step(b, txn, s.ask(ledger.SystemActor("n1"), &ledger.RecordState{}))
			require.NoError(b, txn.Commit())
			txn = db.Begin()
		}
	}
	s.step(b, txn, s.ask(up, &ledger.CloseUpload{Upload: upload, Rows: people, Chunks: people / each}))
	require.NoError(b, txn.Commit())
	return s
}

func (s *share) ask(a ledger.Actor, q ledger.Request) *ledger.Command {
	return &ledger.Command{ID: ledger.TimedID(ledger.Of(s.now), [8]byte(binary.BigEndian.AppendUint64(nil, s.next()*0x9e3779b97f4a7c15))), Seed: s.id(),
		Actor: a, Request: q, Time: ledger.Of(s.now), Content: ledger.Tag(s.id())}
}

func (s *share) next() uint64 { s.n++; return s.n }

func (s *share) seal(b *testing.B, c *ledger.Command, p ledger.PersonRef, kind ledger.Payload, row int, details any) {
	key, ok := s.held[string(p[:])]
	if !ok {
		var err error
		key, err = s.keys.NewKey(ledger.HolderPerson, p[:])
		require.NoError(b, err)
		s.held[string(p[:])] = key
	}
	c.Keys = append(c.Keys, key.Wrapped)
	sealed, err := s.keys.Seal(key, kind, c.ID, row, details)
	require.NoError(b, err)
	c.Sealed = append(c.Sealed, sealed)
}

func (s *share) step(b *testing.B, txn *store.Txn, c *ledger.Command) Result {
	wire, err := c.Encode()
	require.NoError(b, err)
	read, err := ledger.ParseCommand(wire)
	require.NoError(b, err)
	read.Time = c.Time
	r, err := Step(txn, &read)
	require.NoError(b, err)
	if r.Refusal != nil {
		require.Nil(b, r.Refusal)
	}
	s.now = s.now.Add(100 * time.Microsecond)
	return r
}

// lookups asks for people evenly, in batches.
func (s *share) lookups(b *testing.B, n int, states bool) {
	began := processorTime(b)
	doctor := s.actor("doctor", ledger.RoleClinician, "RXX01")
	var txn *store.Txn
	var seqs []ledger.Seq
	for i := range n {
		if i%s.batch == 0 {
			txn, seqs = s.db.Begin(), seqs[:0]
		}
		p := s.people[s.rng.Intn(len(s.people))]
		c := s.ask(doctor, &ledger.LookUp{Person: p, Attendance: ledger.Tag(s.id())})
		s.seal(b, c, p, ledger.PayloadAccess, 0, ledger.AccessDetails{NHSNumber: nhsChild})
		r := s.step(b, txn, c)
		_, err := s.asm.Assemble(txn, r)
		require.NoError(b, err)
		if len(r.Entries) != 2 {
			require.Len(b, r.Entries, 2, "an access and its notification")
		}
		seqs = append(seqs, r.Entries[0].Seq)
		if i%s.batch == s.batch-1 || i == n-1 {
			require.NoError(b, txn.Commit())
			s.prove(seqs)
		}
	}
	if states {
		from := processorTime(b)
		txn = s.db.Begin()
		s.step(b, txn, s.ask(ledger.SystemActor("n1"), &ledger.RecordState{}))
		require.NoError(b, txn.Commit())
		s.states += processorTime(b) - from
	}
	s.used += processorTime(b) - began
}
