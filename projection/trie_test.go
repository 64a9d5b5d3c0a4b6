package projection

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// reference is the tree as its definition has it, made from the whole set.
func reference(leaves []leaf, bits int) ledger.Hash {
	switch len(leaves) {
	case 0:
		return ledger.Hash{}
	case 1:
		return leaves[0].hash()
	}
	var left, right []leaf
	for _, l := range leaves {
		if l.key[bits/8]>>(7-bits%8)&1 == 0 {
			left = append(left, l)
		} else {
			right = append(right, l)
		}
	}
	a, b := reference(left, bits+1), reference(right, bits+1)
	return sha256.Sum256(slices.Concat([]byte{1}, a[:], b[:]))
}

// climb is the offline reader's way: from the end of a path to the root.
func climb(key []byte, at ledger.Hash, beside []ledger.Hash) ledger.Hash {
	for i, other := range beside {
		n := len(beside) - 1 - i
		if key[n/8]>>(7-n%8)&1 == 0 {
			at = sha256.Sum256(slices.Concat([]byte{1}, at[:], other[:]))
		} else {
			at = sha256.Sum256(slices.Concat([]byte{1}, other[:], at[:]))
		}
	}
	return at
}

func digest(n uint64) []byte { s := sha256.Sum256(u64(n)); return s[:] }

// TestTreesFollowFromTheirLeaves: after any changes the root is that of the set,
// whatever was there before, and a path to any key leads to it.
func TestTreesFollowFromTheirLeaves(t *testing.T) {
	for _, kind := range []struct {
		name string
		size int
		key  func(n uint64) []byte

		appends bool // from some round on
	}{
		{"digests", 32, digest, false},
		{"numbers", 8, u64, false},
		{"digests, appended", 32, digest, true},
		{"numbers, appended", 8, u64, true},
	} {
		t.Run(kind.name, func(t *testing.T) {
			o := store.Options{FS: vfs.NewMem()}
			require.NoError(t, store.Init("ledger", o))
			db, err := store.Open("ledger", o)
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			rng := rand.New(rand.NewPCG(1, uint64(kind.size)))
			set := map[string]leaf{}
			for round := range 36 {
				if round%6 == 5 { // what is read comes from the disk again
					require.NoError(t, db.Close())
					db, err = store.Open("ledger", o)
					require.NoError(t, err)
				}
				var changes []leaf
				for _, n := range rng.Perm(800)[:1+rng.IntN(120)] {
					l := leaf{key: kind.key(uint64(n))}
					if round < 24 && rng.IntN(4) > 0 {
						l.value = ledger.Hash{byte(n), byte(n >> 8), byte(round), 1}
					}
					changes = append(changes, l)
				}
				slices.SortFunc(changes, byKey)
				txn := db.Begin()
				tree := &trie{r: txn, view: viewIndexTree, size: kind.size, appends: kind.appends && round > 8}
				out := pages{}
				root, err := tree.apply(changes, out)
				require.NoError(t, err)
				before := len(set)
				for _, l := range changes {
					if l.value == (ledger.Hash{}) {
						delete(set, string(l.key))
					} else {
						set[string(l.key)] = l
					}
				}
				require.Equal(t, len(set)-before, tree.grown)
				require.NoError(t, out.write(txn))
				require.NoError(t, txn.Commit())
				var all []leaf
				for _, l := range set {
					all = append(all, l)
				}
				slices.SortFunc(all, byKey)
				require.Equal(t, reference(all, 0), root, "round %d", round)
				stored := &trie{r: db, view: viewIndexTree, size: kind.size}
				for n := uint64(round % 7); n < 820; n += 7 {
					key := kind.key(n)
					beside, end, err := stored.find(key)
					require.NoError(t, err)
					want, here := set[string(key)]
					var at ledger.Hash
					switch {
					case here:
						require.Equal(t, want, *end)
						at = want.hash()
					case end != nil:
						require.False(t, bytes.Equal(end.key, key))
						require.Equal(t, set[string(end.key)], *end)
						at = end.hash()
					}
					require.Equal(t, root, climb(key, at, beside), "round %d, key %d", round, n)
				}
			}
		})
	}
}

func byKey(a, b leaf) int { return bytes.Compare(a.key, b.key) }
