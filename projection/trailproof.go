package projection

import (
	"errors"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

// TrailProof shows that the entries in it are all that there are about a person,
// under each number that is theirs, up to a state entry. Who checks it needs the
// log's verifier key and nothing of this package (docs/FORMAT.md).
type TrailProof struct {
	Format     string        `json:"format"`
	Notice     string        `json:"notice"`
	Checkpoint string        `json:"checkpoint"` // signed note of a tree that holds everything below
	State      ProvedEntry   `json:"state"`
	Person     string        `json:"person"` // the reference that was asked for
	Numbers    []NumberProof `json:"numbers"`
	// Commands are first entries of commands whose later entries are above: they
	// have the actor. Parted are what undid a link between numbers.
	Commands []ProvedEntry `json:"commands,omitempty"`
	Parted   []ProvedEntry `json:"parted,omitempty"`
}

// What every trail proof begins with.
const (
	TrailFormat = "custos-trail-proof@v1"
	TrailNotice = "These are all entries about this person, and about every number that was recorded as theirs, up to the state entry. " +
		"Adoption cuts a trail: a child with a new identity has a new number, and nothing leads from one to the other."
)

// NumberProof is one number's whole chain, and its place in the index.
type NumberProof struct {
	Reference string        `json:"reference"`
	Path      [][]byte      `json:"path"`            // of the index, from the leaf to the root
	Other     *IndexLeaf    `json:"other,omitempty"` // the leaf that stands where this number's would; only without entries
	Entries   []ProvedEntry `json:"entries"`
}

// IndexLeaf is a leaf of the index.
type IndexLeaf struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// ProvedEntry is an entry's exact bytes with its inclusion proof.
type ProvedEntry struct {
	Seq    ledger.Seq `json:"seq"`
	Record []byte     `json:"record"`
	Proof  [][]byte   `json:"proof"`
}

// ErrNoState says that there is no state entry yet that a signed checkpoint covers.
var ErrNoState = errors.New("no signed checkpoint covers a state entry")

// ErrUnfinished says that the index of an older ledger is still being made.
var ErrUnfinished = errors.New("the index of people is still being made: prove it again later")

// trailProver makes one proof from one state of the ledger.
type trailProver struct {
	view View
	to   ledger.Seq // the state entry
	out  *TrailProof
	have map[ledger.Seq]bool // entries that are in the proof
	// firsts are the first entries of the commands of those that are about a number.
	firsts []ledger.Seq
}

// ProveTrail makes the proof for a person from the newest state entry, which a
// checkpoint, of a tree of the given size, must cover.
func ProveTrail(db *store.DB, p ledger.PersonRef, checkpoint []byte, size int64) (*TrailProof, error) {
	snap, err := db.Pin()
	if err != nil {
		return nil, err
	}
	defer func() { _ = snap.Close() }() // it was only read
	v := View{snap}
	last, ok, err := v.LastState()
	if err != nil {
		return nil, err
	}
	if !ok || int64(last) >= size {
		return nil, ErrNoState
	}
	x := &trailProver{view: v, to: last, have: map[ledger.Seq]bool{}, out: &TrailProof{
		Format: TrailFormat, Notice: TrailNotice, Checkpoint: string(checkpoint), Person: p.String()}}
	state, err := store.Entry(snap, last)
	if err != nil {
		return nil, err
	}
	if s, ok := state.Event.(*ledger.StateRecorded); !ok || s.State.Below != 0 {
		return nil, ErrUnfinished
	}
	if x.out.State, err = x.entry(last); err != nil {
		return nil, err
	}
	for todo, seen := []ledger.PersonRef{p}, map[ledger.PersonRef]bool{p: true}; len(todo) > 0; todo = todo[1:] {
		linked, err := x.number(todo[0])
		if err != nil {
			return nil, err
		}
		for _, q := range linked {
			if !seen[q] {
				seen[q] = true
				todo = append(todo, q)
			}
		}
	}
	if err := x.commands(); err != nil {
		return nil, err
	}
	all := []*ProvedEntry{&x.out.State}
	for i := range x.out.Numbers {
		all = append(all, pointers(x.out.Numbers[i].Entries)...)
	}
	all = append(append(all, pointers(x.out.Commands)...), pointers(x.out.Parted)...)
	return x.out, prove(db, all, size)
}

// entry reads an entry; its proof is made with all others.
func (x *trailProver) entry(n ledger.Seq) (ProvedEntry, error) {
	record, err := store.Record(x.view.R, n)
	x.have[n] = true
	return ProvedEntry{Seq: n, Record: record}, err
}

func pointers(list []ProvedEntry) []*ProvedEntry {
	out := make([]*ProvedEntry, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// prove adds the inclusion proofs.
func prove(db *store.DB, entries []*ProvedEntry, size int64) error {
	seqs := make([]ledger.Seq, len(entries))
	for i := range entries {
		seqs[i] = entries[i].Seq
	}
	proofs, err := db.ProveAll(seqs, size)
	if err != nil {
		return err
	}
	for i := range entries {
		entries[i].Proof = hashList(proofs[i])
	}
	return nil
}

func hashList(hashes []tlog.Hash) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// number proves one number and returns those that it is linked to.
func (x *trailProver) number(p ledger.PersonRef) ([]ledger.PersonRef, error) {
	seqs, err := x.view.ownTrail(p)
	if err != nil {
		return nil, err
	}
	out := NumberProof{Reference: p.String(), Entries: []ProvedEntry{}}
	links := map[ledger.Seq]ledger.PersonRef{} // by the entry that linked
	if end := slices.IndexFunc(seqs, func(n ledger.Seq) bool { return n >= x.to }); end >= 0 {
		seqs = seqs[:end]
	}
	records, entries, err := store.EntriesOf(x.view.R, seqs)
	if err != nil {
		return nil, err
	}
	for i, n := range seqs {
		x.have[n] = true
		out.Entries = append(out.Entries, ProvedEntry{Seq: n, Record: records[i]})
		x.firsts = append(x.firsts, n-ledger.Seq(entries[i].Nth))
		if err := x.links(links, &entries[i]); err != nil {
			return nil, err
		}
	}
	path, end, err := x.view.indexTree().find(indexKey(p))
	if err != nil {
		return nil, err
	}
	out.Path = hashList(path)
	if len(out.Entries) == 0 && end != nil {
		out.Other = &IndexLeaf{end.key, end.value[:]}
	}
	x.out.Numbers = append(x.out.Numbers, out)
	var linked []ledger.PersonRef
	for _, n := range sortedSeqs(links) {
		linked = append(linked, links[n])
	}
	return linked, nil
}

func sortedSeqs(m map[ledger.Seq]ledger.PersonRef) []ledger.Seq {
	var out []ledger.Seq
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// links follows which numbers an entry links its own to, or no longer does.
func (x *trailProver) links(links map[ledger.Seq]ledger.PersonRef, e *ledger.Entry) error {
	switch ev := e.Event.(type) {
	case *ledger.NumberSuperseded:
		links[e.Seq] = ev.New
	case *ledger.NumbersParted:
		delete(links, ev.Of)
	case *ledger.NumberFollowed:
		other, err := store.Entry(x.view.R, ev.Of)
		if err != nil {
			return err
		}
		parted, is := other.Event.(*ledger.NumbersParted)
		if !is {
			links[ev.Of] = other.Person.Ref
			break
		}
		delete(links, parted.Of)
		undone, err := x.entry(ev.Of)
		if err != nil {
			return err
		}
		x.out.Parted = append(x.out.Parted, undone)
	}
	return nil
}

// commands adds first entries, which have the actor, where they are not there already.
func (x *trailProver) commands() error {
	for _, first := range x.firsts {
		if x.have[first] {
			continue
		}
		proved, err := x.entry(first)
		if err != nil {
			return err
		}
		x.out.Commands = append(x.out.Commands, proved)
	}
	return nil
}
