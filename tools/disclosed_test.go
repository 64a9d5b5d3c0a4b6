package tools

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// A delivery, and its repetition, say to whom what was disclosed; and the folder verifies.
func TestReplayShowsADelivery(t *testing.T) {
	w := newWorld(t)
	w.upload(1, nhsChild, nhsSister)
	var queued []ledger.Seq
	for _, nhs := range []string{nhsChild, nhsSister} {
		r := w.lookup("nurse", nhs)
		queued = append(queued, r.Entries[len(r.Entries)-1].Seq)
	}
	w.system(&ledger.AttemptDelivery{Authority: "LA1", Type: ledger.NotifyAccess, Way: ledger.ByMESH, Notifications: queued})
	attempt := w.db.Head().Size - 1
	w.system(&ledger.RepeatDelivery{Attempt: attempt})
	w.system(&ledger.SettleDelivery{Attempt: attempt, Message: "m"})
	last := w.db.Head().Size - 1
	w.close()
	for _, n := range []ledger.Seq{attempt, attempt + 1} {
		var out, errs bytes.Buffer
		require.Zero(t, Main([]string{"replay", "--data", w.dir, "--seq", fmt.Sprint(last), "--entry", fmt.Sprint(n), "-o", "json"}, &out, &errs), "%s", errs.String())
		require.Contains(t, out.String(), `"kind": "notification-attempted"`)
		require.Contains(t, out.String(), `"LA1"`)
		for _, nhs := range []string{nhsChild, nhsSister} {
			require.Contains(t, out.String(), w.keys.Person(nhs).String())
		}
		require.Contains(t, out.String(), `"delivered": 2`)
	}
	var out, errs bytes.Buffer
	require.Zero(t, Main([]string{"verify", "--data", w.dir, "--keys", w.keyDir}, &out, &errs), "%s", errs.String())
}
