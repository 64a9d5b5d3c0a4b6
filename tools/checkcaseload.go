package tools

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"custos/ledger"
)

const caseloadFormat = "custos-caseload-proof@v1"

type caseloadProof struct {
	Format     string        `json:"format"`
	Checkpoint string        `json:"checkpoint"`
	Entries    []provedEntry `json:"entries"`
}

// checkCaseloadProof checks that the people in a proof are all who were shown
// with one access to a caseload.
func (a *app) checkCaseloadProof(b []byte, v note.Verifier, w witnessFlags) error {
	var p caseloadProof
	if err := parseProof(b, &p); err != nil {
		return err
	}
	tree, err := openTree(p.Checkpoint, v, w)
	if err != nil {
		return err
	}
	head, people, err := p.check(&tree)
	if err != nil {
		return err
	}
	first := &p.Entries[0].entry
	what := head.entry.Event.(*ledger.CaseloadAccessed)
	if a.json() {
		return a.printJSON(map[string]any{"ok": true, "access": shown(&head.entry, first), "place": what.Place, "people": people,
			"size": tree.N, "root": b64(tree.Hash), "witnesses": tree.cosigners})
	}
	a.printTree(&tree, v.Name())
	if err := a.printShown([]shownEntry{shown(&head.entry, first)}); err != nil {
		return err
	}
	for _, ref := range people {
		fmt.Fprintf(a.stdout, "shown: %s\n", ref)
	}
	fmt.Fprintf(a.stdout, "COMPLETE: entry %d, an access to the caseload of %s, showed these %d people and no others\n", head.Seq, what.Place, len(people))
	return nil
}

func (p *caseloadProof) check(tree *proofTree) (head *provedEntry, people []string, err error) {
	digest := sha256.New()
	for i := range p.Entries {
		e := &p.Entries[i]
		if err := tree.open(e); err != nil {
			return nil, nil, err
		}
		first := &p.Entries[0].entry
		if e.entry.Command != first.Command || e.entry.Nth != i || e.entry.Seq != first.Seq+ledger.Seq(i) {
			return nil, nil, failf(ExitIntegrity, "entry %d stands at place %d of its command and not at %d: one is left out, repeated, swapped or another command's", e.Seq, e.entry.Nth, i)
		}
		switch ev := e.entry.Event.(type) {
		case *ledger.CaseloadAccessed:
			head = e
		case *ledger.SubjectAccessed:
			if head == nil || e.entry.Person == nil {
				return nil, nil, failf(ExitIntegrity, "entry %d shows a person of no caseload", e.Seq)
			}
			ref := e.entry.Person.Ref
			people = append(people, ref.String())
			b := append(bytes.Clone(ref[:]), byte(ev.Change))
			for _, n := range ev.Disclosed {
				b = binary.BigEndian.AppendUint64(b, uint64(n))
			}
			digest.Write(b)
		}
	}
	if head == nil {
		return nil, nil, failf(ExitIntegrity, "there is no access to a caseload in the proof")
	}
	what := head.entry.Event.(*ledger.CaseloadAccessed)
	switch {
	case what.Count != len(people) || p.Entries[0].entry.Of != len(p.Entries):
		return nil, nil, failf(ExitIntegrity, "entry %d counts %d people and the proof has %d: somebody is left out", head.Seq, what.Count, len(people))
	case !bytes.Equal(digest.Sum(nil), what.Digest[:]):
		return nil, nil, failf(ExitIntegrity, "entry %d has another digest than that of these people", head.Seq)
	}
	return head, people, nil
}
