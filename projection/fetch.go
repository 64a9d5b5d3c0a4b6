package projection

import (
	"custos/ledger"
	"custos/ledger/store"
)

// fetch brings into the writer's cache what deciding about a list of people
// reads of each: with 200,000 plans in a ledger they are on the disk, and together they
// cost a fraction of four searches for each in turn (docs/SPEED.md). place is
// where they are enrolled, or empty.
func (v View) fetch(people []ledger.PersonRef, place ledger.Place) error {
	t, writing := v.R.(*store.Txn)
	if !writing || len(people) < 2 {
		return nil
	}
	ever, err := t.Get(anyNumberKey())
	if err != nil {
		return err
	}
	again := make([][]byte, 0, 2*len(people)) // what every access writes anew
	once := make([][]byte, 0, 2*len(people))
	for _, p := range people {
		again = append(again, personKey(p, partHead))
		if ever != nil {
			again = append(again, numberKey(p))
		}
		once = append(once, plansKey(p))
		if place != "" {
			once = append(once, enrolmentKey(p, place))
		}
	}
	if err := t.FetchOnce(once); err != nil {
		return err
	}
	return t.Fetch(again)
}

// fetch does it for the pages of a tree that changes will read, one level after
// another.
func (t *trie) fetch(changes []leaf) error {
	x, writing := t.r.(*store.Txn)
	if !writing || len(changes) < fewChanges {
		return nil
	}
	level := [][]leaf{changes} // those of one page each
	for depth := 0; len(level) > 0; depth++ {
		keys := make([][]byte, len(level))
		path := make([]byte, depth)
		for i, part := range level {
			for n := range path {
				path[n] = nibble(part[0].key, n)
			}
			keys[i] = t.key(path)
		}
		if err := x.Fetch(keys); err != nil {
			return err
		}
		var below [][]leaf
		for i, part := range level {
			if b, err := x.Get(keys[i]); err != nil {
				return err
			} else if len(b) == 0 || b[0] != pageBranch {
				continue
			}
			for len(part) > 0 {
				n := 1
				for n < len(part) && nibble(part[n].key, depth) == nibble(part[0].key, depth) {
					n++
				}
				below, part = append(below, part[:n]), part[n:]
			}
		}
		level = below
	}
	return nil
}

// fewChanges are as many as are looked for one by one.
const fewChanges = 64

// fetchDetails does it for what is shown of them: plans' sealed details and the
// keys these are sealed under. Where a number was replaced, or a plan's row
// changed, it is read by itself.
func (v View) fetchDetails(entries []ledger.Entry) error {
	t, writing := v.R.(*store.Txn)
	if !writing || len(entries) < 2 {
		return nil
	}
	keys := make([][]byte, 0, 2*len(entries))
	for i := range entries {
		ev, ok := entries[i].Event.(*ledger.SubjectAccessed)
		if !ok {
			continue
		}
		p := entries[i].Person.Ref
		plans, err := v.Plans(p)
		if err != nil {
			return err
		}
		for _, seq := range ev.Disclosed {
			if plan, ok := find(plans, seq); ok {
				holder := p
				if !plan.Holder.IsZero() {
					holder = plan.Holder
				}
				keys = append(keys, store.SealedRow(plan.Details(), 0), store.KeyRow(ledger.HolderPerson, holder[:], plan.Key))
			}
		}
	}
	return t.FetchOnce(keys)
}

// Expect looks for several people at once, of whom most are new: see [store.DB.Expect].
func Expect(d *store.DB, people []ledger.PersonRef) error {
	keys := make([][]byte, len(people))
	for i, p := range people {
		keys[i] = personKey(p, partHead)
	}
	return d.Expect(keys)
}
