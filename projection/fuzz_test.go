package projection

import (
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
	bucket := &page{leaves: []leaf{{[]byte("00000000"), ledger.Hash{1}}, {[]byte("00000001"), ledger.Hash{2}}}}
	branch := &page{children: new([16]node)}
	branch.children[3], branch.children[9] = node{ledger.Hash{3}, 1}, node{ledger.Hash{4}, 2}
	f.Add(bucket.encode())
	f.Add(branch.encode())
	f.Add((&page{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		outbox := &trie{view: viewOutboxTree, size: 8}
		if p, err := outbox.parse(b); err == nil {
			require.Equal(t, b, p.encode(), "a page has one spelling")
		} else {
			require.ErrorIs(t, err, errPage)
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
