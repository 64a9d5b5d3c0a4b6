package projection

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// tracker follows what a state entry commits to, from rules version 3 on. Its
// first part is a row of the views. The rest is in the writer's memory, and is
// found again in the entries since the last state entry if it is lost.
type tracker struct {
	since       ledger.Seq  // the first entry that no state entry covers
	last        ledger.Seq  // the newest state entry, 0: there is none
	lastAt      ledger.Time // and its time
	views       ledger.Hash // running hash of the views' changes
	people      uint64      // leaves of the index
	undelivered uint64      // leaves of the outbox
	below       uint32      // how far the index is made, see [ledger.State]; 0: whole

	known   bool            // what follows is of every entry since
	changed []changedPerson // whose chains have grown; one may stand there twice, the newest word last
	touched []touched       // notifications that came or went, the newest word last
	changes []byte          // of the views, by the entry that is being folded
	due     *due            // what the next state entry will write
}

// changedPerson is a person whose chain has grown, and to where.
type changedPerson struct {
	ref  ledger.PersonRef
	head ledger.PersonHead
}

// touched is a notification that came into the outbox or left it.
type touched struct {
	id    ledger.Seq
	entry ledger.Hash // of the entry that queued it; zero: it left
}

// due is a state that was computed and is not recorded yet.
type due struct {
	at    ledger.Seq // the ledger's size
	state ledger.State
	next  tracker
	pages pages
}

const trackerBytes = 8 + 8 + 8 + 32 + 8 + 8 + 4

var errTracker = errors.New("the row of the state is damaged")

func stateKey() []byte { return store.ViewKey(viewState) }

func (x *tracker) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, trackerBytes), uint64(x.since))
	b = binary.BigEndian.AppendUint64(b, uint64(x.last))
	b = binary.BigEndian.AppendUint64(b, uint64(x.lastAt))
	b = append(b, x.views[:]...)
	b = binary.BigEndian.AppendUint64(b, x.people)
	b = binary.BigEndian.AppendUint64(b, x.undelivered)
	return binary.BigEndian.AppendUint32(b, x.below)
}

func parseTracker(b []byte) (*tracker, error) {
	if len(b) != trackerBytes {
		return nil, errTracker
	}
	return &tracker{since: ledger.Seq(binary.BigEndian.Uint64(b)), last: ledger.Seq(binary.BigEndian.Uint64(b[8:])),
		lastAt: ledger.Time(binary.BigEndian.Uint64(b[16:])), views: ledger.Hash(b[24:56]), people: binary.BigEndian.Uint64(b[56:]),
		undelivered: binary.BigEndian.Uint64(b[64:]), below: binary.BigEndian.Uint32(b[72:])}, nil
}

// tracker returns what is followed, or nil before rules version 3. The writer's
// is kept and changed in place: if its transaction is given up, so is it.
func (v View) tracker() (*tracker, error) {
	t, writing := v.R.(*store.Txn)
	if writing {
		if x, ok := t.Memo(stateKey()).(*tracker); ok {
			return x, nil
		}
	}
	b, err := v.R.Get(stateKey())
	if err != nil || b == nil {
		return nil, err
	}
	x, err := parseTracker(b)
	if err == nil && writing {
		t.SetMemo(stateKey(), x)
	}
	return x, err
}

// track begins to follow, with the entry by which version 3 came into force.
// People of before come into the index little by little.
func track(t *store.Txn, e *ledger.Entry) error {
	x := &tracker{known: true}
	if e.Seq > 0 {
		x.since, x.below = e.Seq, 1
	}
	return t.SetKept(stateKey(), x.encode(), x)
}

// noted takes note of a change of a row that decisions read, for the running
// hash. What is hashed are facts under the names that they had in layout 2: see
// ADR 0025 before a row is laid out anew.
func noted(t *store.Txn, key, value []byte, gone bool) error {
	x, err := (View{t}).tracker()
	if err != nil || x == nil {
		return err
	}
	name := key[1:] // without the store's own prefix
	x.changes = binary.BigEndian.AppendUint16(x.changes, uint16(len(name)))
	x.changes = append(x.changes, name...)
	if gone {
		x.changes = binary.BigEndian.AppendUint32(x.changes, 0)
		return nil
	}
	x.changes = binary.BigEndian.AppendUint32(x.changes, uint32(len(value))+1)
	x.changes = append(x.changes, value...)
	return nil
}

// foldChanges puts what an entry changed into the running hash.
func foldChanges(t *store.Txn, n ledger.Seq) error {
	x, err := (View{t}).tracker()
	if err != nil || x == nil || len(x.changes) == 0 {
		return err
	}
	h := sha256.New()
	h.Write(x.views[:])
	h.Write(u64(uint64(n)))
	h.Write(x.changes)
	h.Sum(x.views[:0])
	x.changes = x.changes[:0]
	return t.SetKept(stateKey(), x.encode(), x)
}

// grown takes note that a person's chain has grown.
func grown(t *store.Txn, p ledger.PersonRef, to ledger.PersonHead) error {
	x, err := (View{t}).tracker()
	if err != nil || x == nil {
		return err
	}
	if n := len(x.changed); n > 0 && x.changed[n-1].ref == p {
		x.changed[n-1].head = to
	} else {
		x.changed = append(x.changed, changedPerson{p, to})
	}
	return nil
}

// moved takes note that a notification came into the outbox, or left it.
func moved(t *store.Txn, n *ledger.Notification, queued ledger.Hash) error {
	x, err := (View{t}).tracker()
	if err != nil || x == nil {
		return err
	}
	if !n.Undelivered() {
		x.touched = append(x.touched, touched{id: n.ID})
		return nil
	}
	if queued == (ledger.Hash{}) {
		record, err := store.Record(t, n.ID)
		if err != nil {
			return err
		}
		queued = tlog.RecordHash(record)
	}
	x.touched = append(x.touched, touched{n.ID, queued})
	return nil
}

// Uncovered implements [ledger.View].
func (v View) Uncovered() (ledger.Seq, error) {
	x, err := v.tracker()
	if err != nil || x == nil {
		return 0, err
	}
	return x.since, nil
}

// Covered says which is the first entry that no state entry covers, and when the
// newest was made; ok is false before rules version 3.
func (v View) Covered() (since ledger.Seq, at ledger.Time, ok bool, err error) {
	x, err := v.tracker()
	if err != nil || x == nil {
		return 0, 0, false, err
	}
	return x.since, x.lastAt, true, nil
}

// LastState returns the newest state entry's number; ok is false where there is none.
func (v View) LastState() (n ledger.Seq, ok bool, err error) {
	x, err := v.tracker()
	if err != nil || x == nil {
		return 0, false, err
	}
	return x.last, x.last > 0, nil
}

// Root implements [ledger.View].
func (v View) Root(size ledger.Seq) (ledger.Hash, bool, error) {
	r, ok := v.R.(interface {
		TreeAt(size int64) (tlog.Tree, error)
	})
	if !ok || size > v.R.Head().Size {
		return ledger.Hash{}, false, nil
	}
	t, err := r.TreeAt(int64(size))
	return t.Hash, err == nil, err
}

// State implements [ledger.View]. It costs as much as people and notifications
// have changed since the last state entry, whatever the ledger's size.
func (v View) State() (ledger.State, error) {
	x, err := v.tracker()
	if err != nil {
		return ledger.State{}, err
	}
	if x == nil {
		return ledger.State{}, errTracker
	}
	d, err := v.due(x, v.R.Head().Size)
	if err != nil {
		return ledger.State{}, err
	}
	return d.state, nil
}

// due computes what a state entry at a place commits to: all before it.
func (v View) due(x *tracker, at ledger.Seq) (*due, error) {
	if x.due != nil && x.due.at == at {
		return x.due, nil
	}
	if !x.known {
		if err := v.learn(x, at); err != nil {
			return nil, err
		}
	}
	d := &due{at: at, next: tracker{views: x.views, people: x.people, undelivered: x.undelivered, below: x.below, known: true}, pages: pages{}}
	d.state.Views = x.views
	people, err := v.changedPeople(x, &d.next)
	if err != nil {
		return nil, err
	}
	log, err := v.Log()
	if err != nil {
		return nil, err
	}
	index, outbox := v.indexTree(), v.outboxTree()
	index.appends, outbox.appends = log.Rules >= appendingRules, log.Rules >= appendingRules
	if d.state.Index, err = index.apply(people, d.pages); err != nil {
		return nil, err
	}
	if d.state.Outbox, err = outbox.apply(x.changedOutbox(), d.pages); err != nil {
		return nil, err
	}
	d.next.people += uint64(index.grown)
	d.next.undelivered += uint64(outbox.grown)
	d.state.People, d.state.Undelivered, d.state.Below = d.next.people, d.next.undelivered, d.next.below
	x.due = d
	return d, nil
}

// appendingRules is the rules version from which on pages are grown. Those of
// before are read for ever, and written by the state entries of before.
const appendingRules = 4

func (v View) indexTree() *trie  { return &trie{r: v.R, view: viewIndexTree, size: sha256.Size} }
func (v View) outboxTree() *trie { return &trie{r: v.R, view: viewOutboxTree, size: 8} }

// indexKey is where a person stands in the index. It is a digest, so that who
// stands beside somebody is not told with a proof.
func indexKey(p ledger.PersonRef) []byte {
	sum := sha256.Sum256(append([]byte{2}, p[:]...))
	return sum[:]
}

// indexValue commits to how many entries there are about a person and which is
// the last. It is a digest for the same reason.
func indexValue(h ledger.PersonHead) ledger.Hash {
	return sha256.Sum256(append(u64(h.N), h.Last[:]...))
}

// changedPeople are the leaves of everybody whose chain has grown, in order of
// keys, and of those whom an unfinished index now takes in.
func (v View) changedPeople(x, next *tracker) ([]leaf, error) {
	newest := make(map[ledger.PersonRef]ledger.PersonHead, len(x.changed))
	for i := range x.changed {
		if c := &x.changed[i]; x.below == 0 || slice(c.ref) < x.below {
			newest[c.ref] = c.head
		}
	}
	if x.below > 0 {
		more, below, err := v.peopleFrom(x.below)
		if err != nil {
			return nil, err
		}
		for _, p := range more {
			h, err := v.PersonHead(p)
			if err != nil {
				return nil, err
			}
			newest[p] = h
		}
		next.below = below
	}
	out := make([]leaf, 0, len(newest))
	for p, h := range newest {
		out = append(out, leaf{indexKey(p), indexValue(h)})
	}
	return sortLeaves(out), nil
}

// slice is the part of people that an index being made takes in at once.
func slice(p ledger.PersonRef) uint32 { return uint32(p[0])<<8 | uint32(p[1]) }

const (
	allSlices = 1 << 16
	// indexAtOnce is after how many people, or empty slices, an unfinished index rests.
	indexAtOnce = 1 << 12
)

// peopleFrom lists people of the next slices that an unfinished index takes in,
// and how far it then is.
func (v View) peopleFrom(below uint32) ([]ledger.PersonRef, uint32, error) {
	var out []ledger.PersonRef
	for looked := 0; below < allSlices; below++ {
		if looked++; looked > indexAtOnce || len(out) >= indexAtOnce {
			return out, below, nil
		}
		prefix := store.ViewKey(viewPerson, binary.BigEndian.AppendUint16(nil, uint16(below)))
		for row, err := range v.R.Scan(prefix) {
			if err != nil {
				return nil, 0, err
			}
			if p, ok := headOf(row.Key); ok {
				out = append(out, p)
			}
		}
	}
	return out, 0, nil
}

// changedOutbox are the leaves that came and the keys that went, in order.
func (x *tracker) changedOutbox() []leaf {
	newest := make(map[ledger.Seq]ledger.Hash, len(x.touched))
	for _, n := range x.touched {
		newest[n.id] = n.entry
	}
	out := make([]leaf, 0, len(newest))
	for id, entry := range newest {
		out = append(out, leaf{u64(uint64(id)), entry})
	}
	return sortLeaves(out)
}

// learn finds what was in memory again in the entries since the last state entry.
func (v View) learn(x *tracker, to ledger.Seq) error {
	x.changed, x.touched = nil, nil
	touch := func(id ledger.Seq) error {
		n, ok, err := v.Notification(id)
		if err != nil || !ok {
			return err
		}
		word := touched{id: id}
		if n.Undelivered() {
			record, err := store.Record(v.R, id)
			if err != nil {
				return err
			}
			word.entry = tlog.RecordHash(record)
		}
		x.touched = append(x.touched, word)
		return nil
	}
	for n := x.since; n < to; n++ {
		e, err := store.Entry(v.R, n)
		if err != nil {
			return err
		}
		if e.Person != nil {
			x.changed = append(x.changed, changedPerson{e.Person.Ref, ledger.PersonHead{N: e.Person.N, Last: e.Hash()}})
		}
		var ids []ledger.Seq
		switch ev := e.Event.(type) {
		case *ledger.NotificationQueued:
			ids = []ledger.Seq{n}
		case *ledger.NotificationOpened:
			ids = []ledger.Seq{ev.Notification}
		case *ledger.NotificationAcknowledged:
			ids = []ledger.Seq{ev.Notification}
		case *ledger.NotificationWithdrawn:
			ids = []ledger.Seq{ev.Notification}
		case *ledger.NotificationActioned:
			ids = []ledger.Seq{ev.Notification}
		case *ledger.NotificationDelivered:
			ids, err = v.attempted(ev.Attempt)
		case *ledger.NotificationFailed:
			ids, err = v.attempted(ev.Attempt)
		case *ledger.LetterSettled:
			ids, err = v.letterSettled(ev)
		}
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := touch(id); err != nil {
				return err
			}
		}
	}
	x.known = true
	return nil
}

func (v View) attempted(n ledger.Seq) ([]ledger.Seq, error) {
	a, _, err := v.Attempt(n)
	return a.Notifications, err
}

// foldState writes what a state entry commits to.
func foldState(t *store.Txn, e *ledger.Entry) error {
	v := View{t}
	x, err := v.tracker()
	if err != nil {
		return err
	}
	if x == nil {
		return errTracker
	}
	var d *due
	if x.due != nil && x.due.at == e.Seq {
		d = x.due // decided a moment ago
	} else if d, err = v.due(x, e.Seq); err != nil {
		return err
	}
	if err := d.pages.write(t); err != nil {
		return err
	}
	next := d.next
	next.since, next.last, next.lastAt = e.Seq+1, e.Seq, e.Time
	return t.SetKept(stateKey(), next.encode(), &next)
}
