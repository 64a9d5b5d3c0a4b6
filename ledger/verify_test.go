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
