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
	f.Fuzz(func(t *testing.T, b []byte) {
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
