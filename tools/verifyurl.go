package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"sort"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// A running node is verified from what it serves: its newest signed checkpoint
// and the records, in tiles. What it does not serve, ciphertexts and views, is
// said to be unchecked. It is trusted in nothing: it may serve another history
// to somebody else, which only a checkpoint kept from before (--pin), or another
// node's, can show.

func (v *verification) runURL() error {
	f := serviceFlags{v.flags.url, v.flags.token}
	n, err := f.open()
	if err != nil {
		return err
	}
	return v.runSource(n.source())
}

// runTiles verifies the files of a log.
func (v *verification) runTiles() error {
	s, closing, err := openTiles(v.flags.tiles)
	if err != nil {
		return err
	}
	defer closing()
	return v.runSource(s)
}

func (v *verification) runSource(n *source) error {
	signed, err := n.get(context.Background(), "/checkpoint")
	if err != nil {
		return err
	}
	ok, err := v.served(n, signed)
	if err != nil || !ok {
		return err
	}
	return v.records(n)
}

// served checks level 0: the checkpoint that the node serves, and the pin.
func (v *verification) served(n *source, signed []byte) (ok bool, err error) {
	started := time.Now()
	first, err := n.get(context.Background(), "/v1/entries/0")
	if err != nil {
		return false, err
	}
	e, err := ledger.ParseEntry(first)
	opened, is := e.Event.(*ledger.LogOpened)
	if err != nil || !is {
		v.bad(0, "it does not open a log")
		v.level(levelSignatures, false, 0, started, "entry 0 names no log")
		return false, nil
	}
	v.opened, v.log = opened, e.Log
	verifier, own, err := v.verifier(started)
	if verifier == nil {
		if err == nil && !v.broken {
			v.missing("entry 0 names no usable key: who signs the log cannot be said")
		}
		return false, err
	}
	add := func(b []byte, where string) error {
		t, err := ledger.OpenCheckpoint(b, opened.Origin, note.VerifierList(verifier))
		if err != nil {
			return v.signatureError(fmt.Errorf("%w: %s: %w", errNote, where, err), started)
		}
		v.notes = append(v.notes, signedTree{t, bytes.Clone(b), where})
		return nil
	}
	if err := add(signed, n.what+"'s checkpoint"); err != nil || v.broken {
		return false, err
	}
	v.report.Size = v.notes[0].N
	if v.flags.pin != "" {
		pin, err := os.ReadFile(v.flags.pin)
		if err == nil {
			err = add(pin, "the pin")
		}
		if v.broken || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, failing(ExitUnreadable, err)
		}
	}
	sort.SliceStable(v.notes, func(i, j int) bool { return v.notes[i].N < v.notes[j].N })
	if other := secondOpinion(v.notes, opened.Origin, verifier); other != "" {
		v.wrong(other)
		v.level(levelSignatures, false, 0, started, other)
		return false, nil
	}
	ok = v.compareNotes()
	v.level(levelSignatures, ok, int64(len(v.notes)), started,
		fmt.Sprintf("%d checkpoints, the newest of %d entries, by %s", len(v.notes), v.notes[len(v.notes)-1].N, own))
	return ok, nil
}

// records checks levels 1, 3 and 4 in one pass, without keeping the records.
func (v *verification) records(n *source) error {
	started := time.Now()
	if err := v.resume.of(v.log, v.report.Size); err != nil {
		return err
	}
	s, err := v.resume.scratch(v.flags.scratch, nil)
	if err != nil {
		return err
	}
	defer s.close()
	v.resume.listen(s)
	bar := v.a.progress(v.report.Size, "entries")
	defer bar.done()
	p := remotePass{v: v, n: n, s: s, notes: v.notes, tiles: tileCheck{stored: n.tile}, second: newSecondTree(v.notes), rules: newRulesPass(v), before: v.resume.was}
	p.out = handOut(p.second.read)
	defer p.out.stop()
	if p.before.Size > 0 {
		p.commands = p.before.Commands
		if err := p.rules.restore(&p.before.Rules); err != nil {
			return err
		}
	}
	for record, err := range p.all() {
		if err != nil {
			return err
		}
		if err := p.add(bytes.Clone(record)); err != nil {
			return err
		}
		if v.broken || p.unknown {
			break
		}
		bar.at(int64(p.checker.Head().Size))
	}
	if p.again == "" && !v.broken && !p.unknown && int64(p.checker.Head().Size) == v.report.Size {
		if err := v.resume.keep(s, p.commands, p.rules, true); err != nil {
			return err
		}
	}
	p.out.stop()
	if other := p.second.differs(p.checker.Tree()); other != "" && p.hashes == "" && !v.broken && !p.unknown {
		p.hashes = other
		v.wrong(other)
	}
	p.compareTiles()
	return p.say(started)
}

// all walks every record: those that decisions were repeated of before are in the
// auditor's own folder, and are hashed again from there; the rest is asked for.
func (p *remotePass) all() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for record, err := range p.s.db.Records(0, ledger.Seq(p.before.Size)) {
			if !yield(record, err) {
				return
			}
		}
		for record, err := range p.n.bundles(p.before.Size, p.v.report.Size) {
			if !yield(record, err) {
				return
			}
		}
	}
}

// compareTiles holds the files of hashes against those that the entries give:
// whoever reads only tiles trusts in them.
func (p *remotePass) compareTiles() {
	if !p.n.files || p.v.broken || p.unknown {
		return
	}
	p.tiles.pending()
	if bad := p.tiles.bad; bad != nil {
		p.hashes = bad.why
		p.v.bad(bad.seq, bad.why+", though the entries make the signed tree: the tile is altered, not the entry")
	}
}

// remotePass is one walk over what a node serves.
type remotePass struct {
	v       *verification
	n       *source
	s       *scratch
	decoder ledger.Decoder
	checker ledger.Checker
	notes   []signedTree // not compared yet
	known   int64
	tiles   tileCheck // of files
	group   []ledger.Entry
	done    int64 // entries decided again
	second  *secondTree
	out     *handout // to it
	rules   *rulesPass
	hashes  string
	links   string
	again   string // what is wrong with a decision
	unknown bool

	before   progressMade // what an earlier run decided again
	commands int64
}

func (p *remotePass) add(record []byte) error {
	e, err := p.decoder.ParseEntry(record)
	p.out.push(record)
	if p.n.files {
		p.tiles.push(e.Hash())
	}
	if err == nil {
		err = p.checker.AddEntry(&e)
	} else {
		err = p.checker.Add(record) // says why, as a fault
	}
	var f *ledger.Fault
	switch {
	case errors.As(err, &f) && errors.Is(err, ledger.ErrUnknownKind):
		return p.newer(f.Seq, e.Hash())
	case errors.As(err, &f):
		p.links = fmt.Sprintf("%s: %v", f.Level, f.Why)
		p.v.bad(f.Seq, p.links)
		return nil
	case err != nil:
		return err
	}
	for len(p.notes) > 0 && p.notes[0].N <= int64(p.checker.Head().Size) {
		signed := p.notes[0]
		p.notes = p.notes[1:]
		if p.checker.Agree(signed.Tree) != nil {
			p.hashes = fmt.Sprintf("%s signs another tree of %d entries", signed.where, signed.N)
			p.v.bad(ledger.Seq(p.known), fmt.Sprintf("%s: entries %d to %d are not all those that were signed", p.hashes, p.known, signed.N-1))
			return nil
		}
		p.known = signed.N
	}
	if n := int64(p.checker.Head().Size); n <= p.before.Size {
		if n == p.before.Size && !p.v.resume.agree(p.checker.Tree()) {
			p.hashes = p.v.changedSince()
		}
		p.done = n
		return nil
	}
	if p.group = append(p.group, e); len(p.group) < e.Of {
		return nil
	}
	return p.decide()
}

// newer deals with an entry of an unknown kind: a newer program's, if it is the
// one that was signed.
func (p *remotePass) newer(seq ledger.Seq, hash ledger.Hash) error {
	signed := p.v.notes[len(p.v.notes)-1]
	proved, err := torchwood.TileHashReaderWithContext(context.Background(), signed.Tree, p.n).ReadHashes([]int64{tlog.StoredHashIndex(0, int64(seq))})
	var end *failure
	switch {
	case errors.As(err, &end):
		return err
	case err != nil, proved[0] != hash:
		p.hashes = fmt.Sprintf("entry %d is altered", seq)
		p.v.bad(seq, "its record is not the one whose hash the signed tree holds")
		return nil
	}
	p.unknown = true
	p.v.missing(fmt.Sprintf("entry %d is of a kind that a newer program wrote", seq))
	return nil
}

func (p *remotePass) decide() error {
	wrong, err := p.v.decide(p.s, p.group)
	if errors.Is(err, ledger.ErrUnknownKind) {
		return p.newer(p.group[0].Seq, p.group[0].Hash())
	}
	if err != nil {
		return err
	}
	err = p.rules.before(p.s.view(), p.group)
	if p.again = wrong; wrong == "" && err == nil {
		if err = p.s.fold(p.group); err == nil {
			err = p.rules.after(p.s.view(), p.group)
		}
		p.done += int64(len(p.group))
		p.commands++
		if err = errors.Join(err, p.s.rest()); err == nil && int64(p.checker.Head().Size) < p.v.report.Size {
			err = p.v.resume.keep(p.s, p.commands, p.rules, false)
		}
	}
	p.group = nil
	return err
}

// say reports the levels in their order.
func (p *remotePass) say(started time.Time) error {
	v, head := p.v, p.checker.Head()
	v.report.Root, v.report.ChainHead = b64(p.checker.Tree().Hash), b64(head.Last)
	n := int64(head.Size)
	detail := func(wrong, right string) string {
		switch {
		case wrong != "":
			return wrong
		case v.broken:
			return "not checked beyond the entry that failed"
		}
		return right
	}
	if err := p.checker.End(); err != nil && !v.broken && !p.unknown {
		v.missing(fmt.Sprintf("the entries end within a command: %v", err))
	}
	v.level(levelHashes, p.hashes == "", n, started, detail(p.hashes, p.whole(n)))
	v.level(levelSealed, false, 0, started, "not checked: "+p.n.what+" has no ciphertext; verify a copy of a node's folder (--data)")
	v.level(levelChain, p.links == "", n, started, detail(p.links, fmt.Sprintf("%d entries of whole commands; the own chains of %d people", n, p.checker.People())))
	decided := fmt.Sprintf("%d entries decided again give the same bytes; a node's own views are not part of this", p.done)
	if p.before.Size > 0 {
		decided += fmt.Sprintf("; the first %d in an earlier run (--resume)", p.before.Size)
	}
	v.level(levelDecisions, p.again == "", p.done, started, detail(p.again, decided))
	return p.rules.say(p.s.view(), v.broken || p.unknown)
}

func (p *remotePass) whole(n int64) string {
	if p.n.files {
		return fmt.Sprintf("%d entries and %d tree tiles make the signed tree", n, p.tiles.tiles)
	}
	return fmt.Sprintf("%d entries make the signed tree", n)
}
