package store

import (
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

func TestTheTreeAtEverySize(t *testing.T) {
	const most = 1100
	fs := vfs.NewMem()
	d := fresh(t, fs)
	c := newChain(t)
	c.prove(d)
	for c.head.Size < most {
		c.commit(d, 1)
		size := int64(c.head.Size)
		require.Equal(t, c.trees[size], d.Tree())
		if at := size % tileWidth; at <= 1 || at == tileWidth-1 {
			must(t, d.Close()) // what is in memory must be what a start reads
			d = open(t, fs)
			require.Equal(t, c.trees[size], d.Tree())
			require.Equal(t, c.head, d.Head())
		}
	}
	every := func(size int64, step int64) {
		var seqs []ledger.Seq
		var wants []tlog.RecordProof
		for n := int64(0); n < size; n += step {
			have, err := d.Prove(ledger.Seq(n), size)
			must(t, err)
			want, err := tlog.ProveRecord(size, n, c)
			must(t, err)
			require.Equal(t, want, have, "entry %d of %d", n, size)
			seqs, wants = append(seqs, ledger.Seq(n)), append(wants, want)
		}
		all, err := d.ProveAll(seqs, size)
		must(t, err)
		require.Equal(t, wants, all)
	}
	for size := int64(1); size <= most; size++ {
		edge := size%tileWidth <= 1 || size%tileWidth == tileWidth-1
		switch {
		case size <= 64 || size == 257 || size == most:
			every(size, 1)
		case edge:
			every(size, 7)
		case size%11 == 0:
			every(size, 101)
		default:
			continue
		}
		tree, err := d.TreeAt(size)
		must(t, err)
		require.Equal(t, c.trees[size], tree)
		for _, from := range []int64{1, size / 2, size - 1, size} {
			if from < 1 {
				continue
			}
			have, err := d.ProveConsistency(from, size)
			must(t, err)
			must(t, tlog.CheckTree(have, size, c.trees[size].Hash, from, c.trees[from].Hash))
		}
	}
	indexes := make([]int64, tlog.StoredHashIndex(0, most))
	for i := range indexes {
		indexes[i] = int64(i)
	}
	have, err := d.edge.ReadHashes(indexes)
	must(t, err)
	want, err := c.ReadHashes(indexes)
	must(t, err)
	require.Equal(t, want, have)

	for _, bad := range []struct{ n, size int64 }{{0, most + 1}, {most, most}, {5, 5}, {0, 0}} {
		_, err := d.Prove(ledger.Seq(bad.n), bad.size)
		require.ErrorIs(t, err, ErrNoEntry)
	}
	for _, bad := range []struct{ from, to int64 }{{0, 5}, {6, 5}, {-1, 5}, {5, most + 1}} {
		_, err := d.ProveConsistency(bad.from, bad.to)
		require.ErrorIs(t, err, ErrNoEntry)
	}
	for _, bad := range []int64{-1, most + 1} {
		_, err := d.TreeAt(bad)
		require.ErrorIs(t, err, ErrNoEntry)
	}
	empty, err := d.TreeAt(0)
	must(t, err)
	require.Equal(t, tlog.Tree{Hash: emptyRoot}, empty)

	// The tiles are those that C2SP tlog-tiles publishes.
	for _, tile := range tlog.NewTiles(8, 0, most) {
		have, err := d.Tile(tile.L, tile.N)
		must(t, err)
		want, err := tlog.ReadTileData(tile, c)
		must(t, err)
		require.Equal(t, want, have[:len(want)], "%+v", tile)
	}
	beyond, err := d.Tile(0, 5)
	must(t, err)
	require.Nil(t, beyond)
	closed(t, d)
}

// The third level of tiles begins at 65,536 leaves.
func TestTheTreeWhereItsThirdLevelBegins(t *testing.T) {
	tiles := map[tileID][]byte{}
	load := func(level int, n int64) ([]byte, error) { return tiles[tileID{level, n}], nil }
	e, err := loadEdge(0, load)
	must(t, err)
	var stored hashes
	for i := range int64(65_600) {
		h := tlog.RecordHash(binary.BigEndian.AppendUint64(nil, uint64(i)))
		e.push(h)
		s, err := tlog.StoredHashesForRecordHash(i, h, &stored)
		must(t, err)
		stored = append(stored, s...)
		size := i + 1
		if size%1000 != 0 && (size < 65_534 || size > 65_539) {
			continue
		}
		for id, p := range e.dirty {
			tiles[id] = p.bytes()
		}
		clear(e.dirty)
		if size%8000 == 0 || size > 65_000 {
			if e, err = loadEdge(size, load); err != nil {
				require.NoError(t, err, "size %d", size)
			}
		}
		tree, err := e.tree()
		must(t, err)
		want, err := tlog.TreeHash(size, &stored)
		must(t, err)
		require.Equal(t, want, tree.Hash, "size %d", size)
		for _, n := range []int64{0, 1, 255, 256, size / 2, size - 257, size - 256, size - 2, size - 1} {
			have, err := tlog.ProveRecord(size, n, e)
			must(t, err)
			reference, err := tlog.ProveRecord(size, n, &stored)
			must(t, err)
			require.Equal(t, reference, have, "entry %d of %d", n, size)
		}
	}
}

type hashes []tlog.Hash

func (s *hashes) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		out[i] = (*s)[x]
	}
	return out, nil
}

// One transaction may hold more tiles than the cache of recent ones does, as a
// rebuild's does; its own proofs must still find them.
func TestABatchLargerThanTheRecentTiles(t *testing.T) {
	e, err := loadEdge(0, func(int, int64) ([]byte, error) { return nil, nil })
	must(t, err)
	var stored hashes
	for i := range int64((recentTiles + 2) * tileWidth) {
		h := tlog.RecordHash(binary.BigEndian.AppendUint64(nil, uint64(i)))
		e.push(h)
		s, err := tlog.StoredHashesForRecordHash(i, h, &stored)
		must(t, err)
		stored = append(stored, s...)
	}
	have, err := tlog.ProveRecord(e.size, 3, e)
	must(t, err)
	want, err := tlog.ProveRecord(e.size, 3, &stored)
	must(t, err)
	require.Equal(t, want, have)
}

func TestAShortOrMissingTileIsNotedAtOpening(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"missing": func([]byte) []byte { return nil },
		"short":   func(b []byte) []byte { return b[:len(b)-tlog.HashSize] },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			d := fresh(t, fs)
			c := newChain(t)
			c.commit(d, 300)
			tile, err := d.Tile(0, 1)
			must(t, err)
			require.Len(t, tile, 44*tlog.HashSize)
			if b := damage(tile); b == nil {
				must(t, d.p.Delete(tileKey(0, 1), nil))
			} else {
				must(t, d.p.Set(tileKey(0, 1), b, nil))
			}
			closed(t, d)
			_, err = Open(dir, Options{FS: fs})
			require.ErrorContains(t, err, "missing or short")
		})
	}
	_, err := parsePyramid(0, make([]byte, 31))
	require.Error(t, err)
	_, err = parsePyramid(0, make([]byte, 257*32))
	require.Error(t, err)
}
