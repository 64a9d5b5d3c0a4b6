package tools

import (
	"context"
	"errors"
	"fmt"
	"os"

	"filippo.io/torchwood"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

type consistencyFlags struct{ from, to, vkey, data, url string }

func (a *app) consistencyCommand() *cobra.Command {
	var c consistencyFlags
	cmd := &cobra.Command{
		Use: "consistency", Short: "Check that a later checkpoint goes on from an earlier one",
		Long: "Check that a later signed checkpoint goes on from an earlier one: that nothing which the earlier one\n" +
			"covers was taken out, altered or put in. The hashes come from a copy of the ledger (--data) or from a\n" +
			"running node's public tiles (--url, no token); they are checked against both roots and trusted in nothing.",
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error { return a.consistency(c) },
	}
	f := cmd.Flags()
	f.StringVar(&c.from, "from", "", "file of the earlier checkpoint")
	f.StringVar(&c.to, "to", "", "file of the later one (with --url: the node's newest)")
	f.StringVar(&c.vkey, "vkey", "", "the log's verifier key, or a file that holds it")
	f.StringVar(&c.data, "data", "", "a node's data folder")
	f.StringVar(&c.url, "url", "", "a running node, http://HOST:PORT")
	return cmd
}

func (a *app) consistency(c consistencyFlags) error {
	if err := required(map[string]string{"from": c.from, "vkey": c.vkey}); err != nil {
		return err
	}
	if (c.data == "") == (c.url == "") || c.data != "" && c.to == "" {
		return failf(ExitUsage, "give --url, or --data with --to")
	}
	v, _, err := readVerifier(c.vkey)
	if err != nil {
		return err
	}
	var n *source
	if c.url != "" {
		f := serviceFlags{url: c.url}
		node, err := f.public()
		if err != nil {
			return err
		}
		n = node.source()
	}
	from, err := checkpointOf(v, "the earlier checkpoint", func() ([]byte, error) { return os.ReadFile(c.from) })
	if err != nil {
		return err
	}
	to, err := checkpointOf(v, "the later checkpoint", func() ([]byte, error) {
		if c.to == "" {
			return n.get(context.Background(), "/checkpoint")
		}
		return os.ReadFile(c.to)
	})
	if err != nil {
		return err
	}
	if from.N > to.N {
		return failf(ExitUsage, "the earlier checkpoint is of %d entries and the later one of %d", from.N, to.N)
	}
	proof, err := c.prove(n, from, to)
	if err != nil {
		return err
	}
	holds := from == to
	if from.N > 0 && from.N < to.N {
		holds = tlog.CheckTree(proof, to.N, to.Hash, from.N, from.Hash) == nil
	} else if from.N == 0 {
		holds = true // every tree goes on from nothing
	}
	if a.json() {
		if err := a.printJSON(map[string]any{"consistent": holds, "from": from.N, "to": to.N, "proof": proof}); err != nil {
			return err
		}
	}
	switch {
	case !holds:
		return failf(ExitIntegrity, "FORKED: the tree of %d entries does not go on from the signed one of %d: both are signed by the log's key", to.N, from.N)
	case !a.json():
		_, err = fmt.Fprintf(a.stdout, "consistent: the tree of %d entries goes on from the one of %d\n", to.N, from.N)
	}
	return failing(ExitUnreadable, err)
}

// checkpointOf reads a signed checkpoint.
func checkpointOf(v note.Verifier, what string, read func() ([]byte, error)) (tlog.Tree, error) {
	b, err := read()
	var f *failure
	if err != nil {
		if errors.As(err, &f) {
			return tlog.Tree{}, err
		}
		return tlog.Tree{}, failing(ExitUnreadable, err)
	}
	t, err := ledger.OpenCheckpoint(b, v.Name(), note.VerifierList(v))
	if err != nil {
		return t, failf(ExitIntegrity, "%s: %w", what, err)
	}
	return t, nil
}

// prove reads the proof. What it proves is checked against both roots.
func (c *consistencyFlags) prove(n *source, from, to tlog.Tree) (tlog.TreeProof, error) {
	if from.N == 0 || from.N == to.N {
		return tlog.TreeProof{}, nil
	}
	if c.url != "" {
		proof, err := tlog.ProveTree(to.N, from.N, torchwood.TileHashReaderWithContext(context.Background(), to, n))
		var f *failure
		if err != nil && !errors.As(err, &f) {
			return nil, failf(ExitIntegrity, "the node's tiles are not those of the later checkpoint: %w", err)
		}
		return proof, err
	}
	f, err := openFolder(c.data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.close() }()
	if size := int64(f.db.Head().Size); size < to.N {
		return nil, failf(ExitIncomplete, "the ledger has %d entries and the later checkpoint is of %d", size, to.N)
	}
	proof, err := guarded(func() (tlog.TreeProof, error) { return f.db.ProveConsistency(from.N, to.N) })
	if err != nil {
		f.struck = true
		return nil, failing(ExitIntegrity, err)
	}
	return proof, nil
}
