package consensus

import (
	"encoding/binary"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
)

const (
	batchVersion = 1
	// maxBatch is the greatest length in bytes of the commands of one Raft entry, unless one command alone is
	// longer. Longer entries hold up heartbeats' peers and everyone who waits behind them.
	maxBatch = 256 << 10
	// maxBulk is how much of an entry commands may take that can wait: uploads slow lookups down only so far.
	maxBulk = maxBatch / 4
	// maxCommands bounds how long deciding one entry takes.
	maxCommands = 512
	// maxCommand is the greatest length in bytes of one command.
	maxCommand = 4 << 20
)

// batch is what one Raft entry holds: commands to decide in this order, at the proposer's time.
type batch struct {
	Proposer string
	Time     ledger.Time
	// Tree is the proposer's own, of everything before this batch. A node whose tree differs has diverged, or
	// the proposer has. HasTree is false in the batch that begins a term: its proposer had not applied
	// everything before it yet.
	HasTree bool
	Tree    tlog.Tree
	// Note is the newest signed checkpoint the proposer knows; may be empty.
	Note     []byte
	Commands [][]byte
}

// errBatch marks bytes that are no batch of this version. A node that finds them in the log stops: to skip what
// others may understand would part it from them.
var errBatch = errors.New("not a batch of this version")

const flagTree = 1

// encode appends the batch to b:
//
//	version(1) flags(1) time(8) size(8) root(32) proposer length(1) proposer note length(4) note
//	count(4) then for each command length(4) command
//
// Numbers are big endian. Size and root are zero without flagTree.
func (x *batch) encode(b []byte) []byte {
	var flags byte
	var tree tlog.Tree
	if x.HasTree {
		flags, tree = flagTree, x.Tree
	}
	b = append(b, batchVersion, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(x.Time))
	b = binary.BigEndian.AppendUint64(b, uint64(tree.N))
	b = append(b, tree.Hash[:]...)
	b = append(b, byte(len(x.Proposer)))
	b = append(b, x.Proposer...)
	b = appendBytes(b, x.Note)
	b = binary.BigEndian.AppendUint32(b, uint32(len(x.Commands)))
	for _, c := range x.Commands {
		b = appendBytes(b, c)
	}
	return b
}

func (x *batch) size() int {
	n := 2 + 8 + 8 + 32 + 1 + len(x.Proposer) + 4 + len(x.Note) + 4
	for _, c := range x.Commands {
		n += 4 + len(c)
	}
	return n
}

func appendBytes(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// parseBatch reads what encode wrote and nothing else. The result shares b's bytes.
func parseBatch(b []byte) (batch, error) {
	var x batch
	if len(b) < 2+8+8+32+1 || b[0] != batchVersion || b[1]&^flagTree != 0 {
		return x, errBatch
	}
	x.HasTree = b[1] == flagTree
	x.Time = ledger.Time(binary.BigEndian.Uint64(b[2:]))
	x.Tree.N = int64(binary.BigEndian.Uint64(b[10:]))
	x.Tree.Hash = tlog.Hash(b[18:50])
	if x.Time < 0 || x.Tree.N < 0 || !x.HasTree && x.Tree != (tlog.Tree{}) {
		return x, errBatch
	}
	name := int(b[50])
	if b = b[51:]; len(b) < name {
		return x, errBatch
	}
	x.Proposer = string(b[:name])
	b = b[name:]
	var ok bool
	if x.Note, b, ok = cutBytes(b); !ok || len(b) < 4 {
		return x, errBatch
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n)*4 > uint64(len(b)) {
		return x, errBatch
	}
	x.Commands = make([][]byte, n)
	for i := range x.Commands {
		if x.Commands[i], b, ok = cutBytes(b); !ok {
			return x, errBatch
		}
	}
	if len(b) != 0 {
		return x, errBatch
	}
	return x, nil
}

// cutBytes reads a length and that many bytes from the front of b.
func cutBytes(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
