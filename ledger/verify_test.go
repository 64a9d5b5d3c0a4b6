package ledger

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// chainOf makes a chain of n entries about people in turn, in commands of up
// to three entries, without deciding anything.
func chainOf(t testing.TB, n, people, padding int) [][]byte {
	t.Helper()
	var records [][]byte
	heads := map[PersonRef]PersonHead{}
	h := Head{}
	seal := func(c *Command, d Decision) {
		entries, after, err := Seal(h, c, d, func(p PersonRef) (PersonHead, error) { return heads[p], nil })
		require.NoError(t, err)
		h = after
		for i := range entries {
			e := &entries[i]
			records = append(records, e.Record())
			if e.Person != nil {
				heads[e.Person.Ref] = PersonHead{N: e.Person.N, Last: e.Hash()}
			}
		}
	}
	open := &OpenLog{ID: ID{1}, Origin: "example.org/log", Verifier: "v"}
	d, err := Decide(newFakeView(), h, &Command{ID: ID{2}, Seed: ID{3}, Actor: SystemActor("n1"), Request: open, Time: 5 * Second})
	require.NoError(t, err)
	seal(d.As, d)
	for i := 1; len(records) < n; i++ {
		var ref PersonRef
		ref[0] = 1
		binary.BigEndian.PutUint32(ref[1:], uint32(i%people))
		c := &Command{ID: DeriveID("c", fmt.Append(nil, i)), Seed: DeriveID("s", fmt.Append(nil, i)),
			Actor:   Actor{Issuer: "https://issuer.example", Subject: "5550001", Role: RoleClinician, Organisation: "RX1", Node: "n1", KeyID: string(make([]byte, padding))},
			Request: &LookUp{Person: ref}, Time: Time(i) * Second}
		d := Decision{Rules: 1, Log: ID{1}, As: c}
		for range min(1+i%3, n-len(records)) {
			d.Happened = append(d.Happened, Happened{Event: &Accessed{Outcome: OutcomeNotFound}, Person: ref})
		}
		seal(c, d)
	}
	return records
}

func TestCheckerAgreesWithTwoOtherTrees(t *testing.T) {
	records := chainOf(t, 600, 17, 0)
	var c Checker
	reference := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	var stored []tlog.Hash
	require.Equal(t, rfc6962.DefaultHasher.EmptyRoot(), hashBytes(c.Tree().Hash))
	for i, r := range records {
		require.NoError(t, c.Add(r))
		require.NoError(t, reference.Append(rfc6962.DefaultHasher.HashLeaf(r), nil))
		root, err := reference.GetRootHash(nil)
		require.NoError(t, err)
		hashes, err := tlog.StoredHashes(int64(i), r, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
			out := make([]tlog.Hash, len(at))
			for j, x := range at {
				out[j] = stored[x]
			}
			return out, nil
		}))
		require.NoError(t, err)
		stored = append(stored, hashes...)
		require.Equal(t, int64(i+1), c.Tree().N)
		require.Equal(t, root, hashBytes(c.Tree().Hash), "size %d", i+1)
	}
	require.NoError(t, c.End())
	require.Equal(t, 17, c.People())
	require.Equal(t, Seq(600), c.Head().Size)
	require.Equal(t, 1, c.Rules())
	require.NoError(t, c.Agree(c.Tree()))
	other := c.Tree()
	other.Hash[5] ^= 1
	var fault *Fault
	require.ErrorAs(t, c.Agree(other), &fault)
	require.Equal(t, LevelTree, fault.Level)
	require.ErrorIs(t, c.Add(records[0]), ErrTree, "a fault stays")
}

func hashBytes(h tlog.Hash) []byte { return h[:] }

// BenchmarkChecker reports entries per second on one core; 400,000 are asked.
func BenchmarkChecker(b *testing.B) {
	for _, people := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("people=%d", people), func(b *testing.B) {
			records := chainOf(b, 200_000, people, 700)
			bytes := 0
			for _, r := range records {
				bytes += len(r)
			}
			b.ReportAllocs()
			b.ResetTimer()
			done := 0
			for b.Loop() {
				var c Checker
				for _, r := range records {
					if err := c.Add(r); err != nil {
						b.Fatal(err)
					}
				}
				done += len(records)
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64(bytes)/float64(len(records)), "B/entry")
		})
	}
}

// Every forgery below is chained again by a forger who can hash: previous
// hashes are right, and only the one claim is not. The checker names the first
// wrong entry and the level.
func TestForgeriesAreNamed(t *testing.T) {
	honest := story(t)
	check := func(entries []Entry) *Fault {
		var c Checker
		for i := range entries {
			if err := c.Add(entries[i].Record()); err != nil {
				var f *Fault
				require.ErrorAs(t, err, &f)
				require.ErrorIs(t, c.End(), f.Why, "a fault stays")
				return f
			}
		}
		if err := c.End(); err != nil {
			return err.(*Fault)
		}
		return nil
	}
	require.Nil(t, check(honest))
	at := func(is func(*Entry) bool) int {
		for i := range honest {
			if i > 3 && is(&honest[i]) {
				return i
			}
		}
		require.Fail(t, "no such entry")
		return 0
	}
	single := at(func(e *Entry) bool { return e.Of == 1 && e.Person == nil })
	second := at(func(e *Entry) bool { return e.Nth == 1 && e.Of > 2 && e.Person != nil })
	about := at(func(e *Entry) bool { return e.Person != nil && e.Person.N == 2 })
	raising := at(func(e *Entry) bool { return e.Kind == KindRulesRaised })
	for name, c := range map[string]struct {
		forge func([]Entry) []Entry
		level Level
		seq   int
		why   error
	}{
		"a sequence number left out":        {func(e []Entry) []Entry { return cutOut(e, single) }, LevelChain, single, ErrChain},
		"an entry left out, numbers closed": {func(e []Entry) []Entry { return rechain(t, renumber(cutOut(e, second)), 0) }, LevelPlaces, second, ErrPlace},
		"two entries exchanged":             {func(e []Entry) []Entry { e[single], e[single+1] = e[single+1], e[single]; return e }, LevelChain, single, ErrChain},
		"an entry twice":                    {func(e []Entry) []Entry { return append(e[:single+1:single+1], e[single:]...) }, LevelChain, single + 1, ErrChain},
		"an altered body, chain not mended": {func(e []Entry) []Entry { e[single].RawTime++; e[single].Time++; must(t, e[single].encode()); return e }, LevelChain, single + 1, ErrChain},
		"another log":                       {func(e []Entry) []Entry { e[single].Log[0] ^= 1; return rechain(t, e, single) }, LevelChain, single, ErrChain},
		"an earlier time":                   {func(e []Entry) []Entry { e[single].Time--; return rechain(t, e, single) }, LevelChain, single, ErrChain},
		"a time that nobody proposed":       {func(e []Entry) []Entry { e[single].Time++; return rechain(t, e, single) }, LevelChain, single, ErrChain},
		"another time within a command":     {func(e []Entry) []Entry { e[second].Time++; e[second].RawTime++; return rechain(t, e, second) }, LevelPlaces, second, ErrPlace},
		"another command's id":              {func(e []Entry) []Entry { e[second].Command[0] ^= 1; return rechain(t, e, second) }, LevelPlaces, second, ErrPlace},
		"another place in the command":      {func(e []Entry) []Entry { e[second].Nth = 2; return rechain(t, e, second) }, LevelPlaces, second, ErrPlace},
		"more entries than the first said":  {func(e []Entry) []Entry { e[second].Of++; return rechain(t, e, second) }, LevelPlaces, second, ErrPlace},
		"a salt of its own":                 {func(e []Entry) []Entry { e[second].Salt[3] ^= 1; return rechain(t, e, second) }, LevelPlaces, second, ErrPlace},
		"other rules":                       {func(e []Entry) []Entry { e[single].Rules++; return rechain(t, e, single) }, LevelPlaces, single, ErrPlace},
		"the raise taken back":              {func(e []Entry) []Entry { e[raising+1].Rules = 1; return rechain(t, e, raising+1) }, LevelPlaces, raising + 1, ErrPlace},
		"a raise from nowhere": {func(e []Entry) []Entry {
			e[raising].Event = &RulesRaised{From: 7, To: 8}
			return rechain(t, e, raising)
		}, LevelPlaces, raising, ErrPlace},
		"a raise downwards": {func(e []Entry) []Entry {
			e[raising].Event = &RulesRaised{From: 1, To: 1}
			return rechain(t, e, raising)
		}, LevelPlaces, raising, ErrPlace},
		"a second opening": {func(e []Entry) []Entry {
			e[single].Kind, e[single].Event = KindLogOpened, e[0].Event
			return rechain(t, e, single)
		}, LevelPlaces, single, ErrPlace},
		"another log's opening": {func(e []Entry) []Entry {
			o := *e[0].Event.(*LogOpened)
			o.ID[0] ^= 1
			e[0].Event = &o
			return rechain(t, e, 0)
		}, LevelPlaces, 0, ErrPlace},
		"no opening": {func(e []Entry) []Entry {
			e[0].Kind, e[0].Event = KindKeyRecorded, &KeyRecorded{}
			return rechain(t, e, 0)
		}, LevelPlaces, 0, ErrPlace},
		"a number about the person skipped": {func(e []Entry) []Entry { e[about].Person.N++; return rechain(t, e, about) }, LevelPlaces, about, ErrPlace},
		"another entry of the person":       {func(e []Entry) []Entry { e[about].Person.Prev[0] ^= 1; return rechain(t, e, about) }, LevelPlaces, about, ErrPlace},
		"given to another person":           {func(e []Entry) []Entry { e[about].Person.Ref[5] ^= 1; return rechain(t, e, about) }, LevelPlaces, about, ErrPlace},
		"about nobody": {func(e []Entry) []Entry {
			e[about].Person = &PersonLink{N: 1}
			return rechain(t, e, about)
		}, LevelPlaces, about, ErrPlace},
		"a kind that is not known":    {func(e []Entry) []Entry { e[single].Kind = KindLegalHold; return rechain(t, e, single) }, LevelEncoding, single, ErrUnknownKind},
		"a request that is not known": {func(e []Entry) []Entry { e[single].requestNum = 999; return rechain(t, e, single) }, LevelEncoding, single, ErrUnknownKind},
		"an end within a command":     {func(e []Entry) []Entry { return e[:second+1] }, LevelPlaces, second + 1, ErrPlace},
	} {
		t.Run(name, func(t *testing.T) {
			entries := make([]Entry, len(honest))
			for i := range honest {
				entries[i] = honest[i]
				if p := honest[i].Person; p != nil {
					link := *p
					entries[i].Person = &link
				}
			}
			f := check(c.forge(entries))
			require.NotNil(t, f, "nobody noticed")
			require.Equal(t, c.level, f.Level, "%v", f)
			require.Equal(t, Seq(c.seq), f.Seq, "%v", f)
			require.ErrorIs(t, f, c.why)
			require.NotEmpty(t, f.Error())
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}

func cutOut(e []Entry, at int) []Entry { return append(e[:at:at], e[at+1:]...) }

func renumber(e []Entry) []Entry {
	for i := range e {
		e[i].Seq = Seq(i)
	}
	return e
}

// rechain encodes the entries from one on and gives each the hash of the one
// before it; persons' chains are left as they are claimed.
func rechain(t testing.TB, e []Entry, from int) []Entry {
	for i := from; i < len(e); i++ {
		if i > 0 {
			e[i].Prev = e[i-1].hash
		}
		must(t, e[i].encode())
	}
	return e
}

func TestLevelsAreSpelt(t *testing.T) {
	require.Equal(t, []string{"encoding", "chain", "tree", "places", "level 9"},
		[]string{LevelEncoding.String(), LevelChain.String(), LevelTree.String(), LevelPlaces.String(), Level(9).String()})
	var c Checker
	require.NoError(t, c.End())
	require.NoError(t, c.Agree(tlog.Tree{Hash: emptyTree}))
	require.ErrorIs(t, c.Agree(tlog.Tree{N: 4}), ErrTree)
	require.NoError(t, c.Agree(tlog.Tree{Hash: emptyTree}), "a tree of another size says nothing of these records")
	records := chainOf(t, 9, 2, 0)
	for _, r := range records {
		e, err := ParseHeader(r)
		require.NoError(t, err)
		require.NoError(t, c.AddEntry(&e))
	}
	e, err := ParseHeader(records[8])
	require.NoError(t, err)
	require.Error(t, c.AddEntry(&e))
	require.Error(t, c.AddEntry(&e))
	require.Equal(t, c.Person(PersonRef{}), PersonHead{})
}
