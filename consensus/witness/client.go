package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What a witness may answer instead of a cosignature, where a log must branch on it.
var (
	// ErrConflict says that the old size is not the witness's; [SizeError] holds the one it has.
	ErrConflict = errors.New("the witness has signed another size")
	// ErrNotConsistent says that the witness signed a tree from which the checkpoint does not go on.
	ErrNotConsistent = errors.New("the witness has signed another history")
	// ErrAnswer says that a witness's answer is not one: another status, or no cosignature of its key.
	ErrAnswer = errors.New("the witness gave no cosignature")
)

// SizeError is a witness's 409.
type SizeError struct{ Size int64 }

func (e *SizeError) Error() string { return fmt.Sprintf("%v: %d", ErrConflict, e.Size) }
func (e *SizeError) Unwrap() error { return ErrConflict }

// maxAnswer is how much of an answer is read.
const maxAnswer = 16 << 10

// Ask submits a checkpoint to a witness and returns its signature lines, which hold for that checkpoint under its key;
// lines of other keys are left out. Nothing of an answer is believed but a size and what verifies.
func (w Witness) Ask(ctx context.Context, c *http.Client, q Request) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/add-checkpoint", bytes.NewReader(q.Format()))
	if err != nil {
		return nil, fmt.Errorf("ask witness %s: %w", w.Name, err)
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	a, err := c.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask witness %s: %w", w.Name, err)
	}
	defer func() { _ = a.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("ask witness %s: %w", w.Name, err)
	}
	media, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	switch {
	case a.StatusCode == http.StatusOK:
		return w.verified(q.Checkpoint, b)
	case a.StatusCode == http.StatusConflict && media == sizeType:
		n, err := parseSize(strings.TrimSuffix(string(b), "\n"))
		if err != nil {
			return nil, fmt.Errorf("%w: %s: its size is not a number", ErrAnswer, w.Name)
		}
		if n == q.Old {
			// The old size is its own and still refused: so witnesses of an earlier draft say 422.
			return nil, fmt.Errorf("%w: %s", ErrNotConsistent, w.Name)
		}
		return nil, &SizeError{n}
	case a.StatusCode == http.StatusUnprocessableEntity:
		return nil, fmt.Errorf("%w: %s", ErrNotConsistent, w.Name)
	}
	return nil, fmt.Errorf("%w: %s: status %d", ErrAnswer, w.Name, a.StatusCode)
}

// verified returns the witness's own lines among those it answered.
func (w Witness) verified(checkpoint, lines []byte) ([]byte, error) {
	text, _, ok := bytes.Cut(checkpoint, []byte("\n\n"))
	if !ok {
		return nil, ErrRequest
	}
	signed := append(bytes.Clone(text), "\n\n"...)
	n, err := note.Open(append(signed, lines...), note.VerifierList(w.Verifier))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrAnswer, w.Name, err)
	}
	own, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrAnswer, w.Name, err)
	}
	return Signatures(own), nil
}

// Probe is a request that changes nothing at a witness which has signed anything but what the log itself signed last:
// it asks for that very size. signed may be of the empty tree.
func Probe(signed []byte, tree tlog.Tree) Request { return Request{Old: tree.N, Checkpoint: signed} }
