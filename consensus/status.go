package consensus

import (
	"time"

	"github.com/hashicorp/raft"

	"custos/ledger"
)

// Status is what a node knows of itself and the others. It holds no child data.
type Status struct {
	Node      string
	State     string // Leader, Follower, Candidate, Shutdown
	Leader    string // name of the leader it knows; empty: none
	LeaderURL string // where people reach the leader; empty: not known
	Term      uint64
	LastLog   uint64 // last index of Raft's log
	Commit    uint64 // last index known to be committed
	Applied   uint64 // last index the ledger has applied
	Size      ledger.Seq
	Root      ledger.Hash
	Ready     bool // a record can be committed now
	// ClockOff: this node's clock is more than two seconds from its peers' median. A leader then proposes nothing.
	ClockOff bool
	// Doubted: a peer says that this node's tree is not the majority's, and that is being found out.
	Doubted bool
	Peers   []PeerStatus
	// ReadOnly says why this node records nothing, until it is started again; empty: it is not so.
	ReadOnly string
	Witness  *WitnessStatus // nil: none are configured
}

// PeerStatus is what a node knows of another.
type PeerStatus struct {
	Node    string
	Address string
	URL     string // where people reach it; empty: not known
	Voter   bool
	Seen    time.Time // when it was last heard of; zero: never
	Applied uint64
	Size    ledger.Seq
	Clock   time.Duration // its clock minus ours
}

// Status reads it without waiting for anything.
func (n *Node) Status() Status {
	db, release := n.Ledger()
	applied := db.Applied()
	release()
	tree := n.tree()
	s := Status{
		Node: n.id.Node, State: n.raft.State().String(), Leader: n.leader(), Term: n.raft.CurrentTerm(),
		LastLog: n.raft.LastIndex(), Commit: n.raft.CommitIndex(), Applied: applied.Index,
		Size: ledger.Seq(tree.N), Root: tree.Hash, Ready: n.Ready(),
		ClockOff: n.peers.clockOff(), Doubted: n.doubts.Load() > 0,
	}
	if why := n.refusal.Load(); why != nil {
		s.ReadOnly = *why
	}
	if n.witnesses != nil {
		s.Witness = n.witnesses.status()
	}
	if s.Leader == n.id.Node {
		s.LeaderURL = n.config.PublicURL
	}
	for _, m := range n.servers() {
		if string(m.ID) == n.id.Node {
			continue
		}
		p, seen, offset, _ := n.peers.info(string(m.ID))
		s.Peers = append(s.Peers, PeerStatus{
			Node: string(m.ID), Address: string(m.Address), URL: p.URL, Voter: m.Suffrage == raft.Voter,
			Seen: seen, Applied: p.Applied, Size: ledger.Seq(p.Size), Clock: offset,
		})
		if string(m.ID) == s.Leader {
			s.LeaderURL = p.URL
		}
	}
	return s
}

// CaughtUp tells whether this node has, since it started, had all that the leader of that moment had applied. Until then
// its views may be from before the crash that it starts from: what is made or shown from them may be long untrue.
func (n *Node) CaughtUp() bool {
	if n.caughtUp.Load() {
		return true
	}
	to := n.catchUp.Load()
	if n.leading.Load() == nil && (to == 0 || n.applied() < to) {
		return false
	}
	n.caughtUp.Store(true)
	return true
}

// Ready tells whether a record can be committed now: this node leads, or it hears of a leader that says so.
func (n *Node) Ready() bool {
	if n.refusal.Load() != nil {
		return false
	}
	if n.leading.Load() != nil {
		return !n.peers.clockOff() && n.doubts.Load() == 0
	}
	leader := n.leader()
	if leader == "" || leader == n.id.Node || !n.CaughtUp() {
		return false
	}
	p, _, _, fresh := n.peers.info(leader)
	return fresh && p.Leading
}

func (n *Node) pingNow() ping {
	p := ping{
		Time: n.now(), URL: n.config.PublicURL, Size: n.tree().N, Applied: n.applied(),
		Leading: n.leading.Load() != nil && n.Ready(),
	}
	if p.Leading {
		p.Note = n.Checkpoint()
		p.Cosigned, _ = n.cosigned()
	}
	return p
}
