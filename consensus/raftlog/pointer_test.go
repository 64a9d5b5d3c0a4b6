package raftlog

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

func TestPointer(t *testing.T) {
	fs := vfs.NewCrashableMem()
	require.NoError(t, fs.MkdirAll("data", 0o700))
	root, err := fs.OpenDir("/")
	require.NoError(t, err)
	require.NoError(t, root.Sync())
	_, err = ReadPointer(fs, "data")
	require.ErrorIs(t, err, ErrNoPointer)
	for i := range uint64(5) {
		p := Pointer{Folder: "ledger-7-1", Index: i, Term: 3}
		require.NoError(t, MovePointer(fs, "data", p))
		got, err := ReadPointer(fs.CrashClone(vfs.CrashCloneCfg{}), "data")
		require.NoError(t, err, "a crash after the move finds the new one")
		require.Equal(t, p, got)
		got, err = ReadPointer(fs, "data")
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	names, err := fs.List("data")
	require.NoError(t, err)
	require.Len(t, names, 1, "older markers are removed")
}

func TestPointersThatAreNotOurs(t *testing.T) {
	for _, v := range []string{"", "ledger", "ledger_1", "ledger_1_2_3", "ledger_-1_2", "ledger_01_2", "raft_1_2", "../x_1_2", "ledger_a_b"} {
		_, err := parsePointer(v)
		require.Error(t, err, "%q", v)
	}
	p := Pointer{Folder: "ledger", Index: 12, Term: 3}
	got, err := parsePointer(p.value())
	require.NoError(t, err)
	require.Equal(t, p, got)
}
