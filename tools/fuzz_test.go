package tools

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

func FuzzReadBatch(f *testing.F) {
	f.Add(batch(1, tlog.Tree{N: 3}, []byte("note"), []byte("one"), []byte("two")))
	f.Add([]byte{1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		signed, commands, ok := readBatch(b)
		if ok {
			require.LessOrEqual(t, len(signed)+4*commands, len(b))
		}
	})
}

func FuzzItemLength(f *testing.F) {
	f.Add([]byte{0xa2, 1, 2, 3, 0x42, 0, 0})
	f.Add([]byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, ok := itemLength(b, 0); ok {
			require.Positive(t, n)
			require.LessOrEqual(t, n, len(b))
		}
		rawRecords(b, func(ledger.Seq, *ledger.Entry) {})
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 \r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := answer{in: b}
		whole, err := a.whole()
		if whole {
			require.NoError(t, err)
			require.LessOrEqual(t, a.body, len(b))
			require.Equal(t, len(b), a.total)
		}
	})
}

func TestReadBatchReadsWhatIsThere(t *testing.T) {
	b := batch(1, tlog.Tree{N: 3}, []byte("note"), []byte("one"), []byte("two"))
	signed, commands, ok := readBatch(b)
	require.True(t, ok)
	require.Equal(t, "note", string(signed))
	require.Equal(t, 2, commands)
	b[0] = 2
	_, _, ok = readBatch(b)
	require.False(t, ok, "another version is not guessed at")
}
