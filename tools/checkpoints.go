package tools

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

// signedTree is a checkpoint that was found, and where.
type signedTree struct {
	tlog.Tree
	note  []byte
	where string
}

// readVerifier reads a C2SP verifier key, given as itself or as a file that holds it.
func readVerifier(s string) (note.Verifier, string, error) {
	s = readKeyText(s)
	v, err := note.NewVerifier(s)
	if err != nil {
		return nil, "", failf(ExitUsage, "not a C2SP verifier key: %w", err)
	}
	return v, s, nil
}

// readKeyText returns a key that is given as text, or in a file.
func readKeyText(s string) string {
	if b, err := os.ReadFile(s); err == nil {
		s = string(b)
	}
	return strings.TrimSpace(s)
}

// verifierKeys reads every *.vkey of a folder, as text.
func verifierKeys(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.vkey"))
	if err != nil {
		return nil, failing(ExitUsage, err)
	}
	var out []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return nil, failing(ExitUnreadable, err)
		}
		_, key, err := readVerifier(string(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		out = append(out, key)
	}
	if len(out) == 0 {
		return nil, failf(ExitUsage, "%s holds no *.vkey file", dir)
	}
	return out, nil
}

// checkpoints finds every signed checkpoint in the folder: the ledger's own row,
// the file checkpoint, and what travelled with the newest batches of raft/. A
// note that does not verify is an integrity failure; errNote says where it is.
func (f *folder) checkpoints(origin string, v note.Verifier, pin string) ([]signedTree, error) {
	var out []signedTree
	add := func(b []byte, where string) error {
		t, err := ledger.OpenCheckpoint(b, origin, note.VerifierList(v))
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errNote, where, err)
		}
		out = append(out, signedTree{t, bytes.Clone(b), where})
		return nil
	}
	row, err := guarded(f.db.LastSigned)
	if err != nil {
		return nil, fmt.Errorf("the row of the newest checkpoint does not read: %w", err)
	}
	if row != nil {
		if err := add(row, "the ledger's newest checkpoint"); err != nil {
			return nil, err
		}
	}
	for path, where := range map[string]string{filepath.Join(f.dir, "checkpoint"): "the file checkpoint", pin: "the pin"} {
		if path == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, failing(ExitUnreadable, err)
		}
		if err := add(b, where); err != nil {
			return nil, err
		}
	}
	end := f.end()
	for _, n := range end.notes {
		if err := add(n, "a batch in raft/"); err != nil {
			return nil, err
		}
	}
	// Last, so that of one size the note with cosignatures is the one that receipts are made of.
	cosigned, err := guarded(f.db.LastCosigned)
	if err != nil {
		return nil, fmt.Errorf("the row of the newest cosigned checkpoint does not read: %w", err)
	}
	if cosigned != nil {
		if err := add(cosigned, "the ledger's newest cosigned checkpoint"); err != nil {
			return nil, err
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].N < out[j].N })
	return out, nil
}

var errNote = errors.New("a checkpoint's signature does not hold")
