package tools

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBenchMachine: a figure without the machine's own speed says little, so each
// of the three is there, and a hash is by far the least of them on any machine.
func TestBenchMachine(t *testing.T) {
	code, out, _ := run(t, "bench", "machine", "-o", "json")
	require.Zero(t, code, out)
	var m machineSpeed
	require.NoError(t, json.Unmarshal([]byte(out), &m))
	require.Positive(t, m.TreeNode)
	require.Greater(t, m.Signature, 10*m.TreeNode)
	require.Greater(t, m.Token, 10*m.TreeNode)
	code, out, _ = run(t, "bench", "machine")
	require.Zero(t, code, out)
	require.Regexp(t, `^SHA-256 of a tree's node \d+ ns, Ed25519 signature [\d.]+ us, ES256 verification [\d.]+ us\n$`, out)
}
