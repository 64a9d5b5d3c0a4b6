package projection

import (
	"encoding/binary"
	"iter"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"custos/ledger"
	"custos/ledger/store"
)

// counted is a reader that counts the rows of lists that are walked.
type counted struct {
	store.Reader
	rows int
}

func (c *counted) count(rows iter.Seq2[store.Row, error]) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for row, err := range rows {
			if c.rows++; !yield(row, err) {
				return
			}
		}
	}
}

func (c *counted) Scan(prefix []byte) iter.Seq2[store.Row, error] {
	return c.count(c.Reader.Scan(prefix))
}

func (c *counted) After(prefix, key []byte) iter.Seq2[store.Row, error] {
	return c.count(c.Reader.After(prefix, key))
}

// A page begins at its cursor: the last of a long list reads as many rows as the
// first, and all pages together are the list, whatever stands beside it.
func TestAPageBeginsAtItsCursor(t *testing.T) {
	const all, limit = 1000, 100
	o := store.Options{FS: vfs.NewMem()}
	require.NoError(t, store.Init("ledger", o))
	db, err := store.Open("ledger", o)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	who := func(i uint64) (p ledger.PersonRef) { binary.BigEndian.PutUint64(p[:], i); return p }
	no := func(p ledger.PersonRef) ledger.Seq { return ledger.Seq(binary.BigEndian.Uint64(p[:])) }
	day := ledger.Day(20_000)
	upload := ledger.ID{9}
	txn := db.Begin()
	for _, authority := range []string{"LA1", "LA2", "LA11"} {
		for i := range uint64(all) {
			n := ledger.Seq(i + 1)
			require.NoError(t, setCold(txn, gapKey(authority, who(uint64(n))), []ledger.Days{{From: day, To: day}}))
			require.NoError(t, txn.SetIndex(holderKey(authority, who(uint64(n)))))
			require.NoError(t, txn.SetIndex(wantedKey(authority, who(uint64(n)))))
			require.NoError(t, txn.Set(standingAtKey(authority, n), nil))
			require.NoError(t, txn.Set(rejectedKey(upload, n), nil))
			require.NoError(t, txn.Set(rejectedKey(ledger.ID{10}, n), nil))
			require.NoError(t, set(txn, notificationKey(authority, n), ledger.Notification{ID: n, Authority: authority}))
		}
	}
	require.NoError(t, txn.Commit())
	people := func(p []ledger.PersonRef, err error) ([]ledger.Seq, error) {
		var out []ledger.Seq
		for i := range p {
			out = append(out, no(p[i]))
		}
		return out, err
	}
	held := func(p []ledger.HeldRow, err error) ([]ledger.Seq, error) {
		var out []ledger.Seq
		for i := range p {
			out = append(out, p[i].Seq)
		}
		return out, err
	}
	for name, page := range map[string]func(v View, after ledger.Seq) ([]ledger.Seq, error){
		"unassigned": func(v View, after ledger.Seq) ([]ledger.Seq, error) {
			return people(v.Unassigned("LA1", day, who(uint64(after)), limit))
		},
		"holders": func(v View, after ledger.Seq) ([]ledger.Seq, error) {
			return people(v.HoldersAfter("LA1", who(uint64(after)), limit))
		},
		"wanted": func(v View, after ledger.Seq) ([]ledger.Seq, error) {
			return people(v.Wanted("LA1", who(uint64(after)), limit))
		},
		"unmatched": func(v View, after ledger.Seq) ([]ledger.Seq, error) {
			return held(v.UnmatchedRows("LA1", after, limit))
		},
		"rejected": func(v View, after ledger.Seq) ([]ledger.Seq, error) {
			return held(v.RejectedRows(upload, after, limit))
		},
		"notifications": func(v View, after ledger.Seq) ([]ledger.Seq, error) {
			have, err := v.Notifications("LA1", 0, &after, limit)
			var out []ledger.Seq
			for i := range have {
				out = append(out, have[i].ID)
			}
			return out, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for after := ledger.Seq(0); after <= all; after += limit {
				c := &counted{Reader: db}
				have, err := page(View{c}, after)
				require.NoError(t, err)
				require.Len(t, have, min(limit, all-int(after)))
				for i, n := range have {
					require.Equal(t, after+ledger.Seq(i)+1, n)
				}
				require.LessOrEqual(t, c.rows, limit, "page after %d", after)
			}
		})
	}
}
