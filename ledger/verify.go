package ledger

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Level is how much of a ledger was checked, or which part of it is wrong.
type Level int

// The levels that need nothing but the records. Repeating every decision comes
// after them and is not done here: it needs the views.
const (
	LevelEncoding Level = iota // every record is the one encoding of an entry of a known kind
	LevelChain                 // every entry follows the one before it
	LevelTree                  // the tree over them is the one that was signed
	LevelPlaces                // each person's own chain, each command's entries, the rules in force
)

// String returns the level as reports spell it.
func (l Level) String() string {
	switch l {
	case LevelEncoding:
		return "encoding"
	case LevelChain:
		return "chain"
	case LevelTree:
		return "tree"
	case LevelPlaces:
		return "places"
	}
	return fmt.Sprintf("level %d", int(l))
}

// Fault is the first thing wrong with a ledger. It names a place and a reason
// and never quotes what stands there.
type Fault struct {
	Seq   Seq // the entry that is wrong, or the first that is missing
	Level Level
	Why   error
}

// Error names the place, the level and the reason.
func (f *Fault) Error() string { return fmt.Sprintf("entry %d: %s: %v", f.Seq, f.Level, f.Why) }

// Unwrap returns the reason.
func (f *Fault) Unwrap() error { return f.Why }

// ErrPlace marks an entry whose own claims about its place do not hold: in its
// person's chain, in its command, under the rules in force.
var ErrPlace = errors.New("entry is not in its place")

// ErrTree marks a tree that is not the one a checkpoint signed.
var ErrTree = errors.New("the tree is another one than was signed")

// Checker proves a ledger from its records alone, in one pass and without any
// key. Its memory grows with the number of people, not of entries: the tree is
// a range of at most 64 hashes. The zero Checker begins at entry 0.
//
// It trusts nothing that is stored beside the records. After a fault every
// further call returns the same fault: what follows a wrong entry proves nothing.
type Checker struct {
	head   Head
	tree   treeRange
	people map[PersonRef]int // where in ends; without pointers, which a collector would follow
	ends   []PersonHead
	reader HeaderReader
	group  placeInCommand
	rules  int // in force for the next entry
	raised int // by the command being read; in force when it ends
	fault  *Fault
}

// placeInCommand is what the next entry of an unfinished command must repeat.
type placeInCommand struct {
	first   Seq
	command ID
	seed    ID
	raw     Time
	nth, of int // nth is the next one's; equal to of between commands
}

// Add checks the next record and places it in the tree. The record may be
// reused by the caller afterwards.
func (c *Checker) Add(record []byte) error {
	if c.fault != nil {
		return c.fault
	}
	e, err := c.reader.Read(record)
	if err != nil {
		return c.fail(LevelEncoding, err)
	}
	return c.add(e)
}

// AddEntry is [Checker.Add] for a record that the caller has parsed already.
func (c *Checker) AddEntry(e *Entry) error {
	if c.fault != nil {
		return c.fault
	}
	return c.add(e)
}

func (c *Checker) add(e *Entry) error {
	if _, known := events[e.Kind]; !known {
		return c.fail(LevelEncoding, fmt.Errorf("%w: event %d", ErrUnknownKind, e.Kind))
	}
	if _, known := requests[e.requestNum]; e.Nth == 0 && !known {
		return c.fail(LevelEncoding, fmt.Errorf("%w: request %d", ErrUnknownKind, e.requestNum))
	}
	head, err := c.head.Follow(e)
	if err != nil {
		return c.fail(LevelChain, err)
	}
	if err := c.inCommand(e); err != nil {
		return c.fail(LevelPlaces, err)
	}
	if err := c.underRules(e); err != nil {
		return c.fail(LevelPlaces, err)
	}
	if err := c.inPerson(e); err != nil {
		return c.fail(LevelPlaces, err)
	}
	c.head = head
	c.tree.add(e.hash)
	return nil
}

func (c *Checker) fail(l Level, why error) error {
	c.fault = &Fault{Seq: c.head.Size, Level: l, Why: why}
	return c.fault
}

// inCommand checks that the entries of one command stand together, whole, at
// one time, and that their salts all follow from the first's.
func (c *Checker) inCommand(e *Entry) error {
	g := &c.group
	if g.nth == g.of {
		if e.Nth != 0 {
			return fmt.Errorf("%w: a command begins with its entry %d", ErrPlace, e.Nth)
		}
		*g = placeInCommand{first: e.Seq, command: e.Command, seed: e.Salt, raw: e.RawTime, nth: 1, of: e.Of}
		return nil
	}
	switch {
	case e.Command != g.command || e.Nth != g.nth || e.Of != g.of:
		return fmt.Errorf("%w: entry %d of %d of the command at %d is due", ErrPlace, g.nth, g.of, g.first)
	case e.RawTime != g.raw || e.Time != c.head.Time:
		return fmt.Errorf("%w: the entries of a command have different times", ErrPlace)
	case e.Salt != salt(g.seed, e.Nth):
		return fmt.Errorf("%w: its salt does not follow from its command's", ErrPlace)
	}
	g.nth++
	return nil
}

// underRules checks that entry 0 opens the log, no other does, and that the
// rules version changes only by an entry that says so.
func (c *Checker) underRules(e *Entry) error {
	switch {
	case (e.Seq == 0) != (e.Kind == KindLogOpened):
		return fmt.Errorf("%w: a log is opened by its entry 0 and by no other", ErrPlace)
	case e.Kind == KindLogOpened:
		var o LogOpened
		if err := unmarshalSame(e.body, &o); err != nil {
			return fmt.Errorf("%w: event: %w", ErrRecord, err)
		}
		if o.ID != e.Log || o.Rules != e.Rules {
			return fmt.Errorf("%w: it opens another log than its own", ErrPlace)
		}
		c.rules, c.raised = o.Rules, o.Rules
	case e.Nth == 0:
		c.rules = c.raised
	}
	if e.Rules != c.rules {
		return fmt.Errorf("%w: decided under rules %d where %d are in force", ErrPlace, e.Rules, c.rules)
	}
	if e.Kind == KindRulesRaised {
		var r RulesRaised
		if err := unmarshalSame(e.body, &r); err != nil {
			return fmt.Errorf("%w: event: %w", ErrRecord, err)
		}
		if r.From != c.raised || r.To <= r.From {
			return fmt.Errorf("%w: it raises the rules from a version not in force", ErrPlace)
		}
		c.raised = r.To
	}
	return nil
}

// inPerson checks the entry's place in its person's own chain.
func (c *Checker) inPerson(e *Entry) error {
	p := e.Person
	if p == nil {
		return nil
	}
	at, known := c.people[p.Ref]
	var last PersonHead
	if known {
		last = c.ends[at]
	}
	switch {
	case p.Ref.IsZero():
		return fmt.Errorf("%w: its person is nobody", ErrPlace)
	case p.N != last.N+1:
		return fmt.Errorf("%w: number %d about its person where %d is next", ErrPlace, p.N, last.N+1)
	case p.Prev != last.Last:
		return fmt.Errorf("%w: the hash of the one before about its person differs", ErrPlace)
	}
	if !known {
		if c.people == nil {
			c.people = make(map[PersonRef]int)
		}
		at, c.ends = len(c.ends), append(c.ends, last)
		c.people[p.Ref] = at
	}
	c.ends[at] = PersonHead{N: p.N, Last: e.hash}
	return nil
}

// End checks that the records end where a command does. A ledger is only ever
// committed by whole commands, so one that ends within has lost its end.
func (c *Checker) End() error {
	if c.fault == nil && c.group.nth != c.group.of {
		return c.fail(LevelPlaces, fmt.Errorf("%w: the command at %d has %d entries and the records end after %d",
			ErrPlace, c.group.first, c.group.of, c.group.nth))
	}
	if c.fault != nil {
		return c.fault
	}
	return nil
}

// Agree checks that the records added so far make the signed tree. It is asked
// when as many were added as the tree has; a tree of another size is refused
// without a fault, since it says nothing about these records.
func (c *Checker) Agree(signed tlog.Tree) error {
	switch {
	case c.fault != nil:
		return c.fault
	case signed.N != c.tree.n:
		return fmt.Errorf("%w: it has %d entries and not %d", ErrTree, signed.N, c.tree.n)
	case signed.Hash != c.tree.tree().Hash:
		return c.fail(LevelTree, ErrTree)
	}
	return nil
}

// Head returns the end of the chain checked so far.
func (c *Checker) Head() Head { return c.head }

// Tree returns the tree over the records checked so far.
func (c *Checker) Tree() tlog.Tree { return c.tree.tree() }

// People returns how many people the entries checked so far speak of.
func (c *Checker) People() int { return len(c.people) }

// Person returns the end of one person's chain; zero for a person without entries.
func (c *Checker) Person(p PersonRef) PersonHead {
	if at, ok := c.people[p]; ok {
		return c.ends[at]
	}
	return PersonHead{}
}

// Rules returns the rules version in force for the next command.
func (c *Checker) Rules() int { return c.raised }

// treeRange is an RFC 6962 tree kept as the roots of its complete subtrees,
// largest first: one for each bit set in its size.
type treeRange struct {
	n     int64
	roots [64]Hash
	depth int
}

func (t *treeRange) add(leaf Hash) {
	h := leaf
	for bits := t.n; bits&1 == 1; bits >>= 1 {
		t.depth--
		h = tlog.NodeHash(t.roots[t.depth], h)
	}
	t.roots[t.depth] = h
	t.depth++
	t.n++
}

// emptyTree is the root of a tree without leaves: SHA-256 of nothing.
var emptyTree = Hash{
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
	0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
}

func (t *treeRange) tree() tlog.Tree {
	if t.n == 0 {
		return tlog.Tree{Hash: emptyTree}
	}
	h := t.roots[t.depth-1]
	for i := t.depth - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.roots[i], h)
	}
	return tlog.Tree{N: t.n, Hash: h}
}
