package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"custos/consensus"
)

// newNode begins a log and starts a node on it, as its configuration says, until
// the test ends. It leads, and hears nobody.
func newNode(t *testing.T, cfg *Config, log *slog.Logger) *node {
	t.Helper()
	cc, err := cfg.consensus()
	require.NoError(t, err)
	require.NoError(t, consensus.Init(cc))
	n, err := startNode(cfg, nodeOptions{log: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.close()) })
	require.Eventually(t, func() bool { return n.cluster.View().R.Head().Size > 0 && n.cluster.Ready() }, 20*time.Second, 10*time.Millisecond)
	return n
}
