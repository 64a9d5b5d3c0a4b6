package store

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"custos/ledger"
)

// A transaction reads its own writes laid over what is committed, in order,
// exactly as a map would.
func TestATransactionIsAMapOverAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem()
		must(t, Init(dir, Options{FS: fs, CacheBytes: 1 << 20}))
		d, err := Open(dir, Options{FS: fs, CacheBytes: 1 << 20, RowBytes: 600}) // so few that rows are evicted
		must(t, err)
		defer func() { must(t, d.Close()) }()
		committed := map[string]string{}
		mine := map[string]string{}
		own := map[string]bool{}
		reset := func() {
			mine, own = map[string]string{}, map[string]bool{}
			for k, v := range committed {
				mine[k] = v
			}
		}
		key := func() []byte {
			// A walk finds rows written here by their keys' first bytes: some keys begin alike
			// beyond these, some are shorter.
			begin := rapid.SampledFrom([]string{"", "", "aab", "aaba", "aabb\xff"}).Draw(t, "begin")
			k := rapid.StringOfN(rapid.RuneFrom([]rune("ab\xff")), 0, 3, -1).Draw(t, "key")
			return ViewKey('x', []byte(begin+k))
		}
		same := func(want map[string]string, r Reader, prefix []byte) {
			var keys []string
			for k := range want {
				if strings.HasPrefix(k, string(prefix)) {
					keys = append(keys, k)
				}
			}
			sort.Strings(keys)
			var have []string
			for row, err := range r.Scan(prefix) {
				must(t, err)
				have = append(have, string(row.Key))
				require.Equal(t, want[string(row.Key)], string(row.Value))
			}
			require.Equal(t, keys, have)
			from := key() // also one before the prefix, and one beyond it
			var later []string
			for row, err := range r.After(prefix, from) {
				must(t, err)
				later = append(later, string(row.Key))
				require.Equal(t, want[string(row.Key)], string(row.Value))
			}
			keys = slices.DeleteFunc(keys, func(k string) bool { return k <= string(from) })
			require.Equal(t, append([]string{}, keys...), append([]string{}, later...))
		}
		x := d.Begin()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 14).Draw(t, "step") {
			case 0, 1, 2:
				k, v := key(), rapid.StringN(0, 3, 3).Draw(t, "value")
				must(t, x.Set(k, []byte(v)))
				mine[string(k)], own[string(k)] = v, true
			case 3, 4:
				k := key()
				must(t, x.Delete(k))
				delete(mine, string(k))
				delete(own, string(k))
			case 5, 6, 7:
				k := key()
				read := x.Get
				if rapid.Bool().Draw(t, "once") {
					read = x.GetOnce
				}
				have, err := read(k)
				must(t, err)
				want, ok := mine[string(k)]
				require.Equal(t, ok, have != nil, "%q", k)
				require.Equal(t, want, string(have))
			case 8:
				same(mine, x, key())
				same(mine, x, ViewKey('x'))
				same(committed, d, ViewKey('x'))
				var written []string
				prefix := key()
				for row, err := range x.Own(prefix) {
					must(t, err)
					require.Equal(t, mine[string(row.Key)], string(row.Value))
					written = append(written, string(row.Key))
				}
				want := slices.Sorted(maps.Keys(own))
				want = slices.DeleteFunc(want, func(k string) bool { return !strings.HasPrefix(k, string(prefix)) })
				require.Equal(t, append([]string{}, want...), append([]string{}, written...))
			case 9:
				for row := range x.Scan(ViewKey('x')) { // a reader may stop early
					_ = row
					break
				}
			case 10:
				must(t, x.Commit())
				committed = mine
				reset()
				same(committed, d, ViewKey('x'))
				x = d.Begin()
			case 12: // what a reader misses spares the writer a search, and no more
				k := key()
				have, err := d.Get(k)
				must(t, err)
				want, ok := committed[string(k)]
				require.Equal(t, ok, have != nil, "%q", k)
				require.Equal(t, want, string(have))
			case 13:
				k := key()
				_, ok := mine[string(k)]
				require.Equal(t, !ok, x.Lacks(k), "%q", k)
			case 14: // what passes through is read and written as anything else
				x.Passing(rapid.Bool().Draw(t, "passing"))
			case 11:
				must(t, x.Discard())
				must(t, x.Discard()) // a second time does nothing
				reset()
				x = d.Begin()
			}
		}
		must(t, x.Discard())
		same(committed, d, ViewKey('x'))
	})
}

func TestIndexRowsAreScannedWithinTheirTransaction(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	x := d.Begin()
	for _, k := range []string{"b", "a", "c"} {
		must(t, x.SetIndex(ViewKey('i', []byte(k))))
	}
	must(t, x.Delete(ViewKey('i', []byte("c"))))
	must(t, x.Set(ViewKey('i', []byte("d")), []byte("v")))
	read := func(r Reader) (out string) {
		for row, err := range r.Scan(ViewKey('i')) {
			must(t, err)
			out += string(row.Key[2:]) + string(row.Value) + " "
		}
		return out
	}
	require.Equal(t, "a b dv ", read(x))
	require.Empty(t, read(d))
	must(t, x.Commit())
	require.Equal(t, "a b dv ", read(d))
	closed(t, d)
}

func TestDiscardingLeavesEverythingAsItWas(t *testing.T) {
	fs := vfs.NewMem()
	d := fresh(t, fs)
	c := newChain(t)
	c.commit(d, 254)
	before, tree := *c, d.Tree()
	for range 3 {
		again := before
		again.people = map[ledger.PersonRef]ledger.PersonHead{}
		for k, v := range before.people {
			again.people[k] = v
		}
		x := d.Begin()
		_, err := x.Get(ViewKey('c'))
		must(t, err)
		again.write(x, 5) // over the edge of a tile
		grown, err := x.Tree()
		must(t, err)
		require.Equal(t, again.trees[259], grown)
		require.Equal(t, ledger.Seq(259), x.Head().Size)
		require.Equal(t, tree, d.Tree(), "readers see what is committed")
		have, err := Record(x, 258)
		must(t, err)
		require.NotEmpty(t, have, "a transaction reads the entries it appends")
		_, err = Record(d, 258)
		require.ErrorIs(t, err, ErrNoEntry)
		must(t, x.Discard())
		require.Equal(t, tree, d.Tree())
		c.prove(d)
	}
	c.commit(d, 5)
	c.prove(d)
	closed(t, d)
	d = open(t, fs)
	c.prove(d)
	closed(t, d)
}

func TestOnlyTheNextEntryIsAppended(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	c := newChain(t)
	entries, heads, sealed := c.next(2)
	x := d.Begin()
	require.Error(t, x.Append(&entries[1], heads[1], nil))
	must(t, x.Append(&entries[0], heads[0], sealed[0]))
	require.Error(t, x.Append(&entries[0], heads[0], nil))
	require.Error(t, x.Append(&entries[1], heads[0], nil))
	must(t, x.Discard())
	closed(t, d)
}

func TestAWrappedKeyStaysAsItWasFirst(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	x := d.Begin()
	one := ledger.WrappedKey{Holder: ledger.HolderPerson, ID: []byte("ab"), Key: ledger.ID{1}, KEK: 1, Wrapped: []byte("first")}
	other := one
	other.Wrapped = []byte("second")
	longer := one
	longer.ID, longer.Key = []byte("abc"), ledger.ID{2}
	second := one
	second.Key = ledger.ID{3}
	actor := one
	actor.Holder = ledger.HolderActor
	for _, w := range []ledger.WrappedKey{one, other, longer, second, actor} {
		must(t, x.PutKey(w, false))
	}
	check := func(r Reader) {
		have, ok, err := Key(r, ledger.HolderPerson, []byte("ab"), ledger.ID{1})
		must(t, err)
		require.True(t, ok)
		require.Equal(t, one, have)
		all, err := Keys(r, ledger.HolderPerson, []byte("ab"))
		must(t, err)
		require.Equal(t, []ledger.WrappedKey{one, second}, all, "of this holder and of no other that begins alike")
		_, ok, err = Key(r, ledger.HolderAuthority, []byte("ab"), ledger.ID{1})
		must(t, err)
		require.False(t, ok)
	}
	check(x)
	must(t, x.Commit())
	check(d)
	x = d.Begin()
	must(t, x.PutKey(other, false))
	check(x)
	must(t, x.Commit())
	check(d)
	closed(t, d)
}

func TestAGapInTheRecordsIsNoted(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	c := newChain(t)
	c.commit(d, 10)
	must(t, d.p.Delete(entryKey(4), nil))
	n := 0
	var last error
	for _, err := range d.Records(0, 10) {
		if last = err; err == nil {
			n++
		}
	}
	require.Equal(t, 4, n)
	require.ErrorIs(t, last, ErrNoEntry)
	_, err := Entry(d, 4)
	require.ErrorIs(t, err, ErrNoEntry)
	_, err = Entry(d, 10)
	require.ErrorIs(t, err, ErrNoEntry)
	closed(t, d)
}

// A pinned state is of one moment: its head is the head of its own rows, even
// while a writer commits.
func TestAPinnedStateIsOfOneMoment(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	c := newChain(t)
	c.commit(d, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 300 {
			c.commit(d, 2)
		}
	}()
	for pinning := true; pinning; {
		select {
		case <-done:
			pinning = false
		default:
		}
		s, err := d.Pin()
		must(t, err)
		n := 0
		for _, err := range s.Scan(ViewKey('n')) {
			must(t, err)
			n++
		}
		require.Equal(t, int(s.Head().Size), n)
		last, err := Entry(s, s.Head().Size-1)
		must(t, err)
		require.Equal(t, s.Head().Last, last.Hash())
		must(t, s.Close())
	}
	closed(t, d)
}

func TestACopyIsTheLedger(t *testing.T) {
	fs := vfs.NewMem()
	d := fresh(t, fs)
	c := newChain(t)
	c.commit(d, 100)
	must(t, d.Flush())
	c.commit(d, 100)
	must(t, d.SetLastSigned([]byte("note")))
	must(t, d.Checkpoint("copy"))
	size := c.head.Size
	c.commit(d, 100)
	copied, err := Open("copy", Options{FS: fs})
	must(t, err)
	require.Equal(t, size, copied.Head().Size)
	c.prove(copied)
	note, err := copied.LastSigned()
	must(t, err)
	require.Equal(t, []byte("note"), note)
	closed(t, copied)
	c.prove(d)
	require.NotNil(t, d.Metrics())
	closed(t, d)
}

func TestViewRowsAreViewsAlone(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	c := newChain(t)
	c.commit(d, 3)
	n := 0
	for row, err := range ViewRows(d) {
		must(t, err)
		require.True(t, bytes.HasPrefix(row.Key, []byte{prefixView}))
		n++
	}
	require.Equal(t, 3+3+1, n)
	require.Equal(t, fmt.Sprint(c.trees[3]), fmt.Sprint(d.Tree()))
	closed(t, d)
}

// That a row was not there is remembered, until it is.
func TestARowThatWasMissedIsSeenOnceWritten(t *testing.T) {
	d := fresh(t, vfs.NewMem())
	c := newChain(t)
	x := d.Begin()
	none, err := Sealed(x, 0, 0)
	must(t, err)
	require.Nil(t, none)
	must(t, x.Commit())
	c.commit(d, 1)
	x = d.Begin()
	have, err := Sealed(x, 0, 0)
	must(t, err)
	require.NotNil(t, have, "of entry 0, which was asked for before it was there")
	must(t, x.Discard())
	closed(t, d)
}
