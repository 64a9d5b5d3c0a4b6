package tools

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/ledger/store"
)

func (a *app) proveCommand() *cobra.Command {
	var data, recordFile, url, tokenFile, ref string
	var seq int64
	var trail, caseload bool
	cmd := &cobra.Command{
		Use: "prove", Short: "Write the receipt of one entry, or the proof of a whole trail or caseload",
		Long: "Write the receipt of one entry, from the newest signed checkpoint whose tree holds it. It is a C2SP\n" +
			"tlog-proof and checks with public tools; --record also writes the entry's exact bytes.\n\n" +
			"With --trail and --ref, the proof that the entries about a person are all there are; with --caseload\n" +
			"and --seq, that the people shown with one access to a caseload are all. check-trail checks both.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			if (data == "") == (url == "") {
				return failf(ExitUsage, "give one of --data and --url")
			}
			if trail {
				if seq >= 0 || recordFile != "" || caseload {
					return failf(ExitUsage, "--trail takes --ref, and neither --seq, --record nor --caseload")
				}
				return a.proveTrail(data, url, tokenFile, ref)
			}
			if seq < 0 {
				return failf(ExitUsage, "missing --seq")
			}
			if caseload && recordFile != "" {
				return failf(ExitUsage, "--caseload takes no --record: the proof has every record in it")
			}
			if caseload && url != "" {
				return a.proveCaseloadFrom(url, tokenFile, ledger.Seq(seq))
			}
			if caseload {
				return a.proveCaseload(data, ledger.Seq(seq))
			}
			if url != "" {
				return a.proveFrom(url, tokenFile, ledger.Seq(seq), recordFile)
			}
			return a.prove(data, ledger.Seq(seq), recordFile)
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "a node's data folder")
	f.StringVar(&url, "url", "", "a running node's URL")
	f.StringVar(&tokenFile, "token-file", "", "with --url: file that holds a token of somebody who may see the entry")
	f.Int64Var(&seq, "seq", -1, "the entry's sequence number")
	f.BoolVar(&trail, "trail", false, "prove that a person's trail is complete")
	f.StringVar(&ref, "ref", "", "with --trail: the person's reference")
	f.BoolVar(&caseload, "caseload", false, "prove whom the access to a caseload at --seq showed")
	f.StringVar(&recordFile, "record", "", "file to write the entry's bytes to")
	return cmd
}

func (a *app) prove(data string, seq ledger.Seq, recordFile string) error {
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	defer func() { _ = f.close() }()
	record, err := guarded(func() ([]byte, error) { return store.Record(f.db, seq) })
	if errors.Is(err, store.ErrNoEntry) {
		return failf(ExitUsage, "the ledger has %d entries: there is no entry %d", f.db.Head().Size, seq)
	}
	if err != nil {
		f.struck = true
		return failf(ExitIntegrity, "entry %d does not read: %w", seq, err)
	}
	signed, err := f.covering(seq)
	if err != nil {
		return err
	}
	path, err := f.db.Prove(seq, signed.N)
	if err != nil {
		return failing(ExitIntegrity, err)
	}
	receipt := ledger.Receipt{Seq: seq, Leaf: tlog.RecordHash(record), Path: path, Checkpoint: signed.note}
	// What is handed out must hold: the record may be another than the tree has.
	if err := tlog.CheckRecord(path, signed.N, signed.Hash, int64(seq), tlog.RecordHash(record)); err != nil {
		return failf(ExitIntegrity, "entry %d is not the one in the signed tree; verify says more", seq)
	}
	if recordFile != "" {
		if err := os.WriteFile(recordFile, record, 0o644); err != nil {
			return failing(ExitUnreadable, err)
		}
	}
	if a.json() {
		return a.printJSON(map[string]any{"seq": seq, "size": signed.N, "root": b64(signed.Hash),
			"receipt": string(receipt.Format()), "record": base64.StdEncoding.EncodeToString(record)})
	}
	_, err = a.stdout.Write(receipt.Format())
	return failing(ExitUnreadable, err)
}

// covering returns the newest signed checkpoint whose tree holds an entry and
// is not larger than the ledger.
func (f *folder) covering(seq ledger.Seq) (signedTree, error) {
	opened, err := f.opened()
	if err != nil {
		return signedTree{}, failing(ExitIntegrity, err)
	}
	v, err := note.NewVerifier(opened.Verifier)
	if err != nil {
		return signedTree{}, failf(ExitIncomplete, "entry 0 names no usable verifier key: %w", err)
	}
	all, err := f.checkpoints(opened.Origin, v, "")
	if err != nil {
		return signedTree{}, failing(ExitIntegrity, err)
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].N > int64(seq) && all[i].N <= int64(f.db.Head().Size) {
			return all[i], nil
		}
	}
	return signedTree{}, failf(ExitIncomplete, "no signed checkpoint here covers entry %d", seq)
}

func (a *app) checkReceiptCommand() *cobra.Command {
	var vkey, recordFile string
	var w witnessFlags
	cmd := &cobra.Command{
		Use: "check-receipt FILE", Short: "Check a receipt offline, with the log's verifier key alone",
		Long: "Check a receipt offline, with the log's verifier key alone. FILE holds a receipt, or a whole answer\n" +
			"in JSON with one in it. With --record, the entry's exact bytes (GET /v1/entries/SEQ), it is proved\n" +
			"that this entry is in the signed tree; without it, that an entry with the hash the receipt gives is.\n" +
			"With --policy, or --witness and --cosignatures, the checkpoint must have witnesses' signatures too.",
		Args: exactly(1, "one receipt file"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := required(map[string]string{"vkey": vkey}); err != nil {
				return err
			}
			return a.checkReceipt(args[0], vkey, recordFile, w)
		},
	}
	cmd.Flags().StringVar(&vkey, "vkey", "", "the log's C2SP verifier key, or a file that holds it")
	cmd.Flags().StringVar(&recordFile, "record", "", "file with the entry's exact bytes")
	w.on(cmd)
	return cmd
}

func (a *app) checkReceipt(file, vkey, recordFile string, w witnessFlags) error {
	v, _, err := readVerifier(vkey)
	if err != nil {
		return err
	}
	b, err := readReceipt(file)
	if err != nil {
		return err
	}
	r, err := ledger.ParseReceipt(b)
	if err != nil {
		return failing(ExitIntegrity, err)
	}
	// A checkpoint's origin is its key's name.
	tree, err := ledger.OpenCheckpoint(r.Checkpoint, v.Name(), note.VerifierList(v))
	if err != nil {
		return failf(ExitIntegrity, "the receipt of entry %d does not hold: %w", r.Seq, err)
	}
	if int64(r.Seq) >= tree.N {
		return failf(ExitIntegrity, "the receipt of entry %d does not hold: the signed tree has %d entries", r.Seq, tree.N)
	}
	cosigners, err := w.check(r.Checkpoint, v)
	if err != nil {
		return err
	}
	proved := recordFile != "" || r.Leaf != (ledger.Hash{})
	switch {
	case recordFile != "":
		if err := a.checkRecord(r, tree, recordFile); err != nil {
			return err
		}
	case proved:
		if tlog.CheckRecord(r.Path, tree.N, tree.Hash, int64(r.Seq), r.Leaf) != nil {
			return failf(ExitIntegrity, "the receipt of entry %d does not hold: its path does not lead from its hash to the signed root", r.Seq)
		}
	default:
		if err := plausiblePath(r, tree); err != nil {
			return err
		}
	}
	if a.json() {
		return a.printJSON(map[string]any{"ok": true, "seq": r.Seq, "size": tree.N, "root": b64(tree.Hash),
			"signature": true, "inclusion": map[bool]string{true: "proved", false: "not checked"}[proved], "witnesses": cosigners})
	}
	fmt.Fprintf(a.stdout, "signed: a tree of %d entries, root %s, by %s\n", tree.N, b64(tree.Hash), v.Name())
	for _, name := range cosigners {
		fmt.Fprintf(a.stdout, "cosigned: the same tree, by %s\n", name)
	}
	switch {
	case recordFile != "":
		fmt.Fprintf(a.stdout, "PROVED: the record is entry %d of that tree\n", r.Seq)
	case proved:
		fmt.Fprintf(a.stdout, "PROVED: entry %d of that tree has the hash %s\n", r.Seq, b64(r.Leaf))
	default:
		fmt.Fprintf(a.stdout, "not checked: that entry %d is a particular record (--record FILE)\n", r.Seq)
	}
	return nil
}

// checkRecord checks that a record is the entry of the receipt.
func (a *app) checkRecord(r ledger.Receipt, tree tlog.Tree, recordFile string) error {
	record, err := os.ReadFile(recordFile)
	if err != nil {
		return failing(ExitUnreadable, err)
	}
	leaf := tlog.RecordHash(record)
	if (r.Leaf != ledger.Hash{} && r.Leaf != leaf) || tlog.CheckRecord(r.Path, tree.N, tree.Hash, int64(r.Seq), leaf) != nil {
		return failf(ExitIntegrity, "the record is not entry %d of the signed tree", r.Seq)
	}
	return nil
}

// plausiblePath checks what a path shows by itself: that it has as many hashes
// as an entry at that place of a tree of that size must have.
func plausiblePath(r ledger.Receipt, tree tlog.Tree) error {
	want := 0
	for at, size := int64(r.Seq), tree.N; size > 1; at, size = at/2, (size+1)/2 {
		if at%2 == 1 || at+1 < size {
			want++
		}
	}
	if len(r.Path) != want {
		return failf(ExitIntegrity, "the receipt of entry %d does not hold: its path has %d hashes and not %d", r.Seq, len(r.Path), want)
	}
	return nil
}

// readReceipt reads a receipt's bytes, from an answer's field if need be.
func readReceipt(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, failing(ExitUnreadable, err)
	}
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		return b, nil
	}
	receipt, err := receiptField(b)
	if err != nil {
		return nil, failf(ExitUnreadable, "%s holds no receipt", file)
	}
	return receipt, nil
}
