package consensus

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

var errDisk = errors.New("no space left")

// counted counts the writes that reach the file system.
type counted struct {
	vfs.FS
	writes []int
}

func (c *counted) Create(name string, k vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := c.FS.Create(name, k)
	return countedFile{f, c}, err
}

type countedFile struct {
	vfs.File
	c *counted
}

func (f countedFile) Write(p []byte) (int, error) {
	f.c.writes = append(f.c.writes, len(p))
	return f.File.Write(p)
}

func TestTablesAreWrittenInLargePieces(t *testing.T) {
	c := &counted{FS: vfs.NewMem()}
	fs := tableFiles{c}
	r := rand.New(rand.NewPCG(1, 2))
	for _, ends := range []func(vfs.File) error{vfs.File.Sync, vfs.File.SyncData, func(vfs.File) error { return nil }} {
		c.writes = nil
		f, err := fs.Create("000001.sst", vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		var want []byte
		for len(want) < 3*tableWrite+tableWrite/2 {
			p := make([]byte, r.IntN(2*tableWrite))
			for i := range p {
				p[i] = byte(r.Uint32())
			}
			want = append(want, p...)
			n, err := f.Write(bytes.Clone(p)) // a file may change the bytes it is given
			require.NoError(t, err)
			require.Equal(t, len(p), n)
		}
		_, err = f.SyncTo(int64(len(want) - 2*tableWrite))
		require.NoError(t, err)
		for _, n := range c.writes {
			require.Equal(t, tableWrite, n)
		}
		require.NoError(t, ends(f))
		require.NoError(t, f.Close())
		require.Len(t, c.writes, (len(want)+tableWrite-1)/tableWrite)
		got, err := fs.Open("000001.sst")
		require.NoError(t, err)
		b, err := io.ReadAll(got)
		require.NoError(t, err)
		require.NoError(t, got.Close())
		require.True(t, bytes.Equal(want, b))
	}
}

func TestASyncedTableSurvivesACrash(t *testing.T) {
	disk := vfs.NewCrashableMem()
	fs := tableFiles{disk}
	f, err := fs.Create("000001.sst", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write([]byte("a short table"))
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, syncDir(disk, ""))
	after, err := disk.CrashClone(vfs.CrashCloneCfg{}).Open("000001.sst")
	require.NoError(t, err)
	b, err := io.ReadAll(after)
	require.NoError(t, err)
	require.Equal(t, "a short table", string(b))
}

// failing writes nothing, once.
type failing struct {
	vfs.File
	failed bool
}

func (f *failing) Write(p []byte) (int, error) {
	if !f.failed {
		f.failed = true
		return 0, errDisk
	}
	return f.File.Write(p)
}

// A table of which a part could not be written is never synced as whole.
func TestATableThatFailedStaysSo(t *testing.T) {
	raw, err := vfs.NewMem().Create("000001.sst", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	f := &tableFile{File: &failing{File: raw}}
	_, err = f.Write(make([]byte, tableWrite+1))
	require.ErrorIs(t, err, errDisk)
	_, _ = f.Write([]byte("more"))
	require.ErrorIs(t, f.SyncData(), errDisk)
	require.ErrorIs(t, f.Sync(), errDisk)
	require.ErrorIs(t, f.Close(), errDisk)
}

func TestLogsAreWrittenAtOnce(t *testing.T) {
	mem := vfs.NewMem()
	f, err := tableFiles{mem}.Create("000002.log", vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write([]byte("a record"))
	require.NoError(t, err)
	info, err := mem.Stat("000002.log")
	require.NoError(t, err)
	require.EqualValues(t, 8, info.Size())
}
