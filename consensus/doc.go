// Package consensus makes every node of a cluster decide the same commands in the same order.
//
// One node or several, the path is the same: Propose hands a command to the one dispatcher of the leader, which
// packs whatever waits into one Raft entry (batch.go); Raft puts it on a majority's disks; Apply (fsm.go, machine.go)
// decides it on every node and commits entries, tree, views and applied index in one database batch; the
// waiting caller is answered from there.
//
// A snapshot is the ledger itself (snapshot.go). What a start, a truncation and a restore may presume of the
// two databases is written where they are done: start.go, raftlog/truncate.go, restore.go.
package consensus
