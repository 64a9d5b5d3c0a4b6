package projection

import (
	"fmt"

	"custos/ledger"
	"custos/ledger/store"
)

// Result is what became of one command.
type Result struct {
	Entries []ledger.Entry // recorded now; none for a repeat or a refusal that is not recorded
	Refusal *ledger.Refusal
	Earlier *ledger.Decided // the command was decided before
	Command ledger.ID
}

// Step decides one command, places its entries in the chain, appends them with
// their sealed rows and keys, and folds them into the views, inside t. The
// same command twice is decided once. An error means that the node must stop.
func Step(t *store.Txn, c *ledger.Command) (Result, error) {
	if _, file := c.Request.(*ledger.UploadChunk); file {
		t.Passing(true)
		defer t.Passing(false)
	}
	v := View{t}
	d, err := ledger.Decide(v, t.Head(), c)
	if err != nil {
		return Result{}, fmt.Errorf("decide: %w", err)
	}
	out := Result{Refusal: d.Refusal, Earlier: d.Earlier, Command: c.ID}
	if len(d.Happened) == 0 {
		return out, nil
	}
	if t.Head().Size == 0 {
		if err := t.SetLayout(Layout); err != nil {
			return Result{}, err
		}
	}
	as := d.As
	entries, head, err := ledger.Seal(t.Head(), as, d, v.PersonHead)
	if err != nil {
		return Result{}, fmt.Errorf("seal: %w", err)
	}
	for i := range entries {
		var sealed [][]byte
		for _, n := range d.Happened[i].Sealed {
			sealed = append(sealed, as.Sealed[n].Ciphertext)
		}
		after := ledger.Head{Log: head.Log, Size: entries[i].Seq + 1, Last: entries[i].Hash(), Time: entries[i].Time}
		if err := t.Append(&entries[i], after, sealed); err != nil {
			return Result{}, err
		}
		if err := Fold(t, &entries[i], &entries[0]); err != nil {
			return Result{}, fmt.Errorf("fold entry %d: %w", entries[i].Seq, err)
		}
	}
	if err := keepKeys(t, as, entries); err != nil {
		return Result{}, err
	}
	out.Entries = entries
	return out, nil
}

// keepKeys keeps the wrapped keys that recorded commitments name; a key of a
// payload that was not recorded has no business here. Of whom these entries are
// the first there is no key yet.
func keepKeys(t *store.Txn, c *ledger.Command, entries []ledger.Entry) error {
	if len(c.Keys) == 0 {
		return nil
	}
	named := make(map[ledger.ID]bool, len(entries))
	began := make(map[string]bool, len(entries))
	for i := range entries {
		for j := range entries[i].Commitments {
			named[entries[i].Commitments[j].Key] = true
		}
		if p := entries[i].Person; p != nil && p.N == 1 {
			began[string(p.Ref[:])] = true
		}
	}
	for _, w := range c.Keys {
		if !named[w.Key] {
			continue
		}
		if err := t.PutKey(w, w.Holder == ledger.HolderPerson && began[string(w.ID)]); err != nil {
			return fmt.Errorf("keep key: %w", err)
		}
	}
	return nil
}

// Void records that a batch's proposer held another tree than this node and
// the majority. Every intact node makes the same entry from the same batch.
func Void(t *store.Txn, proposer string, size ledger.Seq, root, batch ledger.Hash, at ledger.Time) ([]ledger.Entry, error) {
	c := &ledger.Command{
		ID:    ledger.DeriveID("void", batch[:], root[:]),
		Seed:  ledger.DeriveID("void seed", batch[:], root[:]),
		Actor: ledger.SystemActor(proposer), Time: at,
		Request: &ledger.VoidBatch{Proposer: proposer, Size: size, Root: root, Batch: batch},
	}
	r, err := Step(t, c)
	return r.Entries, err
}

// Replay appends the entries of one command as they were recorded and folds
// them: what a rebuild does, and what an auditor compares with a fresh decision.
func Replay(t *store.Txn, group []ledger.Entry) error {
	if t.Head().Size == 0 {
		if err := t.SetLayout(Layout); err != nil {
			return err
		}
	}
	for i := range group {
		if err := group[i].Decode(); err != nil {
			return err
		}
		head, err := t.Head().Follow(&group[i])
		if err != nil {
			return err
		}
		if err := t.Append(&group[i], head, nil); err != nil {
			return err
		}
		if err := Fold(t, &group[i], &group[0]); err != nil {
			return fmt.Errorf("fold entry %d: %w", group[i].Seq, err)
		}
	}
	return nil
}

// Redecide repeats the decision of one command, from its recorded entries
// alone, on the views before it, and returns the records it gives now. They
// must be the recorded ones, byte for byte. Nothing is written.
func Redecide(t *store.Txn, group []ledger.Entry) ([]ledger.Entry, error) {
	c, err := ledger.Rebuild(group)
	if err != nil {
		return nil, err
	}
	v := View{t}
	d, err := ledger.Decide(v, t.Head(), &c)
	if err != nil {
		return nil, err
	}
	return ledger.Reseal(t.Head(), d.As, d, v.PersonHead, group)
}
