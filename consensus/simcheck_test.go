package consensus

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2/vfs"

	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// verify proves everything again on every node, once all hold the same tree.
func (s *sim) verify() {
	var views map[string]string
	for _, x := range s.nodes {
		n := x.current().node
		db, release := n.Ledger()
		s.verifyLedger(x.name, db)
		s.again(x.name, db)
		rows := map[string]string{}
		for row, err := range store.ViewRows(db) {
			if err != nil {
				s.breaks("%s: read views: %w", x.name, err)
			}
			rows[string(row.Key)] = string(row.Value)
		}
		if views == nil {
			views = rows
		}
		if len(rows) != len(views) {
			s.breaks("%s has %d rows of views, n1 has %d", x.name, len(rows), len(views))
		}
		for k, v := range rows {
			if views[k] != v {
				s.breaks("%s has another row in a view than n1", x.name)
			}
		}
		release()
	}
}

// verifyLedger walks one ledger from its first entry: the chain, the root of every size that was signed, every command
// once, and every acknowledged command where its answer said.
func (s *sim) verifyLedger(name string, db *store.DB) {
	tree := db.Tree()
	at := map[ledger.ID]ledger.Seq{}
	var leaves hashes
	var head ledger.Head
	var covered ledger.Seq
	states := 0
	for record, err := range db.Records(0, ledger.Seq(tree.N)) {
		if err != nil {
			s.breaks("%s: %w", name, err)
			return
		}
		e, err := ledger.ParseEntry(bytes.Clone(record))
		if err != nil {
			s.breaks("%s: entry %d: %w", name, leaves.n, err)
			return
		}
		if head, err = head.Follow(&e); err != nil {
			s.breaks("%s: entry %d: %w", name, leaves.n, err)
		}
		leaves.push(e.Hash())
		if root, ok := s.signed[leaves.n]; ok && root != leaves.root() {
			s.breaks("%s: the root of size %d is not the one that was signed", name, leaves.n)
		}
		if e.Kind == ledger.KindStateRecorded {
			states++
			if uint64(e.Seq)-uint64(covered) > maxUncovered {
				s.breaks("%s: %d entries have no state entry before entry %d", name, e.Seq-covered, e.Seq)
			}
			covered = e.Seq
		}
		if e.Kind == ledger.KindProposerDiverged {
			s.breaks("%s: a batch was voided, entry %d", name, e.Seq)
		}
		if e.Nth > 0 {
			continue
		}
		if was, twice := at[e.Command]; twice {
			s.breaks("%s: command %v is entry %d and entry %d", name, e.Command, was, e.Seq)
		}
		at[e.Command] = e.Seq
	}
	if tree.N > 100 && states < 3 {
		s.breaks("%s: %d entries have %d state entries among them", name, tree.N, states)
	}
	if leaves.n != tree.N || leaves.root() != tree.Hash {
		s.breaks("%s: the entries do not give the tree", name)
	}
	for id, seq := range s.acked {
		if got, ok := at[id]; !ok || got != seq {
			s.breaks("%s: command %v was answered as entry %d and is entry %d, %v", name, id, seq, got, ok)
		}
	}
}

// again decides every command anew, from its entries alone: what a state entry commits to must be what the entries give,
// whatever the node that decided it had in memory or had lost.
func (s *sim) again(name string, db *store.DB) {
	o := store.Options{FS: vfs.NewMem(), Scratch: true}
	if err := store.Init("again", o); err != nil {
		s.breaks("%s: %w", name, err)
		return
	}
	scratch, err := store.Open("again", o)
	if err != nil {
		s.breaks("%s: %w", name, err)
		return
	}
	defer func() { _ = scratch.Close() }()
	txn := scratch.Begin()
	defer func() { _ = txn.Discard() }()
	var group []ledger.Entry
	for record, err := range db.Records(0, db.Head().Size) {
		if err != nil {
			s.breaks("%s: %w", name, err)
			return
		}
		e, err := ledger.ParseEntry(bytes.Clone(record))
		if err != nil {
			s.breaks("%s: %w", name, err)
			return
		}
		if group = append(group, e); len(group) < e.Of {
			continue
		}
		decided, err := projection.Redecide(txn, group)
		same := err == nil && len(decided) == len(group)
		for i := range decided {
			same = same && bytes.Equal(decided[i].Record(), group[i].Record())
		}
		if !same {
			s.breaks("%s: entry %d (%s), decided again, is another (%v)", name, group[0].Seq, group[0].Kind, err)
			return
		}
		if err := projection.Replay(txn, group); err != nil {
			s.breaks("%s: fold entry %d: %w", name, group[0].Seq, err)
			return
		}
		group = nil
	}
}
