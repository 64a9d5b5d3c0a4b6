package tools

import (
	"os"
	"slices"

	"filippo.io/torchwood"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"custos/consensus/witness"
)

// witnessFlags say which cosignatures a checkpoint must have.
type witnessFlags struct {
	policy string
	keys   []string
	most   int // how many of keys; zero: all of them
}

func (w *witnessFlags) on(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.policy, "policy", "", "C2SP policy file whose quorum the checkpoint must meet")
	f.StringArrayVar(&w.keys, "witness", nil, "a witness's verifier key, or a file that holds it; may be given again")
	f.IntVar(&w.most, "cosignatures", 0, "how many of the --witness keys must have signed (default: all)")
}

// check returns the names of the keys that cosigned, in order, if there are as many as is asked for. A cosignature that
// does not hold is never passed over: whoever adds one has something in mind.
func (w *witnessFlags) check(checkpoint []byte, log note.Verifier) ([]string, error) {
	if w.policy == "" && len(w.keys) == 0 {
		if w.most != 0 {
			return nil, failf(ExitUsage, "--cosignatures needs --witness")
		}
		return nil, nil
	}
	if w.policy != "" && (len(w.keys) > 0 || w.most != 0) {
		return nil, failf(ExitUsage, "give --policy, or --witness with --cosignatures")
	}
	if w.most < 0 || w.most > len(w.keys) {
		return nil, failf(ExitUsage, "of %d witnesses %d cannot have signed", len(w.keys), w.most)
	}
	known, p, err := w.verifiers(log)
	if err != nil {
		return nil, err
	}
	n, err := note.Open(checkpoint, note.VerifierList(append(known, log)...))
	if err != nil {
		return nil, failf(ExitIntegrity, "a signature of the checkpoint does not hold: %w", err)
	}
	var names []string
	for _, s := range n.Sigs {
		if s.Hash != log.KeyHash() || s.Name != log.Name() {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	want := len(w.keys)
	if w.most > 0 {
		want = w.most
	}
	switch {
	case w.policy != "":
		if err := p.Met(checkpoint, log.Name()); err != nil {
			return nil, failf(ExitIntegrity, "the checkpoint has not the cosignatures that the policy asks for: %w", err)
		}
	case len(names) < want:
		return nil, failf(ExitIntegrity, "the checkpoint has %d of the %d cosignatures asked for", len(names), want)
	}
	return names, nil
}

// verifiers reads the witnesses' keys, from the policy or one by one.
func (w *witnessFlags) verifiers(log note.Verifier) (known []note.Verifier, p witness.Policy, err error) {
	if w.policy != "" {
		b, err := os.ReadFile(w.policy)
		if err != nil {
			return nil, p, failing(ExitUnreadable, err)
		}
		if p, err = witness.ParsePolicy(b); err == nil {
			err = p.Names(log)
		}
		if err != nil {
			return nil, p, failing(ExitUsage, err)
		}
		for _, x := range p.Witnesses {
			known = append(known, x.Verifier)
		}
		return known, p, nil
	}
	seen := map[string]bool{}
	for _, k := range w.keys {
		v, err := torchwood.NewCosignatureVerifier(readKeyText(k))
		if err != nil || seen[v.String()] {
			return nil, p, failf(ExitUsage, "--witness: not a witness's verifier key, or one given twice")
		}
		seen[v.String()] = true
		known = append(known, v)
	}
	return known, p, nil
}
