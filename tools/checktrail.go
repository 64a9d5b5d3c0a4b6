package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// A proof of a trail or of a caseload is read here from its own definition
// (docs/FORMAT.md), with nothing of the program that made it but the reader of
// records: an error in the one would otherwise be believed by the other.

// maxProof is the greatest length in bytes of a proof that is read.
const maxProof = 256 << 20

// provedEntry is one entry of a proof: as read, and then as parsed.
type provedEntry struct {
	Seq    ledger.Seq `json:"seq"`
	Record []byte     `json:"record"`
	Proof  [][]byte   `json:"proof"`

	entry ledger.Entry
}

// proofTree is the signed tree that everything in a proof must be in.
type proofTree struct {
	tlog.Tree
	log       ledger.ID
	cosigners []string
}

func (a *app) checkTrailCommand() *cobra.Command {
	var vkey, ref string
	var w witnessFlags
	cmd := &cobra.Command{
		Use: "check-trail FILE", Short: "Check offline that a trail is complete, or an access to a caseload",
		Long: "Check a proof that prove --trail or prove --caseload made, offline, with the log's verifier key alone.\n" +
			"It holds if no entry about the person is left out, in the middle or at the end, up to the state entry\n" +
			"that it names; also if there is none at all. That the state entry says the truth is for verify, which\n" +
			"repeats every decision; a false one is the operator's signed word for ever.",
		Args: exactly(1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := required(map[string]string{"vkey": vkey}); err != nil {
				return err
			}
			return a.checkTrail(args[0], vkey, ref, w)
		},
	}
	cmd.Flags().StringVar(&vkey, "vkey", "", "the log's C2SP verifier key, or a file that holds it")
	cmd.Flags().StringVar(&ref, "ref", "", "the person's reference that it must be of")
	w.on(cmd)
	return cmd
}

func (a *app) checkTrail(file, vkey, ref string, w witnessFlags) error {
	v, _, err := readVerifier(vkey)
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxProof+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return failing(ExitUnreadable, err)
	}
	if len(b) > maxProof {
		return failf(ExitUnreadable, "the proof is longer than %d bytes", maxProof)
	}
	var which struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(b, &which); err != nil {
		return failf(ExitUnreadable, "the file is no proof, or ends early")
	}
	switch which.Format {
	case trailFormat:
		return a.checkTrailProof(b, v, ref, w)
	case caseloadFormat:
		if ref != "" {
			return failf(ExitUsage, "--ref is for proofs of trails")
		}
		return a.checkCaseloadProof(b, v, w)
	}
	return failf(ExitUnreadable, "the file is no proof of a format that this program knows")
}

// parseProof reads a proof strictly: its fields and no others, and nothing behind it.
func parseProof(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return failf(ExitUnreadable, "the proof is not of its format")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return failf(ExitUnreadable, "something stands behind the proof")
	}
	return nil
}

// openTree checks the signatures of a proof's checkpoint.
func openTree(checkpoint string, v note.Verifier, w witnessFlags) (proofTree, error) {
	var t proofTree
	var err error
	if t.Tree, err = ledger.OpenCheckpoint([]byte(checkpoint), v.Name(), note.VerifierList(v)); err != nil {
		return t, failf(ExitIntegrity, "the proof's checkpoint does not hold: %w", err)
	}
	t.cosigners, err = w.check([]byte(checkpoint), v)
	return t, err
}

// open parses an entry of a proof and checks that it is in the tree.
func (t *proofTree) open(p *provedEntry) error {
	path := make(tlog.RecordProof, len(p.Proof))
	for i, h := range p.Proof {
		if len(h) != tlog.HashSize {
			return failf(ExitIntegrity, "entry %d: its inclusion proof has a hash of another length", p.Seq)
		}
		path[i] = tlog.Hash(h)
	}
	if int64(p.Seq) >= t.N || tlog.CheckRecord(path, t.N, t.Hash, int64(p.Seq), tlog.RecordHash(p.Record)) != nil {
		return failf(ExitIntegrity, "entry %d is not the one in the signed tree", p.Seq)
	}
	var err error
	if p.entry, err = ledger.ParseEntry(p.Record); errors.Is(err, ledger.ErrUnknownKind) {
		return failf(ExitIncomplete, "entry %d is of a kind that a newer program wrote", p.Seq)
	} else if err != nil {
		return failf(ExitIntegrity, "entry %d: %w", p.Seq, err)
	}
	if t.log.IsZero() {
		t.log = p.entry.Log
	}
	if p.entry.Seq != p.Seq || p.entry.Log != t.log {
		return failf(ExitIntegrity, "entry %d says that it is another one", p.Seq)
	}
	return nil
}

func (a *app) printTree(t *proofTree, name string) {
	fmt.Fprintf(a.stdout, "signed: a tree of %d entries, root %s, by %s\n", t.N, b64(t.Hash), name)
	for _, c := range t.cosigners {
		fmt.Fprintf(a.stdout, "cosigned: the same tree, by %s\n", c)
	}
}

// shownEntry is one entry of a proof as it is listed.
type shownEntry struct {
	Seq          ledger.Seq `json:"seq"`
	At           string     `json:"at"`
	Kind         string     `json:"kind"`
	Outcome      string     `json:"outcome,omitempty"`
	Role         string     `json:"role"`
	Organisation string     `json:"organisation"`
	Subject      string     `json:"subject"`
}

// shown lists an entry with the actor, who is in its command's first entry.
func shown(e, first *ledger.Entry) shownEntry {
	out := shownEntry{Seq: e.Seq, At: e.Time.String(), Kind: e.Kind.String(), Role: first.Actor.Role.String(),
		Organisation: first.Actor.Organisation, Subject: first.Actor.Subject}
	if ev, ok := e.Event.(*ledger.Accessed); ok {
		out.Outcome = ev.Outcome.String()
	}
	return out
}

func (a *app) printShown(list []shownEntry) error {
	rows := make([][]any, 0, len(list))
	for _, l := range list {
		rows = append(rows, []any{l.Seq, l.At, strings.TrimSpace(l.Kind + " " + l.Outcome), l.Role, l.Organisation, l.Subject})
	}
	return table(a.stdout, []any{"SEQ", "AT", "WHAT", "ROLE", "FROM", "WHO"}, rows)
}
