package raftlog

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzPointer: a marker has one spelling, and leads to a folder beside raft/; so
// has a key of Raft's log.
func FuzzPointer(f *testing.F) {
	f.Add("ledger_0_0")
	f.Add("ledger-7_7_2")
	f.Add("ledger_07_2")
	f.Add("ledger/../raft_1_1")
	f.Add("\x01\x00\x00\x00\x00\x00\x00\x00\x09")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parsePointer(s); err == nil {
			require.Equal(t, s, p.value())
			require.False(t, strings.ContainsAny(p.Folder, `/\`) || strings.Contains(p.Folder, ".."), "it leads elsewhere")
		}
		if n, err := parseLogKey([]byte(s)); err == nil {
			require.Equal(t, s, string(logKey(n)))
		}
	})
}
