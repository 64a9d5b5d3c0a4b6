package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/projection"
)

// proveCaseloadFrom makes the proof of whom one access to a caseload showed from
// what a running node serves to an auditor: the entries of its command, and the
// tiles of the tree that its newest checkpoint signs. Nothing is asked of the
// node that it could answer with a proof of its own making, and each tile is held
// against the checkpoint as it comes; whose signature that has is for
// check-trail, which knows a key.
func (a *app) proveCaseloadFrom(url, tokenFile string, seq ledger.Seq) error {
	f := serviceFlags{url, tokenFile}
	s, err := f.open()
	if err != nil {
		return err
	}
	n := s.source()
	signed, err := n.get(context.Background(), "/checkpoint")
	if err != nil {
		return err
	}
	lines := strings.SplitN(string(signed), "\n", 4)
	tree, err := ledger.ParseCheckpointText(strings.Join(lines[:min(3, len(lines))], "\n")+"\n", lines[0])
	if err != nil {
		return failf(ExitIntegrity, "the node's checkpoint is none: %w", err)
	}
	if int64(seq) >= tree.N {
		return failf(ExitUsage, "the ledger has %d entries: there is no such entry", tree.N)
	}
	e, err := n.entry(seq)
	if err != nil {
		return err
	}
	if e.Kind != ledger.KindCaseloadAccessed && e.Kind != ledger.KindSubjectAccessed {
		return failing(ExitUsage, projection.ErrNoCaseload)
	}
	first := e.Seq - ledger.Seq(e.Nth)
	if int64(first)+int64(e.Of) > tree.N {
		return failf(ExitIncomplete, "the node's checkpoint covers %d entries, and the access ends at %d: ask again", tree.N, int64(first)+int64(e.Of)-1)
	}
	out := projection.CaseloadProof{Format: projection.CaseloadFormat, Checkpoint: string(signed)}
	tiles := torchwood.TileHashReaderWithContext(context.Background(), tree, n)
	for i := range ledger.Seq(e.Of) {
		proved, err := n.prove(first+i, tree, tiles)
		if err != nil {
			return err
		}
		out.Entries = append(out.Entries, proved)
	}
	return a.writeProof(&out)
}

// entry reads one entry, which must be the one that was asked for.
func (s *source) entry(n ledger.Seq) (ledger.Entry, error) {
	record, err := s.get(context.Background(), "/v1/entries/"+seqText(n))
	if err != nil {
		return ledger.Entry{}, err
	}
	e, err := ledger.ParseEntry(record)
	switch {
	case errors.Is(err, ledger.ErrUnknownKind):
		return e, failing(ExitIncomplete, err)
	case err != nil || e.Seq != n:
		return e, failf(ExitIntegrity, "%s's answer is not entry %d", s.what, n)
	}
	return e, nil
}

// prove proves an entry to be in a tree.
func (s *source) prove(n ledger.Seq, tree tlog.Tree, tiles tlog.HashReader) (projection.ProvedEntry, error) {
	e, err := s.entry(n)
	if err != nil {
		return projection.ProvedEntry{}, err
	}
	out := projection.ProvedEntry{Seq: n, Record: e.Record()}
	path, err := tlog.ProveRecord(tree.N, int64(n), tiles)
	var coded *failure
	switch {
	case errors.As(err, &coded):
		return out, err
	case err != nil:
		return out, failing(ExitIntegrity, fmt.Errorf("%s's tiles are not of the tree that its checkpoint names: %w", s.what, err))
	case tlog.CheckRecord(path, tree.N, tree.Hash, int64(n), e.Hash()) != nil:
		return out, failf(ExitIntegrity, "entry %d is not the one in the tree that %s's checkpoint names", n, s.what)
	}
	for _, h := range path {
		out.Proof = append(out.Proof, append([]byte(nil), h[:]...))
	}
	return out, nil
}
