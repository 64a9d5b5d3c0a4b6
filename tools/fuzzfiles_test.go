package tools

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

// Files that somebody else wrote, and that an auditor opens.

// FuzzCapability: whatever is called a capability names nobody but the person of
// the recorded release, to its auditor; and no refusal repeats a number.
func FuzzCapability(f *testing.F) {
	w := newWorld(f)
	w.usual()
	w.close()
	w.release(30)
	whole, err := os.ReadFile(filepath.Join(filepath.Dir(w.dir), "capability"))
	require.NoError(f, err)
	f.Add(whole)
	f.Add(bytes.Replace(whole, []byte(nhsChild), []byte(nhsSister), 1))
	f.Add(bytes.Replace(whole, []byte(`"seq":`), []byte(`"seq":1`), 1))
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(`{"format":"custos-capability@v1","nonce":"AAAAAAAAAAAAAAAAAAAAAA=="}`))
	data, err := openFolder(w.dir)
	require.NoError(f, err)
	f.Cleanup(func() { _ = data.close() })
	file := filepath.Join(f.TempDir(), "capability")
	now := w.now.Add(time.Hour)
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, os.WriteFile(file, b, 0o600))
		who, err := data.capability(file, now)
		if err != nil {
			require.NotContains(t, err.Error(), nhsChild)
			require.NotContains(t, err.Error(), nhsSister)
			return
		}
		require.Equal(t, nhsChild, who.NHSNumber)
		require.Equal(t, w.keys.Person(nhsChild), who.ref)
	})
}

// FuzzTiles: a tile of entries is read as exactly the records that it is made of,
// or refused; and entry 0 is read from it alone.
func FuzzTiles(f *testing.F) {
	tile := func(records ...string) (b []byte) {
		for _, r := range records {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(r))), r...)
		}
		return b
	}
	f.Add(tile("one", "two", "three"), uint16(3))
	f.Add(tile("one", "", "three"), uint16(3))
	f.Add(tile("one", "two", "three"), uint16(2))
	f.Add([]byte{0xff, 0xff, 1}, uint16(1))
	f.Add([]byte{}, uint16(300))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		if size == 0 || size > tileWidth {
			return
		}
		partial := "tile/entries/000"
		if size < tileWidth {
			partial += ".p/" + strconv.Itoa(int(size))
		}
		files := fstest.MapFS{partial: {Data: b}, "tile/0/000": {Data: b}}
		s := &source{what: "the archive of tiles", get: fileSource(files), files: true}
		var again, first []byte
		n := 0
		var failed error
		for record, err := range s.bundles(0, int64(size)) {
			if failed = err; err != nil {
				break
			}
			if n++; n == 1 {
				first = bytes.Clone(record)
			}
			again = append(binary.BigEndian.AppendUint16(again, uint16(len(record))), record...)
		}
		if failed == nil {
			require.EqualValues(t, size, n)
			require.Equal(t, b, again)
			zero, err := s.get(t.Context(), "/v1/entries/0")
			require.NoError(t, err)
			require.Equal(t, first, zero)
		}
		if hashes, err := s.tile(0, 0, tileWidth); err == nil {
			require.LessOrEqual(t, len(hashes), tileWidth*tlog.HashSize)
		}
	})
}

// FuzzBackup: whatever is called a backup is unpacked within its own folder, or
// refused; and what is not whole is never called so.
func FuzzBackup(f *testing.F) {
	dir := f.TempDir()
	require.NoError(f, os.MkdirAll(filepath.Join(dir, "ledger"), 0o700))
	require.NoError(f, os.WriteFile(filepath.Join(dir, "ledger", "MANIFEST-000001"), []byte("no manifest"), 0o600))
	for _, compressed := range []bool{false, true} {
		whole, err := packFolder(dir, compressed)
		require.NoError(f, err)
		f.Add(whole)
		f.Add(whole[:len(whole)/2])
		f.Add(bytes.Replace(whole, []byte("ledger/MANIFEST"), []byte("../../../NIFEST"), 1))
	}
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, b []byte) {
		outer := t.TempDir()
		file := filepath.Join(outer, "backup")
		require.NoError(t, os.WriteFile(file, b, 0o600))
		got, err := openBackup(file, outer)
		if err == nil {
			require.True(t, len(b) > 2*tarBlock || got.cut != "" || got.damaged != "" || b[0] == 0x1f)
			got.close()
		}
		left, err := os.ReadDir(outer)
		require.NoError(t, err)
		require.Len(t, left, 1, "what was unpacked is removed, and nothing stands beside it")
	})
}
