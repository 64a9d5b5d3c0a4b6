package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"custos/ledger"
)

func TestALedgerIsCreatedOnce(t *testing.T) {
	fs := vfs.NewMem()
	_, err := Open(dir, Options{FS: fs})
	require.ErrorIs(t, err, ErrMissing)
	_, err = Open(dir, Options{FS: fs, ReadOnly: true})
	require.ErrorIs(t, err, ErrMissing)
	must(t, Init(dir, Options{FS: fs}))
	require.ErrorIs(t, Init(dir, Options{FS: fs}), ErrExists)
	d := open(t, fs)
	require.Equal(t, ledger.Head{}, d.Head())
	require.Equal(t, Applied{}, d.Applied())
	none, err := d.LastSigned()
	must(t, err)
	require.Nil(t, none)
	newChain(t).commit(d, 2)
	closed(t, d)
	require.ErrorIs(t, Init(dir, Options{FS: fs}), ErrExists)
	require.ErrorIs(t, Init(dir, Options{FS: fs, ReadOnly: true}), ErrExists)
}

func TestALedgerIsOpenedByOneProcess(t *testing.T) {
	path := t.TempDir() + "/ledger"
	must(t, Init(path, Options{}))
	d, err := Open(path, Options{})
	must(t, err)
	_, err = Open(path, Options{})
	require.ErrorIs(t, err, ErrLocked)
	_, err = Open(path, Options{ReadOnly: true})
	require.ErrorIs(t, err, ErrLocked)
	closed(t, d)
	d, err = Open(path, Options{})
	must(t, err)
	closed(t, d)
}

// Reading changes no byte of the folder, not even to take what the write-ahead
// log holds into tables.
func TestReadingWritesNothing(t *testing.T) {
	fs := vfs.NewMem()
	d := fresh(t, fs)
	c := newChain(t)
	c.commit(d, 40)
	closed(t, d)
	before := listing(t, fs)
	d, err := Open(dir, Options{FS: fs, ReadOnly: true})
	must(t, err)
	c.prove(d)
	s, err := d.Pin()
	must(t, err)
	require.Equal(t, c.head, s.Head())
	must(t, s.Close())
	require.ErrorIs(t, d.p.Set([]byte("x"), nil, nil), pebble.ErrReadOnly)
	closed(t, d)
	require.Equal(t, before, listing(t, fs))
}

func listing(t *testing.T, fs vfs.FS) map[string]int64 {
	names, err := fs.List(dir)
	must(t, err)
	out := map[string]int64{}
	for _, n := range names {
		if n == "LOCK" {
			continue
		}
		i, err := fs.Stat(fs.PathJoin(dir, n))
		must(t, err)
		out[n] = i.Size()
	}
	return out
}

func TestALayoutOfAnotherVersionIsRefused(t *testing.T) {
	for name, row := range map[string][]byte{"later": {2}, "earlier": {0}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			d := fresh(t, fs)
			if row == nil {
				must(t, d.p.Delete(keyFormat, pebble.Sync))
			} else {
				must(t, d.p.Set(keyFormat, row, pebble.Sync))
			}
			closed(t, d)
			_, err := Open(dir, Options{FS: fs})
			require.ErrorIs(t, err, ErrFormat)
			_, err = Open(dir, Options{FS: fs, ReadOnly: true})
			require.ErrorIs(t, err, ErrFormat)
		})
	}
	fs := vfs.NewMem()
	d := fresh(t, fs)
	must(t, d.p.Set(keyHead, []byte{0xff}, pebble.Sync))
	closed(t, d)
	_, err := Open(dir, Options{FS: fs})
	require.Error(t, err)
}

func TestPebblesOwnFormatIsPinned(t *testing.T) {
	fs := vfs.NewMem()
	d := fresh(t, fs)
	require.Equal(t, pebble.FormatMajorVersion(24), d.p.FormatMajorVersion())
	closed(t, d)
}

// Every key prefix stands once in the table of them, and every key begins with
// one of the table.
func TestKeyPrefixesAreUnique(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	must(t, err)
	names := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(v.Names[0].Name, "prefix") {
			c := v.Values[0].(*ast.BasicLit).Value
			require.Empty(t, names[c], "%s and %s", names[c], v.Names[0].Name)
			names[c] = v.Names[0].Name
		}
		return true
	})
	require.Len(t, names, 6)
	metas := map[string]bool{}
	for _, k := range [][]byte{keyHead, keyApplied, keyFormat, keySigned, keyCosigned} {
		require.Equal(t, byte(prefixMeta), k[0])
		metas[string(k)] = true
	}
	require.Len(t, metas, 5)

	fs := vfs.NewMem()
	d := fresh(t, fs)
	c := newChain(t)
	c.commit(d, 300)
	must(t, d.SetLastSigned([]byte("note")))
	seen := map[byte]int{}
	for row, err := range d.Scan(nil) {
		must(t, err)
		require.Contains(t, names, "'"+string(rune(row.Key[0]))+"'")
		seen[row.Key[0]]++
	}
	require.Len(t, seen, 6, "%v", seen)
	closed(t, d)

	require.Equal(t, []byte{'v', 'a', 'b'}, after([]byte{'v', 'a', 'a'}))
	require.Equal(t, []byte{'w'}, after([]byte{'v', 0xff, 0xff}))
	require.Nil(t, after([]byte{0xff}))
	require.Less(t, string(sealedKey(1, 255)), string(sealedKey(2, 0)))
	require.Less(t, string(entryKey(255)), string(entryKey(256)))
	require.Less(t, string(tileKey(0, 1<<40)), string(tileKey(1, 0)))
}

func TestAScratchLedgerIsALedger(t *testing.T) {
	fs := vfs.NewMem()
	must(t, Init(dir, Options{FS: fs, Scratch: true}))
	d, err := Open(dir, Options{FS: fs, Scratch: true})
	must(t, err)
	c := newChain(t)
	c.commit(d, 50)
	c.prove(d)
	closed(t, d)
}

// A scratch ledger of entries that stand elsewhere reads them there, those that it
// has and no others: what comes later must not be seen by a decision of before.
func TestAScratchLedgerOfEntriesElsewhere(t *testing.T) {
	whole, c := fresh(t, vfs.NewMem()), newChain(t)
	c.commit(whole, 3)
	c.commit(whole, 2)
	want := make([][]byte, 3)
	for n := range want {
		var err error
		want[n], err = Record(whole, ledger.Seq(n))
		must(t, err)
	}
	o := Options{FS: vfs.NewMem(), Scratch: true, Entries: whole}
	must(t, Init(dir, o))
	d, err := Open(dir, o)
	must(t, err)
	again := newChain(t)
	x := d.Begin()
	again.write(x, 3)
	record, err := x.Get(entryKey(2))
	must(t, err)
	require.Equal(t, want[2], record)
	_, err = Record(x, 3)
	require.ErrorIs(t, err, ErrNoEntry)
	must(t, x.Commit())
	for n := range ledger.Seq(3) {
		for _, r := range []Reader{d, d.Begin()} {
			record, err := Record(r, n)
			must(t, err)
			require.Equal(t, want[n], record)
			_, err = Record(r, 3)
			require.ErrorIs(t, err, ErrNoEntry)
			if x, writing := r.(*Txn); writing {
				must(t, x.Discard())
			}
		}
	}
	for _, err := range d.Records(0, 10) {
		t.Fatal("it stored an entry", err)
	}
	require.Equal(t, d.Tree().Hash, c.trees[3].Hash)
	closed(t, d)
	closed(t, whole)
}
