// Package witness is C2SP's tlog-witness: a server that signs what a log shows it as long as each tree goes on from the
// one before, the policy that says which witnesses a checkpoint needs, and a client of witnesses.
//
// A witness sees sizes and hashes, never a record. What it signs, once, it remembers for ever: that memory is what an
// operator who restores an old ledger, or keeps two, runs into (docs/WITNESS.md).
package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// MaxRequest is the greatest length in bytes of a request that is read: 63 hashes and a checkpoint with many signatures.
	MaxRequest = 64 << 10
	// maxProof is how many hashes a consistency proof may have.
	maxProof = 63
)

// ErrRequest marks text that is not a request to add a checkpoint.
var ErrRequest = errors.New("not a request to add a checkpoint")

// Request asks a witness to cosign a checkpoint.
type Request struct {
	Old        int64          // size of the tree that the witness signed last, as the log believes; 0: none
	Proof      tlog.TreeProof // that the checkpoint's tree goes on from that of size Old
	Checkpoint []byte         // signed note, not checked by parsing
}

// Format returns the body of the request.
func (r Request) Format() []byte {
	b := make([]byte, 0, 32+45*len(r.Proof)+1+len(r.Checkpoint))
	b = append(b, "old "...)
	b = strconv.AppendInt(b, r.Old, 10)
	b = append(b, '\n')
	for i := range r.Proof {
		b = base64.StdEncoding.AppendEncode(b, r.Proof[i][:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, r.Checkpoint...)
}

// ParseRequest reads the body of a request strictly: what it accepts, Format gives back byte for byte.
func ParseRequest(b []byte) (Request, error) {
	head, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok || len(b) > MaxRequest {
		return Request{}, ErrRequest
	}
	lines := strings.Split(string(head), "\n")
	old, ok := strings.CutPrefix(lines[0], "old ")
	if !ok || len(lines)-1 > maxProof {
		return Request{}, ErrRequest
	}
	r := Request{Checkpoint: checkpoint}
	var err error
	if r.Old, err = parseSize(old); err != nil {
		return Request{}, err
	}
	for _, l := range lines[1:] {
		h, err := base64.StdEncoding.Strict().DecodeString(l)
		if err != nil || len(h) != tlog.HashSize || len(l) != base64.StdEncoding.EncodedLen(tlog.HashSize) {
			return Request{}, fmt.Errorf("%w: a line is not a hash", ErrRequest)
		}
		r.Proof = append(r.Proof, tlog.Hash(h))
	}
	return r, nil
}

// parseSize reads a tree's size in its one spelling.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%w: the size is not a number", ErrRequest)
	}
	return n, nil
}

// Signatures returns the signature lines of a signed note.
func Signatures(signed []byte) []byte {
	i := bytes.LastIndex(signed, []byte("\n\n"))
	if i < 0 {
		return nil
	}
	return signed[i+2:]
}

// originOf is the first line of a checkpoint, whoever signed it.
func originOf(checkpoint []byte) string {
	line, _, _ := bytes.Cut(checkpoint, []byte("\n"))
	return string(line)
}
