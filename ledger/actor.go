package ledger

import "crypto/sha256"

// ActorID is one person or system at one issuer, whatever role or organisation
// they act for: the first 16 bytes of SHA-256 of issuer, zero byte, subject.
type ActorID [16]byte

// Actor is who asks, with the evidence of authentication that the edge checked.
// The subject is the issuer's own identifier; the name is sealed ([ActorProfiled]).
type Actor struct {
	Issuer       string `cbor:"1,keyasint"`
	Subject      string `cbor:"2,keyasint"`
	Role         Role   `cbor:"3,keyasint"`
	Organisation string `cbor:"4,keyasint"`           // ODS code, or a school's URN
	Team         string `cbor:"5,keyasint,omitempty"` // for caseloads held by a team
	KeyID        string `cbor:"6,keyasint,omitempty"` // the token's kid
	Expires      int64  `cbor:"7,keyasint,omitempty"` // the token's exp, Unix seconds
	Token        Hash   `cbor:"8,keyasint,omitzero"`  // SHA-256 of the token
	Node         string `cbor:"9,keyasint"`           // the node that authenticated
	Profile      Tag    `cbor:"10,keyasint,omitzero"` // keyed digest of name and role name: which ActorProfiled holds
	Assurance    string `cbor:"11,keyasint,omitempty"`
}

// ID returns the actor's identifier across roles and organisations.
func (a Actor) ID() ActorID { return ActorIDOf(a.Issuer, a.Subject) }

// ActorIDOf returns the identifier of a subject at an issuer.
func ActorIDOf(issuer, subject string) ActorID {
	var buf [256]byte
	b := append(append(append(buf[:0], issuer...), 0), subject...)
	sum := sha256.Sum256(b)
	return ActorID(sum[:16])
}

// SystemActor is a node acting for nobody: opening the log, telling that time
// has passed, recording a diverged proposer.
func SystemActor(node string) Actor {
	return Actor{Issuer: "custos", Subject: "node", Role: RoleSystem, Node: node}
}
