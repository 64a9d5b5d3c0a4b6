package ledger

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

// FuzzParseEntry: what is accepted is written again byte for byte, and the
// CBOR library agrees that it is deterministic.
func FuzzParseEntry(f *testing.F) {
	seen := map[Kind]bool{}
	for _, e := range story(f) {
		if !seen[e.Kind] {
			seen[e.Kind] = true
			f.Add(e.Record())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			require.True(t, errors.Is(err, ErrRecord), "%v", err)
			return
		}
		oracle(t, b)
		require.Equal(t, tlog.RecordHash(b), h.Hash())
		_, _ = Head{}.Follow(&h)
		if err := h.Decode(); err != nil {
			require.True(t, errors.Is(err, ErrRecord) || errors.Is(err, ErrUnknownKind), "%v", err)
			return
		}
		require.NoError(t, h.encode())
		require.Equal(t, b, h.Record())
	})
}

// FuzzDecide: whatever reaches a node as a command is refused, or decided and
// sealed to records that can be read and decided again; nothing panics.
func FuzzDecide(f *testing.F) {
	w := newWorld(f)
	everyRequest(w)
	w.view.log.Rules = 1 // the story raised them
	for k := range requests {
		c := w.cmd(named(clinician()), requests[k](), PayloadAccess)
		b, err := c.Encode()
		require.NoError(f, err)
		f.Add(b)
	}
	for _, c := range []*Command{
		w.cmd(named(clinician()), &LookUp{Person: person(20), Birth: tag("x"), Confirmed: true, Reasoned: true}, PayloadAccess),
		w.cmd(named(clinician()), &LookUp{Person: person(20), System: true, Responsible: tag("r"), Differs: true, Arrival: true}, PayloadAccess),
		w.chunk(as(RoleUploader, authorityA, "u"), ID{0xa2}, 1, row(1), row(2)),
	} {
		c.Content = Tag{}
		b, err := c.Encode()
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCommand(b)
		if err != nil {
			require.True(t, errors.Is(err, ErrCommand) || errors.Is(err, ErrUnknownKind) || errors.Is(err, ErrRecord), "%v", err)
			return
		}
		again, err := c.Encode()
		require.NoError(t, err)
		same, err := ParseCommand(again)
		require.NoError(t, err)
		require.Equal(t, c, same)
		c.Time = w.now
		d, err := Decide(w.view, w.head, &c)
		require.NoError(t, err)
		entries, _, err := Seal(w.head, d.As, d, w.personHead)
		if err != nil {
			return // longer than a record may be
		}
		audited := *w
		audited.t = t
		audited.audit(d, entries)
	})
}

// FuzzParseReceipt: a receipt that is read is written again the same.
func FuzzParseReceipt(f *testing.F) {
	f.Add(Receipt{Seq: 3, Path: tlog.RecordProof{{1}, {2}}, Checkpoint: []byte("o\n1\nh\n\nsig\n")}.Format())
	f.Add(Receipt{}.Format())
	// The decoder of base64 passes over carriage returns; a receipt may not have any.
	f.Add(bytes.Replace(Receipt{Path: tlog.RecordProof{{1}}}.Format(), []byte("AQAA"), []byte("AQAA"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReceipt(b)
		if err != nil {
			require.ErrorIs(t, err, ErrReceipt)
			return
		}
		require.Equal(t, b, r.Format())
	})
}

// FuzzParseCheckpointText: so is a checkpoint.
func FuzzParseCheckpointText(f *testing.F) {
	f.Add(CheckpointText("log.example/custos", tlog.Tree{N: 42, Hash: tlog.Hash{7}}))
	f.Add(strings.Replace(CheckpointText("log.example/custos", tlog.Tree{N: 42, Hash: tlog.Hash{1}}), "AQAA", "AQAA", 1))
	f.Fuzz(func(t *testing.T, s string) {
		tree, err := ParseCheckpointText(s, "log.example/custos")
		if err != nil {
			require.ErrorIs(t, err, ErrCheckpoint)
			return
		}
		require.Equal(t, s, CheckpointText("log.example/custos", tree))
	})
}

// FuzzParseDay: so is a date.
func FuzzParseDay(f *testing.F) {
	for _, s := range []string{"2026-02-28", "1900-01-01", "2199-12-31", "1970-01-01", "2023-02-29", "2024-02-29", "2024-2-29 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDay(s)
		if err != nil {
			require.ErrorIs(t, err, ErrDay)
			return
		}
		require.Equal(t, s, d.String())
	})
}
