package projection

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// BenchmarkTrailProof measures, at the server, the proof of a trail of 1,000
// accesses that stand evenly among the entries of a large ledger: each in a tile
// of its own, which is the dearest that it can be. How many entries there are,
// CUSTOS_BENCH_ENTRIES says. Those between the accesses are real entries of a
// cheap kind, in commands of many.
func BenchmarkTrailProof(b *testing.B) {
	size := 300_000
	if s := os.Getenv("CUSTOS_BENCH_ENTRIES"); s != "" {
		var err error
		size, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	const accesses = 1000
	dir := b.TempDir()
	require.NoError(b, store.Init(dir, store.Options{}))
	db, err := store.Open(dir, store.Options{})
	require.NoError(b, err)
	keys, err := ledger.NewKeyring(ledger.Secrets{Log: logID, Person: map[byte][]byte{1: bytes.Repeat([]byte{1}, 32)},
		KEK: map[uint32][]byte{1: bytes.Repeat([]byte{2}, 32)}}, rand.New(rand.NewSource(1)))
	require.NoError(b, err)
	w := &world{db: db, keys: keys, now: time.Date(2026, 3, 3, 14, 0, 0, 0, time.UTC), asm: NewAssembler(), held: map[string]ledger.DataKey{}}
	var txn *store.Txn
	step := func(a ledger.Actor, q ledger.Request) {
		r, err := Step(txn, &ledger.Command{ID: w.id(), Seed: w.id(), Actor: a, Request: q, Time: ledger.Of(w.now)})
		require.NoError(b, err)
		require.Nil(b, r.Refusal)
		w.now = w.now.Add(time.Second)
	}
	txn = db.Begin()
	system := ledger.SystemActor("n1")
	step(system, &ledger.OpenLog{ID: logID, Origin: "custos.test/log", Verifier: "v", Synthetic: true, Rules: ledger.CurrentRules})
	step(w.actor("op", ledger.RoleOperator, "NAT"), &ledger.RecordOrganisation{Organisation: ledger.Organisation{
		Code: "RXX01", Name: "Emergency Department", Sort: ledger.SortTrust, Setting: ledger.SettingUnscheduled}})
	child := keys.Person(nhsChild)
	began := time.Now()
	for range accesses {
		filler(b, txn, w, size/accesses-1)
		step(w.actor("doctor", ledger.RoleClinician, "RXX01"), &ledger.LookUp{Person: child, Attendance: ledger.Tag(w.id())})
		require.NoError(b, txn.Commit())
		txn = db.Begin()
	}
	step(system, &ledger.RecordState{})
	require.NoError(b, txn.Commit())
	require.NoError(b, db.Close())
	db, err = store.Open(dir, store.Options{ReadOnly: true}) // so that nothing is compacted meanwhile
	require.NoError(b, err)
	b.Logf("%d entries made in %v", db.Tree().N, time.Since(began).Round(time.Second))
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as a node has it
	var took []time.Duration
	used := processorTime(b)
	for b.Loop() {
		began := time.Now()
		proof, err := ProveTrail(db, child, []byte("a checkpoint"), db.Tree().N)
		require.NoError(b, err)
		require.GreaterOrEqual(b, len(proof.Numbers[0].Entries), accesses)
		took = append(took, time.Since(began))
	}
	b.ReportMetric(float64((processorTime(b)-used).Microseconds())/1000/float64(len(took)), "ms-processor")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(db.Tree().N), "entries")
	require.NoError(b, db.Close())
}

// filler records so many entries that are about nobody.
func filler(b *testing.B, txn *store.Txn, w *world, n int) {
	for n > 0 {
		each := min(n, 512)
		n -= each
		c := &ledger.Command{ID: w.id(), Seed: w.id(), Actor: ledger.SystemActor("n1"), Request: &ledger.RecordKey{Purpose: "log"}, Time: ledger.Of(w.now)}
		d := ledger.Decision{Rules: ledger.CurrentRules, Log: logID, As: c}
		for i := range each {
			d.Happened = append(d.Happened, ledger.Happened{Event: &ledger.KeyRecorded{Purpose: "log", Name: fmt.Sprint(i)}})
		}
		entries, _, err := ledger.Seal(txn.Head(), c, d, View{txn}.PersonHead)
		require.NoError(b, err)
		for i := range entries {
			head := ledger.Head{Log: logID, Size: entries[i].Seq + 1, Last: entries[i].Hash(), Time: entries[i].Time}
			require.NoError(b, txn.Append(&entries[i], head, nil))
		}
	}
}

// processorTime is what this process has used, which other work beside it changes
// less than it changes the clock.
func processorTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
