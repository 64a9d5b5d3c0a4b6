package consensus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"golang.org/x/mod/sumdb/tlog"

	"custos/consensus/raftlog"
	"custos/ledger"
	"custos/ledger/store"
	"custos/projection"
)

// Node is one member of a cluster, or all of it. Its methods may be called from any goroutine.
type Node struct {
	config Config
	id     Identity
	dir    string
	fs     vfs.FS
	log    *slog.Logger
	net    Network

	ledger    handle
	raftlog   *raftlog.Store
	raft      *raft.Raft
	raftReady atomic.Bool // raft is set: the network asks for members before that
	snaps     snapshots
	applyDog  *watchdog
	storeDog  *watchdog
	assembler *projection.Assembler // belongs to the goroutine of Apply

	notify      chan bool
	leading     atomic.Pointer[term] // set from the moment the term may propose commands
	queue       *queue
	flights     flights
	current     atomic.Pointer[tlog.Tree]
	covered     atomic.Pointer[covered]
	bulkAt      ledger.Seq // the dispatcher's: the ledger's size when the newest batch with bulk commands was proposed
	growth      growth     // of what current shows
	checkpoints checkpoints
	witnesses   *witnesses             // nil: none are configured
	refusal     atomic.Pointer[string] // why this node is read-only; nil: it is not
	peers       peers
	poke        chan struct{} // tell the peers now
	doubts      atomic.Int32  // how many examinations of this node's tree go on
	suspected   atomic.Pointer[suspicion]
	trees       trees

	closing chan struct{}
	once    sync.Once
	wait    sync.WaitGroup
	mu      sync.Mutex // guards closed, and adding to wait
	closed  bool

	catchUp  atomic.Uint64 // what the first leader that was heard of had applied then; zero: none was heard of
	caughtUp atomic.Bool   // and this node has applied it
	inbound  sync.Map      // net.Conn -> struct{}: connections that peers opened
}

// handle is the ledger's database, which a received snapshot replaces.
type handle struct {
	mu     sync.RWMutex
	db     *store.DB
	folder string
}

func (h *handle) swap(db *store.DB, folder string) (old *store.DB, oldFolder string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old, oldFolder = h.db, h.folder
	h.db, h.folder = db, folder
	return old, oldFolder
}

// Open starts the node whose data folder Init created. It returns once the node takes part; it may not know a leader
// yet.
//
// ErrLostData, ErrHole and ErrDiverged say that this node must not take part: it has to be given the ledger anew.
func Open(c Config) (*Node, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Network == nil || c.Origin == "" || c.Signer == nil || c.Verifier == nil {
		return nil, errors.New("network, origin, signer and verifier are required")
	}
	n := &Node{
		config: c, id: c.Identity, dir: c.Dir, fs: c.FS, log: c.Logger.With("node", c.Identity.Node), net: c.Network,
		assembler: projection.NewAssembler(),
		notify:    make(chan bool, 32),
		queue:     newQueue(),
		poke:      make(chan struct{}, 1),
		closing:   make(chan struct{}),
	}
	n.snaps.n, n.peers.n, n.peers.all = n, n, map[string]*peer{}
	n.checkpoints.origin, n.checkpoints.signer = c.Origin, c.Signer
	if c.Witnesses != nil {
		if err := c.Witnesses.Names(c.Verifier); err != nil {
			return nil, err
		}
		n.witnesses = newWitnesses(n, c.Witnesses)
	}
	n.applyDog, n.storeDog = newWatchdog("applying entries", n.stop), newWatchdog("writing Raft's log", n.stop)
	if err := n.open(); err != nil {
		return nil, errors.Join(err, n.closeFolders())
	}
	return n, nil
}

func (n *Node) open() error {
	if err := n.refuseDiverged(); err != nil {
		return err
	}
	p, err := n.openFolders()
	if err != nil {
		return err
	}
	if err := n.checkStart(p); err != nil {
		return err
	}
	if err := n.checkpoints.load(n.ledger.db); err != nil {
		return err
	}
	n.setTree(n.ledger.db.Tree())
	if err := n.loadCovered(n.ledger.db); err != nil {
		return err
	}
	n.net.Members(n.list)
	conf := n.config.raftConfig(n.notify)
	logs := watchedLog{n.raftlog, n.storeDog}
	var snaps raft.SnapshotStore = &n.snaps
	if f := n.config.seams.snapshots; f != nil {
		snaps = f(snaps)
	}
	if n.raft, err = raft.NewRaft(conf, fsm{n}, logs, n.raftlog, snaps, n.net.Raft()); err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	n.raftReady.Store(true)
	n.net.Serve(n.serve)
	if n.witnesses != nil {
		n.witnesses.load()
		n.wait.Add(1)
		go n.witnesses.run()
	}
	if n.config.Transitions > 0 {
		n.wait.Add(1)
		go n.tellDue()
	}
	n.wait.Add(3)
	go n.lead()
	go n.dispatch()
	go n.peers.exchange()
	return nil
}

// Close stops the node and flushes both databases, so that a copy of the folder is whole. Whoever waits for an
// outcome learns that it is unknown. Leadership is not handed over: the others notice.
func (n *Node) Close() error {
	var err error
	n.once.Do(func() {
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		close(n.closing)
		err = n.raft.Shutdown().Error()
		err = errors.Join(err, n.net.Close())
		n.inbound.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		n.peers.close()
		n.wait.Wait()
		n.snaps.close()
		err = errors.Join(err, n.ledger.db.Flush(), n.closeFolders())
	})
	return err
}

func (n *Node) closeFolders() error {
	var err error
	if n.ledger.db != nil {
		err = n.ledger.db.Close()
	}
	if n.raftlog != nil {
		err = errors.Join(err, n.raftlog.Close())
	}
	return err
}

// spawn runs f on a goroutine that Close waits for, unless the node is stopping.
func (n *Node) spawn(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.wait.Go(f)
	}
}

// stop ends the process.
func (n *Node) stop(err error) {
	n.config.Fatal(err)
	panic(err)
}

// Ledger returns the ledger's database for reading, and a function that must be called when done with it, soon: a
// follower that receives a whole ledger waits for its readers. Whoever holds it must not ask for it again.
func (n *Node) Ledger() (db *store.DB, release func()) {
	n.ledger.mu.RLock()
	return n.ledger.db, n.ledger.mu.RUnlock
}

func (n *Node) applied() uint64 {
	db, release := n.Ledger()
	defer release()
	return db.Applied().Index
}

func (n *Node) syncLedger() error {
	if n.config.seams.neverSyncLedger {
		return nil
	}
	db, release := n.Ledger()
	defer release()
	return db.Sync()
}

func (n *Node) path(name string) string { return n.fs.PathJoin(n.dir, name) }
func (n *Node) now() ledger.Time        { return ledger.Of(n.config.Clock()) }
func (n *Node) clock() time.Time        { return n.config.Clock() }

func (n *Node) tree() tlog.Tree { return *n.current.Load() }

// setTree shows what is committed, and wakes who waits for it.
func (n *Node) setTree(t tlog.Tree) {
	n.current.Store(&t)
	n.growth.wake()
}

func (n *Node) isClosing() bool {
	select {
	case <-n.closing:
		return true
	default:
		return false
	}
}

// servers is the membership in force, committed or not: as Raft itself sees it.
func (n *Node) servers() []raft.Server {
	if !n.raftReady.Load() {
		return nil
	}
	f := n.raft.GetConfiguration() // from memory: it never blocks
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

func (n *Node) list() []Member {
	var out []Member
	for _, s := range n.servers() {
		out = append(out, Member{string(s.ID), string(s.Address)})
	}
	return out
}

func (n *Node) voters() []Member {
	var out []Member
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter {
			out = append(out, Member{string(s.ID), string(s.Address)})
		}
	}
	return out
}

// members is called when the membership may have changed.
func (n *Node) members() {
	if n.raftReady.Load() {
		n.net.Retain()
	}
}

func (n *Node) leader() string {
	_, id := n.raft.LeaderWithID()
	return string(id)
}

func (n *Node) pokePeers() {
	select {
	case n.poke <- struct{}{}:
	default:
	}
}
