package consensus

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

func sampleBatch() batch {
	return batch{
		Proposer: "n1", Time: 1_700_000_000_000_000, HasTree: true,
		Tree: tlog.Tree{N: 7, Hash: tlog.Hash{1, 2}}, Note: []byte("note\n"),
		Commands: [][]byte{[]byte("one"), {}, []byte("three")},
	}
}

func TestBatchRoundTrip(t *testing.T) {
	for _, want := range []batch{
		sampleBatch(),
		{Proposer: "n2", Note: []byte{}, Commands: [][]byte{}},
	} {
		b := want.encode(nil)
		require.Len(t, b, want.size())
		got, err := parseBatch(b)
		require.NoError(t, err)
		require.Equal(t, want, got)
		for i := range b {
			_, err := parseBatch(b[:i])
			require.ErrorIs(t, err, errBatch)
		}
		_, err = parseBatch(append(b, 0))
		require.ErrorIs(t, err, errBatch)
		b[0]++
		_, err = parseBatch(b)
		require.ErrorIs(t, err, errBatch)
	}
}

func FuzzParseBatch(f *testing.F) {
	x := sampleBatch()
	f.Add(x.encode(nil))
	f.Add((&batch{}).encode(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parseBatch(b)
		if err != nil {
			return
		}
		require.Equal(t, b, x.encode(nil))
	})
}
