package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// receiptHeader is the first line of a C2SP tlog-proof.
const receiptHeader = "c2sp.org/tlog-proof@v1\n"

// MaxReceipt is the greatest length in bytes of a receipt that is read.
const MaxReceipt = 64 << 10

// Receipt proves that an entry is in the ledger. Checking it needs no server:
// only the record's hash and the log's verifier key.
type Receipt struct {
	Seq        Seq
	Leaf       Hash // the entry's own hash, as the proof's extra data; zero: not given
	Path       tlog.RecordProof
	Checkpoint []byte // signed note of a tree that holds the entry
}

// ErrReceipt marks a receipt that is malformed or does not hold.
var ErrReceipt = errors.New("receipt does not hold")

// Format returns the receipt as a C2SP tlog-proof.
func (r Receipt) Format() []byte {
	b := make([]byte, 0, len(receiptHeader)+80+45*len(r.Path)+1+len(r.Checkpoint))
	b = append(b, receiptHeader...)
	if r.Leaf != (Hash{}) {
		b = append(b, "extra "...)
		b = base64.StdEncoding.AppendEncode(b, r.Leaf[:])
		b = append(b, '\n')
	}
	b = append(b, "index "...)
	b = strconv.AppendUint(b, uint64(r.Seq), 10)
	b = append(b, '\n')
	for i := range r.Path {
		b = base64.StdEncoding.AppendEncode(b, r.Path[i][:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, r.Checkpoint...)
}

// ParseReceipt reads a C2SP tlog-proof strictly. Extra data, which the format
// leaves to its users, is the entry's own hash here, or absent.
func ParseReceipt(b []byte) (Receipt, error) {
	if len(b) > MaxReceipt || !bytes.HasPrefix(b, []byte(receiptHeader)) {
		return Receipt{}, fmt.Errorf("%w: not a tlog-proof", ErrReceipt)
	}
	head, checkpoint, ok := bytes.Cut(b[len(receiptHeader):], []byte("\n\n"))
	if !ok {
		return Receipt{}, fmt.Errorf("%w: no checkpoint", ErrReceipt)
	}
	lines := strings.Split(string(head), "\n")
	var leaf Hash
	if extra, ok := strings.CutPrefix(lines[0], "extra "); ok {
		raw, err := base64.StdEncoding.Strict().DecodeString(extra)
		if err != nil || len(raw) != tlog.HashSize || len(lines) == 1 || strings.ContainsRune(extra, '\r') {
			return Receipt{}, fmt.Errorf("%w: the extra data is not a hash", ErrReceipt)
		}
		leaf, lines = Hash(raw), lines[1:]
	}
	index, ok := strings.CutPrefix(lines[0], "index ")
	n, err := strconv.ParseInt(index, 10, 64)
	if !ok || err != nil || n < 0 || strconv.FormatInt(n, 10) != index || len(lines) > 64 {
		return Receipt{}, fmt.Errorf("%w: no index", ErrReceipt)
	}
	r := Receipt{Seq: Seq(n), Leaf: leaf, Checkpoint: checkpoint}
	for _, l := range lines[1:] {
		h, ok := parseHash(l)
		if !ok {
			return Receipt{}, fmt.Errorf("%w: a line is not a hash", ErrReceipt)
		}
		r.Path = append(r.Path, h)
	}
	return r, nil
}

// Verify checks that the entry with the given leaf hash is in the tree that
// the checkpoint signs, and returns that tree.
func (r Receipt) Verify(leaf Hash, origin string, v note.Verifiers) (tlog.Tree, error) {
	t, err := OpenCheckpoint(r.Checkpoint, origin, v)
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if err := tlog.CheckRecord(r.Path, t.N, t.Hash, int64(r.Seq), leaf); err != nil {
		return t, fmt.Errorf("%w: the entry is not in the signed tree", ErrReceipt)
	}
	return t, nil
}
