package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrCheckpoint marks text that is not a checkpoint of this log.
var ErrCheckpoint = errors.New("not a checkpoint of this log")

// CheckpointText returns the body that is signed: a C2SP tlog-checkpoint
// without extension lines.
func CheckpointText(origin string, t tlog.Tree) string {
	return origin + "\n" + strconv.FormatInt(t.N, 10) + "\n" + base64.StdEncoding.EncodeToString(t.Hash[:]) + "\n"
}

// SignCheckpoint signs a tree head as a C2SP signed note. Whoever calls it
// must know that the tree is committed and that no other root of its size was
// ever signed.
func SignCheckpoint(origin string, t tlog.Tree, signers ...note.Signer) ([]byte, error) {
	n, err := note.Sign(&note.Note{Text: CheckpointText(origin, t)}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return n, nil
}

// OpenCheckpoint verifies a checkpoint's signature and returns its tree.
func OpenCheckpoint(signed []byte, origin string, v note.Verifiers) (tlog.Tree, error) {
	n, err := note.Open(signed, v)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	for _, s := range n.Sigs {
		if !oneForm(s.Base64) {
			return tlog.Tree{}, fmt.Errorf("%w: a signature is not in its one base64 form", ErrCheckpoint)
		}
	}
	return ParseCheckpointText(n.Text, origin)
}

// oneForm tells base64 as it is written from other text that decodes to the same.
// The last letter before the padding has bits that say nothing: without this
// check a checkpoint could be altered there, and hold.
func oneForm(s string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil
}

// ParseCheckpointText reads a checkpoint's body strictly.
func ParseCheckpointText(text, origin string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != origin {
		return tlog.Tree{}, ErrCheckpoint
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 || lines[1] != strconv.FormatInt(n, 10) {
		return tlog.Tree{}, ErrCheckpoint
	}
	h, ok := parseHash(lines[2])
	if !ok {
		return tlog.Tree{}, ErrCheckpoint
	}
	return tlog.Tree{N: n, Hash: h}, nil
}

// parseHash reads a hash in its one base64 form. The length is checked too:
// the decoder passes over carriage returns.
func parseHash(s string) (tlog.Hash, bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != tlog.HashSize || len(s) != base64.StdEncoding.EncodedLen(tlog.HashSize) {
		return tlog.Hash{}, false
	}
	return tlog.Hash(raw), true
}
