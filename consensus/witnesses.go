package consensus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"custos/consensus/witness"
	"custos/ledger"
)

const (
	// witnessTimeout is how long one witness may take.
	witnessTimeout = 5 * time.Second
	// witnessBackoff is the longest pause after a witness that did not answer.
	witnessBackoff = time.Minute
	// witnessStart is how long after its start a leader waits for witnesses that were not heard of.
	witnessStart = 5 * time.Second
	// witnessAlarm is how long something signed may stay without the cosignatures that the policy asks for.
	witnessAlarm = time.Minute
)

// witnesses asks others to cosign what this node signed, beside everything else: no command ever waits for it. A witness
// is also asked once by every process, whoever leads, what it signed last: see behind.
type witnesses struct {
	n      *Node
	policy witness.Policy
	client *http.Client
	start  time.Time

	mu     sync.Mutex
	all    []*watcher
	target tlog.Tree // the tree that is being cosigned,
	picked time.Time // since when,
	lines  []byte    // and the signature lines there are for it
	tree   tlog.Tree // the newest tree that has what the policy asks for,
	note   []byte    // and its signed note
	since  time.Time // since when something is signed and not cosigned; zero: nothing is
}

// watcher is what is known of one witness.
type watcher struct {
	witness.Witness
	answered bool      // since this process started
	agreed   bool      // it cosigned since then: its history is this one
	size     int64     // what it signed last, as far as is known
	signed   tlog.Tree // the tree of its newest signature here
	seen     time.Time
	failed   int // in a row
	due      time.Time
	trouble  string // why it did not sign, of this package's own words; empty: it did
}

func newWitnesses(n *Node, p *witness.Policy) *witnesses {
	w := &witnesses{n: n, policy: *p, client: n.config.WitnessClient, start: time.Now()}
	for _, x := range p.Witnesses {
		if x.URL != "" {
			w.all = append(w.all, &watcher{Witness: x})
		}
	}
	return w
}

// load takes up what an earlier process knew. A row that does not hold is passed over: it will be made again.
func (w *witnesses) load() {
	db, release := w.n.Ledger()
	signed, err := db.LastCosigned()
	release()
	if err == nil && signed != nil {
		w.learn(signed)
	}
}

// run asks until the node closes.
func (w *witnesses) run() {
	defer w.n.wait.Done()
	for {
		w.round()
		pause := w.n.config.WitnessInterval
		select {
		case <-w.n.closing:
			return
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // spreads load; nobody gains by guessing it
		}
	}
}

// round asks every witness that lacks something, at the same time, about one checkpoint: were each asked about
// the newest at its own pace, no size might ever collect as many cosignatures as the policy asks for.
func (w *witnesses) round() {
	signed, tree, err := w.newest()
	if err != nil {
		w.n.log.Error("witnesses are not asked", "error", err)
		return
	}
	leading := w.n.leading.Load() != nil && w.n.refusal.Load() == nil
	var asked sync.WaitGroup
	w.mu.Lock()
	if tree != w.target {
		w.target, w.picked, w.lines = tree, time.Now(), nil
	}
	if tree.N > w.tree.N && w.since.IsZero() {
		w.since = time.Now()
	}
	for _, x := range w.all {
		if time.Now().After(x.due) && (!x.answered || leading && tree.N > 0 && x.signed != tree) {
			asked.Go(func() { w.ask(x, signed, tree, leading) })
		}
	}
	w.mu.Unlock()
	asked.Wait()
}

// newest is what is shown to witnesses. Before the first checkpoint it is the empty tree's, from which every tree goes on.
func (w *witnesses) newest() ([]byte, tlog.Tree, error) {
	c := &w.n.checkpoints
	c.mu.Lock()
	signed, tree := c.note, c.tree
	c.mu.Unlock()
	if signed != nil {
		return signed, tree, nil
	}
	tree = tlog.Tree{Hash: sha256.Sum256(nil)}
	signed, err := ledger.SignCheckpoint(c.origin, tree, c.signer)
	return signed, tree, err
}

// ask asks one witness. The first question of a process is whether it knows what this node signed last: the answer tells
// its size, and changes nothing there if that is another.
func (w *witnesses) ask(x *watcher, signed []byte, tree tlog.Tree, leading bool) {
	w.mu.Lock()
	q, first := witness.Probe(signed, tree), !x.answered
	size := x.size
	w.mu.Unlock()
	for range 2 { // once more with the size that it named
		if !first {
			var err error
			if q, err = w.request(signed, tree, size); err != nil {
				w.failed(x, err)
				return
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), witnessTimeout)
		go func() { // a node that closes does not wait for a witness
			select {
			case <-w.n.closing:
				cancel()
			case <-ctx.Done():
			}
		}()
		lines, err := x.Ask(ctx, w.client, q)
		cancel()
		var other *witness.SizeError
		if !errors.As(err, &other) {
			w.answer(x, lines, err, tree, signed)
			return
		}
		size, first = other.Size, false
		w.mu.Lock()
		x.answered, x.size, x.seen = true, size, time.Now()
		w.mu.Unlock()
		if !leading {
			return
		}
		if size > tree.N {
			w.behind()
			w.failed(x, errAhead)
			return
		}
	}
	w.failed(x, witness.ErrConflict)
}

// errAhead says that a witness signed more than what this node signed last.
var errAhead = errors.New("the witness has signed more than this node")

func (w *witnesses) request(signed []byte, tree tlog.Tree, from int64) (witness.Request, error) {
	q := witness.Request{Old: from, Checkpoint: signed}
	if from > tree.N {
		return witness.Probe(signed, tree), nil // does it still say so?
	}
	if from == 0 || from == tree.N {
		return q, nil
	}
	db, release := w.n.Ledger()
	defer release()
	var err error
	q.Proof, err = db.ProveConsistency(from, tree.N)
	return q, err
}

// answer takes a witness's answer that is no other size.
func (w *witnesses) answer(x *watcher, lines []byte, err error, tree tlog.Tree, signed []byte) {
	if errors.Is(err, witness.ErrNotConsistent) {
		w.mu.Lock()
		x.answered = true
		agreed := x.agreed
		w.mu.Unlock()
		if !agreed { // one that agreed since the start and says otherwise now is out of order itself
			w.n.refuse(fmt.Sprintf("restored behind witnessed history: witness %s has signed another tree than this ledger's", x.Name))
		}
	}
	if err != nil {
		w.failed(x, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	x.answered, x.agreed, x.size, x.signed, x.seen, x.failed, x.trouble = true, true, tree.N, tree, time.Now(), 0, ""
	if tree.N == 0 || tree != w.target {
		return
	}
	w.lines = append(w.lines, lines...)
	w.keep(append(bytes.Clone(signed), w.lines...), tree)
}

// failed remembers that a witness did not sign, and when to ask it again. What an error says of an address stays out.
func (w *witnesses) failed(x *watcher, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.trouble = "not reached"
	for _, e := range []error{witness.ErrConflict, witness.ErrNotConsistent, witness.ErrAnswer, errAhead} {
		if errors.Is(err, e) {
			x.trouble = e.Error()
		}
	}
	x.failed++
	pause := min(w.n.config.WitnessInterval<<min(x.failed, 16), witnessBackoff)
	x.due = time.Now().Add(pause/2 + rand.N(pause)) //nolint:gosec // as above
	if x.failed == 1 {
		w.n.log.Warn("a witness did not cosign", "witness", x.Name, "why", x.trouble)
	}
}

// keep makes a cosigned checkpoint the newest if the policy is met. The lock is held. The row is not synced: if it is lost
// the witnesses sign the same again.
func (w *witnesses) keep(signed []byte, tree tlog.Tree) {
	if tree.N < w.tree.N || w.policy.Met(signed, w.n.config.Origin) != nil {
		return
	}
	db, release := w.n.Ledger()
	defer release()
	if err := db.SetLastCosigned(signed); err != nil {
		w.n.stop(err)
	}
	w.tree, w.note = tree, signed
	w.since = time.Time{}
	if _, newest, err := w.newest(); err == nil && newest.N > tree.N {
		w.since = w.picked
	}
}

// learn keeps a cosigned checkpoint that the leader told, if it meets this node's own policy and is of this ledger.
func (w *witnesses) learn(signed []byte) {
	tree, err := w.n.checkpoints.unsigned(signed)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if tree.N < w.tree.N || bytes.Equal(signed, w.note) {
		return
	}
	db, release := w.n.Ledger()
	own, err := db.TreeAt(tree.N)
	release()
	if err == nil && own.Hash == tree.Hash {
		w.keep(bytes.Clone(signed), tree)
	}
}
