package tools

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"custos/ledger"
)

const (
	trailFormat = "custos-trail-proof@v1"
	trailNotice = "These are all entries about this person, and about every number that was recorded as theirs, up to the state entry. " +
		"Adoption cuts a trail: a child with a new identity has a new number, and nothing leads from one to the other."
)

type trailProof struct {
	Format     string        `json:"format"`
	Notice     string        `json:"notice"`
	Checkpoint string        `json:"checkpoint"`
	State      provedEntry   `json:"state"`
	Person     string        `json:"person"`
	Numbers    []numberChain `json:"numbers"`
	Commands   []provedEntry `json:"commands"`
	Parted     []provedEntry `json:"parted"`

	refs     []ledger.PersonRef // of the numbers
	state    ledger.State
	firsts   map[ledger.Seq]*ledger.Entry // first entries of commands, wherever they stand
	undoings map[ledger.Seq]*ledger.NumbersParted
}

type numberChain struct {
	Reference string        `json:"reference"`
	Path      [][]byte      `json:"path"`
	Other     *indexLeaf    `json:"other"`
	Entries   []provedEntry `json:"entries"`
}

type indexLeaf struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// checkTrailProof checks a proof of a trail and says what it proves.
func (a *app) checkTrailProof(b []byte, v note.Verifier, ref string, w witnessFlags) error {
	var p trailProof
	if err := parseProof(b, &p); err != nil {
		return err
	}
	tree, err := openTree(p.Checkpoint, v, w)
	if err != nil {
		return err
	}
	if err := p.check(&tree, ref); err != nil {
		return err
	}
	list := []shownEntry{}
	accesses := 0
	for i := range p.Numbers {
		for j := range p.Numbers[i].Entries {
			e := &p.Numbers[i].Entries[j].entry
			list = append(list, shown(e, p.firsts[e.Seq-ledger.Seq(e.Nth)]))
			switch e.Kind {
			case ledger.KindAccessed, ledger.KindSubjectAccessed, ledger.KindReopened, ledger.KindNotificationOpened, ledger.KindTrailRead:
				accesses++
			}
		}
	}
	until := &p.State.entry
	if a.json() {
		return a.printJSON(map[string]any{"ok": true, "person": p.Person, "numbers": len(p.Numbers), "entries": list, "accesses": accesses,
			"state": until.Seq, "at": until.Time.String(), "size": tree.N, "root": b64(tree.Hash), "witnesses": tree.cosigners, "notice": p.Notice})
	}
	a.printTree(&tree, v.Name())
	fmt.Fprintf(a.stdout, "state: entry %d of %s\n", until.Seq, until.Time)
	fmt.Fprintf(a.stdout, "about: %s\n", p.Person)
	if len(list) > 0 {
		if err := a.printShown(list); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "COMPLETE: these %d entries, of which %d show something of the person, are all before entry %d, under %s\n",
			len(list), accesses, until.Seq, numbered(len(p.Numbers)))
	} else {
		fmt.Fprintf(a.stdout, "COMPLETE: there is no entry about this person before entry %d\n", until.Seq)
	}
	fmt.Fprintf(a.stdout, "%s\n", p.Notice)
	return nil
}

func numbered(n int) string {
	if n == 1 {
		return "one number"
	}
	return fmt.Sprintf("%d numbers", n)
}

func (p *trailProof) check(tree *proofTree, ref string) error {
	if p.Notice != trailNotice {
		return failf(ExitIntegrity, "the proof does not say what it covers")
	}
	if ref != "" && ref != p.Person {
		return failf(ExitIntegrity, "the proof is of another person")
	}
	if err := tree.open(&p.State); err != nil {
		return err
	}
	recorded, ok := p.State.entry.Event.(*ledger.StateRecorded)
	if !ok {
		return failf(ExitIntegrity, "entry %d is no state entry", p.State.Seq)
	}
	if p.state = recorded.State; p.state.Below != 0 {
		return failf(ExitIncomplete, "the index that entry %d commits to was still being made", p.State.Seq)
	}
	p.firsts, p.undoings = map[ledger.Seq]*ledger.Entry{}, map[ledger.Seq]*ledger.NumbersParted{}
	for i := range p.Commands {
		c := &p.Commands[i]
		if err := tree.open(c); err != nil {
			return err
		}
		p.firsts[c.Seq] = &c.entry
	}
	for i := range p.Parted {
		c := &p.Parted[i]
		if err := tree.open(c); err != nil {
			return err
		}
		parted, ok := c.entry.Event.(*ledger.NumbersParted)
		if !ok {
			return failf(ExitIntegrity, "entry %d does not part numbers", c.Seq)
		}
		p.undoings[c.Seq] = parted
		if c.entry.Nth == 0 {
			p.firsts[c.Seq] = &c.entry
		}
	}
	for i := range p.Numbers {
		if err := p.number(tree, i); err != nil {
			return err
		}
	}
	if err := p.closed(); err != nil {
		return err
	}
	return p.actors()
}

// number checks that one chain has no gap, and that it is as long as the state
// entry says.
func (p *trailProof) number(tree *proofTree, i int) error {
	c := &p.Numbers[i]
	ref, err := ledger.ParsePersonRef(c.Reference)
	if err != nil {
		return failf(ExitIntegrity, "number %d: %w", i+1, err)
	}
	p.refs = append(p.refs, ref)
	var last ledger.Hash
	for j := range c.Entries {
		e := &c.Entries[j]
		if err := tree.open(e); err != nil {
			return err
		}
		link := e.entry.Person
		switch {
		case link == nil || link.Ref != ref:
			return failf(ExitIntegrity, "entry %d is not about number %d", e.Seq, i+1)
		case e.Seq >= p.State.Seq:
			return failf(ExitIntegrity, "entry %d is later than the state entry", e.Seq)
		case link.N != uint64(j)+1:
			return failf(ExitIntegrity, "entry %d is no. %d about number %d and stands as no. %d: one is left out, repeated or swapped", e.Seq, link.N, i+1, j+1)
		case link.Prev != last:
			return failf(ExitIntegrity, "entry %d does not follow the entry before it about number %d", e.Seq, i+1)
		}
		last = e.entry.Hash()
		if e.entry.Nth == 0 {
			p.firsts[e.Seq] = &e.entry
		}
	}
	return p.index(i, ref, uint64(len(c.Entries)), last)
}

// index holds a number's count and last entry, or that it has none, against the
// root in the state entry.
func (p *trailProof) index(i int, ref ledger.PersonRef, count uint64, last ledger.Hash) error {
	c := &p.Numbers[i]
	key := sha256.Sum256(append([]byte{2}, ref[:]...))
	var at [32]byte
	switch {
	case count > 0 && c.Other != nil:
		return failf(ExitIntegrity, "number %d has entries and is said to have none", i+1)
	case count > 0:
		value := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, count), last[:]...))
		at = sha256.Sum256(bytes.Join([][]byte{{0}, key[:], value[:]}, nil))
	case c.Other != nil:
		if len(c.Other.Key) != 32 || len(c.Other.Value) != 32 || bytes.Equal(c.Other.Key, key[:]) || !shares(c.Other.Key, key[:], len(c.Path)) {
			return failf(ExitIntegrity, "number %d: the leaf in its place proves nothing", i+1)
		}
		at = sha256.Sum256(bytes.Join([][]byte{{0}, c.Other.Key, c.Other.Value}, nil))
	}
	if len(c.Path) > 256 {
		return failf(ExitIntegrity, "number %d: its path in the index is too long", i+1)
	}
	for n, beside := range c.Path {
		if len(beside) != 32 {
			return failf(ExitIntegrity, "number %d: its path in the index has a hash of another length", i+1)
		}
		if depth := len(c.Path) - 1 - n; key[depth/8]>>(7-depth%8)&1 == 0 {
			at = sha256.Sum256(bytes.Join([][]byte{{1}, at[:], beside}, nil))
		} else {
			at = sha256.Sum256(bytes.Join([][]byte{{1}, beside, at[:]}, nil))
		}
	}
	switch {
	case ledger.Hash(at) == p.state.Index:
		return nil
	case count == 0:
		return failf(ExitIntegrity, "the index of state entry %d does not say that there is no entry about number %d", p.State.Seq, i+1)
	}
	return failf(ExitIntegrity, "the index of state entry %d does not say that these %d entries are all about number %d: the end is left out, or the path is another's", p.State.Seq, count, i+1)
}

// shares reports whether two keys have the same first bits.
func shares(a, b []byte, bits int) bool {
	if bits > 8*len(a) {
		return false
	}
	for n := range bits {
		if (a[n/8]^b[n/8])>>(7-n%8)&1 == 1 {
			return false
		}
	}
	return true
}

// actors checks that each entry's command has its first entry here, which says who it was.
func (p *trailProof) actors() error {
	for i := range p.Numbers {
		for j := range p.Numbers[i].Entries {
			e := &p.Numbers[i].Entries[j].entry
			first := p.firsts[e.Seq-ledger.Seq(e.Nth)]
			if first == nil || first.Command != e.Command || first.Nth != 0 {
				return failf(ExitIntegrity, "entry %d: the first entry of its command is missing", e.Seq)
			}
		}
	}
	return nil
}

// closed checks that every number that is linked is here, and no other.
func (p *trailProof) closed() error {
	at := map[ledger.PersonRef]int{}
	for i, r := range p.refs {
		if _, twice := at[r]; twice {
			return failf(ExitIntegrity, "number %d is there twice", i+1)
		}
		at[r] = i
	}
	asked, err := ledger.ParsePersonRef(p.Person)
	if err != nil {
		return failf(ExitIntegrity, "the proof's person: %w", err)
	}
	if len(p.refs) == 0 || p.refs[0] != asked {
		return failf(ExitIntegrity, "the proof is not of the person that it names")
	}
	linked := make([]bool, len(p.refs))
	linked[0] = true
	for todo := []int{0}; len(todo) > 0; todo = todo[1:] {
		others, err := p.links(todo[0])
		if err != nil {
			return err
		}
		for n, ref := range others {
			i, ok := at[ref]
			if !ok {
				return failf(ExitIntegrity, "entry %d links number %d to another one, which is left out", n, todo[0]+1)
			}
			if !linked[i] {
				linked[i] = true
				todo = append(todo, i)
			}
		}
	}
	for i, ok := range linked {
		if !ok {
			return failf(ExitIntegrity, "number %d is linked to none of the others: it is another person's", i+1)
		}
	}
	return nil
}

// links lists the numbers that one number's own entries link it to, by the
// entry that links.
func (p *trailProof) links(i int) (map[ledger.Seq]ledger.PersonRef, error) {
	out := map[ledger.Seq]ledger.PersonRef{}
	for j := range p.Numbers[i].Entries {
		e := &p.Numbers[i].Entries[j].entry
		switch ev := e.Event.(type) {
		case *ledger.NumberSuperseded:
			out[e.Seq] = ev.New
		case *ledger.NumbersParted:
			delete(out, ev.Of)
		case *ledger.NumberFollowed:
			if !ev.Parted {
				old, ok := p.supersededAt(ev.Of, p.refs[i])
				if !ok && !p.undoingsater(i, ev.Of) {
					return nil, failf(ExitIntegrity, "entry %d names a number that number %d replaced, which is left out", e.Seq, i+1)
				}
				if ok {
					out[ev.Of] = old
				}
				continue
			}
			undone := p.undoings[ev.Of]
			if undone == nil || undone.New != p.refs[i] {
				return nil, failf(ExitIntegrity, "entry %d names an entry that parted numbers, which is left out", e.Seq)
			}
			delete(out, undone.Of)
		}
	}
	return out, nil
}

// supersededAt finds the number whose own entry says that another replaced it.
func (p *trailProof) supersededAt(n ledger.Seq, by ledger.PersonRef) (ledger.PersonRef, bool) {
	for i := range p.Numbers {
		for j := range p.Numbers[i].Entries {
			e := &p.Numbers[i].Entries[j].entry
			if ev, ok := e.Event.(*ledger.NumberSuperseded); ok && e.Seq == n && ev.New == by {
				return p.refs[i], true
			}
		}
	}
	return ledger.PersonRef{}, false
}

// undoingsater reports whether a number's own entries say that a link was undone.
func (p *trailProof) undoingsater(i int, link ledger.Seq) bool {
	for j := range p.Numbers[i].Entries {
		ev, ok := p.Numbers[i].Entries[j].entry.Event.(*ledger.NumberFollowed)
		if ok && ev.Parted && p.undoings[ev.Of] != nil && p.undoings[ev.Of].Of == link && p.undoings[ev.Of].New == p.refs[i] {
			return true
		}
	}
	return false
}
