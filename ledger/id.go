package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"golang.org/x/mod/sumdb/tlog"
)

// Seq numbers entries from 0 without gaps. It is also the leaf index in the tree.
type Seq uint64

// Hash is an RFC 6962 hash: SHA-256 with a leaf or node prefix.
type Hash = tlog.Hash

// ID names a log, a command, a seed, a key or an upload: 16 bytes, chosen by
// whoever makes it (usually a UUID).
type ID [16]byte

// Tag is a keyed digest (HMAC-SHA-256, truncated to 16 bytes) of a value that
// must be compared but never read: a birth date, a local identifier, a name.
type Tag [16]byte

// ErrID is returned for text that is not 32 hexadecimal digits.
var ErrID = errors.New("not an identifier of 32 hexadecimal digits")

// String returns the identifier as 32 hexadecimal digits.
func (i ID) String() string { return hex.EncodeToString(i[:]) }

// IsZero reports whether the identifier is all zeros.
func (i ID) IsZero() bool { return i == ID{} }

// IsZero reports whether the tag is all zeros, which stands for "not given".
func (t Tag) IsZero() bool { return t == Tag{} }

// TimedID makes an identifier that begins with the time, so that new ones stand
// at the end of an index: a UUID of version 8 (RFC 9562), 48 bits of Unix
// milliseconds, the mark c05 and 62 random bits.
func TimedID(at Time, random [8]byte) ID {
	var i ID
	ms := uint64(at) / uint64(Millisecond)
	i[0], i[1], i[2], i[3], i[4], i[5] = byte(ms>>40), byte(ms>>32), byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms)
	i[6], i[7] = 0x8c, 0x05
	copy(i[8:], random[:])
	i[8] = i[8]&0x3f | 0x80
	return i
}

// Timed reports whether the identifier has the form of [TimedID].
func (i ID) Timed() bool { return i[6] == 0x8c && i[7] == 0x05 && i[8]&0xc0 == 0x80 }

// Moment returns the time with which a timed identifier begins.
func (i ID) Moment() Time {
	ms := uint64(i[0])<<40 | uint64(i[1])<<32 | uint64(i[2])<<24 | uint64(i[3])<<16 | uint64(i[4])<<8 | uint64(i[5])
	return Time(ms) * Millisecond
}

// ParseID reads 32 hexadecimal digits.
func ParseID(s string) (ID, error) {
	var i ID
	if len(s) != 2*len(i) {
		return ID{}, ErrID
	}
	if _, err := hex.Decode(i[:], []byte(s)); err != nil {
		return ID{}, ErrID
	}
	return i, nil
}

// DeriveID hashes a purpose and parts to an identifier. Parts are length
// prefixed, so no two lists of parts meet.
func DeriveID(purpose string, parts ...[]byte) ID {
	h := sha256.New()
	var n [4]byte
	write := func(p []byte) {
		n[0], n[1], n[2], n[3] = byte(len(p)>>24), byte(len(p)>>16), byte(len(p)>>8), byte(len(p))
		h.Write(n[:])
		h.Write(p)
	}
	write([]byte(purpose))
	for _, p := range parts {
		write(p)
	}
	var i ID
	copy(i[:], h.Sum(nil))
	return i
}

// salt returns the salt of the nth entry of a command. The first is the seed
// itself, so that an auditor who holds the first entry can derive the others,
// and somebody who sees only the public tree hashes can guess none of them.
func salt(seed ID, nth int) ID {
	if nth == 0 {
		return seed
	}
	var b [20]byte
	copy(b[:], seed[:])
	b[16], b[17], b[18], b[19] = byte(nth>>24), byte(nth>>16), byte(nth>>8), byte(nth)
	sum := sha256.Sum256(b[:])
	var s ID
	copy(s[:], sum[:])
	return s
}
