package tools

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// end is what raft/ says beyond the ledger. A ledger is written without
// waiting for the disk, so after a kill it may lack what was answered.
type end struct {
	notes    [][]byte // signed checkpoints that travelled with batches, unverified
	commands int      // in batches that the ledger has not applied
	why      string   // why the ledger may lack its end; "" if raft/ gives no reason to think so
	wrong    string   // what no crash makes: the two contradict each other
}

// end reads the batches of raft/ that the ledger has not applied, and the
// newest that it has.
func (f *folder) end() end {
	if f.raftErr != nil {
		return end{why: fmt.Sprintf("whether the ledger has its end cannot be said: %v", f.raftErr)}
	}
	applied := f.db.Applied().Index
	first, last := f.raft.First(), f.raft.Last()
	switch {
	case last == 0 && applied == f.pointer.Index:
		return end{} // nothing happened since the ledger was received whole
	case last < applied:
		return end{why: fmt.Sprintf("raft/ ends at index %d and the ledger has applied %d: raft/ has lost its end", last, applied)}
	case first > applied+1:
		return end{why: fmt.Sprintf("the ledger has applied index %d and raft/ begins at %d: what is between is nowhere", applied, first)}
	}
	var out end
	for i := max(first, applied); i <= last; i++ {
		l := entryOf(f.raft.GetLog)
		if err := f.raft.GetLog(i, &l); err != nil {
			out.why = fmt.Sprintf("raft/ does not read after the ledger's end: %v", err)
			return out
		}
		if at := f.db.Applied(); i == at.Index && l.Term != at.Term {
			out.wrong = fmt.Sprintf("the ledger has applied index %d as of term %d, and raft/ has it of term %d", i, at.Term, l.Term)
		}
		if l.Type != logCommand {
			continue
		}
		signed, commands, ok := readBatch(l.Data)
		if !ok {
			out.why = fmt.Sprintf("raft/ holds a batch at index %d that this program does not know", i)
			return out
		}
		if len(signed) > 0 {
			out.notes = append(out.notes, bytes.Clone(signed))
		}
		if i > applied {
			out.commands += commands
		}
	}
	if out.commands > 0 {
		out.why = fmt.Sprintf("raft/ holds %d commands after the ledger's end (index %d): the node was killed before it wrote them, or its ledger lost them; start it to replay them",
			out.commands, applied)
	}
	return out
}

// logCommand is Raft's type of entries that hold a batch; others are its own.
const logCommand = 0

// entryOf returns an empty Raft entry for its reader to fill: Raft's own
// package opens in consensus alone.
func entryOf[T any](func(uint64, *T) error) (empty T) { return empty }

// readBatch reads of a Raft entry's batch what an auditor needs: the signed
// checkpoint that travelled with it and how many commands it holds. The layout
// is that of docs/FORMAT.md, version 1.
func readBatch(b []byte) (signed []byte, commands int, ok bool) {
	const proposer = 1 + 1 + 8 + 8 + 32 // version, flags, time, size, root
	if len(b) <= proposer || b[0] != 1 {
		return nil, 0, false
	}
	name := int(b[proposer])
	b = b[proposer+1:]
	if len(b) < name+4 {
		return nil, 0, false
	}
	b = b[name:]
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(len(b)) < uint64(n)+4 {
		return nil, 0, false
	}
	signed = b[:n]
	count := binary.BigEndian.Uint32(b[n:])
	if uint64(count)*4 > uint64(len(b)) {
		return nil, 0, false
	}
	return signed, int(count), true
}
