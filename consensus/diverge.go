package consensus

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// evidenceFile is written beside the databases by a node that has diverged. While it is there the node does not start.
const evidenceFile = "diverged.json"

// evidence is what a diverged node leaves behind. Together with its ledger it shows what differs.
type evidence struct {
	Node    string `json:"node"`
	Why     string `json:"why"`
	At      string `json:"at"`
	Size    int64  `json:"size"`
	Root    string `json:"root"`
	Claimed *struct {
		Size int64  `json:"size"`
		Root string `json:"root"`
	} `json:"claimed,omitempty"` // what the other side had
	Applied    uint64 `json:"applied"`
	Checkpoint string `json:"checkpoint,omitempty"`
	State      *state `json:"state,omitempty"`
}

// state is a node's newest state entry: beside another node's it tells which of its views differ.
type state struct {
	Seq    uint64 `json:"seq"`
	Hash   string `json:"hash"`
	Views  string `json:"views"`
	Index  string `json:"index"`
	Outbox string `json:"outbox"`
}

// diverged ends a node whose ledger is not the majority's, or does not follow from its own entries. It proposes and
// signs nothing from here on, and leaves its evidence.
func (n *Node) diverged(why error, own, claimed tlog.Tree) {
	n.doubts.Add(1) // for good
	n.leading.Store(nil)
	e := evidence{
		Node: n.id.Node, Why: why.Error(), At: n.now().String(), Size: own.N, Root: own.Hash.String(),
		Applied: n.applied(), Checkpoint: string(n.Checkpoint()), State: n.newestState(),
	}
	if claimed != (tlog.Tree{}) {
		e.Claimed = &struct {
			Size int64  `json:"size"`
			Root string `json:"root"`
		}{claimed.N, claimed.Hash.String()}
	}
	n.stop(errors.Join(why, n.writeEvidence(e)))
}

// newestState reads this node's newest state entry; nil if there is none, or it does not read.
func (n *Node) newestState() *state {
	seq, ok, err := n.View().LastState()
	if err != nil || !ok {
		return nil
	}
	e, err := store.Entry(n.View().R, seq)
	if err != nil {
		return nil
	}
	s, ok := e.Event.(*ledger.StateRecorded)
	if !ok {
		return nil
	}
	return &state{uint64(seq), e.Hash().String(), s.State.Views.String(), s.State.Index.String(), s.State.Outbox.String()}
}

func (n *Node) writeEvidence(e evidence) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	f, err := n.fs.Create(n.path(evidenceFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close(), syncDir(n.fs, n.dir))
	if err != nil {
		return fmt.Errorf("write evidence: %w", err)
	}
	return nil
}

func (n *Node) refuseDiverged() error {
	if _, err := n.fs.Stat(n.path(evidenceFile)); err == nil {
		return fmt.Errorf("%w: see %s in the data folder", ErrDiverged, evidenceFile)
	}
	return nil
}
