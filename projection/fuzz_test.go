package projection

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// FuzzRows: the rows that are written by hand are read back as they were, or
// refused; whatever stands there, nothing panics.
func FuzzRows(f *testing.F) {
	f.Add((&tracker{since: 3, last: 2, lastAt: 5, people: 7, undelivered: 1}).encode())
	f.Add(make([]byte, 41))
	f.Add(append(make([]byte, 40), 0x80))
	f.Add(append(make([]byte, 16), 1, 2, 3, 0, 'R', 'X', 'X'))
	tree := &trie{view: viewOutboxTree, size: 8, appends: true}
	bucket := tree.bucket([]leaf{{[]byte("00000000"), ledger.Hash{1}}, {[]byte("00000001"), ledger.Hash{2}}}, 0)
	f.Add(bucket.row)
	f.Add(bucket.grow([]leaf{{[]byte("00000000"), ledger.Hash{}}, {[]byte("00000002"), ledger.Hash{7}}}).row)
	f.Add((&trie{size: 8}).bucket(bucket.leaves(), 0).row)
	branch := &page{branch: true, nodes: new([32]node)}
	branch.nodes[16+3], branch.nodes[16+9] = node{ledger.Hash{3}, 1}, node{ledger.Hash{4}, 2}
	branch.encodeBranch()
	f.Add(branch.row)
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := tree.parse(b, 0); err != nil {
			require.ErrorIs(t, err, errPage)
		} else if p.branch {
			again := p.another()
			again.encodeBranch()
			require.Equal(t, b, again.row, "a branch has one spelling")
		} else if b != nil {
			require.Equal(t, reference(p.leaves(), 0), p.root().hash, "its root is that of its leaves")
			require.True(t, slices.IsSortedFunc(p.leaves(), byKey))
		}
		if x, err := parseTracker(b); err == nil {
			require.Equal(t, b, x.encode())
		}
		if p, err := parsePerson(b); err == nil && b != nil {
			require.GreaterOrEqual(t, len(b), 41)
			require.Equal(t, b[8:40], p.head.Last[:])
		}
		if v, by, err := parseVisit(store.Row{Key: make([]byte, 8), Value: b}); err == nil {
			require.Equal(t, ledger.ActorID(b[:16]), by)
			require.LessOrEqual(t, len(v.Organisation), len(b)-20)
		}
	})
}
