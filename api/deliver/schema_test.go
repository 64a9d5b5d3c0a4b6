package deliver

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"custos/ledger"
)

// valid asks xmllint about a message. The published schemas are not part of the
// project: see api/cpis.
func valid(t *testing.T, schema string, message []byte) {
	t.Helper()
	for _, p := range []string{os.Getenv("CUSTOS_CPIS_SCHEMAS"), "../../../shared/cpis-schemas"} {
		file := filepath.Join(p, "Schemas", schema)
		if _, err := os.Stat(file); p == "" || err != nil {
			continue
		}
		if _, err := exec.LookPath("xmllint"); err != nil {
			t.Skip("SKIPPED: xmllint is not installed, so nothing was validated against the published schemas")
		}
		name := filepath.Join(t.TempDir(), "message.xml")
		require.NoError(t, os.WriteFile(name, message, 0o600))
		out, err := exec.Command("xmllint", "--noout", "--nonet", "--schema", file, name).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	t.Skip("SKIPPED: the published schemas are not there (CUSTOS_CPIS_SCHEMAS names their folder), so nothing was validated against them")
}

// Messages 05 and 06 as they are sent validate against the published schemas,
// also of a restricted person and of somebody of whom little is known.
func TestWhatIsSentValidates(t *testing.T) {
	w := newWorld(t, 1)
	w.plan(authority1, child, false)
	w.plan(authority1, other, true)
	for _, nhs := range []string{child, other} {
		w.look("doc-1", nhs)
	}
	w.look("a-subject-that-is-longer-than-a-message-has-room-for-as-some-issuers-have-them", child)
	w.must(&ledger.InactivateNumber{Person: w.keys.Person(child)})
	w.pass()
	sent := w.sent(mailbox1, access)
	require.Len(t, sent, 1)
	require.Len(t, notification(t, sent[0]).Accesses, 3)
	valid(t, "REPC_MT000004GB01.xsd", content(t, sent[0]))
	sent = w.sent(mailbox1, inactive)
	require.Len(t, sent, 1)
	valid(t, "REPC_MT000005GB01.xsd", content(t, sent[0]))
}
