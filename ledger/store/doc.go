// Package store is the ledger on disk: entries, sealed rows, wrapped keys,
// tree tiles, views and the applied index, in one Pebble database and always
// in one batch, so that they cannot disagree after a crash.
//
// Writes are not synced: the replicated log is the redo log, and
// [DB.Sync] is called before that log may be truncated. Whatever is lost in a
// crash is a suffix, and replaying restores it.
package store
