package consensus

import (
	"golang.org/x/mod/sumdb/tlog"

	"custos/ledger"
	"custos/projection"
)

// Outcome is what became of a command, after a majority has it on disk and the answering leader has applied it.
type Outcome struct {
	// Answer is what may be shown; everything personal in it is still sealed.
	Answer projection.Answer `cbor:"1,keyasint"`
	// Recorded tells whether Answer.Seq names an entry. A refusal that is not recorded has none, and then
	// Proof is empty.
	Recorded bool `cbor:"2,keyasint"`
	// Tree is a committed tree that holds the entry, Note its signed checkpoint and Proof the inclusion proof of
	// entry Answer.Seq in it.
	Tree  tlog.Tree        `cbor:"3,keyasint"`
	Note  []byte           `cbor:"4,keyasint"`
	Proof tlog.RecordProof `cbor:"5,keyasint"`
	// Leaf is the hash of entry Answer.Seq.
	Leaf tlog.Hash `cbor:"6,keyasint"`
}

// Receipt is the proof that the answer's entry is in the ledger. It is empty if nothing was recorded.
func (o Outcome) Receipt() ledger.Receipt {
	if !o.Recorded {
		return ledger.Receipt{}
	}
	return ledger.Receipt{Seq: o.Answer.Seq, Leaf: o.Leaf, Path: o.Proof, Checkpoint: o.Note}
}
