package ledger

import (
	"encoding/hex"
	"errors"
)

// PersonRef stands for a person wherever the ledger speaks of one: an epoch
// byte, then HMAC-SHA-256 of the NHS number under that epoch's key. The key
// never leaves the nodes; a plain hash of ten digits could be guessed.
type PersonRef [33]byte

// ErrPersonRef is returned for text that is not 66 hexadecimal digits.
var ErrPersonRef = errors.New("not a person reference of 66 hexadecimal digits")

// Epoch says which key made the reference.
func (p PersonRef) Epoch() byte { return p[0] }

// IsZero reports whether there is no person.
func (p PersonRef) IsZero() bool { return p == PersonRef{} }

// String returns the reference as 66 hexadecimal digits.
func (p PersonRef) String() string { return hex.EncodeToString(p[:]) }

// ParsePersonRef reads 66 hexadecimal digits.
func ParsePersonRef(s string) (PersonRef, error) {
	var p PersonRef
	if len(s) != 2*len(p) {
		return PersonRef{}, ErrPersonRef
	}
	if _, err := hex.Decode(p[:], []byte(s)); err != nil {
		return PersonRef{}, ErrPersonRef
	}
	return p, nil
}

// PersonLink places an entry in its person's own chain: it is the Nth entry
// about the person, counted from 1, and Prev is the hash of the one before
// (zero for the first). A trail with a missing middle cannot be made.
type PersonLink struct {
	Ref  PersonRef
	N    uint64
	Prev Hash
}
