package projection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// ackRows reads what an acknowledgement that is shown again still has to show.
func (w *world) ackRows(a *Answer) (out []RowShown) {
	w.t.Helper()
	for row, err := range (View{w.db}).AckRows(a) {
		require.NoError(w.t, err)
		out = append(out, row)
	}
	return out
}

// An answer that shows an acknowledgement again is as long for a file of many
// rows as for one of one: its rows are read as it is written. They are those of
// the upload that the recorded entry names, all of them, or there is an error.
func TestAcknowledgementsAreReadAsTheyAreWritten(t *testing.T) {
	w := newWorld(t)
	many := make([]ledger.Row, 200)
	for i := range many {
		many[i] = w.row(i+1, nhsChild, ledger.ChildProtection, "2026-01-10", "")
	}
	w.plan("LA1", 1, many...)
	w.plan("LA1", 2, many[0])
	up := w.actor("uploader-LA1", ledger.RoleUploader, "LA1")
	shown := make(map[int64]Answer)
	length := make(map[int64]int)
	for _, sequence := range []int64{1, 2} {
		id, ok, err := View{w.db}.UploadAt("LA1", sequence)
		require.NoError(t, err)
		require.True(t, ok)
		a := w.must(up, &ledger.ReadAck{Upload: id})
		b, err := ledger.Marshal(a)
		require.NoError(t, err)
		shown[sequence], length[sequence] = a, len(b)
	}
	require.InDelta(t, length[2], length[1], 8)
	long, short := shown[1], shown[2]
	require.Len(t, w.ackRows(&short), 1)
	rows := w.ackRows(&long)
	require.Len(t, rows, 200)
	for i := range rows {
		e, err := ledger.ParseEntry(rows[i].Record)
		require.NoError(t, err)
		require.Equal(t, i+1, e.Row())
	}
	for _, err := range (View{w.db}).AckRows(&long) { // whoever stops is left alone
		require.NoError(t, err)
		break
	}

	fails := func(a Answer) {
		t.Helper()
		var failed error
		for _, err := range (View{w.db}).AckRows(&a) {
			failed = err
		}
		require.Error(t, failed)
	}
	other := long
	other.Seq = short.Seq // it shows another upload than its entry names
	fails(other)
	other = long
	other.Seq-- // no such access is recorded
	fails(other)
	other = long
	other.Seq += 1000
	fails(other)
	fails(Answer{Seq: long.Seq})
	other = long
	upload := *long.Upload
	upload.Accepted++ // a row is missing
	other.Upload = &upload
	fails(other)
	w.check()
}
