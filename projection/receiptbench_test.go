package projection

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"custos/ledger"
)

// BenchmarkReceiptShare measures how much of a lookup's processor time its
// receipt is: one signature for all that are committed at once, and for each the
// proof of its entry, its own hash and the text of both. The lookups beside it are
// those of [BenchmarkStateShare], without HTTP, the caller's token and Raft: of a
// whole lookup the share is about half. How many share a signature follows from
// the load, so it is measured for few and for many.
func BenchmarkReceiptShare(b *testing.B) {
	for _, batch := range []int{16, 64} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			const origin = "custos.test/log"
			secret, public, err := note.GenerateKey(rand.New(rand.NewSource(3)), origin)
			require.NoError(b, err)
			signer, err := note.NewSigner(secret)
			require.NoError(b, err)
			verifier, err := note.NewVerifier(public)
			require.NoError(b, err)
			s := newShare(b, 400)
			var last ledger.Receipt
			var own time.Duration
			s.batch, s.prove = batch, func(seqs []ledger.Seq) {
				began := processorTime(b)
				tree := s.db.Tree()
				signed, err := ledger.SignCheckpoint(origin, tree, signer)
				require.NoError(b, err)
				require.NoError(b, s.db.SetLastSigned(signed))
				for _, n := range seqs {
					path, err := s.db.Prove(n, tree.N)
					require.NoError(b, err)
					leaf, err := s.db.Leaf(n)
					require.NoError(b, err)
					last = ledger.Receipt{Seq: n, Leaf: leaf, Path: path, Checkpoint: signed}
					_ = last.Format()
				}
				own += processorTime(b) - began
			}
			s.lookups(b, shareEvery, true)
			s.used, own = 0, 0
			rounds := 0
			for b.Loop() {
				s.lookups(b, shareEvery, false)
				rounds++
			}
			_, err = last.Verify(last.Leaf, origin, note.VerifierList(verifier))
			require.NoError(b, err, "what was measured is a receipt that holds")
			lookups := float64(rounds*shareEvery) * 1000
			without := float64((s.used - own).Nanoseconds()) / lookups
			b.ReportMetric(without, "us-without")
			b.ReportMetric(float64(own.Nanoseconds())/lookups, "us-in-receipts")
			b.ReportMetric(100*float64(own.Nanoseconds())/lookups/without, "percent-in-receipts")
		})
	}
}
