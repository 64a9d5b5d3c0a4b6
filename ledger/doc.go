// Package ledger says what a fact is, how facts are chained and proved, and
// decides which facts a command becomes.
//
// An [Entry] is one event in its place. Its record is deterministic CBOR
// (RFC 8949 section 4.2); the stored bytes are what is hashed, and nothing is
// re-encoded to be checked. The RFC 6962 leaf hash of a record is the only
// hash: entry n+1 carries the hash of entry n inside it, and the Merkle tree
// indexes the same leaves, so the chain and the tree cannot disagree.
//
// [Decide] is a pure function of the views, the head and the command. It reads
// no clock, no randomness and no environment, it needs no key, and the rules
// version it follows comes from the ledger, so an auditor can repeat every
// decision years later from the entries alone ([Rebuild]).
//
// Nothing personal is in clear in an entry but for what docs/THREATS.md lists:
// people are keyed references ([PersonRef]), and everything else about them is
// a commitment to a sealed payload that is stored beside the entry ([Sealed]).
package ledger
