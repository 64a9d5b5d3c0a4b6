package ledger

import "crypto/sha256"

// Holder says whose key seals a payload. Each sealed payload names one holder,
// so that erasing one person touches nobody else's.
type Holder uint8

// The holders of version 1.
const (
	HolderPerson Holder = iota + 1
	HolderActor
	HolderAuthority
	HolderLedger
)

// Payload says what a sealed payload is, and so how its plaintext is read.
type Payload uint8

// The payloads of version 1.
const (
	PayloadPlan        Payload = iota + 1 // [PlanDetails], held by the person
	PayloadAccess                         // [AccessDetails], held by the person
	PayloadProfile                        // [ProfileDetails], held by the actor
	PayloadRow                            // [RowDetails], held by the authority: a row that names nobody
	PayloadNote                           // [NoteDetails], held by the authority
	PayloadReason                         // [NoteDetails], held by the actor
	PayloadAppointment                    // [AppointmentDetails], held by the person
	PayloadLink                           // [LinkDetails], held by the person; from rules version 4
)

// Sealed is one encrypted payload that a command carries: nonce and ciphertext
// of AES-256-GCM. It is stored beside the entry that commits to it, never in it.
type Sealed struct {
	Payload    Payload `cbor:"1,keyasint"`
	Holder     Holder  `cbor:"2,keyasint"`
	Key        ID      `cbor:"3,keyasint"`
	Row        int     `cbor:"4,keyasint,omitempty"` // which row of an upload it belongs to
	Ciphertext []byte  `cbor:"5,keyasint"`
	digest     Hash
}

// Commitment is what an entry holds of a sealed payload.
type Commitment struct {
	Payload Payload
	Holder  Holder
	Key     ID
	Digest  Hash // SHA-256 of the ciphertext
}

// Commitment returns what an entry records of the payload.
func (s Sealed) Commitment() Commitment {
	d := s.digest
	if s.Ciphertext != nil {
		d = sha256.Sum256(s.Ciphertext)
	}
	return Commitment{Payload: s.Payload, Holder: s.Holder, Key: s.Key, Digest: d}
}

// WrappedKey is a data key of one holder, encrypted under a key-encryption
// key. Rows of these stand beside the entries and are never hashed, so that
// erasure can drop them.
type WrappedKey struct {
	Holder  Holder `cbor:"1,keyasint"`
	ID      []byte `cbor:"2,keyasint"` // the holder's reference: person, actor, authority or log
	Key     ID     `cbor:"3,keyasint"`
	KEK     uint32 `cbor:"4,keyasint"` // epoch of the key-encryption key
	Wrapped []byte `cbor:"5,keyasint"`
}
