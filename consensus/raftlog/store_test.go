package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// testOptions is a crashable disk whose fatal errors end the test's goroutine by panic.
func testOptions(fs vfs.FS) Options {
	return Options{FS: fs, Fatal: func(err error) { panic(err) }}
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	require.NoError(t, Init("raft", o))
	s, err := Open("raft", o)
	require.NoError(t, err)
	return s
}

func entry(index, term uint64, size int) *raft.Log {
	return &raft.Log{
		Index: index, Term: term, Type: raft.LogCommand,
		Data:       bytes.Repeat([]byte{byte(index), byte(term)}, size/2),
		AppendedAt: time.Unix(0, int64(index)*1000),
	}
}

func appendRange(t *testing.T, s *Store, low, high, term uint64) {
	t.Helper()
	var logs []*raft.Log
	for i := low; i <= high; i++ {
		logs = append(logs, entry(i, term, 64))
	}
	require.NoError(t, s.StoreLogs(logs))
}

func requireBounds(t *testing.T, s *Store, first, last uint64) {
	t.Helper()
	f, err := s.FirstIndex()
	require.NoError(t, err)
	l, err := s.LastIndex()
	require.NoError(t, err)
	require.Equal(t, [2]uint64{first, last}, [2]uint64{f, l})
	for i := first; i <= last && i > 0; i++ {
		var got raft.Log
		require.NoError(t, s.GetLog(i, &got))
		require.Equal(t, i, got.Index)
	}
	var got raft.Log
	require.ErrorIs(t, s.GetLog(last+1, &got), raft.ErrLogNotFound)
	if first > 1 {
		require.ErrorIs(t, s.GetLog(first-1, &got), raft.ErrLogNotFound)
	}
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	o := testOptions(vfs.NewCrashableMem())
	s := open(t, o)
	requireBounds(t, s, 0, 0)
	logs := []*raft.Log{
		{Index: 7, Term: 3, Type: raft.LogNoop},
		{Index: 8, Term: 3, Type: raft.LogCommand, Data: []byte("d"), AppendedAt: time.Unix(3, 4)},
		{Index: 9, Term: 4, Type: raft.LogConfiguration, Data: []byte("conf"), Extensions: []byte("ext")},
		{Index: 10, Term: 4, Type: raft.LogBarrier, Extensions: []byte("only")},
	}
	require.NoError(t, s.StoreLogs(logs))
	check := func() {
		for _, want := range logs {
			var got raft.Log
			require.NoError(t, s.GetLog(want.Index, &got))
			require.True(t, want.AppendedAt.Equal(got.AppendedAt))
			got.AppendedAt = want.AppendedAt
			require.Equal(t, *want, got)
		}
		requireBounds(t, s, 7, 10)
	}
	check()
	require.NoError(t, s.Close())
	var err error
	s, err = Open("raft", o)
	require.NoError(t, err)
	check() // from Pebble now
	require.NoError(t, s.Close())
}

func TestStableValues(t *testing.T) {
	s := open(t, testOptions(vfs.NewCrashableMem()))
	_, err := s.Get([]byte("CurrentTerm"))
	require.EqualError(t, err, "not found")
	n, err := s.GetUint64([]byte("CurrentTerm"))
	require.EqualError(t, err, "not found")
	require.Zero(t, n)
	require.NoError(t, s.SetUint64([]byte("CurrentTerm"), 9))
	require.NoError(t, s.Set([]byte("LastVoteCand"), []byte("n1")))
	n, err = s.GetUint64([]byte("CurrentTerm"))
	require.NoError(t, err)
	require.EqualValues(t, 9, n)
	v, err := s.Get([]byte("LastVoteCand"))
	require.NoError(t, err)
	require.Equal(t, "n1", string(v))
	requireBounds(t, s, 0, 0)
	require.NoError(t, s.Close())
}

func TestOnlyInitCreates(t *testing.T) {
	o := testOptions(vfs.NewCrashableMem())
	_, err := Open("raft", o)
	require.Error(t, err)
	require.NoError(t, Init("raft", o))
	require.ErrorIs(t, Init("raft", o), fs.ErrExist)
}

func TestDeleteRange(t *testing.T) {
	for _, c := range []struct {
		name                string
		first, last         uint64
		applied             uint64
		low, high           uint64
		wantFirst, wantLast uint64
		syncs               int
		fatal               bool
	}{
		{name: "prefix", first: 1, last: 20, applied: 15, low: 1, high: 10, wantFirst: 11, wantLast: 20, syncs: 1},
		{name: "prefix keeps the applied entry", first: 1, last: 20, applied: 10, low: 1, high: 14, wantFirst: 10, wantLast: 20, syncs: 1},
		{name: "prefix up to the end keeps the applied entry", first: 1, last: 20, applied: 20, low: 1, high: 20, wantFirst: 20, wantLast: 20, syncs: 1},
		{name: "prefix beyond the end is clipped", first: 5, last: 20, applied: 19, low: 1, high: 99, wantFirst: 19, wantLast: 20, syncs: 1},
		{name: "prefix with nothing applied", first: 1, last: 20, applied: 0, low: 1, high: 10, wantFirst: 1, wantLast: 20, syncs: 1},
		{name: "prefix of an entry that must stay", first: 10, last: 20, applied: 10, low: 10, high: 12, wantFirst: 10, wantLast: 20, syncs: 1},
		{name: "suffix", first: 1, last: 20, applied: 10, low: 12, high: 20, wantFirst: 1, wantLast: 11},
		{name: "suffix that is the whole log", first: 5, last: 20, applied: 4, low: 5, high: 20, wantFirst: 0, wantLast: 0},
		{name: "below the log", first: 5, last: 20, applied: 10, low: 1, high: 4, wantFirst: 5, wantLast: 20},
		{name: "suffix with applied entries", first: 1, last: 20, applied: 15, low: 12, high: 20, fatal: true},
		{name: "the middle", first: 1, last: 20, applied: 20, low: 5, high: 10, fatal: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			syncs := 0
			o := testOptions(vfs.NewCrashableMem())
			o.Applied = func() uint64 { return c.applied }
			o.SyncLedger = func() error { syncs++; return nil }
			s := open(t, o)
			appendRange(t, s, c.first, c.last, 1)
			if c.fatal {
				require.Panics(t, func() { _ = s.DeleteRange(c.low, c.high) })
				requireBounds(t, s, c.first, c.last)
				return
			}
			require.NoError(t, s.DeleteRange(c.low, c.high))
			requireBounds(t, s, c.wantFirst, c.wantLast)
			require.Equal(t, c.syncs, syncs)
			require.NoError(t, s.Close())
			s, err := Open("raft", o)
			require.NoError(t, err)
			requireBounds(t, s, c.wantFirst, c.wantLast)
			if c.wantLast > 0 {
				appendRange(t, s, c.wantLast+1, c.wantLast+3, 2)
				requireBounds(t, s, c.wantFirst, c.wantLast+3)
			}
			s.Reset()
			requireBounds(t, s, 0, 0)
			appendRange(t, s, 1000, 1001, 3)
			requireBounds(t, s, 1000, 1001)
			require.NoError(t, s.Close())
		})
	}
}

func TestAGapEndsTheProcess(t *testing.T) {
	s := open(t, testOptions(vfs.NewCrashableMem()))
	appendRange(t, s, 1, 3, 1)
	for _, logs := range [][]*raft.Log{
		{entry(5, 1, 8)},
		{entry(3, 1, 8)},
		{entry(4, 1, 8), entry(6, 1, 8)},
		{entry(0, 1, 8)},
	} {
		require.Panics(t, func() { _ = s.StoreLogs(logs) })
	}
	requireBounds(t, s, 1, 3)
}

func TestFailedLedgerSyncEndsTheProcess(t *testing.T) {
	o := testOptions(vfs.NewCrashableMem())
	o.Applied = func() uint64 { return 10 }
	o.SyncLedger = func() error { return errors.New("disk gone") }
	s := open(t, o)
	appendRange(t, s, 1, 10, 1)
	require.Panics(t, func() { _ = s.DeleteRange(1, 5) })
	requireBounds(t, s, 1, 10)
}

func TestReader(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, testOptions(fs))
	appendRange(t, s, 1, 300, 1)
	// Killed: nothing flushed, everything in the write-ahead log.
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	require.NoError(t, s.Close())
	r, err := OpenReadOnly("raft", Options{FS: clone})
	require.NoError(t, err)
	require.EqualValues(t, 1, r.First())
	require.EqualValues(t, 300, r.Last())
	var l raft.Log
	for i := r.First(); i <= r.Last(); i++ {
		require.NoError(t, r.GetLog(i, &l))
		require.Equal(t, entry(i, 1, 64).Data, l.Data)
	}
	require.ErrorIs(t, r.GetLog(301, &l), raft.ErrLogNotFound)
	require.NoError(t, r.Close())
}

func TestRecentIsBounded(t *testing.T) {
	var r recent
	for i := uint64(1); i <= 3*recentEntries; i++ {
		r.put(entry(i, 1, 200<<10))
		require.LessOrEqual(t, r.bytes, recentBytes)
		var l raft.Log
		require.True(t, r.get(i, &l))
		require.Equal(t, i, l.Index)
		require.False(t, r.get(i+1, &l))
	}
	for i := uint64(1000); i <= 1000+3*recentEntries; i++ {
		r.put(entry(i, 1, 10))
	}
	require.EqualValues(t, recentEntries, r.last-r.first+1)
	var l raft.Log
	require.False(t, r.get(5, &l))
}

// TestCrashAfterEveryCall drives the log with random appends, truncations and votes, takes a copy of the disk
// after each call that has lost everything unsynced, and requires the copy to hold what the calls promised.
func TestCrashAfterEveryCall(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			disk := vfs.NewCrashableMem()
			o := testOptions(disk)
			var applied uint64
			o.Applied = func() uint64 { return applied }
			s := open(t, o)
			terms := map[uint64]uint64{}
			var first, last, term, vote uint64 = 0, 0, 1, 0
			for range 60 {
				switch op := rng.IntN(10); {
				case op < 6 || last == 0:
					n := 1 + rng.Uint64N(5)
					low := last + 1
					for i := low; i < low+n; i++ {
						terms[i] = term
					}
					appendRange(t, s, low, low+n-1, term)
					if first == 0 {
						first = low
					}
					last = low + n - 1
				case op < 7:
					applied = max(applied, first+rng.Uint64N(last-first+1))
				case op < 8 && last > applied:
					low := max(applied+1, first) + rng.Uint64N(last-max(applied+1, first)+1)
					require.NoError(t, s.DeleteRange(low, last))
					if last = low - 1; last < first {
						first, last = 0, 0
					}
					term++
				case op < 9:
					high := first + rng.Uint64N(last-first+1)
					if first > applied && high == last {
						continue // would be a suffix
					}
					require.NoError(t, s.DeleteRange(first, high))
					if applied > first {
						first = min(high, applied-1) + 1
					}
				default:
					vote++
					require.NoError(t, s.SetUint64([]byte("LastVoteTerm"), vote))
				}
				cfg := vfs.CrashCloneCfg{}
				if rng.IntN(2) == 0 {
					cfg = vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}
				}
				co := testOptions(disk.CrashClone(cfg))
				c, err := Open("raft", co)
				require.NoError(t, err)
				requireBounds(t, c, first, last)
				for i := first; i <= last && i > 0; i++ {
					var l raft.Log
					require.NoError(t, c.GetLog(i, &l))
					require.Equal(t, terms[i], l.Term)
				}
				v, err := c.GetUint64([]byte("LastVoteTerm"))
				if vote > 0 {
					require.NoError(t, err)
				}
				require.Equal(t, vote, v)
				require.NoError(t, c.Close())
			}
			require.NoError(t, s.Close())
		})
	}
}

func TestDecodeRefusesDamage(t *testing.T) {
	l := entry(9, 4, 40)
	l.Extensions = []byte("ext")
	good := encodeLog(nil, l)
	require.Len(t, good, logSize(l))
	var got raft.Log
	require.NoError(t, decodeLog(9, good, &got))
	require.ErrorIs(t, decodeLog(10, good, &got), ErrCorrupt)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		require.ErrorIs(t, decodeLog(9, bad, &got), ErrCorrupt, "byte %d", i)
		require.ErrorIs(t, decodeLog(9, good[:i], &got), ErrCorrupt)
	}
}

func FuzzDecodeLog(f *testing.F) {
	f.Add(uint64(9), encodeLog(nil, entry(9, 4, 40)))
	f.Add(uint64(1), encodeLog(nil, &raft.Log{Index: 1, Extensions: []byte("x")}))
	f.Add(uint64(0), []byte{})
	f.Fuzz(func(t *testing.T, index uint64, v []byte) {
		var l raft.Log
		if decodeLog(index, v, &l) != nil {
			return
		}
		require.Equal(t, v, encodeLog(nil, &l))
	})
}

func BenchmarkStoreLogs(b *testing.B) {
	dir := b.TempDir()
	o := Options{}
	require.NoError(b, Init(dir, o))
	s, err := Open(dir, o)
	require.NoError(b, err)
	b.SetBytes(64 << 10)
	for i := range uint64(b.N) {
		require.NoError(b, s.StoreLog(entry(i+1, 1, 64<<10)))
	}
	require.NoError(b, s.Close())
}
