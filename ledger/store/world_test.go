package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"custos/ledger"
)

const dir = "ledger"

func must(t rapid.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}

// open opens the ledger on a file system; an error there fails the test.
func open(t rapid.TB, fs vfs.FS) *DB {
	t.Helper()
	d, err := Open(dir, Options{FS: fs, CacheBytes: 1 << 20})
	must(t, err)
	return d
}

func fresh(t rapid.TB, fs vfs.FS) *DB {
	t.Helper()
	must(t, Init(dir, Options{FS: fs, CacheBytes: 1 << 20}))
	return open(t, fs)
}

// chain makes entries that follow each other, and keeps what a reference
// implementation says of them.
type chain struct {
	t      rapid.TB
	head   ledger.Head
	people map[ledger.PersonRef]ledger.PersonHead
	stored []tlog.Hash
	n      int
	trees  []tlog.Tree // by size
}

func newChain(t rapid.TB) *chain {
	return &chain{t: t, people: map[ledger.PersonRef]ledger.PersonHead{}, trees: []tlog.Tree{{Hash: emptyRoot}}}
}

func (c *chain) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		out[i] = c.stored[x]
	}
	return out, nil
}

// next is one command of several entries, with a sealed payload on every third.
func (c *chain) next(entries int) ([]ledger.Entry, []ledger.Head, [][][]byte) {
	c.n++
	n := fmt.Append(nil, c.n)
	cmd := &ledger.Command{ID: ledger.DeriveID("c", n), Seed: ledger.DeriveID("s", n), Actor: ledger.SystemActor("n1"),
		Request: &ledger.RecordKey{Purpose: "log"}, Time: ledger.Time(c.n) * ledger.Second}
	d := ledger.Decision{Rules: 1, Log: ledger.ID{0xc0}, As: cmd}
	sealed := make([][][]byte, entries)
	for i := range entries {
		var ref ledger.PersonRef
		binary.BigEndian.PutUint32(ref[:], uint32(1+(c.n+i)%7))
		h := ledger.Happened{Event: &ledger.KeyRecorded{Purpose: "log", Name: fmt.Sprint(i)}, Person: ref}
		if c.n == 1 && i == 0 {
			h = ledger.Happened{Event: &ledger.LogOpened{ID: d.Log, Rules: 1}}
		}
		if (int(c.head.Size)+i)%3 == 0 {
			s := ledger.Sealed{Payload: ledger.PayloadAccess, Holder: ledger.HolderPerson, Ciphertext: cipherOf(c.head.Size + ledger.Seq(i))}
			cmd.Sealed = append(cmd.Sealed, s)
			h.Sealed = []int{len(cmd.Sealed) - 1}
			sealed[i] = [][]byte{s.Ciphertext}
		}
		d.Happened = append(d.Happened, h)
	}
	out, _, err := ledger.Seal(c.head, cmd, d, func(p ledger.PersonRef) (ledger.PersonHead, error) { return c.people[p], nil })
	must(c.t, err)
	heads := make([]ledger.Head, entries)
	for i := range out {
		e := &out[i]
		c.head, err = c.head.Follow(e)
		must(c.t, err)
		heads[i] = c.head
		if e.Person != nil {
			c.people[e.Person.Ref] = ledger.PersonHead{N: e.Person.N, Last: e.Hash()}
		}
		h, err := tlog.StoredHashesForRecordHash(int64(e.Seq), e.Hash(), c)
		must(c.t, err)
		c.stored = append(c.stored, h...)
		root, err := tlog.TreeHash(int64(e.Seq)+1, c)
		must(c.t, err)
		c.trees = append(c.trees, tlog.Tree{N: int64(e.Seq) + 1, Hash: root})
	}
	return out, heads, sealed
}

func cipherOf(n ledger.Seq) []byte { return fmt.Appendf(nil, "ciphertext of %d", n) }

// write puts one command into an open transaction, with a view row that says
// how many entries there are and a wrapped key per entry.
func (c *chain) write(x *Txn, entries int) {
	out, heads, sealed := c.next(entries)
	for i := range out {
		must(c.t, x.Append(&out[i], heads[i], sealed[i]))
		n := binary.BigEndian.AppendUint64(nil, uint64(out[i].Seq))
		must(c.t, x.Set(ViewKey('n', n), n))
		must(c.t, x.SetIndex(ViewKey('i', n)))
		must(c.t, x.PutKey(ledger.WrappedKey{Holder: ledger.HolderPerson, ID: []byte{1}, Key: ledger.DeriveID("k", n), Wrapped: n}, false))
	}
	must(c.t, x.Set(ViewKey('c'), binary.BigEndian.AppendUint64(nil, uint64(c.head.Size))))
	x.SetApplied(Applied{Index: uint64(c.n), Term: 1, ConfIndex: 1, Conf: []byte("members")})
}

func (c *chain) commit(d *DB, entries int) {
	x := d.Begin()
	c.write(x, entries)
	must(c.t, x.Commit())
}

// prove re-proves everything a database holds against itself and the
// reference: chain, tree, tiles, sealed rows, wrapped keys, views, head and
// applied index, all of one moment.
func (c *chain) prove(d *DB) ledger.Head {
	t := c.t
	t.Helper()
	head := d.Head()
	var check ledger.Checker
	records := 0
	for r, err := range d.Records(0, head.Size+10) {
		must(t, err)
		must(t, check.Add(r))
		records++
	}
	must(t, check.End())
	require.Equal(t, int(head.Size), records)
	require.Equal(t, head, check.Head())
	require.Equal(t, check.Tree(), d.Tree())
	require.Equal(t, c.trees[head.Size], d.Tree())
	sealedRows, views, index := 0, 0, 0
	for row, err := range d.SealedRows(0, head.Size+10) {
		must(t, err)
		n := ledger.Seq(binary.BigEndian.Uint64(row.Key[1:]))
		require.Equal(t, cipherOf(n), row.Value)
		e, err := Entry(d, n)
		must(t, err)
		require.Equal(t, ledger.Sealed{Ciphertext: row.Value}.Commitment().Digest, e.Commitments[0].Digest)
		sealedRows++
	}
	require.Equal(t, (int(head.Size)+2)/3, sealedRows)
	for row, err := range d.Scan(ViewKey('n')) {
		must(t, err)
		require.True(t, bytes.HasSuffix(row.Key, row.Value))
		views++
	}
	for _, err := range d.Scan(ViewKey('i')) {
		must(t, err)
		index++
	}
	require.Equal(t, []int{int(head.Size), int(head.Size)}, []int{views, index})
	keys, err := Keys(d, ledger.HolderPerson, []byte{1})
	must(t, err)
	require.Len(t, keys, int(head.Size))
	if head.Size > 0 {
		count, err := d.Get(ViewKey('c'))
		must(t, err)
		require.Equal(t, uint64(head.Size), binary.BigEndian.Uint64(count))
		proof, err := d.Prove(head.Size-1, int64(head.Size))
		must(t, err)
		must(t, tlog.CheckRecord(proof, int64(head.Size), d.Tree().Hash, int64(head.Size)-1, head.Last))
	}
	return head
}

func closed(t testing.TB, d *DB) {
	t.Helper()
	must(t, d.Close())
}
