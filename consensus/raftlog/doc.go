// Package raftlog keeps Raft's log and its stable values (term and vote) in a Pebble database of their own.
//
// Every append is synced before it returns: this is the one fsync that a committed batch waits for. A ledger
// entry that was answered is therefore in this log on a majority of disks, even where the ledger's own
// database, which is written without sync, lost it.
//
// An error of the disk is never returned to Raft to be retried, because an fsync that is tried again after a
// failure may report success for pages that were dropped. It goes to Options.Fatal, which ends the process.
//
// Keys:
//
//	'l' index(8, big endian)   one log entry, see encodeLog
//	's' name                   one stable value, as given
//
// The log is contiguous: entries first..last, no gaps. The entry at the ledger's applied index is always kept
// (unless a restore empties the log), so that a start can tell a ledger that follows this log from one that
// does not.
package raftlog
