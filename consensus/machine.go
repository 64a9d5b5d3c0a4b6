package consensus

import (
	"crypto/sha256"
	"fmt"

	"github.com/hashicorp/raft"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// machine applies the entries of one database batch. Everything it records depends on the entries alone, not on how
// Raft groups them.
type machine struct {
	n   *Node
	db  *store.DB
	txn *store.Txn

	flights   []*flight
	before    []before   // the tree before each entry
	suspicion *suspicion // the newest batch that was voided
	note      []byte     // the newest checkpoint that came along,
	noted     tlog.Tree  // and the tree it must be of
	covered   covered
}

type before struct {
	index uint64
	tree  tlog.Tree
}

// command applies one batch of commands.
func (m *machine) command(l *raft.Log) error {
	b, err := parseBatch(l.Data)
	if err != nil {
		return fmt.Errorf("raft entry %d: %w", l.Index, err)
	}
	tree, err := m.txn.Tree()
	if err != nil {
		return err
	}
	m.before = append(m.before, before{l.Index, tree})
	f := m.n.flights.find(l.Data)
	if f != nil {
		f.index = l.Index
		m.flights = append(m.flights, f)
	}
	if b.HasTree && b.Tree != tree {
		if err := m.void(&b, l, tree); err != nil {
			return err
		}
		if f != nil {
			f.voided = true
		}
		return nil
	}
	if len(b.Note) > 0 && b.HasTree {
		m.note, m.noted = b.Note, b.Tree
	}
	for i, data := range b.Commands {
		var c *ledger.Command
		if f != nil {
			c = &f.waiters[i].command // parsed from these bytes before they were proposed
		} else {
			parsed, err := ledger.ParseCommand(data)
			if err != nil {
				return fmt.Errorf("raft entry %d, command %d: %w", l.Index, i, err)
			}
			c = &parsed
		}
		c.Time = b.Time
		res, err := projection.Step(m.txn, c)
		if err != nil {
			return fmt.Errorf("raft entry %d, command %d: %w", l.Index, i, err)
		}
		if f == nil {
			continue
		}
		// Only the node that will answer reads what the answer shows, and here: at this point of the ledger.
		out := &f.outs[i]
		if out.Answer, err = m.n.assembler.Assemble(m.txn, res); err != nil {
			return fmt.Errorf("raft entry %d, command %d: assemble the answer: %w", l.Index, i, err)
		}
		out.Recorded = len(res.Entries) > 0 || res.Earlier != nil
	}
	if m.covered, err = readCovered(m.txn); err != nil {
		return err
	}
	if f != nil {
		if f.tree, err = m.txn.Tree(); err != nil {
			return err
		}
	}
	return nil
}

// void deals with a batch whose proposer has another tree than this node. One of the two is wrong. If this node's tree
// does not follow from its own entries, it is this one, and it stops. Otherwise the batch is voided: nothing in it is
// decided, and every node with the same tree makes the same entry of that. Who is in the minority is found out outside
// Apply, by asking everyone.
func (m *machine) void(b *batch, l *raft.Log, own tlog.Tree) error {
	committed := m.db.Tree()
	if err := rederive(m.db, committed); err != nil {
		m.n.diverged(fmt.Errorf("%w: %w", ErrDiverged, err), own, b.Tree)
	}
	m.n.log.Error("a batch's proposer has another tree", "proposer", b.Proposer, "index", l.Index,
		"size", own.N, "claimed", b.Tree.N)
	if _, err := projection.Void(m.txn, b.Proposer, ledger.Seq(b.Tree.N), b.Tree.Hash, sha256.Sum256(l.Data), b.Time); err != nil {
		return fmt.Errorf("void raft entry %d: %w", l.Index, err)
	}
	m.suspicion = &suspicion{proposer: b.Proposer, index: l.Index, own: own, claimed: b.Tree}
	return nil
}

// rederive computes the tree from the stored records, and fails unless it is the given one and the records form a
// chain. It reads the whole ledger: it runs only where something is wrong already, or everything was received.
func rederive(db *store.DB, want tlog.Tree) error {
	var hashes hashes
	head := ledger.Head{}
	for record, err := range db.Records(0, ledger.Seq(want.N)) {
		if err != nil {
			return fmt.Errorf("read entry %d: %w", head.Size, err)
		}
		e, err := ledger.ParseHeader(record)
		if err != nil {
			return fmt.Errorf("entry %d: %w", head.Size, err)
		}
		if head, err = head.Follow(&e); err != nil {
			return fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		hashes.push(e.Hash())
	}
	if int64(head.Size) != want.N {
		return fmt.Errorf("%d entries are stored where the tree has %d", head.Size, want.N)
	}
	if got := hashes.root(); want.N > 0 && got != want.Hash {
		return fmt.Errorf("the root of the %d stored entries is not the tree's", want.N)
	}
	return nil
}

// hashes computes an RFC 6962 root from leaves in order, keeping one hash per level.
type hashes struct {
	n     int64
	stack []tlog.Hash // roots of complete subtrees, greatest first
}

func (h *hashes) push(leaf tlog.Hash) {
	h.stack = append(h.stack, leaf)
	h.n++
	for n := h.n; n&1 == 0; n >>= 1 {
		k := len(h.stack)
		h.stack = append(h.stack[:k-2], tlog.NodeHash(h.stack[k-2], h.stack[k-1]))
	}
}

func (h *hashes) root() tlog.Hash {
	k := len(h.stack)
	if k == 0 {
		return tlog.Hash{}
	}
	r := h.stack[k-1]
	for i := k - 2; i >= 0; i-- {
		r = tlog.NodeHash(h.stack[i], r)
	}
	return r
}

// committed runs once the batch is true: the newest checkpoint is kept, and whoever proposed here goes on.
func (m *machine) committed() error {
	if err := m.n.checkpoints.learn(m.db, m.note, m.noted); err != nil {
		return err
	}
	m.n.setTree(m.db.Tree())
	if m.covered.ok {
		m.n.covered.Store(&m.covered)
	}
	for _, b := range m.before {
		m.n.trees.put(b.index, b.tree)
	}
	if m.suspicion != nil {
		m.n.suspect(*m.suspicion)
	}
	for _, f := range m.flights {
		close(f.applied)
	}
	return nil
}
