package ledger

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

// TestReceiptCarriesItsLeaf: a receipt that names its entry's hash is read
// back as it was written, and every other extra data is refused.
func TestReceiptCarriesItsLeaf(t *testing.T) {
	r := Receipt{Seq: 3, Leaf: tlog.RecordHash([]byte("a record")), Path: tlog.RecordProof{{1}, {2}}, Checkpoint: []byte("a note\n")}
	text := string(r.Format())
	require.True(t, strings.HasPrefix(text, "c2sp.org/tlog-proof@v1\nextra "), text)
	again, err := ParseReceipt([]byte(text))
	require.NoError(t, err)
	require.Equal(t, r, again)

	r.Leaf = Hash{}
	without, err := ParseReceipt(r.Format())
	require.NoError(t, err)
	require.Equal(t, r, without)

	for _, extra := range []string{"", "AAAA", "no base64", strings.Repeat("A", 88)} {
		lines := strings.SplitN(text, "\n", 3)
		_, err := ParseReceipt([]byte(lines[0] + "\nextra " + extra + "\n" + lines[2]))
		require.ErrorIs(t, err, ErrReceipt, extra)
	}
	doubled := strings.Replace(text, "extra ", "extra "+strings.Repeat("A", 43)+"=\nextra ", 1)
	_, err = ParseReceipt([]byte(doubled))
	require.ErrorIs(t, err, ErrReceipt)
}
