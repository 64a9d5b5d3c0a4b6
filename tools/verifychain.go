package tools

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"custos/ledger"
	"custos/ledger/store"
)

// chain checks levels 1, 2 and 3 in one pass over the records: it makes every
// hash, tile and root again and holds them against what is stored and signed,
// and it follows the chains. Beside it another program makes the tree, and the
// sealed rows are held against the entries.
func (v *verification) chain() error {
	started := time.Now()
	rows := newRowPass(v.f.db)
	p := &chainPass{v: v, tiles: tileCheck{stored: v.f.tile}, notes: v.notes, second: newSecondTree(v.notes)}
	p.out = handOut(p.follow, p.second.read, rows.read)
	defer p.out.stop()
	err := guard(p.walk)
	p.out.stop()
	switch { // what follow found comes first: it is of an earlier entry
	case p.err != nil:
		err = p.err
	case p.ended.Load():
		err = nil
	case err == nil:
		err = guard(p.end)
	default:
		err = p.unreadable(err)
	}
	if p.damaged(err) {
		err = p.unreadable(err)
	}
	if err != nil {
		return err
	}
	p.compareEnd()
	other := p.second.differs(p.checker.Tree())
	if p.hashes == "" && p.links == "" && other != "" {
		p.hashes = other
		v.wrong(other)
	}
	v.whole = p.hashes == "" && p.links == "" && p.n == v.f.db.Head().Size
	n := int64(p.n)
	hashes, links := p.hashes, p.links
	if hashes == "" {
		hashes = fmt.Sprintf("%d entries and %d tree tiles make the stored tree and %d signed ones, here and with transparency-dev/merkle", n, p.tiles.tiles, p.agreed)
	}
	if links == "" {
		links = fmt.Sprintf("%d entries of whole commands; the own chains of %d people", n, p.checker.People())
		if p.hashes != "" {
			links = "not checked beyond the entry that failed"
		}
	}
	v.level(levelHashes, p.hashes == "", n, started, hashes)
	if err := v.sealed(rows, started); err != nil {
		return err
	}
	v.level(levelChain, p.hashes == "" && p.links == "", n, started, links)
	return nil
}

type chainPass struct {
	v       *verification
	reader  ledger.HeaderReader
	checker ledger.Checker
	tiles   tileCheck
	notes   []signedTree // not compared yet
	n       ledger.Seq
	agreed  int
	known   int64 // the greatest signed tree that agrees
	second  *secondTree
	out     *handout    // to follow, to it, and to who holds the rows against the entries
	ended   atomic.Bool // follow came to an entry that is wrong, or does not go on
	err     error       // of follow, from the disk
	hashes  string
	links   string
}

// walk reads the records. Its error is the reading's.
func (p *chainPass) walk() error {
	for record, err := range p.v.f.db.Records(0, p.v.f.db.Head().Size) {
		if err != nil || p.ended.Load() {
			return err
		}
		p.out.push(record)
	}
	return nil
}

// follow ends early at the first entry that is wrong.
func (p *chainPass) follow(from *recordReader) {
	bar := p.v.a.progress(int64(p.v.f.db.Head().Size), "hashes")
	defer bar.done()
	p.err = guard(func() error {
		for record, ok := from.next(); ok; record, ok = from.next() {
			if more, err := p.add(record); !more {
				p.ended.Store(true)
				return err
			}
			bar.at(int64(p.n))
		}
		return nil
	})
	if p.err != nil {
		p.ended.Store(true)
	}
}

// add follows one record; more is false where none after it says anything.
func (p *chainPass) add(record []byte) (more bool, err error) {
	e, err := p.reader.Read(record)
	p.tiles.push(e.Hash())
	if err == nil {
		err = p.checker.AddEntry(e)
	} else {
		err = p.checker.Add(record) // says why, as a fault
	}
	if err != nil {
		return false, p.fault(err)
	}
	p.n++
	if err := p.signed(); err != nil {
		return false, nil
	}
	if int64(p.n) == p.v.resume.was.Size && !p.v.resume.agree(p.checker.Tree()) {
		p.hashes = p.v.changedSince()
		return false, nil
	}
	return true, nil
}

// end looks at how far the entries went.
func (p *chainPass) end() error {
	size := p.v.f.db.Head().Size
	if p.n < size {
		p.v.missing(fmt.Sprintf("the entries end at %d and the head says %d", p.n, size))
	}
	return p.beyond(size)
}

func (p *chainPass) damaged(err error) bool {
	var d *damagedError
	return errors.As(err, &d)
}

// signed holds the tree against checkpoints of its size. The first that differs
// is the end: an entry after the last that agreed is another than was signed.
func (p *chainPass) signed() error {
	for len(p.notes) > 0 && p.notes[0].N <= int64(p.n) {
		s := p.notes[0]
		p.notes = p.notes[1:]
		if s.N == 0 {
			continue
		}
		if err := p.checker.Agree(s.Tree); err != nil {
			p.tiles.pending()
			if bad := p.tiles.bad; bad != nil && bad.level == 0 {
				p.altered(bad.seq) // the tree still holds what was signed: the entry is the one that changed
				return err
			}
			p.hashes = fmt.Sprintf("%s signs another tree of %d entries", s.where, s.N)
			p.v.bad(ledger.Seq(p.known), fmt.Sprintf("%s: entries %d to %d are not all those that were signed", p.hashes, p.known, s.N-1))
			return err
		}
		p.agreed++
		p.known = s.N
	}
	return nil
}

// changedSince says that entries are others than those of which decisions were
// repeated before.
func (v *verification) changedSince() string {
	n := v.resume.was.Size
	why := fmt.Sprintf("the progress in --resume is of another tree of %d entries: entries 0 to %d are not all those that were verified before", n, n-1)
	v.bad(0, why)
	return why
}

// fault places the blame: a chain that breaks at an entry may be broken by the
// one before it, and then the tree holds another hash for that one.
func (p *chainPass) fault(err error) error {
	var f *ledger.Fault
	if !errors.As(err, &f) {
		return err
	}
	if errors.Is(err, ledger.ErrUnknownKind) && p.sameLeaf(f.Seq) {
		p.v.missing(fmt.Sprintf("entry %d is of a kind that a newer program wrote", f.Seq))
		p.links = "entry of a newer program's kind"
		return nil
	}
	p.tiles.pending()
	if bad := p.tiles.bad; bad != nil && bad.level == 0 && bad.seq <= f.Seq {
		p.altered(bad.seq)
		return nil
	}
	why := fmt.Sprintf("%s: %v", f.Level, f.Why)
	if f.Level == ledger.LevelEncoding || f.Level == ledger.LevelTree {
		p.hashes = why
	} else {
		p.links = why
	}
	p.v.bad(f.Seq, why)
	return nil
}

func (p *chainPass) altered(n ledger.Seq) {
	p.hashes = fmt.Sprintf("entry %d is altered", n)
	p.v.bad(n, "its record is not the one whose hash the tree holds")
}

// sameLeaf reports whether the last pushed record is the one in the stored tree.
func (p *chainPass) sameLeaf(n ledger.Seq) bool {
	p.tiles.pending()
	want, ok := leaf(p.v.f.db, n)
	return ok && want != ledger.Hash{} && p.tiles.bad == nil
}

// unreadable deals with a walk that ended before the ledger did.
func (p *chainPass) unreadable(err error) error {
	p.v.f.struck = true
	if isDisk(err) {
		return failing(ExitUnreadable, err)
	}
	if errors.Is(err, store.ErrNoEntry) {
		p.hashes = fmt.Sprintf("entry %d is missing", p.n)
		p.v.bad(p.n, "it is missing, and later entries are there")
		return nil
	}
	seq, why, err := p.v.f.investigate(p.n, err)
	if err != nil {
		return err
	}
	p.hashes = fmt.Sprintf("entry %d: %s", seq, why)
	p.v.bad(seq, why)
	return nil
}

// beyond looks for entries after the head's size.
func (p *chainPass) beyond(size ledger.Seq) error {
	for _, err := range p.v.f.db.Records(size, math.MaxUint64) {
		if isDisk(err) {
			return failing(ExitUnreadable, err)
		}
		p.links = fmt.Sprintf("entries stand beyond the ledger's head of %d", size)
		p.v.bad(size, p.links)
		break
	}
	return nil
}

// compareEnd holds the whole against the stored head and tree.
func (p *chainPass) compareEnd() {
	if p.hashes != "" || p.links != "" {
		return
	}
	p.tiles.pending()
	head, stored := p.checker.Head(), p.v.f.db.Head()
	complete := p.n == stored.Size
	bad := p.tiles.bad
	switch {
	case complete && stored.Size > 0 && head.Last != stored.Last:
		p.hashes = fmt.Sprintf("entry %d is altered", p.n-1)
		p.v.bad(p.n-1, "its record is not the one whose hash the ledger's head holds")
	case bad != nil:
		p.hashes = bad.why
		p.v.bad(bad.seq, bad.why+", though the entries follow each other: the tree is altered, not the entry")
	case complete && stored.Size > 0 && head != stored:
		p.hashes = "the ledger's head is not that of its entries"
		p.v.wrong(p.hashes)
	case complete && p.checker.Tree() != p.v.f.db.Tree():
		p.hashes = "the stored tree is not that of the entries"
		p.v.wrong(p.hashes)
	}
	if err := p.checker.End(); err != nil {
		p.v.missing(fmt.Sprintf("the entries end within a command: %v", err))
	}
}
