package consensus

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

func TestFrames(t *testing.T) {
	b := appendFrame(nil, 7, callPropose, []byte{1}, []byte("abc"))
	b = appendFrame(b, 8, statusOK)
	r := bufio.NewReader(bytes.NewReader(b))
	f, err := readFrame(r)
	require.NoError(t, err)
	require.Equal(t, frame{7, callPropose, []byte("\x01abc")}, f)
	f, err = readFrame(r)
	require.NoError(t, err)
	require.Equal(t, frame{8, statusOK, []byte{}}, f)
	_, err = readFrame(r)
	require.ErrorIs(t, err, io.EOF)
	for _, bad := range [][]byte{{0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff}} {
		_, err := readFrame(bufio.NewReader(bytes.NewReader(append(bad, make([]byte, 9)...))))
		require.ErrorIs(t, err, errFrame)
	}
}

func TestStatusesAreUnknownUnlessKnown(t *testing.T) {
	for s, err := range statusErrors {
		require.Equal(t, s, statusOf(err))
	}
	require.EqualValues(t, statusUnknown, statusOf(io.ErrUnexpectedEOF))
	require.EqualValues(t, statusOK, statusOf(nil))
}

func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, 1, callPing, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 4 && (b[0] != 0 || b[1] != 0) {
			return // a long frame is read by a member only: do not allocate it here
		}
		x, err := readFrame(bufio.NewReader(bytes.NewReader(b)))
		if err == nil {
			require.Equal(t, b[:frameHeader+len(x.payload)], appendFrame(nil, x.id, x.kind, x.payload))
		}
	})
}

func FuzzParsePing(f *testing.F) {
	f.Add(ping{URL: "http://x", Size: 3, Leading: true, Note: []byte("n")}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePing(b)
		if err == nil {
			_, err = parsePing(p.encode())
			require.NoError(t, err)
		}
	})
}

// streamOf makes a stream of a folder with two files.
func streamOf(t testing.TB) ([]byte, manifest) {
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("from", 0o700))
	for name, content := range map[string]string{"000001.sst": "table", "MANIFEST-1": "", "000002.log": "log log"} {
		f, err := fs.Create("from/"+name, vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = f.Write([]byte(content))
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	m := manifest{Log: testLog, Applied: store.Applied{Index: 9, Term: 2}, Size: 3, Root: ledger.Hash{1}}
	closed := false
	w, err := newStream(fs, "from", m, func() { closed = true })
	require.NoError(t, err)
	b, err := io.ReadAll(w)
	require.NoError(t, err)
	require.Len(t, b, int(w.size), "Raft is told the exact length")
	require.NoError(t, w.Close())
	require.True(t, closed)
	return b, m
}

func TestStream(t *testing.T) {
	b, want := streamOf(t)
	fs := vfs.NewMem()
	require.NoError(t, fs.MkdirAll("data", 0o700))
	m, err := unpack(fs, bytes.NewReader(b), "data", "ledger-9-1")
	require.NoError(t, err)
	require.Equal(t, want.Applied, m.Applied)
	names, err := fs.List("data/ledger-9-1")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"000001.sst", "MANIFEST-1", "000002.log"}, names)
	f, err := fs.Open("data/ledger-9-1/000002.log")
	require.NoError(t, err)
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "log log", string(got))
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		_, err := unpack(fs, bytes.NewReader(bad), "data", "x")
		require.Error(t, err, "byte %d", i)
		_, err = unpack(fs, bytes.NewReader(b[:i]), "data", "x")
		require.Error(t, err)
	}
	_, err = unpack(fs, bytes.NewReader(append(b, 0)), "data", "x")
	require.ErrorIs(t, err, errStream)
}

func FuzzUnpack(f *testing.F) {
	b, _ := streamOf(f)
	f.Add(b)
	evil := manifest{Files: []streamFile{{"../escape", 0}}}
	w, err := ledger.Marshal(evil)
	require.NoError(f, err)
	sum := sha256.Sum256(w)
	f.Add(append(append(append([]byte(streamHeader), 0, 0, 0, byte(len(w))), w...), sum[:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := vfs.NewMem()
		require.NoError(t, fs.MkdirAll("data", 0o700))
		_, _ = unpack(fs, bytes.NewReader(b), "data", "in")
		names, err := fs.List("")
		require.NoError(t, err)
		require.Equal(t, []string{"data"}, names)
		names, err = fs.List("data")
		require.NoError(t, err)
		require.Subset(t, []string{"in"}, names)
	})
}
