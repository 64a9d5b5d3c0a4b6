package consensus

import (
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/note"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// What the edge reads of this node's own copy: rows without names, exact
// records, proofs. It may be behind the leader's by what is on its way.

// reader reads through the handle, so that a ledger that is being swapped is
// never closed under a read.
type reader struct{ n *Node }

// Head implements store.Reader.
func (r reader) Head() ledger.Head {
	db, release := r.n.Ledger()
	defer release()
	return db.Head()
}

// Get implements store.Reader.
func (r reader) Get(key []byte) ([]byte, error) {
	db, release := r.n.Ledger()
	defer release()
	return db.Get(key)
}

// Scan implements store.Reader. The rows are those of one moment.
func (r reader) Scan(prefix []byte) iter.Seq2[store.Row, error] {
	return r.hold(func(db *store.DB) iter.Seq2[store.Row, error] { return db.Scan(prefix) })
}

// After implements store.Reader. The rows are those of one moment.
func (r reader) After(prefix, key []byte) iter.Seq2[store.Row, error] {
	return r.hold(func(db *store.DB) iter.Seq2[store.Row, error] { return db.After(prefix, key) })
}

// Back implements store.Reader. The rows are those of one moment.
func (r reader) Back(prefix, before []byte) iter.Seq2[store.Row, error] {
	return r.hold(func(db *store.DB) iter.Seq2[store.Row, error] { return db.Back(prefix, before) })
}

// hold keeps the ledger from being swapped while its rows are walked.
func (r reader) hold(rows func(*store.DB) iter.Seq2[store.Row, error]) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		db, release := r.n.Ledger()
		defer release()
		for row, err := range rows(db) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// View is this node's state.
func (n *Node) View() projection.View { return projection.View{R: reader{n}} }

// DataKeys are the recorded wrapped keys of a holder. A person without any
// entry has none, which one row tells sooner than a walk over the keys.
func (n *Node) DataKeys(h ledger.Holder, id []byte) ([]ledger.WrappedKey, error) {
	if h == ledger.HolderPerson && len(id) == len(ledger.PersonRef{}) {
		if end, err := n.View().PersonHead(ledger.PersonRef(id)); err != nil || end.N == 0 {
			return nil, err
		}
	}
	return store.Keys(reader{n}, h, id)
}

// Expect looks for several people at once, so that [Node.DataKeys] need not search for each who is new.
func (n *Node) Expect(people []ledger.PersonRef) error {
	db, release := n.Ledger()
	defer release()
	return projection.Expect(db, people)
}

// Record is the exact bytes of an entry.
func (n *Node) Record(seq ledger.Seq) ([]byte, error) { return store.Record(reader{n}, seq) }

// Tile is a tile of the tree, 32 bytes a hash; shorter than 256 hashes at the right edge, nil beyond it.
func (n *Node) Tile(level int, number int64) ([]byte, error) {
	db, release := n.Ledger()
	defer release()
	return db.Tile(level, number)
}

// Receipt proves an entry with the newest checkpoint that has the witnesses' signatures if that covers it, and else with
// the newest that the log signed. An entry that it
// does not cover yet is [ErrNoLeader]: a moment later it is.
func (n *Node) Receipt(seq ledger.Seq) (ledger.Receipt, error) {
	signed, cosigned := n.cosigned()
	if signed == nil || int64(seq) >= cosigned.N {
		signed = n.Published()
	}
	if signed == nil {
		return ledger.Receipt{}, ErrNoLeader
	}
	tree, err := ledger.OpenCheckpoint(signed, n.config.Origin, note.VerifierList(n.config.Verifier))
	if err != nil {
		return ledger.Receipt{}, fmt.Errorf("own checkpoint: %w", err)
	}
	db, release := n.Ledger()
	defer release()
	if int64(seq) >= tree.N || db.Tree().N < tree.N {
		return ledger.Receipt{}, ErrNoLeader
	}
	path, err := db.Prove(seq, tree.N)
	if err != nil {
		return ledger.Receipt{}, err
	}
	leaf, err := db.Leaf(seq)
	return ledger.Receipt{Seq: seq, Leaf: leaf, Path: path, Checkpoint: signed}, err
}
