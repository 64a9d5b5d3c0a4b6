package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// checkpoints holds the newest signed checkpoint this node knows, and the signing of further ones.
type checkpoints struct {
	origin string
	signer note.Signer

	mu   sync.Mutex
	tree tlog.Tree
	note []byte
}

// ErrSigned says that the log's key has signed another root of a size that is to be signed, or of one that this
// ledger holds. The node must stop: two roots of one size are a fork, for ever provable.
var ErrSigned = errors.New("another root of this size was signed")

// unsigned reads what a note says without checking its signature: it is this node's own file, or the batch of a
// leader that a majority took.
func (c *checkpoints) unsigned(signed []byte) (tlog.Tree, error) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return tlog.Tree{}, ledger.ErrCheckpoint
	}
	return ledger.ParseCheckpointText(string(text)+"\n", c.origin)
}

// load reads the newest checkpoint kept in the ledger's database and holds it against the ledger. A ledger that is
// shorter than what was signed is normal after a crash: replaying the log brings it there, and sign compares again.
func (c *checkpoints) load(db *store.DB) error {
	signed, err := db.LastSigned()
	if err != nil || signed == nil {
		return err
	}
	tree, err := c.unsigned(signed)
	if err != nil {
		return fmt.Errorf("read the last signed checkpoint: %w", err)
	}
	if tree.N <= db.Tree().N {
		own, err := db.TreeAt(tree.N)
		if err != nil {
			return fmt.Errorf("compare with the last signed checkpoint: %w", err)
		}
		if own.Hash != tree.Hash {
			return fmt.Errorf("%w: size %d", ErrSigned, tree.N)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if tree.N >= c.tree.N {
		c.tree, c.note = tree, signed
	}
	return nil
}

func (c *checkpoints) newest() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.note
}

// learn keeps a checkpoint that came with a batch or from the leader, if it is newer and is of tree.
func (c *checkpoints) learn(db *store.DB, signed []byte, tree tlog.Tree) error {
	if len(signed) == 0 {
		return nil
	}
	c.mu.Lock()
	newer := tree.N > c.tree.N
	c.mu.Unlock()
	if !newer {
		return nil
	}
	if said, err := c.unsigned(signed); err != nil || said != tree {
		return nil // of an earlier tree, which is in an earlier batch; or not of this log
	}
	return c.keep(db, bytes.Clone(signed), tree)
}

// keep records the checkpoint before anyone is shown it. The row is not synced. If it is lost in a crash so are the
// newest entries, and replaying them gives the same root of the same size.
//
// Apply, the dispatcher and the peers' exchange all come here: under the lock, an older one never replaces a newer.
func (c *checkpoints) keep(db *store.DB, signed []byte, tree tlog.Tree) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tree.N <= c.tree.N && c.note != nil {
		return nil
	}
	if err := db.SetLastSigned(signed); err != nil {
		return err
	}
	c.tree, c.note = tree, signed
	return nil
}

// sign returns a signed checkpoint of tree, which is committed. Only the dispatcher of a leader past its term's empty
// batch calls it, so that of every size one root at most is ever signed, by any node.
func (n *Node) sign(tree tlog.Tree) ([]byte, error) {
	c := &n.checkpoints
	c.mu.Lock()
	last, signed := c.tree, c.note
	c.mu.Unlock()
	switch {
	case tree.N == 0:
		return nil, nil
	case signed != nil && tree.N == last.N && tree.Hash == last.Hash:
		return signed, nil
	case signed != nil && tree.N <= last.N:
		return nil, fmt.Errorf("sign a tree of size %d: %w (newest %d)", tree.N, ErrSigned, last.N)
	}
	signed, err := ledger.SignCheckpoint(c.origin, tree, c.signer)
	if err != nil {
		return nil, err
	}
	db, release := n.Ledger()
	defer release()
	return signed, c.keep(db, signed, tree)
}

// learn keeps a checkpoint that the leader told, if it is signed, newer, and of a tree that this node holds. A follower
// of an idle cluster learns the last one in this way: no batch comes that would carry it.
func (n *Node) learn(signed []byte) {
	tree, err := n.checkpoints.unsigned(signed)
	if err != nil {
		return
	}
	c := &n.checkpoints
	c.mu.Lock()
	newer := tree.N > c.tree.N
	c.mu.Unlock()
	if !newer {
		return
	}
	if _, err := ledger.OpenCheckpoint(signed, c.origin, note.VerifierList(n.config.Verifier)); err != nil {
		return
	}
	db, release := n.Ledger()
	defer release()
	if own, err := db.TreeAt(tree.N); err != nil || own.Hash != tree.Hash {
		return
	}
	if err := c.keep(db, signed, tree); err != nil {
		n.stop(err)
	}
}

// Checkpoint is the newest signed checkpoint this node knows: a C2SP signed note, nil before the first. It is of a
// committed tree; a follower's may be some batches old.
func (n *Node) Checkpoint() []byte { return n.checkpoints.newest() }
